"""Tells programs elsewhere of something that a transaction does.

Most events are born in triggers (migration 0012), so that no code can forget them. What no row of
a table shows by itself is told here, by the same function of the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from psycopg.types.json import Jsonb

from database.pool import Connection
from events.types import TYPES

EMIT = "SELECT emit_event(%(type)s, %(source)s, %(source_id)s, %(order_key)s, %(facts)s)"
SOURCES = {"appointment": "appointment", "conversation": "conversation", "survey": "conversation"}
"""Which row an event is about, by the first word of its type."""


async def emit(
    connection: Connection, type: str, source_id: UUID | int, facts: Mapping[str, object]
) -> None:
    """Tell of something, if the caller's transaction is committed and an endpoint wants to know.

    Args:
        connection: in the transaction that does what is told.
        type: one of ``events.types.TYPES`` about an appointment, a conversation or a survey.
        source_id: of the appointment, or of the conversation.
        facts: further fields of the data. They are stored as they are, so neither words of a
            customer nor numbers belong in them.

    Raises:
        ValueError: there is no such type, or its data has no such field.
    """
    source = SOURCES.get(type.partition(".")[0])
    if type not in TYPES or source is None:
        raise ValueError(f"{type} is no type of event that can be told")
    if unknown := sorted(set(facts) - set(TYPES[type])):
        raise ValueError(f"the data of {type} has no field {unknown[0]}")
    key = f"appointment {source_id}" if source == "appointment" else str(source_id)
    await connection.execute(
        EMIT,
        {
            "type": type,
            "source": source,
            "source_id": str(source_id),
            "order_key": key,
            "facts": Jsonb(dict(facts)),
        },
    )
