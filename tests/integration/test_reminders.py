"""Reminders on a real database: each once, of what is so, whoever reminds and whatever dies."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.errors import CheckViolation, UniqueViolation
from sqlalchemy import create_engine
from structlog.testing import capture_logs

from cli.failure import sentence
from database.migrate import SCRIPTS, migrate
from messaging.consent import ALL, ConsentEvent, Direction, Method
from messaging.consent_changes import record
from messaging.notices import NoticeDesk
from messaging.outcomes import settle
from messaging.phone_hours import QuietHours
from messaging.rule_files import read_rules
from outreach import reminders
from outreach.templates import Templates, UnknownTemplate
from practice import sample as practice_sample
from practice.catalogue import load_catalogue
from practice.errors import WrongCatalogue
from tests.integration.engine import ScriptedGateway, delivery_worker, rows, until
from tests.integration.reminding import PHONE, TEXTS, Practice, local
from tests.integration.test_delivery import claimed

NOW = local(2026, 11, 9, 12)
TUESDAY_10 = local(2026, 11, 24, 10)
WEEK, DAY, HOURS = local(2026, 11, 17, 10), local(2026, 11, 23, 10), local(2026, 11, 24, 8)
REPLY = "Reply C to confirm, R to reschedule, X to cancel."
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def practice(pool) -> Practice:
    practice = Practice(pool)
    await practice.load(NOW)
    return practice


@pytest.fixture
async def held(pool) -> Practice:
    """A practice whose reminders wait for the morning."""
    practice = Practice(pool, QuietHours(read_rules()))
    await practice.load(NOW)
    return practice


async def tick(practice: Practice, first: datetime, last: datetime, step=timedelta(minutes=10)):
    """The job, at each step of a time; what it makes leaves before the next step."""
    while first <= last:
        if await practice.remind(first):
            await practice.leave()
        first += step


async def test_an_appointment_is_reminded_of_three_times(practice):
    await practice.book(TUESDAY_10, NOW)
    await tick(practice, NOW, TUESDAY_10 + timedelta(days=2))
    assert await practice.bodies() == [
        f"we look forward to seeing you: eye exam Tue Nov 24 at 10:00am, Downtown. {REPLY}",
        f"a reminder of your eye exam Tue Nov 24 at 10:00am, Downtown. {REPLY}",
        f"see you soon: eye exam Tue Nov 24 at 10:00am, Downtown, 210 Water St, New York. {REPLY}",
    ]
    assert [(one["kind"], one["due_at"]) for one in await practice.made()] == [
        ("7d", WEEK),
        ("24h", DAY),
        ("2h", HOURS),
    ]
    assert {(text["lane"], text["subject"]) for text in await practice.texts()} == {
        (2, "reminders")
    }


@pytest.mark.parametrize(
    ("start", "due"),
    [
        # Clocks go back on Nov 1, forward on Mar 14; days keep the wall clock, hours do not.
        (local(2026, 11, 2, 10), [(10, 26, 10), (11, 1, 10), (11, 2, 8)]),
        (local(2026, 11, 6, 9), [(10, 30, 9), (11, 5, 9), (11, 6, 7)]),
        (local(2027, 3, 15, 10), [(3, 8, 10), (3, 14, 10), (3, 15, 8)]),
        (local(2027, 1, 4, 9), [(12, 28, 9), (1, 3, 9), (1, 4, 7)]),
    ],
)
async def test_over_changed_clocks_and_the_turn_of_the_year(practice, start, due):
    now = start - timedelta(days=10)
    await practice.book(start, now)
    await tick(practice, now, start, timedelta(minutes=30))
    expected = [local(start.year - (month > 11 and start.month < 3), month, day, hour)
                for month, day, hour in due]  # fmt: skip
    assert [one["due_at"] for one in await practice.made()] == expected
    assert len(await practice.bodies()) == 3


async def test_who_books_twenty_hours_ahead_gets_only_the_last_one(practice):
    now = TUESDAY_10 - timedelta(hours=20)
    await practice.book(TUESDAY_10, now)
    await tick(practice, now, TUESDAY_10)
    assert [one["kind"] for one in await practice.made()] == ["2h"]


@pytest.mark.parametrize(
    ("back", "kinds"),
    [(DAY + timedelta(hours=10), ["24h"]), (DAY + timedelta(hours=12), [])],
)
async def test_what_became_due_while_all_was_down_is_made_up_unless_it_is_too_late(
    practice, back, kinds
):
    await practice.book(TUESDAY_10, NOW)
    await practice.remind(back)
    assert [one["kind"] for one in await practice.made()] == kinds


async def test_nothing_is_sent_after_the_appointment_began(practice):
    await practice.book(TUESDAY_10, NOW)
    await practice.remind(HOURS)
    # The outbox goes by the database's clock: it is the same time from now on.
    (lasts,) = await rows(practice.pool, "SELECT not_after - now() AS left FROM outbound_text")
    assert timedelta(hours=2) - MINUTE < lasts["left"] <= timedelta(hours=2)
    await practice.remind(TUESDAY_10)
    assert len(await practice.made()) == 1


async def test_a_confirmed_appointment_is_reminded_of_without_a_question(practice):
    made = await practice.book(TUESDAY_10, NOW)
    await practice.remind(WEEK)
    await practice.confirm(made, WEEK + MINUTE)
    await practice.remind(HOURS)
    *_, last = await practice.bodies()
    assert last == (
        "see you as agreed: eye exam Tue Nov 24 at 10:00am, Downtown."
        " Reply R to reschedule, X to cancel."
    )


async def test_a_moved_appointment_moves_its_reminders(practice):
    made = await practice.book(TUESDAY_10, NOW)
    await practice.remind(WEEK)
    thursday = local(2026, 12, 3, 15)
    await practice.move(made, thursday, DAY - MINUTE)
    await tick(practice, DAY, thursday)
    assert [(one["kind"], one["due_at"]) for one in await practice.made()][1:] == [
        ("7d", local(2026, 11, 26, 15)),
        ("24h", local(2026, 12, 2, 15)),
        ("2h", local(2026, 12, 3, 13)),
    ]


async def test_a_cancelled_appointment_has_no_reminders(practice):
    made = await practice.book(TUESDAY_10, NOW)
    await practice.cancel(made, WEEK - MINUTE)
    await tick(practice, WEEK, TUESDAY_10, timedelta(hours=1))
    assert await practice.made() == []


# What is held and no longer so is taken back in the transaction of the change.

EARLY = local(2026, 11, 24, 9)


async def a_held_reminder(held: Practice):
    """The last one of a nine o'clock appointment is due at seven, and waits until eight."""
    made = await held.book(EARLY, NOW)
    assert await held.remind(local(2026, 11, 24, 7)) == 1
    return made


@pytest.mark.parametrize("change", ["move", "place", "cancel", "confirm"])
async def test_a_held_reminder_of_a_changed_appointment_is_taken_back(held, change):
    made = await a_held_reminder(held)
    now = local(2026, 11, 24, 7, 30)
    if change == "move":
        await held.move(made, local(2026, 11, 25, 9), now)
    elif change == "place":
        await held.move(made, EARLY, now, "lakeside")
    else:
        await getattr(held, change)(made, now)
    (text,) = await held.texts()
    assert (text["state"], text["error_code"]) == ("failed", "withdrawn")
    assert text["error_staff"].startswith("This text was taken back before it was sent")
    (event,) = await rows(held.pool, "SELECT code, detail FROM text_event WHERE kind = 'withdrawn'")
    assert event["code"] == "withdrawn"
    assert event["detail"].startswith(f"appointment {made.reference} was changed")
    assert [one["withdrawn"] for one in await held.made()] == [True]
    again = await held.remind(now + MINUTE)
    assert again == int(change == "confirm")  # with other words; who moved it has just been told
    assert ["as agreed" in body for body in await held.bodies()] == [True] * again


async def test_a_change_that_is_undone_takes_nothing_back(held):
    made = await a_held_reminder(held)

    async def fails():
        async with held.pool.connection() as connection, connection.transaction():
            await connection.execute(
                "UPDATE appointment SET state = 'cancelled' WHERE id = %(id)s", {"id": made.id}
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    assert len(await held.bodies("pending")) == 1
    assert [one["withdrawn"] for one in await held.made()] == [False]


async def test_what_has_left_is_not_taken_back(practice, database_url):
    made = await practice.book(TUESDAY_10, NOW)
    await practice.remind(DAY)
    gateway = ScriptedGateway()
    async with delivery_worker(practice.pool, database_url, gateway):
        await until(lambda: practice.bodies("sent"))
    await practice.cancel(made, DAY + MINUTE)
    assert len(await practice.bodies("sent")) == 1
    assert [one["withdrawn"] for one in await practice.made()] == [False]


async def test_one_under_way_that_comes_back_into_the_queue_is_not_sent(practice, database_url):
    """The gateway refuses it for a time while its appointment is cancelled."""
    made = await practice.book(TUESDAY_10, NOW)
    await practice.remind(DAY)
    gateway = ScriptedGateway()
    text = await claimed(practice.pool, gateway, timedelta(seconds=30))
    await practice.cancel(made, DAY + MINUTE)
    await settle(practice.pool, text, "pending", delay=0.1)
    async with delivery_worker(practice.pool, database_url, gateway):
        await until(lambda: practice.bodies("failed"))
    assert gateway.sent == []


async def test_a_text_taken_back_is_never_sent(held, database_url):
    made = await a_held_reminder(held)
    await held.cancel(made, local(2026, 11, 24, 7, 30))
    await rows(held.pool, "UPDATE outbound_text SET next_attempt_at = now() RETURNING 1")
    await held.book(local(2026, 11, 26, 9) + timedelta(days=4), NOW)
    gateway = ScriptedGateway()
    await held.remind(local(2026, 11, 29, 9))
    async with delivery_worker(held.pool, database_url, gateway):
        await until(lambda: held.bodies("sent"))
    assert len(gateway.sent) == 1


# Several appointments, several people


async def test_two_appointments_of_a_day_are_one_text(practice):
    await practice.book(TUESDAY_10, NOW)
    await practice.book(local(2026, 11, 24, 10, 30), NOW, name="Tim Lee")
    await tick(practice, NOW, TUESDAY_10 + timedelta(hours=1))
    bodies = await practice.bodies()
    assert len(bodies) == 3
    assert bodies[1] == (
        "you have several appointments: eye exam Tue Nov 24 at 10:00am, Downtown;"
        " eye exam for Tim Lee, Tue Nov 24 at 10:30am, Downtown."
        f" {REPLY}"
    )
    assert [one["kind"] for one in await practice.made()] == ["7d", "7d", "24h", "24h", "2h", "2h"]
    (slots,) = {repr(row["slots"]) for row in await openings(practice)}
    assert "'pending_change': None" in slots


async def openings(practice: Practice) -> list[dict]:
    return await rows(practice.pool, "SELECT * FROM opening ORDER BY 1")


async def test_an_answer_to_a_reminder_of_one_is_about_it(practice):
    made = await practice.book(TUESDAY_10, NOW)
    await practice.remind(WEEK)
    (opening,) = await openings(practice)
    assert opening["slots"]["appointment"] == made.reference
    assert opening["slots"]["pending_change"]["appointment_id"] == made.id
    assert opening["answers"]["r"].startswith("/reschedule_appointment")


async def test_hours_before_each_of_two_that_are_far_apart_has_its_own(practice):
    await practice.book(TUESDAY_10, NOW)
    await practice.book(local(2026, 11, 24, 17), NOW, name="Tim Lee")
    await tick(practice, NOW, local(2026, 11, 24, 18))
    assert [one["kind"] for one in await practice.made()] == ["7d", "7d", "24h", "24h", "2h", "2h"]
    assert len(await practice.bodies()) == 4


async def test_when_one_of_two_is_cancelled_the_other_is_still_reminded_of(held):
    await held.book(EARLY, NOW)
    other = await held.book(local(2026, 11, 24, 9, 30), NOW, name="Tim Lee")
    assert await held.remind(local(2026, 11, 24, 7)) == 1
    await held.cancel(other, local(2026, 11, 24, 7, 15))
    assert await held.bodies("pending") == []
    assert await held.remind(local(2026, 11, 24, 7, 16)) == 1
    (body,) = await held.bodies("pending")
    assert body.startswith("see you soon: eye exam Tue Nov 24 at 9:00am, Downtown")


async def test_who_comes_is_named_where_it_is_not_the_owner_of_the_phone(practice):
    await practice.book(TUESDAY_10, NOW, name="Tim Lee")
    await practice.remind(DAY)
    assert await practice.bodies() == [
        f"a reminder of your eye exam for Tim Lee, Tue Nov 24 at 10:00am, Downtown. {REPLY}"
    ]


async def test_a_service_without_reminders_has_none(practice):
    await rows(practice.pool, "UPDATE service SET reminders = '{}' RETURNING 1")
    await practice.book(TUESDAY_10, NOW)
    await tick(practice, NOW, TUESDAY_10, timedelta(hours=1))
    assert await practice.made() == []


async def test_the_plan_of_a_service_is_in_the_catalogue(practice):
    async with practice.pool.connection() as connection:
        catalogue = await load_catalogue(connection)
    assert catalogue.service("eye_exam").reminders == ("7d", "24h", "2h")
    assert catalogue.service("eye_exam").recall_months == 12


async def test_a_plan_that_is_written_wrongly_loads_nothing(practice, monkeypatch):
    wrong = {"eye_exam": {"name": "eye exam", "minutes": 30, "reminders": ["7d", "soon"]}}
    harbor = practice_sample._harbor() | {"services": wrong}
    monkeypatch.setattr(practice_sample, "_harbor", lambda: harbor)
    async with practice.pool.connection() as connection:
        with pytest.raises(WrongCatalogue) as error:
            await practice_sample.load_sample(connection, NOW)
        catalogue = await load_catalogue(connection)
    assert sentence(error.value) == (
        "practice.wrong-catalogue: practice/harbor.yml, eye_exam: 'soon' is no time before an"
        " appointment; write 7d or 24h"
    )
    assert catalogue.service("eye_exam").reminders == ("7d", "24h", "2h")


@pytest.mark.parametrize("key", ["1d", "26h"])
async def test_a_reminder_that_is_given_another_time_is_not_sent_again(practice, key):
    await practice.book(TUESDAY_10, NOW)
    await practice.remind(DAY)
    await rows(practice.pool, "UPDATE service SET reminders = %(it)s RETURNING 1", it=[key, "2h"])
    await tick(practice, DAY, TUESDAY_10)
    assert [one["kind"] for one in await practice.made()] == ["24h", "2h"]


# Refusals, and what breaks


async def test_who_opted_out_is_on_record_and_not_tried_again(practice):
    made = await practice.book(TUESDAY_10, NOW)
    await opt_out(practice)
    assert await practice.remind(DAY) == 1
    assert await practice.remind(DAY + MINUTE) == 0
    (one,) = await practice.made()
    assert (one["appointment_id"], one["refusal"]) == (made.id, "notice.opted-out")
    assert await practice.texts() == []


async def opt_out(practice: Practice) -> None:
    event = ConsentEvent(
        phone=PHONE,
        direction=Direction.REVOKE,
        scope=ALL,
        method=Method.VERBAL,
        actor="front desk",
        recorded_at=NOW,
        captured_at=NOW,
    )
    async with practice.pool.connection() as connection:
        await record(connection, [event])


async def test_one_phone_that_fails_stops_no_other(practice, monkeypatch):
    await practice.book(TUESDAY_10, NOW)
    await practice.book(TUESDAY_10, NOW, phone="+12125550191", name="Bo Kim")
    enqueue = NoticeDesk.enqueue

    async def fails(desk, connection, notice, now):
        if notice.phone == PHONE:
            raise RuntimeError("a bug")
        return await enqueue(desk, connection, notice, now)

    monkeypatch.setattr(NoticeDesk, "enqueue", fails)
    with capture_logs() as logs:
        assert await practice.remind(DAY) == 1
    assert [log["event"] for log in logs] == ["reminders.broken", "reminders.made"]
    monkeypatch.undo()
    assert await practice.remind(DAY + MINUTE) == 1
    assert len(await practice.bodies()) == 2


async def test_a_text_that_is_not_in_the_file_is_told_before_anything_is_sent(practice):
    await practice.book(TUESDAY_10, NOW)
    names = {one.name: one for one in TEXTS if one.name != "reminder_several"}
    async with practice.pool.connection() as connection:
        with pytest.raises(UnknownTemplate, match="reminder_several"):
            await reminders.remind(connection, practice.desk, Templates(names, TEXTS.common), DAY)
    assert await practice.texts() == []


# Many at once, killed at any step


async def test_eight_at_once_remind_once(practice):
    for n in range(12):
        await practice.book(
            TUESDAY_10 + timedelta(minutes=30 * (n // 3)), NOW, phone=f"+1212555{n:04}"
        )
    made = [await asyncio.gather(*(practice.remind(at) for _ in range(8))) for at in [DAY, DAY]]
    assert sum(map(sum, made)) == 3  # three begin at ten
    await asyncio.gather(*(practice.remind(DAY + timedelta(hours=2)) for _ in range(8)))
    assert len(await practice.bodies()) == len(await practice.made()) == 12


async def test_while_a_customer_is_being_changed_nobody_is_reminded(practice):
    """What is changed commits first or after it; it is never between reading and texting."""
    made = await practice.book(TUESDAY_10, NOW)
    async with practice.pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM customer FOR UPDATE")
        assert await practice.remind(DAY) == 0
    async with practice.pool.connection() as connection, connection.transaction():
        await connection.execute(
            "UPDATE appointment SET state = 'cancelled' WHERE id = %(id)s", {"id": made.id}
        )
        waits = asyncio.create_task(practice.remind(DAY))
        await until(lambda: rows(practice.pool, WAITING))
    assert await waits == 0
    assert await practice.texts() == []


WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.mark.parametrize("table", ["outbound_text", "reminder"])
async def test_who_is_killed_in_the_middle_leaves_nothing_and_it_is_done_again(
    practice, database_url, table
):
    """The connection dies while the row is being written: before the text, and between the two."""
    await practice.book(TUESDAY_10, NOW)
    async with await psycopg.AsyncConnection.connect(database_url) as blocks:
        await blocks.execute(f"LOCK TABLE {table} IN SHARE MODE")
        dies = asyncio.create_task(practice.remind(DAY))
        (waiting,) = await until(
            lambda: rows(practice.pool, WAITING.replace("SELECT", "SELECT pid"))
        )
        await rows(practice.pool, "SELECT pg_terminate_backend(%(pid)s)", pid=waiting["pid"])
        with pytest.raises(psycopg.OperationalError):
            await dies
    assert await practice.texts() == []
    assert await practice.made() == []
    assert await practice.remind(DAY + MINUTE) == 1
    assert len(await practice.bodies()) == 1


async def test_the_database_lets_no_reminder_through_twice(practice):
    await practice.book(TUESDAY_10, NOW)
    await practice.remind(DAY)
    again = """INSERT INTO reminder (appointment_id, kind, location_id, start, due_at, made_at,
        text_ids) SELECT appointment_id, kind, location_id, start, due_at, made_at, text_ids
        FROM reminder RETURNING 1"""
    with pytest.raises(UniqueViolation, match="reminder_once"):
        await rows(practice.pool, again)
    for wrong in ("text_ids = '{}'", "refusal = 'notice.opted-out'", "kind = 'soon'"):
        with pytest.raises(CheckViolation):
            await rows(practice.pool, f"UPDATE reminder SET {wrong} RETURNING 1")
    with pytest.raises(CheckViolation, match="service_reminders"):
        await rows(practice.pool, "UPDATE service SET reminders = '{soon}' RETURNING 1")


def back_to(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


async def test_the_tables_of_reminders_go_and_come_back(practice, database_url):
    made = await practice.book(TUESDAY_10, NOW)
    await practice.remind(DAY)
    await practice.mark("missed", made, TUESDAY_10)
    await asyncio.to_thread(back_to, database_url, "0008")
    (row,) = await rows(practice.pool, "SELECT state FROM appointment")
    assert row["state"] == "booked"
    await asyncio.to_thread(migrate, database_url)
    assert await practice.made() == []
