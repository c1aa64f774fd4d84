"""``linnet reconcile``: a day compared with the vendor's own list, by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
from rich.console import Console
from rich.status import Status
from rich.table import Table

from cli.failure import Failure
from connectors.credentials import load_settings
from connectors.gateways.base import Gateway
from connectors.settings import Settings
from database.pool import make_pool
from messaging.clock import SystemClock
from messaging.reconcile import Comparison, Reconciliation


async def reconcile(
    url: str,
    console: Console,
    *,
    day: date | None,
    gateway: str | None,
    credentials: Path = Path("credentials.yml"),
) -> None:
    """Compare a day with the vendors' lists, and show what was found.

    Args:
        url: of the database.
        console: for progress and result.
        day: in UTC; yesterday where it is None.
        gateway: its name; every one that lists its texts where it is None.
        credentials: the file with the settings.

    Raises:
        Failure: the day or the gateway cannot be compared, or another process is at it.
        LookUpFailed: the vendor could not be asked.
    """
    settings, clock = load_settings(credentials), SystemClock()
    today = clock.now().date()
    wanted = day or today - timedelta(days=1)
    oldest = today - timedelta(days=settings.retention_days - 1)
    if not oldest <= wanted <= today:
        raise Failure(f"{wanted} cannot be compared; texts are kept since {oldest}.")
    table = Table("gateway", "day (UTC)", "listed", "corrected", "missing", "strange")
    async with make_pool(url, max_size=2) as pool, httpx.AsyncClient(timeout=30.0) as http:
        for one in _chosen(settings, gateway):
            with console.status(f"{one.name}: reading its list of {wanted}") as status:
                progress = partial(_progress, status, one.name)
                compared = Reconciliation(pool, one, http, clock, progress=progress)
                found = await compared.run(wanted)
            if found is None:
                raise Failure(f"Another process is comparing with {one.name} at this moment.")
            counts = (found.listed, found.corrected, found.missing, found.strange)
            table.add_row(one.name, str(wanted), *(f"{count:,}" for count in counts))
    console.print(table)


def _progress(status: Status, gateway: str, hour: datetime, found: Comparison) -> None:
    status.update(f"{gateway}: {found.listed:,} texts until {hour:%H:%M}")


def _chosen(settings: Settings, name: str | None) -> list[Gateway]:
    if name is not None and name not in settings.gateways:
        raise Failure(f"There is no gateway {name}; there are {', '.join(settings.gateways)}.")
    wanted = [one for one in settings.gateways.values() if name in {None, one.name}]
    able = [one for one in wanted if one.capabilities.lists]
    if not able:
        raise Failure(f"{', '.join(one.name for one in wanted)} cannot list its texts.")
    return able
