"""Free times, read from the appointment book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from database.pool import Connection
from practice.catalogue import Catalogue, Location, Service
from practice.offers import (
    HORIZON,
    LEAD,
    Busy,
    Slot,
    Span,
    candidate_starts,
    half_day,
    merge_windows,
    nearest,
    slots_within,
    spread,
)

__all__ = ["Slot", "candidate_starts", "free_slots", "is_free", "nearest_slots"]

FIRST_STRETCH = timedelta(days=2)
REACHES = tuple(timedelta(days=days) for days in (0, 1, 2, 4, 8, 16, 32, 64))
DAY = timedelta(days=1)

# Appointments that touch are merged: a full day is one row, not eighteen.
BUSY = """
SELECT staff_id, extract(epoch FROM lower(span))::float8 AS start,
    extract(epoch FROM upper(span))::float8 AS end
FROM (
    SELECT staff_id, unnest(range_agg(during)) AS span FROM appointment
    WHERE state <> 'cancelled' AND during && tstzrange(%(first)s, %(last)s)
        AND staff_id = ANY(%(staff)s) AND id IS DISTINCT FROM %(ignoring)s::bigint
    GROUP BY staff_id
) AS busy
"""


async def free_slots(
    connection: Connection,
    catalogue: Catalogue,
    *,
    service: str,
    location: str | None,
    windows: Sequence[Span],
    now: datetime,
    limit: int,
    refused: Sequence[Span] = (),
    ignoring: int | None = None,
) -> list[Slot]:
    """Free times to offer, spread over different half-days, in order of time.

    Nothing starts within the next hour or more than a year ahead.

    Args:
        connection: to read with.
        catalogue: of the business.
        service: key.
        location: key, or None for any.
        windows: when a slot may start, as aware ``(first, end)``, the end outside; one of no
            length is that very start; none at all means any time.
        now: aware.
        limit: slots at most.
        refused: when no slot may start, like ``windows``.
        ignoring: id of an appointment that is to be moved, so that its own time counts as free.

    Raises:
        UnknownService: no such service.
        UnknownLocation: no such location.
    """
    found: list[Slot] = []
    half_days: set[tuple[date, bool]] = set()
    wish = _wish(catalogue, service, location, refused, ignoring)
    for first, last in merge_windows(windows, now + LEAD, now + HORIZON):
        # Most wishes are met within days, a full book needs months: the stretches double.
        begin, stretch = first, FIRST_STRETCH
        while begin < last:
            end = min(begin + stretch, last)
            busy = await _busy(connection, catalogue, wish, (begin, end))
            while begin < end:
                until = min(begin + DAY, end)
                free = _all_free(catalogue, wish, (begin, until), busy)
                found += free
                half_days |= {half_day(slot) for slot in free}
                if len(half_days) >= limit:
                    return spread(found, limit)
                begin = until
            stretch *= 2
    return spread(found, limit)


async def nearest_slots(
    connection: Connection,
    catalogue: Catalogue,
    *,
    service: str,
    location: str | None,
    wanted: datetime,
    now: datetime,
    limit: int,
    refused: Sequence[Span] = (),
    ignoring: int | None = None,
) -> list[Slot]:
    """The free times nearest to a moment, before or after it, the nearest first.

    Args:
        connection: to read with.
        catalogue: of the business.
        service: key.
        location: key, or None for any.
        wanted: aware; itself among the slots when it is free.
        now: aware.
        limit: slots at most.
        refused: as in ``free_slots``.
        ignoring: as in ``free_slots``.

    Raises:
        UnknownService: no such service.
        UnknownLocation: no such location.
    """
    wish = _wish(catalogue, service, location, refused, ignoring)
    earliest, latest = now + LEAD, now + HORIZON
    centre = min(max(wanted, earliest), latest)
    found: list[Slot] = []
    for inner, outer in pairwise(REACHES):
        ring = [(centre - outer, centre - inner), (centre + inner, centre + outer)]
        for span in merge_windows(ring, earliest, latest):
            busy = await _busy(connection, catalogue, wish, span)
            found += _all_free(catalogue, wish, span, busy)
        if len({slot.start for slot in found}) >= limit:
            break
    return nearest(found, wanted, limit)


async def is_free(
    connection: Connection,
    catalogue: Catalogue,
    *,
    service: str,
    location: str,
    start: datetime,
    now: datetime,
    ignoring: int | None = None,
) -> bool:
    """Whether an appointment can start at that very moment, by the rules of ``free_slots``.

    Raises:
        UnknownService: no such service.
        UnknownLocation: no such location.
    """
    slots = await free_slots(
        connection,
        catalogue,
        service=service,
        location=location,
        windows=[(start, start)],
        now=now,
        limit=1,
        ignoring=ignoring,
    )
    return bool(slots)


@dataclass(frozen=True, slots=True)
class _Wish:
    service: Service
    places: Sequence[Location]
    refused: Sequence[Span]
    ignoring: int | None


def _wish(
    catalogue: Catalogue,
    service: str,
    location: str | None,
    refused: Sequence[Span],
    ignoring: int | None,
) -> _Wish:
    places = catalogue.locations.values() if location is None else [catalogue.location(location)]
    return _Wish(catalogue.service(service), list(places), refused, ignoring)


async def _busy(connection: Connection, catalogue: Catalogue, wish: _Wish, span: Span) -> Busy:
    """When those who could see the customer are busy, for starts in the span."""
    staff = [
        person.id
        for place in wish.places
        for person in catalogue.staff_for(wish.service.key, place.key)
    ]
    rows = await connection.execute(
        BUSY,
        {"first": span[0], "last": span[1] + DAY, "staff": staff, "ignoring": wish.ignoring},
    )
    return Busy((row["staff_id"], row["start"], row["end"]) for row in await rows.fetchall())


def _all_free(catalogue: Catalogue, wish: _Wish, span: Span, busy: Busy) -> list[Slot]:
    """Every free slot that starts in the span, at each of the places."""
    return [
        slot
        for place in wish.places
        for slot in slots_within(
            catalogue, wish.service, place, span, busy=busy, refused=wish.refused
        )
    ]
