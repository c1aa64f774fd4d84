"""Asks vendors that post no receipts what became of a text."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from connectors.gateways.base import Gateway
from database.pool import Pool
from messaging.clock import Clock
from messaging.receipts import store_receipt
from messaging.retry import ask_delay

# The next question is put off before this one is asked, so that no other worker asks too.
CLAIM = """
UPDATE outbound_text SET asks = asks + 1, ask_at = now() + interval '1 minute'
WHERE id IN (SELECT id FROM outbound_text WHERE ask_at <= now()
             ORDER BY ask_at LIMIT 50 FOR UPDATE SKIP LOCKED)
RETURNING id, gateway, vendor_id, asks
"""

AGAIN = """
UPDATE outbound_text SET ask_at = now() + %(delay)s
WHERE id = %(id)s AND state NOT IN ('delivered', 'failed')
"""


async def ask_vendors(
    pool: Pool, gateways: Mapping[str, Gateway], http: httpx.AsyncClient, clock: Clock
) -> int:
    """Ask about every text whose time to be asked about has come.

    Args:
        pool: of connections.
        gateways: by name.
        http: the client for the requests.
        clock: for the time of the answers.

    Returns:
        How many were asked about.
    """
    async with pool.connection() as connection:
        rows = await (await connection.execute(CLAIM)).fetchall()
    await asyncio.gather(*(_ask(pool, gateways[row["gateway"]], http, clock, row) for row in rows))
    return len(rows)


async def _ask(
    pool: Pool,
    gateway: Gateway,
    http: httpx.AsyncClient,
    clock: Clock,
    row: Mapping[str, Any],
) -> None:
    receipt = await gateway.ask(row["vendor_id"], http)
    delay = ask_delay(row["asks"])
    async with pool.connection() as connection:
        again = {"id": row["id"], "delay": None if delay is None else timedelta(seconds=delay)}
        await connection.execute(AGAIN, again)
        if receipt is not None:
            await store_receipt(connection, gateway.name, receipt, clock.now())
