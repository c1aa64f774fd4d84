"""Reads the dated files of quiet hours and holidays, and checks all of them before any counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from messaging.errors import SettingsError
from messaging.holidays import Holiday, Holidays
from messaging.quiet_hours import Cap, Rule, Rules, Window

RULES = Path(__file__).parent / "rules"
HOURS, HOLIDAYS = "quiet_hours.yml", "holidays.yml"

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"(\d{1,2})(?::(\d\d))?-(\d{1,2})(?::(\d\d))?")
_EARLIEST, _LATEST = 5 * 60, 24 * 60
_ROW = {
    "windows", "holidays", "zone", "cap", "from", "until", "covers_text", "consent_exempts",
    "source", "verified", "confidence",
}  # fmt: skip


@cache
def read_rules(folder: Path = RULES, *, strict: bool = False) -> Rules:
    """All rules of a folder.

    Args:
        folder: with ``quiet_hours.yml`` and ``holidays.yml``.
        strict: whether the strict row counts too.

    Raises:
        SettingsError: with the place in the file and what to write there.
    """
    content = _load(folder / HOURS)
    names = ("federal", "courtesy", "strict", "elsewhere")
    _known(content, {*names, "states"}, HOURS)
    if missing := [name for name in (*names, "states") if name not in content]:
        raise SettingsError(f"{HOURS}: '{missing[0]}' is missing")
    general = {name: _rule(name, content[name], f"{HOURS}, {name}") for name in names}
    return Rules(
        federal=general["federal"],
        courtesy=general["courtesy"],
        elsewhere=general["elsewhere"],
        strict=general["strict"] if strict else None,
        states=_states(content["states"]),
        holidays=read_holidays(folder / HOLIDAYS),
    )


def parse_window(written: object, where: str) -> Window:
    """A window such as ``8-21`` or ``9:30-18``.

    Args:
        written: as it stands in the file.
        where: that is, for what an error says.

    Raises:
        SettingsError: it is none, or not within 5:00 to 24:00, where clocks never change.
    """
    match = _WINDOW.fullmatch(str(written).strip())
    if match is None:
        raise SettingsError(f'{where}: {written!r} is no window; write one as "8-21"')
    hour, minute, end_hour, end_minute = (int(part or 0) for part in match.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    most = 59
    if not _EARLIEST <= start < end <= _LATEST or minute > most or end_minute > most:
        raise SettingsError(
            f"{where}: {written!r} is no window; it begins at 5 or later, before its end, "
            "and ends at 24 or earlier"
        )
    return Window(start, end)


def courtesy(windows: Window) -> Rule:
    """A courtesy window of one's own, the same on each day.

    Args:
        windows: its hours.
    """
    source = "setting courtesy_hours"
    return Rule("courtesy", (windows,) * len(_DAYS), source, verified=date.min)


def _states(rows: object) -> dict[str, tuple[Rule, ...]]:
    if not isinstance(rows, list):
        raise SettingsError(f"{HOURS}, states: expected a list of rows")
    states: dict[str, tuple[Rule, ...]] = {}
    for number, row in enumerate(rows, start=1):
        written = dict(_mapping(row, f"{HOURS}, states, row {number}"))
        state = written.pop("state", None)
        if not isinstance(state, str) or not re.fullmatch("[A-Z]{2}", state):
            raise SettingsError(f"{HOURS}, states, row {number}: 'state' is two letters, as NY")
        rule = _rule(state, written, f"{HOURS}, {state}", state)
        if any(
            rule.since < other.until and other.since < rule.until for other in states.get(state, ())
        ):
            raise SettingsError(
                f"{HOURS}, {state}: two rows are in force at the same time; say with 'until' and "
                "'from' which one ends"
            )
        states[state] = (*states.get(state, ()), rule)
    return states


def _rule(name: str, row: object, where: str, state: str = "") -> Rule:
    written = _mapping(row, where)
    _known(written, _ROW, where)
    for key in ("windows", "source", "verified", "confidence"):
        if not written.get(key):
            raise SettingsError(f"{where}: '{key}' is missing")
    if written["confidence"] not in {"high", "medium", "low"}:
        raise SettingsError(f"{where}.confidence: write high, medium or low")
    if written.get("holidays", "open") not in {"open", "closed"}:
        raise SettingsError(f"{where}.holidays: write open or closed")
    since = _date(written.get("from", date.min), f"{where}.from")
    return Rule(
        id=name if since == date.min else f"{name} since {since}",
        windows=_week(written["windows"], f"{where}.windows"),
        source=str(written["source"]),
        verified=_date(written["verified"], f"{where}.verified"),
        state=state,
        zone=parse_zone(written["zone"], f"{where}.zone") if "zone" in written else None,
        closed_on_holidays=written.get("holidays") == "closed",
        cap=_cap(written["cap"], f"{where}.cap") if "cap" in written else None,
        since=since,
        until=_date(written.get("until", date.max), f"{where}.until"),
    )


def _week(written: object, where: str) -> tuple[Window | None, ...]:
    week: dict[str, Window | None] = {}
    for days, hours in _mapping(written, where).items():
        place = f"{where}.{days}"
        window = None if hours == "closed" else parse_window(hours, place)
        for day in _span(days, place):
            if day in week:
                raise SettingsError(f"{place}: {day} stands twice")
            week[day] = window
    if missing := [day for day in _DAYS if day not in week]:
        raise SettingsError(f"{where}: {', '.join(missing)} is missing; write closed if it is")
    return tuple(week[day] for day in _DAYS)


def _span(days: str, where: str) -> tuple[str, ...]:
    first, _, last = ("mon-sun" if days == "daily" else days).partition("-")
    if first not in _DAYS or (last or first) not in _DAYS:
        raise SettingsError(f"{where}: write mon ... sun, as mon-fri, or daily")
    return _DAYS[_DAYS.index(first) : _DAYS.index(last or first) + 1]


def _cap(written: object, where: str) -> Cap:
    values = _mapping(written, where)
    _known(values, {"texts", "hours"}, where)
    numbers = [values.get("texts"), values.get("hours")]
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        raise SettingsError(f"{where}: write whole numbers, as {{texts: 3, hours: 24}}")
    return Cap(*cast("list[int]", numbers))


def parse_zone(written: object, where: str) -> str:
    """A zone's name, as of the tz database.

    Args:
        written: as it stands in the file, or was typed.
        where: that is, for what an error says.

    Raises:
        SettingsError: there is no such zone.
    """
    try:
        return ZoneInfo(str(written)).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"{where}: there is no zone {written!r}; write one as America/New_York"
        ) from error


def read_holidays(path: Path = RULES / HOLIDAYS) -> Holidays:
    """The holidays in a file.

    Args:
        path: of the file.

    Raises:
        SettingsError: with the place in the file and what to write there.
    """
    content = _load(path)
    _known(content, {"rules", "dated", "days", "source", "verified"}, path.name)
    yearly = list(_yearly(content.get("rules"), path.name))
    days: dict[date, frozenset[str]] = {}
    for number, one in enumerate(_list(content.get("days", []), f"{path.name}, days"), start=1):
        where = f"{path.name}, days, {number}"
        written = _mapping(one, where)
        _known(written, {"date", "name", "states"}, where)
        day = _date(written.get("date"), f"{where}.date")
        if day in days:
            raise SettingsError(f"{where}: {day} stands twice; name all its states in one line")
        days[day] = frozenset(_list(written.get("states", []), f"{where}.states"))
    by_rule = Holidays(yearly)
    for year, listed in _mapping(content.get("dated"), f"{path.name}, dated").items():
        found = [f"{day:%m-%d}" for day in by_rule.everywhere(int(year))]
        if differing := sorted(set(found) ^ set(_list(listed, f"{path.name}, dated, {year}"))):
            raise SettingsError(
                f"{path.name}, dated, {year}: rules and list differ in {', '.join(differing)}"
            )
    return Holidays(yearly, days)


def _yearly(rows: object, name: str) -> Iterator[Holiday]:
    for number, row in enumerate(_list(rows, f"{name}, rules"), start=1):
        where = f"{name}, rules, {number}"
        written = dict(_mapping(row, where))
        weekday = written.pop("weekday", None)
        if (weekday is None) == ("day" not in written) or (weekday or "mon") not in _DAYS:
            raise SettingsError(f"{where}: write 'day', or 'weekday' (mon ... sun) and 'nth'")
        written["states"] = frozenset(written.get("states", []))
        if weekday is not None:
            written["weekday"] = _DAYS.index(weekday)
        try:
            yield Holiday(**written)
        except TypeError as error:
            raise SettingsError(f"{where}: {error}") from error


def _load(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path.name} cannot be read: {error}") from error
    return _mapping(content, path.name)


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where}: expected lines of 'key: value' here")
    return {str(name): entry for name, entry in value.items()}


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise SettingsError(f"{where}: expected a list")
    return value


def _known(written: Mapping[str, Any], names: set[str], where: str) -> None:
    for name in written:
        if name not in names:
            raise SettingsError(
                f"{where}: there is no key '{name}' (known: {', '.join(sorted(names))})"
            )


def _date(value: object, where: str) -> date:
    if type(value) is not date:
        raise SettingsError(f"{where}: write a date as 2026-10-18")
    return value
