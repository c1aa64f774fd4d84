"""``linnet send``: one text that nobody asked for, and what became of it."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console

from cli.failure import Failure
from connectors.settings import load_settings
from database.pool import Pool, make_pool
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.outbox import enqueue_notice
from messaging.routing import Route, route

POLL_SECONDS = 0.3
OVER = frozenset({"delivered", "failed", "unknown"})
STATE = """
SELECT state, segments, vendor_id, error_code, error_staff FROM outbound_text WHERE id = %(id)s
"""


async def send(
    *,
    url: str,
    to: str,
    body: str,
    sender: str | None,
    wait: timedelta,
    console: Console,
    credentials: Path = Path("credentials.yml"),
) -> None:
    """Put a text into the outbox and wait until its fate is known.

    Args:
        url: of the database.
        to: the customer's number, E.164.
        body: the text.
        sender: the number of ours that it leaves from; when None, the one that the customer
            knows, and for a new customer one of a gateway that is well.
        wait: how long at most; after it the text is still sent by the worker.
        console: told of each change.
        credentials: the file.

    Raises:
        Failure: it was not sent, or nobody sends it.
    """
    settings = load_settings(credentials)
    named = Route(settings.gateway_for_number(sender).name, sender) if sender else None
    clock, ids = SystemClock(), TimeOrderedIds()
    own_id = ids.new_id()
    async with make_pool(url, max_size=1) as pool:
        async with pool.connection() as connection, connection.transaction():
            way = named or await route(connection, to, settings.candidates, random.random)
            accepted = await enqueue_notice(
                connection,
                id=own_id,
                conversation_id=ids.new_id(),
                gateway=way.gateway,
                number=way.number,
                phone=to,
                body=body,
                now=clock.now(),
            )
        if not accepted:
            raise Failure(f"{to} has opted out of texts from {way.number}; nothing was sent.")
        row = await _fate(pool, own_id, wait, console)
    if row["state"] == "failed":
        raise Failure(f"Not delivered ({row['error_code']}): {row['error_staff']}")
    if row["state"] == "pending":
        raise Failure("Nobody sends it: start `linnet worker` (or `linnet up`); the text waits.")


async def _fate(pool: Pool, own_id: UUID, wait: timedelta, console: Console) -> dict[str, Any]:
    shown = None
    clock = asyncio.get_running_loop().time
    deadline = clock() + wait.total_seconds()
    while True:
        async with pool.connection() as connection:
            row = await (await connection.execute(STATE, {"id": own_id})).fetchone()
        if row is None:
            raise Failure("The text is gone from the database.")
        if row["state"] != shown:
            shown = row["state"]
            named = f" (vendor id {row['vendor_id']})" if row["vendor_id"] else ""
            console.print(f"{shown}{named}, {row['segments']} segment(s)", highlight=False)
        if shown in OVER or clock() > deadline:
            return row
        await asyncio.sleep(POLL_SECONDS)
