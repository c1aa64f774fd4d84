"""Conversations that we begin, from the outbox to the assistant, on a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from connectors.gateways.base import Inbound, Refused
from messaging.assistant import Answer, Option, Prompt, Reply, TurnInput
from messaging.clock import TimeOrderedIds
from messaging.errors import AssistantFailed
from messaging.inbox import store_events
from messaging.lanes import Lane
from messaging.notices import Notice, NoticeDesk
from messaging.openings import Begun, Opening
from messaging.routing import candidates_of
from messaging.text_policy import TextPolicy
from messaging.turn_outcome import Outcome, finish
from messaging.turn_table import claim
from messaging.withdrawing import withdraw
from tests.integration.engine import (
    OURS,
    PHONE,
    QUICK,
    WORDS,
    Echo,
    ScriptedGateway,
    delivery_worker,
    rows,
    text_in,
    turn_worker,
    until,
)

REMIND = "Eye exam Fri 3pm. Reply C to confirm, R to move it."
ANSWERS = {"c": "/confirm", "r": "/move", "cancel": "/cancel"}
TALKS = "SELECT FROM conversation WHERE turn_due_at IS NOT NULL"
REPLIES = "SELECT body FROM outbound_text WHERE kind <> 'notice' ORDER BY seq"


def opening(reference: str = "HEC-1", **changes) -> Opening:
    given = {"slots": {"appointment": reference}, "answers": ANSWERS}
    return Opening(**{"expires_at": datetime.now(UTC) + timedelta(days=1)} | given | changes)


async def begin(
    pool,
    words: str = REMIND,
    state: str = "sent",
    policy: TextPolicy = WORDS,
    **changes,
) -> list[UUID]:
    """A text of ours with an opening, in some state; sent a minute ago."""
    desk = NoticeDesk(
        {"twilio": policy},
        candidates_of({"twilio": ScriptedGateway()}, {"twilio": 100}),
        None,
        None,
        TimeOrderedIds().new_id,
        lambda: 0.0,
    )
    async with pool.connection() as connection, connection.transaction():
        notice = Notice(PHONE, words, opening=changes.pop("opening", opening()), **changes)
        ids = await desk.enqueue(connection, notice, datetime.now(UTC))
    assert isinstance(ids, list)
    for id in ids:
        await into(pool, id, state)
    return ids


async def into(pool, id: UUID, state: str, minutes: float = 1) -> None:
    left = datetime.now(UTC) - timedelta(minutes=minutes)
    await rows(
        pool,
        """UPDATE outbound_text SET state = %(state)s, vendor_id = %(vendor_id)s,
        first_attempt_at = CASE WHEN %(state)s <> 'pending' THEN %(left)s::timestamptz END,
        error_staff = CASE WHEN %(state)s = 'failed' THEN 'It failed.' END
        WHERE id = %(id)s RETURNING 1""",
        id=id,
        state=state,
        vendor_id=f"V{id}",
        left=left,
    )


async def answered(pool) -> bool:
    return not await rows(pool, TALKS)


async def say(pool, body: str, **changes) -> None:
    """A text of the customer's, and all that comes of it."""
    await text_in(pool, body, **changes)
    await until(lambda: answered(pool))


async def heard(pool, url: str, *bodies: str, assistant: Echo | None = None) -> list[TurnInput]:
    """What the assistant is given for each text."""
    assistant = assistant or Echo()
    async with turn_worker(pool, url, assistant):
        for body in bodies:
            await say(pool, body)
    return assistant.turns


def told(turn: TurnInput) -> tuple[list[str], dict, str | None]:
    return [one.words for one in turn.begun], dict(turn.slots), turn.payload


async def state(pool, id: UUID) -> dict:
    (row,) = await rows(pool, "SELECT * FROM opening WHERE outbound_id = %(id)s", id=id)
    return row


# -- from when to when ------------------------------------------------------------------------


async def test_the_next_turn_is_told_what_we_said_and_what_it_is_about(pool, database_url):
    (id,) = await begin(pool)
    (turn,) = await heard(pool, database_url, "can't make it")
    assert told(turn) == ([REMIND], {"appointment": "HEC-1"}, None)
    (one,) = turn.begun
    assert isinstance(one, Begun)
    assert one.at < turn.received_at
    row = await state(pool, id)
    assert (row["turn_id"], row["answers_closed_at"]) == (turn.turn_id, None)
    assert row["taken_up_at"] is not None


@pytest.mark.parametrize("how", ["sending", "checking", "unknown", "sent", "delivered"])
async def test_it_counts_as_soon_as_the_customer_can_have_it(pool, database_url, how):
    await begin(pool, state=how)
    (turn,) = await heard(pool, database_url, "R")
    assert told(turn) == ([REMIND], {"appointment": "HEC-1"}, "/move")


@pytest.mark.parametrize("how", ["pending", "failed"])
async def test_a_text_that_waits_or_failed_opens_nothing(pool, database_url, how):
    (id,) = await begin(pool, state=how)
    (turn,) = await heard(pool, database_url, "R")
    assert told(turn) == ([], {}, None)
    assert (await state(pool, id))["turn_id"] is None


async def test_a_text_that_was_taken_back_opens_nothing(pool, database_url):
    ids = await begin(pool, state="pending")
    async with pool.connection() as connection, connection.transaction():
        assert await withdraw(connection, ids, "the appointment was moved") == ids
    (turn,) = await heard(pool, database_url, "R")
    assert told(turn) == ([], {}, None)


async def test_a_long_text_counts_when_all_of_it_left(pool, database_url):
    short = TextPolicy(longest=60)
    ids = await begin(pool, "Your eye exam is on Friday. " * 6, policy=short)
    assert len(ids) > 2
    await into(pool, ids[-1], "pending")
    first, *_ = await heard(pool, database_url, "R")
    assert told(first) == ([], {}, None)
    await into(pool, ids[-1], "sent")
    (second,) = await heard(pool, database_url, "R")
    assert (second.payload, len(second.begun)) == ("/move", 1)
    assert second.begun[0].words.count("Your eye exam is on Friday.") == 6


async def test_what_was_sent_behind_a_text_is_not_what_it_answers(pool, database_url):
    (id,) = await begin(pool)
    await into(pool, id, "sent", minutes=-1)
    (turn,) = await heard(pool, database_url, "R")
    assert told(turn) == ([], {}, None)


@pytest.mark.parametrize(("seconds", "counts"), [(60, True), (-60, False)])
async def test_what_counts_is_when_the_text_came_not_when_it_is_worked_on(
    pool, database_url, seconds, counts
):
    now = datetime.now(UTC)
    received = now - timedelta(hours=5)
    over = received + timedelta(seconds=seconds)
    (id,) = await begin(pool, opening=opening(expires_at=over))
    await into(pool, id, "sent", minutes=600)
    event = Inbound("SM-late", PHONE, OURS, "R")
    await store_events(pool, "twilio", [event], received, burst_seconds=0)
    assistant = Echo()
    async with turn_worker(pool, database_url, assistant):
        await until(lambda: answered(pool))
    assert (assistant.turns[0].payload == "/move") is counts
    assert bool(assistant.turns[0].begun) is counts


async def test_a_text_to_another_number_of_ours_is_no_answer(pool, database_url):
    await begin(pool)
    event = Inbound("SM-other", PHONE, "+12125550143", "R")
    await store_events(pool, "twilio", [event], datetime.now(UTC), burst_seconds=0)
    assistant = Echo()
    async with turn_worker(pool, database_url, assistant):
        await until(lambda: answered(pool))
    assert told(assistant.turns[0]) == ([], {}, None)


# -- once, whatever happens -------------------------------------------------------------------


async def test_it_is_told_once_and_its_answers_count_until_one_was_used(pool, database_url):
    (id,) = await begin(pool)
    given = await heard(pool, database_url, "thanks, when is it again?", "R", "R")
    slots = {"appointment": "HEC-1"}
    assert [told(turn) for turn in given] == [
        ([REMIND], slots, None),
        ([], slots, "/move"),
        ([], {}, None),
    ]
    assert (await state(pool, id))["answers_closed_at"] is not None


async def test_two_conversations_are_told_in_order_and_each_is_answered(pool, database_url):
    await begin(pool, "Ann, Fri 3pm. Reply C.", opening=opening("HEC-1"))
    await begin(pool, "Bob, Fri 4pm. Reply C.", opening=opening("HEC-2"))
    given = await heard(pool, database_url, "C", "c", "c")
    assert [told(turn) for turn in given] == [
        (
            ["Ann, Fri 3pm. Reply C.", "Bob, Fri 4pm. Reply C."],
            {"appointment": "HEC-2"},
            "/confirm",
        ),
        ([], {"appointment": "HEC-1"}, "/confirm"),
        ([], {}, None),
    ]


@pytest.mark.parametrize(
    "asks",
    [
        Reply("Which time?", options=(Option("9:00am", "/nine"),)),
        Reply("Move it? YES or NO", prompt=Prompt(60, "Too late.")),
    ],
)
async def test_a_question_of_the_assistant_s_ends_what_was_offered(pool, database_url, asks):
    await begin(pool)

    async def respond(turn: TurnInput) -> Answer:
        return Answer([asks])

    given = await heard(pool, database_url, "hi", "C", assistant=Echo(respond))
    assert [turn.payload for turn in given] == [None, None]


async def test_answers_end_with_their_time(pool, database_url):
    (id,) = await begin(pool)
    await heard(pool, database_url, "thanks")
    await rows(pool, "UPDATE opening SET expires_at = now() RETURNING 1")
    (turn,) = await heard(pool, database_url, "R")
    assert told(turn) == ([], {}, None)
    assert (await state(pool, id))["answers_closed_at"] is None


async def test_each_attempt_is_given_the_same(pool, database_url):
    (id,) = await begin(pool, state="sending")
    attempts = []

    async def respond(turn: TurnInput) -> Answer:
        attempts.append(turn)
        if len(attempts) == 1:
            await into(pool, id, "failed")  # what becomes of it is known only now
            await begin(pool, "Another one.", opening=opening("HEC-2"))
            raise AssistantFailed("once")
        return Answer([Reply("ok")])

    await heard(pool, database_url, "R", assistant=Echo(respond))
    assert [told(turn) for turn in attempts] == 2 * [([REMIND], {"appointment": "HEC-1"}, "/move")]
    (later,) = await heard(pool, database_url, "thanks")
    assert [one.words for one in later.begun] == ["Another one."]


async def test_a_worker_that_dies_leaves_it_to_the_next_attempt(pool):
    (id,) = await begin(pool)
    await text_in(pool, "R")
    await rows(pool, "UPDATE conversation SET turn_due_at = now() RETURNING 1")
    first = await claim(pool, timedelta(seconds=-1), QUICK.burst)
    second = await claim(pool, QUICK.lease, QUICK.burst)
    assert first is not None
    assert second is not None
    assert (second.id, second.attempt, second.begun) == (first.id, 2, first.begun)
    assert (await state(pool, id))["taken_up_at"] is None
    outcome = Outcome(Answer([]), [], "assistant", opted_out=False, answered=id)
    await finish(pool, second, outcome, QUICK.burst)
    row = await state(pool, id)
    assert row["turn_id"] == first.id
    assert None not in {row["taken_up_at"], row["answers_closed_at"]}


async def test_a_turn_that_failed_leaves_it_to_the_next_one(pool, database_url):
    await begin(pool)

    async def fails(_: TurnInput) -> Answer:
        raise AssistantFailed("always")

    await heard(pool, database_url, "R", assistant=Echo(fails))
    (turn,) = await heard(pool, database_url, "R")
    assert told(turn) == ([REMIND], {"appointment": "HEC-1"}, "/move")


@pytest.mark.parametrize("body", ["HELP", "Liked \u201cEye exam Fri 3pm.\u201d"])
async def test_a_rule_in_between_takes_nothing_up(pool, database_url, body):
    (id,) = await begin(pool)
    given = await heard(pool, database_url, body, "R")
    assert [told(turn) for turn in given] == [([REMIND], {"appointment": "HEC-1"}, "/move")]
    assert (await state(pool, id))["taken_up_at"] is not None


async def test_a_person_in_between_takes_nothing_up(pool, database_url):
    (id,) = await begin(pool)
    await rows(pool, "UPDATE conversation SET owner = 'person' RETURNING 1")
    assert await heard(pool, database_url, "R") == []
    assert (await state(pool, id))["turn_id"] is None
    await rows(pool, "UPDATE conversation SET owner = 'assistant' RETURNING 1")
    (turn,) = await heard(pool, database_url, "R")
    assert turn.payload == "/move"


async def test_stop_wins_and_cancel_is_told_how_to_stop(pool, database_url):
    await begin(pool)
    await heard(pool, database_url, "CANCEL", "CANCEL")
    said = [row["body"] for row in await rows(pool, REPLIES)]
    assert said == ["You said: /cancel\nReply STOP to end texts.", "You said: CANCEL"]
    await begin(pool, "Another.")
    await heard(pool, database_url, "STOP", "R")
    assert await rows(pool, "SELECT FROM conversation WHERE opted_out_at IS NOT NULL")
    assert len(await rows(pool, REPLIES)) == 3  # and the confirmation


async def test_a_menu_works_beside_it(pool, database_url):
    async def respond(turn: TurnInput) -> Answer:
        if turn.text == "hi":
            return Answer([Reply("Which?", options=(Option("9:00am", "/nine"),))])
        return Answer([Reply("ok")])

    assistant = Echo(respond)
    async with turn_worker(pool, database_url, assistant):
        await say(pool, "hi")
        await begin(pool)
        await say(pool, "1")
        await say(pool, "R")
    slots = {"appointment": "HEC-1"}
    assert [told(turn) for turn in assistant.turns[1:]] == [
        ([REMIND], {}, "/nine"),
        ([], slots, "/move"),
    ]


# -- with the whole way -----------------------------------------------------------------------


async def test_from_the_outbox_over_the_gateway_to_the_answer(pool, database_url):
    gateway, assistant = ScriptedGateway(), Echo()
    async with (
        delivery_worker(pool, database_url, gateway),
        turn_worker(pool, database_url, assistant),
    ):
        (id,) = await begin(pool, state="pending")

        async def sent():
            return gateway.sent

        await until(sent)
        await say(pool, "R")
    assert gateway.sent[0].body == REMIND
    assert told(assistant.turns[0]) == ([REMIND], {"appointment": "HEC-1"}, "/move")
    assert (await state(pool, id))["answers_closed_at"] is not None


async def test_a_refused_text_opens_nothing(pool, database_url):
    assistant = Echo()
    async with (
        delivery_worker(pool, database_url, ScriptedGateway(Refused("30007", "Spam."))),
        turn_worker(pool, database_url, assistant),
    ):
        await begin(pool, state="pending")

        async def failed():
            return await rows(pool, "SELECT FROM outbound_text WHERE state = 'failed'")

        await until(failed)
        await say(pool, "R")
    assert told(assistant.turns[0]) == ([], {}, None)


async def test_it_is_kept_with_its_text_or_not_at_all(pool):
    kept = NoticeDesk(
        {"twilio": WORDS},
        candidates_of({"twilio": ScriptedGateway()}, {"twilio": 100}),
        None,
        None,
        uuid4,
        lambda: 0.0,
    )
    async with pool.connection() as connection, connection.transaction(force_rollback=True):
        await kept.enqueue(connection, Notice(PHONE, "hi", opening=opening()), datetime.now(UTC))
    assert await rows(pool, "SELECT FROM opening") == []
    async with pool.connection() as connection:
        await kept.enqueue(connection, Notice(PHONE, "hi", Lane.REMINDER), datetime.now(UTC))
    assert await rows(pool, "SELECT FROM opening") == []


async def test_the_table_refuses_what_must_not_be(pool):
    (id,) = await begin(pool)
    for wrong in (
        "taken_up_at = now()",
        "answers_closed_at = now()",
        "slots = '[]'",
        "text_ids = ARRAY[gen_random_uuid()]",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            await rows(pool, f"UPDATE opening SET {wrong} RETURNING 1")
    await rows(pool, "DELETE FROM outbound_text WHERE id = %(id)s RETURNING 1", id=id)
    assert await rows(pool, "SELECT FROM opening") == []


async def test_two_at_once_are_both_kept(pool, database_url):
    await asyncio.gather(begin(pool, "One."), begin(pool, "Two."))
    (turn,) = await heard(pool, database_url, "R")
    assert sorted(one.words for one in turn.begun) == ["One.", "Two."]
