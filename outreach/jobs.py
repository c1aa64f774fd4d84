"""Jobs of this package, run by every worker process of the cluster."""

from __future__ import annotations

import asyncio

from procrastinate import App

from database.alone import alone
from database.pool import Pool
from messaging.jobs import LONGEST_SECONDS, Tools
from messaging.notices import NoticeDesk
from outreach.campaign_runner import advance
from outreach.missed import follow_up
from outreach.recall import call_back
from outreach.reminders import remind
from outreach.requested import send_due
from outreach.templates import load_templates


def register(app: App, pool: Pool, tools: Tools) -> None:
    """Add the jobs.

    Args:
        app: of Procrastinate.
        pool: for the jobs and what they do.
        tools: what they work with.
    """
    if tools.notices is not None:
        _register_reminders(app, pool, tools, tools.notices)


def _register_reminders(app: App, pool: Pool, tools: Tools, desk: NoticeDesk) -> None:
    # Each run reads notices.yml: a change counts a minute later, and a mistake in it ends this
    # job and no other. None is tried again, because the next tick does the same.
    @app.periodic(cron="* * * * *")
    @app.task(name="linnet.reminders")
    async def reminders(timestamp: int) -> None:  # noqa: ARG001  given by its name
        async with asyncio.timeout(LONGEST_SECONDS), alone(pool, "reminders") as connection:
            if connection is not None:
                texts = load_templates(common=tools.common)
                await remind(connection, desk, texts, tools.clock.now())

    # Any number of processes may do this at once: each row is locked by one of them.
    @app.periodic(cron="* * * * *")
    @app.task(name="linnet.requested-reminders")
    async def requested_reminders(timestamp: int) -> None:  # noqa: ARG001  given by its name
        async with asyncio.timeout(LONGEST_SECONDS):
            await send_due(pool, desk, load_templates(common=tools.common), tools.clock.now())

    @app.periodic(cron="*/5 * * * *")
    @app.task(name="linnet.calls")
    async def calls(timestamp: int) -> None:  # noqa: ARG001  given by its name
        async with asyncio.timeout(LONGEST_SECONDS), alone(pool, "calls") as connection:
            if connection is not None:
                texts, now = load_templates(common=tools.common), tools.clock.now()
                await follow_up(connection, desk, texts, now)
                await call_back(connection, desk, texts, now)


async def hand_over(pool: Pool, tools: Tools) -> None:
    """Hand the next texts of running campaigns to the outbox; every worker does so each second.

    They are claimed from a table of their own, as texts are, so that this needs no job: an alert
    begins at once, a worker that dies leaves no gap, and two at a time are no faster than one.

    Args:
        pool: of connections.
        tools: what it works with.
    """
    if tools.notices is not None:
        await advance(pool, tools.notices, tools.clock.now())
