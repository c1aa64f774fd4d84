"""The Rasa channel: Linnet's webhooks on Rasa's own port, and the turn workers beside the model.

credentials.yml names it as ``connectors.sms.SMSInput``. In production gateways post to the
ingress (``connectors/ingress.py``) instead; both store texts with the same handler, and every
Rasa process of the cluster answers them.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, json

from connectors.assistant import RasaAssistant
from connectors.credentials import settings_from
from connectors.settings import Settings
from connectors.webhooks import WebhookHandler
from database.pool import make_pool
from database.url import database_url
from messaging import tracing
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.inbox import Inbox
from messaging.logs import configure_logging
from messaging.media_inbox import Fetch, MediaInbox
from messaging.metrics import SPOOLED
from messaging.spool import Spool
from messaging.turn import TurnPolicy, TurnWorker
from messaging.wake import Listener

if TYPE_CHECKING:
    from connectors.media_fetch import MediaFetcher

log = structlog.get_logger(__name__)


class SMSInput(InputChannel):
    """Texts in over gateways' webhooks; answers out through the outbox.

    Args:
        settings: what credentials.yml and the environment say.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._handler: WebhookHandler | None = None
        self._spool: Spool | None = None

    @classmethod
    def name(cls) -> str:
        """In URLs and in ``channel:`` of responses."""
        return "sms"

    @classmethod
    def from_credentials(cls, credentials: Mapping[str, Any] | None) -> SMSInput:
        """Make the channel from its section of credentials.yml.

        Raises:
            SettingsError: something is missing or wrong; the error says what to write.
        """
        return cls(settings_from(credentials or {}, os.environ))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The routes below ``/webhooks/sms`` and what runs while the server runs."""
        blueprint = Blueprint("linnet_sms")

        @blueprint.get("/")
        async def health(_: Request) -> HTTPResponse:
            return json({"status": "ok" if self._handler else "starting"})

        @blueprint.get("/metrics")
        async def metrics(_: Request) -> HTTPResponse:
            if self._spool is not None:
                SPOOLED.set(self._spool.pending())
            return HTTPResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)

        @blueprint.route("/<gateway:[a-z]+>", methods=["GET", "POST"], name="inbound")
        async def inbound(request: Request, gateway: str) -> HTTPResponse:
            return await self._receive(request, gateway, "inbound")

        @blueprint.route("/<gateway:[a-z]+>/status", methods=["GET", "POST"], name="status")
        async def status(request: Request, gateway: str) -> HTTPResponse:
            return await self._receive(request, gateway, "status")

        # Sanic 21.12 never calls a bound method that is registered as a listener.
        @blueprint.listener("after_server_start")
        async def start(app: Sanic, _: asyncio.AbstractEventLoop) -> None:
            await self._start(app)

        @blueprint.listener("before_server_stop")
        async def stop(_app: Sanic, _: asyncio.AbstractEventLoop) -> None:
            await self._stack.aclose()

        return blueprint

    async def _receive(self, request: Request, gateway: str, kind: str) -> HTTPResponse:
        if self._handler is None:
            return json({"error": "starting"}, status=503)
        target = request.raw_url.decode("latin-1")  # as it was sent: gateways sign it so
        given = self._handler.request(request.method, target, request.headers, request.body)
        answer = await self._handler.handle(gateway, given, kind)
        return HTTPResponse(answer.body, answer.status, content_type=answer.content_type)

    async def _start(self, app: Sanic) -> None:
        configure_logging("rasa", os.environ.get("LOG_LEVEL", "INFO"))
        tracing.start("rasa")
        self._stack.callback(tracing.stop)
        url, settings = database_url(), self._settings
        clock, ids = SystemClock(), TimeOrderedIds()
        # Rasa logs every step of every text for debugging, texts included; the cost of building
        # those lines is a tenth of a turn.
        logging.getLogger("rasa").setLevel(logging.WARNING)
        pool = await self._stack.enter_async_context(make_pool(url))
        listener = await self._stack.enter_async_context(Listener(url, "linnet_inbox"))
        store = Inbox(pool, settings.burst_seconds).store
        spool = Spool(Path(os.environ.get("LINNET_DATA_DIR") or ".linnet") / "spool", "rasa")
        self._spool = spool
        self._stack.callback(spool.close)
        self._run(spool.keep_draining(store))
        self._handler = WebhookHandler(settings, store, spool, clock)
        assistant = RasaAssistant(app.ctx.agent)
        self._stack.push_async_callback(assistant.close)
        if app.ctx.agent.is_ready():  # without a model, texts wait and `rasa run` says why
            await assistant.warm_up()
        worker = TurnWorker(
            pool,
            listener,
            assistant,
            settings.company,
            settings.text_policies,
            TurnPolicy(burst=timedelta(seconds=settings.burst_seconds)),
            clock,
            ids.new_id,
            MediaInbox(pool, _fetch_for(settings), clock, ids.new_id),
        )
        self._run(worker.run())
        if settings.delivery == "rasa":
            # Imported here: 7 MB that only a process that sends pays.
            from messaging.worker import run_worker  # noqa: PLC0415

            self._run(run_worker(url, settings.worker_plan))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._stack.push_async_callback(_end, asyncio.create_task(work))


def _fetch_for(settings: Settings) -> Fetch:
    async def fetch(url: str, longest: int) -> bytes:
        return await fetcher().content(url, longest)

    @cache
    def fetcher() -> MediaFetcher:
        # Imported here: 7 MB that only a process that was sent a picture pays.
        from connectors.media_fetch import MediaFetcher  # noqa: PLC0415

        return MediaFetcher(settings.gateways.values())

    return fetch


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
