"""Work that must be done in order where it concerns the same thing, and at once elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable

Job = Callable[[], Awaitable[None]]

_log = logging.getLogger(__name__)


class Lanes:
    """Runs jobs with the same key one after another, and different keys side by side."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, key: Hashable, job: Job) -> None:
        """Run ``job`` once all earlier jobs with ``key`` are done."""
        queue = self._waiting.get(key)
        if queue is not None:
            queue.append(job)
            return
        queue = self._waiting[key] = deque((job,))
        task = asyncio.get_running_loop().create_task(self._work(key, queue))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def clear(self) -> None:
        """Give up everything that waits or runs."""
        self._waiting = {}
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Give up everything and wait until it has stopped."""
        tasks = list(self._tasks)
        self.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, key: Hashable, queue: deque[Job]) -> None:
        try:
            while queue:
                job = queue.popleft()
                try:
                    await job()
                except Exception:  # noqa: BLE001
                    # A mistake of ours in one job must not hold up the jobs behind it.
                    _log.exception("a job failed")
        finally:
            # After clear() the key may belong to a newer queue.
            if self._waiting.get(key) is queue:
                del self._waiting[key]
