"""Sends texts. A request has three outcomes, and the third is never taken for the second.

``accepted``: the vendor has it. ``refused``: the vendor said no; tried again where the table of
its codes says that this can help. ``unknown``: bytes left and no answer came; looked up at the
vendor before anything is sent again. Where the vendor cannot be asked, a receipt may still tell;
if none does, a policy decides, and what it decided is kept with the text.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import structlog
from psycopg_pool import PoolTimeout
from structlog.contextvars import bound_contextvars

from connectors.gateways.base import Accepted, Gateway, Outcome, Refused, Unknown
from database.pool import Pool
from messaging import metrics, tracing
from messaging.cancellation import cancelled
from messaging.clock import Clock
from messaging.delivery_table import ClaimedText, Queue
from messaging.errors import LookUpFailed
from messaging.ledger import Ledger
from messaging.masking import hiding
from messaging.outcomes import AcceptedText, Event, settle
from messaging.retry import ask_delay, check_delay, next_delay
from messaging.tracing import Attribute
from messaging.wake import Listener

log = structlog.get_logger(__name__)

SEND_SECONDS = 15.0
"""How long a vendor may take to answer a request to send."""

REPLIES = frozenset({"reply", "failure"})
"""Kinds of texts that somebody waits for."""


def request_timeout(seconds: float) -> httpx.Timeout:
    """The time-outs of a request.

    Args:
        seconds: that the vendor may take to answer.
    """
    brief = seconds / 3
    return httpx.Timeout(connect=brief, read=seconds, write=brief, pool=brief)


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How texts are sent.

    Attributes:
        concurrency: requests of one process at the same time.
        lease: how long a worker may take over one text; longer than any request may last,
            so that a text is never looked up while its request is still under way.
        idle: the slow poll, should a notification be lost.
        receipt_wait: how long a receipt is waited for where the vendor cannot be asked whether
            it has a text, but gives our own id back in receipts.
        resend_replies: whether a reply is sent again, once, if its fate cannot be known: two
            answers are better than none.
        resend_notices: the same for all else: no reminder is better than two.
    """

    concurrency: int = 64
    lease: timedelta = timedelta(seconds=2 * SEND_SECONDS + 1)
    idle: timedelta = timedelta(seconds=5)
    receipt_wait: timedelta = timedelta(seconds=60)
    resend_replies: bool = True
    resend_notices: bool = False

    @classmethod
    def answering_within(cls, seconds: float, **others: Any) -> DeliveryPolicy:
        """For vendors that answer a request within so many seconds, or never."""
        return cls(lease=timedelta(seconds=2 * seconds + 1), **others)

    def resends(self, text: ClaimedText) -> bool:
        """Whether a text is sent again although nobody can tell whether it is out."""
        wanted = self.resend_replies if text.kind in REPLIES else self.resend_notices
        return wanted and text.resends == 0


class DeliveryWorker:
    """Sends what the outbox holds until it is cancelled.

    Args:
        pool: of connections.
        listener: woken when texts are put into the outbox.
        gateways: by name.
        http: the client for all requests.
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
        self._queue = Queue(pool, gateways, policy.lease)
        self._prepared = False
        self._ledger = Ledger(pool, clock)
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
        with hiding(text.message.body), bound_contextvars(**_ids(text)):
            try:
                if text.check:
                    await self._check(text)
                else:
                    await self._send(text)
            except (psycopg.OperationalError, PoolTimeout) as error:
                # The outcome could not be written: the lease ends and the text is looked up.
                log.warning("delivery.database-away", error=type(error).__name__)
            except Exception:
                log.exception("delivery.broken")  # the lease ends and it is looked up

    async def _send(self, text: ClaimedText) -> None:
        gateway = self._gateways[text.gateway]
        with (
            tracing.span(
                "delivery.send", {**_ids(text), "segments": text.segments}, parent=text.trace
            ) as span,
            metrics.SEND_SECONDS.labels(gateway.name).time(),
        ):
            outcome = await self._ask_to_send(gateway, text)
            name, code = type(outcome).__name__.lower(), _code(outcome)
            span.set(outcome=name, code=code or None)
        metrics.SENDS.labels(gateway.name, name, code).inc()
        match outcome:
            case Accepted(vendor_id):
                await self._accepted(gateway, text, vendor_id)
            case Refused():
                await self._refused(text, outcome)
            case Unknown(reason):
                log.warning("delivery.unknown", reason=reason)
                await self._unknown(gateway, text, reason)

    async def _ask_to_send(self, gateway: Gateway, text: ClaimedText) -> Outcome:
        """One request, or the few that a gateway needs, within the lease."""
        limit = self._policy.lease.total_seconds() * 0.9
        try:
            async with asyncio.timeout(limit):
                return await gateway.send(text.message, self._http)
        except TimeoutError:
            return Unknown(f"{gateway.name} gave no answer within {limit:.0f} s")

    async def _accepted(self, gateway: Gateway, text: ClaimedText, vendor_id: str) -> None:
        seconds = ask_delay(0, reports_status=gateway.capabilities.reports_status)
        ask = None if seconds is None else timedelta(seconds=seconds)
        await self._ledger.accepted(AcceptedText(text, vendor_id, ask))
        log.info("delivery.accepted", vendor_id=vendor_id)

    async def _refused(self, text: ClaimedText, refused: Refused) -> None:
        delay = None
        if refused.retry is not None:
            delay = next_delay(
                refused.retry,
                text.attempts,
                retry_after=refused.retry_after,
                now=self._clock.now(),
                random=random.random,
            )
        log.info("delivery.refused", code=refused.code, again_in=delay)
        plan = "given up" if delay is None else f"again in {delay:.0f} s"
        await settle(
            self._pool,
            text,
            "failed" if delay is None else "pending",
            event=Event("refused", f"attempt {text.attempts}; {plan}", refused.code),
            delay=delay or 0.0,
            parked=refused.retry is not None and refused.retry.next_day,
            code=refused.code,
            staff=refused.staff,
            suppress=refused.suppress,
        )

    async def _unknown(self, gateway: Gateway, text: ClaimedText, reason: str) -> None:
        can = gateway.capabilities
        if can.look_up:
            wait = check_delay(0) or 0.0
        elif can.receipts_name_us:
            wait = self._policy.receipt_wait.total_seconds()
        else:
            await self._decide(text, reason)
            return
        await settle(
            self._pool,
            text,
            "checking",
            event=Event("unknown", reason),
            delay=wait,
            code="outcome-unknown",
        )

    async def _decide(self, text: ClaimedText, reason: str) -> None:
        """Nobody can tell whether the text is out."""
        if self._policy.resends(text):
            event = Event("resent", f"{reason}; it may be out already")
            await settle(
                self._pool, text, "pending", event=event, resent=True, code="outcome-unknown"
            )
            return
        await settle(
            self._pool,
            text,
            "unknown",
            event=Event("left-unknown", reason),
            code="outcome-unknown",
            staff="The gateway did not say whether it took this text, and it cannot be asked.",
        )
        log.warning("delivery.left-unknown", reason=reason)

    async def _check(self, text: ClaimedText) -> None:
        gateway = self._gateways[text.gateway]
        if not gateway.capabilities.look_up:
            await self._decide(text, "no answer came and no receipt")
            return
        try:
            with tracing.span("delivery.look-up", _ids(text), parent=text.trace) as span:
                async with asyncio.timeout(self._policy.lease.total_seconds() * 0.9):
                    found = await gateway.find(text.message, self._http)
                span.set(found=found is not None)
        except (LookUpFailed, TimeoutError) as error:
            log.warning("delivery.look-up-failed", detail=str(error))
            await self._check_again(text)
            return
        if found is not None:
            await self._accepted(gateway, text, found.vendor_id)
            return
        delay = check_delay(text.checks + 1)
        if delay is None:  # asked often enough: the vendor does not have it
            event = Event("not-found", "the vendor does not have it, so it is sent again")
            await settle(self._pool, text, "pending", event=event)
        else:
            await settle(
                self._pool,
                text,
                "checking",
                delay=delay,
                checks=text.checks + 1,
                code="outcome-unknown",
            )

    async def _check_again(self, text: ClaimedText) -> None:
        """A look-up that failed tells nothing: it is repeated until the text is too old."""
        if text.expired:
            await settle(
                self._pool,
                text,
                "unknown",
                event=Event("left-unknown", "the vendor could not be asked in time"),
                code=LookUpFailed.code,
                staff=LookUpFailed.staff,
            )
        else:
            await settle(
                self._pool,
                text,
                "checking",
                delay=5.0,
                checks=text.checks,
                code=LookUpFailed.code,
            )


def _ids(text: ClaimedText) -> dict[str, Attribute]:
    """What a text is known by in logs and traces."""
    ids: dict[str, Attribute] = {
        "conversation": str(text.conversation_id),
        "text_id": str(text.id),
        "gateway": text.gateway,
        "lane": text.lane.name.lower(),
        "attempt": text.attempts,
    }
    return ids if text.turn_id is None else {**ids, "turn": str(text.turn_id)}


def _code(outcome: Outcome) -> str:
    return outcome.code if isinstance(outcome, Refused) else ""
