"""The times in a text, as the date component found them and as the actions take them.

They are on the wall clock of the location and carry no zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from actions.turn import Turn

DAY = timedelta(days=1)
FORTNIGHT = timedelta(days=14)
LATELY = timedelta(days=60)
_STRETCHES = ("week", "weekend", "month")
_DAYS = ("day", *_STRETCHES)
_WEEKDAY = re.compile(r"\b(?:mon|tue|wed|thu|fri|sat|sun)", re.IGNORECASE)
_WHICH_WEEK = re.compile(
    r"\b(?:next|nxt|this|coming|after|week|wk|from)\b|\d/\d|\d(?:st|nd|rd|th)\b"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*\b",
    re.IGNORECASE,
)
_NOT_ITSELF = re.compile(r"\W*(?:after|past|later than)\b", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?:[\s,]*(?:at|about|around|by|after|before|from|past|un?till?|to|and|or|between|noon|half"
    r"|quarter|the|same|time|hour|o'?clock|[ap]\.?m\.?|\d{1,2}(?::?\d\d)?(?:[ap]\.?m?\.?)?)\b)+\W*",
    re.IGNORECASE,
)
"""Words that name a time of day and no day."""
_TELLS = re.compile(
    r"\b(?:miss(?:ed)?|had|was|were|came|been|since|forgot|saw|did ?n.?t|could ?n.?t)\b"
    r"|\blast (?:exam|visit|time|app(?:oin)?t(?:ment)?)\b",
    re.IGNORECASE,
)
"""Words about what happened: "i missed mine last friday" wants no friday."""
_UP_TO_ITSELF = re.compile(r"\W*(?:by|until|till?|through|thru)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """One time in a text, as the date component found it.

    Attributes:
        start: naive, on the location's wall clock; None for "before 5".
        end: naive: the last day, or the last moment, that the words name; None for one alone.
        grain: ``minute``, ``daypart``, ``day``, ``week``, ``weekend`` or ``month``.
        role: ``offered`` (wanted), ``refused`` ("not tuesday") or ``old`` ("move my 3pm").
        text: the words.
        date_free: the words name only a time of day; the dates are those of the text's receipt.
        open: ``after`` or ``before`` for a stretch with one end.
        ask: another reading is possible, so nothing may be changed without naming it.
    """

    start: datetime | None
    end: datetime | None
    grain: str
    role: str
    text: str
    date_free: bool = False
    open: str | None = None
    ask: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether it is one moment: "3pm", and not "after 3" or "tuesday"."""
        return (
            self.grain == "minute"
            and self.start is not None
            and self.end is None
            and self.open is None
        )

    @property
    def is_weekday(self) -> bool:
        """Whether the words name a day of the week and neither which week nor a date."""
        return (
            self.grain in ("day", "minute", "daypart")
            and self.start is not None
            and not self.date_free
            and self.open is None
            and bool(_WEEKDAY.search(self.text))
            and not _WHICH_WEEK.search(self.text)
        )

    def on(self, day: date) -> Mention:
        """The same time of day on another day."""
        anchor = self.start or self.end
        if anchor is None:
            return self
        moved = day - anchor.date()
        return replace(
            self,
            start=self.start + moved if self.start else None,
            end=self.end + moved if self.end else None,
        )

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """First moment and end, naive, the end outside; the two are the same for one moment.

        Args:
            now: naive, on the same wall clock; "before friday" begins here.
        """
        whole_days = self.grain in _DAYS
        if self.start is None:
            end = self.end or now
            if not whole_days:
                return datetime.combine(end.date(), time()), end
            return now, end + DAY if _UP_TO_ITSELF.match(self.text) else end
        if self.open == "after":
            if not whole_days:
                # "After three" said of an appointment means from three on.
                return self.start, datetime.combine(self.start.date(), time()) + DAY
            begin = self.start
            if _NOT_ITSELF.match(self.text):
                begin = _after(self.start, self.grain)
            return begin, begin + FORTNIGHT
        if whole_days:
            return self.start, self.end + DAY if self.end else _after(self.start, self.grain)
        return self.start, self.end or self.start


def mentions(entities: Iterable[Any]) -> list[Mention]:
    """The times among the entities of a text, in order."""
    found = []
    for entity in entities:
        value = entity.get("value")
        if entity.get("entity") != "time" or not isinstance(value, dict):
            continue
        start, end = value.get("start"), value.get("end")
        if start is None and end is None:
            continue
        grain, text = value.get("grain") or "minute", value.get("text") or ""
        found.append(
            Mention(
                start=datetime.fromisoformat(start) if start else None,
                end=datetime.fromisoformat(end) if end else None,
                grain=grain,
                role=value.get("role") or "offered",
                text=text,
                # "4 instead" is read as four o'clock on the day of the appointment; but the
                # talk may be about another day by now.
                date_free=bool(
                    value.get("date_free") or (grain == "minute" and _CLOCK.fullmatch(text))
                ),
                open=value.get("open"),
                ask=bool((entity.get("additional_info") or {}).get("ask")),
            )
        )
    return found


def told_in(turn: Turn, zone: ZoneInfo, *, booking: bool) -> list[Mention]:
    """The times that a text wants or refuses.

    Args:
        turn: the text.
        zone: of the location.
        booking: there is no appointment that a time could be the old one of. Then what is over
            was wanted by mistake, unless the text tells what happened: "book me yesterday at 3"
            is told why not.
    """
    today = turn.received_at.astimezone(zone).date()
    named = mentions(turn.entities)
    told = [_just_over(one, today) for one in named if one.role != "old"]
    if booking and not told and not _TELLS.search(turn.text):
        told = [
            replace(one, role="offered")
            for one in named
            if one.start and one.start.date() < today and not one.date_free
        ]
    return told


def _just_over(mention: Mention, today: date) -> Mention:
    """A date without its year that was some days ago, where it was taken for one in a year."""
    start = mention.start
    if start is None or not mention.ask or mention.end or mention.grain in _STRETCHES:
        return mention
    before = _year_before(start.date())
    said_year = str(start.year) in mention.text
    return mention.on(before) if today - LATELY <= before < today and not said_year else mention


def _year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # February 29
        return day.replace(year=day.year - 1, day=28)


def _after(start: datetime, grain: str) -> datetime:
    if grain == "week":
        return start + 7 * DAY
    if grain == "month":
        return (start.replace(day=1) + 32 * DAY).replace(day=1)
    return start + DAY
