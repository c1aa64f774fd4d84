"""Waits for PostgreSQL's word that there is work, with a slow poll as a net."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import psycopg
import structlog

log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 1.0


class Listener:
    """Wakes whoever waits when one of ``channels`` is notified.

    A notification may be lost while the connection is down, so every wait has a time limit
    and a reconnection counts as a notification.

    Args:
        url: of the database.
        channels: names of notification channels.
    """

    def __init__(self, url: str, *channels: str) -> None:
        self._url = url
        self._channels = channels
        self._event = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self, seconds: float) -> None:
        """Return on the next notification, at once if one came since, or after ``seconds``."""
        # Not asyncio.wait_for: see messaging/cancellation.py.
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()

    def wake(self) -> None:
        """Wake the waiter from within the process."""
        self._event.set()

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True
                ) as connection:
                    for channel in self._channels:
                        await connection.execute(f"LISTEN {channel}")
                    self._event.set()
                    async for _ in connection.notifies():
                        self._event.set()
            except psycopg.OperationalError as error:
                log.warning("listener.disconnected", detail=type(error).__name__)
                await asyncio.sleep(RECONNECT_SECONDS)
