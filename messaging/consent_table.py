"""The ledger of consent in SQL: appended to, read, verified; never changed.

Who appends locks the one row that notes the end of the ledger, so entries have one order without
gaps. That row is locked last of all that a transaction locks, and briefly; entries are rare.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from database.pool import Connection
from messaging.consent import ChainCheck, ConsentEvent, Direction, Entry, Method, digest, silenced

_NAMES = [one.name for one in fields(ConsentEvent)]
_COLUMNS = ["id", *_NAMES, "proof", "disclosure_version", "hash"]

END = "SELECT last_id, hash FROM consent_chain FOR UPDATE"
NEW_END = "UPDATE consent_chain SET last_id = %(id)s, hash = %(hash)s"
APPEND = f"""
INSERT INTO consent_event ({", ".join(_COLUMNS)})
VALUES ({", ".join(f"%({name})s" for name in _COLUMNS)})
"""
OF_PHONES = """
SELECT * FROM consent_event WHERE phone = ANY(%(phones)s) ORDER BY id
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
        id, head = id + 1, digest(head, id + 1, content)
        row = {**dict.fromkeys(_COLUMNS), **content, "id": id, "hash": head}
        await connection.execute(APPEND, row)
    await connection.execute(NEW_END, {"id": id, "hash": head})


async def events_of(
    connection: Connection, phones: Sequence[str]
) -> Mapping[str, Sequence[ConsentEvent]]:
    """The events of each of some phones, in order.

    Args:
        connection: to the database.
        phones: E.164; each is a key of the result.
    """
    found: dict[str, list[ConsentEvent]] = {phone: [] for phone in phones}
    cursor = await connection.execute(OF_PHONES, {"phones": list(phones)})
    for row in await cursor.fetchall():
        found[row["phone"]].append(_event(row))
    return found


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
                for name, value in row.items()
                if name not in {"id", "hash"} and value is not None
            }
            yield Entry(row["id"], content, row["hash"])
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
    known = {name: row[name] for name in _NAMES}
    return ConsentEvent(
        **{
            **known,
            "direction": Direction(row["direction"]),
            "method": Method(row["method"]),
        }
    )
