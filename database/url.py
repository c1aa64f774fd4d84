"""Where the database is.

``DATABASE_URL`` decides. Without it, everything that is started in one project folder meets
at the same database: that of a running ``linnet up``, else an embedded server under
``.linnet/`` (or ``LINNET_DATA_DIR``), which the first process that asks starts.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from database.local_state import data_dir

# The rest is imported where it is used: with DATABASE_URL set, as in production, a process is
# to start without the tools for migrations and for an embedded server.


@functools.cache
def database_url() -> str:
    """The URL of this process's database, which is up and migrated if it is an embedded one.

    Returns:
        ``postgresql://user:password@host:port/database``.

    Raises:
        EmbeddedPostgresError: no database is named and the embedded one does not start.
    """
    named = os.environ.get("DATABASE_URL")
    if named:
        return normal(named)
    running = stack(data_dir())
    if running and _answers(running["database_url"]):
        return str(running["database_url"])
    from database.embedded import EmbeddedPostgres  # noqa: PLC0415

    server = EmbeddedPostgres(data_dir() / "data", outlive_parent=True)
    started = server.adopt_or_start()
    # The last process to leave ends the server, whoever started it.
    atexit.register(server.stop_if_unused)
    if started:
        prepare(server.url)
    return server.url


def normal(url: str) -> str:
    """A URL as psycopg and SQLAlchemy both read it."""
    for scheme in ("postgres://", "postgresql+psycopg://"):
        if url.startswith(scheme):
            return "postgresql://" + url.removeprefix(scheme)
    return url


def stack(folder: Path) -> dict[str, Any] | None:
    """What ``linnet up`` wrote about the stack that it runs on ``folder``, if it still runs."""
    try:
        described: dict[str, Any] = json.loads((folder / "up.json").read_text())
        os.kill(described["pid"], 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return described


def prepare(url: str) -> None:
    """Bring the database to the newest schema and load the sample business, if it is absent."""
    from database.migrate import migrate  # noqa: PLC0415

    migrate(url)
    # In a thread of its own, because the caller may be inside a running event loop.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _load_sample(url)).result()


async def _load_sample(url: str) -> None:
    from database.pool import make_pool  # noqa: PLC0415
    from practice.sample import load_sample  # noqa: PLC0415

    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        await load_sample(connection, datetime.now(UTC))


def _answers(url: str) -> bool:
    import psycopg  # noqa: PLC0415

    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
