"""Options of ``linnet reminders``; ``cli/reminders.py`` does the work."""

# ruff: noqa: PLC0415
from __future__ import annotations

import asyncio
from typing import Annotated

import typer

app = typer.Typer(
    help="What customers are reminded of.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def reminders() -> None:
    """What customers are reminded of."""


@app.command("list")
def show(
    within: Annotated[str, typer.Option(help="How far ahead, like 24h or 7d.")] = "24h",
    since: Annotated[str, typer.Option(help="How far back, like 24h or 7d.")] = "24h",
    show_numbers: Annotated[
        bool, typer.Option("--show-numbers", help="Phone numbers in full.")
    ] = False,
) -> None:
    """Show what is due next, and what was texted, refused or taken back."""
    from rich.console import Console

    from cli.failed import period
    from cli.reminders import show
    from database.url import database_url
    from messaging.clock import SystemClock

    asyncio.run(
        show(
            url=database_url(),
            within=period(within),
            since=period(since),
            now=SystemClock().now(),
            show_numbers=show_numbers,
            console=Console(),
        )
    )
