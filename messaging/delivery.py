"""Sends texts. A request has three outcomes, and the third is never taken for the second.

``accepted``: the vendor has it. ``refused``: the vendor said no; tried again where that can
help. ``unknown``: bytes left and no answer came; looked up at the vendor before anything is
sent again, and where the vendor cannot be asked, left as unknown and counted.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx
import psycopg
import structlog
from psycopg_pool import PoolTimeout

from connectors.gateways.base import Accepted, Capabilities, Gateway, Refused, Unknown
from database.pool import Pool
from messaging.cancellation import cancelled
from messaging.clock import Clock
from messaging.delivery_table import ClaimedText, accepted, claim, next_due, settle
from messaging.errors import LookUpFailed
from messaging.metrics import SENDS
from messaging.retry import ask_delay, check_delay, next_delay
from messaging.wake import Listener

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How texts are sent.

    Attributes:
        concurrency: requests of one process at the same time.
        lease: how long a worker may take over one text; longer than any request may last,
            so that a text is never looked up while its request is still under way.
        idle: the slow poll, should a notification be lost.
    """

    concurrency: int = 50
    lease: timedelta = timedelta(seconds=30)
    idle: timedelta = timedelta(seconds=5)


class DeliveryWorker:
    """Sends what the outbox holds until it is cancelled.

    Args:
        pool: of connections.
        listener: woken when texts are put into the outbox.
        gateways: by name.
        http: the client for all requests; its time-outs add up to less than the lease.
        policy: times and limits.
        clock: for the time at which receipts are applied.
    """

    def __init__(
        self,
        pool: Pool,
        listener: Listener,
        gateways: Mapping[str, Gateway],
        http: httpx.AsyncClient,
        policy: DeliveryPolicy,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._listener = listener
        self._gateways = gateways
        self._http = http
        self._policy = policy
        self._clock = clock
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
        idle = self._policy.idle.total_seconds()
        try:
            while room := self._policy.concurrency - len(self._running):
                due = await next_due(self._pool)
                if due is None or due > 0:
                    return idle if due is None else min(due, idle)
                texts = await claim(self._pool, room, self._policy.lease, self._capabilities)
                if not texts:  # another worker is just claiming them, or the pace put them off
                    return 0.02
                for text in texts:
                    task = asyncio.create_task(self._handle(text))
                    self._running.add(task)
                    task.add_done_callback(self._done)
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("delivery.database-away", error=type(error).__name__)
            return 1.0
        return idle

    def _capabilities(self, name: str) -> Capabilities:
        return self._gateways[name].capabilities

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery.broken", exc_info=error)  # the lease ends and it is tried again
        self._listener.wake()

    async def _handle(self, text: ClaimedText) -> None:
        try:
            if text.check:
                await self._check(text)
            elif text.expired:
                await settle(
                    self._pool,
                    text,
                    "failed",
                    code="expired",
                    staff="This text could not be sent in time and was dropped.",
                )
            else:
                await self._send(text)
        except (psycopg.OperationalError, PoolTimeout) as error:
            # The outcome could not be written: the lease ends and the text is looked up.
            log.warning("delivery.database-away", text=str(text.id), error=type(error).__name__)

    async def _send(self, text: ClaimedText) -> None:
        gateway = self._gateways[text.gateway]
        outcome = await gateway.send(text.message, self._http)
        code = outcome.code if isinstance(outcome, Refused) else ""
        SENDS.labels(gateway.name, type(outcome).__name__.lower(), code).inc()
        match outcome:
            case Accepted(vendor_id):
                await self._accepted(gateway, text, vendor_id)
            case Refused():
                await self._refused(text, outcome)
            case Unknown(reason):
                log.warning("delivery.unknown", text_id=str(text.id), reason=reason)
                await self._unknown(gateway, text, reason)

    async def _accepted(self, gateway: Gateway, text: ClaimedText, vendor_id: str) -> None:
        ask = None if gateway.capabilities.reports_status else ask_delay(0)
        after = None if ask is None else timedelta(seconds=ask)
        await accepted(self._pool, text, vendor_id, self._clock.now(), after)

    async def _refused(self, text: ClaimedText, refused: Refused) -> None:
        delay = None
        if refused.retry:
            delay = next_delay(text.attempts, retry_after=refused.retry_after, random=random.random)
        log.info("delivery.refused", text_id=str(text.id), code=refused.code, again_in=delay)
        await settle(
            self._pool,
            text,
            "failed" if delay is None else "pending",
            delay=delay or 0.0,
            code=refused.code,
            staff=refused.staff,
            suppress=refused.suppress,
        )

    async def _unknown(self, gateway: Gateway, text: ClaimedText, reason: str) -> None:
        if gateway.capabilities.look_up:
            await settle(
                self._pool, text, "checking", delay=check_delay(0) or 0.0, code="outcome-unknown"
            )
            return
        await settle(
            self._pool,
            text,
            "unknown",
            code="outcome-unknown",
            staff="The gateway did not say whether it took this text, and it cannot be asked.",
        )
        log.warning("delivery.left-unknown", text_id=str(text.id), reason=reason)

    async def _check(self, text: ClaimedText) -> None:
        gateway = self._gateways[text.gateway]
        if not gateway.capabilities.look_up:
            await self._unknown(gateway, text, "the worker stopped while it was being sent")
            return
        try:
            found = await gateway.find(text.message, self._http)
        except LookUpFailed as error:
            log.warning("delivery.look-up-failed", text_id=str(text.id), detail=error.detail)
            await self._check_again(text, error)
            return
        if found is not None:
            await self._accepted(gateway, text, found.vendor_id)
            return
        delay = check_delay(text.checks + 1)
        if delay is None:  # asked often enough: the vendor does not have it
            await settle(self._pool, text, "pending")
        else:
            await settle(
                self._pool,
                text,
                "checking",
                delay=delay,
                checks=text.checks + 1,
                code="outcome-unknown",
            )

    async def _check_again(self, text: ClaimedText, error: LookUpFailed) -> None:
        """A look-up that failed tells nothing: it is repeated until the text is too old."""
        if text.expired:
            await settle(self._pool, text, "unknown", code=error.code, staff=error.staff)
        else:
            await settle(
                self._pool, text, "checking", delay=5.0, checks=text.checks, code=error.code
            )
