"""``linnet consent``: the ledger of who wants our texts, for staff, auditors and courts."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console
from rich.table import Table

from cli.failure import Failure
from database.pool import make_pool
from messaging.consent import ALL, ConsentEvent, Direction, Method, Wanted, due_by, state_of
from messaging.consent_changes import record
from messaging.consent_table import entries, events_of, verify

PHONE = re.compile(r"\+[1-9]\d{6,14}")
SCOPE = re.compile(r"all|marketing|transactional|program/.+")
BY_STAFF = (Method.VERBAL, Method.EMAIL, Method.PAPER, Method.WEB)
IN_LISTS = tuple(method for method in Method if method is not Method.ERASURE)
"""All but what erasure itself leaves, which is never said and not in the ledger."""

OWN_COLUMNS = frozenset({"recorded_at", "number", "gateway", "request_id", "due_by", "source"})
"""What no list of others' can say."""

COLUMNS = tuple(one.name for one in fields(ConsentEvent) if one.name not in OWN_COLUMNS)
"""Of a list to import; only ``phone`` must be there."""

MAY = {Wanted.YES: "may", Wanted.ASKED: "may not yet", Wanted.NO: "may not"}


async def show(url: str, phone: str, now: datetime, console: Console) -> None:
    """Print what a phone has said about our texts, and what that comes to.

    Args:
        url: of the database.
        phone: E.164.
        now: the time, UTC.
        console: to print to.

    Raises:
        Failure: the number is no number.
    """
    _checked(phone)
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        events = (await events_of(connection, [phone]))[phone]
    if not events:
        console.print("Nothing is on record; texts about the phone's own business may go.")
        return
    table = Table("when", "what", "scope", "how", "proof", "recorded by", "words", box=None)
    for event in events:
        at = event.captured_at
        table.add_row(
            f"{at.astimezone():%Y-%m-%d %H:%M:%S}" if at else "unknown",
            event.direction,
            event.scope,
            event.method,
            event.proof,
            event.actor,
            event.body or event.disclosure or event.source or "",
        )
    console.print(table, highlight=False, markup=False)
    state = state_of(events, now)
    notices, marketing = MAY[state.notices], MAY[state.marketing]
    console.print(
        f"Notices {notices} be sent, marketing {marketing}.", highlight=False, soft_wrap=True
    )
    if Wanted.ASKED in {state.notices, state.marketing}:
        console.print("We asked whether no more texts are wanted, and there is no answer.")


async def check(url: str, noted: str, console: Console) -> None:
    """Verify the whole ledger, and that conversations agree with it.

    Args:
        url: of the database.
        noted: ``<entries>:<hash>`` as an earlier run printed it; empty for none.
        console: to print to.

    Raises:
        Failure: something was tampered with, or ``noted`` is written otherwise.
    """
    known = None
    if noted:
        match = re.fullmatch(r"(\d+):([0-9a-f]{64})", noted)
        if match is None:
            raise Failure(f"{noted} is not what `linnet consent verify` prints, like 12:9f86d0...")
        known = int(match[1]), bytes.fromhex(match[2])
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        verdict = await verify(connection, known)
    for fault in verdict.faults:
        console.print(fault, highlight=False, markup=False, soft_wrap=True)
    if verdict.faults:
        raise Failure(f"The ledger is not as it was written: {len(verdict.faults)} finding(s).")
    end = f"{verdict.entries}:{verdict.head.hex()}"
    console.print("All is as it was written. Keep this line elsewhere, for --noted:")
    console.print(end, highlight=False, soft_wrap=True)


async def export(url: str, phone: str, console: Console) -> None:
    """Print the ledger as JSON, one entry a line, each with its hash.

    Args:
        url: of the database.
        phone: only of this one; empty for all.
        console: to print to.
    """
    if phone:
        _checked(phone)
    async with (
        make_pool(url, max_size=1) as pool,
        pool.connection() as connection,
        connection.transaction(),
    ):
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        async for entry in entries(connection, phone or None):
            line = {"id": entry.id, **entry.content, "hash": entry.hash.hex()}
            console.out(json.dumps(line, default=_json), highlight=False)


async def load(url: str, file: Path, actor: str, now: datetime, console: Console) -> None:
    """Record consent from a list: all of its rows, or none.

    Args:
        url: of the database.
        file: CSV with a heading; docs/consent.md says which columns there are.
        actor: who does this.
        now: the time, UTC.
        console: told how many rows were proven.

    Raises:
        Failure: with the line that is wrong.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = csv.DictReader(opened)
            unknown = [name for name in rows.fieldnames or [] if name not in COLUMNS]
            if unknown or "phone" not in (rows.fieldnames or []):
                wrong = f"no column {unknown[0]}" if unknown else "a column phone"
                raise Failure(f"{file} needs {wrong}; columns are {', '.join(COLUMNS)}.")
            events = [
                _from_row(row, f"{file}, line {rows.line_num}", file.name, actor, now)
                for row in rows
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Failure(f"{file} cannot be read: {error}") from error
    await _record(url, events)
    unproven = sum(event.proof == "unproven" for event in events)
    console.print(
        f"{len(events)} recorded, {unproven} of them unproven: no marketing goes to those.",
        highlight=False,
        soft_wrap=True,
    )


async def write_down(url: str, event: ConsentEvent, console: Console) -> None:
    """Record what a customer said by voice, e-mail, letter or on a page; it counts at once.

    Args:
        url: of the database.
        event: as it was told; a revocation gets the date by which it must be honoured.
        console: told what was recorded.

    Raises:
        Failure: the number, scope, zone or method is none.
    """
    _checked(event.phone)
    _scope(event.scope)
    if event.method not in BY_STAFF:
        raise Failure(f"Say how: {', '.join(BY_STAFF)}.")
    asked = event.captured_at or event.recorded_at
    if event.direction is Direction.REVOKE:
        event = replace(event, due_by=due_by(asked.date()))
    await _record(url, [event])
    due = f"; it had to be honoured by {event.due_by}" if event.due_by else ""
    console.print(
        f"Recorded as {event.direction}, {event.proof}, and in force now{due}.",
        highlight=False,
        soft_wrap=True,
    )


async def _record(url: str, events: list[ConsentEvent]) -> None:
    async with (
        make_pool(url, max_size=1) as pool,
        pool.connection() as connection,
        connection.transaction(),
    ):
        await record(connection, events)


def _from_row(
    row: Mapping[str, str | None], where: str, source: str, actor: str, now: datetime
) -> ConsentEvent:
    given: dict[str, Any] = {
        name: value.strip() for name, value in row.items() if value and value.strip()
    }
    try:
        moment = (
            datetime.fromisoformat(given.pop("captured_at")) if "captured_at" in given else None
        )
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(given.get("zone", "UTC")))
        free = given.pop("not_condition_of_purchase", None)
        return ConsentEvent(
            phone=_checked(given.pop("phone", "")),
            direction=Direction(given.pop("direction", "grant")),
            scope=_scope(given.pop("scope", ALL)),
            method=_method(given.pop("method", Method.IMPORT)),
            actor=given.pop("actor", actor),
            recorded_at=now,
            captured_at=moment.astimezone(UTC) if moment else None,
            source=source,
            not_condition_of_purchase=None if free is None else free.lower() in {"true", "yes"},
            **given,
        )
    except (ValueError, ZoneInfoNotFoundError, Failure) as error:
        raise Failure(f"{where}: {error}") from None


def _checked(phone: str) -> str:
    if not PHONE.fullmatch(phone):
        raise Failure(f"{phone or 'nothing'} is not a number like +12125550100.")
    return phone


def _method(method: str) -> Method:
    if method not in IN_LISTS:
        raise Failure(f"{method} is no method; use one of {', '.join(IN_LISTS)}.")
    return Method(method)


def _scope(scope: str) -> str:
    if not SCOPE.fullmatch(scope):
        raise Failure(f"{scope} is not all, marketing, transactional or program/<name>.")
    return scope


def _json(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
