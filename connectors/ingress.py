"""The web server that gateways post to: receives texts and stores them.

Besides it shows what was too long for a text (``connectors/pages.py``), and nothing else.

It starts in well under a second and without the database, because most gateways do not repeat
a request that found nobody: what takes long to load (the database's client) is loaded when it
already listens, and until then texts go to disk. Any number of copies may run.

    python -m connectors.ingress --port 5080
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors.credentials import load_settings
from connectors.gateways.base import Inbound, Receipt
from connectors.pages import Pages
from connectors.settings import PAGES, Settings
from connectors.webhooks import LONGEST_BODY, WebhookHandler
from messaging import tracing
from messaging.clock import Clock, SystemClock
from messaging.errors import DatabaseUnavailable, SettingsError
from messaging.metrics import SPOOLED
from messaging.spool import Spool

if TYPE_CHECKING:
    from database.pool import Pool
    from messaging.inbox import Inbox
    from messaging.long_texts import Page

log = logging.getLogger(__name__)

RECONNECT_SECONDS = 2.0
HEALTH_SECONDS = 1.0


class Database:
    """The inbox behind a pool that is opened in the background.

    Args:
        find_url: says where the database is; may take its time and may fail.
        burst_seconds: texts that come within this time of each other are one turn.
    """

    def __init__(self, find_url: Callable[[], str], burst_seconds: float) -> None:
        self._find_url = find_url
        self._burst_seconds = burst_seconds
        self._pool: Pool | None = None
        self._inbox: Inbox | None = None

    async def connect(self) -> None:
        """Open the pool; with the database away, that is tried again and again."""
        while self._pool is None:
            try:
                self._pool = await asyncio.to_thread(self._make_pool)
            except Exception as error:  # noqa: BLE001 - whatever it is, texts are received
                log.warning("ingress.database-away", extra={"error": type(error).__name__})
                await asyncio.sleep(RECONNECT_SECONDS)
        from messaging.inbox import Inbox  # noqa: PLC0415 - loaded with the pool

        self._inbox = Inbox(self._pool, self._burst_seconds)
        await self._pool.open(wait=False)

    async def store(
        self, gateway: str, events: Sequence[Inbound | Receipt], received_at: datetime
    ) -> None:
        """Store what a gateway brought.

        Raises:
            DatabaseUnavailable: there is no pool yet.
            psycopg.OperationalError: the database is away.
        """
        if self._inbox is None:
            raise DatabaseUnavailable("the pool is not open yet")
        await self._inbox.store(gateway, events, received_at)

    async def page(self, token: str, now: datetime) -> Page | None:
        """Words that were too long for a text, by the token of their page.

        Raises:
            DatabaseUnavailable: it is away.
        """
        if self._pool is None:
            raise DatabaseUnavailable("the pool is not open yet")
        from psycopg import OperationalError  # noqa: PLC0415 - loaded with the pool

        from messaging.long_texts import look_up  # noqa: PLC0415

        try:
            return await look_up(self._pool, token, now)
        except OperationalError as error:
            raise DatabaseUnavailable(type(error).__name__) from error

    async def reachable(self) -> bool:
        """Whether a query is answered within a second."""
        if self._pool is None:
            return False
        attempt = asyncio.create_task(self._ask(self._pool))
        done, _ = await asyncio.wait({attempt}, timeout=HEALTH_SECONDS)
        attempt.cancel()
        return bool(done) and attempt.result()

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()

    def _make_pool(self) -> Pool:
        from database.pool import make_pool  # noqa: PLC0415
        from messaging import inbox  # noqa: F401, PLC0415 - loaded here, not with the first text

        return make_pool(self._find_url())

    async def _ask(self, pool: Pool) -> bool:
        try:
            async with pool.connection(timeout=HEALTH_SECONDS) as connection:
                await connection.execute("SELECT 1")
        except Exception:  # noqa: BLE001 - whatever it is, the answer is no
            return False
        return True


def make_app(
    settings: Settings, find_url: Callable[[], str], spool_directory: Path, clock: Clock
) -> Starlette:
    """The application.

    Args:
        settings: with the gateways.
        find_url: says where the database is; called in a thread, after the server has started.
        spool_directory: where texts wait while the database is away.
        clock: says when a request came.
    """
    database = Database(find_url, settings.burst_seconds)
    spool = Spool(spool_directory)
    handler = WebhookHandler(settings, database.store, spool, clock)
    pages = Pages(settings.brand, database.page, clock)

    async def webhook(request: Request) -> Response:
        kind = "status" if request.url.path.endswith("/status") else "inbound"
        query = request.scope["query_string"]
        target = request.scope["raw_path"] + (b"?" + query if query else b"")
        answer = await handler.handle(
            request.path_params["gateway"],
            handler.request(
                request.method,
                target.decode("latin-1"),
                request.headers,
                await _body(request),
            ),
            kind,
        )
        return Response(answer.body, answer.status, media_type=answer.content_type)

    async def page(request: Request) -> Response:
        answer = await pages.answer(request.path_params["token"])
        return HTMLResponse(answer.body, answer.status, answer.headers)

    async def health(_: Request) -> Response:
        reachable, pending = await database.reachable(), spool.pending()
        # 200 all the same: it takes texts, so nobody should turn them away from it.
        return JSONResponse(
            {
                "status": "ok" if reachable and not pending else "degraded",
                "database": reachable,
                "spool": pending,
            }
        )

    async def metrics(_: Request) -> Response:
        SPOOLED.set(spool.pending())
        return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await spool.adopt()
        tasks = [
            asyncio.create_task(database.connect()),
            asyncio.create_task(spool.keep_draining(database.store)),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await database.close()
        spool.close()

    return Starlette(
        routes=[
            Route("/webhooks/sms/", health, methods=["GET"]),
            Route("/webhooks/sms/{gateway}", webhook, methods=["GET", "POST"]),
            Route("/webhooks/sms/{gateway}/status", webhook, methods=["GET", "POST"]),
            Route(f"{PAGES}{{token}}", page, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


async def _body(request: Request) -> bytes:
    """The body, but not much more of it than the limit: the rest is not read."""
    body = b""
    with contextlib.suppress(ClientDisconnect):  # half a body is refused like any other
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_BODY:
                break
    return body


def _late_start() -> str:
    """What need not be there for the first text: form of log lines, traces, and the database."""
    from database.url import database_url  # noqa: PLC0415 - brings the tools for migrations
    from messaging.logs import configure_logging  # noqa: PLC0415

    configure_logging("ingress")
    tracing.start("ingress")
    return database_url()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the ingress until it is told to stop.

    Args:
        arguments: of the command line; by default the process's own.
    """
    parser = argparse.ArgumentParser(prog="python -m connectors.ingress", description=__doc__)
    parser.add_argument("--port", type=int, default=5080)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--credentials", type=Path, default=Path("credentials.yml"))
    parser.add_argument("--spool-dir", type=Path)
    options = parser.parse_args(arguments)
    data = Path(os.environ.get("LINNET_DATA_DIR") or ".linnet")
    try:
        settings = load_settings(options.credentials)
    except SettingsError as error:
        sys.exit(f"{error.detail}")
    app = make_app(settings, _late_start, options.spool_dir or data / "spool", SystemClock())
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        loop="uvloop",
        http="httptools",
        ws="none",  # there are none, and the pinned websockets is too old for uvicorn
        access_log=False,
        log_config=None,
        server_header=False,
    )
    tracing.stop()


if __name__ == "__main__":
    main()
