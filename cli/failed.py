"""``linnet failed`` and ``linnet retry``: texts that did not arrive, and sending them once more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from rich.console import Console

from cli.failure import Failure
from cli.story import text_id
from database.pool import make_pool
from messaging.dead_texts import OutboxText, dead_texts, send_once_more
from messaging.masking import mask_number
from messaging.text_ids import short

UNASKED = 10
"""Texts that are sent once more without asking first."""

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def period(written: str) -> timedelta:
    """How long a period such as ``30m``, ``24h`` or ``7d`` is.

    Raises:
        Failure: it is written otherwise.
    """
    match = re.fullmatch(r"(\d{1,5})([mhd])", written.strip())
    if match is None:
        raise Failure(f"{written} is not a period; write 30m, 24h or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


async def show_failed(
    *,
    url: str,
    within: timedelta,
    code: str | None,
    limit: int,
    show_numbers: bool,
    as_json: bool,
    console: Console,
) -> None:
    """List texts that failed or whose fate is unknown, the newest first.

    Args:
        url: of the database.
        within: how long ago at most.
        code: only those with this code.
        limit: so many at most.
        show_numbers: whether phone numbers are shown in full.
        as_json: one JSON object a line, for programs.
        console: to print to.
    """
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        texts = await dead_texts(connection, within, code=code, limit=limit)
    phone = str if show_numbers else mask_number
    if as_json:
        for text in texts:
            console.out(_as_json(text, phone(text.recipient)), highlight=False)
    elif texts:
        for text in texts:
            lines = _lines(text, phone(text.recipient))
            console.print(lines, highlight=False, markup=False, soft_wrap=True)
        console.print(
            "`linnet story ID` tells all of a text, `linnet retry ID` sends it once more."
        )
    else:
        console.print("None.")


def _as_json(text: OutboxText, phone: str) -> str:
    return json.dumps(
        {
            "id": str(text.id),
            "at": text.at.isoformat(),
            "kind": text.kind,
            "phone": phone,
            "gateway": text.gateway,
            "state": text.state,
            "code": text.code,
            "why": text.staff,
            "attempts": text.attempts,
        }
    )


def _lines(text: OutboxText, phone: str) -> str:
    """Two lines, because the reason is a sentence and the id must not be cut."""
    attempts = "1 attempt" if text.attempts == 1 else f"{text.attempts} attempts"
    return (
        f"{short(text.id)}  {text.at.astimezone():%b %d %H:%M}  {text.kind:<7}  {phone:<12}  "
        f"{text.gateway:<10}  {text.state}\n    {text.code or 'no code'}, {attempts}: "
        f"{text.staff or 'not looked at yet'}"
    )


async def retry(
    *,
    url: str,
    beginnings: Sequence[str],
    code: str | None,
    within: timedelta,
    although_unknown: bool,
    confirmed: Callable[[int], bool],
    console: Console,
) -> None:
    """Send texts once more, and say of each what was done.

    Args:
        url: of the database.
        beginnings: of their ids; or else
        code: of all that have this one,
        within: so long ago at most.
        although_unknown: also those that may be out already.
        confirmed: asked before so many texts go out, where they are more than a few.
        console: to print to.

    Raises:
        Failure: an id is not clear, or nothing was sent once more.
    """
    if bool(beginnings) == (code is not None):
        raise Failure("Name texts by their ids, or all with a code by --code 30007.")
    async with make_pool(url, max_size=1) as pool:
        async with pool.connection() as connection:
            ids: list[UUID] = [await text_id(connection, one) for one in beginnings]
            if code is not None:
                ids = [text.id for text in await dead_texts(connection, within, code=code)]
        if len(ids) > UNASKED and not confirmed(len(ids)):
            raise Failure("Nothing was sent once more.")
        verdicts = await send_once_more(pool, ids, although_unknown=although_unknown)
    for verdict in verdicts:
        text, told = verdict.text, verdict.refusal or "sent once more"
        was = f"{text.state} {text.code}" if text.code else text.state
        console.print(
            f"{short(text.id)}  {text.kind} to {mask_number(text.recipient)}, {was}: {told}",
            highlight=False,
            soft_wrap=True,
        )
    again = sum(verdict.refusal is None for verdict in verdicts)
    if again == 0:
        raise Failure("Nothing was sent once more.")
    console.print(f"{again} of {len(verdicts)} put back; each leaves before what waits behind it.")
