"""When a text asks to be reminded, and of what. Without I/O; all times on the location's clock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from actions.mentions import DAY, Mention, mentions
from actions.shifts import AMOUNT, amount_of
from actions.times import bare_time
from actions.turn import Turn

HALF_DAY = timedelta(hours=12)
MORNING, EVENING = time(8), time(19)
"""When somebody is reminded who names no time: "the morning of", "the night before"."""
LONGEST_WORDS = 100

_AHEAD = r"(?:before|ahead|prior|beforehand|in advance)\b(?! \d)"
_SPAN_BEFORE = re.compile(rf"\b{AMOUNT} {_AHEAD}", re.IGNORECASE)
_DAY_BEFORE = re.compile(
    rf"\b(?P<part>day|night|evening|morning|week) (?P<way>{_AHEAD}|of\b)", re.IGNORECASE
)
_SAME_DAY = re.compile(r"\b(?:on the day|same day|that (?P<part>morning|evening))\b", re.IGNORECASE)
_HALF_NAMED = re.compile(
    r"\d ?[ap]\.?m?\b|noon|midnight|\b(?:1[3-9]|2[0-3]):|\bin\b", re.IGNORECASE
)
"""Words that say which of two times of day is meant."""
_APPOINTMENT = re.compile(
    r"\b(?:app(?:oin)?t(?:ment)?s?|apt|booking|exam|visit|check ?up|coming in)\b", re.IGNORECASE
)
_OF_WHAT = re.compile(r"\bremind\w*\b.*?\b(?:to|about|that|of)\s+(?P<words>\S.*)", re.IGNORECASE)
_POLITE = re.compile(r"(?:\s+(?:please|pls|plz|thanks|thx|ok))+\W*$", re.IGNORECASE)
_ONLY_THAT = re.compile(
    r"(?:it|this|that"
    r"|(?:(?:my|the|our|that|this) )?(?:\w+ ){0,2}(?:app(?:oin)?t(?:ment)?|exam|visit))",
    re.IGNORECASE,
)
"""Names an appointment and nothing to be done about it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """When a text asks to be reminded.

    Attributes:
        due: naive; None where it names no moment.
        sure: no other moment can be meant.
        day: that it names without a time.
        before: how long before the appointment ``due`` is, where it counts from that.
        needs_appointment: it counts from an appointment, and there is none.
    """

    due: datetime | None = None
    sure: bool = True
    day: date | None = None
    before: timedelta | None = None
    needs_appointment: bool = False


def read_when(
    turn: Turn, now: datetime, *, day: date | None, start: datetime | None, asked: bool
) -> Reading:
    """Read when to remind.

    Args:
        turn: the text.
        now: when it came, naive.
        day: that was named before.
        start: of the appointment that may be meant, naive; None without one.
        asked: the text answers our question, so that a lone number is a time of day.
    """
    named = mentions(turn.entities)
    told = [one for one in named if one.role != "old"] or named  # "yesterday" is told why not
    if asked and (lone := bare_time(turn, 0)) is not None:
        told = [lone]
    if (found := _before(turn.text, told, start)) is not None:
        return found
    for one in told:
        if one.is_exact:
            return _moment(one, now, day)
    for one in told:
        if one.grain == "daypart" and one.start is not None:
            part = one.on(day) if one.date_free and day else one
            begins = part.start
            if begins is not None and begins > now:
                return Reading(due=begins)
            return Reading(day=begins.date() if begins else None)
    for one in told:
        if one.grain == "day" and one.start is not None and one.end is None and one.open is None:
            return Reading(day=one.start.date())
    return Reading(day=day)


def words_in(turn: Turn) -> str | None:
    """What of, in the customer's words: "call about my glasses"; None for an appointment alone."""
    text = " ".join(turn.text.split())
    for one in mentions(turn.entities):
        if one.text:
            text = re.sub(rf"\b(?:on |at |for )?{re.escape(one.text)}\b", " ", text, count=1)
    match = _OF_WHAT.search(" ".join(text.split()))
    if match is None:
        return None
    words = _POLITE.sub("", match["words"]).strip(" .,!?:;-")[:LONGEST_WORDS].strip()
    return None if _ONLY_THAT.fullmatch(words) else words or None


def is_about_appointment(turn: Turn) -> bool:
    """Whether a text names an appointment as what it is about."""
    return bool(_APPOINTMENT.search(turn.text)) or turn.value("service") is not None


def _before(text: str, told: Sequence[Mention], start: datetime | None) -> Reading | None:
    plain = " ".join(text.split())
    span, day, same = _SPAN_BEFORE.search(plain), _DAY_BEFORE.search(plain), _SAME_DAY.search(plain)
    if span is None and day is None and same is None:
        return None
    if start is None:
        return Reading(needs_appointment=True)
    if span is not None and amount_of(span) < DAY:
        return Reading(due=start - amount_of(span), before=amount_of(span))
    if span is not None:
        ahead, part = amount_of(span), ""
    elif day is not None:
        part = day["part"].lower()
        week = timedelta(weeks=1) if part == "week" else DAY
        ahead = timedelta(0) if day["way"].lower() == "of" else week
    else:
        ahead, part = timedelta(0), (same["part"] or "morning").lower() if same else ""
    clock = next((one.start.time() for one in told if one.is_exact and one.start), None)
    if clock is None:
        usual = EVENING if part in ("night", "evening") else start.time()
        clock = MORNING if part == "morning" or not ahead else usual
    due = datetime.combine((start - ahead).date(), clock)
    return Reading(due=due, before=start - due) if due < start else Reading(due=due)


def _moment(mention: Mention, now: datetime, day: date | None) -> Reading:
    due = mention.start
    if due is None:  # it is exact
        raise AssertionError
    named = bool(_HALF_NAMED.search(mention.text))
    if not mention.date_free:
        if due <= now < due + HALF_DAY and not named and due.date() == now.date():
            return Reading(due=due + HALF_DAY, sure=False)
        return Reading(due=due, sure=named or not mention.ask)
    if day is not None:
        return Reading(due=datetime.combine(day, due.time()))
    due = datetime.combine(now.date(), due.time())
    if named:
        return Reading(due=due if due > now else due + DAY)
    # "At 9" is the next nine o'clock, of the morning or the evening: that is asked.
    either = (due - HALF_DAY, due, due + HALF_DAY, due + DAY)
    return Reading(due=min(one for one in either if one > now), sure=False)
