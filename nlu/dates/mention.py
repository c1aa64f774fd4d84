"""What a reader of dates hands out: mentions, and the values of `time` entities."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import TypedDict

from nlu.dates.clock import Clock
from nlu.dates.compose import Piece
from nlu.dates.dayparts import DAYPARTS
from nlu.dates.roles import Role
from nlu.dates.span import DAY, SUNDAY, Days, last_day

OPENS, CLOSES = time(8), time(18)
"""Nobody is offered a time outside these hours, so one that is named may be a slip."""
_OPEN_WORDS = re.compile(r"\W*(?:aft\w*|past|from|since|starting|beginning|later)\b")


class TimeValue(TypedDict):
    """The value of a `time` entity; naive ISO times in the zone of the business.

    `start` alone is an instant (grain "minute"), a whole day, week or month (by `grain`), or the
    begin of an open range when `open` says "after"; `end` is the last instant or day that the
    text names. `date_free` is true when only a time of day was named: the date in `start` and
    `end` is then the day on which the text was received, or that of the appointment where one
    is known.
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
        ask: it is offered and the customer should confirm it: a second reading is possible, or
            it is over, far away, no day of the calendar, on a Sunday, or at an hour at which no
            practice is open.
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


def mention_of(piece: Piece, bare: Mention, now: datetime) -> Mention:
    """The mention that a composed piece stands for.

    Args:
        piece: of one day, or of a stretch of whole days.
        bare: offsets, role and words.
        now: when the text was received, naive.
    """
    days, clock = piece.days, piece.clock
    if piece.lasts is not None:
        return replace(bare, seconds=piece.lasts, grain="second")
    bare = replace(bare, ask=bare.ask or bool(days and days.ask) or bool(clock and not clock.sure))
    if days and days.past and bare.role == "offered":
        bare = replace(bare, role="old")  # nobody offers what is over
    free = days is None or (days.begin is None and days.end is None)
    base = (days.begin or days.end) if days else None
    day = (base or now).replace(hour=0, minute=0, second=0, microsecond=0)
    if clock:
        whole = _timed(clock, day, replace(bare, date_free=free))
        if days and days.begin is None and days.end and clock.exact and not piece.until:
            whole = replace(whole, start=None, end=whole.start, open="before")  # "by tues 5pm"
        elif days and days.open_after and clock.exact and bare.text[:5].lower() == "after":
            whole = replace(whole, open="after")
        if piece.until:
            last = mention_of(piece.until, bare, now)
            whole = replace(whole, end=last.start, ask=whole.ask or last.ask)
    elif piece.daypart:
        _, since, until = DAYPARTS[piece.daypart]
        whole = replace(bare, start=datetime.combine(day, since), grain="daypart",
                        end=datetime.combine(day, until), daypart=piece.daypart,
                        date_free=free)  # fmt: skip
    else:
        assert days is not None  # noqa: S101  (a piece has at least one part)
        whole = replace(bare, start=days.begin, end=days.end, grain=days.grain,
                        open=_open(days, bare.text))  # fmt: skip
    # What is not wanted needs no confirmation.
    return replace(whole, ask=whole.role == "offered" and (whole.ask or _is_doubtful(whole, now)))


def _timed(clock: Clock, day: datetime, bare: Mention) -> Mention:
    begin = datetime.combine(day, clock.begin) if clock.begin else None
    end = datetime.combine(day, clock.end) if clock.end else None
    if begin and end and end <= begin:
        end += DAY  # until after midnight
    one_sided = None if clock.exact or (begin and end) else ("after" if begin else "before")
    return replace(bare, start=begin, end=end, grain="minute", open=one_sided)


def _open(days: Days, text: str) -> str | None:
    if days.begin is None:
        return "before"
    return (
        "after" if not days.end and (days.open_after or _OPEN_WORDS.match(text.lower())) else None
    )


def _is_doubtful(mention: Mention, now: datetime) -> bool:
    """Whether it is over, on a Sunday, or at an hour at which no practice is open."""
    moment = mention.end or mention.start
    if moment is None:
        return False
    one_day = mention.start is not None and mention.start.date() == moment.date()
    if (
        one_day
        and moment.weekday() == SUNDAY
        and not mention.date_free
        and (mention.grain in {"minute", "daypart", "day"} and mention.open is None)
    ):
        return True
    if mention.grain == "minute":
        first, last = mention.start, mention.end
        odd = not OPENS <= moment.time() <= CLOSES and first is not None and last is None
        if first and (last or mention.open):
            odd = odd or first.time() >= CLOSES
        odd = odd or (last is not None and last.time() <= OPENS)
        return odd or (not mention.date_free and mention.open != "after" and moment < now)
    if mention.grain == "daypart":
        return not mention.date_free and moment < now
    if mention.end is None and mention.grain == "month":
        moment = last_day(moment)
    elif mention.end is None and mention.grain == "week":
        moment += 6 * DAY
    return mention.open != "after" and moment.date() < now.date()
