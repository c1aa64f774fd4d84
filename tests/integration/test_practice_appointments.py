"""Booking, confirming, moving and cancelling, on a real PostgreSQL and with many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from psycopg.errors import ExclusionViolation

from database.pool import Connection, Pool
from practice import errors
from practice.appointments import (
    Appointment,
    book,
    cancel,
    confirm,
    reschedule,
    upcoming,
)
from practice.catalogue import load_catalogue
from practice.customers import customer_by_phone, remember_customer
from practice.references import make_reference
from practice.sample import load_sample
from practice.slots import free_slots, is_free, nearest_slots

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)  # a Sunday
PHONE = "+12125550190"
ABLE = {"eye_exam": 3, "contact_lens_exam": 2}  # staff at each location


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=NEW_YORK).astimezone(UTC)


FRIDAY_10 = local(2026, 11, 27, 10)
FRIDAY_11 = local(2026, 11, 27, 11)


@pytest.fixture
async def harbor(pool: Pool) -> Pool:
    async with pool.connection() as connection:
        await load_sample(connection, NOW)
    return pool


@pytest.fixture
async def connection(harbor: Pool):
    async with harbor.connection() as connection:
        yield connection


async def booked(connection: Connection, key: str = "k", **other) -> Appointment:
    wanted = {
        "phone": PHONE,
        "name": "Ann Lee",
        "service": "eye_exam",
        "location": "downtown",
        "start": FRIDAY_10,
        "now": NOW,
    }
    return await book(connection, key, **wanted | other)


async def outcomes(
    pool: Pool, calls: list[Callable[[Connection], Awaitable[Appointment]]]
) -> tuple[list[Appointment], list[BaseException]]:
    async def one(call):
        async with pool.connection() as connection:
            return await call(connection)

    results = await asyncio.gather(*map(one, calls), return_exceptions=True)
    done = [one for one in results if isinstance(one, Appointment)]
    return done, [one for one in results if isinstance(one, BaseException)]


async def count(connection: Connection, table: str) -> int:
    row = await (await connection.execute(f"SELECT count(*) FROM {table}")).fetchone()
    return row["count"]


@pytest.mark.parametrize("service", ABLE)
async def test_fifty_racing_for_one_time(harbor: Pool, service: str):
    done, failed = await outcomes(
        harbor,
        [
            lambda connection, n=n: booked(
                connection, f"race-{n}", phone=f"+1212555{n:04}", service=service
            )
            for n in range(50)
        ],
    )
    assert len(done) == ABLE[service]
    assert len({one.staff for one in done}) == len({one.reference for one in done}) == len(done)
    assert len(failed) == 50 - len(done)
    async with harbor.connection() as connection:
        catalogue = await load_catalogue(connection)
        for error in failed:
            assert isinstance(error, errors.SlotTaken)
            assert len(error.nearest) == 3
        for slot in failed[-1].nearest:
            assert await is_free(
                connection,
                catalogue,
                service=service,
                location=slot.location.key,
                start=slot.start,
                now=NOW,
            )
            assert slot.start != FRIDAY_10


async def test_as_many_as_there_are_staff_all_get_a_time_that_they_want_at_once(harbor: Pool):
    """Nobody is turned away because of a collision over one of the staff while another is free."""
    calls = [
        lambda connection, n=n, place=place, round_=round_: booked(
            connection,
            f"{round_}-{place}-{n}",
            phone=f"+1212555{n:04}",
            location=place,
            start=FRIDAY_10 + timedelta(minutes=45 * round_),
        )
        for round_ in range(8)
        for place in ("downtown", "lakeside")
        for n in range(ABLE["eye_exam"])
    ]
    done, failed = await outcomes(harbor, calls)
    assert failed == []
    assert len(done) == len(calls)


async def test_many_moving_to_one_time_never_deadlock(harbor: Pool):
    async with harbor.connection() as connection:
        made = [
            await booked(connection, f"b-{n}", start=FRIDAY_11 + timedelta(minutes=30 * (n // 3)))
            for n in range(12)
        ]
    done, failed = await outcomes(
        harbor,
        [
            lambda connection, one=one: reschedule(
                connection,
                f"m-{one.id}",
                phone=PHONE,
                appointment_id=one.id,
                start=FRIDAY_10,
                now=NOW,
            )
            for one in made
        ],
    )
    assert len(done) == 3
    assert all(isinstance(error, errors.SlotTaken) for error in failed)


async def test_the_same_key_twenty_times_at_once(harbor: Pool):
    async with harbor.connection() as connection:
        before = await count(connection, "appointment")
    done, failed = await outcomes(harbor, [lambda connection: booked(connection, "same")] * 20)
    assert failed == []
    assert len(done) == 20
    assert all(one == done[0] for one in done)
    async with harbor.connection() as connection:
        assert await count(connection, "appointment") == before + 1


async def test_a_repeated_key_gives_the_first_result_whatever_came_after(connection: Connection):
    first = await booked(connection, "k1")
    await cancel(connection, "k2", phone=PHONE, appointment_id=first.id, now=NOW)
    late = FRIDAY_10 + timedelta(days=3)
    assert await booked(connection, "k1", now=late) == first
    repeated = await cancel(connection, "k2", phone=PHONE, appointment_id=first.id, now=late)
    assert repeated.state == "cancelled"
    assert await upcoming(connection, PHONE, NOW) == []


async def test_a_key_of_another_change_is_refused(connection: Connection):
    first = await booked(connection, "k1")
    with pytest.raises(errors.KeyReused):
        await confirm(connection, "k1", phone=PHONE, appointment_id=first.id, now=NOW)
    with pytest.raises(errors.KeyReused):
        await booked(connection, "k1", phone="+12125550191")


async def test_a_failed_change_leaves_nothing_and_its_key_free(connection: Connection):
    with pytest.raises(errors.OutsideHours):
        await booked(connection, "k1", start=local(2026, 11, 27, 20))
    assert await customer_by_phone(connection, PHONE) is None
    assert (await booked(connection, "k1")).start == FRIDAY_10


async def test_the_database_refuses_a_doubled_time(connection: Connection):
    made = await booked(connection)
    copy = """
        INSERT INTO appointment (reference, customer_id, customer_name, service_id, location_id,
            staff_id, during, state, created_at, updated_at)
        SELECT 'HEC-XXXX', customer_id, customer_name, service_id, location_id, staff_id,
            tstzrange(lower(during) + %(shift)s, upper(during) + %(shift)s), %(state)s,
            created_at, updated_at
        FROM appointment WHERE id = %(id)s
    """
    for minutes in (-15, 0, 29):
        with pytest.raises(ExclusionViolation):
            await connection.execute(
                copy,
                {"id": made.id, "shift": timedelta(minutes=minutes), "state": "booked"},
            )
    await connection.execute(
        copy, {"id": made.id, "shift": timedelta(minutes=30), "state": "booked"}
    )
    await connection.execute(
        copy.replace("XXXX", "YYYY"), {"id": made.id, "shift": timedelta(0), "state": "cancelled"}
    )


async def test_who_writes_past_the_lock_makes_slot_taken_not_a_crash(harbor: Pool):
    """The front desk may write to the table by other means, at the same moment."""
    async with harbor.connection() as desk, harbor.connection() as connection:
        made = await booked(desk, "pattern", service="contact_lens_exam")
        await cancel(desk, "undo", phone=PHONE, appointment_id=made.id, now=NOW)
        async with desk.transaction():
            await desk.execute("UPDATE appointment SET state = 'booked' WHERE id = %s", [made.id])
            waiting = asyncio.create_task(booked(connection, "late", service="contact_lens_exam"))
            await asyncio.sleep(0.2)
            assert not waiting.done()
        with pytest.raises(errors.SlotTaken) as raised:
            await waiting
        assert len(raised.value.nearest) == 3


async def test_confirm_move_and_cancel(connection: Connection):
    made = await booked(connection, "k1")
    assert made.reference == make_reference("k1")
    assert (made.state, made.customer_name, made.start) == ("booked", "Ann Lee", FRIDAY_10)
    change = {"phone": PHONE, "appointment_id": made.id, "now": NOW}

    confirmed = await confirm(connection, "k2", **change)
    assert confirmed.state == "confirmed"
    assert (await confirm(connection, "k3", **change)).state == "confirmed"

    moved = await reschedule(connection, "k4", **change, start=FRIDAY_11, location="lakeside")
    assert moved.reference == made.reference
    assert (moved.start, moved.location.key, moved.state) == (FRIDAY_11, "lakeside", "booked")
    assert await upcoming(connection, PHONE, NOW) == [moved]

    cancelled = await cancel(connection, "k5", **change)
    assert cancelled.state == "cancelled"
    for repeat in (cancel, confirm):
        with pytest.raises(errors.AlreadyCancelled):
            await repeat(connection, f"again-{repeat.__name__}", **change)

    history = await connection.execute(
        "SELECT key, kind, result->>'state' AS state, created_at FROM practice_change"
        " WHERE appointment_id = %s ORDER BY key",
        [made.id],
    )
    assert [(row["key"], row["kind"], row["state"]) for row in await history.fetchall()] == [
        ("k1", "book", "booked"),
        ("k2", "confirm", "confirmed"),
        ("k3", "confirm", "confirmed"),
        ("k4", "reschedule", "booked"),
        ("k5", "cancel", "cancelled"),
    ]


async def test_moving_a_little_overlaps_itself_and_keeps_who_sees_the_customer(
    connection: Connection,
):
    made = [await booked(connection, f"k{n}") for n in range(3)]
    mine = made[1]
    moved = await reschedule(
        connection,
        "move",
        phone=PHONE,
        appointment_id=mine.id,
        start=FRIDAY_10 + timedelta(minutes=15),
        now=NOW,
    )
    assert moved.staff == mine.staff


async def test_cancelling_frees_the_time(connection: Connection):
    made = [await booked(connection, f"k{n}") for n in range(3)]
    with pytest.raises(errors.SlotTaken):
        await booked(connection, "k4")
    await cancel(connection, "c", phone=PHONE, appointment_id=made[1].id, now=NOW)
    again = await booked(connection, "k4")
    assert again.staff == made[1].staff


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"service": "massage"}, errors.UnknownService, "eye_exam"),
        ({"location": "uptown"}, errors.UnknownLocation, "lakeside"),
        ({"start": NOW}, errors.InThePast, "over"),
        ({"start": local(2026, 11, 26, 10)}, errors.OutsideHours, "closed"),  # Thanksgiving
        ({"start": local(2026, 11, 29, 10)}, errors.OutsideHours, "closed"),  # a Sunday
        ({"start": local(2026, 11, 28, 13, 45)}, errors.OutsideHours, "10:00am-2:00pm"),
        ({"start": local(2026, 11, 27, 8, 45)}, errors.OutsideHours, "9:00am-6:00pm"),
        ({"start": local(2026, 11, 27, 10, 10)}, errors.SlotTaken, "downtown"),
        ({"start": local(2028, 11, 27, 10)}, errors.SlotTaken, "downtown"),
        ({"name": "  "}, ValueError, "blank"),
    ],
)
async def test_what_cannot_be_booked(connection: Connection, wrong, error, says):
    with pytest.raises(error, match=says):
        await booked(connection, **wrong)
    assert await upcoming(connection, PHONE, NOW) == []


async def test_hours_and_nearest_come_as_data(connection: Connection):
    with pytest.raises(errors.OutsideHours) as closed:
        await booked(connection, start=local(2026, 11, 28, 15))
    assert closed.value.hours == "10:00am-2:00pm"
    with pytest.raises(errors.SlotTaken) as off_grid:
        await booked(connection, start=local(2026, 11, 27, 10, 10))
    assert [slot.start for slot in off_grid.value.nearest] == [
        local(2026, 11, 27, 10, 15),
        local(2026, 11, 27, 10),
        local(2026, 11, 27, 10, 30),
    ]


async def test_another_phone_cannot_touch_it_nor_can_anybody_once_it_began(
    connection: Connection,
):
    made = await booked(connection)
    for change in (confirm, cancel):
        with pytest.raises(errors.NotFound):
            await change(connection, "x", phone="+12125550191", appointment_id=made.id, now=NOW)
        with pytest.raises(errors.InThePast):
            await change(connection, "y", phone=PHONE, appointment_id=made.id, now=FRIDAY_10)
    with pytest.raises(errors.NotFound):
        await reschedule(
            connection,
            "z",
            phone="+12125550191",
            appointment_id=made.id,
            start=FRIDAY_11,
            now=NOW,
        )
    during = FRIDAY_10 + timedelta(minutes=29)
    assert await upcoming(connection, PHONE, during) == [made]
    assert await upcoming(connection, PHONE, during + timedelta(minutes=1)) == []


async def test_a_reference_in_use_is_passed_over(connection: Connection):
    made = await booked(connection, "k1")
    await connection.execute(
        "UPDATE appointment SET reference = %s WHERE id = %s", [make_reference("k2"), made.id]
    )
    assert (await booked(connection, "k2")).reference == make_reference("k2", 1)


async def test_a_booking_keeps_the_name_of_a_known_customer(connection: Connection):
    await remember_customer(connection, PHONE, " Ann  Lee ")
    made = await booked(connection, name="Ben Lee")
    assert made.customer_name == "Ben Lee"
    customer = await customer_by_phone(connection, PHONE)
    assert customer is not None
    assert customer.name == "Ann Lee"
    assert (await remember_customer(connection, PHONE, "Ann Roe")).name == "Ann Roe"


async def test_nearest_go_to_the_other_location_when_one_is_full(connection: Connection):
    catalogue = await load_catalogue(connection)
    await connection.execute(
        "DELETE FROM staff_service WHERE staff_id IN (SELECT staff.id FROM staff JOIN location"
        " ON location.id = location_id WHERE location.key = 'lakeside')"
    )
    with pytest.raises(errors.SlotTaken) as raised:
        await booked(connection, location="lakeside")
    assert {slot.location.key for slot in raised.value.nearest} == {"downtown"}
    slots = await nearest_slots(
        connection,
        catalogue,
        service="eye_exam",
        location="downtown",
        wanted=FRIDAY_10,
        now=NOW,
        limit=1,
    )
    assert [slot.start for slot in slots] == [FRIDAY_10]
    assert (
        await free_slots(
            connection,
            catalogue,
            service="eye_exam",
            location=None,
            windows=[(local(2026, 11, 26), local(2026, 11, 27))],  # Thanksgiving
            now=NOW,
            limit=3,
        )
        == []
    )
