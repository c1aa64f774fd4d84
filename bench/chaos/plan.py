"""What goes wrong when: which phones text what, what the carrier does to them, who is struck.

Pure: the same seed gives the same plan. Only the machine's own timing differs between two runs.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bench.chaos.wishes import Wish


class Blow(StrEnum):
    """Who is struck, and how."""

    INGRESS = "ingress -9"
    ASSISTANT = "assistant -9"
    ASSISTANTS = "assistants -9"
    WORKER = "worker -9"
    WORKERS = "workers -9"
    EVERYBODY = "everybody -9"
    POSTGRES = "postgres -9"
    RESTART = "postgres restart"
    CONNECTIONS = "connections ended"
    CUT = "network cut"
    FROZEN = "network frozen"
    STORM = "429 storm"


Fault = Mapping[str, Any]
"""As ``PUT /faults`` takes it, without gateway and phone."""

# A fault with a count strikes the first replies of its phone; afterwards the carrier is well.
ANYWHERE: Mapping[str, Sequence[Fault]] = {
    "none": (),
    "latency": ({"kind": "latency", "seconds": 1, "rate": 0.7},),
    "latency-over-limit": ({"kind": "latency", "seconds": 3, "count": 1},),
    "429": ({"kind": "429", "seconds": 1, "count": 2},),
    "500": ({"kind": "500", "count": 1},),
    "reset": ({"kind": "reset", "count": 1},),
    "refuse": ({"kind": "refuse", "code": 21612, "count": 1},),
    "accept-then-hang": ({"kind": "accept-then-hang", "seconds": 4, "count": 1},),
    "accept-then-500": ({"kind": "accept-then-500", "count": 1},),
    "accept-then-reset": ({"kind": "accept-then-reset", "count": 1},),
    "failed": ({"kind": "failed", "code": 30007, "count": 1},),
    "undelivered": ({"kind": "undelivered", "code": 30007, "count": 1},),
    "receipts-late": ({"kind": "receipts-late", "seconds": 2},),
    "receipts-missing": ({"kind": "receipts-missing"},),
    "webhook-twice": ({"kind": "webhook-twice"},),
}
FAULTS: Mapping[str, Mapping[str, Sequence[Fault]]] = {
    "twilio": {
        **ANYWHERE,
        "look-up-500": (
            {"kind": "accept-then-reset", "count": 1},
            {"kind": "look-up-500", "for": 4},
        ),
        "receipts-doubled": ({"kind": "receipts-doubled"},),
        "receipts-reversed": ({"kind": "receipts-reversed"},),
    },
    "intelepeer": {
        **ANYWHERE,
        "token-expired": ({"kind": "token-expired", "count": 1},),
    },
}
"""By gateway and name, what a phone's carrier does to it."""

REFUSING = frozenset({"refuse", "failed", "undelivered"})
"""Faults after which a reply is rightly never shown."""

STORM: Fault = {"kind": "429", "seconds": 1, "for": 2}
"""Of all phones at all gateways."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A text that a phone is to send.

    Attributes:
        pause: seconds after the one before, or after the answer to it; the first one after
            the beginning of its round.
        body: what it says: a mark that no other text has, and what it wishes to be answered.
    """

    pause: float
    body: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A phone and what befalls it.

    Attributes:
        phone: its number, E.164.
        gateway: whose number it texts.
        fault: what its carrier does to it, a name of ``FAULTS``.
        blow: who is struck while it texts.
        waits: whether it waits for each answer before the next text.
        texts: what it sends.
        anchor: which of them is sent just before the blow.
    """

    phone: str
    gateway: str
    fault: str
    blow: Blow
    waits: bool
    texts: tuple[Planned, ...]
    anchor: int

    @property
    def faults(self) -> Sequence[Fault]:
        """What its carrier is to be told."""
        return FAULTS[self.gateway][self.fault]


@dataclass(frozen=True, slots=True)
class Round:
    """Phones that text while somebody is struck.

    Attributes:
        blow: who is struck.
        at: seconds after the beginning of the round.
        copy: which one, where there are two of them: 0 or 1.
        seconds: how long it lasts, for what takes time.
        scenarios: the phones.
    """

    blow: Blow
    at: float
    copy: int
    seconds: float
    scenarios: tuple[Scenario, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All rounds.

    Attributes:
        seed: of which it was made.
        pace: seconds from the beginning of a round to that of the next.
    """

    seed: int
    pace: float
    rounds: tuple[Round, ...]

    @property
    def scenarios(self) -> list[Scenario]:
        """Of all rounds."""
        return [scenario for one in self.rounds for scenario in one.scenarios]


def every_pair(seed: int) -> Plan:
    """A plan in which each blow meets each fault of each gateway once.

    Args:
        seed: of the dice.
    """
    dice = random.Random(seed)  # noqa: S311 - dice, not secrets
    blows = dice.sample(list(Blow), len(Blow))
    rounds = []
    for index, blow in enumerate(blows):
        faults = [(gateway, name) for gateway, known in FAULTS.items() for name in known]
        dice.shuffle(faults)
        rounds.append(_round(dice, blow, index * len(faults), faults, texts=(1, 4)))
    return Plan(seed, 4.0, tuple(rounds))


def load(seed: int, texts: int, phones: int, per_round: int = 20) -> Plan:
    """A plan of many texts: most phones have no fault of their own, and somebody is always struck.

    Args:
        seed: of the dice.
        texts: in all.
        phones: that send them, each as many as the others.
        per_round: phones that begin together.
    """
    dice = random.Random(seed)  # noqa: S311 - dice, not secrets
    each = texts // phones
    rounds = []
    for first in range(0, phones, per_round):
        faults = []
        for _ in range(min(per_round, phones - first)):
            gateway = dice.choice(list(FAULTS))
            troubled = dice.random() < 0.3
            faults.append((gateway, dice.choice(list(FAULTS[gateway])) if troubled else "none"))
        rounds.append(_round(dice, dice.choice(list(Blow)), first, faults, texts=(each, each)))
    return Plan(seed, 4.0, tuple(rounds))


def _round(
    dice: random.Random,
    blow: Blow,
    first: int,
    faults: Sequence[tuple[str, str]],
    texts: tuple[int, int],
) -> Round:
    at = dice.uniform(1.3, 1.6)
    return Round(
        blow=blow,
        at=at,
        copy=dice.randrange(2),
        seconds=dice.uniform(1.0, 2.5),
        scenarios=tuple(
            _scenario(dice, blow, at, first + place, gateway, fault, dice.randint(*texts))
            for place, (gateway, fault) in enumerate(faults)
        ),
    )


def _scenario(
    dice: random.Random,
    blow: Blow,
    blow_at: float,
    serial: int,
    gateway: str,
    fault: str,
    count: int,
) -> Scenario:
    waits = dice.random() < 0.5
    # One text leaves just before the blow; those before and after it stand somewhere else then.
    anchor = 0 if waits else dice.randrange(min(count, 4))
    pauses = [dice.uniform(0.05, 0.35) for _ in range(count)]
    pauses[0] = max(0.0, blow_at - dice.uniform(0.0, 0.25) - sum(pauses[1 : anchor + 1]))
    return Scenario(
        phone=f"+1646{5_550_000 + serial}",
        gateway=gateway,
        fault=fault,
        blow=blow,
        waits=waits,
        texts=tuple(
            Planned(pause, f"t{serial}.{number} {_wish(dice)}")
            for number, pause in enumerate(pauses)
        ),
        anchor=anchor,
    )


def _wish(dice: random.Random) -> Wish:
    wishes = {
        Wish.SAY: 12, Wish.THRICE: 4, Wish.LONG: 2, Wish.SLOW: 2, Wish.STUMBLE: 2, Wish.FAIL: 1,
    }  # fmt: skip
    return dice.choices(list(wishes), list(wishes.values()))[0]
