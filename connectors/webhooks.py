"""What happens between a gateway's request and our answer, whatever the web framework.

Verify on the raw bytes, read, store, answer. What is refused leaves no trace but a log line
and a count; what is acknowledged is in the database, or on disk until the database is back.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

from connectors.gateways.base import (
    Gateway,
    Inbound,
    Media,
    Receipt,
    WebhookRequest,
    WebhookResponse,
)
from connectors.gateways.numbers import e164
from connectors.settings import Settings
from messaging import tracing
from messaging.clock import Clock
from messaging.errors import (
    DatabaseUnavailable,
    Forbidden,
    LinnetError,
    MalformedRequest,
    TooLarge,
    UnknownGateway,
    WebhookRefused,
)
from messaging.masking import hiding
from messaging.metrics import UNSIGNED, WEBHOOK_SECONDS, WEBHOOKS
from messaging.spool import Spool, Store
from messaging.tracing import Span

log = logging.getLogger(__name__)

LONGEST_BODY = 64 * 1024
"""Bytes. The longest text with ten pictures is a tenth of it."""

STORE_SECONDS = 3.0
"""How long the database may take before a text goes to disk. Twilio waits 15 s for an answer,
and a database that is slower than this is as good as away."""

BUSY = 64
"""Attempts at the same time, above which what comes goes to disk at once: the disk takes many
together, and who waits behind so many waits for longer than a vendor should."""

END_SECONDS = 10.0
"""When an attempt is ended that has not ended by itself. Not at once: under load hundreds are late
together, and ending each asks the database for one more connection (measured: it then stored
nothing for a minute)."""


class WebhookHandler:
    """Takes requests of all configured gateways.

    Args:
        settings: with the gateways.
        store: puts events into the database; raises where it cannot.
        spool: takes what the database cannot; without it such requests are answered with 503.
        clock: says when a request came.
        new_id: for the id that a request has in the log.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        spool: Spool | None,
        clock: Clock,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._settings = settings
        self._store = store
        self._spool = spool
        self._clock = clock
        self._new_id = new_id
        self._attempts: set[asyncio.Task[None]] = set()
        self._lines: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> WebhookRequest:
        """A request that has just come, as its gateway knows it.

        Args:
            method: of HTTP.
            target: path and query as they were sent, percent-encoding untouched.
            headers: names in any case.
            body: raw; more than the limit may be cut off, as long as it is still too long.
        """
        return WebhookRequest(
            method=method,
            url=self._settings.public_url + target,
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
            received_at=self._clock.now(),
        )

    async def handle(self, name: str, request: WebhookRequest, kind: str) -> WebhookResponse:
        """Answer a request; never raises for what it contains.

        Args:
            name: of the gateway, from the URL.
            request: as it came.
            kind: ``inbound`` or ``status``: to which of the gateway's URLs it came. That is for
                the metric; what a request says is told by its content.

        Returns:
            What the gateway expects to read once everything is kept; 4xx with a reason where
            the request is refused; 503 where it could not be kept.
        """
        # Loaded with the first request: it is a quarter of the ingress's start.
        from structlog.contextvars import bound_contextvars  # noqa: PLC0415

        began = time.perf_counter()
        gateway = self._settings.gateways.get(name)
        # A name from outside must not become a label: there is no end to those.
        label = gateway.name if gateway else "unknown"
        with (
            bound_contextvars(request_id=str(self._new_id()), gateway=label),
            tracing.span("webhook.receive", {"gateway": label, "kind": kind}) as span,
        ):
            outcome, answer = await self._answer(gateway, name, request, span)
            span.set(outcome=outcome, status=answer.status)
        WEBHOOKS.labels(label, kind, outcome).inc()
        WEBHOOK_SECONDS.labels(label, kind).observe(time.perf_counter() - began)
        return answer

    async def _answer(
        self, gateway: Gateway | None, name: str, request: WebhookRequest, span: Span
    ) -> tuple[str, WebhookResponse]:
        try:
            if gateway is None:
                raise UnknownGateway(f"credentials.yml has no gateway of this name: {name:.20}")
            events = self._events(gateway, request)
            span.set(vendor_id=" ".join(_ids(events)))
            with hiding(*(event.body for event in events if isinstance(event, Inbound))):
                outcome = await self._keep(gateway.name, events, request.received_at)
        except WebhookRefused as error:
            log.warning("webhook.refused", extra={"reason": error.reason, "detail": error.detail})
            return error.reason, _refusal(error.status, error, error.reason)
        except DatabaseUnavailable as error:
            log.error("webhook.lost", extra={"detail": error.detail})  # noqa: TRY400 - it says why
            return "lost", _refusal(503, error, "unavailable")
        return outcome, gateway.answer(events)

    def _events(self, gateway: Gateway, request: WebhookRequest) -> list[Inbound | Receipt]:
        if len(request.body) > LONGEST_BODY:
            raise TooLarge(f"more than {LONGEST_BODY} bytes")
        try:
            gateway.verify(request)
        except Forbidden as error:
            if self._settings.signature == "enforce":
                raise
            UNSIGNED.labels(gateway.name, error.reason).inc()
            log.warning(
                "webhook.unsigned-but-taken",
                extra={"reason": error.reason, "detail": error.detail},
            )
        return [_tidy(event, gateway) for event in gateway.parse(request)]

    async def _keep(
        self, gateway: str, events: Sequence[Inbound | Receipt], received_at: datetime
    ) -> str:
        """Keep what a request brought; the texts of one phone one after the other.

        A text that the database takes long over, and that then goes to disk, is otherwise
        overtaken by the next one of its phone.
        """
        phone = next((_phone(event) for event in events if isinstance(event, Inbound)), None)
        if phone is None:
            return await self._keep_now(gateway, events, received_at)
        line = self._lines.setdefault(phone, asyncio.Lock())
        async with line:
            return await self._keep_now(gateway, events, received_at)

    async def _keep_now(
        self, gateway: str, events: Sequence[Inbound | Receipt], received_at: datetime
    ) -> str:
        # While older texts wait on disk, new ones go behind them.
        to_disk = self._spool is not None and (
            self._spool.pending() > 0 or len(self._attempts) >= BUSY
        )
        if not to_disk:
            try:
                await self._store_in_time(gateway, events, received_at)
            except Exception as error:
                # Whatever the reason, this text is acknowledged only if it is on disk.
                if self._spool is None:
                    raise DatabaseUnavailable(f"not stored: {type(error).__name__}") from error
                log.warning("webhook.spooled", extra={"error": repr(error), "ids": _ids(events)})
            else:
                return "stored"
        assert self._spool is not None  # noqa: S101  as both ways here found
        try:
            await self._spool.append(gateway, events, received_at)
        except OSError as error:
            raise DatabaseUnavailable(
                f"neither stored nor written to disk: {error.strerror}"
            ) from error
        return "spooled"

    async def _store_in_time(
        self, gateway: str, events: Sequence[Inbound | Receipt], received_at: datetime
    ) -> None:
        """Store, or raise TimeoutError.

        The attempt is not waited for when its time is over, but may still succeed: the text is
        then stored twice, which does nothing. One that hangs is ended later on.
        """

        async def attempt() -> None:
            await self._store(gateway, events, received_at)

        task = asyncio.create_task(attempt())
        self._attempts.add(task)
        task.add_done_callback(self._forget)
        done, _ = await asyncio.wait({task}, timeout=STORE_SECONDS)
        if done:
            return task.result()
        asyncio.get_running_loop().call_later(END_SECONDS - STORE_SECONDS, task.cancel)
        raise TimeoutError

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._attempts.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain


def _phone(text: Inbound) -> tuple[str, str]:
    return text.recipient, text.sender


def _ids(events: Sequence[Inbound | Receipt]) -> list[str]:
    """The vendor's ids of what a request brought."""
    return [
        event.external_id if isinstance(event, Inbound) else event.vendor_id for event in events
    ]


def _tidy(event: Inbound | Receipt, gateway: Gateway) -> Inbound | Receipt:
    """The event with numbers in E.164 and without what PostgreSQL cannot hold."""
    if isinstance(event, Receipt):
        return replace(
            event,
            vendor_id=_key(event.vendor_id),
            vendor_status=_plain(event.vendor_status),
            raw=_plain(event.raw),
        )
    recipient = e164(event.recipient, gateway.numbers[0])
    if recipient not in gateway.numbers:
        raise Forbidden(
            f"this is for {event.recipient}, but the numbers of {gateway.name} are "
            f"{', '.join(gateway.numbers)}; write it below numbers in credentials.yml",
            "number",
        )
    return Inbound(
        external_id=_key(event.external_id),
        sender=_plain(e164(event.sender, recipient)),
        recipient=recipient,
        body=_plain(event.body),
        media=tuple(Media(_plain(one.url), _plain(one.content_type)) for one in event.media),
        opt_out_type=event.opt_out_type,
    )


def _key(value: str) -> str:
    if _plain(value) != value:
        raise MalformedRequest("the id of the text has characters that no id has")
    return value


def _plain(value: Any) -> Any:
    """Text without NUL and without halves of surrogate pairs, however deep."""
    if isinstance(value, str):
        return (
            value.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
    if isinstance(value, Mapping):
        return {_plain(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def _refusal(status: int, error: LinnetError, reason: str) -> WebhookResponse:
    content = {"error": error.code, "reason": reason, "detail": error.detail}
    return WebhookResponse(status, json.dumps(content).encode(), "application/json")
