"""``linnet encryption``: keys are made, what is stored is counted by key and sealed anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli.failure import Failure
from database.alone import alone
from database.embedded import write_private
from database.encryption import (
    DIGEST_KEY,
    KEY_FILE,
    KEYS,
    Cipher,
    cipher,
    kept_keys,
    new_id,
    new_key,
)
from database.key_rotation import COLUMNS, PLAIN, Rotation, count, rotate
from database.pool import make_pool
from database.url import stack


def key_lines(environ: Mapping[str, str], today: date) -> list[str]:
    """The variables with a new key before the ones that there are.

    Args:
        environ: as it is now.
        today: for the new key's id.
    """
    before = [environ[KEYS].strip()] if environ.get(KEYS, "").strip() else []
    keys = ",".join([f"{new_id(today)}:{new_key()}", *before])
    return [f"{KEYS}={keys}", f"{DIGEST_KEY}={environ.get(DIGEST_KEY) or new_key()}"]


def practice_keys(data_dir: Path, today: date) -> dict[str, str]:
    """The keys of ``linnet up``, made when it is first started on a folder.

    Args:
        data_dir: the folder of all its state.
        today: for the id of a new key.
    """
    if not (data_dir / KEY_FILE).exists():
        write_private(data_dir / KEY_FILE, "\n".join(key_lines({}, today)) + "\n")
    return kept_keys(data_dir)


def renew_practice_keys(data_dir: Path, today: date) -> None:
    """Put a new key before the ones that ``linnet up`` keeps.

    Args:
        data_dir: the folder of all its state, with keys in it.
        today: for the new key's id.

    Raises:
        Failure: it runs, with processes that cannot read what would be sealed with a new key.
    """
    if stack(data_dir) is not None:
        raise Failure("`linnet up` runs with the keys as they are; end it first.")
    lines = key_lines(kept_keys(data_dir), today)
    write_private(data_dir / KEY_FILE, "\n".join(lines) + "\n")


async def status(url: str, console: Console) -> None:
    """Show how many values are sealed with which key.

    Args:
        url: of the database.
        console: where it is shown.
    """
    keys, found = cipher(), {}
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        with console.status("Counting") as progress:
            for column in COLUMNS:
                progress.update(f"Counting {column.purpose}")
                found[column.purpose] = await count(connection, column)
    totals = Counter[str]()
    for counts in found.values():
        totals.update(counts)
    _show_keys(totals, keys, console)
    table = Table("column", *sorted(totals))
    for index in range(1, len(table.columns)):
        table.columns[index].justify = "right"
    for purpose, counts in found.items():
        if counts:
            table.add_row(purpose, *(f"{counts.get(id, 0):,}" for id in sorted(totals)))
    if totals:
        console.print(table)


def _show_keys(totals: Mapping[str, int], keys: Cipher, console: Console) -> None:
    for id in sorted({*totals, *keys.key_ids}):
        if id == PLAIN:
            state = "not encrypted"
        elif id == keys.key_id:
            state = "the newest key"
        elif id not in keys.key_ids:
            state = "[red]a key that is not here: these values cannot be read[/]"
        else:
            state = "an older key" if totals.get(id) else "an older key, which nothing needs"
        console.print(f"{totals.get(id, 0):>10,}  {id}: {state}", highlight=False)


async def seal_anew(url: str, console: Console) -> None:
    """Seal everything with the newest key; can be ended and started again at any time.

    Args:
        url: of the database.
        console: where it is shown.

    Raises:
        Failure: there is no key, another process does this, or something is left.
    """
    keys = cipher()
    if keys.key_id is None:
        raise Failure(f"There is no key; set {KEYS} to what `linnet encryption new-key` prints.")
    total = Rotation()
    async with make_pool(url, max_size=2) as pool, alone(pool, "encryption rotate") as connection:
        if connection is None:
            raise Failure("Another process seals anew at this moment.")
        with console.status("Sealing anew") as progress:
            for column in COLUMNS:

                def seen(values: int, what: str = column.purpose) -> None:
                    progress.update(f"{what}: {values:,} looked at")

                done = await rotate(connection, column, keys, seen)
                console.print(f"{done.sealed:>10,}  {column.purpose}", highlight=False)
                total.held += done.held
                total.unreadable.update(done.unreadable)
    for reason, values in total.unreadable.items():
        console.print(f"[red]{values:,} not read: {reason}[/]", highlight=False)
    if total.held or total.unreadable:
        raise Failure(
            f"{total.held + total.unreadable.total():,} values are as they were; "
            "start this again when what is said above is mended."
        )
    console.print(f"Everything is sealed with {keys.key_id}.", highlight=False)
