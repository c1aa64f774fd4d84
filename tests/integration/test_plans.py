"""What PostgreSQL planned while the tables were small is not kept to their harm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from connectors.gateways.base import Receipt, Status
from console.api_keys import Scope, create
from console.notification_table import page
from database.pool import Pool, make_pool
from messaging.delivery_table import Queue
from messaging.lanes import Lane
from messaging.outcomes import AcceptedText, write_accepted
from messaging.receipts import Received, store_receipts
from tests.integration.engine import ScriptedGateway, rows
from tests.integration.test_lanes import fill

NOW = datetime.now(UTC)

MANY_OLD = """
INSERT INTO outbound_text (id, conversation_id, kind, gateway, sender, recipient, body, segments,
    state, vendor_id, created_at, next_attempt_at, expires_at, updated_at)
SELECT gen_random_uuid(), (SELECT id FROM conversation LIMIT 1), 'notice', 'twilio', '+1', '+1',
    'hi', 1, 'delivered', 'old' || number, now(), now(), now(), now()
FROM generate_series(1, 20000) AS number
RETURNING id
"""


async def send_some(pool: Pool, queue: Queue) -> None:
    """Three texts from the outbox to their receipts."""
    await fill(pool, Lane.REPLY, 3)
    claimed = await queue.claim(50)
    assert len(claimed.texts) == 3
    taken = [AcceptedText(text, f"V{uuid4()}", timedelta(minutes=10)) for text in claimed.texts]
    await write_accepted(pool, taken, NOW)
    words = [
        Received("twilio", Receipt(one.vendor_id, status, str(status), None, one.text.id), NOW)
        for one in taken
        for status in (Status.SENT, Status.DELIVERED)
    ]
    async with pool.connection() as connection:
        await store_receipts(connection, words)


async def read_whole(pool: Pool) -> dict[str, int]:
    """How often each table was read from its beginning to its end."""
    await rows(pool, "SELECT pg_stat_force_next_flush()")
    found = await rows(pool, "SELECT relname, seq_scan FROM pg_stat_user_tables")
    return {row["relname"]: row["seq_scan"] for row in found}


async def test_a_plan_for_small_tables_is_not_kept_for_large_ones(database_url):
    async with make_pool(database_url, max_size=1) as pool:
        queue = Queue(pool, {"twilio": ScriptedGateway(per_second=1000)}, timedelta(seconds=30))
        await queue.prepare()
        for _ in range(15):  # after five times a statement is prepared, after ten its plan is kept
            await send_some(pool, queue)
        await rows(pool, MANY_OLD)
        before = await read_whole(pool)
        await send_some(pool, queue)
        after = await read_whole(pool)
    grown = ("outbound_text", "receipt", "text_event", "conversation")
    assert {name: after[name] - before[name] for name in grown} == dict.fromkeys(grown, 0)


NOTIFICATIONS = """
WITH old AS (
    INSERT INTO outbound_text (id, conversation_id, kind, gateway, sender, recipient, body,
        segments, vendor_id, state, created_at, next_attempt_at, expires_at, updated_at)
    SELECT (lpad(to_hex(number), 12, '0') || '70008000000000000000')::uuid,
        (SELECT id FROM conversation LIMIT 1), 'notice', 'twilio', '+1', '+1', 'hi', 1,
        CASE WHEN number NOT IN (3, 5000) THEN 'V' || number END,
        CASE WHEN number IN (3, 5000) THEN 'pending' ELSE 'delivered' END, now(), now(), now(),
        now()
    FROM generate_series(1, 10000) AS number
    RETURNING id
)
INSERT INTO notification (text_id, id, api_key_id) SELECT id, id, %(key)s FROM old RETURNING id
"""
LOOKED_AT = """
SELECT sum(seq_tup_read + idx_tup_fetch)::int AS rows FROM pg_stat_xact_user_tables
WHERE relname IN ('notification', 'outbound_text')
"""


async def test_few_notifications_that_wait_are_found_among_many(pool):
    await fill(pool, Lane.REPLY, 1)
    async with pool.connection() as connection:
        key, _ = await create(connection, "crm", list(Scope), by="ann", now=NOW)
    await rows(pool, NOTIFICATIONS, key=key.id)
    async with pool.connection() as connection:
        await connection.execute("ANALYZE notification, outbound_text")
        async with connection.transaction():
            found = await page(connection, to=None, state="pending", after=None, limit=21)
            counted = await (await connection.execute(LOOKED_AT)).fetchone()
    assert len(found) == 2
    assert counted["rows"] < 50
