"""Options of ``linnet campaign``; ``cli/campaigns.py`` does the work, loaded when there is some."""

# ruff: noqa: PLC0415
from __future__ import annotations

import asyncio
import getpass
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from cli.campaigns import Wish

app = typer.Typer(
    help="The same text to many: campaigns and alerts.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="Of the campaign, like spring-recall.")]
As = Annotated[str, typer.Option("--as", help="Who does this; your user name otherwise.")]
Text = Annotated[str, typer.Option(help="What to text, with {variables}.")]
TemplateName = Annotated[str, typer.Option("--template", help="A text of notices.yml instead.")]
Class = Annotated[str, typer.Option("--class", help="marketing, transactional or emergency.")]
Csv = Annotated[Path | None, typer.Option(help="Recipients: a file with a column phone.")]
PhoneColumn = Annotated[str, typer.Option(help="With --csv: the column with the phones.")]
Query = Annotated[str, typer.Option(help="Recipients: a query of audiences.yml.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="With --query: day=2026-12-24.")]
Region = Annotated[str, typer.Option(help="Country of numbers that name none, two letters.")]
Subject = Annotated[str, typer.Option(help="What it is about, as caps count; else its name.")]
At = Annotated[
    str,
    typer.Option(help="2026-12-01T10:00 on each recipient's clock; with +00:00 or Z for all."),
]
Until = Annotated[str, typer.Option(help="Nobody gets it from 2026-12-01T20:00Z on.")]
Rate = Annotated[int, typer.Option(help="Texts a minute at most.", min=1, max=60_000)]
AlsoOptedOut = Annotated[
    str, typer.Option(help="Emergency alone: why phones get it that opted out.")
]


@app.command()
def create(
    name: Name,
    text: Text = "",
    template: TemplateName = "",
    kind: Class = "",
    csv: Csv = None,
    phone_column: PhoneColumn = "phone",
    query: Query = "",
    values: Set = None,
    region: Region = "US",
    subject: Subject = "",
    at: At = "",
    until: Until = "",
    rate: Rate = 600,
    also_opted_out: AlsoOptedOut = "",
    who: As = "",
) -> None:
    """Make a campaign: a text, and who gets it. Nothing is sent."""
    from cli import campaigns

    wish = _wish(name, text, template, kind, subject, at, until, rate, also_opted_out).of(
        csv, phone_column, query, values or [], region
    )
    _run(campaigns.create, wish, _actor(who))


@app.command()
def edit(
    name: Name,
    text: Text = "",
    template: TemplateName = "",
    kind: Class = "",
    csv: Csv = None,
    phone_column: PhoneColumn = "phone",
    query: Query = "",
    values: Set = None,
    region: Region = "US",
    subject: Subject = "",
    at: At = "",
    until: Until = "",
    rate: Annotated[int, typer.Option(help="Texts a minute at most.", min=0, max=60_000)] = 0,
    also_opted_out: AlsoOptedOut = "",
    who: As = "",
) -> None:
    """Change what is named; approvals of what it was are void."""
    from cli import campaigns

    wish = _wish(name, text, template, kind, subject, at, until, rate, also_opted_out).of(
        csv, phone_column, query, values or [], region
    )
    _run(campaigns.edit, wish, _actor(who))


@app.command()
def preview(name: Name) -> None:
    """Show who would get it and who would not, when, and what it costs. Nothing is sent."""
    from cli import campaigns

    _run(campaigns.preview, name)


@app.command()
def approve(name: Name, who: As = "") -> None:
    """Let it go; an emergency needs two people who did not write it."""
    from cli import campaigns

    _run(campaigns.approve, name, _actor(who))


@app.command()
def start(name: Name, who: As = "") -> None:
    """Send it, to each when it is due."""
    from cli import campaigns

    _run(campaigns.start, name, _actor(who))


@app.command()
def pause(name: Name, who: As = "") -> None:
    """Stop for now; what has not left yet comes back."""
    from cli import campaigns

    _run(campaigns.pause, name, _actor(who))


@app.command()
def resume(name: Name, who: As = "") -> None:
    """Go on after a pause."""
    from cli import campaigns

    _run(campaigns.resume, name, _actor(who))


@app.command()
def abort(
    name: Name,
    why: Annotated[str, typer.Option(help="For the record.")] = "",
    who: As = "",
) -> None:
    """End it for good."""
    from cli import campaigns

    _run(campaigns.abort, name, _actor(who), why or None)


@app.command()
def show(
    name: Name,
    once: Annotated[bool, typer.Option("--once", help="Do not follow it.")] = False,
) -> None:
    """Show what it is, what was done with it, and follow how far it is."""
    from cli import campaigns

    _run(campaigns.show, name, once)


@app.command("list")
def list_() -> None:
    """Show all campaigns."""
    from cli import campaigns

    _run(campaigns.show_all)


@app.command()
def results(
    name: Name,
    csv: Annotated[Path | None, typer.Option(help="Write a line for each recipient here.")] = None,
) -> None:
    """Show what became of it: delivered, failed, replied, opted out, cost."""
    from cli import campaigns

    _run(campaigns.results, name, csv)


def _actor(who: str) -> str:
    return who.strip() or getpass.getuser()


def _wish(
    name: str,
    text: str,
    template: str,
    kind: str,
    subject: str,
    at: str,
    until: str,
    rate: int,
    also_opted_out: str,
) -> Wish:
    from cli.campaigns import Wish

    return Wish(name, text, template, kind, subject, at, until, rate, also_opted_out)


def _run(work: Any, *given: Any) -> None:
    from rich.console import Console

    from cli.failure import Failure
    from database.url import database_url
    from messaging.errors import LinnetError

    async def told() -> None:
        done: Coroutine[Any, Any, None] = work(database_url(), Console(), *given)
        try:
            await done
        except LinnetError as error:
            raise Failure(f"{error.detail}.") from error

    asyncio.run(told())
