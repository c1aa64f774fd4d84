"""``linnet privacy``: what is known of a person, handed out or forgotten, and for how long."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli import copies
from cli.failure import Failure
from connectors.credentials import load_settings
from database.pool import make_pool
from events.records import KEPT_DAYS as EVENT_DAYS
from messaging.clock import SystemClock
from messaging.retention import STEPS as ENGINE_STEPS
from messaging.retention_periods import RetentionPeriods
from messaging.upkeep import due, prune
from privacy import disk
from privacy.erasure import PATIENCE_SECONDS, PAUSE_SECONDS, erase, foresee
from privacy.errors import ErasureBusy, WaitsOnDisk
from privacy.export import as_text, export, write_files, write_private
from privacy.retention import forget_unheard, unheard
from privacy.steps import STEPS

PHONE = re.compile(r"\+[1-9]\d{6,14}")


async def hand_out(
    url: str, phone: str, actor: str, out: Path | None, *, with_media: bool, console: Console
) -> None:
    """Write all that is known of a person.

    Args:
        url: of the database.
        phone: E.164.
        actor: who does it, for the audit.
        out: the file; None for standard output.
        with_media: whether the file is a zip that has the person's files, too.
        console: to print to.

    Raises:
        Failure: the number is none, or the file is there already.
    """
    _checked(phone)
    if with_media and out is None:
        raise Failure("Files need --out FILE.zip to go to.")
    async with make_pool(url, max_size=1) as pool:
        told = await export(pool, phone, actor, SystemClock().now())
        if out is None:
            console.out(as_text(told), highlight=False, end="")
            return
        files = 0
        try:
            if with_media:
                files = await write_files(pool, phone, told, out)
            else:
                with write_private(out) as file:
                    file.write(as_text(told).encode())
        except FileExistsError as error:
            raise Failure(f"{out} is there already; name another file.") from error
    rows = sum(len(found) for found in told["tables"].values())
    with_files = f" and {files} files" if with_media else ""
    console.print(f"{rows} rows{with_files} written to {out}.", highlight=False, soft_wrap=True)


async def show_due(url: str, phone: str, console: Console) -> None:
    """Print what erasing a person would delete or change; nothing is changed.

    Args:
        url: of the database.
        phone: E.164.
        console: to print to.

    Raises:
        Failure: the number is none.
    """
    _checked(phone)
    async with make_pool(url, max_size=1) as pool:
        _show(await foresee(pool, phone), "would go", console)
    for path in disk.waiting(disk.spool_directory(), phone):
        console.print(f"Texts wait on disk in {path}.", highlight=False, soft_wrap=True)


async def forget(
    url: str,
    phone: str,
    actor: str,
    console: Console,
    *,
    at_gateways: bool = False,
    patience: float = PATIENCE_SECONDS,
    credentials: Path = Path("credentials.yml"),
) -> None:
    """Erase a person, and say what is left to do elsewhere.

    Args:
        url: of the database.
        phone: E.164.
        actor: who does it, for the audit.
        console: for progress and result.
        at_gateways: whether gateways are to delete their copies, too.
        patience: seconds that what is under way is waited for.
        credentials: the file with the gateways.

    Raises:
        Failure: the number is none, or something is still under way; nothing was changed.
        SettingsError: the phone has opted out, and there is no key to remember that by.
    """
    _checked(phone)
    gateways = load_settings(credentials).gateways if at_gateways else {}
    async with make_pool(url, max_size=1) as pool:
        with console.status("Erasing") as status:
            try:
                await _stored(phone, patience)
                erased = await erase(
                    pool,
                    phone,
                    actor,
                    at_gateways=at_gateways,
                    patience=patience,
                    waiting=lambda why: status.update(f"Waiting: {why}"),
                )
            except (ErasureBusy, WaitsOnDisk) as error:
                raise Failure(f"Nothing was erased, because {error.detail}.") from error
    aside = disk.take_out(disk.spool_directory(), phone)
    _show({**erased.rows, **({"lines set aside on disk": aside} if aside else {})}, "gone", console)
    if erased.opted_out:
        console.print("That this phone wants no texts is remembered by a keyed hash.")
    if at_gateways:
        await copies.delete(url, gateways, console)
    elif erased.copies:
        console.print(
            f"Gateways have copies of {erased.copies} texts; `linnet privacy copies --at-gateway` "
            "has them deleted there.",
            soft_wrap=True,
        )


async def _stored(phone: str, patience: float) -> None:
    """Wait until no text of a person waits on disk."""
    clock = asyncio.get_running_loop().time
    until = clock() + patience
    while paths := disk.waiting(disk.spool_directory(), phone):
        if clock() >= until:
            raise WaitsOnDisk(
                f"texts of this person wait in {', '.join(map(str, paths))}; start the ingress, "
                "which stores them, and erase again"
            )
        await asyncio.sleep(PAUSE_SECONDS)


async def retention(
    url: str, console: Console, *, run: bool, credentials: Path = Path("credentials.yml")
) -> None:
    """Print each class of data, for how long it is kept and what is older; forget that, if wished.

    Args:
        url: of the database.
        console: for progress and result.
        run: whether to do what a worker does every night.
        credentials: the file with the settings.

    Raises:
        Failure: another process is doing this.
    """
    periods, now = load_settings(credentials).retention, SystemClock().now()
    steps = (*ENGINE_STEPS, *STEPS)
    _show_periods(periods, console)
    async with make_pool(url, max_size=2) as pool:
        if not run:
            rows = await due(pool, periods, now, steps)
            _show({**rows, "people": await unheard(pool, periods, now)}, "would go", console)
            return
        with console.status("Forgetting") as status:
            gone = await prune(
                pool,
                periods,
                now,
                lambda step, rows: status.update(f"{step}: {sum(rows.values()):,} rows so far"),
                steps,
            )
            if gone is None:
                raise Failure(
                    "Another process is doing upkeep at this moment; its log says how far it is."
                )
            people = await forget_unheard(
                pool, periods, now, lambda count: status.update(f"{count:,} people so far")
            )
    _show({**gone, "people": people}, "gone", console)


def _show_periods(periods: RetentionPeriods, console: Console) -> None:
    table = Table("class", "setting", "days", box=None)
    table.columns[2].justify = "right"
    for name, setting, days in (
        ("texts and what belongs to them", "retention_days", periods.texts),
        ("files of customers", "media_days", min(periods.media, periods.texts)),
        ("all fields of receipts, failed jobs", "raw_days", min(periods.raw, periods.texts)),
        ("people, with their consent", "people_days", periods.people),
        ("audits of privacy and campaigns", "audit_days", periods.audit),
        ("outgoing events", "", min(EVENT_DAYS, periods.texts)),
        ("answers of the API", "", 1),
    ):
        table.add_row(name, setting, f"{days:,}")
    table.add_row("that somebody wants no texts", "", "for ever")
    console.print(table, highlight=False)


def _show(rows: Mapping[str, int], heading: str, console: Console) -> None:
    found = {name: count for name, count in rows.items() if count}
    if not found:
        console.print("There is nothing.")
        return
    table = Table("what", heading)
    table.columns[1].justify = "right"
    for name, count in found.items():
        table.add_row(name, f"{count:,}")
    console.print(table)


def _checked(phone: str) -> None:
    if not PHONE.fullmatch(phone):
        raise Failure(f"{phone or 'nothing'} is not a number like +12125550100.")
