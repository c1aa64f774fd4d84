"""Days, weeks and months in a text: the common ones read here, the rest by Duckling.

What is read here needs no native parser and follows what people mean when they text about
an appointment: a weekday is the next one that comes, "next friday" said before this week's
Friday is the one of next week (and doubtful, so it is asked), "tuesday next week" is one day.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from nlu.date_spelling import MONTHS, WEEKDAYS

Parse = Callable[[str], list[dict[str, Any]]]
"""Gives Duckling's matches for a text (reference and zone are bound already)."""

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
FAR = timedelta(days=180)


@dataclass(frozen=True)
class Days:
    """A stretch of days in a text.

    Attributes:
        start: offset of its first character; `stop` is after the last.
        begin: first day (or instant, for "in 2 hours"); None for "before friday".
        end: last day; None for a single one and for "after friday".
        grain: "minute", "day", "week", "weekend" or "month".
        weekday: only a weekday was named, so a date beside it decides.
        ask: a second reading is possible.
        seconds: length, where the text names a duration and no day.
    """

    start: int
    stop: int
    begin: datetime | None
    end: datetime | None = None
    grain: str = "day"
    weekday: bool = False
    ask: bool = False
    seconds: int | None = None


_DAY = "|".join(WEEKDAYS)
_MONTH = "|".join(MONTHS)
_ORDINAL_BEFORE = re.compile(
    r"\b(?:first|second|third|fourth|last|every|each|1st|2nd|3rd|4th|other)\s$"
)
_RULES = re.compile(
    r"\b(?:"
    r"(?P<day_after>(?:the )?day after tomorrow)"
    r"|(?<!from )(?P<today>today|tonight|this (?:morning|afternoon|evening))"
    r"|(?<!from )(?P<tomorrow>tomorrow)"
    rf"|(?:the )?(?P<d3>{_DAY}) after next"
    r"|(?P<after_next>(?:the )?week after next(?: week)?)(?! (?:on )?\w+day)"
    rf"|(?:a|1|one) week from (?P<from_day>{_DAY}|today|tomorrow)|(?P<from_day2>{_DAY}) week"
    rf"|(?:(?P<lead>next week|this week|week after next) (?:on )?)?"
    rf"(?P<span>(?:(?P<next>next|this coming|this|coming) )?(?P<d1>{_DAY})s?"
    rf"(?:\s*(?:-|to|until)\s*(?P<d2>{_DAY}))?"
    r"(?:,? (?:of )?(?P<tail>next week|this week|week after next))?)"
    r"|(?P<ordinal>(?:the )?(?P<number>[1-9]|[12]\d|3[01])(?:st|nd|rd|th))"
    rf"(?!,? (?:of )?(?:{_MONTH})|\s*-)"
    r")\b"
)
_NAMES_MONTH = re.compile(_MONTH)
_SAME_MONTH = re.compile(
    r"\s*(?:or|and|,|&|/)\s*(?:the )?(?P<number>[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
    r"(?![\w:/]|\s?[ap]m)"
)
_OPENS = re.compile(r"\b(?:(?P<before>before|by|until)|after|since|starting)\s+(?:on\s+|the\s+)*$")
_WORTH_DUCKLING = re.compile(
    rf"\d|\b(?:{'|'.join(MONTHS)}|weeks?|months?|days?|weekend|year|hours?|christmas|thanksgiving|"
    r"easter|labor|memorial|fourth|fifth|sixth|seventh|eighth|ninth|tenth|\w+teenth|twent\w+|thirt\w+|"
    r"new year\w*)\b"
)
_THINGS = "(?:one|option|slot|time|choice|street|st|ave|avenue|floor|opening|thing)"
_NO_DATE = re.compile(
    rf"""\bmay\b(?!\s+(?:the\s+)?\d)
      (?<!in\smay)(?<!of\smay)(?<!next\smay)(?<!this\smay)(?<!early\smay)
  | \bmarch\b(?=\s+(?:in|over|into)\b)
  # phone numbers, but not dates with dashes
  | (?<![\w/])(?!\d{{4}}-\d\d?-\d\d?\b|\d\d?-\d\d?-\d\d)\+?[\d(][\d()\s.-]{{8,}}\d(?![\w/])
  # orders and references
  | (?:\#|\border\s(?:number\s|no\.?\s|\#)?|\bref\w*\s)\s*[\w-]*\d[\w-]*
  | \b[a-z]{{2,4}}-(?=[a-z]*\d)[a-z0-9]{{3,}}\b
  # money, house numbers, eyesight
  | \$\s?\d[\d.,]* | \b\d{{5,}}\b | \bat\s\d{{3,}}\b | \b(?:20/\d\d+|24/7|24x7)\b
  | \b(?:right\s)?now\b | \basap\b
  # a choice from a list, a street
  | \b\d+(?:st|nd|rd|th)\s{_THINGS}\b
  | \b(?:first|second|third|fourth|fifth)\s{_THINGS}\b
  | \bon\s(?:first|second|third|fourth|fifth|sixth|seventh)\b
  | \bthe\s(?:first|second|third|fourth|fifth)\b(?!\sof)
  # no day in particular, ages, how long something has lasted
  | \b(?:all|every|each|what|which|any|other|some|same|one|good|nice|great|sick|bad|per|
        (?<!of\s)the)
    \s(?:days?|weeks?|year|month|hour)\b(?!\s(?:of|after))
  | \b\d+\s?(?:years?|yrs?|months?|days?|weeks?)\s(?:old|ago)\b
  | \b(?:for|since)\s(?:a|\d+|one|two|three)\s(?:days?|weeks?|months?|years?|hours?)\b
    """,
    re.VERBOSE,
)
_PART_OF_DATE = re.compile(rf"(?:\b(?:{_MONTH})(?: the)?|\bto|-)\s*$")
SUNDAY = 6
_UNIT = {"year": 365 * DAY, "month": 30 * DAY, "week": WEEK, "day": DAY}


def find_days(text: str, received_at: datetime, parse: Parse) -> list[Days]:
    """All stretches of days in a respelled text, in order, without overlaps.

    Args:
        text: from :func:`nlu.date_spelling.respell`, times of day masked with "|".
        received_at: when the text was received, in the zone of the business.
        parse: Duckling; asked only when something is left that it could read.
    """
    now = received_at.replace(tzinfo=None)
    rest = _NO_DATE.sub(lambda match: "|" * len(match.group()), text)
    found = list(_own(rest, now))
    for days in found:
        rest = rest[: days.start] + "|" * (days.stop - days.start) + rest[days.stop :]
    if _WORTH_DUCKLING.search(rest):
        matches = sorted(parse(rest), key=lambda match: match["start"] - match["end"])
        for match in matches:
            read = _from_duckling(match, received_at)
            if read and all(read.stop <= o.start or o.stop <= read.start for o in found):
                found.append(read)
    return _join(sorted(found, key=lambda days: days.start), text)


def _own(text: str, now: datetime) -> Iterator[Days]:
    today = datetime(now.year, now.month, now.day)  # noqa: DTZ001  (naive local by contract)
    for match in _RULES.finditer(text):
        days = _near(match, today) or _ordinal(match, text, today)
        if days:
            yield days
        elif match["d1"] and not _ORDINAL_BEFORE.search(text[: match.start()]):
            yield _weekdays(match, today)


def _near(match: re.Match[str], today: datetime) -> Days | None:
    start, stop = match.span()
    if match["today"]:
        # "this morning": the part of the day is read by others, and stands in the same words
        return Days(start, start + 4 if match["today"].startswith("this") else stop, today)
    if match["tomorrow"]:
        return Days(start, stop, today + DAY)
    if match["day_after"]:
        return Days(start, stop, today + 2 * DAY)
    if match["after_next"]:
        return Days(start, stop, _week(today, 2), grain="week")
    name = match["d3"] or match["from_day"] or match["from_day2"]
    if not name:
        return None
    base = _coming(today, name) if name in WEEKDAYS else today + DAY * (name == "tomorrow")
    return Days(start, stop, base + WEEK, ask=bool(match["d3"]))


def _ordinal(match: re.Match[str], text: str, today: datetime) -> Days | None:
    start, stop = match.span()
    if not match["ordinal"] or _PART_OF_DATE.search(text[:start]):
        return None
    coming = _day_of_month(today, int(match["number"]))
    return Days(start, stop, coming, ask=coming.weekday() == SUNDAY) if coming else None


def _weekdays(match: re.Match[str], today: datetime) -> Days:
    week = match["lead"] or match["tail"]
    first, ask = _coming(today, match["d1"]), False
    if week:
        number = {"this week": 0, "next week": 1}.get(week, 2)
        first = _week(today, number) + WEEKDAYS.index(match["d1"]) * DAY
    elif match["next"] == "next" and first < _week(today, 1):
        first, ask = first + WEEK, True
    last = None
    if match["d2"]:
        last = _coming(first, match["d2"])
    return Days(*match.span(), first, last, weekday=not week and not last, ask=ask)


def _day_of_month(today: datetime, number: int) -> datetime | None:
    """The next day with that number, today included."""
    month = today.replace(day=1)
    for _ in range(3):
        if number <= monthrange(month.year, month.month)[1]:
            day = month.replace(day=number)
            if day >= today:
                return day
        month = (month + 31 * DAY).replace(day=1)
    return None


def _coming(today: datetime, weekday: str) -> datetime:
    ahead = (WEEKDAYS.index(weekday) - today.weekday() - 1) % 7 + 1
    return today + ahead * DAY


def _week(today: datetime, number: int) -> datetime:
    return today - today.weekday() * DAY + number * WEEK


def _from_duckling(match: dict[str, Any], received_at: datetime) -> Days | None:
    value, start, stop = match["value"], match["start"], match["end"]
    if match["dim"] == "duration":
        return Days(start, stop, None, seconds=value["normalized"]["value"])
    body: str = match["body"]
    if value["type"] == "value":
        return _value(value, start, stop, received_at, body)
    begin, end = _local(value.get("from")), _local(value.get("to"))
    grain = (value.get("from") or value.get("to"))["grain"]
    if "weekend" in body and begin:
        saturday = (begin + DAY if begin.hour else begin).replace(hour=0)
        return Days(start, stop, saturday, saturday + DAY, grain="weekend")
    if grain == "second":  # "by friday", "within 2 weeks": from now until a day
        begin = None
        grain = "day" if end and not end.hour else "minute"
    elif end:
        end = _last(end, grain, open_start=begin is None)
    return Days(start, stop, begin, end, grain="day" if grain in _UNIT else "minute")


def _value(
    value: dict[str, Any], start: int, stop: int, received_at: datetime, body: str
) -> Days | None:
    begin, grain, now = _local(value), value["grain"], received_at.replace(tzinfo=None)
    if not begin or grain in {"quarter", "year"}:
        return None
    if grain == "second" and abs(begin - now) < DAY / 24:
        return None  # "now"
    ask = begin - now > FAR or (grain == "day" and begin.weekday() == SUNDAY)
    if grain in _UNIT:
        return Days(start, stop, begin, grain=grain, ask=ask)
    if re.search(r"\b(?:days?|weeks?)\b", body):  # "in 2 days", which Duckling gives an hour
        return Days(start, stop, begin.replace(hour=0, minute=0, second=0), ask=ask)
    if not re.search(r"\b(?:hours?|minutes?)\b", body):
        return None  # times of day are read elsewhere; here it would be a house number
    # Duckling keeps the offset of the reference even where the clocks change in between.
    begin = datetime.fromisoformat(value["value"]).astimezone(received_at.tzinfo)
    begin = begin.replace(tzinfo=None)
    return Days(start, stop, begin, grain="minute")


def _local(value: dict[str, Any] | None) -> datetime | None:
    return datetime.fromisoformat(value["value"]).replace(tzinfo=None) if value else None


def _last(end: datetime, grain: str, *, open_start: bool) -> datetime:
    """Duckling's end is the first unit after the stretch; ours is the last one in it."""
    if open_start:
        return end
    if grain == "week":
        return end - DAY
    return end - _UNIT.get(grain, timedelta(hours=1) if grain == "hour" else timedelta(minutes=1))


def _join(found: list[Days], text: str) -> list[Days]:
    """What belongs together: "friday the 13th", "tuesday next week", "the 16th to the 20th"."""
    joined: list[Days] = []
    for days in found:
        before = joined[-1] if joined else None
        if before and days.start < before.stop:
            continue
        whole = _together(before, days, text) if before else None
        if before and whole:
            joined[-1] = replace(whole, start=before.start, stop=days.stop)
        else:
            joined.append(days)
        last = joined[-1]
        more = _SAME_MONTH.match(text, last.stop)
        named = _NAMES_MONTH.search(text, last.start, last.stop)
        if more and named and last.begin and last.grain == "day":
            number = int(more["number"])
            if last.begin.day < number <= monthrange(last.begin.year, last.begin.month)[1]:
                same = replace(last, start=more.start("number"), stop=more.end())
                joined.append(replace(same, begin=last.begin.replace(day=number)))
    return [_opened(days, text) for days in joined]


def _together(one: Days, two: Days, text: str) -> Days | None:
    between = text[one.stop : two.start]
    if re.fullmatch(r"[\s,]*(?:(?:the|of|on|at|a|in)\b[\s,]*)*", between):
        named, other = (one, two) if one.weekday else (two, one)
        if named.weekday and not other.weekday:
            return _one_day(named, other, any_such=bool(re.search(r"\ba\b", between)))
    single = one.grain == two.grain == "day" and not (one.end or two.end)
    link = re.fullmatch(r"\s*(-|to|until|and)\s*(?:the\s*)?", between)
    if single and link and one.begin and two.begin and one.begin < two.begin:
        lead = re.search(r"\bbetween\s+(?:the\s+)?$", text[: one.start])
        if link[1] != "and" or lead or text[one.start :].startswith("between"):
            return replace(one, end=two.begin, weekday=False, ask=one.ask or two.ask)
    return None


def _one_day(named: Days, other: Days, *, any_such: bool) -> Days | None:
    if named.begin is None or other.begin is None or other.end:
        return None
    weekday = named.begin.weekday() * DAY
    if other.grain == "week":
        return replace(named, begin=other.begin + weekday, weekday=False)
    if other.grain == "month":  # "next month on a friday": which one is to be asked
        return replace(other, ask=True)
    if other.grain == "day":
        if any_such:  # "in 3 weeks on a monday"
            return replace(other, begin=_week(other.begin, 0) + weekday)
        return replace(other, ask=other.ask or named.begin.weekday() != other.begin.weekday())
    return None


def _opened(days: Days, text: str) -> Days:
    """The word in front opens a stretch on one side: "before the 24th", "after friday"."""
    lead = _OPENS.search(text[: days.start])
    if not lead or days.end or not days.begin or days.grain != "day":
        return days
    if lead["before"]:
        return replace(days, start=lead.start(), begin=None, end=days.begin)
    return replace(days, start=lead.start())
