"""Who sees the customer: somebody who is free, found so that nobody else takes them meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from database.pool import Connection
from practice import words
from practice.catalogue import Catalogue, Location, Service
from practice.errors import InThePast, OutsideHours
from practice.offers import HORIZON, candidate_starts, open_spans
from practice.records import Appointment

# Every booking of a location's day waits for the one before: then each sees what the others took,
# and none runs into a deadlock between two rows that exclude each other.
LOCK_DAY = "SELECT pg_advisory_xact_lock(%(location)s::integer, %(day)s::integer)"

FREE_STAFF = """
SELECT one.id FROM unnest(%(staff)s::integer[]) WITH ORDINALITY AS one (id, place)
WHERE NOT EXISTS (
    SELECT FROM appointment WHERE staff_id = one.id AND state <> 'cancelled'
        AND during && tstzrange(%(start)s, %(end)s) AND id IS DISTINCT FROM %(ignoring)s::bigint
)
ORDER BY one.place LIMIT 1
"""


class NobodyFree(Exception):
    """No appointment can start then; the caller adds the nearest free times: SlotTaken."""


async def take_somebody(
    connection: Connection,
    catalogue: Catalogue,
    *,
    service: Service,
    location: Location,
    start: datetime,
    now: datetime,
    moved: Appointment | None = None,
) -> int:
    """The id of somebody who is free, kept from all other bookings until the transaction ends.

    Args:
        connection: inside a transaction.
        catalogue: of the business.
        service: what for.
        location: where.
        start: aware.
        now: aware.
        moved: the appointment that is being moved; its own time counts as free, and who sees the
            customer is asked first.

    Raises:
        InThePast: ``start`` is not after ``now``.
        OutsideHours: the location is not open for the whole of it.
        NobodyFree: everybody is busy, no appointment starts at such a minute, or it is more than
            a year ahead.
    """
    if start <= now:
        raise InThePast(f"{start.isoformat()} is over")
    zone = ZoneInfo(location.timezone)
    day = start.astimezone(zone).date()
    hours = catalogue.hours_on(location.key, day)
    duration = timedelta(minutes=service.minutes)
    end = start + duration
    if not any(opens <= start and end <= closes for opens, closes in open_spans(hours, day, zone)):
        open_on = words.hours(hours)
        raise OutsideHours(f"{location.key} on {day.isoformat()}: {open_on}", open_on)
    on_grid = next(candidate_starts(hours, day, zone, duration, start), None) == start
    if not on_grid or start > now + HORIZON:
        raise NobodyFree
    staff = catalogue.staff_for(service.key, location.key)
    if moved is not None:
        staff.sort(key=lambda person: person.name != moved.staff)
    await connection.execute(LOCK_DAY, {"location": location.id, "day": day.toordinal()})
    found = await connection.execute(
        FREE_STAFF,
        {
            "staff": [person.id for person in staff],
            "start": start,
            "end": end,
            "ignoring": moved.id if moved else None,
        },
    )
    row = await found.fetchone()
    if row is None:
        raise NobodyFree
    return int(row["id"])
