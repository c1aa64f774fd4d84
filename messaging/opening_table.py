"""Openings in SQL: kept with their text, given to one turn, taken up when that turn is answered.

An opening is given to the first turn whose first text came behind the text that began the
conversation; the row then names the turn, so each attempt at it is given the same. Only what the
customer can have counts: nothing whose text, or one of whose parts, waits or has failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from database.encryption import cipher
from database.pool import Connection
from messaging.openings import Begun, Opening
from messaging.sealed import ANSWERS, OUTBOUND_BODY, SLOTS

KEEP = """
INSERT INTO opening (outbound_id, text_ids, recipient, expires_at, slots, answers)
VALUES (%(outbound_id)s, %(text_ids)s, %(recipient)s, %(expires_at)s, %(slots)s, %(answers)s)
"""

# The new ones first, which the outer statement still sees as they were before. Those of an
# abandoned turn have its id already; those whose answers still count were taken up by another.
GIVE = """
WITH given AS (
    UPDATE opening SET turn_id = %(turn_id)s FROM outbound_text AS text
    WHERE opening.recipient = %(phone)s AND opening.answers_closed_at IS NULL
        AND opening.turn_id IS NULL AND opening.expires_at > %(received_at)s
        AND text.id = opening.outbound_id AND text.conversation_id = %(conversation_id)s
        AND text.first_attempt_at <= %(received_at)s AND %(new)s
        AND NOT EXISTS (SELECT FROM outbound_text AS part
            WHERE part.id = ANY(opening.text_ids) AND part.state IN ('pending', 'failed'))
    RETURNING opening.outbound_id
)
SELECT opening.outbound_id AS text_id, opening.expires_at, opening.slots, opening.answers,
    opening.taken_up_at IS NOT NULL AS told, coalesce(text.first_attempt_at, text.created_at) AS at,
    ARRAY(SELECT part.body FROM outbound_text AS part
        WHERE part.id = ANY(opening.text_ids) ORDER BY part.part) AS bodies
FROM opening JOIN outbound_text AS text ON text.id = opening.outbound_id
WHERE opening.recipient = %(phone)s AND opening.answers_closed_at IS NULL
    AND text.conversation_id = %(conversation_id)s
    AND (opening.outbound_id IN (SELECT outbound_id FROM given)
        OR opening.turn_id = %(turn_id)s
        OR (opening.taken_up_at IS NOT NULL AND opening.expires_at > %(received_at)s))
ORDER BY text.seq
"""

TAKE_UP = """
UPDATE opening SET taken_up_at = now() WHERE turn_id = %(turn_id)s AND taken_up_at IS NULL
"""
CLOSE = """
UPDATE opening SET answers_closed_at = now()
WHERE outbound_id = ANY(%(ids)s) AND answers_closed_at IS NULL
"""
GIVE_BACK = """
UPDATE opening SET turn_id = NULL WHERE turn_id = %(turn_id)s AND taken_up_at IS NULL
"""


async def keep(
    connection: Connection, opening: Opening, recipient: str, text_ids: Sequence[UUID]
) -> None:
    """Keep what an answer to a text means.

    Args:
        connection: in the transaction that puts the text into the outbox.
        opening: what it means.
        recipient: the customer's number, E.164.
        text_ids: of the text, all its parts in order.
    """
    values = {
        "outbound_id": text_ids[0],
        "text_ids": list(text_ids),
        "recipient": recipient,
        "expires_at": opening.expires_at,
        "slots": Jsonb(cipher().seal_json(dict(opening.slots), SLOTS)),
        "answers": Jsonb(cipher().seal_json(dict(opening.answers), ANSWERS)),
    }
    await connection.execute(KEEP, values)


async def give(
    connection: Connection,
    talk: Mapping[str, Any],
    turn_id: UUID,
    received_at: datetime,
    *,
    new: bool,
) -> list[dict[str, Any]]:
    """The rows of what a turn is to know of conversations that we began, the oldest first.

    Args:
        connection: in the transaction that claims the turn.
        talk: ``id`` and ``phone`` of the conversation.
        turn_id: of the turn.
        received_at: when its first text came, which decides what is over.
        new: whether this is the first attempt at it; later ones are given the same.
    """
    values = {
        "conversation_id": talk["id"],
        "phone": talk["phone"],
        "turn_id": turn_id,
        "received_at": received_at,
        "new": new,
    }
    return await (await connection.execute(GIVE, values)).fetchall()


def begun(row: Mapping[str, Any]) -> Begun:
    """The conversation in a row of ``give``.

    Raises:
        Unreadable: it is sealed with a key that is not here.
    """
    keys = cipher()
    slots, answers = (
        keys.unseal_json(row["slots"], SLOTS),
        keys.unseal_json(row["answers"], ANSWERS),
    )
    return Begun(
        text_id=row["text_id"],
        words=" ".join(keys.unseal(body, OUTBOUND_BODY) for body in row["bodies"]),
        at=row["at"],
        opening=Opening(row["expires_at"], slots, answers),
        told=row["told"],
    )


async def take_up(connection: Connection, turn_id: UUID, closed: Sequence[UUID]) -> None:
    """Note that the assistant knows now what a turn was given.

    Args:
        connection: in the transaction that ends the turn.
        turn_id: of the turn.
        closed: texts whose answers count no longer.
    """
    await connection.execute(TAKE_UP, {"turn_id": turn_id})
    if closed:
        await connection.execute(CLOSE, {"ids": list(closed)})


async def give_back(connection: Connection, turn_id: UUID) -> None:
    """Leave what a turn was given to the next one, because the assistant did not answer it.

    Args:
        connection: in the transaction that ends the turn.
        turn_id: of the turn.
    """
    await connection.execute(GIVE_BACK, {"turn_id": turn_id})
