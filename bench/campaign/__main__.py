"""Measures a campaign to many: selection, policy checks, hand-over; prints JSON.

python -m bench.campaign [--recipients 50000] [--naive 1000] [--out FILE]

The stock side is a loop that gives one recipient after another to the desk, each in a transaction
of its own, on the same database.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from bench.turns.measure import cpu_seconds, machine
from database.embedded import EmbeddedPostgres
from database.migrate import migrate
from database.pool import Pool, make_pool
from messaging.clock import TimeOrderedIds
from messaging.consent import ConsentPolicy
from messaging.lanes import Lane
from messaging.notice_batches import foresee
from messaging.notices import Notice, NoticeDesk
from messaging.phone_hours import QuietHours
from messaging.routing import Candidate
from messaging.rule_files import read_rules
from messaging.text_policy import TextPolicy
from outreach import campaign_actions
from outreach.audience import CsvAudience
from outreach.audience_query import Query, QueryAudience
from outreach.campaign_runner import BATCH, advance
from outreach.campaigns import Campaign, Plan
from outreach.templates import NoticeClass

NOON = datetime(2026, 11, 16, 18, tzinfo=UTC)
"""A Monday on which every state may be texted."""

OURS = "+12125550142"
AREAS = (212, 312, 303, 602, 310, 305, 617, 206, 404, 512)
TEXT = "Hello {name}, we are closed on Friday. Reply HELP for help, STOP to end."
QUERY = Query("all", "", "SELECT phone, name FROM customer ORDER BY id", ())

CUSTOMERS = """
INSERT INTO customer (phone, name)
SELECT phone, 'Ann ' || n FROM unnest(%(phones)s::text[]) WITH ORDINALITY AS given (phone, n)
"""


def main() -> int:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m bench.campaign", description=__doc__)
    arguments.add_argument("--recipients", type=int, default=50_000)
    arguments.add_argument("--naive", type=int, default=1_000, help="recipients of the stock side")
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    options = arguments.parse_args()
    console = Console(stderr=True, soft_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        server.start()
        try:
            migrate(server.url)
            report = asyncio.run(_measure(server, Path(folder), options, console))
        finally:
            server.remove()
    written = json.dumps(report, indent=2)
    if options.out:
        options.out.write_text(written + "\n")
    print(written)
    return 0


class Meter:
    """Seconds and CPU of this process and of PostgreSQL, for so many recipients.

    Args:
        postgres: the server's process id.
        console: told what is measured.
    """

    def __init__(self, postgres: int, console: Console) -> None:
        self._postgres = postgres
        self._console = console
        self.found: dict[str, Any] = {}

    @contextmanager
    def measure(self, name: str, recipients: int) -> Iterator[None]:
        """Measure what is done inside."""
        self._console.print(f"{name}: {recipients} recipients ...", highlight=False)
        own, server, begun = cpu_seconds(os.getpid()), self._server(), time.perf_counter()
        yield
        seconds = time.perf_counter() - begun
        self.found[name] = {
            "recipients": recipients,
            "seconds": round(seconds, 2),
            "a_second": round(recipients / seconds),
            "cpu_ms_each": round((cpu_seconds(os.getpid()) - own) * 1000 / recipients, 3),
            "postgres_cpu_ms_each": round((self._server() - server) * 1000 / recipients, 3),
        }

    def _server(self) -> float:
        """CPU seconds of the server's processes, of those that ended too."""
        process = psutil.Process(self._postgres)
        ended = process.cpu_times()
        own = ended.user + ended.system + ended.children_user + ended.children_system
        return own + sum(cpu_seconds(child.pid) for child in process.children())


async def _measure(
    server: EmbeddedPostgres, folder: Path, options: argparse.Namespace, console: Console
) -> dict[str, Any]:
    count, began = options.recipients, datetime.now(UTC)
    running = server.running()
    assert running is not None  # noqa: S101  it was started a moment ago
    meter = Meter(running.pid, console)
    phones = [f"+1{AREAS[n % len(AREAS)]}{2_000_000 + n}" for n in range(count + options.naive)]
    many, few = phones[:count], phones[count:]
    csv = folder / "list.csv"
    with csv.open("w") as file:
        file.write("phone,name\n")
        file.writelines(f"{phone},Ann {number}\n" for number, phone in enumerate(many))
    async with make_pool(server.url) as pool:
        async with pool.connection() as connection:
            await connection.execute(CUSTOMERS, {"phones": many})
        desk = _desk()
        plan = Plan("csv", NoticeClass.TRANSACTIONAL, TEXT, "closing", per_minute=60_000)
        with meter.measure("selection_csv", count):
            await _created(pool, plan, CsvAudience(csv, plan.needed))
        with meter.measure("selection_query", count):
            other = Plan("query", NoticeClass.TRANSACTIONAL, TEXT, "closing")
            await _created(pool, other, QueryAudience(pool, QUERY, {}, plan.needed))
        with meter.measure("policy_checks", count):
            await _weighed(pool, desk, many)
        await campaign_actions.start(pool, "csv", "bench", NOON)
        with meter.measure("enqueued", count):
            await _handed_over(pool, desk, count)
        with meter.measure("stock_loop", options.naive):
            await _one_by_one(pool, desk, few)
    peak = psutil.Process().memory_info()
    return {
        "began": began.isoformat(timespec="seconds"),
        "machine": machine(),
        **meter.found,
        "memory_mb": round(peak.rss / 2**20),
        "selection_peak_python_mb": await _selection_peak(csv),
    }


def _desk() -> NoticeDesk:
    return NoticeDesk(
        {"twilio": TextPolicy(longest=1600)},
        [Candidate("twilio", (OURS,), 100, 1600)],
        ConsentPolicy(introduction="Harbor Eye Care, privacy: https://example.com/p"),
        QuietHours(read_rules()),
        TimeOrderedIds().new_id,
        lambda: 0.5,
    )


async def _created(pool: Pool, plan: Plan, audience: Any) -> Campaign:
    nothing: Callable[[Any], None] = lambda _: None  # noqa: E731  nobody looks on
    return await campaign_actions.create(pool, plan, audience, "bench", NOON, nothing)


def _notice(phone: str) -> Notice:
    return Notice(phone, TEXT.replace("{name}", phone), Lane.REMINDER, "closing")


async def _weighed(pool: Pool, desk: NoticeDesk, phones: list[str]) -> None:
    async with pool.connection() as connection:
        for start in range(0, len(phones), BATCH):
            notices = [_notice(phone) for phone in phones[start : start + BATCH]]
            await foresee(desk, connection, notices, [NOON] * len(notices))


async def _handed_over(pool: Pool, desk: NoticeDesk, count: int) -> None:
    """As the job does, but that texts are taken for sent at once, and the clock does not wait."""
    for _ in range(count):
        async with pool.connection() as connection:
            await connection.execute(
                "UPDATE campaign SET paced_until = NULL WHERE state = 'running'"
            )
            await connection.execute(
                "UPDATE outbound_text SET state = 'unknown' WHERE state = 'pending'"
            )
        if not await advance(pool, desk, NOON):
            return


async def _one_by_one(pool: Pool, desk: NoticeDesk, phones: list[str]) -> None:
    for phone in phones:
        async with pool.connection() as connection, connection.transaction():
            await desk.enqueue(connection, _notice(phone), NOON)


async def _selection_peak(csv: Path) -> float:
    """What Python holds at most while a list is read, in MB; slow, so that it is done apart."""
    tracemalloc.start()
    async for _ in CsvAudience(csv, ("name",)).batches():
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return round(peak / 2**20, 1)


if __name__ == "__main__":
    sys.exit(main())
