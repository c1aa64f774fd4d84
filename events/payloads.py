"""What an endpoint is told of an event.

An event holds ids; words, names and numbers are read here, when it is delivered, and only those
that the endpoint is to get go into the payload (requirement R155). What was erased meanwhile is
not told any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from database.encryption import cipher
from database.pool import Connection
from events.types import TYPES
from messaging.lanes import Lane
from messaging.masking import mask_number
from messaging.sealed import INBOUND_BODY, OUTBOUND_BODY
from practice.records import SELECT as APPOINTMENTS
from practice.records import from_row

ROWS = {
    "inbound_text": """
SELECT text.id::text, text.conversation_id::text, 'in' AS direction, text.gateway, talk.number,
    talk.phone, text.body, jsonb_array_length(text.media) AS files
FROM inbound_text AS text JOIN conversation AS talk ON talk.id = text.conversation_id
WHERE text.id = %(id)s::bigint
""",
    "outbound_text": """
SELECT id::text, conversation_id::text, 'out' AS direction, gateway, sender AS number,
    recipient AS phone, body, jsonb_array_length(media) AS files, kind, lane, segments, part, parts
FROM outbound_text WHERE id = %(id)s::uuid
""",
    "consent_event": """
SELECT id::text, phone, number, scope, method, proof, captured_at, body
FROM consent_event WHERE id = %(id)s::bigint
""",
    "conversation": """
SELECT id::text AS conversation_id, gateway, number, phone
FROM conversation WHERE id = %(id)s::uuid
""",
}
BODIES = {"inbound_text": INBOUND_BODY, "outbound_text": OUTBOUND_BODY}
"""What words are encrypted for, by table."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Something that happened, as it is stored.

    Attributes:
        id: the receiver's key against doing it twice.
        type: one of ``events.types.TYPES``.
        at: when, UTC.
        source: the table of what it is about.
        source_id: the row.
        facts: fields of the data that were kept with it.
    """

    id: UUID
    type: str
    at: datetime
    source: str
    source_id: str
    facts: Mapping[str, Any]


async def data_of(connection: Connection, event: StoredEvent) -> dict[str, Any] | None:
    """All fields of an event's data; None where what it is about is gone.

    Args:
        connection: to the database.
        event: that is told.
    """
    if event.source == "appointment":
        found = await _appointment(connection, event.source_id)
    else:
        found = await _row(connection, event)
    if found is None:
        return None
    told = found | dict(event.facts)
    return {field: told.get(field) for field in TYPES[event.type]}


async def _row(connection: Connection, event: StoredEvent) -> dict[str, Any] | None:
    cursor = await connection.execute(ROWS[event.source], {"id": event.source_id})
    row = await cursor.fetchone()
    if row is None or row["phone"] is None:  # of an entry of the ledger that was redacted
        return None
    if event.source in BODIES:
        row["body"] = cipher().unseal(row["body"], BODIES[event.source])
    if "lane" in row:
        row["lane"] = Lane(row["lane"]).name.lower()
    if row.get("captured_at") is not None:
        row["captured_at"] = iso(row["captured_at"])
    return row


async def _appointment(connection: Connection, id: str) -> dict[str, Any] | None:
    cursor = await connection.execute(
        f"{APPOINTMENTS} WHERE appointment.id = %(id)s::bigint", {"id": id}
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    appointment = from_row(row)
    return {
        "id": str(appointment.id),
        "reference": appointment.reference,
        "phone": appointment.phone,
        "name": appointment.customer_name,
        "service": appointment.service.key,
        "timezone": appointment.location.timezone,
    }


def suits(data: Mapping[str, Any], conditions: Mapping[str, str]) -> bool:
    """Whether the data are what an endpoint wants; a field that a type lacks suits nobody.

    Args:
        data: all fields of an event.
        conditions: the values that some of them must have, as they are written in a command.
    """
    return all(_written(data.get(field)) == value for field, value in conditions.items())


def _written(value: object) -> str | None:
    return None if value is None else str(value)


def minimised(data: Mapping[str, Any], includes: frozenset[str]) -> dict[str, Any]:
    """The data without what an endpoint is not to know of people; its fields stay.

    Args:
        data: all fields of an event.
        includes: of ``body``, ``name`` and ``phone``, what it is told. A phone that it is not
            told is masked, so that people can tell two apart.
    """
    hidden: dict[str, str | None] = {field: None for field in ("body", "name") if field in data}
    if "phone" in data:
        hidden["phone"] = mask_number(data["phone"])
    return dict(data) | {field: value for field, value in hidden.items() if field not in includes}


def envelope(id: str, type: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    """The body of a request, as Standard Webhooks 1.0.0 proposes, and the event's id.

    Args:
        id: of the event.
        type: of the event.
        at: when it happened.
        data: what the endpoint is told.
    """
    payload = {"type": type, "timestamp": iso(at), "id": id, "data": data}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def iso(at: datetime) -> str:
    """A time as all payloads have it: UTC, with a Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
