"""Stores what gateways bring, before anything is answered: texts and receipts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from psycopg.types.json import Jsonb

from connectors.gateways.base import Inbound, Receipt
from database.encryption import cipher
from database.pool import Connection, Pool
from messaging import tracing
from messaging.gathering import Gathering
from messaging.receipts import Kept, Received, store_receipt, store_receipts, tell
from messaging.sealed import INBOUND_BODY

log = structlog.get_logger(__name__)

BURST_LONGEST = 4
"""A burst is cut after this many burst windows, so that somebody who never stops texting
is answered all the same (and is answered that often at most)."""

# One statement, so one round trip and one commit. The conversation's row is locked before the
# text is inserted; a turn that ends at the same time locks it too and then sees the text.
STORE = """
WITH talk AS (
    INSERT INTO conversation AS c
        (id, gateway, number, phone, created_at, waiting_since, turn_due_at)
    SELECT %(id)s, %(gateway)s, %(number)s, %(phone)s, %(received_at)s, now(), now() + %(burst)s
    WHERE NOT EXISTS (
        SELECT FROM inbound_text WHERE gateway = %(gateway)s AND external_id = %(external_id)s)
    ON CONFLICT (number, phone) DO UPDATE SET
        gateway = EXCLUDED.gateway,
        unreachable_code = NULL,
        waiting_since = coalesce(c.waiting_since, now()),
        turn_due_at = least(now() + %(burst)s, coalesce(c.waiting_since, now()) + %(longest)s)
    RETURNING id
), stored AS (
    INSERT INTO inbound_text
        (conversation_id, gateway, external_id, body, media, received_at, trace, opt_out_type)
    SELECT id, %(gateway)s, %(external_id)s, %(body)s, %(media)s, %(received_at)s, %(trace)s,
        %(opt_out_type)s
    FROM talk
    ON CONFLICT (gateway, external_id) DO NOTHING
    RETURNING id, conversation_id
)
SELECT id, conversation_id, pg_notify('linnet_inbox', '') FROM stored
"""


async def store_text(
    connection: Connection,
    gateway: str,
    text: Inbound,
    received_at: datetime,
    *,
    burst_seconds: float,
) -> bool:
    """Store a text once, and set the time at which its conversation is to be worked on.

    Args:
        connection: in autocommit mode or in a transaction.
        gateway: the name of the gateway that brought it.
        text: what it brought.
        received_at: when, UTC.
        burst_seconds: texts that come within this time of each other are one turn.

    Returns:
        False where the gateway brought this text before; nothing was done then.
    """
    burst = timedelta(seconds=burst_seconds)
    cursor = await connection.execute(
        STORE,
        {
            "id": uuid4(),
            "gateway": gateway,
            "number": text.recipient,
            "phone": text.sender,
            "external_id": text.external_id,
            # PostgreSQL's text cannot hold NUL
            "body": cipher().seal(text.body.replace("\x00", ""), INBOUND_BODY),
            "media": Jsonb([{"url": m.url, "content_type": m.content_type} for m in text.media]),
            "received_at": received_at,
            "trace": tracing.current(),
            "opt_out_type": text.opt_out_type,
            "burst": burst,
            "longest": burst * BURST_LONGEST,
        },
    )
    row = await cursor.fetchone()
    if row is None:
        log.info("text.repeated", gateway=gateway, vendor_id=text.external_id)
        return False
    log.info(
        "text.received",
        gateway=gateway,
        conversation=str(row["conversation_id"]),
        inbound_id=row["id"],
        vendor_id=text.external_id,
    )
    return True


async def store_events(
    pool: Pool,
    gateway: str,
    events: Sequence[Inbound | Receipt],
    received_at: datetime,
    *,
    burst_seconds: float,
) -> None:
    """Store everything that one request brought; what was stored before is passed over.

    Args:
        pool: of connections.
        gateway: the name of the gateway.
        events: what its request says.
        received_at: when the request came, UTC.
        burst_seconds: texts that come within this time of each other are one turn.

    Raises:
        psycopg.OperationalError: the database is away; the caller keeps the events.
    """
    async with pool.connection() as connection:
        for event in events:
            if isinstance(event, Inbound):
                await store_text(
                    connection, gateway, event, received_at, burst_seconds=burst_seconds
                )
            else:
                await store_receipt(connection, gateway, event, received_at)


class Inbox:
    """Stores what requests bring; receipts that come at the same time in one commit.

    Args:
        pool: of connections.
        burst_seconds: texts that come within this time of each other are one turn.
    """

    def __init__(self, pool: Pool, burst_seconds: float) -> None:
        self._pool = pool
        self._burst_seconds = burst_seconds
        self._receipts: Gathering[Received, Kept] = Gathering(self._keep)

    async def store(
        self, gateway: str, events: Sequence[Inbound | Receipt], received_at: datetime
    ) -> None:
        """Store everything that one request brought, as ``store_events`` does.

        Raises:
            psycopg.OperationalError: the database is away; the caller keeps the events.
            PoolTimeout: likewise.
        """
        receipts = [event for event in events if isinstance(event, Receipt)]
        if len(receipts) < len(events):
            await store_events(
                self._pool, gateway, events, received_at, burst_seconds=self._burst_seconds
            )
            return
        for receipt in receipts:
            received = Received(gateway, receipt, received_at)
            tell(received, await self._receipts.put(received))

    async def _keep(self, receipts: Sequence[Received]) -> list[Kept]:
        async with self._pool.connection() as connection:
            return await store_receipts(connection, receipts)
