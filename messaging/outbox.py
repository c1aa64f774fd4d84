"""Texts to be sent, as rows: put in here by whoever has something to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.types.json import Jsonb

from database.pool import Connection
from messaging.lanes import Lane
from messaging.media import Attachment
from messaging.segments import fit, segment_count

VALIDITY = {
    "reply": timedelta(hours=1),
    "failure": timedelta(hours=1),
    "notice": timedelta(hours=12),
    "expiry": timedelta(hours=1),
    "delay": timedelta(minutes=10),
}
"""How long a text of each kind is worth sending; after that it fails as expired."""


@dataclass(frozen=True, slots=True)
class NewText:
    """A text to be sent.

    Attributes:
        id: ours, and the vendor's reference where it has a field for one.
        turn_id: the turn that it answers, if it answers one.
        position: its place among the replies of the turn.
        kind: ``reply``, ``failure``, ``notice``, ``expiry`` or ``delay``.
        lane: its urgency.
        part: its place among the ``parts`` of a text that was too long for one request.
        media: files that go with it.
        trace: W3C traceparent of what it answers, where traces are kept.
    """

    id: UUID
    conversation_id: UUID
    gateway: str
    sender: str
    recipient: str
    body: str
    kind: str
    created_at: datetime
    turn_id: UUID | None = None
    position: int = 0
    lane: Lane = Lane.REPLY
    part: int = 1
    parts: int = 1
    media: tuple[Attachment, ...] = ()
    trace: str | None = None


INSERT = """
INSERT INTO outbound_text (id, conversation_id, turn_id, position, kind, lane, part, parts, gateway,
    sender, recipient, body, media, segments, trace, created_at, next_attempt_at, expires_at,
    updated_at)
VALUES (%(id)s, %(conversation_id)s, %(turn_id)s, %(position)s, %(kind)s, %(lane)s, %(part)s,
    %(parts)s, %(gateway)s, %(sender)s, %(recipient)s, %(body)s, %(media)s, %(segments)s,
    %(trace)s, %(created_at)s, now(), now() + %(validity)s, %(created_at)s)
"""


async def enqueue(connection: Connection, texts: Sequence[NewText]) -> None:
    """Put texts into the outbox, in order; within the caller's transaction.

    Args:
        connection: in a transaction, so that the texts exist only if all else does.
        texts: to be sent.
    """
    for text in texts:
        await connection.execute(
            INSERT,
            {
                "id": text.id,
                "conversation_id": text.conversation_id,
                "turn_id": text.turn_id,
                "position": text.position,
                "kind": text.kind,
                "gateway": text.gateway,
                "sender": text.sender,
                "recipient": text.recipient,
                "body": text.body,
                "lane": int(text.lane),
                "part": text.part,
                "parts": text.parts,
                "media": Jsonb([file.as_json() for file in text.media]),
                "segments": 1 if text.media else segment_count(text.body),
                "trace": text.trace,
                "created_at": text.created_at,
                "validity": VALIDITY[text.kind],
            },
        )
    if texts:
        await connection.execute("SELECT pg_notify('linnet_outbox', '')")


def bodies(text: str, longest: int) -> list[str]:
    """A reply as one or more bodies that the gateway takes; an empty one is none at all.

    Args:
        text: what is to be read.
        longest: characters that the gateway takes in one request.
    """
    text = text.strip()
    return fit(text, longest) if text else []


CONVERSATION = """
INSERT INTO conversation (id, gateway, number, phone, created_at)
VALUES (%(id)s, %(gateway)s, %(number)s, %(phone)s, %(now)s)
ON CONFLICT (number, phone) DO UPDATE SET gateway = EXCLUDED.gateway
RETURNING id, opted_out_at IS NOT NULL OR unreachable_code IS NOT NULL AS suppressed
"""


async def enqueue_notice(
    connection: Connection,
    *,
    id: UUID,
    conversation_id: UUID,
    gateway: str,
    number: str,
    phone: str,
    body: str,
    now: datetime,
    lane: Lane = Lane.REMINDER,
) -> bool:
    """Put a one-off text into the outbox, unless the phone opted out.

    Args:
        connection: to the database.
        id: of the new text.
        conversation_id: of the conversation, should it be the first with this phone.
        gateway: that carries it.
        number: of ours that it leaves from.
        phone: the customer's, E.164.
        body: what to say.
        now: the time, UTC.
        lane: its urgency.

    Returns:
        False where the customer opted out, or the phone gets no texts; nothing is sent then.
    """
    async with connection.transaction():
        row = await (
            await connection.execute(
                CONVERSATION,
                {
                    "id": conversation_id,
                    "gateway": gateway,
                    "number": number,
                    "phone": phone,
                    "now": now,
                },
            )
        ).fetchone()
        assert row is not None  # noqa: S101  the statement always returns a row
        if row["suppressed"]:
            return False
        text = NewText(
            id=id,
            conversation_id=row["id"],
            gateway=gateway,
            sender=number,
            recipient=phone,
            body=body,
            kind="notice",
            lane=lane,
            created_at=now,
        )
        await enqueue(connection, [text])
    return True
