"""Dates and times that a customer's text names, and what each is for.

Pure: the time of receipt, the zone and Duckling are handed in. The steps, each in its module
of :mod:`nlu.dates`: one spelling (`spelling`), what is no date hidden (`lookalikes`), what counts
from the appointment (`context`), dates of the calendar (`calendar`), times of day (`clock`) and
parts of it (`dayparts`), days (`days`, with Duckling for the `rarer` ones), then composition
(`compose`) and roles (`roles`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from nlu.dates.calendar import find_dates, mark
from nlu.dates.clock import Clock, find_clocks
from nlu.dates.compose import Piece, compose, each_day
from nlu.dates.context import find_context, in_context
from nlu.dates.dayparts import find_dayparts, halves, hide_greetings, name_of
from nlu.dates.days import find_days
from nlu.dates.doubt import doubted
from nlu.dates.lookalikes import hide, hide_taken
from nlu.dates.mention import Mention, mention_of
from nlu.dates.rarer import whole_text
from nlu.dates.relative import shift_before
from nlu.dates.roles import cut_change, role_of
from nlu.dates.span import FAR, WEEK
from nlu.dates.spelling import respell

MAX_CHARACTERS = 300
"""What goes beyond is not read: no text message names a date that late."""
MONTH_FIRST = ("America/", "US/", "UTC")
"""Zones in which "5/4" is the fourth of May to everybody."""

ParseTimes = Callable[[str, datetime, str], list[dict[str, Any]]]
"""Duckling: text, reference (aware), name of the zone."""

_ONE_AFTER = re.compile(r"\bthe (?:one|week) after(?: that)?\b|\bthe following (?:one|week)\b")
MOST_TORN = 3
"""More are a list; and what many ranges in a row do to Duckling is no good for anybody."""
_LITTLE = re.compile(
    r"[\s,.:-]*(?:(?:in|on|at|of|the|from|to|until|for|by|and|between)\b[\s,.:-]*)*"
)
_SIDE = re.compile(r"(?:after|before|past)\s+")


def read_dates(
    text: str,
    received_at: datetime,
    zone: str,
    parse: ParseTimes,
    *,
    asked: str | None = None,
    appointment: datetime | None = None,
    taken: Sequence[tuple[int, int]] = (),
) -> list[Mention]:
    """Every date, time and duration that a text names, in order.

    Args:
        text: the customer's text, of any length and content.
        received_at: when it was received (aware).
        zone: IANA name of the zone of the location.
        parse: see :data:`ParseTimes`; may raise, and the error is the caller's.
        asked: "time" when the assistant has just asked for a time of day, so that "8" is one.
        appointment: when the customer's appointment begins, naive in `zone`; "same time next
            week" and "an hour later" count from it.
        taken: begin and end (exclusive) of what is known to be no date, such as a phone number.

    Returns:
        Mentions that do not overlap; but a time of day that is said of several days is one
        mention a day, all of the same words.
    """
    clean = "".join(char if char.isprintable() else " " for char in text[:MAX_CHARACTERS])
    here = received_at.astimezone(ZoneInfo(zone))
    now = here.replace(tzinfo=None)
    aligned = respell(clean)
    respelled = cut_change(hide_greetings(hide(hide_taken(aligned, taken))))
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    told = find_context(respelled, appointment, today)
    rest = _mask(respelled, (*told.days, *told.clocks))
    dates = find_dates(rest, today, american=zone.startswith(MONTH_FIRST))
    marked = mark(rest, [*told.days, *dates])
    parts = find_dayparts(marked)
    clocks = find_clocks(marked, asked=asked == "time", half_at=halves(marked, parts))
    clocks = [_moved(clock, rest) for clock in clocks]
    masked = _mask(rest, clocks)
    parts = [part for part in parts if "|" not in masked[part.start() : part.end()]]
    days = find_days(
        _mask_parts(masked, parts),
        here,
        lambda left: parse(left, received_at, zone),
        [*told.days, *dates],
    )
    pieces = [
        *(Piece(day.start, day.stop, days=day) for day in days),
        *(Piece(clock.start, clock.stop, clock=clock) for clock in (*clocks, *told.clocks)),
        *(Piece(*part.span(), daypart=name_of(part)) for part in parts),
    ]
    mentions: list[Mention] = []
    previous = 0
    composed = compose(pieces, respelled)
    ends = [*(piece.start for piece in composed[1:]), len(respelled)]
    for piece, following in zip(composed, ends, strict=True) if composed else ():
        first, last = aligned.span(piece.start, piece.stop)
        role = role_of(respelled, piece.start, piece.stop, previous, following)
        bare = Mention(first, last, None, None, "day", role=role, text=clean[first:last],
                       ask=told.doubtful)  # fmt: skip
        mentions += [mention_of(single, bare, now) for single in each_day(piece)]
        previous = piece.stop
    mentions = doubted(mentions, _mask(respelled, composed), respelled)
    if _is_torn(composed, respelled):
        mentions = _mended(mentions, respelled, lambda left: parse(left, received_at, zone))
    if composed:
        mentions = _one_after(mentions, respelled[composed[0].stop :])
    if appointment:
        mentions = [in_context(mention, respelled, appointment) for mention in mentions]
    return mentions


def _is_torn(composed: list[Piece], text: str) -> bool:
    """Whether what seems to be one thing came out as several, with only little words between."""
    moments = sum(bool(piece.clock and piece.days) for piece in composed)
    return (
        1 < len(composed) <= MOST_TORN
        and moments < len(composed)
        and not _is_list(composed, text)
        and all(_LITTLE.fullmatch(text[one.stop : two.start]) for one, two in pairwise(composed))
    )


def _is_list(composed: list[Piece], text: str) -> bool:
    """Whether days are named one after the other, which is no stretch: "may 5, 6 and 8"."""
    return all(
        bool(one.days and two.days and not (one.clock or two.clock))
        and text[one.stop : two.start].strip() in {",", "and", ", and"}
        for one, two in pairwise(composed)
    ) and not re.search(r"\bbetween\b", text)


def _mended(
    mentions: list[Mention], text: str, parse: Callable[[str], list[dict[str, Any]]]
) -> list[Mention]:
    """Duckling's reading of the whole, where it has a single one for what is torn here."""
    if any(mention.role != "offered" for mention in mentions):
        return mentions
    matches = parse(text)
    first, last = mentions[0], mentions[-1]
    whole = whole_text(matches[0]) if len(matches) == 1 else None
    if whole is None or not whole.begin or not first.start:
        return mentions
    if (
        abs(whole.begin - first.start) > FAR
        or matches[0]["end"] - matches[0]["start"] < (last.last - first.first) // 2
    ):
        return mentions
    return [replace(first, last=last.last, start=whole.begin, end=whole.end, grain=whole.grain,
                    daypart=None, date_free=False, open=None, seconds=None,
                    ask=True)]  # fmt: skip


def _mask(text: str, found: Iterable[Any]) -> str:
    for one in found:
        text = text[: one.start] + "|" * (one.stop - one.start) + text[one.stop :]
    return text


def _mask_parts(text: str, parts: list[re.Match[str]]) -> str:
    """Hide the parts of a day, except where the same words name the day: "this morning"."""
    for part in parts:
        start, stop = part.span()
        if "this" not in part.group() and not part.group().endswith("tonight"):
            text = text[:start] + "|" * (stop - start) + text[stop:]
    return text


def _moved(clock: Clock, text: str) -> Clock:
    """A time that the words in front move: "5 hours after noon", "15 minutes from 1pm"."""
    side = _SIDE.match(text, clock.start, clock.stop)
    moment = clock.begin or clock.end
    shift = shift_before(text, side.end() if side else clock.start)
    if not shift or moment is None or (clock.begin and clock.end):
        return clock
    start, length, sign = shift
    anchor = datetime(2000, 1, 2, moment.hour, moment.minute)  # noqa: DTZ001
    moved = length.after(anchor, sign)
    if length.whole_days or moved.date() != anchor.date():
        return clock
    return replace(clock, start=start, begin=moved.time(), end=None, exact=True)


def _one_after(mentions: list[Mention], text: str) -> list[Mention]:
    """A week after what was just refused: "not this fri, the one after"."""
    found = _ONE_AFTER.search(text)
    if not found or len(mentions) != 1 or mentions[0].start is None:
        return mentions
    first = mentions[0]
    start = first.start and first.start + WEEK
    end = first.end and first.end + WEEK
    return [first, replace(first, start=start, end=end, role="offered", ask=False)]
