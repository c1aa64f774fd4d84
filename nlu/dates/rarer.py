"""Duckling's matches as stretches of days."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from nlu.dates.span import DAY, FAR, SUNDAY, WEEK, Days


class Moments(NamedTuple):
    """Begin and end (the last instant or day) of what one match names."""

    begin: datetime | None
    end: datetime | None
    grain: str


_UNIT = {"year": 365 * DAY, "month": 30 * DAY, "week": WEEK, "day": DAY}


def from_duckling(match: dict[str, Any], received_at: datetime) -> Days | None:
    """One match, or None where it is nothing that Duckling should decide here.

    Times of day are read by :mod:`nlu.dates.clock`; what Duckling takes for one in what is left
    is a house number or the like.

    Args:
        match: as :meth:`nlu.duckling.Duckling.parse` gives it.
        received_at: when the text was received, in the zone of the business.
    """
    value, start, stop = match["value"], match["start"], match["end"]
    if match["dim"] == "duration":
        return Days(start, stop, None, seconds=value["normalized"]["value"])
    body: str = match["body"]
    if value["type"] == "value":
        return _value(_coming(value, received_at, body), start, stop, received_at, body)
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


def whole_text(match: dict[str, Any]) -> Moments | None:
    """All that Duckling makes of one match, times of day included."""
    value = match["value"]
    if match["dim"] != "time":
        return None
    if value["type"] == "value":
        begin, end, grain = _local(value), None, value["grain"]
    else:
        begin, end = _local(value.get("from")), _local(value.get("to"))
        grain = (value.get("from") or value.get("to"))["grain"]
        if begin and end:
            end = _last(end, grain, open_start=False)
    if grain in {"quarter", "year"}:
        return None
    if value["type"] != "value" and grain in _UNIT:
        grain = "day"
    return Moments(begin, end, grain if grain in _UNIT else "minute")


def _coming(value: dict[str, Any], received_at: datetime, body: str) -> dict[str, Any]:
    """A holiday is the next one: Duckling keeps one for a while when it is over."""
    begin, others = _local(value), value.get("values", ())
    if "holidayBeta" in value and begin and not re.search(r"\d{4}", body):
        today = received_at.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        for other in others:
            if begin < today and (later := _local(other)) and later >= today:
                return {**value, **other}
    return value


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
        return None
    # Duckling keeps the offset of the reference even where the clocks change in between.
    begin = datetime.fromisoformat(value["value"]).astimezone(received_at.tzinfo)
    return Days(start, stop, begin.replace(tzinfo=None), grain="minute")


def _local(value: dict[str, Any] | None) -> datetime | None:
    return datetime.fromisoformat(value["value"]).replace(tzinfo=None) if value else None


def _last(end: datetime, grain: str, *, open_start: bool) -> datetime:
    """Duckling's end is the first unit after the stretch; ours is the last one in it."""
    if open_start:
        return end
    if grain == "week":
        return end - DAY
    return end - _UNIT.get(grain, timedelta(hours=1) if grain == "hour" else timedelta(minutes=1))
