"""Dates of the calendar: "oct 2", "the 8th of may", "march 27-29", "24/11", "2026-04-10".

Without a year a date is the next one that comes. Numbers alone are month and day, as in the
United States, unless only day and month are possible ("24/11").
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from nlu.dates.span import DAY, DECEMBER, FAR, Days, add_months, last_day
from nlu.dates.words import MONTHS

MARK = "\ue000"
"""Stands for each character of a date that is read already (from Unicode's private area)."""
YEARS_AROUND = 2
"""Four digits behind a date are a year when they are this close, otherwise a time ("2015")."""

_MONTH = "|".join(MONTHS)
_D = r"(?:3[01]|[12]\d|0?[1-9])"
_TH = r"(?:\s?(?:st|nd|rd|th)\b)?"
_NOT_MORE = (
    r"(?![\d:/%]|\.\d|\s?[ap]m\b|\s?o'?clock|-\d{3}"
    r"|\s(?:people|kids|children|pairs?|patients|minutes?|hours?|days?|weeks?|of us)\b)"
)
_OPENING = r"(?<![\w:/.$#+-])"
_LINK = r"\s*(?P<link>-|to|until|and|or|&|/)\s*(?:the\s)?"
_TH_BEHIND = re.compile(_TH)
_GAP = r"(?:,\s?|[./-]|\s)?"
_YEAR = r"(?:[\s,./-]*(?P<year>20\d\d)(?![\d:]|-\d{3}))?"
_MONTH_FIRST = re.compile(
    rf"\b(?P<month>{_MONTH}){_GAP}(?:the\s)?(?P<day>{_D}|3[2-9]){_TH}(?!\d)(?:"
    rf"{_LINK}(?P<day2>{_D}){_TH}{_NOT_MORE}(?!\s?(?:of\s)?(?:{_MONTH})\b)(?!-)"
    rf"|(?=[\s,./-]+20\d\d(?!\d))|{_NOT_MORE}){_YEAR}"
)
_DAY_FIRST = re.compile(
    rf"{_OPENING}(?:(?P<day>{_D}){_TH}{_LINK})?(?P<day2>{_D})"
    rf"(?:(?P<th>\s?(?:st|nd|rd|th))(?:\sday)?|(?!\s?\w+\s*(?:the\s)?{_D}(?!\d|:|\s?[ap]m|"
    rf"-\d{{3}}|\s?(?:-|to|until)\s?\d{{1,2}}(?::\d\d)?\s?[ap]m)))"
    rf"{_GAP}(?:of\s)?(?:(?P<month>{_MONTH})\b(?!\s(?:be|have|not|i|need)\b){_YEAR}"
    r"|(?:of\s|(?<=[snrt][tdh]\s))(?:the\s)?(?P<which>next|this|following)\smonth)"
)
_RANGE_IN_MONTH = re.compile(
    rf"{_OPENING}(?P<day>{_D}){_TH}\s*(?P<link>-|to|until)\s*(?:the\s)?(?P<day2>{_D}){_TH}"
    r"\s(?:of\s|in\s)?(?:the\s)?(?P<which>next|this|following)\smonth(?P<month>)"
)
_YEAR_FIRST = re.compile(
    rf"(?<![\w/.-])(?P<year>20\d\d)(?P<gap>[-/.])(?P<month>1[0-2]|0?[1-9]|{_MONTH})(?P=gap)"
    rf"(?P<day>{_D})(?![\d/-])"
)
_YEAR_NAMED = re.compile(
    rf"(?<![\w/.-])(?P<year>20\d\d),?\s(?P<month>{_MONTH})\s(?:the\s)?(?P<day>{_D}){_TH}(?![\d:/])"
)
_NUMBERS = re.compile(
    r"(?:(?<![\w/.$#:+-])|(?<=/\d-)|(?<=/\d\d-)|"
    r"(?<=/\d{4}-))(?P<one>\d{1,2})(?P<gap>\s?[-/.]\s?)(?P<two>\d{1,2})"
    r"(?:(?:(?P=gap)|(?<=/\d),\s?|(?<=/\d\d),\s?)(?P<year>(?:20)?\d\d))?(?![\d/%:]|\.\d|-\d{3}|"
    r"\s?[ap]m\b)"
    r"(?!\s?(?:h|hours?|minutes?|days?|weeks?|months?|years?|people|of|an|a|cup|ounces?)\b)"
)
_MONTH_OF_YEAR = re.compile(r"(?<![\w/.-])(?P<month>1[0-2]|0?[1-9])/(?P<year>20\d\d)(?![\d/])")
_NAMES_TIME = re.compile(r"\d\s?[ap]m\b|\d:\d\d")
"""Where a text has a time already, four digits behind a date are its year."""
_IS_POINT_DATE = re.compile(r"\b(?:on|by|before|after|until|for|\d\s?[ap]m)\s*$")
_IS_CLOCK_RANGE = re.compile(r"\s*(?:on|this|next|tomorrow|today)?\s*(?:\w+day|tomorrow|today)\b")


def find_dates(text: str, today: datetime, *, american: bool = True) -> list[Days]:
    """Every date of the calendar in a respelled text, in order, without overlaps.

    Args:
        text: from :func:`nlu.dates.spelling.respell`.
        today: midnight of the day of receipt, naive.
        american: people here write the month before the day; elsewhere "5/4" is doubtful.

    Returns:
        Days; a day that the month does not have is the last one of it, and `ask` is set.
    """
    found: list[Days] = []
    for days in (
        *_of_years(text, today),
        *_with_names(text, today),
        *_in_numbers(text, today, american=american),
    ):
        if all(days.stop <= other.start or other.stop <= days.start for other in found):
            found.append(days)
    return sorted(found, key=lambda days: days.start)


def mark(text: str, found: list[Days]) -> str:
    """The text with a mark over every date, so that a time beside it is still seen."""
    for days in found:
        text = text[: days.start] + MARK * (days.stop - days.start) + text[days.stop :]
    return text


def _of_years(text: str, today: datetime) -> Iterator[Days]:
    for match in (*_YEAR_FIRST.finditer(text), *_YEAR_NAMED.finditer(text)):
        day = _date(today, _month(match["month"]), int(match["day"]), int(match["year"]))
        yield replace(day, start=match.start(), stop=match.end())
    for match in _MONTH_OF_YEAR.finditer(text):
        year = int(match["year"])
        if abs(year - today.year) <= YEARS_AROUND:
            first = today.replace(year=year, month=int(match["month"]), day=1)
            yield Days(*match.span(), first, grain="month", ask=first - today > FAR)


def _in_numbers(text: str, today: datetime, *, american: bool) -> Iterator[Days]:
    for match in _NUMBERS.finditer(text):
        one, two, gap = int(match["one"]), int(match["two"]), match["gap"].strip()
        written = int(match["year"]) if match["year"] else None
        year = written + 2000 if written is not None and written < 100 else written  # noqa: PLR2004
        if year is not None and abs(year - today.year) > YEARS_AROUND:
            continue
        if not _is_date(match, one, two, gap):
            continue
        month, day = (one, two) if one <= DECEMBER else (two, one)
        if not (1 <= month <= DECEMBER and 1 <= day <= 31):  # noqa: PLR2004
            continue
        both = one != two and max(one, two) <= DECEMBER and not american
        days = _date(today, month, day, year)
        alone = match.group() == text.strip(" .!?()")
        ask = days.ask or both or (gap == "." and alone and not year)  # "3.30" may be a time
        yield replace(days, start=match.start(), stop=match.end(), ask=ask)


def _is_date(match: re.Match[str], one: int, two: int, gap: str) -> bool:
    """Whether two numbers are a date and not a range of hours, a size or a prescription."""
    text, alone = match.string, match.group() == match.string.strip(" .!?()")
    if gap == "/" or match["year"]:
        return True
    if gap == "-":
        hours = _IS_CLOCK_RANGE.match(text, match.end()) or text[: match.start()].endswith("from ")
        return one <= DECEMBER < two and not hours
    return alone or bool(_IS_POINT_DATE.search(text[: match.start()]))


def _with_names(text: str, today: datetime) -> Iterator[Days]:
    for pattern in (_RANGE_IN_MONTH, _DAY_FIRST, _MONTH_FIRST):
        for match in pattern.finditer(text):
            yield from _named(match, today)


def _named(match: re.Match[str], today: datetime) -> Iterator[Days]:
    month, stop = match["month"], match.end()
    year = int(match["year"]) if match.groupdict().get("year") else None
    far = year is not None and abs(year - today.year) > YEARS_AROUND
    if far and not _NAMES_TIME.search(match.string):
        year, stop = None, match.end("year") - len("2015")
        stop -= len(match.string[:stop]) - len(match.string[:stop].rstrip(" ,./-"))
    if month:
        number = _month(month)
    else:
        base = last_day(today) + DAY if match["which"] != "this" else today
        number, year = base.month, base.year
    numbers = [int(match[name]) for name in ("day", "day2") if match[name]]
    first, last = (_date(today, number, day, year) for day in (numbers[0], numbers[-1]))
    if len(numbers) == 1:
        yield replace(first, start=match.start(), stop=stop)
    elif _is_list(match):
        for name, day in (("day", first), ("day2", last)):
            begun = match.start() if name == "day" else match.start("day2")
            behind = _TH_BEHIND.match(match.string, match.end("day"))
            end = behind.end() if behind and name == "day" else stop
            yield replace(day, start=begun, stop=end)
    elif first.begin and last.begin:
        begin = first.begin
        if begin > last.begin and numbers[0] > numbers[-1]:
            begin = add_months(begin, -1)  # it begins in the month before
        elif begin > last.begin:  # it has begun already
            begin = begin.replace(year=last.begin.year)
        yield Days(match.start(), stop, begin, last.begin, ask=first.ask or last.ask)


def _is_list(match: re.Match[str]) -> bool:
    between = re.search(r"\bbetween\s+(?:the\s+)?$", match.string[: match.start()])
    return match["link"] in {"or", "&", "/"} or (match["link"] == "and" and not between)


def _month(name: str) -> int:
    return int(name) if name.isdigit() else MONTHS.index(name) + 1


def _date(today: datetime, month: int, day: int, year: int | None) -> Days:
    """A date; the coming one when no year was named. Its offsets are not set."""
    count = monthrange(year or today.year, month)[1]
    leap = year is None and (month, day) == (2, 29)
    begin = today.replace(year=year or today.year, month=month, day=min(day, count))
    if year is None and begin < today:
        begin = begin.replace(
            year=today.year + 1, day=min(day, monthrange(today.year + 1, month)[1])
        )
    wrong = day > count and not leap
    return Days(0, 0, begin, ask=wrong or begin - today > FAR or begin < today)
