"""The worker process: delivery, questions to vendors, questions that ran out, jobs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import psycopg
import structlog
from psycopg_pool import PoolTimeout

from connectors.gateways.base import Gateway
from connectors.media_fetch import MediaFetcher
from connectors.transport import AiohttpTransport
from database.pool import make_pool
from messaging.attachments import MediaCheck
from messaging.backlog import DelayNotice, tell_delays
from messaging.cancellation import cancelled
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.consent import ConsentPolicy
from messaging.delivery import DeliveryWorker
from messaging.failover import Failover
from messaging.health_table import SendCounts
from messaging.inquiry import Inquiry
from messaging.jobs import Register, Round, Tools, run_jobs
from messaging.judgement import judge
from messaging.notices import NoticeDesk
from messaging.outcomes import expire
from messaging.phone_hours import QuietHours
from messaging.prompts import expire_prompts
from messaging.queue_metrics import COLLECT_SECONDS, collect
from messaging.retention_periods import RetentionPeriods
from messaging.routing import Candidate
from messaging.sending import SEND_SECONDS, DeliveryPolicy, Desk, request_timeout
from messaging.text_policy import TextPolicy
from messaging.wake import Listener

log = structlog.get_logger(__name__)

TEND_SECONDS = 5.0
"""How often a worker tells what it saw of the gateways, and has them judged."""


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What a worker is to do.

    Attributes:
        gateways: by name.
        text_policies: how words become texts at each gateway, by its name.
        candidates: the gateways among which new conversations are divided.
        delivery: times and limits of sending.
        timeout: of a request to a vendor; shorter in all than the lease of a text, so that no
            text is looked up while its request may live.
        delay: what customers are told who wait for an answer; None where they are not.
        retention: for how many days each class of data is kept.
        hours: when phones may be texted unasked; None where they may at any.
        consent: where a STOP counts; None where one to any number counts.
        notices: takes texts that nobody asked for; None where jobs send none.
        common: values that every text may use without being given them: ``brand``.
        jobs: of what stands above the engine.
        rounds: of the same, for what has a caller that waits.
    """

    gateways: Mapping[str, Gateway]
    text_policies: Mapping[str, TextPolicy]
    candidates: Sequence[Candidate]
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    timeout: httpx.Timeout = field(default_factory=lambda: request_timeout(SEND_SECONDS))
    delay: DelayNotice | None = None
    retention: RetentionPeriods = field(default_factory=RetentionPeriods)
    hours: QuietHours | None = None
    consent: ConsentPolicy | None = None
    notices: NoticeDesk | None = None
    common: Mapping[str, str] = field(default_factory=dict)
    jobs: Sequence[Register] = ()
    rounds: Sequence[Round] = ()


async def run_worker(
    database_url: str, plan: WorkerPlan, *, health_file: Path | None = None
) -> None:
    """Work until cancelled.

    Args:
        database_url: of the database.
        plan: what to do.
        health_file: touched every second while the worker is well.
    """
    gateways = plan.gateways
    clock, ids = SystemClock(), TimeOrderedIds()
    async with (
        make_pool(database_url) as pool,
        Listener(database_url, "linnet_outbox") as listener,
        httpx.AsyncClient(timeout=plan.timeout, transport=AiohttpTransport()) as http,
        asyncio.TaskGroup() as tasks,
    ):
        counts, failover = SendCounts(clock), Failover(pool, plan.candidates, random.random)
        media = MediaCheck(MediaFetcher(gateways.values()).found)
        desk = Desk(gateways, http, media, failover, counts, plan.hours, plan.consent)
        delivery = DeliveryWorker(pool, listener, desk, plan.delivery, clock)
        tasks.create_task(delivery.run())
        tasks.create_task(_every(1.0, Inquiry(pool, gateways, http, clock).ask_due))
        tasks.create_task(
            _every(1.0, lambda: expire_prompts(pool, plan.text_policies, clock.now(), ids.new_id))
        )
        tasks.create_task(_every(1.0, lambda: judge(pool, gateways, random.random)))
        tasks.create_task(_every(1.0, lambda: expire(pool)))
        tasks.create_task(_every(TEND_SECONDS, lambda: failover.tend(counts, clock.now())))
        tasks.create_task(_every(COLLECT_SECONDS, lambda: collect(pool, gateways, clock)))
        if plan.delay is not None:
            policies = plan.text_policies
            tell = partial(tell_delays, pool, gateways, policies, plan.delay, clock, ids.new_id)
            tasks.create_task(_every(1.0, tell))
        tools = Tools(gateways, http, clock, plan.retention, plan.notices, plan.common)
        tasks.create_task(run_jobs(database_url, tools, plan.jobs))
        for each in plan.rounds:
            tasks.create_task(_every(1.0, partial(each, pool, tools)))
        if health_file is not None:
            tasks.create_task(_beat(health_file))
        log.info("worker.ready")


async def _every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    while not cancelled():
        try:
            await work()
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("worker.database-away", error=type(error).__name__)
        except Exception:
            # Whatever it is, texts are sent and the next round may be a better one.
            log.exception("worker.round-broken")
        await asyncio.sleep(seconds)


async def _beat(health_file: Path) -> None:
    while True:
        await asyncio.to_thread(health_file.touch)
        await asyncio.sleep(1.0)
