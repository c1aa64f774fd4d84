"""What can be made to go wrong, how often, and the dice."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from simulator.numbers import is_phone_number

GATEWAYS: Final = ("twilio", "intelepeer")
_LONGEST: Final = 3600.0
_DEFAULT_SECONDS: Final = 5.0
_FIELDS: Final = ("gateway", "kind", "phone", "rate", "seconds", "count", "for", "code")


class BadFault(ValueError):
    """A fault was asked for that does not exist or makes no sense; says what would."""


class Kind(StrEnum):
    """What goes wrong."""

    LATENCY = "latency"
    TOO_MANY = "429"
    ERROR = "500"
    RESET = "reset"
    REFUSE = "refuse"
    ACCEPT_HANG = "accept-then-hang"
    ACCEPT_ERROR = "accept-then-500"
    ACCEPT_RESET = "accept-then-reset"
    LOOK_UP_ERROR = "look-up-500"
    TOKEN_EXPIRED = "token-expired"
    RECEIPTS_LATE = "receipts-late"
    RECEIPTS_DOUBLED = "receipts-doubled"
    RECEIPTS_REVERSED = "receipts-reversed"
    RECEIPTS_MISSING = "receipts-missing"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    WEBHOOK_TWICE = "webhook-twice"


MEANING: Final[dict[Kind, str]] = {
    Kind.LATENCY: "a send is answered `seconds` late",
    Kind.TOO_MANY: "a send or a deletion is refused with 429 and Retry-After of `seconds`",
    Kind.ERROR: "a send is answered with 500 and not accepted",
    Kind.RESET: "the connection of a send is reset and the text is not accepted",
    Kind.REFUSE: "a send is refused with Twilio's `code` (IntelePeer: what means the same there)",
    Kind.ACCEPT_HANG: "a text is accepted, nothing is answered for `seconds`, then hung up",
    Kind.ACCEPT_ERROR: "a text is accepted, yet answered with 500",
    Kind.ACCEPT_RESET: "a text is accepted, then the connection is reset",
    Kind.LOOK_UP_ERROR: "looking a text up, or deleting it, is answered with 500",
    Kind.TOKEN_EXPIRED: "the token of a send expires (IntelePeer)",
    Kind.RECEIPTS_LATE: "receipts (IntelePeer: the record's state) come `seconds` late",
    Kind.RECEIPTS_DOUBLED: "each receipt is posted twice (Twilio)",
    Kind.RECEIPTS_REVERSED: "the last receipt is posted first (Twilio)",
    Kind.RECEIPTS_MISSING: "no receipt comes (IntelePeer: the record stays queued)",
    Kind.FAILED: "a text is accepted, never leaves, and is reported failed with `code`",
    Kind.UNDELIVERED: "a text is sent, does not arrive, and is reported undelivered with `code`",
    Kind.WEBHOOK_TWICE: "a text of a phone is posted to the assistant twice at once",
}

_ONLY_AT: Final = {
    Kind.TOKEN_EXPIRED: "intelepeer",
    Kind.RECEIPTS_DOUBLED: "twilio",
    Kind.RECEIPTS_REVERSED: "twilio",
}
# Twilio's codes: a full queue, a queue that overflowed later, and "unknown error".
_DEFAULT_CODES: Final = {Kind.REFUSE: 21611, Kind.FAILED: 30001, Kind.UNDELIVERED: 30008}


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        gateway: at which gateway, or None at all of them.
        kind: what.
        phone: only for texts from and to this customer, or None for everybody's.
        rate: how often, 0 to 1.
        seconds: how long, where the kind takes time.
        count: how many times more at most, or None without end.
        lasts: seconds after which it ends by itself, or None for never.
        code: Twilio's, where the kind has one.
        ends_at: when it ends by itself; set by `Faults.put`.
    """

    gateway: str | None
    kind: Kind
    phone: str | None = None
    rate: float = 1.0
    seconds: float = _DEFAULT_SECONDS
    count: int | None = None
    lasts: float | None = None
    code: int | None = None
    ends_at: float = math.inf

    def as_json(self) -> dict[str, Any]:
        """As the API shows it, and as it would take it."""
        values = (
            self.gateway, self.kind, self.phone, self.rate, self.seconds, self.count, self.lasts,
            self.code,
        )  # fmt: skip
        return dict(zip(_FIELDS, values, strict=True))


def read_fault(wanted: object) -> Fault:
    """The fault that a JSON object asks for.

    Args:
        wanted: ``{"gateway", "kind", "phone", "rate", "seconds", "count", "for", "code"}``;
            only ``kind`` is needed.

    Raises:
        BadFault: it cannot be had.
    """
    if not isinstance(wanted, Mapping):
        raise BadFault('a fault is a JSON object such as {"kind": "429", "rate": 0.5}')
    unknown = set(wanted) - set(_FIELDS)
    if unknown:
        raise BadFault(
            f"unknown field {', '.join(sorted(map(str, unknown)))}: use {', '.join(_FIELDS)}"
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
    lasts = wanted.get("for")
    return Fault(
        gateway=gateway,
        kind=kind,
        phone=read_phone(wanted.get("phone")),
        rate=_number(wanted, "rate", 1.0, 1.0),
        seconds=_number(wanted, "seconds", _DEFAULT_SECONDS, _LONGEST),
        count=_count(wanted.get("count")),
        lasts=None if lasts is None else _number(wanted, "for", 0.0, _LONGEST),
        code=_code(wanted.get("code"), kind),
    )


def read_phone(given: object) -> str | None:
    """The phone that a fault is limited to, if it is.

    Raises:
        BadFault: it is no phone number.
    """
    if given is None or (isinstance(given, str) and is_phone_number(given)):
        return given
    raise BadFault(f"phone is a number like +12125550100, not {given!r}")


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


def _code(value: object, kind: Kind) -> int | None:
    if value is None:
        return _DEFAULT_CODES.get(kind)
    if kind not in _DEFAULT_CODES:
        raise BadFault(f"{kind} has no code; {', '.join(_DEFAULT_CODES)} have one")
    if isinstance(value, bool) or not isinstance(value, int) or not 10_000 <= value <= 99_999:  # noqa: PLR2004
        raise BadFault("code is a code of Twilio's, five digits")
    return value


class Faults:
    """The faults that are on at present.

    Args:
        rng: the dice, seeded where a run is to be repeated.
        faulty: phones that bring their own fault on the first attempt at each text.
        now: the clock by which faults end, in seconds.
    """

    def __init__(
        self,
        rng: random.Random,
        faulty: Mapping[str, Kind],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rng = rng
        self._faulty = faulty
        self._now = now
        self._tried: set[tuple[Kind, object]] = set()
        # By phone first: a text asks for a dozen kinds, and mostly its phone has none of its own.
        self._active: dict[str | None, dict[tuple[str | None, Kind], Fault]] = {}

    def active(self) -> list[Fault]:
        """All that is on."""
        return [fault for phone in list(self._active) for fault in self.of(phone)]

    def of(self, phone: str | None) -> list[Fault]:
        """What is on for one phone alone, or for everybody's (None)."""
        now = self._now()
        return [fault for fault in self._active.get(phone, {}).values() if fault.ends_at > now]

    def put(self, fault: Fault) -> None:
        """Turn ``fault`` on, in place of one of the same gateway, kind and phone."""
        if fault.lasts is not None:
            fault.ends_at = self._now() + fault.lasts
        self._active.setdefault(fault.phone, {})[fault.gateway, fault.kind] = fault

    def clear(self, phone: str | None = None) -> None:
        """Nothing goes wrong any more.

        Args:
            phone: end only what is on for this phone alone.
        """
        if phone is None:
            self._active.clear()
        else:
            self._active.pop(phone, None)

    def forget_attempts(self) -> None:
        """Every text is on its first attempt again."""
        self._tried.clear()

    def strikes(
        self, kind: Kind, gateway: str, phone: str | None = None, attempt_at: object = None
    ) -> Fault | None:
        """Whether ``kind`` goes wrong now, and if so with what values.

        A phone's own fault goes before one for everybody, and one of the gateway before one of
        all gateways.

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
        if not self._active:
            return None
        own = self._strike(phone, kind, gateway) if phone is not None else None
        return own or self._strike(None, kind, gateway)

    def _strike(self, phone: str | None, kind: Kind, gateway: str) -> Fault | None:
        faults = self._active.get(phone)
        if faults is None:
            return None
        for key in ((gateway, kind), (None, kind)):
            fault = faults.get(key)
            if fault is None:
                continue
            if fault.ends_at <= self._now():
                del faults[key]
                continue
            if fault.rate < 1.0 and self._rng.random() >= fault.rate:
                continue
            if fault.count is not None:
                fault.count -= 1
                if fault.count == 0:
                    del faults[key]
            return fault
        if not faults:
            # Thousands of phones may have had a fault that is used up.
            del self._active[phone]
        return None
