"""Seals what is stored anew with the newest key, while everything else goes on.

A column is walked by its primary key in small batches. Each value is compared and swapped, and a
row that somebody holds is passed over, so nothing waits for this, no newer value is overwritten,
and what was passed over is met on the next walk. Nothing is noted about progress: a value tells
the key that it is sealed with, so whoever starts again goes on with what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from psycopg.types.json import Jsonb

from database.encryption import SEALED, Cipher
from database.pool import Connection
from messaging.errors import Unreadable

WALKS = 5
"""How often a column is walked at most: after the first, only for what somebody held."""

HEAD = 48
"""Characters of a value in which its key's id ends."""

PLAIN = "plain"
"""Stands for the key's id where a value is not sealed."""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column whose values are sealed.

    Attributes:
        table: its table.
        name: the column's.
        keys: the primary key, with its types.
        form: what it holds; values of ``json`` are objects with a member ``sealed``.
        readable: members that stand beside ``sealed``.
        batch: values at a time.
    """

    table: str
    name: str
    keys: Mapping[str, str]
    form: Literal["text", "bytea", "jsonb"] = "text"
    readable: tuple[str, ...] = ()
    batch: int = 200

    @property
    def purpose(self) -> str:
        """What its values are sealed for."""
        return f"{self.table}.{self.name}"

    @property
    def _head(self) -> str:
        """The beginning of a value, in SQL; empty where it is a plain jsonb."""
        match self.form:
            case "text":
                return f"left({self.name}, {HEAD})"
            case "bytea":
                return f"encode(substring({self.name} FROM 1 FOR {HEAD}), 'escape')"
            case "jsonb":
                return f"coalesce(left({self.name} ->> 'sealed', {HEAD}), '')"

    @property
    def count(self) -> str:
        """How many values there are, by the id of their key."""
        sealed = f"{self._head} LIKE '{SEALED}%%'"
        return f"""
SELECT CASE WHEN {sealed} THEN split_part({self._head}, ':', 3) ELSE '{PLAIN}' END AS key_id,
    count(*) AS values
FROM {self.table} WHERE {self.name} IS NOT NULL GROUP BY 1
"""

    def page(self, *, first: bool) -> str:
        """The next rows; without their value where it is sealed with the newest key."""
        names = ", ".join(self.keys)
        after = "" if first else f"AND ({names}) > ({', '.join(f'%({key})s' for key in self.keys)})"
        return f"""
SELECT {names}, CASE WHEN NOT starts_with({self._head}, %(newest)s) THEN {self.name} END AS value
FROM {self.table} WHERE {self.name} IS NOT NULL {after} ORDER BY {names} LIMIT {self.batch}
"""

    @property
    def swap(self) -> str:
        """Write values, where they are still the old ones and nobody holds the row."""
        given = ", ".join(f"%({key})s::{type}[]" for key, type in self.keys.items())
        names = ", ".join(self.keys)
        same = " AND ".join(f"own.{key} = free.{key}" for key in self.keys)
        return f"""
UPDATE {self.table} AS own SET {self.name} = free.new
FROM (SELECT {names}, given.new FROM {self.table} AS held
      JOIN unnest({given}, %(old)s::{self.form}[], %(new)s::{self.form}[])
          AS given ({names}, old, new) USING ({names})
      WHERE held.{self.name} = given.old FOR NO KEY UPDATE OF held SKIP LOCKED) AS free
WHERE {same}
"""

    def sealed(self, stored: Any, cipher: Cipher) -> Any:
        """A stored value, sealed with the newest key.

        Raises:
            Unreadable: it is sealed with a key that is not here, or was changed.
        """
        match self.form:
            case "text":
                return cipher.seal(cipher.unseal(stored, self.purpose), self.purpose)
            case "bytea":
                return cipher.seal_bytes(cipher.unseal_bytes(stored, self.purpose), self.purpose)
            case "jsonb":
                value = cipher.unseal_json(stored, self.purpose)
                readable = {name: value.get(name) for name in self.readable}
                return Jsonb(cipher.seal_json(value, self.purpose, readable))


RECIPIENT = {"campaign_id": "bigint", "phone": "text"}
COLUMNS = (
    SealedColumn("inbound_text", "body", {"id": "bigint"}),
    SealedColumn("outbound_text", "body", {"id": "uuid"}),
    SealedColumn("long_text", "body", {"token": "text"}),
    SealedColumn("conversation", "prompt_expired", {"id": "uuid"}),
    SealedColumn("conversation", "menu", {"id": "uuid"}, "jsonb"),
    SealedColumn(
        "tracker_event",
        "event",
        {"conversation_id": "uuid", "position": "integer"},
        "jsonb",
        readable=("timestamp",),
    ),
    SealedColumn("opening", "slots", {"outbound_id": "uuid"}, "jsonb"),
    SealedColumn("opening", "answers", {"outbound_id": "uuid"}, "jsonb"),
    SealedColumn("turn", "failure", {"id": "uuid"}, "jsonb", readable=("code", "staff")),
    SealedColumn("campaign_recipient", "variables", RECIPIENT, "jsonb"),
    SealedColumn("requested_reminder", "words", {"key": "text"}),
    SealedColumn("webhook_secret", "secret", {"id": "bigint"}),
    SealedColumn("media_file", "content", {"id": "uuid"}, "bytea", batch=4),
    *(
        SealedColumn("consent_event", name, {"id": "bigint"})
        for name in ("body", "disclosure", "source", "ip", "user_agent", "subject")
    ),
)
"""All columns that are sealed."""


@dataclass(slots=True)
class Rotation:
    """What came of sealing a column anew.

    Attributes:
        sealed: values that are sealed with the newest key now.
        held: values that somebody else was just writing on the last walk.
        unreadable: values that could not be read, by the reason.
    """

    sealed: int = 0
    held: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)


async def count(connection: Connection, column: SealedColumn) -> dict[str, int]:
    """How many values of a column there are, by the id of their key; ``plain`` for none.

    Args:
        connection: to the database.
        column: that is looked at.
    """
    rows = await (await connection.execute(column.count, {})).fetchall()
    return {row["key_id"]: row["values"] for row in rows}


async def rotate(
    connection: Connection,
    column: SealedColumn,
    cipher: Cipher,
    progress: Callable[[int], None] = lambda _: None,
) -> Rotation:
    """Seal everything in a column with the newest key.

    Args:
        connection: in autocommit mode.
        column: whose values are sealed.
        cipher: with the newest key and all that it takes to read what there is.
        progress: told after each batch how many values were looked at on this walk.
    """
    done = Rotation()
    for _ in range(WALKS):
        walk = await _walk(connection, column, cipher, progress)
        done.sealed += walk.sealed
        done.held, done.unreadable = walk.held, walk.unreadable
        if not walk.held:
            break
    return done


async def _walk(
    connection: Connection,
    column: SealedColumn,
    cipher: Cipher,
    progress: Callable[[int], None],
) -> Rotation:
    done, looked_at = Rotation(), 0
    values: dict[str, Any] = {"newest": f"{SEALED}{cipher.key_id}:"}
    rows: Sequence[Mapping[str, Any]] = ()
    while True:
        page = column.page(first=not rows)
        rows = await (await connection.execute(page, values)).fetchall()
        old = [row for row in rows if row["value"] is not None]
        if old:
            await _swap(connection, column, cipher, old, done)
        looked_at += len(rows)
        progress(looked_at)
        if len(rows) < column.batch:
            return done
        values |= {key: rows[-1][key] for key in column.keys}


async def _swap(
    connection: Connection,
    column: SealedColumn,
    cipher: Cipher,
    rows: Sequence[Mapping[str, Any]],
    done: Rotation,
) -> None:
    swaps = []
    for row in rows:
        try:
            swaps.append((row, column.sealed(row["value"], cipher)))
        except Unreadable as error:
            done.unreadable[error.detail] += 1
    given: dict[str, Any] = {key: [row[key] for row, _ in swaps] for key in column.keys}
    as_stored = Jsonb if column.form == "jsonb" else lambda value: value
    given["old"] = [as_stored(row["value"]) for row, _ in swaps]
    given["new"] = [new for _, new in swaps]
    swapped = (await connection.execute(column.swap, given)).rowcount
    done.sealed += swapped
    done.held += len(swaps) - swapped
