"""Days, times and parts of the day that stand together, made one moment or stretch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from nlu.dates.clock import Clock
from nlu.dates.span import Days

LONGEST_STRETCH = timedelta(days=31)
_STRICT = re.compile(
    r"(?:'s)?[\s,\-.()]*(?:(?:at|on|in|the|around|about|for|like|sometime|any ?time|of|from|"
    r"by)\b[\s,~]*)*"
)
_LIST = re.compile(
    r"\s+|[\s,]*(?:or|and|/|&|,|or maybe|or even|and maybe|instead of|rather than|(?:and |but "
    r")?not|over)"
    r"[\s,]*(?:at |on |maybe )*"
)
_LINK = re.compile(r"\s*(?P<link>-|to|until|and)\s*")
_APART = re.compile(r"\b(?:or|not|can't|but|instead)\b|\|")
_BOTH = {
    ("morning", "morning"): "early morning",
    ("morning", "afternoon"): "after lunch",
    ("morning", "evening"): "evening",
    ("eod", "morning"): "late morning",
    ("eod", "evening"): "evening",
}
"""What "early" and "late" before a day and a part of it behind make together."""
_BEGINS = re.compile(r"(?:from|starting|beginning)\b")
_STARTS = re.compile(r"\b(?:from|starting|beginning)(?: at| on)?\s*$")


@dataclass(frozen=True)
class Piece:
    """A mention that grows while it is composed; offsets in the respelled text.

    Attributes:
        until: where a stretch ends whose ends are moments of their own.
    """

    start: int
    stop: int
    days: Days | None = None
    clock: Clock | None = None
    daypart: str | None = None
    until: Piece | None = None

    @property
    def lasts(self) -> int | None:
        """Seconds, for a duration and nothing else."""
        alone = self.days and not (self.clock or self.daypart)
        return self.days.seconds if alone and self.days else None

    def shares(self, other: Piece) -> bool:
        """Whether the two name different halves (day, time of day) of one moment."""
        if self.lasts is not None or other.lasts is not None:
            return False
        for one in (self, other):
            if one.days and one.days.grain not in {"day", "week", "weekend"}:
                return False
        if bool(self.days) and bool(other.days):
            return False
        return not (self.clock and other.clock) and not (self.daypart and other.daypart)

    def merged(self, other: Piece) -> Piece:
        """Both as one."""
        days, until = self.days or other.days, self.until or other.until
        return Piece(
            min(self.start, other.start),
            max(self.stop, other.stop),
            days,
            self.clock or other.clock,
            self.daypart or other.daypart,
            until if until is None or until.days else replace(until, days=days),
        )


def compose(pieces: Iterable[Piece], text: str) -> list[Piece]:
    """Join what stands beside each other, and let alternatives share what is said once.

    Args:
        pieces: without overlaps, in any order.
        text: the respelled text.
    """
    joined = _stretches(_beside(pieces, text), text)
    whole = [piece for piece in joined if piece.days]
    if len(joined) == 2 and len(whole) == 1 and joined[0].shares(joined[1]):  # noqa: PLR2004
        first, second = joined
        gap = text[first.stop : second.start]
        bound = second.clock and not second.clock.exact and gap.strip(" ,") == "but"
        bound = bound and not first.daypart
        if bound or not _APART.search(gap):
            return [first.merged(second)]  # "thursday works, around 3?"
    return _distribute(_of_all(joined, text), text)


def _of_all(pieces: list[Piece], text: str) -> list[Piece]:
    """A time of day said before or after a list of days: "mornings are best, mon wed or fri"."""
    free = [piece for piece in pieces if not piece.days]
    rest = [piece for piece in pieces if piece.days]
    if len(free) != 1 or len(rest) < 2 or free[0] not in (pieces[0], pieces[-1]):  # noqa: PLR2004
        return pieces
    time = free[0]
    near = rest[0] if time is pieces[0] else rest[-1]
    gap = text[min(near.stop, time.stop) : max(near.start, time.start)]
    alike = all(time.shares(piece) and not (piece.clock or piece.daypart) for piece in rest)
    if not alike or _APART.search(gap) or re.search(r"[.?!]\s*\S", gap):
        return pieces
    if not all(_LIST.fullmatch(text[one.stop : two.start]) for one, two in pairwise(rest)):
        return pieces
    shared = [replace(piece, clock=time.clock, daypart=time.daypart) for piece in rest]
    index = 0 if time is pieces[0] else -1
    shared[index] = replace(
        shared[index], start=min(near.start, time.start), stop=max(near.stop, time.stop)
    )
    return shared


def _beside(pieces: Iterable[Piece], text: str) -> list[Piece]:
    composed: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: (piece.start, -piece.stop)):
        before = composed[-1] if composed else None
        gap = text[before.stop : piece.start] if before else ""
        if before and before.lasts is not None and piece.start <= before.start < piece.stop:
            composed[-1] = piece  # the length moves what follows
        elif not before or (gap and not _STRICT.fullmatch(gap)):
            composed.append(piece)
        elif before.days and before.daypart and piece.daypart and not (piece.days or piece.clock):
            both = before.daypart, piece.daypart  # "late tuesday afternoon"
            composed[-1] = replace(before, stop=piece.stop, daypart=_BOTH.get(both, both[0]))
        elif before.shares(piece):
            composed[-1] = before.merged(piece)
        elif _is_date_of(before, piece):  # "tuesday evening nov 28th"
            composed[-1] = replace(before, stop=piece.stop, days=piece.days)
        elif _is_date_of(piece, before) and not piece.clock:  # "sep 21 1:30pm on sat"
            composed[-1] = replace(before, stop=piece.stop)
        else:
            composed.append(piece)
    return composed


def _is_date_of(before: Piece, piece: Piece) -> bool:
    named, date = before.days, piece.days
    if not (named and date and named.weekday and named.begin and date.begin):
        return False
    return not (date.weekday or date.end or (before.clock and piece.clock)) and (
        date.grain == "day" and date.begin.weekday() == named.begin.weekday()
    )


def _stretches(pieces: list[Piece], text: str) -> list[Piece]:
    """From one moment to another, and for how long: "4pm today to 5pm tomorrow"."""
    joined: list[Piece] = []
    for piece in pieces:
        before = joined[-1] if joined else None
        whole = None
        if before:
            whole = (
                _until(before, piece, text)
                or _both_sides(before, piece, text)
                or _for(before, piece, text)
            )
        if whole:
            joined[-1] = whole
        else:
            joined.append(piece)
    return joined


def _until(one: Piece, two: Piece, text: str) -> Piece | None:
    link = _LINK.fullmatch(text, one.stop, two.start)
    if not link or not (one.clock and two.clock and one.clock.exact and two.clock.exact):
        return None
    if link["link"] == "and" and not re.search(r"\bbetween\s*$", text[: one.start]):
        return None
    if one.until or (two.days and not one.days and link["link"] == "and"):
        return None
    one = one if one.days else replace(one, days=two.days)
    first, last = one.days, two.days
    if first and last and first.begin and last.begin and last.weekday and last.begin < first.begin:
        weeks = -(-(first.begin - last.begin).days // 7)
        two = replace(two, days=replace(last, begin=last.begin + timedelta(weeks=weeks)))
    return replace(one, stop=two.stop, until=two if two.days else replace(two, days=one.days))


def _both_sides(one: Piece, two: Piece, text: str) -> Piece | None:
    """Open on either side and so closed: "after 2 but before 5"."""
    first, last = one.clock, two.clock
    gap = text[one.stop : two.start]
    if not (first and last) or not re.fullmatch(r"[\s,]*(?:but|and|or)?\s*", gap):
        return None
    if (one.days and two.days) or first.exact or last.exact:
        return None
    begin, end = first.begin or last.begin, first.end or last.end
    halves = (
        (first.begin is None) != (first.end is None),
        (last.begin is None) != (last.end is None),
    )
    if not all(halves) or begin is None or end is None or begin >= end or "or" in gap:
        return None
    clock = replace(first, stop=last.stop, begin=begin, end=end)
    return Piece(one.start, two.stop, one.days or two.days, clock, one.daypart or two.daypart)


def _for(one: Piece, two: Piece, text: str) -> Piece | None:
    """A moment or day and how long from then: "from 4pm for 30 minutes", "3 days, from today"."""
    gap = text[one.stop : two.start]
    if two.lasts and one.lasts is None:
        moment, length = one, two.lasts
        lead = _STARTS.search(text[: one.start]) or _BEGINS.match(text, one.start)
        near = text[two.start : two.stop].startswith("for") and not gap.strip(" ,")
    elif one.lasts and two.lasts is None:
        moment, length = two, one.lasts
        near = bool(re.fullmatch(r"[\s,]*(?:(?:from|starting|beginning)(?: at| on)?\s*)?", gap))
        lead = _STARTS.search(text[: two.start]) or _BEGINS.match(text, two.start)
    else:
        return None
    if not near or not lead:
        return None
    extent = replace(moment, start=one.start, stop=two.stop)
    if moment.clock and moment.clock.begin and not moment.clock.end:
        return replace(extent, until=_later(moment, length))
    days = moment.days
    if days and days.begin and days.grain == "day" and not days.end and not length % 86_400:
        last = days.begin + timedelta(seconds=length) - timedelta(days=1)
        return replace(extent, days=replace(days, end=last if last > days.begin else None))
    return None


def _later(moment: Piece, seconds: int) -> Piece | None:
    assert moment.clock is not None  # noqa: S101  (for the type checker)
    assert moment.clock.begin is not None  # noqa: S101
    anchor = moment.days.begin if moment.days and moment.days.begin else datetime(2000, 1, 1)  # noqa: DTZ001
    end = datetime.combine(anchor, moment.clock.begin) + timedelta(seconds=seconds)
    over = end.replace(hour=0, minute=0) - anchor.replace(hour=0, minute=0)
    days = moment.days and replace(moment.days, begin=anchor + over)
    if over and not days:
        return None
    return replace(moment, days=days, clock=replace(moment.clock, begin=end.time()))


def _distribute(pieces: list[Piece], text: str) -> list[Piece]:
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
    led = False
    for index in range(1, len(shared)):
        one, two = shared[index - 1], shared[index]
        led = linked[index - 1] and (led or _leads(one))
        led = led and bool(two.days) and not (two.clock or two.daypart)
        if led:
            shared[index] = two = replace(two, clock=one.clock, daypart=one.daypart)
        if linked[index - 1] and one.days and not two.days:
            shared[index] = replace(two, days=one.days)
    return shared


def _leads(piece: Piece) -> bool:
    """Whether the time of day was said before the day, and so of all that follow it."""
    timed = piece.clock or piece.daypart
    return bool(timed and piece.days) and piece.days is not None and piece.start < piece.days.start


def each_day(piece: Piece) -> list[Piece]:
    """One piece a day where a time of day is said of several: "next week after 3"."""
    days = piece.days
    if days is None or days.begin is None or not (piece.clock or piece.daypart) or piece.until:
        return [piece]
    if days.grain == "week":
        last = days.begin + timedelta(days=6)
    elif days.grain in {"day", "weekend"} and days.end is not None:
        last = min(days.end, days.begin + LONGEST_STRETCH)
    else:
        return [piece]
    count = (last - days.begin).days + 1
    return [
        replace(piece, days=replace(days, begin=days.begin + timedelta(days=day), end=None,
                                    grain="day"))
        for day in range(count)
    ]  # fmt: skip
