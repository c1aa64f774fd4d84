"""When customers are reminded, and until when it is not too late for that; pure rules.

A reminder is due a certain time before its appointment (requirement R115). While everything was
down it may have been missed: it is made up for until half of the way to the next reminder, or to
the appointment, has passed; then the next one says it better. Of an appointment that was booked or
moved after a reminder would have been due, that reminder is not sent at all: the customer has just
been told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from practice.leads import Lead, months_after, parse_lead

MORNING = time(10)
"""When calls about what is over go out, on the clock of the location."""

MISSED_LATE = timedelta(days=2)
"""How late a word about a missed appointment may be."""

MISSED_OLD = timedelta(days=7)
"""An appointment that was noted as missed later than this is not texted about."""

RECALL_LATE = timedelta(days=30)
"""How late a recall may be: who switches it on does not call back the customers of ten years."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Due:
    """A reminder that is due.

    Attributes:
        lead: which one of its service.
        at: since when, UTC.
        late_at: from when on it is too late, UTC.
    """

    lead: Lead
    at: datetime
    late_at: datetime


def plan(reminders: Sequence[str], start: datetime, zone: str, placed_at: datetime) -> list[Due]:
    """All reminders of an appointment, in order of time.

    Args:
        reminders: of its service, the longest time first.
        start: of the appointment, aware.
        zone: IANA name of its location's zone.
        placed_at: when it was booked at or moved to this time, aware.
    """
    leads = [parse_lead(key) for key in reminders]
    moments = [*(lead.before(start, zone) for lead in leads), start]
    return [
        Due(lead, at, at + (following - at) / 2)
        for lead, (at, following) in zip(leads, pairwise(moments), strict=True)
        if placed_at <= at
    ]


def due(
    reminders: Sequence[str], start: datetime, zone: str, placed_at: datetime, now: datetime
) -> Due | None:
    """The reminder of an appointment that is to be sent now, if there is one.

    Args:
        reminders: of its service, the longest time first.
        start: of the appointment, aware.
        zone: IANA name of its location's zone.
        placed_at: when it was booked at or moved to this time, aware.
        now: aware.
    """
    return next(
        (one for one in plan(reminders, start, zone, placed_at) if one.at <= now < one.late_at),
        None,
    )


def together(first: datetime, other: datetime, zone: str, lead: Lead) -> bool:
    """Whether one text names two appointments, of which one is due.

    They are on one day, and no further apart than the reminder is ahead: who comes at ten and at
    five is reminded of both the day before, but two hours before of each by itself.

    Args:
        first: start of the appointment of which a reminder is due, aware.
        other: start of another one, aware.
        zone: IANA name of the zone of the first one's location.
        lead: which reminder.
    """
    there = ZoneInfo(zone)
    same_day = first.astimezone(there).date() == other.astimezone(there).date()
    return same_day and abs(other - first) <= lead.length


def missed_due(start: datetime, marked_at: datetime, zone: str) -> datetime:
    """When a customer who did not come hears of it: the next morning at ten.

    Args:
        start: of the appointment, aware.
        marked_at: when it was noted as missed, aware.
        zone: IANA name of its location's zone.
    """
    there = ZoneInfo(zone)
    noted = marked_at.astimezone(there)
    next_day = start.astimezone(there).date() + DAY
    return _morning(max(next_day, noted.date() + (noted.time() > MORNING) * DAY), there)


def is_missed_due(start: datetime, marked_at: datetime, zone: str, now: datetime) -> bool:
    """Whether a customer who did not come is to be told now.

    Args:
        start: of the appointment, aware.
        marked_at: when it was noted as missed, aware.
        zone: IANA name of its location's zone.
        now: aware.
    """
    at = missed_due(start, marked_at, zone)
    return marked_at - start <= MISSED_OLD and at <= now < at + MISSED_LATE


def recall_due(start: datetime, months: int, zone: str) -> datetime:
    """When a customer is called back: that many months after the last appointment, at ten.

    Args:
        start: of the last appointment, aware.
        months: after which its service is due again.
        zone: IANA name of its location's zone.
    """
    there = ZoneInfo(zone)
    return _morning(months_after(start.astimezone(there), months).date(), there)


def is_recall_due(start: datetime, months: int, zone: str, now: datetime) -> bool:
    """Whether a customer is to be called back now.

    Args:
        start: of the last appointment, aware.
        months: after which its service is due again.
        zone: IANA name of its location's zone.
        now: aware.
    """
    at = recall_due(start, months, zone)
    return at <= now < at + RECALL_LATE


def _morning(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, MORNING, zone)
