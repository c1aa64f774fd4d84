"""Texts for a later time: in the outbox at once, out when they are due, in nobody's way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from cli import notice
from cli.failure import Failure
from cli.preview import show_hours
from messaging.consent import ConsentPolicy, Direction
from messaging.lanes import Lane
from messaging.notices import Notice
from messaging.openings import Opening
from messaging.outbox import NewText, enqueue
from messaging.phone_hours import SPREAD_SECONDS, QuietHours
from messaging.rule_files import read_rules
from messaging.scheduling import WrongTime
from messaging.text_policy import Duplicates, TextPolicy
from messaging.withdrawing import withdraw
from tests.integration.campaigning import NOON, desk, said, tell
from tests.integration.engine import OURS, PHONE, ScriptedGateway, delivery_worker, rows, until
from tests.integration.test_sending_commands import CREDENTIALS

HOURS = QuietHours(read_rules())
DAY = timedelta(days=1)
TEXTS = """
SELECT id, body, state, error_code, not_before - created_at AS early,
    extract(epoch FROM next_attempt_at - now())::float8 AS wait,
    extract(epoch FROM expires_at - next_attempt_at)::float8 AS valid
FROM outbound_text ORDER BY seq
"""
SENT = "SELECT FROM outbound_text WHERE state = 'sent'"
DUPLICATE = "error.platform.message-limiter.duplicate-message-sent"


async def put(pool, at, *, now=NOON, hours=None, **more):
    given = Notice(**({"phone": PHONE, "body": "See you soon.", "not_before": at} | more))
    policies = {"twilio": TextPolicy(longest=1600, limit_duplicates=Duplicates.NOTICES)}
    async with pool.connection() as connection, connection.transaction():
        return await desk(hours, text_policies=policies).enqueue(connection, given, now)


async def events(pool):
    return await rows(pool, "SELECT kind, code, detail FROM text_event ORDER BY id")


async def test_it_waits_in_the_outbox_and_says_so(pool):
    await put(pool, NOON + 3 * DAY, hours=HOURS)
    (text,) = await rows(pool, TEXTS)
    assert text["state"] == "pending"
    assert text["wait"] == pytest.approx(3 * 86_400, abs=5)
    assert text["valid"] == pytest.approx(12 * 3_600)
    (event,) = await events(pool)
    assert event == {
        "kind": "held",
        "code": "scheduled",
        "detail": "until 2026-11-19 17:00:00 UTC, as asked",
    }


async def test_it_leaves_when_it_is_due_whichever_worker_runs_then(pool, database_url):
    now = datetime.now(UTC)
    await put(pool, now + timedelta(seconds=2), now=now)
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):
        pass
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: rows(pool, SENT))
    (text,) = await rows(pool, "SELECT accepted_at >= not_before AS due FROM outbound_text")
    assert text["due"]
    assert len(gateway.sent) == 1


async def test_a_time_in_quiet_hours_moves_to_the_opening(pool):
    night = NOON + 2 * DAY + timedelta(hours=12)
    await put(pool, night, hours=HOURS)
    (text,) = await rows(pool, TEXTS)
    opening = (NOON + 3 * DAY - timedelta(hours=4) - NOON).total_seconds()  # at eight
    assert opening - 5 < text["wait"] < opening + SPREAD_SECONDS
    (event,) = await events(pool)
    assert event["code"] == "quiet-hours"
    assert event["detail"].startswith("until 2026-11-19 13:0")


async def test_hours_are_asked_for_its_time_and_not_for_now(pool):
    night = NOON + timedelta(hours=12)
    await put(pool, NOON + DAY, hours=HOURS, now=night)
    (event,) = await events(pool)
    assert event["code"] == "scheduled"


async def test_hours_that_have_shut_meanwhile_hold_it_at_its_time(pool, database_url):
    class Night:
        def now(self):
            return NOON + timedelta(hours=12)

    await put(pool, NOON + DAY, hours=HOURS)
    await set_due(pool)
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway, hours=HOURS, clock=Night()):
        await until(lambda: rows(pool, "SELECT FROM text_event WHERE code = 'quiet-hours'"))
    assert gateway.sent == []


async def test_who_opts_out_meanwhile_does_not_get_it(pool, database_url):
    await put(pool, NOON + DAY)
    await tell(pool, said(PHONE, Direction.REVOKE))
    await set_due(pool)
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway, consent=ConsentPolicy()):
        await until(lambda: rows(pool, "SELECT FROM outbound_text WHERE state = 'failed'"))
    assert gateway.sent == []


async def test_it_can_be_taken_back(pool):
    ids = await put(pool, NOON + DAY)
    async with pool.connection() as connection, connection.transaction():
        assert await withdraw(connection, ids, "no longer so") == ids
    await put(pool, NOON + DAY)  # its words are free again
    assert [text["state"] for text in await rows(pool, TEXTS)] == ["failed", "pending"]


@pytest.mark.parametrize("lane", [Lane.REMINDER, Lane.REPLY, Lane.BULK])
async def test_it_holds_up_no_other_text_of_its_phone(pool, database_url, lane):
    await put(pool, NOON + DAY)
    (talk,) = await rows(pool, "SELECT id FROM conversation")
    later = NewText(
        id=desk().new_id(),
        conversation_id=talk["id"],
        gateway="twilio",
        sender=OURS,
        recipient=PHONE,
        body="Booked.",
        kind="reply" if lane is Lane.REPLY else "notice",
        lane=lane,
        created_at=NOON,
    )
    async with pool.connection() as connection, connection.transaction():
        await enqueue(connection, [later])
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: rows(pool, SENT))
    assert [text.body for text in gateway.sent] == ["Booked."]


async def test_parts_of_a_long_one_leave_together_in_order(pool, database_url):
    now = datetime.now(UTC)
    words = " ".join(["Harbor Eye Care says hello"] * 100)
    await put(pool, now + timedelta(seconds=1), now=now, body=words)
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: rows(pool, f"{SENT} OFFSET 1"))
    assert [text.body[:11] for text in gateway.sent] == ["Part 1 of 2", "Part 2 of 2"]


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("first", "second", "through"),
    [
        (DAY, DAY, False),
        (DAY, DAY + 29 * MINUTE, False),
        (DAY, DAY - 29 * MINUTE, False),
        (DAY, DAY + 30 * MINUTE, True),
        (DAY, DAY - 31 * MINUTE, True),
        (DAY, 2 * DAY, True),
        (DAY, None, True),
        (None, DAY, True),
        (None, 29 * MINUTE, False),
        (29 * MINUTE, None, False),
    ],
)
async def test_words_are_not_said_twice_within_half_an_hour(pool, first, second, through):
    for wanted in (first, second):
        await put(pool, wanted and NOON + wanted)
    codes = [text["error_code"] for text in await rows(pool, TEXTS)]
    assert codes == [None, None if through else DUPLICATE]


async def test_a_copy_for_when_another_leaves_at_last_is_one(pool):
    night, morning = NOON + timedelta(hours=12), NOON + timedelta(hours=20, minutes=9)
    await put(pool, None, now=night, hours=HOURS)  # until eight o'clock
    await put(pool, morning, now=night, hours=HOURS)
    await put(pool, morning + DAY, now=night, hours=HOURS)
    codes = [text["error_code"] for text in await rows(pool, TEXTS)]
    assert codes == [None, DUPLICATE, None]


async def test_words_that_went_out_at_their_time_count_from_then(pool, database_url):
    now = datetime.now(UTC)
    at = now + timedelta(seconds=1)
    await put(pool, at, now=now)
    async with delivery_worker(pool, database_url, ScriptedGateway()):
        await until(lambda: rows(pool, SENT))
    await put(pool, None, now=at + 29 * MINUTE)
    await put(pool, None, now=at + 30 * MINUTE)
    codes = [text["error_code"] for text in await rows(pool, TEXTS)]
    assert codes == [None, DUPLICATE, None]


@pytest.mark.parametrize(
    ("at", "not_after", "why"),
    [
        (NOON, None, "is over"),
        (NOON + 30 * DAY + timedelta(seconds=1), None, "30 days ahead at most"),
        (NOON + DAY, NOON + DAY, "of no use any more"),
    ],
)
async def test_a_time_that_cannot_be(pool, at, not_after, why):
    with pytest.raises(WrongTime, match=why):
        await put(pool, at, not_after=not_after)
    assert await rows(pool, TEXTS) == []


async def test_it_expires_when_it_is_of_no_use(pool):
    await put(pool, NOON + DAY, not_after=NOON + DAY + timedelta(hours=1))
    (text,) = await rows(pool, TEXTS)
    assert text["valid"] == pytest.approx(3_600)


async def test_nothing_is_an_answer_to_what_has_not_left(pool):
    await put(pool, NOON + DAY, opening=Opening(NOON + 2 * DAY, {}, {"c": "/yes"}))
    (opening,) = await rows(pool, "SELECT * FROM opening")
    (text,) = await rows(pool, "SELECT first_attempt_at FROM outbound_text")
    assert (opening["turn_id"], text["first_attempt_at"]) == (None, None)


async def set_due(pool):
    async with pool.connection() as connection:
        await connection.execute("UPDATE outbound_text SET next_attempt_at = now()")
        await connection.execute("SELECT pg_notify('linnet_outbox', '')")


async def test_the_command_takes_a_time(pool, database_url):
    at = datetime.now(UTC) + 2 * DAY
    console = Console(record=True, width=200)
    await notice.send(
        url=database_url,
        to=PHONE,
        body="See you soon.",
        sender=None,
        media=None,
        not_before=at.replace(hour=18, minute=0),
        wait=timedelta(seconds=5),
        console=console,
        credentials=CREDENTIALS,
    )
    assert "as asked" in console.export_text()
    assert [text["state"] for text in await rows(pool, TEXTS)] == ["pending"]
    settings = notice.load_settings(CREDENTIALS)
    await show_hours(settings, database_url, PHONE, at.replace(hour=9, minute=0), console)
    told = console.export_text()
    assert "It would wait until" in told
    assert "It would be held until" in told


@pytest.mark.parametrize(
    ("written", "why"),
    [("tomorrow", "not a time like"), ("2026-12-01T09:00", "has no offset")],
)
def test_a_time_that_is_typed_wrongly(written, why):
    with pytest.raises(Failure, match=why):
        notice.moment(written)


def test_a_time_as_typed():
    assert notice.moment("2026-12-01T09:00-05:00") == datetime(2026, 12, 1, 14, tzinfo=UTC)
