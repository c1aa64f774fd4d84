"""What can be made to go wrong, how often, and the dice."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

GATEWAYS: Final = ("twilio", "intelepeer")
_LONGEST: Final = 3600.0
_DEFAULT_SECONDS: Final = 5.0


class BadFault(ValueError):
    """A fault was asked for that does not exist or makes no sense; says what would."""


class Kind(StrEnum):
    """What goes wrong."""

    LATENCY = "latency"
    TOO_MANY = "429"
    ERROR = "500"
    RESET = "reset"
    ACCEPT_HANG = "accept-then-hang"
    ACCEPT_ERROR = "accept-then-500"
    ACCEPT_RESET = "accept-then-reset"
    LOOK_UP_ERROR = "look-up-500"
    TOKEN_EXPIRED = "token-expired"
    RECEIPTS_LATE = "receipts-late"
    RECEIPTS_DOUBLED = "receipts-doubled"
    RECEIPTS_REVERSED = "receipts-reversed"
    RECEIPTS_MISSING = "receipts-missing"
    WEBHOOK_TWICE = "webhook-twice"


MEANING: Final[dict[Kind, str]] = {
    Kind.LATENCY: "a send is answered `seconds` late",
    Kind.TOO_MANY: "a send is refused with 429 and Retry-After of `seconds`",
    Kind.ERROR: "a send is answered with 500 and not accepted",
    Kind.RESET: "the connection of a send is reset and the text is not accepted",
    Kind.ACCEPT_HANG: "a text is accepted, nothing is answered for `seconds`, then hung up",
    Kind.ACCEPT_ERROR: "a text is accepted, yet answered with 500",
    Kind.ACCEPT_RESET: "a text is accepted, then the connection is reset",
    Kind.LOOK_UP_ERROR: "looking a text up is answered with 500",
    Kind.TOKEN_EXPIRED: "the token of a send expires (IntelePeer)",
    Kind.RECEIPTS_LATE: "receipts (IntelePeer: the record's state) come `seconds` late",
    Kind.RECEIPTS_DOUBLED: "each receipt is posted twice (Twilio)",
    Kind.RECEIPTS_REVERSED: "the last receipt is posted first (Twilio)",
    Kind.RECEIPTS_MISSING: "no receipt comes (IntelePeer: the record stays queued)",
    Kind.WEBHOOK_TWICE: "a text of a phone is posted to the assistant twice at once",
}

_ONLY_AT: Final = {
    Kind.TOKEN_EXPIRED: "intelepeer",
    Kind.RECEIPTS_DOUBLED: "twilio",
    Kind.RECEIPTS_REVERSED: "twilio",
}


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        gateway: at which gateway, or None at all of them.
        kind: what.
        rate: how often, 0 to 1.
        seconds: how long, where the kind takes time.
        count: how many times more at most, or None without end.
    """

    gateway: str | None
    kind: Kind
    rate: float = 1.0
    seconds: float = _DEFAULT_SECONDS
    count: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As the API shows it."""
        return asdict(self)


def read_fault(wanted: object) -> Fault:
    """The fault that a JSON object asks for.

    Args:
        wanted: ``{"gateway", "kind", "rate", "seconds", "count"}``; only ``kind`` is needed.

    Raises:
        BadFault: it cannot be had.
    """
    if not isinstance(wanted, Mapping):
        raise BadFault('a fault is a JSON object such as {"kind": "429", "rate": 0.5}')
    unknown = set(wanted) - {"gateway", "kind", "rate", "seconds", "count"}
    if unknown:
        raise BadFault(
            f"unknown field {', '.join(sorted(map(str, unknown)))}: "
            "use gateway, kind, rate, seconds, count"
        )
    try:
        kind = Kind(str(wanted.get("kind", "")))
    except ValueError:
        raise BadFault(
            f"unknown kind {wanted.get('kind')!r}: use one of {', '.join(Kind)}"
        ) from None
    gateway = wanted.get("gateway")
    if gateway is not None and gateway not in GATEWAYS:
        raise BadFault(
            f"unknown gateway {gateway!r}: use one of {', '.join(GATEWAYS)}, or none for all"
        )
    only_at = _ONLY_AT.get(kind)
    if gateway is not None and only_at is not None and gateway != only_at:
        raise BadFault(f"{kind} exists at {only_at} only")
    return Fault(
        gateway=gateway,
        kind=kind,
        rate=_number(wanted, "rate", 1.0, 1.0),
        seconds=_number(wanted, "seconds", _DEFAULT_SECONDS, _LONGEST),
        count=_count(wanted.get("count")),
    )


def _number(wanted: Mapping[str, Any], name: str, default: float, most: float) -> float:
    value = wanted.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadFault(f"{name} is a number from 0 to {most:g}")
    if not 0 <= value <= most:
        raise BadFault(f"{name} is a number from 0 to {most:g}, not {value:g}")
    return float(value)


def _count(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadFault("count is a whole number from 1, or left out for no limit")
    return value


class Faults:
    """The faults that are on at present.

    Args:
        rng: the dice, seeded where a run is to be repeated.
        faulty: phones that bring their own fault on the first attempt at each text.
    """

    def __init__(self, rng: random.Random, faulty: Mapping[str, Kind]) -> None:
        self._rng = rng
        self._faulty = faulty
        self._tried: set[tuple[Kind, object]] = set()
        self._active: dict[tuple[str | None, Kind], Fault] = {}

    @property
    def active(self) -> list[Fault]:
        """What is on."""
        return list(self._active.values())

    def put(self, fault: Fault) -> None:
        """Turn ``fault`` on, in place of one of the same gateway and kind."""
        self._active[fault.gateway, fault.kind] = fault

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._active.clear()

    def forget_attempts(self) -> None:
        """Every text is on its first attempt again."""
        self._tried.clear()

    def strikes(
        self, kind: Kind, gateway: str, phone: str | None = None, attempt_at: object = None
    ) -> Fault | None:
        """Whether ``kind`` goes wrong now, and if so with what values.

        Args:
            kind: what could go wrong.
            gateway: where.
            phone: the customer's number, which may bring a fault of its own.
            attempt_at: what stays the same when the same text is tried again.
        """
        if phone is not None and self._faulty.get(phone) is kind:
            tried = (kind, attempt_at)
            if tried not in self._tried:
                self._tried.add(tried)
                return Fault(gateway, kind)
        for key in ((gateway, kind), (None, kind)):
            fault = self._active.get(key)
            if fault is None or (fault.rate < 1.0 and self._rng.random() >= fault.rate):
                continue
            if fault.count is not None:
                fault.count -= 1
                if fault.count == 0:
                    del self._active[key]
            return fault
        return None
