"""What a crash of PostgreSQL brought to light: a lease that was renewed for ever."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from database.pool import Pool, make_pool
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.turn import TurnPolicy, TurnWorker
from messaging.turn_table import claim
from messaging.wake import Listener
from tests.integration.engine import COMPANY, WORDS, Echo, no_media, rows, text_in, until

POLICY = TurnPolicy(burst=timedelta(0), lease=timedelta(seconds=0.15))


async def test_a_keeper_ends_although_its_cancellation_was_lost(database_url: str) -> None:
    """It waits for a connection, and gets it in the moment in which it is cancelled."""
    async with make_pool(database_url, max_size=1) as pool:
        worker = TurnWorker(
            pool,
            Listener(database_url),
            Echo(),
            COMPANY,
            {"twilio": WORDS},
            POLICY,
            SystemClock(),
            TimeOrderedIds().new_id,
            no_media(pool),
        )
        await text_in(pool, "hello")
        turn = await until(lambda: claim(pool, POLICY.lease, POLICY.burst))
        async with pool.connection():  # the only one
            keeper = asyncio.create_task(worker._keep(turn))
            await until(lambda: _somebody_waits(pool))
        keeper.cancel()
        await asyncio.wait({keeper}, timeout=1)
        ended = keeper.done()
        keeper.cancel()
        assert ended
        (turns,) = await rows(pool, "SELECT state FROM turn")
        assert turns == {"state": "running"}  # so a keeper that lives would renew it


async def _somebody_waits(pool: Pool) -> bool:
    return bool(pool.get_stats().get("requests_waiting"))
