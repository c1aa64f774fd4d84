"""What belongs together among days: "friday the 13th", "the 16th to the 20th", "after friday"."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from nlu.dates.relative import shift_before
from nlu.dates.span import (
    DAY,
    SUNDAY,
    WEEK,
    Days,
    add_months,
    day_of_month,
    last_day,
    week,
)
from nlu.dates.words import MONTHS

_SAME_MONTH = re.compile(
    r"\s*(?:or|and|,|&|/)\s*(?:the )?(?P<number>[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
    r"(?![\w:/]|\s?[ap]m)"
)
_NAMES_MONTH = re.compile("|".join(MONTHS))
_OPENS = re.compile(
    r"\b(?:(?P<before>before|by|until)|(?P<from>from)|(?P<since>since)|after|as of|starting|"
    r"beginning)"
    r"\s+(?:on\s+|the\s+)*$"
)
_OPEN_TAIL = re.compile(
    r",?\s(?:(?P<before>at the latest|or (?:before|earlier|sooner))|at the earliest|or "
    r"(?:after|later)|onwards?"
    r"|and (?:on|after|later))\b(?!\s\d)"
)
_WEEK_OF = re.compile(
    r"(?<!\ba\s)(?<!\bone\s)(?<!\d\s)\b(?:the\s)?week(?P<end>end)?\s(?P<of>of|after|before|commencing|beginning|"
    r"starting)\s(?:the\s)?$"
)
_ITS_WEEK = re.compile(r"(?:'s)?\sweek(?P<end>[\s-]?end)?\b")
_AFTER_DATE = re.compile(r"\s(?P<side>after|before|to)\s(?:the\s)?")
_CLOSEST = re.compile(r"\b(?:closest|nearest)\s$")
_IN_MONTH = re.compile(r"[\s,]*(?:on\s|(?P<after>after\s)|(?P<before>before\s|by\s))?(?:the\s)?")
_BESIDE = re.compile(r"[\s,(]*(?:(?:the|of|on|at|a|in|this)\b[\s,]*)*")
_NOW_UNTIL = re.compile(
    r"\b(?:(?:from|between)\s)?(?:now|today)\s?(?:and|until|to|-)\s?(?:the\s|on\s)*$"
)
_LINK = re.compile(r"[\s,]*(?P<link>-|to|until|and)\s*(?:the\s*)?")
_BETWEEN = re.compile(r"\bbetween\s+(?:the\s+)?(?:\w+day\s+)?$")
_MOST_OF_A_YEAR = timedelta(days=300)

Pair = Callable[[Days, Days, str, datetime], Days | None]


def join(found: Iterable[Days], text: str, today: datetime) -> list[Days]:
    """Days in order, those that name one day or one stretch made one.

    Args:
        found: without overlaps.
        text: the respelled text in which their offsets count.
        today: midnight of the day of receipt, naive.
    """
    days = sorted(found, key=lambda one: one.start)
    for pair in (_weekday_after, _in_month, _one, _stretch):
        days = _pairwise(days, text, today, pair)
        if pair is _one:
            days = _outermost([_moved(one, text) for one in days])
            days = _pairwise(days, text, today, _of_moved)
    return _between([_opened(one, text, today) for one in _listed(days, text)], text)


def _outermost(found: list[Days]) -> list[Days]:
    """Without the lengths that have moved what follows them: the "two weeks" after a date."""
    return [
        one
        for one in found
        if one.seconds is None
        or not any(other.start <= one.start < other.stop for other in found if other is not one)
    ]


def _between(found: list[Days], text: str) -> list[Days]:
    """Open on either side and so closed: "after the 6th but before the 10th"."""
    closed: list[Days] = []
    for days in found:
        one = closed[-1] if closed else None
        gap = text[one.stop : days.start] if one else ""
        if (
            one
            and one.open_after
            and one.begin
            and days.begin is None
            and days.end
            and one.begin < days.end
            and re.fullmatch(r"[\s,]*(?:but|and)?\s*", gap)
        ):
            closed[-1] = replace(one, stop=days.stop, end=days.end, open_after=False)
        else:
            closed.append(days)
    return closed


def _pairwise(found: list[Days], text: str, today: datetime, pair: Pair) -> list[Days]:
    joined: list[Days] = []
    for days in found:
        whole = pair(joined[-1], days, text, today) if joined else None
        if whole:
            joined[-1] = replace(whole, start=joined[-1].start, stop=days.stop)
        else:
            joined.append(days)
    return joined


def _listed(found: list[Days], text: str) -> list[Days]:
    """With the days that share a month which is said once: "dec 1st or 2nd"."""
    listed: list[Days] = []
    for days in found:
        while listed and days.start <= listed[-1].start:
            listed.pop()  # it moves what follows: "two weeks" after, "the week" of
        if listed and days.start < listed[-1].stop:
            continue
        listed.append(days)
        more = _SAME_MONTH.match(text, days.stop)
        named = _NAMES_MONTH.search(text, days.start, days.stop)
        if more and named and days.begin and days.grain == "day" and not days.end:
            number = int(more["number"])
            if days.begin.day < number <= monthrange(days.begin.year, days.begin.month)[1]:
                same = replace(days, start=more.start("number"), stop=more.end())
                listed.append(replace(same, begin=days.begin.replace(day=number)))
    return listed


def _weekday_after(one: Days, two: Days, text: str, _today: datetime) -> Days | None:
    """The weekday on one side of a date: "mon after the 4th"."""
    side = _AFTER_DATE.fullmatch(text, one.stop, two.start)
    single = two.grain == "day" and two.begin is not None and not two.end and not two.weekday
    if not side or not one.weekday or not single or one.begin is None or two.begin is None:
        return None
    if side["side"] == "to":
        if not _CLOSEST.search(text[: one.start]):
            return None
        ahead = (one.begin.weekday() - two.begin.weekday()) % 7
        return replace(two, begin=two.begin + (ahead - 7 * (ahead > 3)) * DAY, number=False)  # noqa: PLR2004
    after = two.begin + ((one.begin.weekday() - two.begin.weekday() - 1) % 7 + 1) * DAY
    if side["side"] == "before":
        after -= WEEK if after - WEEK < two.begin else 2 * WEEK
    return replace(two, begin=after, number=False)


def _in_month(one: Days, two: Days, text: str, _today: datetime) -> Days | None:
    """The number of a day in a month that was named before: "next month after the 10th"."""
    between = _IN_MONTH.fullmatch(text, one.stop, two.start)
    if not between or one.grain != "month" or one.begin is None or not two.number or not two.begin:
        return None
    day = one.begin.replace(day=min(two.begin.day, last_day(one.begin).day))
    if between["before"]:
        return replace(one, begin=None, end=day, grain="day")
    return replace(one, begin=day, grain="day", open_after=bool(between["after"]))


def _one(one: Days, two: Days, text: str, today: datetime) -> Days | None:
    """One day that is named twice: by its weekday and by its date."""
    between = text[one.stop : two.start]
    named, other = (one, two) if one.weekday else (two, one)
    beside = _BESIDE.fullmatch(between) and named.weekday and not other.weekday and not other.end
    if not beside or named.begin is None or other.begin is None:
        return None
    weekday = named.begin.weekday()
    any_such = other.grain == "day" and (other.vague or re.search(r"\ba\b", between))
    if other.grain == "week" or any_such:
        return replace(other, grain="day", begin=week(other.begin, 0) + weekday * DAY, vague=False)
    if other.grain == "month":  # "next month on a friday": which one is to be asked
        return replace(other, ask=True)
    if other.grain != "day":
        return None
    if other.number and other.begin.weekday() != weekday:
        matching = day_of_month(today, other.begin.day, weekday)
        return replace(other, begin=matching or other.begin, ask=True, number=False)
    return replace(other, ask=other.ask or other.begin.weekday() != weekday, number=False)


def _of_moved(one: Days, two: Days, text: str, today: datetime) -> Days | None:
    """A weekday of a week that other words moved: "monday 2 weeks after april 1st"."""
    return _one(one, two, text, today) if one.weekday and two.vague else None


def _stretch(one: Days, two: Days, text: str, _today: datetime) -> Days | None:
    """From one day to another."""
    link = _LINK.fullmatch(text, one.stop, two.start)
    single = not {one.grain, two.grain} - {"day", "month"} and not (one.end or two.end)
    if not link or not single or one.begin is None or two.begin is None or one.past or two.past:
        return None
    if link["link"] == "and" and not _BETWEEN.search(text[: one.start]):
        return None
    begin, end = one.begin, last_day(two.begin) if two.grain == "month" else two.begin
    named = re.search(r"\b20\d\d\b", text[one.start : one.stop])
    if one.number and not two.number and end.day > begin.day and not two.weekday:
        begin = end.replace(day=begin.day)
    if end - begin > _MOST_OF_A_YEAR and not (one.weekday or named):
        earlier = add_months(begin, 12 * (end.year - begin.year))
        begin = earlier if earlier < end else begin
    if begin >= end and two.number:
        end = day_of_month(begin, two.begin.day) or end
    elif begin >= end and not (one.weekday or two.weekday or one.number):
        end = add_months(end, 12)
    if begin >= end and two.weekday:
        end += WEEK * -(-((begin - end).days + 1) // 7)
    if begin >= end:
        return None
    return replace(one, begin=begin, end=end, grain="day", weekday=False, number=False,
                   ask=one.ask or two.ask)  # fmt: skip


def _moved(days: Days, text: str) -> Days:
    """What the words in front move: "2 days after friday", "the week of the 6th"."""
    single = days.grain == "day" and days.begin is not None and not days.end
    if not single or days.begin is None:
        return days
    shift = shift_before(text, days.start)
    if shift:
        start, length, sign = shift
        grain = "day" if length.whole_days else "minute"
        return replace(days, start=start, begin=length.after(days.begin, sign), grain=grain,
                       weekday=False, number=False, vague=length.weeks)  # fmt: skip
    return _of_week(days, text, days.begin)


def _of_week(days: Days, text: str, begin: datetime) -> Days:
    """The week or weekend that a date names: "thanksgiving week", "the weekend of the 9th"."""
    behind = None if days.weekday or days.number else _ITS_WEEK.match(text, days.stop)
    front = _WEEK_OF.search(text[: days.start])
    found = behind or front
    if not found:
        return days
    number = 0 if behind else {"after": 1, "before": -1}.get(found["of"], 0)
    start, stop = (days.start, found.end()) if behind else (found.start(), days.stop)
    named = replace(days, start=start, stop=stop, weekday=False, number=False)
    if found["end"]:
        # the weekend of a Monday is the one before it
        number -= int(bool(behind) and begin.weekday() == 0)
        saturday = week(begin, number) + 5 * DAY
        return replace(named, begin=saturday, end=saturday + DAY, grain="weekend")
    # A week begins on Sunday where dates are written so, and is meant from its Monday on.
    number += int(not behind and found["of"] == "of" and begin.weekday() == SUNDAY)
    return replace(named, begin=week(begin, number), grain="week")


def _opened(days: Days, text: str, today: datetime) -> Days:
    """A word in front or behind opens it on one side: "before the 24th", "friday or later"."""
    if not days.begin or days.grain != "day":
        return days
    now = _NOW_UNTIL.search(text[: days.start])
    if now and not days.end and days.begin > today:
        return replace(days, start=now.start(), begin=today, end=days.begin)
    lead = _OPENS.search(text[: days.start])
    if lead and lead["before"]:  # the end of "by the end of march"
        return replace(days, start=lead.start(), begin=None, end=days.end or days.begin)
    if days.end:
        return days
    return _begun(days, lead, text) if lead else _with_tail(days, text)


def _with_tail(days: Days, text: str) -> Days:
    tail = _OPEN_TAIL.match(text, days.stop)
    if tail and tail["before"]:
        return replace(days, stop=tail.end(), begin=None, end=days.begin)
    return replace(days, stop=tail.end(), open_after=True) if tail else days


def _begun(days: Days, lead: re.Match[str], text: str) -> Days:
    if lead["since"] and days.weekday and days.begin:
        return replace(days, start=lead.start(), begin=days.begin - WEEK, past=True)
    if lead["from"] and re.match(r"\s*\|\|", text[days.stop :]):
        return days  # the old day of a change
    return replace(days, start=lead.start(), open_after=True)
