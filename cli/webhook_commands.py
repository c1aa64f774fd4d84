"""Options of ``linnet webhooks``; ``cli/webhooks.py`` does the work, loaded when there is some."""

# ruff: noqa: PLC0415
from __future__ import annotations

import asyncio
from typing import Annotated

import typer

app = typer.Typer(
    help="Programs elsewhere that are told what happens.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Id = Annotated[str, typer.Argument(help="The endpoint's id, or its beginning.")]
OfEndpoint = Annotated[str, typer.Option("--endpoint", help="Only to this one.")]
Limit = Annotated[int, typer.Option(help="So many at most.", min=1)]


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Like https://example.com/hook.")],
    type: Annotated[
        list[str] | None, typer.Option(help="message.sent, message.*, ...; all unless named.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Only events with this in their data: gateway=twilio.")
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(help="Told of people besides ids: body, name, phone.")
    ] = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="It may be in our own network, and use http.")
    ] = False,
) -> None:
    """Tell an endpoint of what happens from now on; prints its secret, once."""
    from rich.console import Console

    from cli import webhooks
    from database.url import database_url

    wish = webhooks.Wish(url, type or ["*"], where or [], include or [], allow_private)
    asyncio.run(webhooks.add(database_url(), wish, Console()))


@app.command("list")
def show_all() -> None:
    """List all endpoints, and what waits for them."""
    from rich.console import Console

    from cli import webhooks
    from database.url import database_url

    asyncio.run(webhooks.show_all(database_url(), Console()))


@app.command()
def show(id: Id) -> None:
    """Show all of an endpoint but its secret."""
    from rich.console import Console

    from cli import webhooks
    from database.url import database_url

    asyncio.run(webhooks.show(database_url(), id, Console()))


@app.command()
def pause(id: Id) -> None:
    """Let events wait until the endpoint is resumed."""
    from rich.console import Console

    from cli import webhooks
    from database.url import database_url

    asyncio.run(webhooks.pause(database_url(), id, Console()))


@app.command()
def resume(id: Id) -> None:
    """Deliver again, what waits first."""
    from rich.console import Console

    from cli import webhooks
    from database.url import database_url

    asyncio.run(webhooks.resume(database_url(), id, Console()))


@app.command()
def remove(id: Id) -> None:
    """Forget an endpoint and all deliveries to it."""
    from rich.console import Console

    from cli import webhooks
    from database.url import database_url

    asyncio.run(webhooks.remove(database_url(), id, Console()))


@app.command("rotate-secret")
def rotate_secret(
    id: Id,
    keep: Annotated[
        str, typer.Option(help="How long the old secret signs too, like 24h; 0m to end it at once.")
    ] = "24h",
) -> None:
    """Sign with a new secret, which is printed once."""
    from rich.console import Console

    from cli import webhooks
    from cli.failed import period
    from database.url import database_url

    asyncio.run(webhooks.rotate(database_url(), id, period(keep), Console()))


@app.command()
def test(id: Id) -> None:
    """Post a test.ping now, and show what is answered."""
    from rich.console import Console

    from cli import webhooks
    from database.url import database_url

    asyncio.run(webhooks.ping(database_url(), id, Console()))


@app.command()
def log(endpoint: OfEndpoint = "", limit: Limit = 50) -> None:
    """List deliveries, the newest first, and how their last attempt went."""
    from rich.console import Console

    from cli import webhooks
    from database.url import database_url

    asyncio.run(webhooks.log(database_url(), endpoint, None, limit, Console()))


@app.command()
def dead(endpoint: OfEndpoint = "", limit: Limit = 50) -> None:
    """List deliveries that were given up."""
    from rich.console import Console

    from cli import webhooks
    from database.url import database_url

    asyncio.run(webhooks.log(database_url(), endpoint, "dead", limit, Console()))


@app.command()
def replay(
    delivery: Annotated[int | None, typer.Argument(help="Its number, as `log` shows it.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that were given up.")] = False,
    since: Annotated[str, typer.Option(help="Of events at this time and later, ISO 8601.")] = "",
    until: Annotated[str, typer.Option(help="Of events before this time, ISO 8601.")] = "",
    endpoint: OfEndpoint = "",
) -> None:
    """Deliver once more, under the same ids."""
    from rich.console import Console

    from cli import webhooks
    from database.url import database_url

    wish = webhooks.Again(delivery, dead, since, until, endpoint)
    asyncio.run(webhooks.replay(database_url(), wish, Console()))
