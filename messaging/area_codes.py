"""Where a phone may be: by what is known of its owner, else by its number. Pure.

A number says little: people keep theirs when they move, so it stands for all zones of its area
code, and for all states of the contiguous United States where it says nothing. What is known
beyond the number decides where the owner is; the rules of the number's own state count as well,
because FL, MD, OK, WA and CT go by the area code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import phonenumbers
import yaml
from phonenumbers import timezone
from phonenumbers.tzdata import TIMEZONE_DATA

from messaging.quiet_hours import Place
from messaging.rule_files import RULES

NOT_CONTIGUOUS = frozenset({"AK", "HI", "AS", "GU", "MP", "PR", "VI"})
_NANP_DIGITS = 11


class Source(StrEnum):
    """Who says where a phone's owner is, the best first.

    Attributes:
        ADDRESS: an address or ZIP code that was verified.
        STATED: the customer.
        CRM: another system.
    """

    ADDRESS = "address"
    STATED = "stated"
    CRM = "crm"


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """What is known beyond the number; ``zone`` or ``state`` or both."""

    source: Source
    zone: str | None = None
    state: str | None = None


def place_of(phone: str, known: KnownPlace | None = None) -> Place:
    """Where a phone may be.

    Args:
        phone: E.164.
        known: the best that is known beyond the number.
    """
    number = _by_number(phone)
    if known is None:
        return number
    plan = _plan()
    told = dict(number.states) if phone[2:5] in plan.state_of else {}
    if known.state is not None:
        zones = plan.zones_in(known.state)
        if known.zone is not None:
            zones = frozenset({known.zone})
        elif known.state in told:
            zones = frozenset(told[known.state])
        states = {known.state, *told}
    else:
        assert known.zone is not None  # noqa: S101  one of both is always known
        zones = frozenset({known.zone})
        here = _clock(known.zone) in {_clock(zone) for zone in number.zones}
        states = set(dict(number.states)) if here else {*told, *plan.states_on(known.zone)}
    return plan.place(zones, states, str(known.source))


def is_state(name: str) -> bool:
    """Whether that is a state, DC or a territory, by its two letters."""
    return name in _plan().state_of.values()


@lru_cache(maxsize=10_000)
def _by_number(phone: str) -> Place:
    plan, code = _plan(), phone[2:5]
    if not phone.startswith("+1") or len(phone) != _NANP_DIGITS + 1:
        return _abroad(phone)
    if code in plan.state_of:
        zones = plan.zones_of(code)
        return plan.place(zones, {plan.state_of[code]}, f"area code {code}")
    if code in plan.country_of:
        where = f"area code {code}, {plan.country_of[code]}"
        return Place(tuple(sorted(plan.zones_of(code))), (), where)
    anywhere = {state for state in plan.state_of.values() if state not in NOT_CONTIGUOUS}
    zones = frozenset(zone for state in anywhere for zone in plan.zones_in(state))
    return plan.place(zones, anywhere, f"area code {code}, which may be anywhere")


def _abroad(phone: str) -> Place:
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return Place(tuple(sorted(_all_zones())), (), "no number that is known")
    zones = frozenset(timezone.time_zones_for_number(number)) - {timezone.UNKNOWN_TIMEZONE}
    evidence = f"country code {number.country_code}"
    return Place(tuple(sorted(zones or _all_zones())), (), evidence)


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """The numbering plan: states, countries and zones of area codes."""

    state_of: Mapping[str, str]
    country_of: Mapping[str, str]
    zones: Mapping[str, frozenset[str]]
    overlays: Mapping[str, frozenset[str]]

    def zones_of(self, code: str) -> frozenset[str]:
        """All zones that a phone with this area code may be in."""
        codes = self.overlays.get(code, {code})
        return frozenset(zone for one in codes for zone in self.zones.get(one, ()))

    def zones_in(self, state: str) -> frozenset[str]:
        """All zones of a state."""
        codes = [code for code, one in self.state_of.items() if one == state]
        return frozenset(zone for code in codes for zone in self.zones_of(code))

    def states_on(self, zone: str) -> set[str]:
        """States where clocks show what they show in that zone."""
        clock = _clock(zone)
        states = set(self.state_of.values())
        return {state for state in states if clock in {_clock(one) for one in self.zones_in(state)}}

    def place(self, zones: frozenset[str], states: set[str], evidence: str) -> Place:
        clocks = {state: zones & self.zones_in(state) or zones for state in sorted(states)}
        return Place(
            tuple(sorted(zones)),
            tuple((state, tuple(sorted(ones))) for state, ones in clocks.items()),
            evidence,
        )


@cache
def _plan() -> _Plan:
    content = yaml.safe_load((RULES / "area_codes.yml").read_text(encoding="utf-8"))
    return _Plan(
        state_of=_inverted(content["states"]),
        country_of=_inverted(content["countries"]),
        zones=_zones_of_prefixes(),
        overlays={
            str(code): frozenset(map(str, codes)) for codes in content["overlays"] for code in codes
        },
    )


def _inverted(codes_of: Mapping[str, list[int]]) -> dict[str, str]:
    return {str(code): name for name, codes in codes_of.items() for code in codes}


def _zones_of_prefixes() -> dict[str, frozenset[str]]:
    """The zones of all prefixes within each area code: one prefix alone may be too narrow."""
    zones: dict[str, frozenset[str]] = {}
    for prefix, found in TIMEZONE_DATA.items():
        code = prefix[1:4]
        if prefix.startswith("1") and len(code) == len("212"):
            zones[code] = zones.get(code, frozenset()) | frozenset(found)
    return zones


def _all_zones() -> frozenset[str]:
    return frozenset(zone for found in TIMEZONE_DATA.values() for zone in found)


@cache
def _clock(zone: str) -> tuple[timedelta | None, ...]:
    """What tells clocks apart: how far they are from UTC in winter and in summer."""
    return tuple(datetime(2026, month, 15, tzinfo=ZoneInfo(zone)).utcoffset() for month in (1, 7))
