"""``linnet worker``: the delivery process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from cli.metrics import serve_metrics
from connectors.credentials import load_settings
from database.url import database_url
from messaging import tracing
from messaging.logs import configure_logging
from messaging.worker import run_worker


def run(health_file: Path | None, metrics: tuple[str, int] | None) -> None:
    """Work until a signal comes.

    Args:
        health_file: touched every second while all is well.
        metrics: address and port at which they are served; None where they are not.

    Raises:
        SettingsError: credentials.yml or the environment is wrong.
        Failure: metrics cannot be served there.
    """
    configure_logging("worker")
    settings = load_settings()
    if metrics is not None:
        serve_metrics(*metrics)
    tracing.start("worker")
    work = run_worker(database_url(), settings.worker_plan, health_file=health_file)
    uvloop.run(_until_told(work))
    tracing.stop()


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
