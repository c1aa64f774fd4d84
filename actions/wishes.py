"""When a customer would like to come: mentions of times in a text become windows to search.

Mentions (:mod:`actions.mentions`) carry no zone, windows are aware. A text is read in the light
of what was talked about before: "4pm" after a talk about Tuesday is Tuesday at four, "thursday
instead" after Tuesday at four is Thursday at four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from actions.mentions import DAY, FORTNIGHT, Mention

Span = tuple[datetime, datetime]
Hours = tuple[time, time]
"""From and until when on the wall clock; the same twice for one moment."""

WEEK = timedelta(weeks=1)
WEEKS_REFUSED = 13  # "not tuesday" is no Tuesday as far ahead as anybody looks


@dataclass(frozen=True, slots=True)
class Wish:
    """When the customer would like to come; the value of the slot ``when``.

    Attributes:
        windows: aware; one of no length is that very moment; none at all is any time.
        refused: aware; times that will not do, said or shown and not taken.
    """

    windows: tuple[Span, ...] = ()
    refused: tuple[Span, ...] = field(default=())

    @classmethod
    def from_slot(cls, value: dict[str, Any] | None) -> Wish:
        """The wish that the slot holds."""
        if not value:
            return cls()
        return cls(
            windows=tuple(_read(span) for span in value["windows"]),
            refused=tuple(_read(span) for span in value["refused"]),
        )

    def to_slot(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return {
            "windows": [[first.isoformat(), last.isoformat()] for first, last in self.windows],
            "refused": [[first.isoformat(), last.isoformat()] for first, last in self.refused],
        }

    @property
    def exact(self) -> datetime | None:
        """The one moment that is wanted, or None."""
        if len(self.windows) == 1 and self.windows[0][0] == self.windows[0][1]:
            return self.windows[0][0]
        return None

    def hours(self, zone: ZoneInfo) -> Hours | None:
        """The time of day that it is about, on whatever day, or None."""
        said = {
            (first.astimezone(zone).time(), last.astimezone(zone).time(), first == last)
            for first, last in self.windows
        }
        if len(said) != 1 or any(last - first > DAY for first, last in self.windows):
            return None
        first, last, is_moment = said.pop()
        return (first, last) if is_moment or first != last else None  # the same: a whole day

    def day(self, zone: ZoneInfo) -> date | None:
        """The one day that it is about, in the location's calendar, or None."""
        days = {first.astimezone(zone).date() for first, _ in self.windows}
        long = any(last - first > DAY for first, last in self.windows)
        return days.pop() if len(days) == 1 and not long else None

    def refusing(self, spans: Sequence[Span]) -> Wish:
        """The same without these times; windows that lie within them go."""
        left = tuple(
            window
            for window in self.windows
            if not any(first <= window[0] and window[1] <= last for first, last in spans)
        )
        return Wish(windows=left, refused=(*self.refused, *spans))


def wished(
    told: Sequence[Mention],
    before: Wish,
    now: datetime,
    zone: ZoneInfo,
    *,
    day: date | None,
    hours: Hours | None,
) -> Wish | None:
    """What a text asks for, given what was asked for before.

    Args:
        told: the times in the text.
        before: the wish so far.
        now: when the text came, aware.
        zone: of the location.
        day: the day that was talked about, for a text that names only a time. Without one, a time
            alone means that time on any of the days to come.
        hours: the time of day that was talked about, for a text that names only a day.

    Returns:
        The new wish, or None when the text names no time that is wanted or refused.
    """
    local = now.astimezone(zone).replace(tzinfo=None)
    told = [_in_week_of(one, day, before, zone) for one in told]
    offered = [one for one in told if one.role == "offered"]
    named = [one.start.date() for one in offered if one.start and not one.date_free]
    coming = [local.date() + number * DAY for number in range(FORTNIGHT.days)]
    wanted = [
        _aware(placed.span(local), zone)
        for one in offered
        for placed in _placed(one, [day] if day else coming, hours)
    ]
    refused = [
        _aware((first + number * WEEK, last + number * WEEK), zone)
        for one in told
        if one.role == "refused"
        for placed in _placed(one, named or ([day] if day else coming))
        for first, last in [placed.span(local)]
        for number in range(WEEKS_REFUSED if one.is_weekday else 1)
    ]
    if wanted:
        # What is asked for now may be something that would not do before.
        return Wish(windows=tuple(wanted), refused=tuple(refused))
    if refused:
        return before.refusing(refused)
    return None


def local_day(moment: datetime, zone: ZoneInfo) -> Span:
    """The whole day around a moment, in the location's calendar."""
    midnight = datetime.combine(moment.astimezone(zone).date(), time())
    return _aware((midnight, midnight + DAY), zone)


def _in_week_of(mention: Mention, day: date | None, before: Wish, zone: ZoneInfo) -> Mention:
    """A weekday means that of the week that is talked about: "wed instead" of Tuesday, Dec 22."""
    first = before.windows[0][0].astimezone(zone).date() if before.windows else None
    anchor = day or first
    if anchor is None or not mention.is_weekday or mention.start is None:
        return mention
    there = anchor + (mention.start.weekday() - anchor.weekday()) * DAY
    if day is None and there < anchor:
        there += WEEK  # of a stretch of days, such as "in december"
    moved = there - mention.start.date()
    if moved <= timedelta():
        return mention
    return replace(
        mention,
        start=mention.start + moved,
        end=mention.end + moved if mention.end else None,
    )


def _placed(
    mention: Mention, days: Sequence[date], hours: Hours | None = None
) -> Sequence[Mention]:
    if mention.date_free:
        return [mention.on(day) for day in days]
    alone = mention.grain == "day" and mention.start and not mention.end and not mention.open
    if alone and mention.start and hours is not None:
        first, last = (datetime.combine(mention.start.date(), at) for at in hours)
        if last <= first:  # until midnight
            last += DAY
        end = None if hours[0] == hours[1] else last
        return [replace(mention, start=first, end=end, grain="minute")]
    return [mention]


def _aware(span: tuple[datetime, datetime], zone: ZoneInfo) -> Span:
    return span[0].replace(tzinfo=zone), span[1].replace(tzinfo=zone)


def _read(span: Sequence[str]) -> Span:
    return datetime.fromisoformat(span[0]), datetime.fromisoformat(span[1])
