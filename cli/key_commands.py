"""Options of ``linnet keys``; ``cli/keys.py`` does the work, loaded when there is some."""

# ruff: noqa: PLC0415
from __future__ import annotations

import asyncio
import getpass
from typing import Annotated

import typer

app = typer.Typer(help="Who may call the API.", no_args_is_help=True, rich_markup_mode=None)

By = Annotated[str, typer.Option(help="Who does this.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whoever gets it, like crm.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="notifications:write, notifications:read or templates:read; several."),
    ] = None,
    expires: Annotated[str, typer.Option(help="A day like 2027-01-31, or 90d.")] = "",
    by: By = "",
) -> None:
    """Make a key; its secret is shown once."""
    from rich.console import Console

    from cli import keys
    from database.url import database_url
    from messaging.clock import SystemClock

    who, now = by or getpass.getuser(), SystemClock().now()
    work = keys.make(
        database_url(), name, scope or [], by=who, expires=expires, now=now, console=Console()
    )
    asyncio.run(work)


@app.command("list")
def show() -> None:
    """Show all keys, without their secrets."""
    from rich.console import Console

    from cli import keys
    from database.url import database_url
    from messaging.clock import SystemClock

    asyncio.run(keys.show(database_url(), SystemClock().now(), Console()))


@app.command()
def revoke(which: Annotated[str, typer.Argument(help="Its name or prefix.")], by: By = "") -> None:
    """End a key at once."""
    from rich.console import Console

    from cli import keys
    from database.url import database_url
    from messaging.clock import SystemClock

    who, now = by or getpass.getuser(), SystemClock().now()
    asyncio.run(keys.end(database_url(), which, by=who, now=now, console=Console()))
