"""One process at a time: a lock that ends with its connection, so that no crash leaves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from database.pool import Connection, Pool

LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%(name)s, 0)) AS held"
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%(name)s, 0))"


@asynccontextmanager
async def alone(pool: Pool, name: str) -> AsyncIterator[Connection | None]:
    """Hold the lock ``name`` while inside.

    Args:
        pool: of connections.
        name: of what is done.

    Yields:
        The connection that holds the lock, to work with; None where somebody else holds it.
    """
    async with pool.connection() as connection:
        row = await (await connection.execute(LOCK, {"name": name})).fetchone()
        if row is None or not row["held"]:
            yield None
            return
        try:
            yield connection
        finally:
            try:
                await connection.execute(UNLOCK, {"name": name})
            except BaseException:
                await connection.close()  # and the lock with it
                raise
