"""How long before an appointment its customer is reminded, and when the next one is due."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from practice.errors import WrongCatalogue

LONGEST = timedelta(days=60)
MOST_MONTHS = 120

_LEAD = re.compile(r"([1-9]\d{0,2})([dh])")
_MONTHS = re.compile(r"([1-9]\d{0,2}) months?")
_YEAR = 12


@dataclass(frozen=True, slots=True)
class Lead:
    """A time before an appointment.

    Attributes:
        key: as it is written: ``7d`` or ``24h``.
        length: what that comes to where no clock is changed.
    """

    key: str
    length: timedelta

    def before(self, start: datetime, zone: str) -> datetime:
        """The moment that lies so long before an appointment, UTC.

        Days are days of the calendar: 7 days before 10:00 is 10:00, also where clocks are changed
        in between. Hours are hours: 24 hours before 10:00 is then 9:00 or 11:00.

        Args:
            start: of the appointment, aware.
            zone: IANA name of the zone of its location.
        """
        if self.key.endswith("h"):
            return start.astimezone(UTC) - self.length
        # Arithmetic within one zone is that of the wall clock.
        return (start.astimezone(ZoneInfo(zone)) - self.length).astimezone(UTC)


def parse_lead(written: str) -> Lead:
    """The time before an appointment that is written as ``7d`` or ``24h``.

    Raises:
        WrongCatalogue: it is written otherwise, or is longer than 60 days.
    """
    match = _LEAD.fullmatch(str(written))
    if match is None:
        raise WrongCatalogue(f"{written!r} is no time before an appointment; write 7d or 24h")
    number = int(match[1])
    length = timedelta(days=number) if match[2] == "d" else timedelta(hours=number)
    if length > LONGEST:
        raise WrongCatalogue(f"{written} is too long before an appointment; 60d is the most")
    return Lead(match[0], length)


def parse_leads(written: object, where: str) -> tuple[str, ...]:
    """When a service reminds, as ``harbor.yml`` has it, the longest time first.

    Args:
        written: a list like ``[7d, 24h, 2h]``; nothing at all where it reminds of nothing.
        where: it is written, for messages.

    Raises:
        WrongCatalogue: it is no such list, or two of its times are the same.
    """
    if written is None:
        return ()
    if not isinstance(written, Sequence) or isinstance(written, str):
        raise WrongCatalogue(f"{where}: write reminders as a list, like [7d, 24h, 2h]")
    try:
        leads = sorted(map(parse_lead, written), key=lambda lead: lead.length, reverse=True)
    except WrongCatalogue as error:
        raise WrongCatalogue(f"{where}: {error.detail}") from None
    if len({lead.length for lead in leads}) < len(leads):
        raise WrongCatalogue(f"{where}: two of its reminders are due at the same time")
    return tuple(lead.key for lead in leads)


def parse_recall(written: object, where: str) -> int | None:
    """After how many months a service is due again, as ``harbor.yml`` has it.

    Args:
        written: ``12 months``; nothing at all where nobody is called back.
        where: it is written, for messages.

    Raises:
        WrongCatalogue: it is written otherwise, or is more than ten years.
    """
    if written is None:
        return None
    match = _MONTHS.fullmatch(str(written))
    if match is None or int(match[1]) > MOST_MONTHS:
        raise WrongCatalogue(f"{where}: recall {written!r} is none; write it like 12 months")
    return int(match[1])


def months_after(at: datetime, months: int) -> datetime:
    """So many months later on the same wall clock; the last day of a month that is too short.

    >>> months_after(datetime(2028, 2, 29, 10), 12)
    datetime.datetime(2029, 2, 28, 10, 0)
    """
    carry, month = divmod(at.month - 1 + months, _YEAR)
    year, month = at.year + carry, month + 1
    return at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1]))
