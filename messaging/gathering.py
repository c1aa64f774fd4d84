"""Writes many things in one commit: while one is under way, the next ones gather.

So the busier the process, the fewer commits a thing costs, and a lone one does not wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

import psycopg
from psycopg_pool import PoolTimeout

Thing = TypeVar("Thing")
Result = TypeVar("Result")

MOST = 200
"""Things in one commit at most."""
COMMIT_SECONDS = 5.0
"""A commit that takes longer is given up, so that a connection that hangs holds nobody up for ever.
If it succeeds all the same, what is written again then must not count twice."""


class Gathering(Generic[Thing, Result]):
    """Hands what comes one by one to a writer of many.

    Args:
        write: all of some things or none of them, in one transaction; a result for each.
    """

    def __init__(self, write: Callable[[Sequence[Thing]], Awaitable[Sequence[Result]]]) -> None:
        self._write = write
        self._gathered: list[tuple[Thing, asyncio.Future[Result]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._late: set[asyncio.Future[Sequence[Result]]] = set()

    async def put(self, thing: Thing) -> Result:
        """Return what became of a thing once it is written.

        Raises:
            psycopg.OperationalError: the database is away; it may not be written.
            PoolTimeout: likewise.
        """
        written: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._gathered.append((thing, written))
        if self._writing is None or self._writing.done():
            # In a context of its own: what is logged there is not about this thing alone.
            self._writing = asyncio.create_task(self._work(), context=Context())
        return await written

    async def _work(self) -> None:
        while self._gathered:
            batch, self._gathered = self._gathered[:MOST], self._gathered[MOST:]
            await self._attempt(batch)

    async def _attempt(self, batch: Sequence[tuple[Thing, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._in_time([thing for thing, _ in batch])
        except Exception as error:  # noqa: BLE001 - it is raised where put() is awaited
            away = isinstance(error, (psycopg.OperationalError, PoolTimeout))
            if len(batch) > 1 and not away:  # one by one, so that the others do not suffer
                for one in batch:
                    await self._attempt([one])
                return
            for _, written in batch:
                if not written.done():
                    written.set_exception(error)
            return
        for (_, written), result in zip(batch, results, strict=True):
            if not written.done():  # else nobody waits for it any more
                written.set_result(result)

    async def _in_time(self, things: Sequence[Thing]) -> Sequence[Result]:
        task = asyncio.ensure_future(self._write(things))
        done, _ = await asyncio.wait({task}, timeout=COMMIT_SECONDS)
        if done:
            return task.result()
        # It is not waited for: ending a query on a database that hangs may itself hang.
        task.cancel()
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        raise psycopg.OperationalError(f"a commit took more than {COMMIT_SECONDS:g} s")
