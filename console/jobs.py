"""Jobs of this package, run by every worker process of the cluster."""

from __future__ import annotations

from procrastinate import App

from console.idempotency import forget
from database.pool import Pool
from messaging.jobs import Tools


def register(app: App, pool: Pool, tools: Tools) -> None:
    """Add the jobs.

    Args:
        app: of Procrastinate.
        pool: for the jobs and what they do.
        tools: what they work with.
    """

    @app.periodic(cron="50 * * * *")
    @app.task(name="linnet.forget-api-requests")
    async def forget_api_requests(timestamp: int) -> None:  # noqa: ARG001  given by its name
        async with pool.connection() as connection:
            await forget(connection, tools.clock.now())
