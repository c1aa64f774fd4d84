"""The action server's way to the database: one pool a process, opened by the first action."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from database.pool import Connection, Pool, make_pool
from database.url import database_url

_pool: Pool | None = None
_opening = asyncio.Lock()


@asynccontextmanager
async def connect() -> AsyncIterator[Connection]:
    """A connection of the pool, for the time of one action.

    Raises:
        psycopg.OperationalError: the database does not answer. Actions let it through, because
            the engine then answers with its own failure message and tries the turn again.
    """
    pool = await _open_pool()
    async with pool.connection() as connection:
        yield connection


async def _open_pool() -> Pool:
    global _pool  # noqa: PLW0603  (one a process, and Rasa's SDK has no place to keep it)
    async with _opening:
        if _pool is None:
            # In a thread: without DATABASE_URL this may start the embedded server.
            pool = make_pool(await asyncio.to_thread(database_url))
            await pool.open()
            _pool = pool
    return _pool
