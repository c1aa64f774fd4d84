"""Days, weeks and months in a text: the common ones read here, the rest by Duckling.

What is read here needs no native parser and follows what people mean when they text about
an appointment: a weekday is the next one that comes, "next friday" said before this week's
Friday is the one of next week (and doubtful, so it is asked), "tuesday next week" is one day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from nlu.dates.calendar import mark
from nlu.dates.join import join
from nlu.dates.lookalikes import hide_no_day
from nlu.dates.periods import find_periods
from nlu.dates.rarer import from_duckling
from nlu.dates.relative import find_lengths, find_relative
from nlu.dates.span import DAY, SUNDAY, WEEK, Days, coming, day_of_month, week
from nlu.dates.words import MONTHS, WEEKDAYS

Parse = Callable[[str], list[dict[str, Any]]]
"""Gives Duckling's matches for a text (reference and zone are bound already)."""

_DAY = "|".join(WEEKDAYS)
_MONTH = "|".join(MONTHS)
_ORDINAL_BEFORE = re.compile(
    r"\b(?:first|second|third|fourth|last|every|each|1st|2nd|3rd|4th|other|black|good|cyber|easter|"
    r"ash|palm)\s$"
)
_RULES = re.compile(
    r"\b(?:"
    r"(?P<day_after>(?:the )?day after tomorrow)"
    r"|(?P<today>today|tonight|this (?:early |late )?(?:morning|afternoon|evening))"
    r"|(?P<tomorrow>tomorrow)s?"
    r"|(?P<yesterday>yesterday|last night|(?:the )?day before yesterday)"
    rf"|(?:the )?(?P<d3>{_DAY}) after next"
    rf"|(?P<from_day>{_DAY}) week(?!end)"
    rf"|(?P<last>last|past) (?P<last_day>{_DAY}|week|month|weekend)"
    rf"|(?:(?P<lead>next week|this week|week after next) (?:on )?)?"
    rf"(?P<span>(?:(?P<next>next next|next|this coming|this|coming|(?:the )?following) "
    rf")?(?P<d1>{_DAY})s?"
    rf"(?:\s*(?:-|to|until)\s*(?P<d2>{_DAY}))?"
    r"(?:,? (?:of )?(?:the )?(?P<tail>next week|this week|week after next|following week))?)"
    r"|(?:the )?(?P<week>next|this|coming|following|upcoming) week(?![ -]?end)"
    r"|(?P<ordinal>(?:the )?(?P<number>[1-9]|[12]\d|3[01])(?:st|nd|rd|th)"
    r"(?:(?: day)? of (?:the|this) month)?)"
    rf"(?!,? (?:of )?(?:{_MONTH}))"
    r")\b"
)
_NUMBER = re.compile(
    rf"(?:(?:{_DAY}),? (?:the )?(?P<beside>1[3-9]|2\d|3[01])|(?:(?<=\bon )|(?<=\bon the )|"
    rf"(?<=\bthe ))"
    r"(?P<alone>1[3-9]|2\d|3[01]))(?![\w:/.%-]|\s?(?:st|nd|rd|th|am|pm|o'?clock)\b)(?=\W*$|"
    r"\W*\||\s?-\s?\D| (?:at|or|and|works?|to|until|"
    r"after|before|in|is|please|pls)\b|[,.!?)])"
)
_WORTH_DUCKLING = re.compile(
    r"\b(?:weeks?|months?|days?|weekend|week-end|year|hours?|minutes?|christmas|xmas|thanksgiving|"
    r"easter|labor|memorial|independence|martin|mlk|presidents?|president's|mothers?|mother's|"
    r"fathers?|"
    r"father's|valentines?|valentine's|halloween|columbus|veterans?|veteran's|patricks?|"
    r"patrick's|juneteenth|"
    r"black|good|cyber|ash|palm|boxing|hanukkah|ramadan|diwali|passover|lent|\w+teenth|"
    r"twent\w+|thirt\w+|new|"
    r"fourth of|holidays?|morrow|eve|noon|midnight|am|pm)\b"
)
_WEEK = "(?P<week>next week|this week|week after next)"
_BETWEEN_DAYS = r"(?:\s*(?:,|or|and|/|&)\s*(?:or\s|maybe\s)?|\s+)(?:on\s)?"
_LIST_OF_WEEK = re.compile(rf"(?:{_BETWEEN_DAYS}(?:{_DAY})s?)+,? (?:of )?{_WEEK}")
_WEEK_OF_LIST = re.compile(
    rf"{_WEEK},? (?:on |either )?(?:(?:{_DAY})s?{_BETWEEN_DAYS})+$"
    rf"|{_WEEK.replace('week>', 'other>')},? (?:(?:but )?(?:not|except)|anything but|other "
    rf"than) (?:on )?$"
)
_SIDES = re.compile(r"\b(?:after|before|by|until|since|from|within)\b")
_PART_OF_DATE = re.compile(rf"(?:\b(?:{_MONTH})(?: the)?)\s*$")


def find_days(
    text: str, received_at: datetime, parse: Parse, dates: Iterable[Days] = ()
) -> list[Days]:
    """All stretches of days in a respelled text, in order, without overlaps.

    Args:
        text: from :func:`nlu.dates.spelling.respell`, times of day masked with "|".
        received_at: when the text was received, in the zone of the business.
        parse: Duckling; asked only when something is left that it could read.
        dates: what :func:`nlu.dates.calendar.find_dates` found.
    """
    now = received_at.replace(tzinfo=None)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found = list(dates)
    rest = mark(text, found)
    for read in (
        lambda left: find_relative(left, received_at),
        lambda left: find_periods(left, today),
        lambda left: _own(left, today),
        lambda left: find_lengths(hide_no_day(left), received_at),
    ):
        for days in read(rest):
            if _free(days, found):
                found.append(days)
        for days in found:
            rest = rest[: days.start] + "|" * (days.stop - days.start) + rest[days.stop :]
    # What opens a stretch on one side is read by `join`, the same for all days.
    rest = _SIDES.sub(lambda match: "|" * len(match.group()), hide_no_day(rest))
    if _WORTH_DUCKLING.search(rest):
        matches = sorted(parse(rest), key=lambda match: match["start"] - match["end"])
        for match in matches:
            rare = from_duckling(match, received_at)
            if rare and _free(rare, found):
                found.append(rare)
    return [days for days in join(found, text, today) if days.seconds != 0]


def _free(days: Days, found: list[Days]) -> bool:
    return all(days.stop <= other.start or other.stop <= days.start for other in found)


def _own(text: str, today: datetime) -> Iterator[Days]:
    for match in _NUMBER.finditer(text):
        group = match.lastgroup or ""
        day = day_of_month(today, int(match[group]))
        if day:
            yield Days(*match.span(group), day, number=True, ask=day.weekday() == SUNDAY)
    for match in _RULES.finditer(text):
        days = _near(match, today) or _ordinal(match, text, today)
        if days:
            yield days
        elif match["d1"] and not _ORDINAL_BEFORE.search(text[: match.start()]):
            yield _weekdays(match, today, _week_of_list(match, text))


def _near(match: re.Match[str], today: datetime) -> Days | None:
    start, stop = match.span()
    ahead = 0 if match["today"] else 1 if match["tomorrow"] else 2 if match["day_after"] else None
    if ahead is not None:
        # "this morning": the part of the day is read by others, and stands in the same words
        this = (match["today"] or "").startswith("this")
        return Days(start, start + 4 if this else stop, today + ahead * DAY)
    if match["week"]:
        return Days(start, stop, week(today, int(match["week"] != "this")), grain="week")
    if match["yesterday"] or match["last"]:
        return _over(match, today)
    name = match["d3"] or match["from_day"]
    return Days(start, stop, coming(today, name) + WEEK, ask=bool(match["d3"])) if name else None


def _over(match: re.Match[str], today: datetime) -> Days:
    """What is over: "yesterday", "last friday"."""
    start, stop = match.span()
    if match["yesterday"]:
        days = 2 if "before" in match["yesterday"] else 1
        return Days(start, stop, today - days * DAY, past=True)
    name = match["last_day"]
    if name in WEEKDAYS:
        return Days(start, stop, coming(today - 8 * DAY, name), past=True)
    if name == "weekend":
        saturday = week(today, -1) + 5 * DAY
        return Days(start, stop, saturday, saturday + DAY, grain="weekend", past=True)
    if name == "week":
        return Days(start, stop, week(today, -1), grain="week", past=True)
    first = (today.replace(day=1) - DAY).replace(day=1)
    return Days(start, stop, first, grain="month", past=True)


def _ordinal(match: re.Match[str], text: str, today: datetime) -> Days | None:
    start, stop = match.span()
    if not match["ordinal"] or _PART_OF_DATE.search(text[:start]):
        return None
    day = day_of_month(today, int(match["number"]))
    return Days(start, stop, day, number=True, ask=day.weekday() == SUNDAY) if day else None


def _week_of_list(match: re.Match[str], text: str) -> str:
    """Which week is said once for a list of days: "thurs or fri next week"."""
    after = _LIST_OF_WEEK.match(text, match.end())
    before = _WEEK_OF_LIST.search(text[: match.start()])
    found = after or before
    return (found["week"] or found.groupdict().get("other") or "") if found else ""


def _weekdays(match: re.Match[str], today: datetime, of_list: str) -> Days:
    of_week = match["lead"] or match["tail"] or of_list
    first, ask = coming(today, match["d1"]), False
    lead = match["next"] or ""
    if of_week:
        number = 0 if of_week == "this week" else 2 if "after" in of_week else 1
        first = week(today, number) + WEEKDAYS.index(match["d1"]) * DAY
    elif lead == "next next" or (
        (lead == "next" or lead.endswith("following")) and first < week(today, 1)
    ):
        first, ask = first + WEEK, True
    last = coming(first, match["d2"]) if match["d2"] else None
    return Days(*match.span(), first, last, weekday=not of_week and not last, ask=ask)
