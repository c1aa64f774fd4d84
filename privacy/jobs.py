"""Jobs of this package, run by every worker process of the cluster."""

from __future__ import annotations

import asyncio

from procrastinate import App

from database.pool import Pool
from messaging.jobs import AGAIN, LONGEST_SECONDS, Tools
from messaging.upkeep import prune
from privacy.copies import delete_asked
from privacy.retention import forget_unheard
from privacy.steps import STEPS


def register(app: App, pool: Pool, tools: Tools) -> None:
    """Add the jobs.

    Args:
        app: of Procrastinate.
        pool: for the jobs and what they do.
        tools: what they work with.
    """

    # Behind upkeep, which forgets the texts; both go on where they were if it is done again.
    @app.periodic(cron="40 4 * * *")
    @app.task(name="privacy.forget", retry=AGAIN)
    async def forget(timestamp: int) -> None:  # noqa: ARG001  given by its name
        async with asyncio.timeout(LONGEST_SECONDS):
            now = tools.clock.now()
            await prune(pool, tools.retention, now, steps=STEPS)
            await forget_unheard(pool, tools.retention, now)

    # Not tried again: the next tick does the same, when a busy gateway has had some minutes.
    @app.periodic(cron="*/10 * * * *")
    @app.task(name="privacy.delete-copies")
    async def delete_copies(timestamp: int) -> None:  # noqa: ARG001  given by its name
        async with asyncio.timeout(LONGEST_SECONDS):
            await delete_asked(pool, tools.gateways, tools.http, tools.clock)
