"""At which times a phone may be texted unasked (requirement R169). Pure. Not legal advice.

What a text is decides who has a say: nobody for an emergency or an answer, the courtesy window
for a reminder; for marketing the federal window and the rule of every state in which the phone
may be, on every clock that it may have there. All of them must allow it.

The hours stand in ``rules/quiet_hours.yml``, each with its source and date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from messaging.holidays import Holidays
from messaging.lanes import Lane

HORIZON_DAYS = 14
"""How far ahead an opening is looked for; no rule is closed for as long as that."""


class MessageClass(StrEnum):
    """What kind of text it is to the law.

    Attributes:
        EMERGENCY: safety; at any time.
        REPLY: somebody has just written to us; at any time.
        REMINDER: about something of the customer's own; within the courtesy window.
        MARKETING: everything that many get; within the law's windows and caps.
    """

    EMERGENCY = "emergency"
    REPLY = "reply"
    REMINDER = "reminder"
    MARKETING = "marketing"

    @classmethod
    def of(cls, lane: Lane) -> MessageClass:
        """The class of what leaves in a lane."""
        return _CLASSES[lane]


_CLASSES = {
    Lane.EMERGENCY: MessageClass.EMERGENCY,
    Lane.REPLY: MessageClass.REPLY,
    Lane.REMINDER: MessageClass.REMINDER,
    Lane.BULK: MessageClass.MARKETING,
}


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of a day, in minutes since midnight: from ``start``, until before ``end``."""

    start: int
    end: int


_ALL_DAY = Window(0, 24 * 60)


@dataclass(frozen=True, slots=True)
class Cap:
    """Texts with one subject to one phone, from all our numbers, in so many rolling hours."""

    texts: int
    hours: int


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """The hours that one law, or we, set.

    Attributes:
        id: as decisions name it.
        windows: by weekday, Monday first; None where the day is closed.
        source: whose words these are.
        verified: when they were read.
        state: whose holidays count; empty for those of everywhere.
        zone: the clock that counts wherever the phone is; None for the phone's.
        closed_on_holidays: whether holidays are closed.
        cap: how many texts a phone may get; None for any number.
        since: the first day on which the rule is in force.
        until: the first day on which it is not any more.
    """

    id: str
    windows: tuple[Window | None, ...]
    source: str
    verified: date
    state: str = ""
    zone: str | None = None
    closed_on_holidays: bool = False
    cap: Cap | None = None
    since: date = date.min
    until: date = date.max

    def window(self, day: date, holidays: Holidays) -> Window | None:
        """The hours of a day; all of it while the rule is not in force, None where it is closed."""
        if not self.since <= day < self.until:
            return _ALL_DAY
        if self.closed_on_holidays and holidays.is_one(day, self.state):
            return None
        return self.windows[day.weekday()]


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """All rules.

    Attributes:
        federal: for marketing to the United States.
        courtesy: for reminders anywhere.
        elsewhere: for marketing to other countries.
        strict: for all marketing besides; None where it is not wanted.
        states: by two letters; several where one follows another in time.
        holidays: of all states.
    """

    federal: Rule
    courtesy: Rule
    elsewhere: Rule
    states: Mapping[str, tuple[Rule, ...]]
    holidays: Holidays
    strict: Rule | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a phone may be.

    Attributes:
        zones: clocks that it may have.
        states: in which it may be, each with the clocks that it may have there; none where it is
            in another country.
        evidence: how that is known.
    """

    zones: tuple[str, ...]
    states: tuple[tuple[str, tuple[str, ...]], ...]
    evidence: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a text may leave.

    Attributes:
        allowed: whether now.
        next_opening: the first moment at which it may, UTC; None where no hour suits everywhere.
        rules: those that forbid it now; all that were asked, where none does.
        place: where the phone may be.
        caps: on how many texts the phone may get.
    """

    allowed: bool
    next_opening: datetime | None
    rules: tuple[str, ...]
    place: Place
    caps: tuple[Cap, ...] = ()

    @property
    def reason(self) -> str:
        """For the record: rules, places and how they are known."""
        rules = ", ".join(self.rules) or "none"
        where = ", ".join(self.place.zones)
        if len(self.place.states) == 1:
            where += f" in {self.place.states[0][0]}"
        elif self.place.states:
            where += f" in {len(self.place.states)} states"
        return f"rules {rules}; {where}, by {self.place.evidence}"


@dataclass(frozen=True, slots=True)
class Held:
    """Why a text waits.

    Attributes:
        until: when it may leave, UTC.
        code: ``quiet-hours``, ``scheduled``, ``cap`` or ``consent-pending``.
        detail: rules, places and evidence, for the record of the text.
    """

    until: datetime
    code: str
    detail: str


def decide(message_class: MessageClass, place: Place, at: datetime, rules: Rules) -> Decision:
    """Whether a text may leave, and when it next may.

    Args:
        message_class: what kind of text it is.
        place: where the phone may be.
        at: when it would leave, aware.
        rules: in force.
    """
    asked = list(_asked(message_class, place, rules))
    at = at.astimezone(UTC)
    opening = _opening(asked, at, rules.holidays)
    open_ = opening == at
    shut = [] if open_ else [one for one in asked if _opens(*one, at, rules.holidays) != at]
    caps = {rule.cap for rule, _ in asked if rule.cap is not None}
    return Decision(
        allowed=open_,
        next_opening=opening,
        rules=tuple(dict.fromkeys(rule.id for rule, _ in shut or asked)),
        place=place,
        caps=tuple(sorted(caps, key=lambda cap: (cap.hours, cap.texts))),
    )


def _asked(message_class: MessageClass, place: Place, rules: Rules) -> Iterator[tuple[Rule, str]]:
    """Each rule that has a say, with each clock that counts for it."""
    if message_class in {MessageClass.EMERGENCY, MessageClass.REPLY}:
        return
    if message_class is MessageClass.REMINDER:
        yield from ((rules.courtesy, zone) for zone in place.zones)
        return
    everywhere = rules.federal if place.states else rules.elsewhere
    yield from ((everywhere, zone) for zone in place.zones)
    if rules.strict is not None:
        yield from ((rules.strict, zone) for zone in place.zones)
    for state, zones in place.states:
        for rule in rules.states.get(state, ()):
            yield from ((rule, zone) for zone in ((rule.zone,) if rule.zone else zones))


def _opening(asked: list[tuple[Rule, str]], at: datetime, holidays: Holidays) -> datetime | None:
    """The first moment at which all are open: each in turn puts it off as far as it must."""
    moment, horizon = at, at + timedelta(days=HORIZON_DAYS)
    agreed = 0
    while agreed < len(asked):
        agreed = 0
        for rule, zone in asked:
            opens = _opens(rule, zone, moment, holidays)
            if opens is None or opens > horizon:
                return None
            if opens == moment:
                agreed += 1
            moment = opens
    return moment


def _opens(rule: Rule, zone: str, at: datetime, holidays: Holidays) -> datetime | None:
    """The first moment from ``at`` on at which a rule is open on one clock."""
    day = at.astimezone(_zone(zone)).date()
    for later in range(HORIZON_DAYS):
        hours = _hours(rule, zone, day + timedelta(days=later), holidays)
        if hours is not None and at < hours[1]:
            return max(at, hours[0])
    return None


@lru_cache(maxsize=100_000)
def _hours(
    rule: Rule, zone: str, day: date, holidays: Holidays
) -> tuple[datetime, datetime] | None:
    """The open hours of a day, UTC.

    No window begins before five, so clocks never change within one, and its bounds exist.
    """
    window = rule.window(day, holidays)
    if window is None:
        return None
    return _moment(day, window.start, zone), _moment(day, window.end, zone)


def _moment(day: date, minutes: int, zone: str) -> datetime:
    days, minutes = divmod(minutes, 24 * 60)
    clock = time(*divmod(minutes, 60))
    local = datetime.combine(day + timedelta(days=days), clock, _zone(zone))
    return local.astimezone(UTC)


_zone = lru_cache(maxsize=None)(ZoneInfo)
