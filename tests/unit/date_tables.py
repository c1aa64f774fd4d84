"""Reading dates for tables of tests: one Duckling for all, and mentions in one line each."""

from __future__ import annotations

import atexit
import time
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from nlu.dates import Mention, read_dates
from nlu.duckling import Duckling, DucklingUnavailable

START_SECONDS = 20.0
ZONE = "America/New_York"
NOW = datetime(2026, 3, 11, 10, tzinfo=ZoneInfo(ZONE))  # a Wednesday


@lru_cache(maxsize=1)
def native() -> Duckling:
    """The real Duckling, ready; its child ends with the tests."""
    duckling = Duckling()
    atexit.register(duckling.close)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            duckling.parse("tomorrow", NOW, ZONE)
        except DucklingUnavailable:
            if time.monotonic() > deadline:
                raise
        else:
            return duckling


def read(text: str, now: datetime = NOW, zone: str = ZONE, **told: Any) -> list[Mention]:
    """What a text names that was received at `now`."""
    return read_dates(text, now, zone, native().parse, **told)


def short(mention: Mention) -> str:
    """Role if not offered, begin and end, what else is not ordinary, and "?" if it is asked."""
    if mention.seconds is not None:
        return f"{mention.seconds} s"
    day = mention.grain in {"day", "week", "month", "weekend"}
    form = "%m-%d" if day else "%H:%M" if mention.date_free else "%m-%d %H:%M"
    begin = mention.start.strftime(form) if mention.start else ""
    end = f"..{mention.end.strftime(form)}" if mention.end else ""
    words = (
        mention.role if mention.role != "offered" else None,
        begin + end,
        mention.grain if day and mention.grain != "day" else None,
        mention.daypart,
        mention.open,
        "?" if mention.ask else None,
    )
    return " ".join(filter(None, words))


def shorts(text: str, now: datetime = NOW, zone: str = ZONE, **told: Any) -> list[str]:
    """All mentions of a text, each in one line."""
    return [short(mention) for mention in read(text, now, zone, **told)]
