"""The jobs as workers run them: from the appointment book to the gateway."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

import messaging.jobs
from messaging.jobs import Tools, run_jobs
from outreach.jobs import register
from tests.integration.engine import ScriptedGateway, delivery_worker, rows, until
from tests.integration.reminding import TEXTS, Practice, local

NOW = local(2026, 11, 9, 12)
TUESDAY_10, DAY = local(2026, 11, 24, 10), local(2026, 11, 23, 10)


class SetClock:
    """Shows what a test says."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


@pytest.fixture(autouse=True)
def in_the_project_and_quick(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr(messaging.jobs, "POLL_SECONDS", 0.1)


@asynccontextmanager
async def workers(practice: Practice, url: str, now: datetime, count: int):
    tools = Tools({}, None, SetClock(now), 400, practice.desk, TEXTS.common)
    async with AsyncExitStack() as stack:
        for _ in range(count):
            task = asyncio.create_task(run_jobs(url, tools, [register]))
            stack.push_async_callback(_ended, task)
        yield


async def _ended(task: asyncio.Task) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def counted(kind: str) -> float:
    labels = {"kind": kind, "outcome": "made"}
    return REGISTRY.get_sample_value("linnet_reminders_total", labels) or 0.0


async def test_three_workers_send_one_reminder(pool, database_url):
    practice, gateway = Practice(pool), ScriptedGateway()
    await practice.load(NOW)
    await practice.book(TUESDAY_10, NOW)
    before = counted("24h")
    async with (
        workers(practice, database_url, DAY, 3),
        delivery_worker(pool, database_url, gateway),
    ):
        await until(lambda: practice.bodies("sent"), seconds=20)

        async def all_done():
            return not await rows(pool, "SELECT FROM procrastinate_jobs WHERE status <> 'todo'")

        await until(all_done, seconds=20)
    (sent,) = gateway.sent
    assert sent.body.startswith("Harbor Eye Care: a reminder of your eye exam Tue Nov 24")
    assert counted("24h") == before + 1


async def test_who_did_not_come_is_told_by_the_same_workers(pool, database_url):
    practice = Practice(pool)
    await practice.load(NOW)
    made = await practice.book(TUESDAY_10, NOW)
    await practice.mark("missed", made, TUESDAY_10)
    async with workers(practice, database_url, local(2026, 11, 25, 10), 2):
        await until(practice.made, seconds=20)
    assert [one["kind"] for one in await practice.made()] == ["missed"]
