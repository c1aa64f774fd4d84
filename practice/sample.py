"""The sample business, Harbor Eye Care: ``harbor.yml``, loaded into the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from database.pool import Connection
from practice.appointments import book, upcoming
from practice.catalogue import Catalogue, load_catalogue
from practice.customers import remember_customer
from practice.leads import parse_leads, parse_recall
from practice.slots import nearest_slots

HARBOR = Path(__file__).with_name("harbor.yml")
LOCK = 0x11_77_E8  # any number, the same for every process that loads the sample

UPSERT_SERVICE = """
INSERT INTO service (key, name, minutes, reminders, recall_months)
VALUES (%(key)s, %(name)s, %(minutes)s, %(reminders)s, %(recall)s)
ON CONFLICT (key) DO UPDATE SET name = excluded.name, minutes = excluded.minutes,
    reminders = excluded.reminders, recall_months = excluded.recall_months
"""
UPSERT_LOCATION = """
INSERT INTO location (key, name, address, timezone)
VALUES (%(key)s, %(name)s, %(address)s, %(timezone)s)
ON CONFLICT (key) DO UPDATE
    SET name = excluded.name, address = excluded.address, timezone = excluded.timezone
RETURNING id
"""
UPSERT_STAFF = """
INSERT INTO staff (location_id, name) VALUES (%(location)s, %(name)s)
ON CONFLICT (location_id, name) DO UPDATE SET name = excluded.name
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class SamplePhone:
    """A phone to practise with.

    Attributes:
        phone: E.164.
        who: whose it is, in a few words.
        name: of the customer, None for a new one.
    """

    phone: str
    who: str
    name: str | None


@cache
def _harbor() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(HARBOR.read_text(encoding="utf-8"))
    return loaded


def sample_phones() -> list[SamplePhone]:
    """The phones to practise with, as ``harbor.yml`` lists them."""
    return [
        SamplePhone(phone, one["who"], one.get("name"))
        for phone, one in _harbor()["phones"].items()
    ]


async def load_sample(connection: Connection, now: datetime) -> None:
    """Load the sample business; again on the same day it changes nothing, from anywhere at once.

    On a later day, customers of the sample with fewer appointments to come than the file lists get
    them anew, so that there is always something to confirm. No appointment is changed or removed.

    Args:
        connection: to write with.
        now: aware; the appointments lie on the open days after it.

    Raises:
        WrongCatalogue: reminders or a recall are written wrongly; the detail says what to write.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%(lock)s)", {"lock": LOCK})
        await _load_business(connection)
    # Outside of that transaction, so that a booking meanwhile waits for one of these, not for all.
    catalogue = await load_catalogue(connection)
    for phone, one in (_harbor()["phones"] | _harbor()["customers"]).items():
        if "name" in one:
            await _load_customer(connection, catalogue, phone, one, now=now)


async def _load_business(connection: Connection) -> None:
    harbor = _harbor()
    for key, service in harbor["services"].items():
        where = f"practice/{HARBOR.name}, {key}"
        plan = {
            "reminders": list(parse_leads(service.get("reminders"), where)),
            "recall": parse_recall(service.get("recall"), where),
        }
        await connection.execute(UPSERT_SERVICE, {"key": key, **service, **plan})
    for key, one in harbor["locations"].items():
        columns = {name: one[name] for name in ("name", "address")}
        columns |= {"key": key, "timezone": harbor["timezone"]}
        location = {"location": await _upsert(connection, UPSERT_LOCATION, columns)}
        for table in ("opening_hours", "closure"):
            await connection.execute(
                f"DELETE FROM {table} WHERE location_id = %(location)s", location
            )
        await _load_times(connection, location, one["hours"], harbor["closures"])
        for name, services in one["staff"].items():
            staff = await _upsert(connection, UPSERT_STAFF, {"name": name, **location})
            await _load_skills(connection, staff, services)


async def _upsert(connection: Connection, statement: str, columns: dict[str, Any]) -> int:
    row = await (await connection.execute(statement, columns)).fetchone()
    if row is None:  # an upsert that updates has a row always
        raise AssertionError
    return int(row["id"])


async def _load_times(
    connection: Connection,
    location: dict[str, int],
    hours: dict[int, list[tuple[str, str]]],
    closures: dict[date, str],
) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO opening_hours (location_id, weekday, opens, closes)
            VALUES (%(location)s, %(weekday)s, %(opens)s, %(closes)s)
            """,
            [
                location | {"weekday": weekday, "opens": opens, "closes": closes}
                for weekday, stretches in hours.items()
                for opens, closes in stretches
            ],
        )
        await cursor.executemany(
            "INSERT INTO closure (location_id, day, reason)"
            " VALUES (%(location)s, %(day)s, %(reason)s)",
            [location | {"day": day, "reason": reason} for day, reason in closures.items()],
        )


async def _load_skills(connection: Connection, staff: int, services: list[str]) -> None:
    await connection.execute(
        "DELETE FROM staff_service WHERE staff_id = %(staff)s", {"staff": staff}
    )
    await connection.execute(
        "INSERT INTO staff_service (staff_id, service_id)"
        " SELECT %(staff)s, id FROM service WHERE key = ANY(%(services)s)",
        {"staff": staff, "services": services},
    )


async def _load_customer(
    connection: Connection, catalogue: Catalogue, phone: str, one: dict[str, Any], *, now: datetime
) -> None:
    await remember_customer(connection, phone, one["name"])
    there = len(await upcoming(connection, phone, now))
    for number, wanted in list(enumerate(one.get("appointments", ())))[there:]:
        zone = ZoneInfo(catalogue.location(wanted["location"]).timezone)
        today = now.astimezone(zone).date()
        day = _open_day(catalogue, wanted["location"], today, wanted["open_day"])
        moment = datetime.combine(day, time.fromisoformat(wanted["at"]), zone).astimezone(UTC)
        service, location = wanted["service"], wanted["location"]
        slots = await nearest_slots(
            connection,
            catalogue,
            service=service,
            location=location,
            wanted=moment,
            now=now,
            limit=1,
        )
        for slot in slots:
            await book(
                connection,
                f"sample:{today.isoformat()}:{phone}:{number}",
                phone=phone,
                name=one["name"],
                service=service,
                location=location,
                start=slot.start,
                now=now,
            )


def _open_day(catalogue: Catalogue, location: str, after: date, number: int) -> date:
    """The so-many-th day after a day on which a location is open."""
    day = after
    while number > 0:
        day += timedelta(days=1)
        number -= bool(catalogue.hours_on(location, day))
    return day
