"""When an answer counts as right; pure.

What each rule is for stands in :mod:`bench.dates.__main__`, which is the documentation of the
benchmark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Literal

DAY = timedelta(days=1)
FRIDAY = 4
NOON = time(12)
SAME_PART = {
    "afternoonish": "afternoon",
    "tonight": "evening",
    "tonite": "evening",
    "night": "evening",
    "noon": "lunch",
}
"""Other names for one part of the day."""
FINER = {
    "morning": {"early morning", "late morning"},
    "lunch": {"after lunch"},
    "afternoon": {"after lunch", "after school", "eod"},
}
"""Parts of a part: "late afternoon" is labelled afternoon by some cases."""

Outcome = Literal["right", "no answer", "silently wrong", "wrong, and asks"]


@dataclass(frozen=True)
class Reading:
    """One date or time, in naive local time, as a case names it or as a reader understood it.

    Attributes:
        grain: minute, day, week, weekend, month, daypart or second (a duration).
        end: the last instant or day named, not the first one after it.
        seconds: of a duration, which has neither start nor end.
        open: "after" or "before" where only one side is named.
        date_free: no day was named; None where a reader does not tell.
        kind: date, datetime, time, interval or duration; only of cases.
    """

    start: datetime | None
    end: datetime | None = None
    grain: str = "day"
    daypart: str | None = None
    seconds: int | None = None
    open: str | None = None
    date_free: bool | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a reader makes of a text.

    Attributes:
        refused: named, but refused or given up.
        asks: the reader wants the customer to confirm.
    """

    offered: Sequence[Reading]
    refused: Sequence[Reading] = ()
    asks: bool = False


@dataclass(frozen=True)
class Case:
    """One text and what is right about it.

    Attributes:
        reference: naive local time of receipt in `zone`.
        offered: what the text offers; each a list of readings that are equally right.
        refused: the same for what it refuses.
        final: offered and refused are told apart, and asking is known (texts to a business).
    """

    id: str
    text: str
    reference: datetime
    zone: str
    source: str
    kind: str
    offered: Sequence[Sequence[Reading]]
    refused: Sequence[Sequence[Reading]] = ()
    must_ask: bool = False
    final: bool = False
    context: dict[str, Any] = field(default_factory=dict)


def outcome(case: Case, answer: Answer) -> Outcome:
    """How an answer compares with a case."""
    if all_match(case.offered, answer.offered):
        return "right"
    if case.offered and not answer.offered:
        return "no answer"
    return "wrong, and asks" if answer.asks else "silently wrong"


def all_match(wanted: Sequence[Sequence[Reading]], given: Iterable[Reading]) -> bool:
    """Whether the readings are exactly those wanted, in any order."""
    left = list(given)
    for readings in wanted:
        same = next((one for one in left if any(matches(one, want) for want in readings)), None)
        if same is None:
            return False
        left.remove(same)
    return not left


def matches(one: Reading, want: Reading) -> bool:
    """Whether a reading is the one wanted, at the grain of the one wanted."""
    told = None not in {one.date_free, want.date_free}
    if one.seconds != want.seconds or (told and one.date_free != want.date_free):
        return False
    if want.daypart:
        return _same_part(one, want)
    if one.grain != want.grain or one.open != want.open:
        return False
    if want.kind == "time" or want.date_free:
        return _same_clock(one.start, want.start) and _same_clock(one.end, want.end)
    return all(
        _at_grain(getattr(one, side), want.grain) == _at_grain(getattr(want, side), want.grain)
        for side in ("start", "end")
        if want.grain != "weekend" or side == "start"
    )


def _same_part(one: Reading, want: Reading) -> bool:
    if one.start is None or want.start is None:
        return False
    if one.start.date() != want.start.date() and not want.date_free:
        return False
    named, wanted = (SAME_PART.get(part or "", part) for part in (one.daypart, want.daypart))
    if one.grain == "minute":
        return wanted == "lunch" and one.end is None and one.start.time() == NOON
    hours = want.end is not None and (one.start, one.end) == (want.start, want.end)
    return hours or named == wanted or named in FINER.get(wanted or "", ())


def _same_clock(one: datetime | None, want: datetime | None) -> bool:
    """The same time of day; a reader may give the day of the next such time."""
    if one is None or want is None:
        return one is want
    return (
        one.time().replace(second=0) == want.time().replace(second=0)
        and abs(one.date() - want.date()) <= DAY
    )


def _at_grain(moment: datetime | None, grain: str) -> datetime | None:
    """Cut to the minute or the day; some give a whole day as its noon."""
    if moment is None or grain == "minute":
        return moment.replace(second=0, microsecond=0) if moment else None
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    # and some begin a weekend on Friday evening
    return day + DAY if grain == "weekend" and day.weekday() == FRIDAY else day


def summary(cases: Sequence[Case], answers: Sequence[Answer]) -> dict[str, Any]:
    """Counts and percentages over a group of cases.

    Returns:
        `right`, `silently_wrong`, `wrong_but_asks` and `no_answer` in percent of `cases`; for texts
        to a business also how many refusals came out right and how asking went.
    """
    outcomes = [outcome(case, answer) for case, answer in zip(cases, answers, strict=True)]

    def share(what: Outcome) -> float:
        return round(100 * outcomes.count(what) / len(outcomes), 1)

    found: dict[str, Any] = {
        "cases": len(cases),
        "right": share("right"),
        "silently_wrong": share("silently wrong"),
        "wrong_but_asks": share("wrong, and asks"),
        "no_answer": share("no answer"),
    }
    if all(case.final for case in cases):
        pairs = list(zip(cases, answers, strict=True))
        refusing = [(case, answer) for case, answer in pairs if case.refused]
        found["refusals"] = len(refusing)
        found["refusals_right"] = sum(all_match(c.refused, a.refused) for c, a in refusing)
        found["must_ask"] = sum(case.must_ask for case in cases)
        found["must_ask_and_asks"] = sum(c.must_ask and a.asks for c, a in pairs)
        found["asks_needlessly"] = sum(a.asks and not c.must_ask for c, a in pairs)
    return found
