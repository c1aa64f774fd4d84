"""``linnet upkeep``: forgets what is old, or shows what it would forget."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli.failure import Failure
from connectors.credentials import load_settings
from database.pool import make_pool
from messaging.clock import SystemClock
from messaging.upkeep import due, prune


async def upkeep(
    url: str,
    console: Console,
    *,
    dry_run: bool,
    credentials: Path = Path("credentials.yml"),
) -> None:
    """Delete what is older than ``retention_days``, and show what went.

    Args:
        url: of the database.
        console: for progress and result.
        dry_run: whether only to show what would go.
        credentials: the file with the settings.

    Raises:
        Failure: another process is doing this.
    """
    periods, now = load_settings(credentials).retention, SystemClock().now()
    since = now - timedelta(days=periods.texts)
    console.print(f"Texts are kept for {periods.texts} days, since {since:%Y-%m-%d}.")
    async with make_pool(url, max_size=1) as pool:
        if dry_run:
            _show(await due(pool, periods, now), "would go", console)
            return
        with console.status("Looking for old texts") as status:
            gone = await prune(
                pool,
                periods,
                now,
                lambda step, rows: status.update(f"{step}: {sum(rows.values()):,} rows so far"),
            )
    if gone is None:
        raise Failure("Another process is doing upkeep at this moment; its log says how far it is.")
    _show(gone, "gone", console)


def _show(rows: Mapping[str, int], heading: str, console: Console) -> None:
    if not rows:
        console.print("There is nothing older.")
        return
    table = Table("what", heading)
    table.columns[1].justify = "right"
    for name, count in sorted(rows.items()):
        table.add_row(name, f"{count:,}")
    console.print(table)
