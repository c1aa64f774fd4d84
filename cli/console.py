"""``linnet console``: the process that serves the API."""

from __future__ import annotations

import uvicorn

from cli.metrics import serve_metrics
from connectors.credentials import load_settings
from connectors.settings import Settings
from console.app import make_app
from console.context import Context
from database.pool import make_pool
from database.url import database_url
from messaging.clock import SystemClock
from messaging.logs import configure_logging
from outreach.audience_query import AUDIENCES, read_queries
from outreach.templates import NOTICES, Templates, load_templates


def context_of(settings: Settings, url: str) -> Context:
    """What the API works with in this folder.

    Args:
        settings: as configured.
        url: of the database.

    Raises:
        SettingsError: notices.yml or audiences.yml is wrong.
    """
    common = settings.common
    return Context(
        pool=make_pool(url),
        desk=settings.notices,
        templates=load_templates(common=common) if NOTICES.exists() else Templates({}, common),
        prices=settings.prices,
        requests_per_minute=settings.api_requests_per_minute,
        clock=SystemClock(),
        queries=read_queries() if AUDIENCES.exists() else {},
    )


def run(host: str, port: int, metrics: tuple[str, int] | None) -> None:
    """Serve until a signal comes.

    Args:
        host: address to listen at.
        port: of it.
        metrics: address and port at which they are served; None where they are not.

    Raises:
        Failure: metrics cannot be served there.
        SettingsError: credentials.yml, notices.yml, audiences.yml or the environment is wrong.
    """
    configure_logging("console")
    if metrics is not None:
        serve_metrics(*metrics)
    uvicorn.run(
        make_app(context_of(load_settings(), database_url())),
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",  # there are none, and the pinned websockets is too old for uvicorn
        access_log=False,
        log_config=None,
        server_header=False,
    )
