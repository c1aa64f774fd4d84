"""Which days are to be compared with the vendors' lists."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta

import httpx

from connectors.gateways.base import Gateway
from database.pool import Pool
from messaging.clock import Clock
from messaging.errors import LookUpFailed
from messaging.reconcile import DAY, Reconciliation

SETTLED_AFTER = timedelta(hours=3, minutes=30)
"""After midnight: by then the day's last texts have their receipts."""

DAYS_MOST = 7
"""Days that are made up after an outage."""

# A day that was compared by hand before it was over is compared again.
DONE = """
SELECT since FROM reconciliation
WHERE gateway = %(gateway)s AND since >= %(since)s AND finished_at >= until + %(settled)s
"""

FIRST = "SELECT created_at FROM outbound_text ORDER BY seq LIMIT 1"


def due_days(
    now: datetime, *, done: Collection[date], first: date | None, kept_days: int
) -> list[date]:
    """The days that are over and not compared yet, the oldest first.

    Args:
        now: the time, UTC.
        done: days that were compared.
        first: the day of our first text; None where there is none.
        kept_days: for how many days texts are kept.
    """
    if first is None:
        return []
    latest = (now - SETTLED_AFTER).date() - DAY
    most = min(DAYS_MOST, kept_days - 1)
    days = [latest - number * DAY for number in range(most)]
    return [day for day in reversed(days) if day >= first and day not in done]


async def reconcile_due(
    pool: Pool,
    gateways: Mapping[str, Gateway],
    http: httpx.AsyncClient,
    clock: Clock,
    kept_days: int,
) -> None:
    """Compare every day that is over and was not compared yet.

    Args:
        pool: of connections.
        gateways: by name; those that list nothing are passed over.
        http: the client for the requests.
        clock: for the time.
        kept_days: for how many days texts are kept.

    Raises:
        LookUpFailed: a vendor could not be asked; the day is due again.
    """
    failed: LookUpFailed | None = None
    for gateway in gateways.values():
        if not gateway.capabilities.lists:
            continue
        try:
            for day in await _due(pool, gateway.name, clock.now(), kept_days):
                await Reconciliation(pool, gateway, http, clock).run(day)
        except LookUpFailed as error:  # the other vendors can be asked all the same
            failed = error
    if failed is not None:
        raise failed


async def _due(pool: Pool, gateway: str, now: datetime, kept_days: int) -> list[date]:
    values = {"gateway": gateway, "since": now - (DAYS_MOST + 2) * DAY, "settled": SETTLED_AFTER}
    async with pool.connection() as connection:
        rows = await (await connection.execute(DONE, values)).fetchall()
        row = await (await connection.execute(FIRST)).fetchone()
    done = {entry["since"].astimezone(UTC).date() for entry in rows}
    first = None if row is None else row["created_at"].astimezone(UTC).date()
    return due_days(now, done=done, first=first, kept_days=kept_days)
