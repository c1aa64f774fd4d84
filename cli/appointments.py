"""``linnet appointments``: a day of the appointment book, and who came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from rich.console import Console

from cli.failure import Failure
from database.pool import make_pool
from messaging.masking import mask_number
from practice.attendance import Attendance, mark, on_day
from practice.catalogue import load_catalogue
from practice.errors import PracticeError
from practice.words import clock, when

MADE = {"kept": "The customer came", "missed": "The customer did not come"}


async def show_day(
    *, url: str, day: date | None, now: datetime, show_numbers: bool, console: Console
) -> None:
    """Print the appointments of a day.

    Args:
        url: of the database.
        day: on the calendars of the locations; today at the first of them when None.
        now: the time, UTC.
        show_numbers: whether phone numbers are shown in full.
        console: to print to.

    Raises:
        Failure: there is no location yet.
    """
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        catalogue = await load_catalogue(connection)
        if not catalogue.locations:
            raise Failure("There is no business in the database yet; `linnet up` loads one.")
        first = next(iter(catalogue.locations.values()))
        found = await on_day(connection, day or now.astimezone(ZoneInfo(first.timezone)).date())
    phone = str if show_numbers else mask_number
    for one in found:
        at = clock(one.start.astimezone(ZoneInfo(one.location.timezone)).time())
        console.print(
            f"{at:>7}  {one.reference}  {one.state:<9}  {one.location.name}, {one.staff}: "
            f"{one.service.name}, {one.customer_name}, {phone(one.phone)}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    if not found:
        console.print("No appointments on that day.")


async def mark_attendance(
    *,
    url: str,
    attendance: Attendance,
    reference: str,
    now: datetime,
    new_id: Callable[[], UUID],
    console: Console,
) -> None:
    """Note who came and who did not.

    Args:
        url: of the database.
        attendance: ``kept`` or ``missed``.
        reference: of the appointment.
        now: the time, UTC.
        new_id: for the key of the change.
        console: to print to.

    Raises:
        Failure: there is no such appointment, it was cancelled or it has not begun.
    """
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        try:
            made = await mark(
                connection, f"staff:{new_id()}", attendance, reference=reference, now=now
            )
        except PracticeError as error:
            raise Failure(f"Nothing was noted: {error.detail}.") from None
    console.print(
        f"{MADE[attendance]}: {made.reference}, {made.customer_name}, {made.service.name} "
        f"{when(made.start, made.location.timezone)}, {made.location.name}.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
