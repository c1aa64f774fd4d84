"""``linnet worker``: the delivery process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from connectors.settings import load_settings
from database.url import database_url
from messaging.logs import configure_logging
from messaging.worker import run_worker


def run(health_file: Path | None) -> None:
    """Work until a signal comes.

    Raises:
        SettingsError: credentials.yml or the environment is wrong.
    """
    configure_logging("worker")
    settings = load_settings()
    work = run_worker(database_url(), settings.worker_plan, health_file=health_file)
    uvloop.run(_until_told(work))


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
