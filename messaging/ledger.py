"""Writes what vendors accepted, many texts in one commit.

While one commit is under way, the next answers gather; so the busier the worker, the fewer
commits a text costs, and a lone text does not wait.
"""

from __future__ import annotations

import asyncio
from contextvars import Context

import psycopg
from psycopg_pool import PoolTimeout

from database.pool import Pool
from messaging.clock import Clock
from messaging.outcomes import AcceptedText, write_accepted

MOST = 200
"""Texts in one commit at most."""


class Ledger:
    """Records accepted texts.

    Args:
        pool: of connections.
        clock: for the time at which receipts are applied.
    """

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._gathered: list[tuple[AcceptedText, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def accepted(self, text: AcceptedText) -> None:
        """Return once the text is recorded.

        Raises:
            psycopg.OperationalError: the database is away; the text will be looked up.
            PoolTimeout: likewise.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gathered.append((text, written))
        if self._writing is None or self._writing.done():
            # In a context of its own: what is logged there is not about this text alone.
            self._writing = asyncio.create_task(self._write(), context=Context())
        await written

    async def _write(self) -> None:
        while self._gathered:
            batch, self._gathered = self._gathered[:MOST], self._gathered[MOST:]
            error: Exception | None = None
            try:
                await write_accepted(self._pool, [text for text, _ in batch], self._clock.now())
            except (psycopg.Error, PoolTimeout) as failure:
                error = failure
            for _, written in batch:
                if written.done():  # the worker is stopping
                    continue
                if error is None:
                    written.set_result(None)
                else:
                    written.set_exception(error)
