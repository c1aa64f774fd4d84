"""What became of a request to send, in SQL: accepted, sent again, given up; and why.

A worker may only write the outcome of the attempt that it made: who lost the lease to another
worker, which has tried again since, writes an event and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from connectors.gateways.base import Suppress
from database.pool import Connection, Pool
from messaging.consent_changes import suppress_phones
from messaging.delivery_table import ClaimedText
from messaging.lanes import Lane
from messaging.metrics import REPLY_SECONDS
from messaging.receipts import apply_parked, lock


@dataclass(frozen=True, slots=True)
class AcceptedText:
    """A text that the vendor took.

    Attributes:
        text: that was sent or found.
        vendor_id: the vendor's id for it.
        ask: when to ask the vendor what became of it, from now; None for never.
    """

    text: ClaimedText
    vendor_id: str
    ask: timedelta | None


ACCEPTED = """
WITH given AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(vendor_ids)s::text[],
        %(asks)s::interval[]) AS given (id, attempts, vendor_id, ask)
), written AS (
    UPDATE outbound_text AS text SET state = 'sent', vendor_id = given.vendor_id,
        lease_until = NULL, error_code = NULL, error_staff = NULL, accepted_at = now(),
        ask_at = now() + given.ask, updated_at = now()
    FROM given WHERE text.id = given.id AND text.attempts = given.attempts
        AND text.state IN ('sending', 'checking')
    RETURNING text.id, text.gateway, text.lane, text.turn_id, text.position
), late AS (
    INSERT INTO text_event (outbound_id, at, kind, code, detail)
    SELECT given.id, now(), 'late-answer', text.state, 'the vendor took it as ' || given.vendor_id
    FROM given JOIN outbound_text AS text USING (id)
    WHERE given.id NOT IN (SELECT id FROM written)
        AND text.vendor_id IS DISTINCT FROM given.vendor_id
)
SELECT gateway, lane, extract(epoch FROM now() - (
    SELECT min(received_at) FROM inbound_text WHERE turn_id = written.turn_id))::float AS seconds
FROM written WHERE turn_id IS NOT NULL AND position = 0
"""

SETTLED = """
UPDATE outbound_text SET state = %(state)s, lease_until = NULL, checks = %(checks)s,
    resends = resends + %(resends)s, next_attempt_at = now() + %(delay)s,
    expires_at = CASE WHEN %(parked)s
        THEN least(not_after, greatest(expires_at, now() + %(delay)s + (expires_at - created_at)))
        ELSE expires_at END,
    error_code = %(code)s, error_staff = %(staff)s, updated_at = now()
WHERE id = %(id)s AND attempts = %(attempts)s AND state IN ('sending', 'checking')
RETURNING conversation_id
"""

EVENT = """
INSERT INTO text_event (outbound_id, at, kind, code, detail)
VALUES (%(id)s, now(), %(kind)s, %(code)s, %(detail)s)
"""

EXPIRE = """
WITH old AS (
    SELECT id FROM outbound_text WHERE state = 'pending' AND expires_at <= now()
    ORDER BY expires_at LIMIT 200 FOR UPDATE SKIP LOCKED
), failed AS (
    UPDATE outbound_text AS text SET state = 'failed', error_code = 'expired',
        error_staff = CASE WHEN not_after <= now()
            THEN 'What this text was about was over before it could be sent; it was dropped.'
            ELSE 'This text could not be sent in time and was dropped.' END,
        updated_at = now()
    FROM old WHERE text.id = old.id RETURNING text.id, text.attempts
)
INSERT INTO text_event (outbound_id, at, kind, code, detail)
SELECT id, now(), 'expired', 'expired', attempts || ' attempts' FROM failed
"""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a text besides being sent and reported on.

    Attributes:
        kind: ``refused``, ``unknown``, ``not-found``, ``resent``, ``left-unknown``, ...
        detail: one sentence for engineers.
        code: the vendor's or ours.
    """

    kind: str
    detail: str = ""
    code: str | None = None


async def write_accepted(pool: Pool, texts: Sequence[AcceptedText], now: datetime) -> None:
    """Record that the vendor took some texts, and apply receipts that came before this.

    Args:
        pool: of connections.
        texts: from any gateways.
        now: the time, UTC.
    """
    try:
        await _write_accepted(pool, texts, now)
    except psycopg.errors.UniqueViolation:
        if len(texts) > 1:  # it is recorded one by one, so that the others do not suffer
            for text in texts:
                await write_accepted(pool, [text], now)
            return
        (one,) = texts
        await settle(
            pool,
            one.text,
            "unknown",
            event=Event("id-taken", f"the vendor took it as {one.vendor_id}, which is another's"),
            code="outcome-unknown",
            staff="The gateway gave this text the number of another one; ask it what it has.",
        )


async def _write_accepted(pool: Pool, texts: Sequence[AcceptedText], now: datetime) -> None:
    # In the order in which messaging/withdrawing.py locks them.
    texts = sorted(texts, key=lambda one: one.text.id)
    keys = [(one.text.gateway, one.vendor_id) for one in texts]
    async with pool.connection() as connection, connection.transaction():
        await lock(connection, keys)
        cursor = await connection.execute(
            ACCEPTED,
            {
                "ids": [one.text.id for one in texts],
                "attempts": [one.text.attempts for one in texts],
                "vendor_ids": [one.vendor_id for one in texts],
                "asks": [one.ask for one in texts],
            },
        )
        first_replies = await cursor.fetchall()
        await apply_parked(connection, keys, now)
    for row in first_replies:
        lane = Lane(row["lane"]).name.lower()
        REPLY_SECONDS.labels(row["gateway"], lane).observe(max(0.0, row["seconds"]))


async def settle(
    pool: Pool,
    text: ClaimedText,
    state: str,
    *,
    event: Event | None = None,
    delay: float = 0.0,
    checks: int = 0,
    resent: bool = False,
    parked: bool = False,
    code: str | None = None,
    staff: str | None = None,
    suppress: Suppress | None = None,
) -> None:
    """Record any other outcome.

    Args:
        pool: of connections.
        text: that was tried.
        state: ``pending`` to send it again, ``checking`` to look it up, ``unknown``, ``failed``.
        event: for the record of this text.
        delay: seconds until the next step.
        checks: look-ups without a result so far.
        resent: whether it is sent again although nobody knows whether it is out.
        parked: whether the wait is no fault of the text's, so that it stays valid behind it.
        code: why, for engineers.
        staff: why, for the front desk.
        suppress: why this phone is to get no more texts, if it is not.
    """
    async with pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(
            SETTLED,
            {
                "id": text.id,
                "attempts": text.attempts,
                "state": state,
                "delay": timedelta(seconds=delay),
                "checks": checks,
                "resends": int(resent),
                "parked": parked,
                "code": code,
                "staff": staff,
            },
        )
        if cursor.rowcount == 0:  # a receipt or another worker has settled it meanwhile
            return
        if event is not None:
            await write_event(connection, text.id, event)
        if suppress is not None:
            await suppress_phones(connection, [(text.conversation_id, suppress, code)])


async def write_event(connection: Connection, text_id: UUID, event: Event) -> None:
    """Keep an event of a text, within the caller's transaction if there is one.

    Args:
        connection: to the database.
        text_id: of the text.
        event: what happened.
    """
    values = {"id": text_id, "kind": event.kind, "code": event.code, "detail": event.detail}
    await connection.execute(EVENT, values)


async def expire(pool: Pool) -> int:
    """Fail what has waited longer than it was worth sending; how many texts that were."""
    async with pool.connection() as connection:
        return (await connection.execute(EXPIRE)).rowcount
