"""Stops a process at an exact step: a test's own transaction holds a lock that the step needs.

Nothing in the stack knows of it. Who waits is read from PostgreSQL, and which of the processes
that is from the port that its connection comes from.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Self

import psutil
import psycopg

from tests.stack import Stack, until

WAITING = """
SELECT activity.client_port AS port FROM pg_locks AS wanted
JOIN pg_stat_activity AS activity USING (pid)
WHERE NOT wanted.granted AND wanted.relation = %(table)s::regclass
    AND activity.query ILIKE %(query)s
"""


class Gate:
    """A table that nobody can write to while the gate is closed.

    Args:
        stack: whose database it is.
        table: the table.
    """

    def __init__(self, stack: Stack, table: str) -> None:
        self._stack = stack
        self._table = table
        self._connection: psycopg.Connection | None = None

    def __enter__(self) -> Self:
        self._connection = psycopg.connect(self._stack.info["database_url"])
        # Were somebody to write just now, this would wait behind them, and they for nobody.
        self._connection.execute("SET lock_timeout = '5s'")
        self._connection.execute(f"LOCK TABLE {self._table} IN SHARE MODE")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._connection is not None
        with suppress(psycopg.OperationalError):  # the server was killed, and the lock with it
            self._connection.rollback()
        self._connection.close()

    def await_waiter(self, kind: str, query: str = "", seconds: float = 20) -> str:
        """Wait until a process stands before the gate; its name.

        Args:
            kind: of the process: ``rasa`` for any of them.
            query: part of what it is about to do.
            seconds: to wait at most.
        """

        def waiting() -> str | None:
            found = self._stack.rows(WAITING, table=self._table, query=f"%{query}%")
            names = {self._process(row["port"]) for row in found}
            return next((name for name in names if name.partition("-")[0] == kind), None)

        what = f"{kind} waits for {self._table}"
        return str(until(waiting, seconds, what))

    def _process(self, port: int) -> str:
        for name, pid in self._stack.info["pids"].items():
            with suppress(psutil.NoSuchProcess):
                connections = psutil.Process(pid).net_connections("tcp")
                if any(one.laddr and one.laddr.port == port for one in connections):
                    return str(name)
        return "nobody"
