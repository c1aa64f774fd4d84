"""Which gateways are well, and which of them a new conversation gets. Pure.

A gateway has a weight from 0 to 100: the percentage of its configured share of new conversations
that it gets now. What its sends of this minute and the one before say moves it:

==================================================== =============================================
seen                                                 weight
==================================================== =============================================
five errors in a row, the last one in these minutes  0, at once
of 5 sends or more, over 20 % errors                 50 less, 2 minutes after the last change
of 5 sends or more, over 20 % slow (5 s and more)    20 less, 2 minutes after the last change
none of this for 5 minutes                           10 more each minute, up to 100
any of this at every gateway                         as it is
==================================================== =============================================

An error is a refusal for which the gateway is to blame, or no answer. Five in a row are no
accident of one text, and an outage should not cost half of the new conversations until an
average shows it. Out of five sends, one error is no more than 20 %: one text never moves a
weight. A slow text arrives all the same, so slowness takes less away than errors do. The two
minutes between steps are as long as what is looked at, so no error counts for two steps. A
gateway that comes back gets few texts at first, and one error then takes it out again, because
the errors in a row go on from where they were. Where all are in trouble, the fault is probably
ours or everybody's, and moving texts about would help nobody (GOV.UK Notify balances its
gateways by similar rules; requirement R021).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

FULL = 100
"""The weight of a gateway that is well."""

SLOW_SECONDS = 5.0
"""An answer that takes this long is slow; both gateways answer in well under a second."""

WINDOW = timedelta(minutes=2)
"""The sends that are looked at: those of this minute and of the one before."""

IN_A_ROW = 5
LEAST = 5
SHARE = 0.2
ERRORS_STEP = 50
SLOW_STEP = 20
STEP_EVERY = WINDOW
QUIET = timedelta(minutes=5)
RISE = 10
RISE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sends:
    """Requests to send in some time.

    Attributes:
        sends: all of them.
        errors: those that failed by the gateway's fault, or had no answer.
        slow: those without an error that were answered late.
    """

    sends: int = 0
    errors: int = 0
    slow: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a gateway.

    Attributes:
        weight: 0 to 100.
        changed_at: when the weight last changed.
        trouble_at: when it last was in trouble, if it ever was.
        failures_in_row: errors since the last send without one.
        lately: its sends within ``WINDOW``.
    """

    weight: int
    changed_at: datetime
    trouble_at: datetime | None
    failures_in_row: int
    lately: Sends


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of a gateway's weight.

    Attributes:
        weight: from now on.
        reason: why it changed, for people; empty where it did not.
        trouble: whether the gateway is in trouble, changed or not.
    """

    weight: int
    reason: str = ""
    trouble: bool = False


@dataclass(frozen=True, slots=True)
class _Trouble:
    to: int
    reason: str
    at_once: bool = False


def judge(gateways: Mapping[str, Seen], now: datetime) -> dict[str, Judgement]:
    """The weight of each gateway from now on, by the rules above.

    Args:
        gateways: all that are configured, by name.
        now: the time, aware.
    """
    troubles = {name: _trouble(seen) for name, seen in gateways.items()}
    if all(troubles.values()):
        return {name: Judgement(seen.weight, trouble=True) for name, seen in gateways.items()}
    return {name: _judged(seen, troubles[name], now) for name, seen in gateways.items()}


def _trouble(seen: Seen) -> _Trouble | None:
    lately = seen.lately
    if seen.failures_in_row >= IN_A_ROW and lately.errors > 0:
        return _Trouble(0, f"{seen.failures_in_row} errors in a row", at_once=True)
    if lately.sends < LEAST:
        return None
    if lately.errors > SHARE * lately.sends:
        reason = f"{lately.errors} of {lately.sends} sends failed"
        return _Trouble(max(0, seen.weight - ERRORS_STEP), reason)
    if lately.slow > SHARE * lately.sends:
        reason = f"{lately.slow} of {lately.sends} sends took {SLOW_SECONDS:g} s or longer"
        return _Trouble(max(0, seen.weight - SLOW_STEP), reason)
    return None


def _judged(seen: Seen, trouble: _Trouble | None, now: datetime) -> Judgement:
    since_change = now - seen.changed_at
    if trouble is not None:
        due = trouble.at_once or since_change >= STEP_EVERY
        if due and trouble.to != seen.weight:
            return Judgement(trouble.to, trouble.reason, trouble=True)
        return Judgement(seen.weight, trouble=True)
    quiet = seen.trouble_at is None or now - seen.trouble_at >= QUIET
    if seen.weight < FULL and quiet and since_change >= RISE_EVERY:
        return Judgement(min(FULL, seen.weight + RISE), "no trouble for 5 minutes")
    return Judgement(seen.weight)


def well(shares: Mapping[str, int], weights: Mapping[str, int]) -> dict[str, int]:
    """The gateways that may get a new conversation, with their shares as they are now.

    Args:
        shares: configured, by gateway; one of 0 gets none.
        weights: 0 to 100, by gateway; one that is not named is well.
    """
    now = {name: share * weights.get(name, FULL) for name, share in shares.items()}
    return {name: share for name, share in now.items() if share > 0}


def choose(
    shares: Mapping[str, int], weights: Mapping[str, int], random: Callable[[], float]
) -> str:
    """The gateway of a new conversation, by lot; one of weight 0 only where all are at 0.

    Args:
        shares: configured, by gateway; at least one is above 0.
        weights: 0 to 100, by gateway; one that is not named is well.
        random: gives a number from 0 up to 1.
    """
    return draw(well(shares, weights) or well(shares, {}), random)


def draw(shares: Mapping[str, int], random: Callable[[], float]) -> str:
    """One of some names by lot, each as likely as its share is large.

    Args:
        shares: by name, all above 0.
        random: gives a number from 0 up to 1.
    """
    drawn = random() * sum(shares.values())
    for name, share in shares.items():
        drawn -= share
        if drawn < 0:
            return name
    return name  # rounding may leave nothing to be drawn from
