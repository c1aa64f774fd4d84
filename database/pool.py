"""Connections to PostgreSQL: one pool a process, rows as dictionaries."""

from __future__ import annotations

import select

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

# Every statement finds the few rows that it needs by an index. While tables are small the planner
# would rather read them whole, and a connection keeps such a plan after they have grown (measured:
# 8,000 receipts in a new database took PostgreSQL four times as long).
BY_INDEX = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"


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
        check=_still_open,
        configure=_by_index,
        kwargs={"autocommit": True, "row_factory": dict_row},
    )


async def _still_open(connection: Connection) -> None:
    """Find out, before a connection is handed out, that its server is gone.

    Nothing comes in on an idle connection, so one with nothing to read is open: that costs a
    system call instead of the round trip of a query, for every time that a connection is used.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        await AsyncConnectionPool.check_connection(connection)


async def _by_index(connection: Connection) -> None:
    await connection.execute(BY_INDEX)
