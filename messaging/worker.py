"""The worker process: delivery, questions to vendors, questions that ran out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import httpx
import psycopg
import structlog
from psycopg_pool import PoolTimeout

from connectors.gateways.base import Gateway
from database.pool import make_pool
from messaging.backlog import DelayNotice, tell_delays
from messaging.cancellation import cancelled
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.delivery import DeliveryPolicy, DeliveryWorker
from messaging.inquiry import ask_vendors
from messaging.prompts import expire_prompts
from messaging.wake import Listener

log = structlog.get_logger(__name__)

# Together less than the lease of delivery: no text is looked up while its request may live.
TIMEOUT = httpx.Timeout(connect=5.0, read=15.0, write=5.0, pool=4.0)


async def run_worker(
    database_url: str,
    gateways: Mapping[str, Gateway],
    delay: DelayNotice | None,
    *,
    health_file: Path | None = None,
) -> None:
    """Work until cancelled.

    Args:
        database_url: of the database.
        gateways: by name.
        delay: what customers are told who wait for an answer; None where they are not.
        health_file: touched every second while the worker is well.
    """
    clock, ids = SystemClock(), TimeOrderedIds()
    async with (
        make_pool(database_url) as pool,
        Listener(database_url, "linnet_outbox") as listener,
        httpx.AsyncClient(timeout=TIMEOUT, limits=httpx.Limits(max_connections=100)) as http,
        asyncio.TaskGroup() as tasks,
    ):
        delivery = DeliveryWorker(pool, listener, gateways, http, DeliveryPolicy(), clock)
        tasks.create_task(delivery.run())
        tasks.create_task(_every(1.0, lambda: ask_vendors(pool, gateways, http, clock)))
        tasks.create_task(_every(1.0, lambda: expire_prompts(pool, clock.now(), ids.new_id)))
        if delay is not None:
            tell = partial(tell_delays, pool, gateways, delay, clock, ids.new_id)
            tasks.create_task(_every(1.0, tell))
        if health_file is not None:
            tasks.create_task(_beat(health_file))
        log.info("worker.ready")


async def _every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    while not cancelled():
        try:
            await work()
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("worker.database-away", error=type(error).__name__)
        await asyncio.sleep(seconds)


async def _beat(health_file: Path) -> None:
    while True:
        await asyncio.to_thread(health_file.touch)
        await asyncio.sleep(1.0)
