"""``linnet keys``: who may call the API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from cli.failure import Failure
from console.api_keys import ApiKey, Scope, create, listed, revoke
from database.pool import make_pool

DAYS = re.compile(r"(\d{1,4})d")


async def make(
    url: str,
    name: str,
    scopes: Sequence[str],
    *,
    by: str,
    expires: str,
    now: datetime,
    console: Console,
) -> None:
    """Make a key and show its secret, once.

    Args:
        url: of the database.
        name: of whoever gets it.
        scopes: what it is for.
        by: who makes it.
        expires: a day like 2027-01-31 or a time like 90d; empty for never.
        now: the time, aware.
        console: where it is shown; the secret alone on its line.

    Raises:
        Failure: the scopes or the day are none.
        NameTaken: a key in use has this name.
    """
    if not name.strip():
        raise Failure("Name the key after whoever gets it.")
    unknown = [scope for scope in scopes if scope not in set(Scope)]
    if unknown or not scopes:
        wrong = f"There is no scope {unknown[0]}" if unknown else "Say what it is for"
        raise Failure(f"{wrong}: --scope is {', '.join(Scope)}.")
    until = expiry(expires, now)
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        key, secret = await create(
            connection, name.strip(), {Scope(one) for one in scopes}, by=by, now=now,
            expires_at=until,
        )  # fmt: skip
    ends = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "until it is revoked"
    console.print(
        f"Key {key.name} ({key.prefix}) for {', '.join(key.scopes)}, {ends}. "
        "This is its secret; it is shown this once and kept nowhere:",
        highlight=False,
        soft_wrap=True,
    )
    console.print(secret, highlight=False, markup=False, soft_wrap=True)


async def show(url: str, now: datetime, console: Console) -> None:
    """List all keys, those in use first.

    Args:
        url: of the database.
        now: the time, aware.
        console: where they are shown.
    """
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        keys = await listed(connection)
    if not keys:
        console.print("There are none; `linnet keys create` makes one.", highlight=False)
        return
    table = Table("name", "prefix", "for", "made", "last used", "state", box=None)
    for key in keys:
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        made = f"{key.created_at:%Y-%m-%d} by {key.created_by}"
        table.add_row(key.name, key.prefix, ", ".join(key.scopes), made, used, _state(key, now))
    console.print(table, highlight=False, markup=False)


async def end(url: str, which: str, *, by: str, now: datetime, console: Console) -> None:
    """Revoke a key; its next request is refused.

    Args:
        url: of the database.
        which: its name or prefix.
        by: who revokes it.
        now: the time, aware.
        console: told of it.

    Raises:
        Failure: no key in use is called so.
    """
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        key = await revoke(connection, which, by=by, now=now)
    if key is None:
        raise Failure(f"No key in use is called {which}; `linnet keys list` shows them.")
    console.print(f"{key.name} ({key.prefix}) is revoked.", highlight=False)


def expiry(written: str, now: datetime) -> datetime | None:
    """When a key ends.

    Args:
        written: a day like 2027-01-31 (its end, UTC) or a time like 90d; empty for never.
        now: the time, aware.

    Raises:
        Failure: it is neither, or over.
    """
    if not written:
        return None
    if match := DAYS.fullmatch(written):
        until = now + timedelta(days=int(match[1]))
    else:
        try:
            until = datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
        except ValueError:
            raise Failure(f"--expires {written} is no day like 2027-01-31 and no 90d.") from None
    if until <= now:
        raise Failure(f"--expires {written} is over.")
    return until


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d} by {key.revoked_by}"
    if key.expires_at is None:
        return "in use"
    return f"{'expired' if key.expires_at <= now else 'in use until'} {key.expires_at:%Y-%m-%d}"
