"""Reminders that customers asked for leave once, in their minute, and say what is still true."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import count

import pytest
from structlog.testing import capture_logs

from messaging.consent import ALL, ConsentEvent, Direction, Method
from messaging.consent_changes import record
from messaging.phone_hours import QuietHours
from messaging.rule_files import read_rules
from outreach import requested
from outreach.requested import LATEST, send_due
from practice.appointments import cancel, reschedule
from practice.errors import RemindersFull
from practice.requested_reminders import (
    MOST_WAITING,
    request_reminder,
    waiting_reminders,
    withdraw_reminder,
)
from tests.integration.engine import rows
from tests.integration.reminding import NEW_YORK, PHONE, TEXTS, Practice, local

NOW = local(2026, 11, 23, 10)
DUE = local(2026, 11, 24, 10)
START = local(2026, 11, 25, 16)
ZONE = str(NEW_YORK)
_keys = count(1)


@pytest.fixture
async def practice(pool):
    practice = Practice(pool)
    await practice.load(NOW)
    return practice


async def ask(pool, due=DUE, **more):
    key = more.pop("key", None) or f"turn-{next(_keys)}:remind"
    values = {"phone": PHONE, "due_at": due, "zone": ZONE, "now": NOW} | more
    async with pool.connection() as connection:
        await request_reminder(connection, key, **values)
    return key


async def bodies(practice):
    return [text["body"] for text in await practice.texts()]


async def states(pool):
    found = await rows(pool, "SELECT state FROM requested_reminder ORDER BY created_at, key")
    return [row["state"] for row in found]


async def test_it_leaves_when_it_is_due_and_not_before(practice, pool):
    await ask(pool, words="call about my glasses")
    assert await send_due(pool, practice.desk, TEXTS, DUE - timedelta(seconds=1)) == 0
    assert await send_due(pool, practice.desk, TEXTS, DUE) == 1
    assert await send_due(pool, practice.desk, TEXTS, DUE + timedelta(minutes=1)) == 0
    assert await bodies(practice) == [
        "Harbor Eye Care: you asked us to remind you: call about my glasses."
    ]
    assert await states(pool) == ["sent"]


async def test_what_it_says(practice, pool):
    exam = await practice.book(START, NOW)
    await ask(pool)
    await ask(pool, due=DUE + timedelta(minutes=1), appointment_id=exam.id)
    later = DUE + timedelta(minutes=2)
    await ask(pool, due=later, appointment_id=exam.id, words="bring my old glasses")
    await send_due(pool, practice.desk, TEXTS, later)
    begins = "Harbor Eye Care: you asked us to remind you:"
    choices = "Reply C to confirm, R to reschedule, X to cancel."
    about = "eye exam Wed Nov 25 at 4:00pm, Downtown"
    assert await bodies(practice) == [
        f"{begins} it is Tue Nov 24 at 10:00am.",
        f"{begins} {about}. {choices}",
        f"{begins} bring my old glasses. {about}. {choices}",
    ]
    openings = await rows(pool, "SELECT slots FROM opening ORDER BY expires_at")
    assert {row["slots"]["appointment"] for row in openings} == {exam.reference}


async def test_many_workers_send_each_once(practice, pool):
    for minute in range(MOST_WAITING):
        await ask(pool, due=DUE + timedelta(minutes=minute), words=f"thing {minute}")
    now = DUE + timedelta(hours=1)
    sent = await asyncio.gather(*(send_due(pool, practice.desk, TEXTS, now) for _ in range(4)))
    while (more := await send_due(pool, practice.desk, TEXTS, now)) > 0:
        sent.append(more)
    assert sum(sent) == MOST_WAITING
    assert sorted(await bodies(practice)) == sorted(
        f"Harbor Eye Care: you asked us to remind you: thing {minute}."
        for minute in range(MOST_WAITING)
    )


async def test_what_fails_between_text_and_state_leaves_neither_and_stops_no_other(
    practice, pool, monkeypatch
):
    broken = await ask(pool, words="one")
    await ask(pool, due=DUE + timedelta(minutes=1), words="two")
    close = requested.close_reminder

    async def fails(connection, key, *more):
        if key == broken:
            raise ConnectionResetError
        return await close(connection, key, *more)

    now = DUE + timedelta(minutes=1)
    with monkeypatch.context() as patched:
        patched.setattr(requested, "close_reminder", fails)
        with capture_logs() as logs:
            assert await send_due(pool, practice.desk, TEXTS, now) == 1
    assert [entry["event"] for entry in logs] == ["reminders.broken"]
    assert await practice.bodies() == ["you asked us to remind you: two."]
    assert await send_due(pool, practice.desk, TEXTS, now) == 1
    assert len(await practice.bodies()) == 2


async def test_who_opted_out_meanwhile_gets_none(practice, pool):
    await ask(pool)
    event = ConsentEvent(
        phone=PHONE,
        direction=Direction.REVOKE,
        scope=ALL,
        method=Method.KEYWORD,
        actor="customer",
        recorded_at=NOW,
        captured_at=NOW,
    )
    async with pool.connection() as connection:
        await record(connection, [event])
    assert await send_due(pool, practice.desk, TEXTS, DUE) == 0
    assert await states(pool) == ["refused"]
    assert await practice.texts() == []


async def test_it_says_nothing_of_an_appointment_that_stands_no_more(practice, pool):
    exam = await practice.book(START, NOW)
    await ask(pool, appointment_id=exam.id)
    await ask(pool, due=DUE + timedelta(minutes=1), appointment_id=exam.id, words="call you")
    async with pool.connection() as connection:
        await cancel(connection, "c", phone=PHONE, appointment_id=exam.id, now=NOW)
    await send_due(pool, practice.desk, TEXTS, DUE + timedelta(minutes=1))
    assert await bodies(practice) == ["Harbor Eye Care: you asked us to remind you: call you."]
    assert await states(pool) == ["dropped", "sent"]


async def test_one_that_counts_from_its_appointment_moves_with_it(practice, pool):
    exam = await practice.book(START, NOW)
    before = timedelta(hours=2)
    await ask(pool, due=START - before, appointment_id=exam.id, before=before)
    later = START + timedelta(days=2)  # the day between is a holiday
    async with pool.connection() as connection:
        await reschedule(connection, "m", phone=PHONE, appointment_id=exam.id, start=later, now=NOW)
    assert await send_due(pool, practice.desk, TEXTS, START - before) == 0
    assert await send_due(pool, practice.desk, TEXTS, later - before) == 1
    assert "Fri Nov 27 at 4:00pm" in (await bodies(practice))[0]


async def test_one_whose_appointment_moved_forward_leaves_at_its_new_time(practice, pool):
    exam = await practice.book(START, NOW)
    before = timedelta(hours=2)
    await ask(pool, due=START - before, appointment_id=exam.id, before=before)
    sooner = local(2026, 11, 24, 16)
    async with pool.connection() as connection:
        await reschedule(
            connection, "m", phone=PHONE, appointment_id=exam.id, start=sooner, now=NOW
        )
    assert await send_due(pool, practice.desk, TEXTS, sooner - before) == 1


@pytest.mark.parametrize(
    ("late", "state", "texts"),
    [(LATEST, "sent", 1), (LATEST + timedelta(seconds=1), "late", 0)],
)
async def test_after_an_outage_it_is_of_use_for_some_hours(practice, pool, late, state, texts):
    await ask(pool)
    await send_due(pool, practice.desk, TEXTS, DUE + late)
    assert await states(pool) == [state]
    assert len(await bodies(practice)) == texts


async def test_it_is_of_no_use_once_its_appointment_has_begun(practice, pool):
    exam = await practice.book(START, NOW)
    await ask(pool, due=START - timedelta(minutes=5), appointment_id=exam.id)
    await send_due(pool, practice.desk, TEXTS, START - timedelta(minutes=4))
    (text,) = await rows(pool, "SELECT not_after - now() AS useful FROM outbound_text")
    assert timedelta(minutes=3) < text["useful"] <= timedelta(minutes=4)
    await ask(pool, due=START - timedelta(minutes=3), appointment_id=exam.id)
    await send_due(pool, practice.desk, TEXTS, START)
    assert await states(pool) == ["sent", "dropped"]


async def test_one_that_was_taken_back_never_leaves(practice, pool):
    key = await ask(pool)
    async with pool.connection() as connection:
        assert await withdraw_reminder(connection, key, NOW)
        assert not await withdraw_reminder(connection, key, NOW)
    assert await send_due(pool, practice.desk, TEXTS, DUE) == 0
    assert await states(pool) == ["withdrawn"]


async def test_at_the_hour_that_the_customer_named_no_courtesy_window_holds_it(pool):
    practice = Practice(pool, QuietHours(read_rules()))
    await practice.load(NOW)
    six = local(2026, 11, 24, 6)
    await ask(pool, due=six)
    await send_due(pool, practice.desk, TEXTS, six)
    (text,) = await rows(pool, "SELECT next_attempt_at <= now() AS at_once FROM outbound_text")
    assert text["at_once"]


async def test_one_request_at_a_time_finds_the_last_room(pool):
    async def one():
        try:
            await ask(pool)
        except RemindersFull:
            return 0
        return 1

    assert sum(await asyncio.gather(*(one() for _ in range(MOST_WAITING + 4)))) == MOST_WAITING
    async with pool.connection() as connection:
        assert len(await waiting_reminders(connection, PHONE)) == MOST_WAITING


async def test_a_key_that_comes_again_keeps_one_also_when_there_is_no_room(pool):
    keys = [await ask(pool) for _ in range(MOST_WAITING)]
    await ask(pool, key=keys[0], words="else")
    assert await states(pool) == ["waiting"] * MOST_WAITING
    assert await rows(pool, "SELECT FROM requested_reminder WHERE words = 'else'") == []
