"""Jobs of this package, run by every worker process of the cluster."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from procrastinate import App

from database.pool import Pool
from events.dispatch import Dispatcher
from events.endpoints import any_active
from events.posting import Poster
from messaging.jobs import Tools

TURN = timedelta(seconds=66)
"""How long a job delivers, from its minute on: until the next one is surely at work, which a
worker asks for every 5 s. For these seconds two deliver beside each other, which does no harm."""


def register(app: App, pool: Pool, tools: Tools) -> None:
    """Add the jobs.

    Args:
        app: of Procrastinate.
        pool: for the jobs and what they do.
        tools: what they work with.
    """
    poster = Poster()

    @app.periodic(cron="* * * * *")
    @app.task(name="linnet.events")
    async def deliver(timestamp: int) -> None:
        async with pool.connection() as connection:
            wanted = await any_active(connection)
        if wanted:
            until = datetime.fromtimestamp(timestamp, UTC) + TURN
            await Dispatcher(pool, poster, tools.clock, random.random).run(until)
