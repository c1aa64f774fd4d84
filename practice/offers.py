"""Which times can be offered, and which of them are: rules without I/O."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from practice.catalogue import Catalogue, Location, Service

STEP = timedelta(minutes=15)
LEAD = timedelta(hours=1)
HORIZON = timedelta(days=365)
NOON = 12
HALF_HOUR = 30  # minutes

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Slot:
    """A free time.

    Attributes:
        service: what for.
        location: where.
        start: aware, UTC.
        end: aware, UTC.
        staff_id: somebody who is free; a booking takes anybody who is.
    """

    service: Service
    location: Location
    start: datetime
    end: datetime
    staff_id: int


def open_spans(hours: Iterable[tuple[time, time]], day: date, zone: ZoneInfo) -> list[Span]:
    """Opening hours of a day on a zone's wall clock, as UTC."""
    return [
        (
            datetime.combine(day, opens, zone).astimezone(UTC),
            datetime.combine(day, closes, zone).astimezone(UTC),
        )
        for opens, closes in hours
    ]


def candidate_starts(
    hours: Iterable[tuple[time, time]],
    day: date,
    zone: ZoneInfo,
    duration: timedelta,
    earliest: datetime,
) -> Iterator[datetime]:
    """Every start of an appointment that fits a day's opening hours, in UTC, in order.

    Starts lie on a grid of 15 minutes that begins when the location opens. The grid is stepped in
    UTC, so that a day of 23 or 25 hours has neither a missing nor a doubled start.

    Args:
        hours: of that day, on the wall clock.
        day: in the location's calendar.
        zone: of the location.
        duration: of the appointment; all of it lies within the hours.
        earliest: nothing starts before.
    """
    for opens, closes in open_spans(hours, day, zone):
        start = opens
        if earliest > opens:
            start += -((opens - earliest) // STEP) * STEP
        while start + duration <= closes:
            yield start
            start += STEP


def within(start: datetime, spans: Iterable[Span]) -> bool:
    """Whether a start lies in one of the spans; one of no length is that very start."""
    return any(first <= start < last or start == first for first, last in spans)


def merge_windows(windows: Iterable[Span], first: datetime, last: datetime) -> list[Span]:
    """Windows clipped to ``[first, last)``, in order, none overlapping another.

    A window of no length is the one start that it names. No window at all means any time.
    """
    merged: list[Span] = []
    tick = timedelta(microseconds=1)
    for raw_begin, raw_end in sorted(windows) or [(first, last)]:
        begin = max(raw_begin.astimezone(UTC), first)
        end = min(max(raw_end, raw_begin + tick).astimezone(UTC), last)
        if begin >= end:
            continue
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


class Busy:
    """When each of the staff sees somebody already."""

    def __init__(self, spans: Iterable[tuple[int, float, float]]) -> None:
        """Take ``(staff_id, start, end)`` in any order; of one person they never overlap.

        Times are seconds since 1970: they are compared thousands of times for one answer.
        """
        self._ends: dict[int, list[float]] = {}
        self._starts: dict[int, list[float]] = {}
        for staff_id, start, end in sorted(spans):
            self._starts.setdefault(staff_id, []).append(start)
            self._ends.setdefault(staff_id, []).append(end)

    def is_free(self, staff_id: int, start: float, end: float) -> bool:
        """Whether a person sees nobody from start to end."""
        starts = self._starts.get(staff_id)
        if not starts:
            return True
        before = bisect_left(starts, end)  # only the last one that starts before our end matters
        return before == 0 or self._ends[staff_id][before - 1] <= start


def slots_within(
    catalogue: Catalogue,
    service: Service,
    location: Location,
    span: Span,
    *,
    busy: Busy,
    refused: Sequence[Span] = (),
) -> Iterator[Slot]:
    """Every free slot at a location that starts in ``[span[0], span[1])``, in order of time.

    Args:
        catalogue: hours and staff.
        service: what for.
        location: where.
        span: UTC.
        busy: at least all that overlaps the span or begins within a day after it.
        refused: starts in these are left out.
    """
    first, last = span
    zone = ZoneInfo(location.timezone)
    staff = [person.id for person in catalogue.staff_for(service.key, location.key)]
    duration = timedelta(minutes=service.minutes)
    day, last_day = first.astimezone(zone).date(), last.astimezone(zone).date()
    while day <= last_day:
        hours = catalogue.hours_on(location.key, day)
        for start in candidate_starts(hours, day, zone, duration, first):
            if start >= last:
                return
            if refused and within(start, refused):
                continue
            begin = start.timestamp()
            end = begin + duration.total_seconds()
            for staff_id in staff:
                if busy.is_free(staff_id, begin, end):
                    yield Slot(service, location, start, start + duration, staff_id)
                    break
        day += timedelta(days=1)


def half_day(slot: Slot) -> tuple[date, bool]:
    """The day at the slot's location, and whether it is after noon."""
    local = slot.start.astimezone(ZoneInfo(slot.location.timezone))
    return local.date(), local.hour >= NOON


def _evenly(starts: Sequence[datetime], count: int) -> list[datetime]:
    """So many of the starts, from the first on, as far apart as can be; whole half hours first."""
    round_ones = [start for start in starts if start.minute % HALF_HOUR == 0]
    pool = round_ones if len(round_ones) >= count else starts
    if count == 1:
        return [pool[0]]
    return [pool[index * (len(pool) - 1) // (count - 1)] for index in range(count)]


def spread(slots: Iterable[Slot], limit: int) -> list[Slot]:
    """Up to ``limit`` slots to offer, in order of time, no two at the same moment.

    Different half-days come first: a person who cannot on Tuesday morning gains nothing from
    three times on Tuesday morning. Within a half-day the times lie apart. Where several locations
    are free at a time, those that were offered less come first.
    """
    if limit <= 0:
        return []
    groups: dict[tuple[date, bool], dict[datetime, list[Slot]]] = {}
    for slot in sorted(slots, key=lambda one: one.start):
        groups.setdefault(half_day(slot), {}).setdefault(slot.start, []).append(slot)
    counts = dict.fromkeys(groups, 0)
    left = limit
    while left > 0:
        with_room = [key for key, starts in groups.items() if counts[key] < len(starts)][:left]
        if not with_room:
            break
        for key in with_room:
            counts[key] += 1
        left -= len(with_room)
    offered: list[Slot] = []
    times_at: Counter[str] = Counter()
    for key, starts in groups.items():
        if not counts[key]:
            continue
        for start in _evenly(list(starts), counts[key]):
            chosen = min(starts[start], key=lambda one: times_at[one.location.key])
            times_at[chosen.location.key] += 1
            offered.append(chosen)
    return sorted(offered, key=lambda one: one.start)


def nearest(slots: Iterable[Slot], wanted: datetime, limit: int) -> list[Slot]:
    """Up to ``limit`` slots, the nearest to a moment first, no two at the same moment."""
    by_start: Mapping[datetime, Slot] = {
        slot.start: slot for slot in sorted(slots, key=lambda one: -one.location.id)
    }
    ordered = sorted(by_start.values(), key=lambda one: (abs(one.start - wanted), one.start))
    return ordered[: max(limit, 0)]
