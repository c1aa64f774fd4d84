"""``linnet privacy copies``: what gateways still have of people who were erased here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx
from rich.console import Console

from connectors.credentials import load_settings
from connectors.gateways.base import Gateway
from database.pool import make_pool
from messaging.clock import SystemClock
from privacy.copies import Deletion, ask, copies, delete_asked, mark_erased


async def show(url: str, console: Console) -> None:
    """Print which texts are to be deleted at which gateway, one JSON object a line.

    Args:
        url: of the database.
        console: to print to.
    """
    async with make_pool(url, max_size=1) as pool:
        for copy in await copies(pool):
            line = {"gateway": copy.gateway, "vendor_id": copy.vendor_id}
            console.out(json.dumps(line), highlight=False)


async def note_deleted(url: str, gateway: str, actor: str, console: Console) -> None:
    """Note that a gateway has no copies any more of texts of people who were erased.

    Args:
        url: of the database.
        gateway: its name.
        actor: who deleted them there, for the audit.
        console: told how many they were.
    """
    async with make_pool(url, max_size=1) as pool:
        count = await mark_erased(pool, gateway, actor, SystemClock().now())
    console.print(f"{count} copies at {gateway} are noted as deleted.", highlight=False)


async def ask_and_delete(
    url: str, actor: str, console: Console, *, credentials: Path = Path("credentials.yml")
) -> None:
    """Have gateways delete all copies that are listed.

    Args:
        url: of the database.
        actor: who asks, for the audit.
        console: for progress and result.
        credentials: the file with the gateways.

    Raises:
        SettingsError: the file is wrong.
    """
    gateways = load_settings(credentials).gateways
    async with make_pool(url, max_size=1) as pool:
        await ask(pool, actor)
    await delete(url, gateways, console)


async def delete(url: str, gateways: Mapping[str, Gateway], console: Console) -> None:
    """Delete at gateways what somebody has asked for, and say what is left.

    Args:
        url: of the database.
        gateways: by name.
        console: for progress and result.
    """
    async with make_pool(url, max_size=2) as pool, httpx.AsyncClient(timeout=30.0) as http:
        with console.status("Deleting at gateways") as status:
            done = await delete_asked(
                pool,
                gateways,
                http,
                SystemClock(),
                lambda so_far: status.update(f"{so_far.deleted:,} copies deleted so far"),
            )
        left = Counter(copy.gateway for copy in await copies(pool))
    if done is None:
        console.print(
            "Another process is deleting copies at this moment; what it leaves, a worker "
            "(`linnet worker`) deletes within 10 minutes.",
            soft_wrap=True,
        )
        return
    able = {name for name, one in gateways.items() if one.capabilities.forgets}
    for line in _told(done, left, able):
        console.print(line, highlight=False, soft_wrap=True)


def _told(done: Deletion, left: Counter[str], able: set[str]) -> list[str]:
    lines = [f"{done.deleted:,} copies were deleted at gateways."]
    if done.unfinished:
        lines.append(f"{done.unfinished:,} are of texts with which the gateway has not done yet.")
    lines += [f"{reason}; the rest there is left." for reason in done.failed.values()]
    if done.unfinished or done.failed:
        lines.append("A worker (`linnet worker`) tries again every 10 minutes.")
    for name, count in left.items():
        if name not in able:
            lines.append(
                f"{count:,} are at {name}, which deletes nothing when asked by a program: have "
                f"them deleted there, then say `linnet privacy copies --erased {name}`."
            )
    return lines
