"""Gauges of queues: how much waits in the database, and for how long.

Each worker reads them every few seconds, and not when it is scraped, so that no scraper can load
the database. All workers read the same rows: take ``max()`` over them, never ``sum()``. No query
looks at more than a partial index has of what is open, and none at more than ``MOST`` rows, so
that they cost the same beside ten million old texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from prometheus_client import REGISTRY

from connectors.gateways.base import Gateway
from database.pool import Pool
from messaging.caps import DAY, MINUTE
from messaging.clock import Clock
from messaging.lanes import Lane
from messaging.metrics import (
    CAP_USED,
    CONVERSATIONS_WAITING,
    INBOUND_OLDEST,
    OUTBOUND_DEAD,
    OUTBOUND_OLDEST,
    OUTBOUND_OPEN,
    QUEUES,
    QUEUES_READ,
    RECEIPTS_PARKED,
    SENDER_BUSY,
)

COLLECT_SECONDS = 5.0
MOST = 20_000
"""Rows that are counted at most; a gauge that shows this many means "so many or more"."""

# PostgreSQL's statistics of a queue are old whenever it fills up: it takes ten thousand waiting
# texts for one, and sorting them for cheap. With this it reads them in the order of an index.
BY_INDEX = "SET LOCAL enable_sort = off"

WAITING = """
SELECT count(*) AS conversations,
    coalesce(extract(epoch FROM now() - min(waiting_since)), 0)::float AS seconds
FROM (SELECT waiting_since FROM conversation WHERE turn_due_at IS NOT NULL
      ORDER BY turn_due_at LIMIT %(most)s) AS waiting
"""

OPEN = """
SELECT state, lane, count(*) AS texts FROM (
    (SELECT state, lane FROM outbound_text WHERE state = 'pending' LIMIT %(most)s)
    UNION ALL
    (SELECT state, lane FROM outbound_text WHERE state IN ('sending', 'checking') LIMIT %(most)s)
) AS open GROUP BY state, lane
"""

# By when they were due, so that what waits for its own time or for tomorrow's cap is not old.
OLDEST = """
SELECT lane, extract(epoch FROM now() - min(due))::float AS seconds
FROM sender_pace AS ours CROSS JOIN generate_series(0, 3) AS wanted (lane)
CROSS JOIN LATERAL (
    SELECT next_attempt_at AS due FROM outbound_text
    WHERE state = 'pending' AND gateway = ours.gateway AND sender = ours.number
        AND outbound_text.lane = wanted.lane AND next_attempt_at <= now()
    ORDER BY next_attempt_at LIMIT 1) AS first
GROUP BY lane
"""

DEAD = """
SELECT state, count(*) AS texts FROM (
    SELECT state FROM outbound_text
    WHERE state IN ('failed', 'unknown') AND updated_at > now() - interval '1 hour'
    LIMIT %(most)s) AS dead
GROUP BY state
"""

PARKED = """
SELECT count(*) AS receipts FROM (
    SELECT FROM receipt
    WHERE outbound_id IS NULL AND received_at > now() - interval '1 hour'
    LIMIT %(most)s) AS parked
"""

# Four digits tell our own numbers apart; of two that share them, the busier one is shown.
PACE = """
SELECT gateway, right(number, 4) AS number,
    max(greatest(0, extract(epoch FROM free_at - now())))::float AS seconds
FROM sender_pace GROUP BY 1, 2
"""


CAPS = """
SELECT gateway, cap, used FROM sender_cap
WHERE starts_at > now() - CASE cap WHEN 'minute' THEN interval '1 minute' ELSE interval '1 day' END
"""


async def collect(pool: Pool, gateways: Mapping[str, Gateway], clock: Clock) -> None:
    """Read the queues and set the gauges; the first call puts them among the metrics.

    Args:
        pool: of connections.
        gateways: by name, for their caps.
        clock: for the time of reading, which tells whether the gauges are fresh.

    Raises:
        psycopg.OperationalError: the database is away; the gauges stay as they are.
    """
    values = {"most": MOST}
    async with pool.connection() as connection, connection.transaction():
        async with connection.pipeline():
            await connection.execute(BY_INDEX)
            cursors = [
                await connection.execute(query, values)
                for query in (WAITING, OPEN, OLDEST, DEAD, PARKED, PACE, CAPS)
            ]
        waiting, open_texts, oldest, dead, parked, pace, caps = [
            await one.fetchall() for one in cursors
        ]
    CONVERSATIONS_WAITING.set(waiting[0]["conversations"])
    INBOUND_OLDEST.set(max(0.0, waiting[0]["seconds"]))
    texts = {(row["state"], row["lane"]): row["texts"] for row in open_texts}
    seconds = {row["lane"]: row["seconds"] for row in oldest}
    for lane in Lane:
        name = lane.name.lower()
        OUTBOUND_OLDEST.labels(name).set(seconds.get(lane, 0.0))
        for state in ("pending", "sending", "checking"):
            OUTBOUND_OPEN.labels(state, name).set(texts.get((state, lane), 0))
    ended = {row["state"]: row["texts"] for row in dead}
    for state in ("failed", "unknown"):
        OUTBOUND_DEAD.labels(state).set(ended.get(state, 0))
    RECEIPTS_PARKED.set(parked[0]["receipts"])
    for row in pace:
        SENDER_BUSY.labels(row["gateway"], row["number"]).set(row["seconds"])
    used = {(row["gateway"], row["cap"]): row["used"] for row in caps}
    for name, gateway in gateways.items():
        can = gateway.capabilities
        for cap, limit in ((MINUTE, can.per_minute), (DAY, can.per_day)):
            if limit is not None:
                CAP_USED.labels(name, cap).set(used.get((name, cap), 0) / limit)
    QUEUES_READ.set(clock.now().timestamp())
    _show()


@cache
def _show() -> None:
    for gauge in QUEUES:
        REGISTRY.register(gauge)
