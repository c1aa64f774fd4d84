"""Stretches of days, and the arithmetic of the calendar that reading them needs."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta

from nlu.dates.words import WEEKDAYS

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
FAR = timedelta(days=180)
"""Who means a day further away than this is asked: mostly it was meant to be a nearer one."""
SUNDAY = 6
THURSDAY = 3
DECEMBER = 12


@dataclass(frozen=True)
class Days:
    """A stretch of days in a text.

    Attributes:
        start: offset of its first character; `stop` is after the last.
        begin: first day (or instant, for "in 2 hours"); None for "before friday".
        end: last day; None for a single one and for "after friday".
        grain: "minute", "day", "week", "weekend" or "month".
        weekday: only a weekday was named, so a date beside it decides.
        number: only the number of a day was named, so a weekday beside it chooses the month.
        vague: counted in weeks, so a weekday beside it is that of the week.
        ask: a second reading is possible.
        past: the words name a time that is over ("last friday").
        seconds: length, where the text names a duration and no day.
        open_after: it begins there and has no end, which a word in front of it said.
    """

    start: int
    stop: int
    begin: datetime | None
    end: datetime | None = None
    grain: str = "day"
    weekday: bool = False
    number: bool = False
    vague: bool = False
    ask: bool = False
    past: bool = False
    seconds: int | None = None
    open_after: bool = False


def coming(today: datetime, weekday: str) -> datetime:
    """The next day of that name, today left out."""
    ahead = (WEEKDAYS.index(weekday) - today.weekday() - 1) % 7 + 1
    return today + ahead * DAY


def week(today: datetime, number: int) -> datetime:
    """The Monday of this week, or of the week that is `number` weeks later."""
    return today - today.weekday() * DAY + number * WEEK


def last_day(month: datetime) -> datetime:
    """The last day of the month in which a day is."""
    return month.replace(day=monthrange(month.year, month.month)[1])


def add_months(day: datetime, number: int) -> datetime:
    """The same day, or the last one there is, so many months later."""
    month = day.month - 1 + number
    first = day.replace(year=day.year + month // 12, month=month % 12 + 1, day=1)
    return first.replace(day=min(day.day, last_day(first).day))


def day_of_month(today: datetime, number: int, weekday: int | None = None) -> datetime | None:
    """The next day with that number, today included.

    Args:
        today: midnight.
        number: 1 to 31.
        weekday: 0 for Monday; only such a day will do.
    """
    month = today.replace(day=1)
    for _ in range(3 if weekday is None else 8):
        if number <= last_day(month).day:
            day = month.replace(day=number)
            if day >= today and weekday in {None, day.weekday()}:
                return day
        month = add_months(month, 1)
    return None


def first_week(month: datetime) -> datetime:
    """The Monday of a month's first week: the one in which most of the days are the month's."""
    first = month.replace(day=1)
    return week(first, 0 if first.weekday() <= THURSDAY else 1)
