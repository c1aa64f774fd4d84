"""Options of ``linnet encryption``; ``cli/encryption.py`` does the work."""

# ruff: noqa: PLC0415
from __future__ import annotations

import asyncio
import os

import typer

app = typer.Typer(
    help="Texts are stored encrypted; keys can be changed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("new-key")
def new_key() -> None:
    """Print the variables with a new key before the others; of `linnet up`, put it in its file."""
    from datetime import UTC, datetime

    from cli.encryption import key_lines, renew_practice_keys
    from database.encryption import KEY_FILE, keys_are_kept
    from database.local_state import data_dir

    today = datetime.now(UTC).date()
    file = data_dir() / KEY_FILE
    if keys_are_kept() and file.exists():
        renew_practice_keys(file.parent, today)
        typer.echo(f"{file} has a new key. Start `linnet up`, then `linnet encryption rotate`.")
        return
    for line in key_lines(os.environ, today):
        typer.echo(line)


@app.command()
def status() -> None:
    """Show how much is encrypted, and with which key."""
    from rich.console import Console

    from cli import encryption
    from database.url import database_url

    asyncio.run(encryption.status(database_url(), Console()))


@app.command()
def rotate() -> None:
    """Encrypt everything with the newest key, while all else goes on."""
    from rich.console import Console

    from cli import encryption
    from database.url import database_url

    asyncio.run(encryption.seal_anew(database_url(), Console()))
