"""What a written time means: which half of the day, and which of two is first."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from datetime import time
from typing import NamedTuple

from nlu.dates.numbers import CARDINALS, HOURS

HALF_HOUR = 30
NOON = 12
LAST_AFTERNOON_HOUR = 6
_OPENS = re.compile(r"\b(?P<how>after|before|by|until)\s+(?:(?:about|around)\s)?$")
_OPEN_TAIL = re.compile(
    r"(?:\s?o'?clock)?\s(?:or\s(?:later|after)(?!\s\d)|onwards?|and on|at the earliest"
    r"|(?P<before>or\s(?:earlier|before|sooner)(?!\s\d)|at the latest)"
    r"|on(?=[\s.,!?]*$|\s(?:please|pls|works?)\b))(?!\w)"
)


class Side(NamedTuple):
    """That a time is open on one side, and where the words begin and stop that say so."""

    start: int
    stop: int
    before: bool


def open_side(text: str, start: int, stop: int, ends: AbstractSet[int]) -> Side | None:
    """Which side of a time is open: "after ten past 8", "3 o'clock or later".

    Args:
        text: respelled.
        start: where the time begins.
        stop: after its end.
        ends: where other times stop, because "until" behind one of them ends a range.
    """
    lead = _OPENS.search(text[:start])
    if lead and len(text[: lead.start()].rstrip()) in ends:
        lead = None
    tail = _OPEN_TAIL.match(text, stop)
    if not (lead or tail):
        return None
    before = lead["how"] != "after" if lead else bool(tail and tail["before"])
    return Side(lead.start() if lead else start, tail.end() if tail else stop, before)


def is_range_instead(match: re.Match[str]) -> bool:
    """Whether "10 to 2" is from ten until two, and no ten minutes to two.

    Args:
        match: with the groups `part` (minutes), `unit`, `side` and `hour`.
    """
    if (
        match["side"] not in {"to", "before", "until"}
        or not match["part"].isdigit()
        or match["unit"]
    ):
        return False
    word = match["hour"]
    hours = int(match["part"]), int(word) if word.isdigit() else HOURS.get(word, NOON)
    first, last = (hour + NOON * (hour <= LAST_AFTERNOON_HOUR) for hour in hours)
    if first >= last:
        return False
    at = re.search(r"\b(?:at|around|about|by)\s+$", match.string[: match.start()])
    return int(match["part"]) <= NOON and not at


def time_of(text: str, half: str | None) -> time | None:
    """One time; `half` decides where the text itself does not say am or pm."""
    if text.endswith("noon"):
        return time(NOON)
    if text.endswith("midnight"):
        return time(0)
    match = re.fullmatch(r"(\d{1,2}?)(?::?(\d\d))?\s?(am|pm)?", text)
    if not match:
        return None
    hour, minute, said = int(match[1]), int(match[2] or 0), match[3]
    if hour > NOON or (match[1].startswith("0") and not said):
        return time(hour, minute) if hour < 24 and minute < 60 else None  # noqa: PLR2004
    if said is None and half is None:
        said = "pm" if hour <= LAST_AFTERNOON_HOUR or hour == NOON else "am"
    hour = hour % NOON + (NOON if (said or half) == "pm" else 0)
    return time(hour, minute)


def range_of(first: str, second: str, half: str | None) -> tuple[time | None, time | None]:
    """Begin and end; an end that is not after the begin is on the next day."""
    begin, end = time_of(first, half), time_of(second, half)
    if begin is None or end is None:
        return None, None
    said = second[-2:] if second[-2:] in {"am", "pm"} else None
    told = first[-2:] if first[-2:] in {"am", "pm"} else None
    by_day = not re.match(r"(?:1[3-9]|2\d|00)", first)
    if said and not told and first != "noon" and by_day:
        same = time_of(first, said)
        other = time_of(first, "am" if said == "pm" else "pm")
        begin = same if same and (same < end or end == time(0)) else other or begin
    elif not told and not said and begin >= end and by_day and begin.hour >= NOON:
        other = time_of(first, "am")
        begin = other if other and other < end else begin
        end = end if begin < end else end.replace(hour=(end.hour + NOON) % 24)
    elif told and not said and second != "noon" and end.hour <= LAST_AFTERNOON_HOUR + NOON:
        same = time_of(second, told)
        other = time_of(second, "am" if told == "pm" else "pm")
        end = same if same and begin < same else other or end
    elif end <= begin and end.hour < NOON and not said and ":" in f"{second}:"[:3]:
        late = end.replace(hour=end.hour + NOON)
        end = late if begin < late else end
    return (begin, end) if begin != end else (None, None)


def past_of(match: re.Match[str], half: str | None) -> time | None:
    """The time that "half past two" or "ten to five" names; see :func:`is_range_instead`."""
    word = match["hour"]
    hour = time_of(str(HOURS.get(word, word)), match["half"] or half)
    if not hour:
        return None
    part = match["part"].removeprefix("a ")
    minutes = {"half": 30, "quarter": 15}.get(part) or CARDINALS.get(part) or int(part)
    if match["side"] in {"past", "after"}:
        if not match["unit"] and match["side"] == "after" and minutes < 5:  # noqa: PLR2004
            return None
        return hour.replace(minute=minutes)
    if part == "half" or (minutes % 5 and not match["unit"]):
        return None
    return time((hour.hour - 1) % 24, 60 - minutes)
