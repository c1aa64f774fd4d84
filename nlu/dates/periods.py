"""Parts of weeks, months and years: "early next week", "first friday of may", "end of month"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from nlu.dates.numbers import CARDINALS, ORDINALS, one_of
from nlu.dates.span import (
    DAY,
    DECEMBER,
    FAR,
    SUNDAY,
    WEEK,
    Days,
    add_months,
    coming,
    first_week,
    last_day,
    week,
)
from nlu.dates.words import MONTHS, WEEKDAYS

_MONTH = "|".join(MONTHS)
_DAY = "|".join(WEEKDAYS)
_NTH = r"(?P<nth>first|second|third|fourth|fifth|last|1st|2nd|3rd|4th|5th)"
_OF_MONTH = (
    rf"(?:(?:of|in)\s)?(?:(?P<month>{_MONTH})(?:,?\s(?P<year>20\d\d))?"
    r"|(?P<which>this|next|the next|the following|following|coming|the coming|the)\smonth)"
)
_EARLY = r"(?:the\s)?(?:early|beginning|start|first part)"
_MIDDLE = r"(?:the\s)?(?:midweek|mid|middle|midway)"
_LATE = r"(?:the\s)?(?:late|later|end|last part)"
_PART = (
    rf"(?:(?P<early>{_EARLY})|(?P<middle>{_MIDDLE})|(?P<late>{_LATE}))"
    r"[\s-](?:(?:of|in|on)\s)?(?:the\s)?"
)
_NAMES = ("john", "jane", "dr", "mrs", "miss", "ms", "mr", "i'm", "i am", "name is", "name's",
          "this is", "with", "hi", "hello", "thanks", "thank you")  # fmt: skip
_NO_NAME = "".join(rf"(?<!\b{name}\s)" for name in _NAMES)

Rule = tuple[re.Pattern[str], Callable[[re.Match[str], datetime], Days | None]]


def find_periods(text: str, today: datetime) -> Iterator[Days]:
    """Every such part in a respelled text; earlier rules win where two overlap.

    Args:
        text: from :func:`nlu.dates.spelling.respell`.
        today: midnight of the day of receipt, naive.
    """
    for pattern, read in _RULES:
        for match in pattern.finditer(text):
            days = read(match, today)
            if days:
                yield days


def _month_of(match: re.Match[str], today: datetime) -> datetime:
    """The first of the month that is named, the coming one where no year is."""
    first = today.replace(day=1)
    if not match["month"]:
        return add_months(first, 1 if re.search("next|foll|com", match["which"]) else 0)
    number = MONTHS.index(match["month"]) + 1
    if match["year"]:
        return first.replace(year=int(match["year"]), month=number)
    return first.replace(year=today.year + (number < today.month), month=number)


def _nth_weekday(match: re.Match[str], today: datetime) -> Days | None:
    month = _month_of(match, today)
    nth = _nth(match["nth"])
    if nth:
        day = coming(month - DAY, match["day"]) + (nth - 1) * WEEK
    else:
        day = coming(last_day(month) - WEEK, match["day"])
    if day.month != month.month:
        return None
    if day < today and not match["year"] and match["month"]:
        return _nth_weekday_in(match, month.replace(year=month.year + 1))
    return Days(*match.span(), day, ask=day - today > FAR or day < today)


def _nth_weekday_in(match: re.Match[str], month: datetime) -> Days:
    nth = _nth(match["nth"])
    day = coming(month - DAY, match["day"]) + (nth - 1) * WEEK
    return Days(*match.span(), day, ask=True)


def _nth_weekend(match: re.Match[str], today: datetime) -> Days:
    month = _month_of(match, today)
    nth = _nth(match["nth"])
    saturday = coming(month - DAY, "saturday") + (nth - 1) * WEEK
    if not nth:
        saturday = coming(last_day(month) - WEEK, "saturday")
    return Days(*match.span(), saturday, saturday + DAY, grain="weekend",
                ask=saturday < today or saturday - today > FAR)  # fmt: skip


def _weekdays_on(match: re.Match[str], today: datetime) -> Days:
    count = CARDINALS.get(match["count"]) or int(match["count"])
    return Days(*match.span(), coming(today, match["day"]) + (count - 1) * WEEK, ask=True)


def _next_weekend(match: re.Match[str], today: datetime) -> Days:
    # To some it is the coming one, unless that has begun.
    saturday = week(today, 1) + 5 * DAY
    return Days(*match.span(), saturday, saturday + DAY, grain="weekend", ask=True)


def _end_day(match: re.Match[str], today: datetime) -> Days:
    month = _month_of(match, today)
    day = last_day(month) if match["nth"] == "last" else month
    return Days(*match.span(), day, ask=day < today or day - today > FAR)


def _nth_week(match: re.Match[str], today: datetime) -> Days:
    month = _month_of(match, today)
    nth = _nth(match["nth"])
    begin = first_week(month) + (nth - 1) * WEEK if nth else week(last_day(month), 0)
    return Days(*match.span(), begin, grain="week", ask=begin - today > FAR)


def _days_of_month(match: re.Match[str], today: datetime) -> Days:
    begin = _month_of(match, today)
    end = last_day(begin)
    if not match["count"]:
        first, rest = 15, end.day - 15
    else:
        first = rest = CARDINALS.get(match["count"]) or int(match["count"])
    if match["side"] == "first":
        end = begin.replace(day=max(1, min(first, end.day)))
    else:
        begin = max(begin, end - (rest - 1) * DAY)
    return Days(*match.span(), begin, end, ask=begin - today > FAR or end < today)


def _nth(word: str) -> int:
    """1 for "first" and "1st", 0 for "last"."""
    return 0 if word == "last" else ORDINALS.get(word) or int(word[0])


def _part_of_month(match: re.Match[str], today: datetime) -> Days:
    month = _month_of(match, today)
    end = last_day(month)
    if end < today and match["month"]:
        month = month.replace(year=month.year + 1)
        end = last_day(month)
    if match["early"]:
        first, last = month, month.replace(day=10)
    elif match["middle"]:
        first, last = month.replace(day=11), month.replace(day=20)
    else:
        first, last = month.replace(day=21), end
    return Days(*match.span(), first, last, ask=first - today > FAR)


def _part_of_week(match: re.Match[str], today: datetime) -> Days:
    which = match["which"] or ""
    number = 2 if match["after"] else 1 if re.search("next|coming|following", which) else 0
    monday = week(today, number)
    if match["early"]:
        first, last = monday, monday + 2 * DAY
    elif match["middle"]:
        first, last = monday + DAY, monday + 3 * DAY
    elif match["late"].startswith(("late", "the late")):
        first, last = monday + 3 * DAY, monday + 4 * DAY
    else:
        first, last = monday + 4 * DAY, monday + 6 * DAY
    return Days(*match.span(), first, last, ask=last < today)


def _rest(match: re.Match[str], today: datetime) -> Days:
    if match["unit"] == "week":
        last = week(today, 0) + 6 * DAY
    elif match["unit"] == "month":
        last = last_day(today)
    else:
        last = today.replace(month=DECEMBER, day=31)
    return Days(*match.span(), today, last)


def _end_of(match: re.Match[str], today: datetime) -> Days:
    by = match["by"]
    last = last_day(today) if match["month"] else today.replace(month=DECEMBER, day=31)
    if by:
        return Days(*match.span(), None, last)
    first = last.replace(day=21) if match["month"] else last
    return Days(*match.span(), first, last if match["month"] else None, ask=last - today > FAR)


def _workday(match: re.Match[str], today: datetime) -> Days:
    day = today + DAY
    while day.weekday() > SUNDAY - 2:
        day += DAY
    return Days(*match.span(), day)


def _after_next(match: re.Match[str], today: datetime) -> Days:
    unit = match["unit"]
    if unit == "month":
        return Days(*match.span(), add_months(today.replace(day=1), 2), grain="month")
    if unit == "weekend":
        saturday = week(today, 2) + 5 * DAY
        return Days(*match.span(), saturday, saturday + DAY, grain="weekend")
    return Days(*match.span(), week(today, 2), grain="week")


def _which_month(match: re.Match[str], today: datetime) -> Days:
    begin = _month_of(match, today)
    return Days(*match.span(), begin, grain="month", ask=begin - today > FAR)


_RULES: tuple[Rule, ...] = (
    (
        re.compile(
            r"\b(?P<by>(?:by|before|until)\s)?(?:the\s)?"
            r"(?:(?P<month>eom|end of (?:the )?month)|eoy|end of (?:the )?year)\b"
        ),
        _end_of,
    ),
    (re.compile(rf"\b(?:the\s)?{_NTH}\s(?P<day>{_DAY})\s{_OF_MONTH}\b"), _nth_weekday),
    (re.compile(rf"\b(?:the\s)?(?P<nth>first|last|1st)\sday\s{_OF_MONTH}\b"), _end_day),
    (re.compile(rf"\b(?:the\s)?{_NTH}\sweek[\s-]?end\s{_OF_MONTH}\b"), _nth_weekend),
    (re.compile(r"\b(?:the\s)?next\sweek[\s-]?end\b"), _next_weekend),
    (
        re.compile(
            rf"\b(?P<count>[2-6]|two|three|four)\s(?P<day>{_DAY})s?\s(?:from now|from today|"
            rf"later|out)\b"
        ),
        _weekdays_on,
    ),
    (re.compile(rf"\b(?:the\s)?{_NTH}\sweek\s{_OF_MONTH}\b"), _nth_week),
    (
        re.compile(
            rf"\b(?:the\s)?(?P<side>first|second|last)\s"
            rf"(?:half|(?P<count>\d\d?|{one_of(CARDINALS)})\sdays)\s{_OF_MONTH}\b"
        ),
        _days_of_month,
    ),
    (re.compile(rf"\b{_PART}{_OF_MONTH}\b(?!\s?\d)"), _part_of_month),
    (
        re.compile(
            rf"\b{_PART}(?P<which>(?:this|next|coming|the coming|following|the following)\s)?week"
            r"(?P<after>\safter\snext)?\b"
        ),
        _part_of_week,
    ),
    (
        re.compile(
            r"\b(?:the\s)?(?:rest|remainder)\s(?:of\s)?(?:(?:the|this|my|current)\s)*"
            r"(?P<unit>week|month|year)\b"
        ),
        _rest,
    ),
    (
        re.compile(
            r"\b(?:the\s)?next\s(?:available\s)?(?:weekday|(?:business|working|work)\s?day)\b"
        ),
        _workday,
    ),
    (
        re.compile(
            r"\b(?:the\s)?(?P<unit>week|weekend|month)\safter\s(?:the\s)?next(?:\s(?P=unit))?\b"
            rf"(?!\s(?:on\s)?(?:{_DAY}))"
        ),
        _after_next,
    ),
    (
        re.compile(
            r"(?:(?<=\bin )|(?<=\bof )|(?<=\bthis )|(?<=\bnext )|(?<=\bby )|(?<=\buntil )"
            r"|(?<=\bbefore )|(?<=\bafter )|(?<=\bsometime )|(?<=\bfor )|(?<=\bbetween )|"
            r"(?<=\bfrom )|(?<=\bto )|(?<=\band )|(?<=[/-])|^|"
            rf"(?=\w+\s?(?:-|to|until)\s?(?:{_MONTH})\b))"
            r"(?P<month>may|march)\b(?!\s(?:i|we|be|"
            r"have)\b)(?:,?[\s/]?(?P<year>20\d\d)\b)?(?!\s?\d)(?P<which>)"
        ),
        _which_month,
    ),
    (
        re.compile(
            rf"{_NO_NAME}\b(?:(?:month\sof|next|this|in)\s)*(?P<month>(?!may|march)(?:{_MONTH}))\b"
            r"(?:,?[\s/]?(?P<year>20\d\d)\b)?(?!\s?\d)(?P<which>)"
        ),
        _which_month,
    ),
    (
        re.compile(
            r"\b(?P<which>next|this|(?:the )?following|(?:the )?coming|"
            r"upcoming)\smonth(?P<month>)(?P<year>)\b"
        ),
        _which_month,
    ),
)
