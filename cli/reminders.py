"""``linnet reminders``: what customers are reminded of next, and what became of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.console import Console

from database.pool import make_pool
from messaging.masking import mask_number
from messaging.text_ids import short
from outreach.reminder_list import coming, told
from practice.words import when


async def show(
    *,
    url: str,
    within: timedelta,
    since: timedelta,
    now: datetime,
    show_numbers: bool,
    console: Console,
) -> None:
    """Print what is due next, and what was texted or refused, on the clocks of the locations.

    Args:
        url: of the database.
        within: how far ahead.
        since: how far back.
        now: the time, UTC.
        show_numbers: whether phone numbers are shown in full.
        console: to print to.
    """
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        next_ones = await coming(connection, now, within)
        past_ones = await told(connection, now - since)
    phone = str if show_numbers else mask_number
    lines = ["Due:"] if next_ones else ["Due: none."]
    lines += [
        f"  {when(one.at, one.zone):<18}  {one.kind:<6}  {one.reference}  "
        f"{phone(one.phone)}  for {when(one.start, one.zone)}"
        for one in next_ones
    ]
    lines += ["Texted or refused:"] if past_ones else ["Texted or refused: none."]
    lines += [
        f"  {when(one.at, one.zone):<18}  {one.kind:<6}  {one.reference}  "
        f"{phone(one.phone)}  {one.outcome}{f', text {short(one.text_id)}' if one.text_id else ''}"
        for one in past_ones
    ]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
