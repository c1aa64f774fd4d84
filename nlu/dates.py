"""Dates and times that a customer's text names, and what each is for.

Pure: the time of receipt, the zone and Duckling are handed in. The steps: one spelling
(:mod:`nlu.date_spelling`), times of day (:mod:`nlu.clock`), days (:mod:`nlu.days`, with
Duckling for the rarer ones), parts of the day, then composition and roles
(:mod:`nlu.date_roles`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

from nlu.clock import Clock, find_clocks
from nlu.date_roles import Role, cut_change, role_of
from nlu.date_spelling import respell
from nlu.days import Days, find_days

LONGEST_STRETCH = timedelta(days=31)
MAX_CHARACTERS = 300
"""What goes beyond is not read: no text message names a date that late."""

ParseTimes = Callable[[str, datetime, str], list[dict[str, Any]]]
"""Duckling: text, reference (aware), name of the zone."""


class TimeValue(TypedDict):
    """The value of a `time` entity; naive ISO times in the zone of the business.

    `start` alone is an instant (grain "minute"), a whole day, week or month (by `grain`), or the
    begin of an open range when `open` says "after"; `end` is the last instant or day that the
    text names. `date_free` is true when only a time of day was named: the date in `start` and
    `end` is then the day on which the text was received.
    """

    start: str | None
    end: str | None
    grain: str
    daypart: str | None
    role: Role
    text: str
    date_free: bool
    open: str | None


@dataclass(frozen=True)
class Mention:
    """One date or time in a text; the fields of :class:`TimeValue` and where it stands.

    Attributes:
        first: offset of its first character in the original; `last` is after its end.
        seconds: for a duration ("a week", "15 min"), which has neither start nor end.
        ask: a second reading is possible, so the customer should confirm it.
    """

    first: int
    last: int
    start: datetime | None
    end: datetime | None
    grain: str
    daypart: str | None = None
    role: Role = "offered"
    text: str = ""
    date_free: bool = False
    open: str | None = None
    seconds: int | None = None
    ask: bool = False

    def value(self) -> TimeValue:
        """As a `time` entity carries it."""
        return {
            "start": self.start.isoformat() if self.start else None,
            "end": self.end.isoformat() if self.end else None,
            "grain": self.grain,
            "daypart": self.daypart,
            "role": self.role,
            "text": self.text,
            "date_free": self.date_free,
            "open": self.open,
        }


_WEEKDAY = r"(?= (?:on )?(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
# Name: the words, begin and end. Public test suites of date parsers agree on 12 for the end of
# the morning; the rest is what a practice that is open by day can offer.
DAYPARTS: dict[str, tuple[str, time, time]] = {
    "early morning": (
        r"early (?:in the )?morning|first thing(?: in the morning)?",
        time(8),
        time(10),
    ),
    "late morning": (r"later? (?:in the )?morning|mid ?-?morning", time(10), time(12)),
    "morning": (rf"morning|before lunch|early{_WEEKDAY}", time(8), time(12)),
    "lunch": (
        r"(?:(?:at|over|during|around) )?(?:my )?lunch(?: ?time| ?hour| break)?",
        time(12),
        time(13),
    ),
    "after lunch": (r"after lunch|early (?:in the )?afternoon", time(13), time(15)),
    "eod": (
        rf"end of (?:the )?day|eod|later? (?:in the )?(?:afternoon|day)|(?<!too )late{_WEEKDAY}",
        time(16),
        time(18),
    ),
    "afternoon": (r"afternoon", time(12), time(17)),
    "evening": (
        r"evening|after ?work|tonight|late evening|night|(?<!christmas )(?<!year's )(?<!years )eve",
        time(17),
        time(20),
    ),
    "after school": (r"after ?school", time(15), time(17)),
}
_ORDER = ("early morning", "late morning", "after lunch", "after school", "lunch", "eod", "morning",
          "afternoon", "evening")  # fmt: skip
_DAYPART = re.compile(
    r"\b(?:in the |at |this )?(?:"
    + "|".join(f"(?P<{name.replace(' ', '_')}>{DAYPARTS[name][0]})" for name in _ORDER)
    + r")\b(?! (?:care|exam))"
)
_GREETING = re.compile(
    r"\bgood (?:morning|afternoon|evening|night)\b|\b(?:last|every) night\b|"
    r"^\W*(?:morning|afternoon|evening)\b(?=[,!. ]|$)(?! (?:works?|is|would|of|on|pls|please|or))"
)
_STRICT = re.compile(
    r"(?:'s)?[\s,\-]*(?:(?:at|on|in|the|around|about|for|like|sometime|any ?time|of)\b[\s,]*)*"
)
_LIST = re.compile(r"[\s,]*(?:or|and|/|&|,|or maybe|or even|and maybe)[\s,]*(?:at |on |maybe )*")
_ONE_AFTER = re.compile(r"\bthe (?:one|week) after(?: that)?\b|\bthe following (?:one|week)\b")


@dataclass(frozen=True)
class _Piece:
    """A mention that grows while it is composed; offsets in the respelled text."""

    start: int
    stop: int
    days: Days | None = None
    clock: Clock | None = None
    daypart: str | None = None

    def shares(self, other: _Piece) -> bool:
        """Whether the two name different halves (day, time of day) of one moment."""
        if self.days and self.days.grain not in {"day", "week"}:
            return False
        if other.days and other.days.grain not in {"day", "week"}:
            return False
        if bool(self.days) and bool(other.days):
            return False
        return not (self.clock and other.clock) and not (self.daypart and other.daypart)


def read_dates(
    text: str, received_at: datetime, zone: str, parse: ParseTimes, *, asked: str | None = None
) -> list[Mention]:
    """Every date, time and duration that a text names, in order.

    Args:
        text: the customer's text, of any length and content.
        received_at: when it was received (aware).
        zone: IANA name of the zone of the location.
        parse: see :data:`ParseTimes`; may raise, and the error is the caller's.
        asked: "time" when the assistant has just asked for a time of day, so that "8" is one.

    Returns:
        Mentions that do not overlap; but a time of day that is said of several days is one
        mention a day, all of the same words.
    """
    clean = "".join(char if char.isprintable() else " " for char in text[:MAX_CHARACTERS])
    now = received_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    aligned = respell(clean)
    respelled = cut_change(_GREETING.sub(lambda m: "|" * len(m.group()), aligned.text))
    parts = list(_DAYPART.finditer(respelled))
    clocks = find_clocks(respelled, asked=asked == "time", half_at=_halves(respelled, parts))
    masked = _mask(respelled, [(clock.start, clock.stop) for clock in clocks])
    parts = [part for part in parts if "|" not in masked[part.start() : part.end()]]
    days = find_days(
        _mask(masked, [part.span() for part in parts if "this" not in part.group()
                       and part.group() != "tonight"]),
        received_at.astimezone(ZoneInfo(zone)),
        lambda rest: parse(rest, received_at, zone),
    )  # fmt: skip
    pieces = [
        *(_Piece(day.start, day.stop, days=day) for day in days),
        *(_Piece(clock.start, clock.stop, clock=clock) for clock in clocks),
        *(_Piece(*part.span(), daypart=(part.lastgroup or "").replace("_", " ")) for part in parts),
    ]
    composed = _distribute(_compose(pieces, respelled), respelled)
    mentions = []
    previous = 0
    for piece in composed:
        first, last = aligned.span(piece.start, piece.stop)
        role = role_of(respelled, piece.start, piece.stop, previous)
        mentions += [
            _mention(single, now, first, last, role, clean[first:last])
            for single in _each_day(piece)
        ]
        previous = piece.stop
    return _one_after(mentions, aligned.text)


def _mask(text: str, spans: list[tuple[int, int]]) -> str:
    for start, stop in spans:
        text = text[:start] + "|" * (stop - start) + text[stop:]
    return text


def _halves(text: str, parts: list[re.Match[str]]) -> dict[int, str]:
    """For offsets close to a named part of the day: whether an hour there is am or pm."""
    halves: dict[int, str] = {}
    for part in parts:
        half = "am" if "morning" in (part.lastgroup or "") else "pm"
        near = range(max(0, part.start() - 12), min(len(text), part.end() + 12))
        halves.update(dict.fromkeys(near, half))
    return halves


def _compose(pieces: list[_Piece], text: str) -> list[_Piece]:
    """Join the halves that stand beside each other."""
    composed: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: (piece.start, -piece.stop)):
        before = composed[-1] if composed else None
        gap = text[before.stop : piece.start] if before else ""
        if before and before.shares(piece) and (not gap or _STRICT.fullmatch(gap)):
            composed[-1] = _merge(before, piece)
        else:
            composed.append(piece)
    whole = [piece for piece in composed if piece.days]
    if len(composed) == 2 and len(whole) == 1 and composed[0].shares(composed[1]):  # noqa: PLR2004
        first, second = composed
        gap = text[first.stop : second.start]
        if not re.search(r"\b(?:or|not|can't|but|instead)\b|\|", gap):
            return [_merge(first, second)]  # "thursday works, around 3?"
    return composed


def _merge(first: _Piece, second: _Piece) -> _Piece:
    return _Piece(
        min(first.start, second.start),
        max(first.stop, second.stop),
        first.days or second.days,
        first.clock or second.clock,
        first.daypart or second.daypart,
    )


def _distribute(pieces: list[_Piece], text: str) -> list[_Piece]:
    """Alternatives share what is said once: "mon or tues after 3", "friday at 2 or 4"."""
    shared = list(pieces)
    linked = [
        bool(_LIST.fullmatch(text[first.stop : second.start])) for first, second in pairwise(pieces)
    ]
    for index in range(len(shared) - 2, -1, -1):  # what is said last holds for those before
        one, two = shared[index], shared[index + 1]
        if not linked[index]:
            continue
        if one.days and not one.clock and not one.daypart and two.days:
            shared[index] = replace(one, clock=two.clock, daypart=two.daypart)
        elif not one.days and two.days and two.clock and one.clock:
            shared[index] = replace(one, days=two.days)
    for index in range(1, len(shared)):
        one, two = shared[index - 1], shared[index]
        if linked[index - 1] and one.days and not two.days:
            shared[index] = replace(two, days=one.days)
    return shared


def _each_day(piece: _Piece) -> list[_Piece]:
    """One piece a day where a time of day is said of several: "next week after 3"."""
    days = piece.days
    if days is None or days.begin is None or not (piece.clock or piece.daypart):
        return [piece]
    if days.grain == "week":
        last = days.begin + timedelta(days=6)
    elif days.grain == "day" and days.end is not None:
        last = min(days.end, days.begin + LONGEST_STRETCH)
    else:
        return [piece]
    count = (last - days.begin).days + 1
    return [
        replace(piece, days=replace(days, begin=days.begin + timedelta(days=day), end=None,
                                    grain="day"))
        for day in range(count)
    ]  # fmt: skip


def _mention(piece: _Piece, now: datetime, first: int, last: int, role: Role, text: str) -> Mention:
    days, clock, daypart = piece.days, piece.clock, piece.daypart
    whole = Mention(first, last, None, None, "day", role=role, text=text)
    if days and days.seconds is not None and not clock and not daypart:
        return replace(whole, seconds=days.seconds, grain="second")
    free = days is None or (days.begin is None and days.end is None)
    base = (days.begin or days.end) if days else None
    day = (base or now).replace(hour=0, minute=0, second=0, microsecond=0)
    ask = bool(days and days.ask)
    if clock:
        begin = datetime.combine(day, clock.begin) if clock.begin else None
        end = datetime.combine(day, clock.end) if clock.end else None
        one_sided = None if clock.exact or (begin and end) else ("after" if begin else "before")
        return replace(whole, start=begin, end=end, grain="minute", date_free=free,
                       open=one_sided, ask=ask)  # fmt: skip
    if daypart:
        _, since, until = DAYPARTS[daypart]
        return replace(whole, start=datetime.combine(day, since), end=datetime.combine(day, until),
                       grain="daypart", daypart=daypart, date_free=free, ask=ask)  # fmt: skip
    assert days is not None  # noqa: S101  (a piece has at least one part)
    return replace(whole, start=days.begin, end=days.end, grain=days.grain, ask=ask,
                   open=_open(days, text))  # fmt: skip


def _open(days: Days, text: str) -> str | None:
    if days.begin is None:
        return "before"
    words = re.match(r"\W*(?:aft\w*|past|from|since|starting|later)\b", text.lower())
    return "after" if words and not days.end else None


def _one_after(mentions: list[Mention], text: str) -> list[Mention]:
    """A week after what was just refused: "not this fri, the one after"."""
    found = _ONE_AFTER.search(text)
    if not found or len(mentions) != 1 or mentions[0].start is None:
        return mentions
    refused = replace(mentions[0], role="refused")
    return [refused, replace(refused, start=refused.start and refused.start + timedelta(days=7),
                             role="offered", ask=False)]  # fmt: skip
