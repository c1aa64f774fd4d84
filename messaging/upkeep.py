"""Forgets what is old, a few rows at a time, so that tables stay as large as their time is long.

Every batch is a statement of its own and holds no lock for long; what stops in the middle goes on
where it was. Rows are visited from the oldest on, and only as far as they are old: a night costs
what a day brought, not what a year holds. What is open stays, however old it is: a text that
waits, a turn that runs, a conversation and with it whether its phone opted out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from database.alone import alone
from database.pool import Connection, Pool
from messaging.retention import STEPS, Step
from messaging.retention_periods import RetentionPeriods

log = structlog.get_logger(__name__)

BATCH = 500
"""Rows that a statement looks at."""

REST_SECONDS = 0.02
"""Between two statements, for everybody else."""


async def prune(
    pool: Pool,
    periods: RetentionPeriods,
    now: datetime,
    progress: Callable[[str, Mapping[str, int]], None] | None = None,
    steps: Sequence[Step] = STEPS,
) -> Mapping[str, int] | None:
    """Delete what is older than it is to be kept.

    Args:
        pool: of connections; one is used.
        periods: for how long each class is kept.
        now: the time, UTC.
        progress: told after each batch in which something went: the step, and what is gone.
        steps: what to forget, in order.

    Returns:
        What is gone, by name; None where another process is doing this.
    """
    async with alone(pool, "upkeep") as connection:
        if connection is None:
            return None
        gone: Counter[str] = Counter()
        for step in steps:
            before = gone.total()
            await _take(connection, step, _values(periods, now), gone, progress)
            if gone.total() > before:
                log.info("upkeep.step", step=step.name, rows=gone.total() - before)
    log.info("upkeep.done", rows=gone.total())
    return +gone


async def due(
    pool: Pool, periods: RetentionPeriods, now: datetime, steps: Sequence[Step] = STEPS
) -> Mapping[str, int]:
    """What ``prune`` would delete at this moment; nothing is changed.

    Args:
        pool: of connections.
        periods: for how long each class is kept.
        now: the time, UTC.
        steps: what would be forgotten, in order.
    """
    found: Counter[str] = Counter()
    async with pool.connection() as connection:
        for step in steps:
            row = await (await connection.execute(step.count, _values(periods, now))).fetchone()
            found.update(row)
    return +found


def _values(periods: RetentionPeriods, now: datetime) -> dict[str, Any]:
    def before(days: int) -> datetime:
        return now - timedelta(days=min(days, periods.texts))

    return {
        "cutoff": before(periods.texts),
        "raw_cutoff": before(periods.raw),
        "media_cutoff": before(periods.media),
        "audit_cutoff": now - timedelta(days=periods.audit),
        "now": now,
        "batch": BATCH,
    }


async def _take(
    connection: Connection,
    step: Step,
    values: Mapping[str, Any],
    gone: Counter[str],
    progress: Callable[[str, Mapping[str, int]], None] | None,
) -> None:
    after = step.start
    while after is not None:
        cursor = await connection.execute(step.batch, dict(values) | {"after": after})
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101  the statement always returns a row
        after = row.pop("after")
        gone.update(row)
        if progress is not None and any(row.values()):
            progress(step.name, gone)
        await asyncio.sleep(REST_SECONDS)
