"""Jobs: what is done at a time of day, once in the whole cluster, however many workers run.

Texts are no jobs: they are claimed from tables of their own. Jobs run on Procrastinate, in the
same database. Each worker process announces every tick of every schedule, and a unique index
lets one of them through; a tick that came while no worker ran is made up by the next that starts.

What a job does must bear being done twice: a job whose worker was killed is given to another,
and so may be one whose worker was only slow. No job has a lock or a queueing lock: a lost job
that is given back would break the index behind the latter while the next one waits
(procrastinate-org/procrastinate issue 1543). What must not run twice at a time takes a lock of
its own (``database/alone.py``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
import psycopg
import structlog
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition
from psycopg_pool import PoolTimeout

from connectors.gateways.base import Gateway
from database.pool import Pool, make_pool
from messaging.cancellation import cancelled
from messaging.clock import Clock
from messaging.notices import NoticeDesk
from messaging.reconcile_days import reconcile_due
from messaging.retention_periods import RetentionPeriods
from messaging.upkeep import prune

log = structlog.get_logger(__name__)

# It tells each start and end of each job at INFO, a few lines every minute.
logging.getLogger("procrastinate").setLevel(logging.WARNING)

CONCURRENCY = 8
"""Jobs of one process at the same time. At night several take long (upkeep, reconciliation, what
is to be forgotten), two may deliver events; reminders and the rescue wait for none of them."""

CONNECTIONS = 9
"""Of one process at most; one while nothing is done."""

LONGEST_SECONDS = 2 * 3_600.0
"""A job that takes longer is stopped, and goes on where it was at its next attempt."""

MADE_UP_SECONDS = 24 * 3_600.0
"""How old a tick may be that is made up after an outage."""

HEARTBEAT_SECONDS = 10.0
POLL_SECONDS = 5.0
RESTART_SECONDS = 1.0

AGAIN = RetryStrategy(max_attempts=5, linear_wait=60)
"""After 1, 2, 3 and 4 min; also for a job whose process was told to end."""

# Lost is a job whose worker missed three heartbeats, or which has been running longer than any
# may: its end could not be written while the database was away.
# One that keeps getting lost may be what kills its workers, and fails for good.
RESCUE = """
WITH lost AS (
    SELECT job.id, job.attempts FROM procrastinate_jobs AS job
    LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND (
        worker.last_heartbeat IS NULL
        OR worker.last_heartbeat < now() - make_interval(secs => %(silence)s)
        OR NOT EXISTS (SELECT FROM procrastinate_events AS event
            WHERE event.job_id = job.id AND event.type = 'started'
                AND event.at > now() - make_interval(secs => %(longest)s)))
    FOR UPDATE OF job SKIP LOCKED
)
SELECT id, attempts < 5 AS again, CASE WHEN attempts < 5
    THEN procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL)
    ELSE procrastinate_finish_job_v1(id, 'failed', false) END
FROM lost
"""


@dataclass(frozen=True, slots=True)
class Tools:
    """What jobs work with.

    Attributes:
        gateways: by name.
        http: the client for requests.
        clock: for the time.
        retention: for how many days each class of data is kept.
        notices: takes texts that nobody asked for; None where there are none.
        common: values that every text may use without being given them: ``brand``.
    """

    gateways: Mapping[str, Gateway]
    http: httpx.AsyncClient
    clock: Clock
    retention: RetentionPeriods
    notices: NoticeDesk | None = None
    common: Mapping[str, str] = field(default_factory=dict)


Register = Callable[[App, Pool, Tools], None]
"""Adds jobs of its own to those of the engine."""

Round = Callable[[Pool, Tools], Awaitable[object]]
"""What every worker process does each second beside its jobs: whatever people wait for. A job
would begin up to 5 s later, and one that goes on for minutes keeps the others from a place."""


def jobs_app(pool: Pool, tools: Tools, further: Sequence[Register] = ()) -> App:
    """The jobs and their times, in UTC.

    Args:
        pool: for the jobs and what they do.
        tools: what they work with.
        further: jobs of what stands above the engine.
    """
    # Its connector is given the pool when it is opened and never makes one of its own.
    app = App(connector=PsycopgConnector(), periodic_defaults={"max_delay": MADE_UP_SECONDS})

    @app.periodic(cron="* * * * *")
    @app.task(name="linnet.rescue")
    async def rescue_lost(timestamp: int) -> None:  # noqa: ARG001  given by its name
        await rescue(pool)

    # Every hour, because a vendor that cannot be asked at night can be asked in the morning;
    # where the days are done, it costs one query.
    @app.periodic(cron="30 * * * *")
    @app.task(name="linnet.reconcile", retry=AGAIN)
    async def reconcile(timestamp: int) -> None:  # noqa: ARG001  given by its name
        async with asyncio.timeout(LONGEST_SECONDS):
            days = tools.retention.texts
            await reconcile_due(pool, tools.gateways, tools.http, tools.clock, days)

    @app.periodic(cron="10 4 * * *")
    @app.task(name="linnet.upkeep", retry=AGAIN)
    async def upkeep(timestamp: int) -> None:  # noqa: ARG001  given by its name
        async with asyncio.timeout(LONGEST_SECONDS):
            await prune(pool, tools.retention, tools.clock.now())

    for register in further:
        register(app, pool, tools)
    return app


async def rescue(pool: Pool) -> int:
    """Give every lost job to another worker, once more.

    Args:
        pool: of connections.

    Returns:
        How many were lost.
    """
    # Half as long again, so that a job is not taken from a worker that is just ending it.
    values = {"longest": 1.5 * LONGEST_SECONDS, "silence": 3 * HEARTBEAT_SECONDS}
    async with pool.connection() as connection:
        rows = await (await connection.execute(RESCUE, values)).fetchall()
    for row in rows:
        log.warning("jobs.lost", job=row["id"], again=row["again"])
    return len(rows)


async def run_jobs(database_url: str, tools: Tools, further: Sequence[Register] = ()) -> None:
    """Take part in doing the cluster's jobs until cancelled.

    Procrastinate's worker ends when the database goes away. Then it is started anew until the
    database is back; whatever else happens to it must not end the process, which delivers texts.

    Args:
        database_url: of the database.
        tools: what jobs work with.
        further: jobs of what stands above the engine.
    """
    while not cancelled():
        try:
            async with make_pool(database_url, max_size=CONNECTIONS) as pool:
                app = jobs_app(pool, tools, further)
                async with app.open_async(pool):
                    await app.run_worker_async(
                        concurrency=CONCURRENCY,
                        delete_jobs=DeleteJobCondition.SUCCESSFUL,
                        install_signal_handlers=False,
                        update_heartbeat_interval=HEARTBEAT_SECONDS,
                        stalled_worker_timeout=3 * HEARTBEAT_SECONDS,
                        # Jobs wait for a time of day, not for a caller: asked for now and then
                        # they come soon enough, and a connection is saved.
                        fetch_job_polling_interval=POLL_SECONDS,
                        listen_notify=False,
                        shutdown_graceful_timeout=2.0,
                    )
        except (ConnectorException, psycopg.OperationalError, PoolTimeout) as error:
            log.warning("jobs.database-away", error=type(error).__name__)
        except Exception:
            log.exception("jobs.broken")
        await asyncio.sleep(RESTART_SECONDS)
