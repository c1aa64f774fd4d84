"""Takes texts from the queue and has them sent, as many at a time as one process should.

What one request comes to is decided in ``messaging/sending.py``.
"""

from __future__ import annotations

import asyncio

import psycopg
import structlog
from psycopg_pool import PoolTimeout
from structlog.contextvars import bound_contextvars

from database.pool import Pool
from messaging.cancellation import cancelled
from messaging.clock import Clock
from messaging.delivery_table import ClaimedText, Queue
from messaging.holding import Gate
from messaging.masking import hiding
from messaging.sending import DeliveryPolicy, Desk, Sender, ids
from messaging.wake import Listener

log = structlog.get_logger(__name__)


class DeliveryWorker:
    """Sends what the outbox holds until it is cancelled.

    Args:
        pool: of connections.
        listener: woken when texts are put into the outbox.
        desk: what is at hand for sending.
        policy: times and limits.
        clock: for the time at which receipts are applied, and by which quiet hours go.
    """

    def __init__(
        self,
        pool: Pool,
        listener: Listener,
        desk: Desk,
        policy: DeliveryPolicy,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._listener = listener
        self._policy = policy
        self._queue = Queue(pool, desk.gateways, policy.lease)
        self._prepared = False
        self._gate = Gate(pool, desk.hours, desk.consent, clock)
        self._sender = Sender(pool, desk, policy, clock)
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until cancelled; requests that are under way then are looked up later."""
        try:
            while not cancelled():
                await self._listener.wait(await self._step())
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _step(self) -> float:
        """Start every request that may start now; seconds until the next look."""
        idle = self._policy.idle.total_seconds()
        try:
            if not self._prepared:
                await self._queue.prepare()
                self._prepared = True
            while room := self._policy.concurrency - len(self._running):
                claimed = await self._queue.claim(room)
                for text in claimed.texts:
                    task = asyncio.create_task(self._handle(text))
                    self._running.add(task)
                    task.add_done_callback(self._done)
                if claimed.next_in is not None and claimed.next_in > 0:
                    return min(claimed.next_in, idle)
                if not claimed.texts and claimed.next_in is None:
                    due = await self._queue.next_due()
                    return idle if due is None else min(due, idle)
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("delivery.database-away", error=type(error).__name__)
            return 1.0
        return idle

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._listener.wake()

    async def _handle(self, text: ClaimedText) -> None:
        """Work on a text, with its ids in every line of the log."""
        until = asyncio.get_running_loop().time() + self._policy.within
        with hiding(text.message.body), bound_contextvars(**ids(text)):
            try:
                if text.check:
                    await self._sender.look_up(text)
                elif not await self._gate.holds(text):
                    await self._sender.send(text, until)
            except (psycopg.OperationalError, PoolTimeout) as error:
                # The outcome could not be written: the lease ends and the text is looked up.
                log.warning("delivery.database-away", error=type(error).__name__)
            except Exception:
                log.exception("delivery.broken")  # the lease ends and it is looked up
