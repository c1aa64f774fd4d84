"""Options of ``linnet privacy``; ``cli/privacy.py`` does the work, loaded when there is some."""

# ruff: noqa: PLC0415
from __future__ import annotations

import asyncio
import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.failure import Failure

app = typer.Typer(
    help="What is known of a person: handed out, forgotten, and kept for how long.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Phone = Annotated[str, typer.Argument(help="The customer's number, like +12125550100.")]
Actor = Annotated[str, typer.Option("--as", help="Who does this, for the record.")]
AtGateway = Annotated[
    bool, typer.Option("--at-gateway", help="Have gateways delete their copies, too.")
]


@app.command()
def export(
    phone: Phone,
    out: Annotated[Path | None, typer.Option(help="The file; standard output otherwise.")] = None,
    with_media: Annotated[
        bool, typer.Option("--with-media", help="A zip that has the person's files, too.")
    ] = False,
    actor: Actor = "",
) -> None:
    """Write all that is known of a person, as JSON."""
    from rich.console import Console

    from cli import privacy
    from database.url import database_url

    who = actor or getpass.getuser()
    given = privacy.hand_out(
        database_url(), phone, who, out, with_media=with_media, console=Console()
    )
    asyncio.run(given)


@app.command()
def erase(
    phone: Phone,
    actor: Actor = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    at_gateway: AtGateway = False,
) -> None:
    """Forget a person for ever; that no texts are wanted stays known."""
    from rich.console import Console

    from cli import privacy
    from database.url import database_url

    console = Console()
    asyncio.run(privacy.show_due(database_url(), phone, console))
    if dry_run:
        return
    if not actor.strip():
        raise Failure("Say with --as who does this; it is kept on record.")
    if not yes:
        if not sys.stdin.isatty():
            raise Failure("This cannot be undone; say --yes if it is meant.")
        typer.confirm("Forget all of this for ever?", abort=True)
    given = privacy.forget(database_url(), phone, actor, console, at_gateways=at_gateway)
    asyncio.run(given)


@app.command()
def copies(
    at_gateway: AtGateway = False,
    erased: Annotated[
        str, typer.Option(metavar="GATEWAY", help="At this one they were all deleted by hand.")
    ] = "",
    actor: Actor = "",
) -> None:
    """List copies at gateways of texts of people who were erased, or have them deleted."""
    from rich.console import Console

    from cli import copies as work
    from database.url import database_url

    who, url, console = actor or getpass.getuser(), database_url(), Console()
    if at_gateway and erased:
        raise Failure("Say --at-gateway to have them deleted, or --erased once they are; not both.")
    if at_gateway:
        asyncio.run(work.ask_and_delete(url, who, console))
    elif erased:
        asyncio.run(work.note_deleted(url, erased, who, console))
    else:
        asyncio.run(work.show(url, console))


@app.command()
def retention(
    run: Annotated[
        bool, typer.Option("--run", help="Forget it; a worker does so every night.")
    ] = False,
) -> None:
    """Show for how long each class of data is kept, and what is older."""
    from rich.console import Console

    from cli import privacy
    from database.url import database_url

    asyncio.run(privacy.retention(database_url(), Console(), run=run))
