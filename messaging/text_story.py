"""The life of one text of ours, from its making to its present state, for whoever asks why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from database.encryption import cipher
from database.pool import Connection
from messaging.lanes import Lane
from messaging.sealed import OUTBOUND_BODY


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a text.

    Attributes:
        at: when, UTC.
        what: a word or two with hyphens: ``created``, ``accepted``, ``receipt``, or an event's.
        code: the vendor's or ours, if there is one.
        detail: a sentence for engineers, or nothing.
    """

    at: datetime
    what: str
    code: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Story:
    """A text of ours and what happened to it.

    Attributes:
        body: what it says.
        moments: in the order in which they happened.
        next_attempt_at: when it is sent, while it is pending.
    """

    id: UUID
    kind: str
    lane: Lane
    gateway: str
    sender: str
    recipient: str
    body: str
    segments: int
    part: int
    parts: int
    state: str
    code: str | None
    staff: str | None
    attempts: int
    resends: int
    next_attempt_at: datetime
    expires_at: datetime
    moments: tuple[Moment, ...]


TEXT = """
SELECT id, kind, lane, gateway, sender, recipient, body, segments, part, parts, state,
    error_code AS code, error_staff AS staff, attempts, resends, next_attempt_at, expires_at,
    created_at, first_attempt_at, accepted_at, vendor_id
FROM outbound_text WHERE id = %(id)s
"""
EVENTS = "SELECT at, kind, code, detail FROM text_event WHERE outbound_id = %(id)s ORDER BY id"
RECEIPTS = """
SELECT received_at, vendor_id, vendor_status, status, code FROM receipt
WHERE outbound_id = %(id)s ORDER BY id
"""
_MOMENTS = ("created_at", "first_attempt_at", "accepted_at", "vendor_id")


async def read_story(connection: Connection, id: UUID) -> Story | None:
    """Everything that is known of a text; None where there is no such text.

    Args:
        connection: to the database.
        id: of the text.

    Raises:
        Unreadable: what it says is sealed and cannot be read.
    """
    text = await (await connection.execute(TEXT, {"id": id})).fetchone()
    if text is None:
        return None
    events = await (await connection.execute(EVENTS, {"id": id})).fetchall()
    receipts = await (await connection.execute(RECEIPTS, {"id": id})).fetchall()
    told = {name: value for name, value in text.items() if name not in _MOMENTS}
    told["body"] = cipher().unseal(text["body"], OUTBOUND_BODY)
    moments = tuple(timeline(text, events, receipts))
    return Story(**told | {"lane": Lane(text["lane"]), "moments": moments})


def timeline(
    text: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    receipts: Sequence[Mapping[str, Any]],
) -> list[Moment]:
    """What happened to a text, in order.

    Args:
        text: its row.
        events: of the text, in the order in which they were written.
        receipts: of the text, in the order in which they came.
    """
    moments = [Moment(text["created_at"], "created", None, "")]
    if text["first_attempt_at"] is not None:
        moments.append(Moment(text["first_attempt_at"], "first-request", None, ""))
    moments += [Moment(row["at"], row["kind"], row["code"], row["detail"]) for row in events]
    if text["accepted_at"] is not None:
        moments.append(Moment(text["accepted_at"], "accepted", None, f"as {text['vendor_id']}"))
    moments += [
        Moment(
            row["received_at"],
            "receipt",
            row["code"],
            f"{row['vendor_status']} of {row['vendor_id']}: {row['status']}",
        )
        for row in receipts
    ]
    return sorted(moments, key=lambda moment: moment.at)
