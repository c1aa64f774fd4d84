"""What the business offers, where, by whom and when it is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Self

from database.pool import Connection
from practice.errors import UnknownLocation, UnknownService


@dataclass(frozen=True, slots=True)
class Service:
    """Something a customer can come for.

    Attributes:
        id: in the database.
        key: as the assistant names it: ``eye_exam``.
        name: as a text says it: ``eye exam``.
        minutes: how long it takes.
        reminders: how long before it customers are reminded, the longest time first: ``7d``.
        recall_months: after how many months it is due again; None where nobody is called back.
    """

    id: int
    key: str
    name: str
    minutes: int
    reminders: tuple[str, ...] = ()
    recall_months: int | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The service of a row, or of what was kept of it by an earlier release."""
        return cls(**{**stored, "reminders": tuple(stored.get("reminders", ()))})


@dataclass(frozen=True, slots=True)
class Location:
    """A place where customers are seen.

    Attributes:
        id: in the database.
        key: as the assistant names it: ``downtown``.
        name: as a text says it: ``Downtown``.
        address: street and town on one line.
        timezone: IANA name; opening hours are on its wall clock.
    """

    id: int
    key: str
    name: str
    address: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Hours:
    """One stretch of a weekday (0 is Monday) in which a location is open, on its wall clock."""

    weekday: int
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who sees customers: at which location (key) and for which services (keys)."""

    id: int
    name: str
    location: str
    services: frozenset[str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of it, as it stood when it was loaded.

    Attributes:
        services: by key.
        locations: by key.
        staff: everybody.
        hours: of each location by its key.
        closures: days on which a location, by its key, stays closed.
    """

    services: Mapping[str, Service]
    locations: Mapping[str, Location]
    staff: tuple[Staff, ...]
    hours: Mapping[str, tuple[Hours, ...]]
    closures: Mapping[str, frozenset[date]]

    def service(self, key: str) -> Service:
        """The service with this key.

        Raises:
            UnknownService: there is none; the detail names those that there are.
        """
        if key not in self.services:
            raise UnknownService(f"no service {key!r}; there are {', '.join(self.services)}")
        return self.services[key]

    def location(self, key: str) -> Location:
        """The location with this key.

        Raises:
            UnknownLocation: there is none; the detail names those that there are.
        """
        if key not in self.locations:
            raise UnknownLocation(f"no location {key!r}; there are {', '.join(self.locations)}")
        return self.locations[key]

    def hours_on(self, location_key: str, day: date) -> list[tuple[time, time]]:
        """When a location opens and closes on a day of its own calendar; empty when closed.

        Raises:
            UnknownLocation: there is no such location.
        """
        self.location(location_key)
        if day in self.closures.get(location_key, ()):
            return []
        return [
            (hours.opens, hours.closes)
            for hours in self.hours.get(location_key, ())
            if hours.weekday == day.weekday()
        ]

    def staff_for(self, service_key: str, location_key: str) -> list[Staff]:
        """Who does a service at a location."""
        return [
            person
            for person in self.staff
            if person.location == location_key and service_key in person.services
        ]


CATALOGUE = """
SELECT
    (SELECT json_agg(s ORDER BY s.id) FROM service s) AS services,
    (SELECT json_agg(l ORDER BY l.id) FROM location l) AS locations,
    (SELECT json_agg(json_build_object('id', staff.id, 'name', staff.name,
            'location', location.key,
            'services', ARRAY(SELECT service.key FROM staff_service
                JOIN service ON service.id = service_id WHERE staff_id = staff.id))
            ORDER BY staff.id)
        FROM staff JOIN location ON location.id = location_id) AS staff,
    (SELECT json_agg(json_build_array(location.key, weekday, opens, closes)
            ORDER BY weekday, opens)
        FROM opening_hours JOIN location ON location.id = location_id) AS hours,
    (SELECT json_agg(json_build_array(location.key, day))
        FROM closure JOIN location ON location.id = location_id) AS closures
"""


async def load_catalogue(connection: Connection) -> Catalogue:
    """Read the whole catalogue (one query; a few dozen rows)."""
    row = await (await connection.execute(CATALOGUE)).fetchone()
    if row is None:  # a SELECT without FROM has one row always
        raise AssertionError
    hours: dict[str, list[Hours]] = {}
    for key, weekday, opens, closes in row["hours"] or ():
        stretch = Hours(weekday, time.fromisoformat(opens), time.fromisoformat(closes))
        hours.setdefault(key, []).append(stretch)
    closures: dict[str, set[date]] = {}
    for key, day in row["closures"] or ():
        closures.setdefault(key, set()).add(date.fromisoformat(day))
    return Catalogue(
        services={one["key"]: Service.from_json(one) for one in row["services"] or ()},
        locations={one["key"]: Location(**one) for one in row["locations"] or ()},
        staff=tuple(
            Staff(one["id"], one["name"], one["location"], frozenset(one["services"]))
            for one in row["staff"] or ()
        ),
        hours={key: tuple(stretches) for key, stretches in hours.items()},
        closures={key: frozenset(days) for key, days in closures.items()},
    )
