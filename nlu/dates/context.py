"""What counts from the customer's appointment: "same time next week", "push it back a day"."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from nlu.dates.clock import Clock
from nlu.dates.mention import Mention
from nlu.dates.relative import LENGTH, read_length
from nlu.dates.span import DAY, WEEK, Days, week

_WEEK_AFTER = r"(?:the\s)?(?:week after|following week)(?:\s(?:that|it))?"
_SAME_TIME = re.compile(
    rf"\b(?:at\s)?(?:the\s)?same\s(?:exact\s)?(?:time|hour)(?:\sof day)?\b"
    rf"(?:,?\s(?:but\s)?(?:the\s)?(?P<week>next week|{_WEEK_AFTER}))?"
)
_WEEK_SAME_TIME = re.compile(
    rf"\b(?P<week>next week|{_WEEK_AFTER}),?\s(?:at\s)?(?:the\s)?same\s(?:exact\s)?(?:time|hour)\b"
)
_SAME_DAY = re.compile(r"\b(?:(?:on\s)?(?:the\s|that\s)?same day|(?:on\s)?that day)\b")
_NEXT = re.compile(
    rf"\b(?P<week>{_WEEK_AFTER})\b(?!\s(?:next|of|the|my))"
    r"|\b(?:the\s)?(?P<after>day after|next day|following day)(?:\s(?:that|it))?\b"
    r"(?=\W*$|[,.!?;]|\s(?:at|in the|works?|is|would|instead|please|pls|if|or|around|same)\b)"
    r"|\bthe\s(?P<before>day before)(?:\s(?:that|it))?\b"
    r"(?=\W*$|[,.!?;]|\s(?:at|in the|works?|is|would|instead|please|pls|if|or|around|same)\b)"
)
_ON = r"(?:back|out|later)"
_EARLIER = r"(?:earlier|sooner|up|forward|ahead|before(?:\sthat|\sit)?)"
_MOVED = re.compile(
    r"\b(?P<move>push|move|bump|bring|shift|delay|postpone|reschedule|scoot|slide)\s"
    r"(?:(?:it|that|this|mine|(?:my|the)\s\w+)\s)?"
    rf"(?:(?P<back>{_ON})\s|(?P<up>{_EARLIER})\s)?(?:by\s)?(?P<length>{LENGTH})\b"
    rf"(?:\s(?:(?P<later>{_ON}|after(?:\sthat|\sit)?)|(?P<earlier>{_EARLIER}))\b(?!\s\w*(?:day|"
    rf"\d)))?"
)
_APART = re.compile(
    rf"(?<![\w/.$-])(?P<length>{LENGTH})\s(?:(?P<later>later|after\s(?:that|it))|"
    r"(?P<earlier>earlier|sooner|before\s(?:that|it)))\b"
)
_NAMES_DAY = re.compile(r"\w+day\b|\bweek\b|\bmonth\b|\d(?:st|nd|rd|th)\b|\d/\d|tomorrow")
_CHANGE = re.compile(
    r"\b(?:instead|change|changed|move|moved|switch|push|make it|earlier|later|rather)\b"
)


class Told(NamedTuple):
    """Days and times that count from the appointment.

    Attributes:
        doubtful: the text speaks of an appointment that is not known.
    """

    days: list[Days]
    clocks: list[Clock]
    doubtful: bool = False


def find_context(text: str, appointment: datetime | None, today: datetime) -> Told:
    """What a respelled text names by its distance from the appointment.

    Args:
        text: from :func:`nlu.dates.spelling.respell`.
        appointment: when it begins, naive local; without one nothing is made up, and what the
            text names beside such words is doubtful.
        today: midnight of the day of receipt, naive.
    """
    same = _WEEK_SAME_TIME.search(text) or _SAME_TIME.search(text)
    if appointment is None:
        return _without(text, same, today)
    if same:
        return _same_time(same, appointment, today)
    days = _days_from(text, appointment)
    return Told([days] if days else [], [])


def _same_time(same: re.Match[str], appointment: datetime, today: datetime) -> Told:
    if not same["week"]:
        return Told([], [Clock(*same.span(), appointment.time(), None, exact=True)])
    next_week = same["week"] == "next week"
    day = week(today, 1) + appointment.weekday() * DAY
    later = _midnight(appointment) + WEEK
    known = next_week and day.date() != appointment.date()  # else nothing would change
    moment = datetime.combine(day if known else later, appointment.time())
    ask = next_week and day != later
    return Told([Days(*same.span(), moment, grain="minute", ask=ask)], [])


def _days_from(text: str, appointment: datetime) -> Days | None:
    moved = _MOVED.search(text) or _APART.search(text)
    if moved:
        return _apart(moved, appointment)
    same_day = _SAME_DAY.search(text)
    if same_day:
        return Days(*same_day.span(), _midnight(appointment))
    following = _NEXT.search(text)
    if following and not _NAMES_DAY.search(_without_span(text, following)):
        return _following(following, appointment)
    return None


def _without(text: str, same: re.Match[str] | None, today: datetime) -> Told:
    following = _NEXT.search(text)
    if not following or _NAMES_DAY.search(_without_span(text, following)):
        return Told([], [], bool(same or _SAME_DAY.search(text)))
    if following["after"]:  # of today, if of nothing else
        return Told([Days(*following.span(), today + DAY, ask=True)], [])
    return Told([], [], doubtful=True)


def _without_span(text: str, match: re.Match[str]) -> str:
    return text[: match.start()] + text[match.end() :]


def _apart(match: re.Match[str], appointment: datetime) -> Days:
    said = match.groupdict()
    sign = -1 if said.get("up") or said.get("earlier") else 1
    length = read_length(match["length"])
    # To bring something forward is sooner to some and later to others.
    unclear = "forward" in match.group() or (length.whole_days and not said.get("move"))
    return Days(*match.span(), length.after(appointment, sign), grain="minute", ask=bool(unclear))


def _following(match: re.Match[str], appointment: datetime) -> Days:
    if match["week"]:
        return Days(*match.span(), week(_midnight(appointment), 1), grain="week")
    day = _midnight(appointment) + (DAY if match["after"] else -DAY)
    return Days(*match.span(), day)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def in_context(mention: Mention, text: str, appointment: datetime) -> Mention:
    """A time of day alone is one of the appointment's day: "can we do 4 instead".

    Where the words speak of a change, that day is what they mean; otherwise the time may be
    meant of any day, so it stays free of one and is asked.

    Args:
        mention: as it was read.
        text: the respelled text.
        appointment: when the appointment begins, naive local.
    """
    if not mention.date_free:
        return mention
    anchor = mention.start or mention.end
    if anchor is None:
        return mention
    apart = _midnight(appointment) - _midnight(anchor)
    change = bool(_CHANGE.search(text))
    return replace(
        mention,
        start=mention.start + apart if mention.start else None,
        end=mention.end + apart if mention.end else None,
        date_free=not change,
        ask=mention.ask or not change,
    )
