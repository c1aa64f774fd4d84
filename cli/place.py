"""``linnet place``: where a customer is, beyond what the number tells."""

from __future__ import annotations

import re

import psycopg
from psycopg.rows import dict_row
from rich.console import Console

from cli.failure import Failure
from messaging.area_codes import KnownPlace, Source, is_state, place_of
from messaging.clock import SystemClock
from messaging.phone_places import known_place, set_place
from messaging.rule_files import parse_zone


async def place(
    *,
    url: str,
    phone: str,
    source: str,
    state: str | None,
    zone: str | None,
    console: Console,
) -> None:
    """Keep where a customer is, and show what counts from now on.

    Args:
        url: of the database.
        phone: E.164.
        source: who says so: ``address``, ``stated`` or ``crm``; the better one counts.
        state: two letters.
        zone: of the tz database.
        console: where it is shown.

    Raises:
        Failure: one of these is none.
        SettingsError: there is no such zone.
    """
    if not re.fullmatch(r"\+[1-9]\d{6,14}", phone):
        raise Failure(f"{phone} is not a number like +12125550100.")
    if source not in {one.value for one in Source}:
        raise Failure(f"--source is {', '.join(Source)}, not {source}.")
    if state is None and zone is None:
        raise Failure("Say --state, --zone or both.")
    if state is not None and not is_state(state):
        raise Failure(f"{state} is not a state like NY.")
    said = KnownPlace(Source(source), zone and parse_zone(zone, "--zone"), state)
    async with await psycopg.AsyncConnection.connect(
        url, autocommit=True, row_factory=dict_row
    ) as connection:
        await set_place(connection, phone, said, SystemClock().now())
        found = place_of(phone, await known_place(connection, phone))
    states = ", ".join(name for name, _ in found.states) or "no state"
    console.print(
        f"{phone}: {states}; {', '.join(found.zones)}; by {found.evidence}",
        highlight=False,
        soft_wrap=True,
    )
