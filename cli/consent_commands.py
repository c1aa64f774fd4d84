"""Options of ``linnet consent``; ``cli/consent.py`` does the work, loaded when there is some."""

# ruff: noqa: PLC0415
from __future__ import annotations

import asyncio
import getpass
from pathlib import Path
from typing import Annotated

import typer

from cli.failure import Failure

app = typer.Typer(
    help="Who wants our texts, and what shows it.", no_args_is_help=True, rich_markup_mode=None
)

Phone = Annotated[str, typer.Argument(help="The customer's number, like +12125550100.")]


@app.command()
def show(phone: Phone) -> None:
    """Show what a phone has said about our texts."""
    from rich.console import Console

    from cli import consent
    from database.url import database_url
    from messaging.clock import SystemClock

    asyncio.run(consent.show(database_url(), phone, SystemClock().now(), Console()))


@app.command()
def verify(
    noted: Annotated[str, typer.Option(help="What an earlier run printed, kept elsewhere.")] = "",
) -> None:
    """Check that nothing in the ledger was changed, and that conversations agree with it."""
    from rich.console import Console

    from cli import consent
    from database.url import database_url

    asyncio.run(consent.check(database_url(), noted, Console()))


@app.command()
def export(
    phone: Annotated[str, typer.Option(help="Only of this number; all otherwise.")] = "",
) -> None:
    """Print the ledger, one JSON object a line."""
    from rich.console import Console

    from cli import consent
    from database.url import database_url

    asyncio.run(consent.export(database_url(), phone, Console()))


@app.command("import")
def load(
    file: Annotated[Path, typer.Argument(help="CSV; docs/consent.md says which columns.")],
    by: Annotated[str, typer.Option(help="Who imports it.")] = "",
) -> None:
    """Record consent from a list, all of it or nothing."""
    from rich.console import Console

    from cli import consent
    from database.url import database_url
    from messaging.clock import SystemClock

    who = by or getpass.getuser()
    asyncio.run(consent.load(database_url(), file, who, SystemClock().now(), Console()))


@app.command()
def record(
    phone: Phone,
    method: Annotated[str, typer.Option(help="verbal, email, paper or web.")],
    grant: Annotated[bool, typer.Option("--grant", help="Our texts are wanted.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="They are not.")] = False,
    reconfirm: Annotated[bool, typer.Option("--reconfirm", help="They still are.")] = False,
    scope: Annotated[
        str, typer.Option(help="all, marketing, transactional or program/<name>.")
    ] = "all",
    disclosure: Annotated[str, typer.Option(help="What the customer heard or read.")] = "",
    words: Annotated[str, typer.Option(help="What the customer said or wrote.")] = "",
    source: Annotated[str, typer.Option(help="Where: page, form, phone line.")] = "",
    by: Annotated[str, typer.Option(help="Who records it.")] = "",
) -> None:
    """Record what a customer said by other ways than a text; it counts at once."""
    from rich.console import Console

    from cli import consent
    from database.url import database_url
    from messaging.clock import SystemClock
    from messaging.consent import ConsentEvent, Direction, Method

    wishes = {Direction.GRANT: grant, Direction.REVOKE: revoke, Direction.RECONFIRM: reconfirm}
    chosen = [direction for direction, wanted in wishes.items() if wanted]
    if len(chosen) != 1:
        raise Failure("Say one of --grant, --revoke and --reconfirm.")
    if method not in list(Method):
        raise Failure(f"{method} is not verbal, email, paper or web.")
    now = SystemClock().now()
    event = ConsentEvent(
        phone=phone,
        direction=chosen[0],
        scope=scope,
        method=Method(method),
        actor=by or getpass.getuser(),
        recorded_at=now,
        captured_at=now,
        zone="UTC",
        disclosure=disclosure or None,
        body=words or None,
        source=source or None,
    )
    asyncio.run(consent.write_down(database_url(), event, Console()))
