"""What Duckling and the recognizers answer, as readings; pure.

Each gets the benefit of its own conventions: Duckling's first reading, the recognizers' earliest
one that is not past; an end that means "until just before" becomes the last unit inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bench.dates.score import Reading

DAY = timedelta(days=1)
UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
GRAINS = {"second": "minute", "minute": "minute", "hour": "minute"}
WEEKEND = re.compile(r"week-?end|wknd", re.IGNORECASE)
PART = re.compile(r"morning|noon|evening|night|lunch|school|work", re.IGNORECASE)
# Begin and end that Duckling gives for a part of the day that is said in words.
DUCKLING_PARTS = {
    (0, 12): "morning", (4, 12): "morning", (12, 14): "lunch", (13, 17): "after lunch",
    (12, 19): "afternoon", (15, 21): "after school", (17, 21): "evening", (18, 0): "evening",
    (21, 0): "evening",
}  # fmt: skip
TIMEX_PARTS = {"TMO": "morning", "TMI": "lunch", "TAF": "afternoon", "TEV": "evening",
               "TNI": "evening", "TDT": "business hours"}  # fmt: skip


def from_duckling(matches: Sequence[Mapping[str, Any]]) -> list[Reading]:
    """Readings of the longest matches that do not overlap."""
    taken: list[Mapping[str, Any]] = []
    for match in sorted(matches, key=lambda match: match["start"] - match["end"]):
        if all(match["end"] <= o["start"] or o["end"] <= match["start"] for o in taken):
            taken.append(match)
    return [_duckling(match) for match in sorted(taken, key=lambda match: match["start"])]


def _duckling(match: Mapping[str, Any]) -> Reading:
    value = match["value"]
    if match["dim"] == "duration":
        return Reading(None, grain="second", seconds=value["normalized"]["value"])
    if value["type"] == "value":
        return Reading(_local(value["value"]), grain=GRAINS.get(value["grain"], value["grain"]))
    return _duckling_range(value, match["body"])


def _duckling_range(value: Mapping[str, Any], body: str) -> Reading:
    sides = [value.get("from"), value.get("to")]
    start, end = (_local(side["value"]) if side else None for side in sides)
    grain = next(side["grain"] for side in sides if side)
    if not (start and end):
        return Reading(start, end, GRAINS.get(grain, grain), open="after" if start else "before")
    if WEEKEND.search(body):
        return Reading(start, end, "weekend")
    if PART.search(body):
        return Reading(start, end, "daypart", DUCKLING_PARTS.get((start.hour, end.hour)))
    if grain == "second":  # "by friday" begins now and ends with the last whole day before
        whole = not (end.hour or end.minute)
        return Reading(None, end - DAY * whole, "day" if whole else "minute", open="before")
    if grain in {"minute", "hour"}:
        return Reading(start, end - UNITS[grain], "minute")
    return Reading(start, end - DAY, "day")


def _local(iso: str) -> datetime:
    return datetime.fromisoformat(iso).replace(tzinfo=None)


def from_recognizers(results: Iterable[Mapping[str, Any]], reference: datetime) -> list[Reading]:
    """Readings of `{"values": [...]}` objects.

    Args:
        results: the resolution of each result.
        reference: naive local time of receipt.
    """
    return [_resolved(result["values"], reference) for result in results]


def _resolved(values: Sequence[Mapping[str, Any]], reference: datetime) -> Reading:
    read = [
        Reading(None) if value.get("value") == "not resolved" else _value(value, reference)
        for value in values
    ]
    ahead = [one for one in read if (one.start or one.end or reference).date() >= reference.date()]
    return min(ahead, key=lambda one: one.start or one.end or reference) if ahead else read[0]


def _value(value: Mapping[str, Any], reference: datetime) -> Reading:
    kind, timex = value["type"], value.get("timex", "")
    if kind == "duration":
        return Reading(None, grain="second", seconds=int(float(value["value"])))
    if kind == "date":
        return Reading(_moment(value.get("value"), reference))
    if kind in {"time", "datetime"}:
        return Reading(_moment(value.get("value"), reference), grain="minute")
    return _range(value, timex, reference)


def _range(value: Mapping[str, Any], timex: str, reference: datetime) -> Reading:
    start, end = _moment(value.get("start"), reference), _moment(value.get("end"), reference)
    part = next((name for mark, name in TIMEX_PARTS.items() if timex.endswith(mark)), None)
    whole_days = value["type"] == "daterange"
    if part:
        return Reading(start, end, "daypart", part)
    if not (start and end):
        side = "after" if start else "before"
        return Reading(start, end, "day" if whole_days else "minute", open=side)
    if timex.endswith("-WE"):
        return Reading(start, end, "weekend")
    if not whole_days or timex.startswith("("):  # both ends are named
        return Reading(start, end, "day" if whole_days else "minute")
    return _calendar(start, end)


def _calendar(start: datetime, end: datetime) -> Reading:
    """A stretch of whole days; `end` is the day after it."""
    if end - start == 7 * DAY:
        return Reading(start, None, "week")
    if start.day == end.day == 1 and end - start <= 31 * DAY:
        return Reading(start, None, "month")
    return Reading(start, end - DAY, "day")


def _moment(text: str | None, reference: datetime) -> datetime | None:
    """A date, a time of the day of reference, or both. Hours may go beyond 24."""
    if not text:
        return None
    *date, clock = text.split() if ":" in text else (text, "0:0:0")
    day = datetime.fromisoformat(date[0] if date else reference.date().isoformat())
    hours, minutes, seconds = map(int, clock.split(":"))
    return day + timedelta(hours=hours, minutes=minutes, seconds=seconds)
