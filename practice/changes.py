"""Every change is made once, whatever is repeated, and stays on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from psycopg.types.json import Jsonb

from database.pool import Connection
from practice.errors import KeyReused
from practice.records import Appointment, from_json, to_json


async def once(
    connection: Connection,
    key: str,
    kind: str,
    *,
    phone: str,
    now: datetime,
    make: Callable[[], Awaitable[Appointment]],
) -> Appointment:
    """Make a change in one transaction with its key, or give the result of when it was made.

    A second transaction with the same key waits for the first one: it then finds the result or,
    when the first one failed, makes the change itself.

    Args:
        connection: to write with.
        key: of the change; a repeated key changes nothing.
        kind: ``book``, ``confirm``, ``reschedule``, ``cancel``, ``kept`` or ``missed``.
        phone: whose appointment it is.
        now: aware.
        make: makes the change with the same connection; what it raises undoes everything.

    Raises:
        KeyReused: the key stands for a change of another kind or phone.
    """
    async with connection.transaction():
        claimed = await connection.execute(
            """
            INSERT INTO practice_change (key, kind, created_at)
            VALUES (%(key)s, %(kind)s, %(now)s)
            ON CONFLICT (key) DO NOTHING
            """,
            {"key": key, "kind": kind, "now": now},
        )
        if claimed.rowcount == 0:
            return await _stored(connection, key, kind, phone)
        appointment = await make()
        await connection.execute(
            """
            UPDATE practice_change SET appointment_id = %(id)s, result = %(result)s
            WHERE key = %(key)s
            """,
            {"key": key, "id": appointment.id, "result": Jsonb(to_json(appointment))},
        )
        return appointment


async def _stored(connection: Connection, key: str, kind: str, phone: str) -> Appointment:
    found = await connection.execute(
        "SELECT kind, result FROM practice_change WHERE key = %(key)s", {"key": key}
    )
    row = await found.fetchone()
    if row is None:  # it was there a moment ago, and changes are never deleted
        raise AssertionError
    appointment = from_json(row["result"])
    if row["kind"] != kind or appointment.phone != phone:
        raise KeyReused(f"the key {key!r} stands for {row['kind']} {appointment.reference}")
    return appointment
