"""The duplicate limiter in SQL: of texts with the same words to one phone, one is let through.

``sent_body`` has one row for each phone and words, which names the message that was let through
last. The row is taken, or taken over, in the transaction that puts the message into the outbox:
whoever comes at the same time waits for that transaction and then finds the row taken. A message
that failed for good holds its words no longer. That is read from its texts when the next one
comes, so whatever fails a text need not know of this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncCursor

from database.encryption import cipher
from database.pool import Connection
from messaging.duplicates import WINDOW, Claim
from messaging.errors import DuplicateText

# A statement sees what was committed when it began, so whoever waits must do so before it: it would
# not see the texts of the message that was faster (two of our numbers, one phone).
LOCK = """
SELECT pg_advisory_xact_lock(hashtextextended(
    'words ' || %(recipient)s || ' ' || encode(%(digest)s, 'hex'), 0))
"""

# A message of several parts failed when one of them did. A failed receipt that nobody has judged
# yet (no words for staff) may lead to another attempt, so it lets nobody through. While one that
# is held overnight waits, however long, a copy of it would only wait beside it. One for a time of
# its own is in the way of what leaves within half an hour of that time, before or behind it.
LIMIT = """
WITH first AS (
    INSERT INTO sent_body AS held (recipient, digest, text_ids, since)
    VALUES (%(recipient)s, %(digest)s, %(text_ids)s, %(at)s)
    ON CONFLICT (recipient, digest) DO UPDATE SET (text_ids, since) = (
        SELECT CASE WHEN free THEN EXCLUDED.text_ids ELSE held.text_ids END,
            CASE WHEN free THEN EXCLUDED.since ELSE held.since END
        FROM (SELECT coalesce(bool_or(state = 'failed' AND error_staff IS NOT NULL), true)
                OR (held.since <= %(window_start)s
                    AND NOT bool_or(state IN ('pending', 'sending', 'checking')))
                OR bool_or(state IN ('pending', 'sending', 'checking')
                    AND (not_before IS NOT NULL OR own.early IS NOT NULL)
                    AND abs(extract(epoch FROM own.due - CASE WHEN state = 'pending'
                        THEN next_attempt_at ELSE now() END)) >= %(window)s) AS free
            FROM outbound_text, (SELECT not_before AS early, next_attempt_at AS due
                FROM outbound_text WHERE id = %(text_id)s) AS own
            WHERE id = ANY(held.text_ids)) AS words)
    RETURNING text_ids, since
), failed AS (
    UPDATE outbound_text AS text SET state = 'failed', error_code = %(code)s,
        error_staff = %(staff)s
    FROM first WHERE first.text_ids <> %(text_ids)s AND text.id = ANY(%(text_ids)s)
    RETURNING text.id, text.created_at, first.text_ids[1] AS first_id, first.since
)
INSERT INTO text_event (outbound_id, at, kind, code, detail)
SELECT id, created_at, 'duplicate', %(code)s, 'the same words as text ' || first_id || ' of '
    || to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC'
FROM failed
"""


async def limit(
    connection: Connection, messages: Mapping[Claim, Sequence[UUID]]
) -> list[AsyncCursor[Any]]:
    """Fail those of some new messages that repeat another; their texts are never sent.

    Nothing is read, so it costs no round trip in a pipeline.

    Args:
        connection: in the transaction in which the messages were put into the outbox.
        messages: the ids of their texts, in order, by what they claim.

    Returns:
        Cursors whose ``rowcount`` is how many texts were failed, once the pipeline has ended.
    """
    cursors = []
    # In one order for everybody, so that two transactions do not wait for each other.
    for claim in sorted(messages, key=lambda claim: (claim.recipient, claim.digest)):
        values = {
            "recipient": claim.recipient,
            "digest": cipher().keyed(claim.digest),
            "text_ids": list(messages[claim]),
            "at": claim.at,
            "window_start": claim.window_start,
            "window": WINDOW.total_seconds(),
            "text_id": claim.text_id,
            "code": DuplicateText.code,
            "staff": DuplicateText.staff,
        }
        await connection.execute(LOCK, values)
        cursors.append(await connection.execute(LIMIT, values))
    return cursors
