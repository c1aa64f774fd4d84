"""``linnet gateways``: how well each gateway is, and why it gets the texts that it gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from connectors.credentials import load_settings
from database.pool import make_pool
from messaging.health import FULL
from messaging.health_table import Report, report

LATELY = timedelta(minutes=10)


async def show(url: str, console: Console, *, credentials: Path = Path("credentials.yml")) -> None:
    """Print each gateway's share, its weight with the reason, and its latest sends.

    Args:
        url: of the database.
        console: where to.
        credentials: the file.

    Raises:
        SettingsError: the file is wrong.
        psycopg.OperationalError: the database is away.
    """
    shares = load_settings(credentials).shares
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        reports = await report(connection, list(shares), datetime.now(UTC) - LATELY)
    table = Table("gateway", "share", "weight", "sends", "errors", "slow", "last change")
    for one in reports:
        lately = one.sends
        counts = (lately.sends, lately.errors, lately.slow)
        table.add_row(
            one.gateway, str(shares[one.gateway]), _weight(one), *map(str, counts), _change(one)
        )
    console.print(table)
    console.print("Sends, errors and slow answers of the last 10 minutes. New phones get a gateway")
    console.print("by share x weight; a phone that we have texted with keeps its number.")


def _weight(one: Report) -> str:
    color = "green" if one.weight == FULL else "yellow" if one.weight else "red"
    return f"[{color}]{one.weight}[/]"


def _change(one: Report) -> str:
    if one.changed_at is None:
        return "never"
    return f"{one.changed_at.astimezone():%b %d %H:%M}: {one.reason}"
