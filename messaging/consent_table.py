"""The ledger of consent in SQL: appended to, read, verified, redacted; never changed otherwise.

Who appends locks the one row that notes the end of the ledger, so entries have one order without
gaps. That row is locked last of all that a transaction locks, and briefly; entries are rare.
Words are sealed in the table; the chain is over them as they were said.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from database.encryption import cipher
from database.pool import Connection
from messaging.consent import ConsentEvent, Direction, Method, silenced
from messaging.consent_chain import PERSONAL, ChainCheck, Entry, commit, digest
from messaging.suppression import suppressions_of

SALT_BYTES = 32

SEALED = frozenset({"body", "disclosure", "source", "ip", "user_agent", "subject"})
"""Columns with words of people."""

_NAMES = [one.name for one in fields(ConsentEvent)]
_COLUMNS = ["id", *_NAMES, "proof", "disclosure_version", "salt", "commitment", "hash"]
_OWN = frozenset({"id", "salt", "commitment", "hash"})

END = "SELECT last_id, hash FROM consent_chain FOR UPDATE"
NEW_END = "UPDATE consent_chain SET last_id = %(id)s, hash = %(hash)s"
APPEND = f"""
INSERT INTO consent_event ({", ".join(_COLUMNS)})
VALUES ({", ".join(f"%({name})s" for name in _COLUMNS)})
"""
OF_PHONES = """
SELECT * FROM consent_event WHERE phone = ANY(%(phones)s) ORDER BY id
"""
REDACT = f"""
UPDATE consent_event SET {", ".join(f"{name} = NULL" for name in sorted(PERSONAL))}, salt = NULL
WHERE phone = %(phone)s
"""
PAGE = """
SELECT * FROM consent_event WHERE id > %(after)s AND (%(phone)s::text IS NULL OR phone = %(phone)s)
ORDER BY id LIMIT 1000
"""
FAST_STATES = """
SELECT id, number, phone, created_at, opted_out_at IS NOT NULL AS opted_out FROM conversation
WHERE id > %(after)s AND (opted_out_at IS NOT NULL
    OR EXISTS (SELECT FROM consent_event WHERE phone = conversation.phone))
ORDER BY id LIMIT 1000
"""


async def append(connection: Connection, events: Sequence[ConsentEvent]) -> None:
    """Put events behind the last one, within the caller's transaction.

    Whatever else the transaction locks, it locks before this.

    Args:
        connection: in the transaction that does what the events say.
        events: in order.
    """
    if not events:
        return
    end = await (await connection.execute(END)).fetchone()
    assert end is not None  # noqa: S101  the migration puts it there
    id, head = end["last_id"], end["hash"]
    for event in events:
        content = event.content()
        salt = secrets.token_bytes(SALT_BYTES)
        commitment = commit(salt, content)
        id, head = id + 1, digest(head, id + 1, content, commitment)
        row = {**dict.fromkeys(_COLUMNS), **_sealed(content), "id": id, "hash": head}
        await connection.execute(APPEND, row | {"salt": salt, "commitment": commitment})
    await connection.execute(NEW_END, {"id": id, "hash": head})


async def events_of(
    connection: Connection, phones: Sequence[str]
) -> Mapping[str, Sequence[ConsentEvent]]:
    """The events of each of some phones, in order; what is left of those that were erased first.

    Args:
        connection: to the database.
        phones: E.164; each is a key of the result.

    Raises:
        SettingsError: somebody who was erased may be among them, and the key is missing by
            which that is seen.
    """
    found: dict[str, list[ConsentEvent]] = {phone: [] for phone in phones}
    for phone, event in (await suppressions_of(connection, phones)).items():
        found[phone].append(event)
    cursor = await connection.execute(OF_PHONES, {"phones": list(phones)})
    for row in await cursor.fetchall():
        found[row["phone"]].append(_event(row))
    return found


async def redact(connection: Connection, phone: str) -> int:
    """Take all that is personal out of a phone's entries, for ever; the chain stays whole.

    What the phone does not want is lost with it; ``messaging/suppression.py`` keeps that.

    Args:
        connection: in a transaction.
        phone: E.164.

    Returns:
        How many entries there were.
    """
    return (await connection.execute(REDACT, {"phone": phone})).rowcount


async def end_locked(connection: Connection) -> None:
    """Let nobody append until the caller's transaction ends; locked last of all.

    Args:
        connection: in a transaction.
    """
    await connection.execute(END)


async def entries(connection: Connection, phone: str | None = None) -> AsyncIterator[Entry]:
    """The ledger from its beginning, some rows at a time.

    Args:
        connection: in a transaction that is repeatable, so that it is one ledger.
        phone: only of this one.
    """
    after = 0
    while True:
        cursor = await connection.execute(PAGE, {"after": after, "phone": phone})
        rows = await cursor.fetchall()
        for row in rows:
            after = row["id"]
            content = {
                name: value
                for name, value in _unsealed(row).items()
                if name not in _OWN and value is not None
            }
            yield Entry(row["id"], content, row["commitment"], row["salt"], row["hash"])
        if not rows:
            return


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the whole ledger found.

    Attributes:
        entries: how many there are.
        head: the hash of the last one; written down elsewhere, it proves all before it.
        faults: what is wrong, a sentence each.
    """

    entries: int
    head: bytes
    faults: Sequence[str]


async def verify(connection: Connection, noted: tuple[int, bytes] | None = None) -> Verdict:
    """Check the chain, and whether conversations are opted out as the ledger says.

    Args:
        connection: not in a transaction.
        noted: the place and hash of an entry, as somebody wrote them down at another time.
    """
    check, found = ChainCheck(), noted is None or noted[0] == 0
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        async for entry in entries(connection):
            check.add(entry)
            found = found or (entry.id, entry.hash) == noted
        end = await (await connection.execute(END.removesuffix("FOR UPDATE"))).fetchone()
        if end is None:
            check.faults.append("the note of the ledger's end is gone")
        else:
            check.end(end["last_id"], end["hash"])
        if noted is not None and not found:
            check.faults.append(f"entry {noted[0]} does not have the hash that was noted")
        check.faults += [fault async for fault in _differences(connection)]
    return Verdict(check.last, check.hash, check.faults)


async def _differences(connection: Connection) -> AsyncIterator[str]:
    """Conversations whose own word for it is not what the ledger says."""
    after: Any = "00000000-0000-0000-0000-000000000000"
    while True:
        talks = await (await connection.execute(FAST_STATES, {"after": after})).fetchall()
        if not talks:
            return
        events = await events_of(connection, [talk["phone"] for talk in talks])
        for talk in talks:
            after = talk["id"]
            said = silenced(events[talk["phone"]], talk["number"], talk["created_at"])
            if said != talk["opted_out"]:
                says = ("in", "out") if talk["opted_out"] else ("out", "in")
                yield f"conversation {after} is opted {says[1]}, the ledger says opted {says[0]}"


def _event(row: Mapping[str, Any]) -> ConsentEvent:
    whole = _unsealed(row)
    known = {name: whole[name] for name in _NAMES}
    return ConsentEvent(
        **{
            **known,
            "direction": Direction(row["direction"]),
            "method": Method(row["method"]),
        }
    )


def _sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: cipher().seal(value, f"consent_event.{name}") if name in SEALED else value
        for name, value in content.items()
    }


def _unsealed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: cipher().unseal(value, f"consent_event.{name}")
        if name in SEALED and value is not None
        else value
        for name, value in row.items()
    }
