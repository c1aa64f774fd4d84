"""``linnet notices``: the texts of notices.yml."""

# ruff: noqa: PLC0415
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Texts that nobody asked for.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def _help(context: typer.Context) -> None:
    # With a callback, one command alone keeps its name.
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The file.")] = Path("notices.yml"),
) -> None:
    """Say what is better written otherwise; ends with 1 where there is something."""
    from outreach.template_check import warnings_of
    from outreach.templates import load_templates

    templates = load_templates(file)
    found = [
        f"{file}, line {one.line}: {one.name} {warning}"
        for one in templates
        for warning in warnings_of(one)
    ]
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(1)
    typer.echo(f"{len(templates.by_name)} texts, nothing to say.")
