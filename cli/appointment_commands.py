"""Options of ``linnet appointments``; ``cli/appointments.py`` does the work."""

# ruff: noqa: PLC0415
from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from cli.failure import Failure

if TYPE_CHECKING:
    from practice.attendance import Attendance

app = typer.Typer(
    help="The appointment book, and who came.", no_args_is_help=True, rich_markup_mode=None
)

Reference = Annotated[str, typer.Argument(help="Of the appointment, like HEC-4K7Q.")]


@app.command("list")
def show(
    day: Annotated[str, typer.Option(help="Like 2026-11-24; today unless named.")] = "",
    show_numbers: Annotated[
        bool, typer.Option("--show-numbers", help="Phone numbers in full.")
    ] = False,
) -> None:
    """Show the appointments of a day."""
    from rich.console import Console

    from cli.appointments import show_day
    from database.url import database_url
    from messaging.clock import SystemClock

    try:
        wanted = date.fromisoformat(day) if day else None
    except ValueError:
        raise Failure(f"{day} is not a day like 2026-11-24.") from None
    asyncio.run(
        show_day(
            url=database_url(),
            day=wanted,
            now=SystemClock().now(),
            show_numbers=show_numbers,
            console=Console(),
        )
    )


@app.command()
def missed(reference: Reference) -> None:
    """Note that the customer did not come; they are told the next morning."""
    _mark("missed", reference)


@app.command()
def kept(reference: Reference) -> None:
    """Note that the customer came."""
    _mark("kept", reference)


def _mark(attendance: Attendance, reference: str) -> None:
    from rich.console import Console

    from cli.appointments import mark_attendance
    from database.url import database_url
    from messaging.clock import SystemClock, TimeOrderedIds

    asyncio.run(
        mark_attendance(
            url=database_url(),
            attendance=attendance,
            reference=reference,
            now=SystemClock().now(),
            new_id=TimeOrderedIds().new_id,
            console=Console(),
        )
    )
