"""Our question whether no more texts are wanted: what waits for its answer, and for how long."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from cli.consent import show
from database.migrate import migrate
from messaging.clock import SystemClock
from messaging.consent import QUESTION_OPEN, ConsentPolicy, Direction, Method
from messaging.consent_table import append
from messaging.holding import Gate
from messaging.lanes import Lane
from messaging.notice_batches import enqueue_many, foresee
from messaging.notices import CONSENT_PENDING, NO_CONSENT, OPTED_OUT, Notice, Refused
from tests.integration.campaigning import desk
from tests.integration.engine import (
    COMPANY,
    PHONE,
    Echo,
    ScriptedGateway,
    delivery_worker,
    rows,
    until,
)
from tests.integration.test_consent import (
    ASK,
    by_staff,
    put,
    replies,
    said,
    say,
    worker,
)
from tests.integration.test_delivery import claimed
from tests.integration.test_encryption import back_to

SHOWN = {"scope": "marketing", "method": Method.WEB, "disclosure": "I want offers by text."}
NOTICES = "SELECT state, error_code FROM outbound_text WHERE kind = 'notice'"
DAY = timedelta(days=1)


async def offered(pool, lane: Lane, how: str):
    """What the desk says to a notice, given alone or as one of many."""
    one, now = Notice(PHONE, "See you tomorrow at 9:00am.", lane), SystemClock().now()
    async with pool.connection() as connection, connection.transaction():
        if how == "alone":
            return await desk().enqueue(connection, one, now)
        return (await enqueue_many(desk(), connection, [one], now))[0]


async def asked_ago(pool, long: timedelta, *known) -> None:
    """The ledger of a phone that was asked so long ago."""
    at = SystemClock().now() - long
    question = by_staff(Direction.PENDING, recorded_at=at, captured_at=at)
    async with pool.connection() as connection, connection.transaction():
        await append(connection, [*known, question])


async def wait_for(pool, long: timedelta) -> None:
    """The open question is older by so much."""
    await rows(
        pool,
        "UPDATE conversation SET consent_question_at = consent_question_at - %(long)s"
        " WHERE consent_question IS NOT NULL RETURNING id",
        long=long,
    )


@pytest.mark.parametrize("how", ["alone", "many"])
@pytest.mark.parametrize(("answer", "becomes"), [("no", "sent"), ("yes", "failed")])
async def test_a_reminder_that_falls_due_waits_for_the_answer(
    pool, database_url, how, answer, becomes
):
    gateway = ScriptedGateway()
    async with worker(pool, database_url), delivery_worker(pool, database_url, gateway):
        await say(pool, "too many texts")
        given = await offered(pool, Lane.REMINDER, how)
        assert not isinstance(given, Refused)
        assert len(given) == 1

        async def held():
            return await rows(pool, "SELECT FROM text_event WHERE code = 'consent-pending'")

        await until(held)
        await say(pool, answer)
        await rows(pool, "UPDATE outbound_text SET next_attempt_at = now() RETURNING id")

        async def settled():
            return [row["state"] for row in await rows(pool, NOTICES)] == [becomes]

        await until(settled)
    told = [message.body for message in gateway.sent]
    assert ("See you tomorrow at 9:00am." in told) is (becomes == "sent")


@pytest.mark.parametrize("how", ["alone", "many"])
@pytest.mark.parametrize("ago", [timedelta(hours=1), 9 * DAY])
async def test_marketing_is_refused_until_the_question_is_settled(pool, how, ago):
    await asked_ago(pool, ago, by_staff(Direction.GRANT, **SHOWN))
    assert await offered(pool, Lane.BULK, how) == CONSENT_PENDING
    await put(pool, by_staff(Direction.RECONFIRM))
    assert not isinstance(await offered(pool, Lane.BULK, how), Refused)


@pytest.mark.parametrize("how", ["alone", "many"])
async def test_the_lasting_reason_comes_first(pool, how):
    await asked_ago(pool, timedelta(hours=1))
    assert await offered(pool, Lane.BULK, how) == NO_CONSENT
    await put(pool, by_staff(Direction.REVOKE))
    assert await offered(pool, Lane.BULK, how) == OPTED_OUT
    assert await offered(pool, Lane.REMINDER, how) == OPTED_OUT


async def test_a_preview_says_so_too(pool):
    await asked_ago(pool, timedelta(hours=1), by_staff(Direction.GRANT, **SHOWN))
    now = SystemClock().now()
    async with pool.connection() as connection:
        notice = Notice(PHONE, "A sale.", Lane.BULK)
        (found,) = await foresee(desk(), connection, [notice], [now])
    assert found == CONSENT_PENDING


async def test_a_notice_leaves_once_the_question_has_lapsed(pool):
    await asked_ago(pool, QUESTION_OPEN - timedelta(minutes=1))
    assert not isinstance(await offered(pool, Lane.REMINDER, "alone"), Refused)
    text = await claimed(pool, ScriptedGateway(), timedelta(seconds=30))

    class Later(SystemClock):
        def now(self):
            return super().now() + timedelta(minutes=2)

    assert not await Gate(pool, None, ConsentPolicy(), Later()).holds(text)
    assert await Gate(pool, None, ConsentPolicy(), SystemClock()).holds(text)


async def test_marketing_that_waits_is_held_however_long_ago_we_asked(pool):
    await put(pool, by_staff(Direction.GRANT, **SHOWN))
    await offered(pool, Lane.BULK, "alone")
    text = await claimed(pool, ScriptedGateway(), timedelta(seconds=30))
    await asked_ago(pool, 9 * DAY)
    assert await Gate(pool, None, ConsentPolicy(), SystemClock()).holds(text)
    assert await rows(pool, NOTICES) == [{"state": "pending", "error_code": None}]


async def test_other_consent_that_staff_record_leaves_what_waits_for_the_answer(pool):
    await asked_ago(pool, timedelta(hours=1))
    await offered(pool, Lane.REMINDER, "alone")
    await put(pool, by_staff(Direction.REQUESTED))
    assert await rows(pool, NOTICES) == [{"state": "pending", "error_code": None}]


@pytest.mark.parametrize(
    ("ago", "direction"),
    [(QUESTION_OPEN - timedelta(hours=1), "revoke"), (QUESTION_OPEN, "pending")],
)
async def test_a_yes_means_our_question_for_72_hours(pool, database_url, ago, direction):
    echo = Echo()
    async with worker(pool, database_url, assistant=echo):
        await say(pool, "too many texts")
        await wait_for(pool, ago)
        await say(pool, "yes")
    assert (await said(pool))[-1][0] == direction
    assert [turn.text for turn in echo.turns] == (["yes"] if direction == "pending" else [])


@pytest.mark.parametrize(
    ("ago", "direction"),
    [(QUESTION_OPEN - timedelta(hours=1), "grant"), (QUESTION_OPEN, "requested")],
)
async def test_a_yes_to_an_opt_in_counts_as_long(pool, database_url, ago, direction):
    async with worker(pool, database_url, replace(COMPANY, double_opt_in=True)):
        await say(pool, "START")
        await wait_for(pool, ago)
        await say(pool, "yes")
    assert (await said(pool))[-1][0] == direction


async def test_who_did_not_answer_can_be_asked_again(pool, database_url):
    async with worker(pool, database_url):
        await say(pool, "too many texts")
        await say(pool, "too many texts!")
        assert (await replies(pool)).count(ASK) == 1
        await wait_for(pool, QUESTION_OPEN)
        await say(pool, "still too many texts")
        assert (await replies(pool)).count(ASK) == 2
        await say(pool, "yes")
    assert (await said(pool))[-1][0] == "revoke"


async def test_a_question_and_its_time_go_together(pool, database_url):
    time = "SELECT consent_question, consent_question_at IS NOT NULL AS timed FROM conversation"
    async with worker(pool, database_url):
        await say(pool, "too many texts")
        assert await rows(pool, time) == [{"consent_question": "opt-out", "timed": True}]
        await say(pool, "no")
        assert await rows(pool, time) == [{"consent_question": None, "timed": False}]
        await say(pool, "too many texts")
        await put(pool, by_staff(Direction.RECONFIRM))
        assert await rows(pool, time) == [{"consent_question": None, "timed": False}]


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (timedelta(hours=1), "Notices may not yet be sent, marketing may not yet."),
        (9 * DAY, "Notices may be sent, marketing may not yet."),
    ],
)
async def test_staff_see_what_waits(pool, database_url, ago, told):
    await asked_ago(pool, ago, by_staff(Direction.GRANT, **SHOWN))
    console = Console(file=io.StringIO(), width=150)
    await show(database_url, PHONE, SystemClock().now(), console)
    printed = console.file.getvalue()
    assert told in printed
    assert "there is no answer" in printed


async def test_a_question_that_was_open_before_the_migration_has_its_time(pool, database_url):
    async with worker(pool, database_url):
        await say(pool, "too many texts")
    await asyncio.to_thread(back_to, database_url, "0012")
    await asyncio.to_thread(migrate, database_url)
    timed = "SELECT consent_question FROM conversation WHERE consent_question_at <= now()"
    assert await rows(pool, timed) == [{"consent_question": "opt-out"}]
