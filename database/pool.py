"""Connections to PostgreSQL: one pool a process, rows as dictionaries."""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]


def make_pool(url: str, *, max_size: int = 8) -> Pool:
    """A pool for ``url``, not yet open: ``await pool.open()`` or ``async with pool``.

    Connections are in autocommit mode, so that a transaction is always visible in the code
    as ``async with connection.transaction()``.

    Args:
        url: ``postgresql://user:password@host:port/database``.
        max_size: connections kept at most.
    """
    return AsyncConnectionPool(
        url,
        connection_class=AsyncConnection[DictRow],
        min_size=1,
        max_size=max_size,
        open=False,
        timeout=5.0,
        reconnect_timeout=2.0,
        check=AsyncConnectionPool.check_connection,
        kwargs={"autocommit": True, "row_factory": dict_row},
    )
