"""The duplicate limiter on a real database: who is first, what frees the words, what is exempt."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from rich.console import Console

from cli import notice
from cli.failure import Failure
from connectors.gateways.base import Accepted, Receipt, Refused, Status, Unknown
from database.pool import make_pool
from messaging.assistant import Answer, Reply, TurnInput
from messaging.backlog import DelayNotice, tell_delays
from messaging.clock import SystemClock
from messaging.consent import ConsentPolicy
from messaging.dead_texts import dead_texts, send_once_more
from messaging.errors import DuplicateText
from messaging.judgement import judge
from messaging.lanes import Lane
from messaging.media import Attachment
from messaging.metrics import DUPLICATES
from messaging.notice_texts import enqueue_notice
from messaging.outbox import NewText, enqueue, texts_for
from messaging.outcomes import expire
from messaging.receipts import store_receipt
from messaging.retention_periods import RetentionPeriods
from messaging.sending import DeliveryPolicy
from messaging.text_policy import Duplicates, TextPolicy
from messaging.text_story import read_story
from messaging.upkeep import prune
from tests.integration.engine import (
    OURS,
    PHONE,
    Echo,
    ScriptedGateway,
    delivery_worker,
    rows,
    text_in,
    turn_worker,
    until,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
OURS_TOO, OTHER = "+12125550143", "+12125550101"
WORDS = TextPolicy(longest=1600)
ALL = TextPolicy(longest=1600, limit_duplicates=Duplicates.ALL)
SHORT = TextPolicy(longest=60)
LONG = "We are closed on Monday. " * 6
CREDENTIALS = Path(__file__).parents[2] / "credentials.yml"


async def text_out(pool, body: str = "Hi Ana", **changes) -> list[UUID]:
    given = {
        "gateway": "twilio",
        "number": OURS,
        "phone": PHONE,
        "body": body,
        "policy": WORDS,
        "new_id": uuid4,
        "now": NOW,
    }
    async with pool.connection() as connection:
        return await enqueue_notice(connection, **given | changes)


async def states(pool, ids: list[UUID] | None = None) -> list[str]:
    """Of these texts, or of all, in order; one held back as a duplicate is ``duplicate``."""
    found = await rows(
        pool,
        """SELECT state, error_code FROM outbound_text
        WHERE %(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s) ORDER BY seq""",
        ids=ids,
    )
    return [
        "duplicate" if row["error_code"] == DuplicateText.code else row["state"] for row in found
    ]


async def state_is(pool, id: UUID, state: str) -> bool:
    return await states(pool, [id]) == [state]


# -- which one is let through -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "duplicate"),
        ({"number": OURS_TOO}, "duplicate"),
        ({"number": OURS_TOO, "gateway": "intelepeer", "lane": Lane.BULK}, "duplicate"),
        ({"body": "Hi Ana "}, "duplicate"),
        ({"body": "Hi Bob"}, "pending"),
        ({"body": "Hi Ana 4711"}, "pending"),
        ({"body": "hi ana"}, "pending"),
        ({"phone": OTHER}, "pending"),
        ({"media": (Attachment("https://x.example/map.png"),)}, "pending"),
        ({"lane": Lane.EMERGENCY}, "pending"),
        ({"policy": TextPolicy(1600, limit_duplicates=Duplicates.OFF)}, "pending"),
    ],
)
async def test_the_second_text(pool, changes, state):
    await text_out(pool)
    await text_out(pool, **changes)
    assert await states(pool) == ["pending", state]


@pytest.mark.parametrize(
    ("first", "minutes", "second"),
    [
        ("sent", 29 + 59 / 60, "duplicate"),
        ("sent", 30, "pending"),
        ("delivered", 30, "pending"),
        ("unknown", 29 + 59 / 60, "duplicate"),
        ("unknown", 30, "pending"),
        ("pending", 30, "duplicate"),  # as one that is held overnight
        ("pending", 9 * 60, "duplicate"),
        ("sending", 30, "duplicate"),
        ("checking", 30, "duplicate"),
    ],
)
async def test_words_may_be_said_again_after_half_an_hour_and_not_before_they_were_said(
    pool, first, minutes, second
):
    (id,) = await text_out(pool)
    await put_into(pool, id, first)
    await text_out(pool, now=NOW + timedelta(minutes=minutes))
    assert await states(pool) == [first, second]


async def test_a_long_text_was_said_when_all_of_it_was(pool):
    *parts, last = await text_out(pool, LONG, policy=SHORT)
    for part in parts:
        await put_into(pool, part, "sent")
    later = {"policy": SHORT, "now": NOW + timedelta(minutes=31)}
    assert set(await states(pool, await text_out(pool, LONG, **later))) == {"duplicate"}
    await put_into(pool, last, "sent")
    assert set(await states(pool, await text_out(pool, LONG, **later))) == {"pending"}


async def put_into(pool, id: UUID, state: str) -> None:
    await rows(
        pool,
        """UPDATE outbound_text SET state = %(state)s, vendor_id = %(vendor_id)s
        WHERE id = %(id)s RETURNING 1""",
        id=id,
        state=state,
        vendor_id=f"V{id}",
    )


async def test_texts_that_are_held_back_are_counted(pool, database_url):
    before = DUPLICATES._value.get()
    await text_out(pool, LONG, policy=SHORT)
    copies = await text_out(pool, LONG, policy=SHORT)
    assert DUPLICATES._value.get() - before == len(copies) > 2
    async with turn_worker(pool, database_url, Echo(hi), text_policy=ALL):
        for _ in range(2):
            await text_in(pool, "the same")
            await until(lambda: _answered(pool))
    assert DUPLICATES._value.get() - before == len(copies) + 1


async def hi(_: TurnInput) -> Answer:
    return Answer([Reply("Hi.")])


async def _answered(pool) -> bool:
    return not await rows(pool, "SELECT FROM conversation WHERE turn_due_at IS NOT NULL")


async def test_a_blocked_try_does_not_extend_the_half_hour(pool):
    for minutes in (0, 10, 29, 30, 45, 59, 60):
        (id,) = await text_out(pool, now=NOW + timedelta(minutes=minutes))
        if await state_is(pool, id, "pending"):
            await put_into(pool, id, "sent")
    expected = ["sent", *2 * ["duplicate"], "sent", *2 * ["duplicate"], "sent"]
    assert await states(pool) == expected


async def test_of_fifty_at_once_one_is_sent(database_url):
    gateway = ScriptedGateway()
    async with make_pool(database_url, max_size=50) as pool:
        numbers = [OURS, OURS_TOO]
        sends = (text_out(pool, number=numbers[n % 2]) for n in range(50))
        ids = [id for (id,) in await asyncio.gather(*sends)]
        found = await states(pool)
        assert (found.count("pending"), found.count("duplicate")) == (1, 49)
        async with delivery_worker(pool, database_url, gateway):
            await rows(pool, "UPDATE outbound_text SET sender = %(ours)s RETURNING 1", ours=OURS)
            await until(lambda: _none(pool, "pending", "sending"))
        assert [message.body for message in gateway.sent] == ["Hi Ana"]
    assert len(set(ids)) == 50


async def _none(pool, *unwanted: str) -> bool:
    return not set(await states(pool)) & set(unwanted)


async def test_who_comes_second_waits_for_the_first_and_is_let_through_if_it_is_taken_back(pool):
    async with pool.connection() as connection, connection.transaction():
        await enqueue_notice(
            connection,
            gateway="twilio",
            number=OURS,
            phone=PHONE,
            body="Hi Ana",
            policy=WORDS,
            new_id=uuid4,
            now=NOW,
        )
        second = asyncio.create_task(text_out(pool, number=OURS_TOO))
        await until(lambda: _waits_for_a_lock(pool))
        raise psycopg.Rollback
    assert await states(pool, await second) == ["pending"]


async def _waits_for_a_lock(pool) -> bool:
    query = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(await rows(pool, query))


async def test_a_restart_in_between_changes_nothing(pool, database_url):
    await text_out(pool)
    async with make_pool(database_url) as another:
        await text_out(another)
    assert await states(pool) == ["pending", "duplicate"]


# -- what is on record of a text that was held back -------------------------------------------


async def test_a_text_that_is_held_back_is_listed_with_the_one_that_was_first(pool):
    (first,) = await text_out(pool)
    (second,) = await text_out(pool, now=NOW + timedelta(seconds=9))
    async with pool.connection() as connection:
        story = await read_story(connection, second)
        (dead,) = await dead_texts(connection, datetime.now(UTC) - NOW + timedelta(days=1))
    assert (dead.id, dead.code, dead.staff) == (second, DuplicateText.code, DuplicateText.staff)
    assert dead.attempts == 0
    assert story is not None
    (moment,) = [moment for moment in story.moments if moment.what == "duplicate"]
    assert moment.code == "error.platform.message-limiter.duplicate-message-sent"
    assert moment.detail == f"the same words as text {first} of 2026-11-26 12:00:00 UTC"


async def test_linnet_send_says_so(database_url):
    async def send() -> None:
        await notice.send(
            url=database_url,
            to=PHONE,
            body="Your glasses are ready.",
            sender=None,
            media=None,
            wait=timedelta(),
            console=Console(quiet=True),
            credentials=CREDENTIALS,
        )

    with pytest.raises(Failure, match="Nobody sends it"):
        await send()
    said = re.escape(f"Not delivered ({DuplicateText.code}): {DuplicateText.staff}")
    with pytest.raises(Failure, match=f"^{said}$"):
        await send()


# -- what frees the words ---------------------------------------------------------------------


async def test_a_refused_text_frees_its_words(pool, database_url):
    gateway = ScriptedGateway(Refused("30034", "The number is not registered."))
    (first,) = await text_out(pool)
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: state_is(pool, first, "failed"))
    await text_out(pool)
    await text_out(pool)
    assert await states(pool) == ["failed", "pending", "duplicate"]


async def test_a_failed_receipt_frees_the_words_once_it_is_judged(pool, database_url):
    gateway = ScriptedGateway(Accepted("V1"))
    (first,) = await text_out(pool)
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: state_is(pool, first, "sent"))
    await text_out(pool)
    async with pool.connection() as connection:
        receipt = Receipt("V1", Status.FAILED, "undelivered", code="30007")
        await store_receipt(connection, "twilio", receipt, NOW)
    await text_out(pool)  # it may be sent again: nobody has looked at its code
    await judge(pool, {"twilio": gateway}, lambda: 0.0)
    await text_out(pool)
    assert await states(pool) == ["failed", "duplicate", "duplicate", "pending"]


async def test_a_text_that_expired_frees_its_words(pool):
    await text_out(pool)
    await rows(pool, "UPDATE outbound_text SET expires_at = now() RETURNING 1")
    await expire(pool)
    await text_out(pool)
    assert await states(pool) == ["failed", "pending"]


async def test_a_text_whose_fate_is_unknown_keeps_its_words(pool, database_url):
    gateway = ScriptedGateway(Unknown("read time-out"), look_up=False)
    policy = DeliveryPolicy(idle=timedelta(seconds=0.3))
    (first,) = await text_out(pool)
    async with delivery_worker(pool, database_url, gateway, policy=policy):
        await until(lambda: state_is(pool, first, "unknown"))
    await text_out(pool)
    assert await states(pool) == ["unknown", "duplicate"]


async def test_a_text_that_waits_for_another_attempt_keeps_its_words(pool):
    (first,) = await text_out(pool)
    await rows(
        pool,
        """UPDATE outbound_text SET attempts = 1, error_code = '30003',
        error_staff = 'The phone is off.' WHERE id = %(id)s RETURNING 1""",
        id=first,
    )
    await text_out(pool)
    assert await states(pool) == ["pending", "duplicate"]


async def test_a_text_sent_once_more_by_hand_is_no_duplicate_and_holds_its_words(pool):
    (first,) = await text_out(pool)
    await rows(
        pool,
        "UPDATE outbound_text SET state = 'failed', error_code = '30007', error_staff = 'Spam.'"
        " WHERE id = %(id)s RETURNING 1",
        id=first,
    )
    (verdict,) = await send_once_more(pool, [first], although_unknown=False)
    assert verdict.refusal is None
    (second,) = await text_out(pool)
    assert await states(pool) == ["pending", "duplicate"]
    (verdict,) = await send_once_more(pool, [second], although_unknown=False)
    assert verdict.refusal is None
    assert await states(pool) == ["pending", "pending"]


async def test_what_a_first_text_says_besides_does_not_hide_a_duplicate(pool):
    consent = ConsentPolicy(introduction="Privacy: https://x.example/privacy")
    await text_out(pool, consent=consent)
    await text_out(pool, consent=consent)
    assert await states(pool) == ["pending", "duplicate"]
    bodies = await rows(pool, "SELECT body FROM outbound_text ORDER BY seq")
    assert [row["body"] for row in bodies] == [f"Hi Ana\n{consent.introduction}", "Hi Ana"]


# -- long texts -------------------------------------------------------------------------------


async def test_a_long_text_is_held_back_as_a_whole(pool):
    first = await text_out(pool, LONG, policy=SHORT)
    second = await text_out(pool, LONG, policy=SHORT)
    assert len(first) == len(second) > 2
    assert set(await states(pool, first)) == {"pending"}
    assert set(await states(pool, second)) == {"duplicate"}


async def test_parts_that_say_the_same_are_all_sent(pool):
    draft = NewText(
        id=uuid4(),
        conversation_id=uuid4(),
        gateway="twilio",
        sender=OURS,
        recipient=PHONE,
        body=LONG,
        kind="notice",
        created_at=NOW,
    )
    parts = texts_for(draft, SHORT, uuid4)
    await rows(
        pool,
        """INSERT INTO conversation (id, gateway, number, phone, created_at)
        VALUES (%(id)s, 'twilio', %(ours)s, %(phone)s, now()) RETURNING 1""",
        id=draft.conversation_id,
        ours=OURS,
        phone=PHONE,
    )
    async with pool.connection() as connection, connection.transaction():
        await enqueue(connection, parts)
    await rows(pool, "UPDATE outbound_text SET body = 'the same' RETURNING 1")
    assert set(await states(pool)) == {"pending"}


async def test_a_long_text_failed_when_one_of_its_parts_did(pool):
    ids = await text_out(pool, LONG, policy=SHORT)
    await rows(
        pool,
        "UPDATE outbound_text SET state = 'failed', error_code = '30007', error_staff = 'Spam.'"
        " WHERE id = %(id)s RETURNING 1",
        id=ids[-1],
    )
    assert set(await states(pool, await text_out(pool, LONG, policy=SHORT))) == {"pending"}


# -- answers ----------------------------------------------------------------------------------


async def answered(pool, turns: int) -> bool:
    (row,) = await rows(pool, "SELECT count(*) FROM turn WHERE state <> 'running'")
    return row["count"] == turns


async def ask(pool, body: str, turns: int) -> None:
    await text_in(pool, body)
    await until(lambda: answered(pool, turns))


async def test_who_asks_the_same_twice_is_answered_twice(pool, database_url):
    async with turn_worker(pool, database_url, Echo()):
        await ask(pool, "are you open?", 1)
        await ask(pool, "are you open?", 2)
    assert await states(pool) == ["pending", "pending"]


async def test_with_all_an_answer_that_repeats_one_is_held_back_and_the_turn_is_done(
    pool, database_url
):
    async with turn_worker(pool, database_url, Echo(), text_policy=ALL):
        await ask(pool, "are you open?", 1)
        await ask(pool, "are you open?", 2)
        await ask(pool, "and on monday?", 3)
    assert await states(pool) == ["pending", "duplicate", "pending"]
    turns = await rows(pool, "SELECT state FROM turn")
    assert [turn["state"] for turn in turns] == ["done", "done", "done"]


async def test_with_all_the_second_of_two_equal_replies_of_one_turn_is_held_back(
    pool, database_url
):
    async def twice(turn) -> Answer:
        return Answer([Reply("We are open."), Reply("We are open.")])

    async with turn_worker(pool, database_url, Echo(twice), text_policy=ALL):
        await ask(pool, "are you open?", 1)
    assert await states(pool) == ["pending", "duplicate"]


async def test_with_all_words_of_consent_and_help_are_answered_each_time(pool, database_url):
    words = ["HELP", "HELP", "STOP", "STOP", "START", "STOP", "START"]
    async with turn_worker(pool, database_url, Echo(), text_policy=ALL):
        for turns, word in enumerate(words, 1):
            await ask(pool, word, turns)
    found = await states(pool)
    assert "duplicate" not in found
    assert len(found) >= 6


async def test_with_all_a_failure_is_told_each_time(pool, database_url):
    async def broken(turn) -> Answer:
        from messaging.errors import AssistantFailed

        raise AssistantFailed("down")

    async with turn_worker(pool, database_url, Echo(broken), text_policy=ALL):
        await ask(pool, "book an exam", 1)
        await ask(pool, "hello?", 2)
    assert await rows(pool, "SELECT kind, state FROM outbound_text") == 2 * [
        {"kind": "failure", "state": "pending"}
    ]


async def test_with_all_a_delay_is_told_each_time(pool):
    say = DelayNotice(timedelta(), "It takes longer.")
    gateway = ScriptedGateway()
    for _ in range(2):
        await text_in(pool, "book an exam")
        await tell_delays(pool, {"twilio": gateway}, {"twilio": ALL}, say, SystemClock(), uuid4)
        await rows(pool, "UPDATE conversation SET delay_told_at = NULL RETURNING 1")
    assert await states(pool) == ["pending", "pending"]


# -- what is kept -----------------------------------------------------------------------------


async def test_upkeep_forgets_what_was_said_an_hour_ago(pool):
    for minutes in (0, 2, 61):
        (id,) = await text_out(pool, f"at {minutes}", now=NOW - timedelta(minutes=minutes))
        await put_into(pool, id, "sent")
    await text_out(pool, "still held", now=NOW - timedelta(hours=9))
    gone = await prune(pool, RetentionPeriods(), NOW)
    assert gone == {"sent_body": 1}
    (row,) = await rows(pool, "SELECT count(*) FROM sent_body")
    assert row["count"] == 3
    (copy,) = await text_out(pool, "still held")
    assert await states(pool, [copy]) == ["duplicate"]
