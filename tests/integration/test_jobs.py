"""Jobs run once in the cluster, whatever happens to the workers and the database."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress
from importlib import resources
from pathlib import Path

import httpx
import pytest
from psycopg import OperationalError
from structlog.testing import capture_logs

import messaging.jobs
from database.embedded import EmbeddedPostgres
from database.migrate import migrate
from database.pool import make_pool
from messaging.clock import SystemClock
from messaging.jobs import Tools, rescue, run_jobs
from messaging.retention_periods import RetentionPeriods
from tests.integration.engine import rows, until

REVISION = Path(__file__).parents[2] / "migrations" / "versions" / "0004_jobs.py"
ALL_JOBS = "SELECT id, task_name, status::text, attempts FROM procrastinate_jobs ORDER BY id"


@pytest.fixture
def quick(monkeypatch):
    """Everything as it is, only sooner."""
    monkeypatch.setattr(messaging.jobs, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(messaging.jobs, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(messaging.jobs, "RESTART_SECONDS", 0.1)


class Upkeep:
    """Stands in for the nightly job; a test sees when it is begun, and lets it end."""

    def __init__(self) -> None:
        self.begun, self.ended = 0, 0
        self.may_end = asyncio.Event()

    async def __call__(self, pool, days, now):
        self.begun += 1
        await self.may_end.wait()
        self.ended += 1


@pytest.fixture
async def upkeep(monkeypatch, quick):
    upkeep = Upkeep()
    monkeypatch.setattr(messaging.jobs, "prune", upkeep)
    return upkeep


@asynccontextmanager
async def worker(url: str):
    async with httpx.AsyncClient() as http:
        task = asyncio.create_task(
            run_jobs(url, Tools({}, http, SystemClock(), RetentionPeriods()))
        )
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def true(condition) -> bool:
    return condition


def begun(upkeep: Upkeep, times: int = 1):
    return lambda: true(upkeep.begun >= times)


async def test_a_tick_that_was_missed_is_made_up_once_by_all_workers_together(
    pool, database_url, upkeep
):
    upkeep.may_end.set()
    async with worker(database_url), worker(database_url), worker(database_url):
        await until(begun(upkeep))

        async def three_workers():
            return len(await rows(pool, "SELECT FROM procrastinate_workers")) == 3

        await until(three_workers)
        await asyncio.sleep(0.5)  # for a second one to begin, should there be one
    assert upkeep.begun == 1


async def test_a_worker_that_comes_later_does_not_repeat_it(pool, database_url, upkeep):
    upkeep.may_end.set()
    async with worker(database_url):
        await until(begun(upkeep))
    async with worker(database_url):
        await until(lambda: rows(pool, "SELECT FROM procrastinate_workers"))
        await asyncio.sleep(0.5)
    assert upkeep.begun == 1


async def test_jobs_that_went_well_leave_no_row(pool, database_url, upkeep):
    upkeep.may_end.set()
    async with worker(database_url):
        await until(lambda: true(upkeep.ended))

        async def none_left():
            return not await rows(pool, ALL_JOBS)

        await until(none_left)


async def test_a_job_whose_process_is_told_to_end_goes_to_another(pool, database_url, upkeep):
    async with worker(database_url):
        await until(begun(upkeep))
    left = [job for job in await rows(pool, ALL_JOBS) if job["task_name"] == "linnet.upkeep"]
    assert [(job["status"], job["attempts"]) for job in left] == [("todo", 1)]
    assert await rows(pool, "SELECT FROM procrastinate_workers") == []


KILLED = """
import asyncio, sys
import messaging.jobs
from messaging.clock import SystemClock
from messaging.retention_periods import RetentionPeriods

async def hang(pool, days, now):
    print("begun", flush=True)
    await asyncio.sleep(3600)

messaging.jobs.prune = hang
messaging.jobs.POLL_SECONDS = 0.1
asyncio.run(messaging.jobs.run_jobs(
    sys.argv[1], messaging.jobs.Tools({}, None, SystemClock(), RetentionPeriods())))
"""


async def test_a_job_whose_worker_was_killed_is_taken_up_again(pool, database_url, upkeep):
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, database_url),
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REVISION.parents[2])},
    )
    assert await child.stdout.readline() == b"begun\n"
    assert await rescue(pool) == 0  # it is alive
    child.send_signal(signal.SIGKILL)
    await child.wait()
    upkeep.may_end.set()
    async with worker(database_url):
        await until(lambda: rescue(pool))
        await until(begun(upkeep))


LOST = """
WITH worker AS (
    INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()) RETURNING id
), job AS (
    INSERT INTO procrastinate_jobs (queue_name, task_name, attempts)
    VALUES ('default', 'linnet.upkeep', %(attempts)s) RETURNING id
)
SELECT worker.id AS worker, job.id AS job FROM worker, job
"""


async def a_job_that_runs(pool, *, attempts=0, hours=0):
    (made,) = await rows(pool, LOST, attempts=attempts)
    await rows(
        pool,
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %(worker)s"
        " WHERE id = %(job)s RETURNING 1",
        **made,
    )
    await rows(
        pool,
        "UPDATE procrastinate_events SET at = at - make_interval(hours => %(hours)s)"
        " WHERE job_id = %(job)s RETURNING 1",
        hours=hours,
        job=made["job"],
    )


@pytest.mark.parametrize(
    ("attempts", "hours", "then"), [(0, 2, "doing"), (0, 4, "todo"), (5, 4, "failed")]
)
async def test_a_job_that_cannot_be_running_any_more_is_taken_up_again(pool, attempts, hours, then):
    """Its end could not be written; and what keeps getting lost is given up."""
    await a_job_that_runs(pool, attempts=attempts, hours=hours)
    assert await rescue(pool) == int(then != "doing")
    (job,) = await rows(pool, ALL_JOBS)
    assert job["status"] == then
    assert await rescue(pool) == 0


@pytest.fixture
def own_server(tmp_path):
    server = EmbeddedPostgres(tmp_path / "postgres", settings={"fsync": "off"})
    server.start()
    migrate(server.url)
    yield server
    server.remove()


async def test_a_database_that_is_away_ends_nothing(own_server, upkeep):
    upkeep.may_end.set()
    async with worker(own_server.url) as task:
        await until(begun(upkeep))
        await asyncio.to_thread(own_server.stop)
        with capture_logs() as logs:
            away = {"event": "jobs.database-away"}.items()
            await until(lambda: true(any(away <= log.items() for log in logs)), seconds=20)
        assert not task.done()
        await asyncio.to_thread(own_server.start)
        async with make_pool(own_server.url, max_size=1) as pool:
            beat = """SELECT FROM procrastinate_workers
                WHERE last_heartbeat > now() - interval '0.5 s'"""

            async def well():
                with suppress(OperationalError):
                    return await rows(pool, beat)

            await until(well, seconds=20)
            await rows(
                pool,
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
                " VALUES ('default', 'linnet.upkeep', '{\"timestamp\": 0}') RETURNING 1",
            )
            await until(begun(upkeep, 2))
        assert not task.done()


async def test_whatever_breaks_in_the_machinery_ends_nothing(database_url, upkeep, monkeypatch):
    upkeep.may_end.set()
    make, broken = messaging.jobs.jobs_app, []

    def make_once_broken(*given):
        if not broken:
            broken.append(1)
            raise RuntimeError("a bug")
        return make(*given)

    monkeypatch.setattr(messaging.jobs, "jobs_app", make_once_broken)
    async with worker(database_url):
        await until(begun(upkeep))


def test_the_schema_is_that_of_the_installed_release():
    spec = importlib.util.spec_from_file_location("revision_0004", REVISION)
    revision = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(revision)
    folder = resources.files("procrastinate.sql").joinpath("migrations")
    names = [file.name for file in folder.iterdir() if file.name.endswith(".sql")]
    assert max(names) == revision.LAST, "a revision of ours must apply what is newer"


async def test_the_tables_of_jobs_go_and_come_back(pool, database_url):
    await asyncio.to_thread(migrate, database_url, "base")
    left = "SELECT proname FROM pg_proc WHERE proname LIKE 'procrastinate%%'"
    assert await rows(pool, left) == []
    await asyncio.to_thread(migrate, database_url)
    assert len(await rows(pool, left)) > 10
