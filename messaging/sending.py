"""Sends one text. A request has three outcomes, and the third is never taken for the second.

``accepted``: the vendor has it. ``refused``: the vendor said no; tried again where the table of
its codes says that this can help. ``unknown``: bytes left and no answer came; looked up at the
vendor before anything is sent again. Where the vendor cannot be asked, a receipt may still tell;
if none does, a policy decides, and what it decided is kept with the text.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import structlog

from connectors.gateways.base import Accepted, Gateway, Outbound, Outcome, Refused, Unknown
from database.pool import Pool
from messaging import metrics, tracing
from messaging.attachments import MediaCheck
from messaging.clock import Clock
from messaging.consent import ConsentPolicy
from messaging.delivery_table import ClaimedText
from messaging.errors import LinnetError, LookUpFailed
from messaging.failover import Failover
from messaging.health_table import SendCounts
from messaging.ledger import Ledger
from messaging.media_table import store_fitted
from messaging.outcomes import AcceptedText, Event, settle
from messaging.phone_hours import QuietHours
from messaging.retry import LATER, ask_delay, check_delay, next_delay
from messaging.tracing import Attribute

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

    @property
    def within(self) -> float:
        """Seconds from the claim of a text within which its request must be over."""
        return self.lease.total_seconds() * 0.9

    def resends(self, text: ClaimedText) -> bool:
        """Whether a text is sent again although nobody can tell whether it is out."""
        wanted = self.resend_replies if text.kind in REPLIES else self.resend_notices
        return wanted and text.resends == 0


@dataclass(frozen=True, slots=True)
class Desk:
    """What is at hand for sending.

    Attributes:
        gateways: by name.
        http: the client for all requests.
        media: checks files before they leave.
        failover: finds another gateway for a first text.
        counts: what is seen of the gateways.
        hours: when phones may be texted unasked; None where they may at any.
        consent: where a STOP counts; None where one to any number counts.
    """

    gateways: Mapping[str, Gateway]
    http: httpx.AsyncClient
    media: MediaCheck
    failover: Failover
    counts: SendCounts
    hours: QuietHours | None
    consent: ConsentPolicy | None


class Sender:
    """Sends claimed texts, looks them up, and records what came of it.

    Args:
        pool: of connections.
        desk: what is at hand.
        policy: times and limits.
        clock: for the time at which receipts are applied.
    """

    def __init__(self, pool: Pool, desk: Desk, policy: DeliveryPolicy, clock: Clock) -> None:
        self._pool = pool
        self._desk = desk
        self._policy = policy
        self._clock = clock
        self._ledger = Ledger(pool, clock)

    async def send(self, text: ClaimedText, until: float) -> None:
        """Send a text.

        Args:
            text: claimed by this worker.
            until: when the request must be over, on the clock of the event loop: before the lease
                ends, since when somebody else may look the text up and send it again.

        Raises:
            psycopg.OperationalError: the database is away; the text will be looked up.
            PoolTimeout: likewise.
        """
        if text.unreadable is not None:  # no request is made, so nothing is known of the gateway
            error = text.unreadable
            log.warning("delivery.unreadable", code=error.code, detail=error.detail)
            await self._refused(text, Refused(error.code, error.staff, LATER))
            return
        gateway = self._desk.gateways[text.gateway]
        began = time.perf_counter()
        with tracing.span(
            "delivery.send", {**ids(text), "segments": text.segments}, parent=text.trace
        ) as span:
            outcome = await self._ask_to_send(gateway, text, until)
            name, code = type(outcome).__name__.lower(), _code(outcome)
            span.set(outcome=name, code=code or None)
        seconds = time.perf_counter() - began
        self._desk.counts.count(gateway.name, outcome, seconds)
        metrics.SEND_SECONDS.labels(gateway.name).observe(seconds)
        metrics.SENDS.labels(gateway.name, name, code).inc()
        match outcome:
            case Accepted(vendor_id):
                await self._accepted(gateway, text, vendor_id)
            case Refused():
                await self._refused(text, outcome)
            case Unknown(reason):
                log.warning("delivery.unknown", reason=reason)
                await self._unknown(gateway, text, reason)

    async def _fitted(self, gateway: Gateway, text: ClaimedText) -> Outbound:
        """The text as the gateway carries it; its row is changed before any request leaves."""
        if not text.message.media:
            return text.message
        can = gateway.capabilities
        fitted = await self._desk.media.fitted(text.message, can.media, can.longest_body)
        if fitted.message != text.message:
            async with self._pool.connection() as connection:
                await store_fitted(connection, text.id, fitted, self._clock.now())
        return fitted.message

    async def _ask_to_send(self, gateway: Gateway, text: ClaimedText, until: float) -> Outcome:
        """All that a text needs to leave, within the lease: its files looked at, its request."""
        try:
            async with asyncio.timeout_at(until):
                message = await self._fitted(gateway, text)
                return await gateway.send(message, self._desk.http)
        except TimeoutError:
            return Unknown(f"{gateway.name} gave no answer within the lease of the text")

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
        if refused.unhealthy and await self._desk.failover.take_over(text, refused.code):
            return
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

    async def look_up(self, text: ClaimedText) -> None:
        """Find out whether the vendor has a text.

        Raises:
            psycopg.OperationalError: the database is away; it will be looked up again.
            PoolTimeout: likewise.
        """
        gateway = self._desk.gateways[text.gateway]
        if not gateway.capabilities.look_up:
            await self._decide(text, "no answer came and no receipt")
            return
        if text.unreadable is not None:  # it is looked up by its words
            error = text.unreadable
            log.warning("delivery.unreadable", code=error.code, detail=error.detail)
            await self._check_again(text, error)
            return
        try:
            with tracing.span("delivery.look-up", ids(text), parent=text.trace) as span:
                async with asyncio.timeout(self._policy.within):
                    found = await gateway.find(text.message, self._desk.http)
                span.set(found=found is not None)
        except (LookUpFailed, TimeoutError) as error:
            log.warning("delivery.look-up-failed", detail=str(error))
            await self._check_again(text, LookUpFailed)
            return
        if found is not None:
            await self._accepted(gateway, text, found.vendor_id)
            return
        delay = check_delay(text.checks + 1)
        if delay is None:  # asked often enough: the vendor does not have it
            if await self._desk.failover.take_over(text, "no answer, and it has not the text"):
                return
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

    async def _check_again(self, text: ClaimedText, why: LinnetError | type[LinnetError]) -> None:
        """A look-up that failed tells nothing: it is repeated until the text is too old."""
        if text.expired:
            await settle(
                self._pool,
                text,
                "unknown",
                event=Event("left-unknown", "the vendor could not be asked in time"),
                code=why.code,
                staff=why.staff,
            )
        else:
            await settle(
                self._pool,
                text,
                "checking",
                delay=5.0,
                checks=text.checks,
                code=why.code,
            )


def ids(text: ClaimedText) -> dict[str, Attribute]:
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
