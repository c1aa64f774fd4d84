"""``linnet send``: one text that nobody asked for, and what became of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console

from cli.failure import Failure
from connectors.credentials import load_settings
from database.pool import Pool, make_pool
from messaging.clock import Clock, SystemClock
from messaging.media import Attachment
from messaging.notices import Notice, Refused

CLOCK = SystemClock()
POLL_SECONDS = 0.3
OVER = frozenset({"delivered", "failed", "unknown"})
STATE = """
SELECT state, segments, vendor_id, error_code, error_staff,
    (SELECT detail FROM text_event WHERE outbound_id = text.id AND kind = 'held'
     ORDER BY id DESC LIMIT 1) AS held
FROM outbound_text AS text WHERE id = %(id)s
"""


def moment(written: str) -> datetime:
    """A time as it was typed, UTC.

    Raises:
        Failure: it is none, or has no offset.
    """
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise Failure(f"{written} is not a time like 2026-12-01T09:00-05:00.") from None
    if at.tzinfo is None:
        raise Failure(f"{written} has no offset; write it like 2026-12-01T09:00-05:00, or with Z.")
    return at.astimezone(UTC)


async def send(
    *,
    url: str,
    to: str,
    body: str,
    sender: str | None,
    media: str | None,
    not_before: datetime | None = None,
    wait: timedelta,
    console: Console,
    credentials: Path = Path("credentials.yml"),
    clock: Clock = CLOCK,
) -> None:
    """Put a text into the outbox and wait until its fate is known, or that it is held.

    Args:
        url: of the database.
        to: the customer's number, E.164.
        body: the text.
        sender: the number of ours that it leaves from; when None, the one that the customer
            knows, and for a new customer one of a gateway that is well.
        media: address of a file that goes with it.
        not_before: when it leaves at the earliest, UTC; None for at once.
        wait: how long at most; after it the text is still sent by the worker.
        console: told of each change.
        credentials: the file.
        clock: by which quiet hours go.

    Raises:
        Failure: it was not sent, with the reason, or nobody sends it.
        SettingsError: the number is none of ours.
        WrongTime: it cannot leave when it is to.
    """
    settings = load_settings(credentials)
    if sender is not None:
        settings.gateway_for_number(sender)  # its error names the numbers that there are
    files = (Attachment(media),) if media else ()
    notice = Notice(to, body, not_before=not_before, media=files, number=sender)
    async with make_pool(url, max_size=1) as pool:
        async with pool.connection() as connection, connection.transaction():
            queued = await settings.notices.enqueue(connection, notice, clock.now())
        if isinstance(queued, Refused):
            raise Failure(f"Nothing was sent to {to} ({queued.code}): {queued.staff}")
        deadline = asyncio.get_running_loop().time() + wait.total_seconds()
        fates = [await _fate(pool, id, deadline, console) for id in queued]
    states = {row["state"]: row for row in fates}
    if failed := states.get("failed"):
        raise Failure(f"Not delivered ({failed['error_code']}): {failed['error_staff']}")
    if "pending" in states and states["pending"]["held"] is None:
        raise Failure("Nobody sends it: start `linnet worker` (or `linnet up`); the text waits.")


async def _fate(pool: Pool, own_id: UUID, deadline: float, console: Console) -> dict[str, Any]:
    shown = None
    clock = asyncio.get_running_loop().time
    while True:
        async with pool.connection() as connection:
            row = await (await connection.execute(STATE, {"id": own_id})).fetchone()
        if row is None:
            raise Failure("The text is gone from the database.")
        if row["state"] != shown:
            shown = row["state"]
            named = f" (vendor id {row['vendor_id']})" if row["vendor_id"] else ""
            console.print(f"{shown}{named}, {row['segments']} segment(s)", highlight=False)
        if shown == "pending" and row["held"] is not None:
            console.print(f"held {row['held']}", highlight=False, soft_wrap=True)
            return row
        if shown in OVER or clock() > deadline:
            return row
        await asyncio.sleep(POLL_SECONDS)
