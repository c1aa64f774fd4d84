"""How times, places and appointments read in a text: short, and GSM-7 throughout.

The names of days and months are ours, not the machine's locale; the spaces are plain ones, for
a narrow or non-breaking space would make a text of 160 characters one of 70.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from practice.appointments import Appointment
    from practice.offers import Slot

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NOON = 12


def clock(at: time) -> str:
    """A time of day: ``9:00am``, ``12:30pm``."""
    return f"{at.hour % NOON or NOON}:{at.minute:02}{'am' if at.hour < NOON else 'pm'}"


def day(on: date) -> str:
    """A day: ``Tue Nov 24``."""
    return f"{WEEKDAYS[on.weekday()]} {MONTHS[on.month - 1]} {on.day}"


def when(at: datetime, zone: str, *, joined: str = " at ") -> str:
    """A moment on the wall clock of a zone: ``Tue Nov 24 at 9:00am``.

    Args:
        at: aware, of any zone.
        zone: IANA name of the zone to say it in: a location's ``timezone``.
        joined: stands between day and time; a single space in a list.
    """
    local = at.astimezone(ZoneInfo(zone))
    return f"{day(local)}{joined}{clock(local.time())}"


def slot(offered: Slot, *, with_place: bool = False) -> str:
    """A line of a list of free times: ``Tue Nov 24 9:00am`` or ``Tue Nov 24 9:00am Downtown``."""
    line = when(offered.start, offered.location.timezone, joined=" ")
    return f"{line} {offered.location.name}" if with_place else line


def appointment(made: Appointment, *, address: bool = False, reference: bool = False) -> str:
    """An appointment: ``eye exam Tue Nov 24 at 9:00am, Downtown``.

    Args:
        made: the appointment.
        address: with the address after the place.
        reference: with the reference at the end, in parentheses.
    """
    moment = when(made.start, made.location.timezone)
    words = f"{made.service.name} {moment}, {made.location.name}"
    if address:
        words += f", {made.location.address}"
    return f"{words} ({made.reference})" if reference else words


def hours(open_close: Iterable[tuple[time, time]]) -> str:
    """The opening hours of a day: ``9:00am-6:00pm``, or ``closed``."""
    stretches = [f"{clock(opens)}-{clock(closes)}" for opens, closes in open_close]
    return " and ".join(stretches) or "closed"
