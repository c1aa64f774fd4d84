"""What is on record about deliveries: the log, the dead, doing it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from database.pool import Connection

KEPT_DAYS = 30
"""For how long events are kept, delivered or not, so that they can be replayed."""


@dataclass(frozen=True, slots=True)
class Record:
    """A delivery and its last attempt.

    Attributes:
        id: of the delivery.
        event_id: the receiver knows it as ``webhook-id``.
        happened_at: the event, UTC.
        at: of the last attempt; None where there was none.
        outcome: of it; None where there was none.
        answer: its beginning, masked.
    """

    id: int
    endpoint_id: UUID
    event_id: UUID
    type: str
    happened_at: datetime
    state: str
    attempts: int
    next_attempt_at: datetime
    at: datetime | None
    outcome: str | None
    status: int | None
    milliseconds: int | None
    answer: str | None


# The newest of few endpoints; each is found from the end of the index on deliveries.
RECORDS = """
SELECT delivery.id, endpoint_id, event_id, event.type, event.at AS happened_at, state, attempts,
    next_attempt_at, last.at, last.outcome, last.status, last.milliseconds, last.answer
FROM webhook_delivery AS delivery JOIN outgoing_event AS event ON event.id = event_id
LEFT JOIN LATERAL (
    SELECT at, outcome, status, milliseconds, answer FROM webhook_attempt
    WHERE delivery_id = delivery.id ORDER BY id DESC LIMIT 1) AS last ON true
WHERE (%(endpoint)s::uuid IS NULL OR endpoint_id = %(endpoint)s)
    AND (%(state)s::text IS NULL OR state = %(state)s)
ORDER BY delivery.id DESC LIMIT %(most)s
"""
COUNTS = """
SELECT endpoint_id, count(*) FILTER (WHERE state = 'pending') AS pending,
    count(*) FILTER (WHERE state = 'dead') AS dead
FROM webhook_delivery WHERE state IN ('pending', 'dead') GROUP BY endpoint_id
"""
REPLAY = """
UPDATE webhook_delivery AS delivery
SET state = 'pending', attempts = 0, replayed = true, next_attempt_at = %(now)s, finished_at = NULL
FROM outgoing_event AS event
WHERE event.id = event_id AND state <> 'pending'
    AND EXISTS (SELECT FROM webhook_endpoint WHERE id = endpoint_id AND state <> 'gone')
    AND (%(endpoint)s::uuid IS NULL OR endpoint_id = %(endpoint)s)
    AND (%(delivery)s::bigint IS NULL OR delivery.id = %(delivery)s)
    AND (NOT %(dead)s OR state = 'dead')
    AND (%(since)s::timestamptz IS NULL OR event.at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR event.at < %(until)s)
"""


async def records(
    connection: Connection, most: int, *, endpoint: UUID | None = None, state: str | None = None
) -> list[Record]:
    """Deliveries, the newest first.

    Args:
        connection: to the database.
        most: so many at most.
        endpoint: only to this one.
        state: only in this one, as ``dead``.
    """
    values = {"most": most, "endpoint": endpoint, "state": state}
    rows = await (await connection.execute(RECORDS, values)).fetchall()
    return [Record(**row) for row in rows]


async def counts(connection: Connection) -> dict[UUID, tuple[int, int]]:
    """How many deliveries wait and how many are dead, by endpoint; none where both are 0."""
    rows = await (await connection.execute(COUNTS)).fetchall()
    return {row["endpoint_id"]: (row["pending"], row["dead"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which deliveries are made again.

    Attributes:
        endpoint: only to this one.
        delivery: only this one.
        dead: only those that were given up.
        since: only of events at this time and later, aware.
        until: only of events before this time, aware.
    """

    endpoint: UUID | None = None
    delivery: int | None = None
    dead: bool = False
    since: datetime | None = None
    until: datetime | None = None


async def replay(connection: Connection, selection: Selection, now: datetime) -> int:
    """Deliver once more, under the same ids; what waits already is left as it is.

    Args:
        connection: to the database.
        selection: of what.
        now: the time, UTC.

    Returns:
        How many deliveries.
    """
    values = {name: getattr(selection, name) for name in Selection.__slots__}
    return (await connection.execute(REPLAY, values | {"now": now})).rowcount
