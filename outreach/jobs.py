"""Jobs of this package, run by every worker process of the cluster."""

from __future__ import annotations

from procrastinate import App

from database.pool import Pool
from messaging.jobs import Tools
from outreach import requested


def register(app: App, pool: Pool, tools: Tools) -> None:
    """Add the jobs.

    Args:
        app: of Procrastinate.
        pool: for the jobs and what they do.
        tools: what they work with.
    """
    requested.register(app, pool, tools)
