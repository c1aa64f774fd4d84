"""Free times read from a real appointment book, and the sample business that fills it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from database.pool import Connection, Pool
from practice.appointments import cancel, upcoming
from practice.catalogue import load_catalogue
from practice.customers import customer_by_phone
from practice.offers import LEAD, half_day
from practice.sample import load_sample
from practice.slots import free_slots, is_free, nearest_slots

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)  # a Sunday; Thursday is Thanksgiving

FILL = """
INSERT INTO appointment (reference, customer_id, customer_name, service_id, location_id, staff_id,
    during, created_at, updated_at)
SELECT 'HEC-' || staff.id || '-' || n, customer.id, customer.name,
    (SELECT id FROM service WHERE key = 'eye_exam'), location_id, staff.id,
    tstzrange(at, at + interval '30 minutes'), %(now)s, %(now)s
FROM staff, customer, generate_series(0, %(days)s * 48) AS n,
    LATERAL (SELECT %(midnight)s + n * interval '30 minutes' AS at) AS moment
WHERE customer.phone = '+12125550103'
    AND extract(hour FROM at AT TIME ZONE 'America/New_York') BETWEEN 9 AND 17
    AND NOT EXISTS (SELECT FROM appointment WHERE staff_id = staff.id
    AND during && tstzrange(at, at + interval '30 minutes'))
"""


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=NEW_YORK).astimezone(UTC)


@pytest.fixture
async def connection(pool: Pool):
    async with pool.connection() as connection:
        await load_sample(connection, NOW)
        yield connection


async def fill(connection: Connection, days: int) -> None:
    """Give everybody something to do all day, from today on."""
    await connection.execute(FILL, {"now": NOW, "days": days, "midnight": local(2026, 11, 22)})


async def test_the_catalogue_of_the_sample(connection: Connection):
    catalogue = await load_catalogue(connection)
    assert {one.key: one.minutes for one in catalogue.services.values()} == {
        "eye_exam": 30,
        "contact_lens_exam": 45,
    }
    assert list(catalogue.locations) == ["downtown", "lakeside"]
    assert len(catalogue.staff) == 6
    for location in catalogue.locations:
        assert len(catalogue.staff_for("contact_lens_exam", location)) == 2
        week = [catalogue.hours_on(location, local(2026, 11, 30 - n, 12).date()) for n in range(7)]
        assert [len(hours) for hours in week] == [1, 0, 1, 1, 0, 1, 1]  # back from Monday


async def test_the_sample_loads_once_a_day_from_anywhere(pool: Pool):
    async def load(now: datetime) -> None:
        async with pool.connection() as connection:
            await load_sample(connection, now)

    async def appointments(connection: Connection) -> list[dict]:
        return await (await connection.execute("SELECT * FROM appointment ORDER BY id")).fetchall()

    await asyncio.gather(*(load(NOW) for _ in range(4)))
    async with pool.connection() as connection:
        first = await appointments(connection)
        assert len(first) == 7
        (maria,) = await upcoming(connection, "+12125550101", NOW)
        assert maria.customer_name == "Maria Lopez"
        assert maria.start == local(2026, 11, 23, 10)
        assert len(await upcoming(connection, "+12125550102", NOW)) == 2
        assert await upcoming(connection, "+12125550103", NOW) == []
        assert await customer_by_phone(connection, "+12125550100") is None

        await cancel(connection, "c", phone=maria.phone, appointment_id=maria.id, now=NOW)
        await load(NOW + timedelta(hours=1))
        assert await upcoming(connection, maria.phone, NOW) == []
        assert len(await appointments(connection)) == 7

        tuesday = NOW + timedelta(days=2)
        await load(tuesday)
        (again,) = await upcoming(connection, maria.phone, tuesday)
        assert again.start == local(2026, 11, 25, 10)


@pytest.mark.parametrize("location", ["downtown", None])
async def test_free_times_are_spread_and_free(connection: Connection, location: str | None):
    catalogue = await load_catalogue(connection)
    slots = await free_slots(
        connection,
        catalogue,
        service="contact_lens_exam",
        location=location,
        windows=[],
        now=NOW,
        limit=4,
    )
    assert len({half_day(slot) for slot in slots}) == len(slots) == 4
    for slot in slots:
        assert await is_free(
            connection,
            catalogue,
            service="contact_lens_exam",
            location=slot.location.key,
            start=slot.start,
            now=NOW,
        )


async def test_nothing_starts_within_the_next_hour(connection: Connection):
    catalogue = await load_catalogue(connection)
    now = local(2026, 11, 24, 9, 50)
    slots = await free_slots(
        connection,
        catalogue,
        service="eye_exam",
        location="downtown",
        windows=[(local(2026, 11, 24), local(2026, 11, 24, 12))],
        now=now,
        limit=10,
    )
    assert min(slot.start for slot in slots) == local(2026, 11, 24, 11)
    assert all(slot.start - now >= LEAD for slot in slots)


async def test_an_appointment_that_moves_does_not_stand_in_its_own_way(connection: Connection):
    catalogue = await load_catalogue(connection)
    await fill(connection, 10)
    (maria,) = await upcoming(connection, "+12125550101", NOW)
    at = {"service": "eye_exam", "location": "downtown", "start": maria.start, "now": NOW}
    assert not await is_free(connection, catalogue, **at)
    assert await is_free(connection, catalogue, **at, ignoring=maria.id)


async def test_a_full_book_is_searched_on_into_the_weeks_after(connection: Connection):
    catalogue = await load_catalogue(connection)
    await fill(connection, 28)
    wish = {"service": "eye_exam", "location": "downtown", "now": NOW, "limit": 2}
    slots = await free_slots(connection, catalogue, windows=[], **wish)
    assert [slot.start for slot in slots] == [
        local(2026, 12, 21, 9),
        local(2026, 12, 21, 12),
    ]
    close = await nearest_slots(connection, catalogue, wanted=NOW, **wish)
    assert [slot.start for slot in close] == [
        local(2026, 12, 21, 9),
        local(2026, 12, 21, 9, 15),
    ]


@pytest.mark.parametrize("wanted", [local(2026, 12, 8, 15, 10), local(2026, 11, 24, 9), NOW])
async def test_the_nearest_are_the_nearest_of_all(connection: Connection, wanted: datetime):
    catalogue = await load_catalogue(connection)
    await fill(connection, 9)
    wish = {"service": "contact_lens_exam", "location": "downtown", "now": NOW}
    every = await free_slots(
        connection, catalogue, windows=[(NOW, NOW + timedelta(days=60))], limit=5000, **wish
    )
    assert len(every) > 500
    found = await nearest_slots(connection, catalogue, wanted=wanted, limit=5, **wish)
    by_distance = sorted(every, key=lambda slot: (abs(slot.start - wanted), slot.start))
    assert found == by_distance[:5]
