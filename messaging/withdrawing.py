"""Texts that are taken back before they are sent, because what they say is no longer so."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from database.pool import Connection

CODE = "withdrawn"
STAFF = "This text was taken back before it was sent, because what it says is no longer so."

# Who is just claiming one of them is waited for: it is under way then, and stays. It may come back
# into the queue all the same, refused for a time or looked up in vain, and would then be sent with
# what is no longer so: its use ends now. All are locked, whatever their state, because only the
# lock tells which it is; in one order for everybody, so that two transactions do not wait for each
# other.
WITHDRAW = """
WITH locked AS (
    SELECT id, state FROM outbound_text WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE
), withdrawn AS (
    UPDATE outbound_text AS text SET state = 'failed', error_code = %(code)s,
        error_staff = %(staff)s, updated_at = now()
    FROM locked WHERE text.id = locked.id AND locked.state = 'pending'
    RETURNING text.id, text.seq
), over AS (
    UPDATE outbound_text AS text SET not_after = least(not_after, now()),
        expires_at = least(expires_at, now())
    FROM locked WHERE text.id = locked.id AND (locked.state IN ('sending', 'checking', 'sent',
        'unknown') OR (locked.state = 'failed' AND text.error_staff IS NULL))
), told AS (
    INSERT INTO text_event (outbound_id, at, kind, code, detail)
    SELECT id, now(), %(code)s, %(code)s, %(reason)s FROM withdrawn
)
SELECT id FROM withdrawn ORDER BY seq
"""


async def withdraw(connection: Connection, ids: Sequence[UUID], reason: str) -> list[UUID]:
    """Take back texts that still wait; they are never sent, and free their words.

    Args:
        connection: in the transaction in which they are found to be out of date.
        ids: of the texts, with all parts of a long one.
        reason: one sentence for their record; no words or numbers of customers.

    Returns:
        Those that were taken back, in the order in which they would have left. The others are
        under way, out, or failed already, and stay so; none of them is tried again.
    """
    values = {"ids": list(ids), "code": CODE, "staff": STAFF, "reason": reason}
    cursor = await connection.execute(WITHDRAW, values)
    return [row["id"] for row in await cursor.fetchall()]
