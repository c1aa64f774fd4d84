"""Deliveries in SQL: which may be attempted now, what became of an attempt, what is on record.

A claim is a lease: ``next_attempt_at`` is set to when the request would be taken for lost, and
``attempts`` tells whose it was. Who lost it to another worker writes nothing; the receiver may
then get the event twice, with the same id. Deliveries of one endpoint about the same thing are
made one behind the other, until one has failed ``OVERTAKEN_AFTER`` times. What is replayed holds
up nothing but what is replayed too: those that were dead may die again, each after 5 min.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from database.pool import Connection, Pool
from events.payloads import StoredEvent
from events.posting import Answer

LEASE = timedelta(seconds=60)
"""Longer than any request may take (``events/posting.py``)."""

OVERTAKEN_AFTER = 3
"""Attempts behind which a delivery no longer holds up those behind it: a little over 5 min."""

FAILING = timedelta(days=3)
"""An endpoint that has failed for so long without a success is paused when a delivery dies."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint, claimed for one attempt.

    Attributes:
        id: in the database.
        attempts: this one included.
        event: to be told.
    """

    id: int
    attempts: int
    event: StoredEvent


WANTING = """
SELECT id FROM webhook_endpoint AS endpoint
WHERE state = 'active' AND (not_before IS NULL OR not_before <= %(now)s)
    AND EXISTS (SELECT FROM webhook_delivery AS delivery
        WHERE delivery.endpoint_id = endpoint.id AND delivery.state = 'pending'
            AND next_attempt_at <= %(now)s)
"""
CLAIM = """
WITH due AS (
    SELECT id FROM webhook_delivery AS delivery
    WHERE endpoint_id = %(endpoint)s AND state = 'pending' AND next_attempt_at <= %(now)s
        AND EXISTS (SELECT FROM webhook_endpoint
            WHERE id = %(endpoint)s AND state = 'active'
                AND (not_before IS NULL OR not_before <= %(now)s))
        AND NOT EXISTS (SELECT FROM webhook_delivery AS earlier
            WHERE earlier.endpoint_id = delivery.endpoint_id
                AND earlier.order_key = delivery.order_key AND earlier.state = 'pending'
                AND earlier.id < delivery.id AND earlier.attempts < %(overtaken)s
                AND (delivery.replayed OR NOT earlier.replayed))
    ORDER BY next_attempt_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE webhook_delivery AS delivery
    SET attempts = attempts + 1, next_attempt_at = %(now)s + %(lease)s
    FROM due WHERE delivery.id = due.id RETURNING delivery.id, attempts, event_id
)
SELECT claimed.id, attempts, event.id AS event_id, type, at, source, source_id, facts
FROM claimed JOIN outgoing_event AS event ON event.id = claimed.event_id ORDER BY claimed.id
"""
ATTEMPT = """
INSERT INTO webhook_attempt (delivery_id, at, outcome, status, milliseconds, answer)
SELECT id, %(now)s, %(outcome)s, %(status)s, %(milliseconds)s, %(answer)s
FROM webhook_delivery WHERE id = %(id)s
"""
FINISHED = """
UPDATE webhook_delivery SET state = %(state)s, finished_at = %(now)s
WHERE id = %(id)s AND attempts = %(attempts)s AND state = 'pending'
"""
AGAIN = """
UPDATE webhook_delivery SET next_attempt_at = %(at)s
WHERE id = %(id)s AND attempts = %(attempts)s AND state = 'pending'
"""
# What waits behind one that failed is not due before it. Else every look for what is due would
# pass over all of it: 0.3 s each second for 50,000, while an endpoint is down. It waits for nobody.
BEHIND = """
UPDATE webhook_delivery SET next_attempt_at = %(at)s WHERE id IN (
    SELECT later.id FROM webhook_delivery AS own
    JOIN webhook_delivery AS later USING (endpoint_id, order_key)
    WHERE own.id = %(id)s AND own.attempts = %(attempts)s AND own.state = 'pending'
        AND own.attempts < %(overtaken)s
        AND later.state = 'pending' AND later.id > own.id AND later.next_attempt_at < %(at)s
        AND (later.replayed OR NOT own.replayed)
    FOR UPDATE OF later SKIP LOCKED)
"""
WELL = """
UPDATE webhook_endpoint SET failing_since = NULL
WHERE id = %(endpoint)s AND failing_since IS NOT NULL
"""
UNWELL = """
UPDATE webhook_endpoint SET failing_since = coalesce(failing_since, %(now)s),
    not_before = greatest(not_before, %(until)s)
WHERE id = %(endpoint)s AND (failing_since IS NULL OR %(until)s > %(now)s)
"""
PAUSE = """
UPDATE webhook_endpoint SET state = 'paused', reason = 'every request has failed for three days'
WHERE id = %(endpoint)s AND state = 'active' AND failing_since <= %(now)s - %(failing)s
"""
GONE = """
WITH ended AS (
    UPDATE webhook_endpoint SET state = 'gone', reason = 'it answered 410 Gone'
    WHERE id = %(endpoint)s AND state <> 'gone' RETURNING id
), given_up AS (
    UPDATE webhook_delivery SET state = 'dead', finished_at = %(now)s
    WHERE endpoint_id = %(endpoint)s AND state = 'pending' RETURNING 1
)
SELECT (SELECT count(*) FROM ended) AS ended, (SELECT count(*) FROM given_up) AS given_up
"""


async def wanting(pool: Pool, now: datetime) -> list[UUID]:
    """The endpoints for which something is due.

    Args:
        pool: of connections.
        now: the time, UTC.
    """
    async with pool.connection() as connection:
        rows = await (await connection.execute(WANTING, {"now": now})).fetchall()
    return [row["id"] for row in rows]


async def claim(
    connection: Connection, endpoint: UUID, most: int, now: datetime
) -> Sequence[Delivery]:
    """Take what may be delivered to an endpoint now.

    Args:
        connection: to the database.
        endpoint: its id.
        most: so many at most.
        now: the time, UTC.
    """
    values = {
        "endpoint": endpoint,
        "most": most,
        "now": now,
        "lease": LEASE,
        "overtaken": OVERTAKEN_AFTER,
    }
    rows = await (await connection.execute(CLAIM, values)).fetchall()
    return [
        Delivery(
            row["id"],
            row["attempts"],
            StoredEvent(
                row["event_id"],
                row["type"],
                row["at"],
                row["source"],
                row["source_id"],
                row["facts"],
            ),
        )
        for row in rows
    ]


async def skip(connection: Connection, delivery: Delivery, now: datetime) -> None:
    """An endpoint does not want this one after all, or there is nothing left to tell.

    Args:
        connection: to the database.
        delivery: that was claimed.
        now: the time, UTC.
    """
    await connection.execute(FINISHED, _own(delivery, now) | {"state": "skipped"})


async def delivered(
    pool: Pool, endpoint: UUID, delivery: Delivery, answer: Answer, now: datetime
) -> None:
    """An endpoint took an event.

    Args:
        pool: of connections.
        endpoint: its id.
        delivery: that was claimed.
        answer: of the endpoint.
        now: the time, UTC.
    """
    async with pool.connection() as connection, connection.transaction():
        await _write_attempt(connection, delivery, answer, now)
        await connection.execute(FINISHED, _own(delivery, now) | {"state": "delivered"})
        await connection.execute(WELL, {"endpoint": endpoint})


async def failed(
    pool: Pool,
    endpoint: UUID,
    delivery: Delivery,
    answer: Answer,
    now: datetime,
    *,
    wait: float,
    delay: float | None,
) -> bool:
    """An endpoint did not take an event; it is attempted again, or given up.

    Args:
        pool: of connections.
        endpoint: its id.
        delivery: that was claimed.
        answer: of the endpoint, or what came in its place.
        now: the time, UTC.
        wait: seconds for which the endpoint wants to be left alone altogether.
        delay: seconds until the next attempt; None where there is none.

    Returns:
        Whether the endpoint is paused by this.
    """
    until = now + timedelta(seconds=wait)
    async with pool.connection() as connection, connection.transaction():
        await _write_attempt(connection, delivery, answer, now)
        await connection.execute(UNWELL, {"endpoint": endpoint, "now": now, "until": until})
        if delay is not None:
            again = now + timedelta(seconds=delay)
            values = _own(delivery, now) | {"at": again, "overtaken": OVERTAKEN_AFTER}
            await connection.execute(AGAIN, values)
            await connection.execute(BEHIND, values)
            return False
        await connection.execute(FINISHED, _own(delivery, now) | {"state": "dead"})
        values = {"endpoint": endpoint, "now": now, "failing": FAILING}
        return (await connection.execute(PAUSE, values)).rowcount > 0


async def gone(
    pool: Pool, endpoint: UUID, delivery: Delivery, answer: Answer, now: datetime
) -> int | None:
    """An endpoint wants nothing any more (410): what waits for it is dead.

    Args:
        pool: of connections.
        endpoint: its id.
        delivery: that was claimed.
        answer: of the endpoint.
        now: the time, UTC.

    Returns:
        How many were given up; None where that was known before.
    """
    async with pool.connection() as connection, connection.transaction():
        await _write_attempt(connection, delivery, answer, now)
        cursor = await connection.execute(GONE, {"endpoint": endpoint, "now": now})
        row = await cursor.fetchone()
    return row["given_up"] if row is not None and row["ended"] else None


def _own(delivery: Delivery, now: datetime) -> dict[str, object]:
    return {"id": delivery.id, "attempts": delivery.attempts, "now": now}


async def _write_attempt(
    connection: Connection, delivery: Delivery, answer: Answer, now: datetime
) -> None:
    await connection.execute(
        ATTEMPT,
        {
            "id": delivery.id,
            "now": now,
            "outcome": answer.outcome,
            "status": answer.status,
            "milliseconds": answer.milliseconds,
            "answer": answer.text,
        },
    )
