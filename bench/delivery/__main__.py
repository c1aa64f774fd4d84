"""Measures what leaves and what arrives under load, without a model; prints JSON.

python -m bench.delivery [--only sends|inbound|pace|bulk|history] [--assistant echo|rasa]
                         [--quick] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from bench.delivery.bulk import bulk
from bench.delivery.history import history
from bench.delivery.inbound import inbound
from bench.delivery.pacing import pacing
from bench.delivery.sends import sends
from bench.delivery.targets import targets
from bench.turns.measure import machine
from cli.failure import Failure
from database.postgres_binaries import EmbeddedPostgresError

FAILURES = (Failure, EmbeddedPostgresError)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done.

    Attributes:
        sends: texts that leave.
        phones: that text ten times each.
        seconds: within which they do.
        pace: share of the usual time for which the pace is watched.
        bulk: texts that wait.
        replies: amid these.
        old: texts in the database.
        rounds: with many and with few old texts.
        texts: of a round.
    """

    sends: int = 10_000
    phones: int = 1_000
    seconds: float = 60.0
    pace: float = 1.0
    bulk: int = 10_000
    replies: int = 40
    old: int = 1_000_000
    rounds: int = 12
    texts: int = 40


QUICK = Size(
    sends=500,
    phones=50,
    seconds=6.0,
    pace=0.25,
    bulk=500,
    replies=8,
    old=20_000,
    rounds=2,
    texts=10,
)
"""To see that everything works; the figures say little."""


def main() -> int:
    """Measure and print; 1 where a stack could not be started."""
    arguments = argparse.ArgumentParser(prog="python -m bench.delivery", description=__doc__)
    arguments.add_argument("--only", choices=["sends", "inbound", "pace", "bulk", "history"])
    arguments.add_argument(
        "--assistant",
        choices=["echo", "rasa"],
        default="echo",
        help="who answers in inbound and history: a process that says what it is told, or Rasa "
        "with the newest model",
    )
    arguments.add_argument("--quick", action="store_true", help="little of everything")
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    options = arguments.parse_args()
    console = Console(stderr=True, soft_wrap=True)

    def told(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    try:
        report = uvloop.run(_measure(options, told))
    except FAILURES as error:
        console.print(f"[red]{error}[/]")
        return 1
    written = json.dumps(report, indent=2)
    if options.out:
        options.out.write_text(written + "\n")
    print(written)
    return 0


async def _measure(options: argparse.Namespace, told: Callable[[str], None]) -> dict[str, Any]:
    size, who = QUICK if options.quick else Size(), options.assistant
    scenarios: dict[str, Callable[[], Coroutine[Any, Any, dict[str, Any]]]] = {
        "sends": lambda: sends(size.sends, told),
        "inbound": lambda: inbound(size.phones, size.seconds, who, told),
        "pace": lambda: pacing(size.pace, told),
        "bulk": lambda: bulk(size.bulk, size.replies, told),
        "history": lambda: history(size.old, size.rounds, size.texts, who, told),
    }
    report: dict[str, Any] = {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
    }
    found: dict[str, dict[str, Any]] = {}
    for name, measure in scenarios.items():
        if options.only in {None, name}:
            told(f"{name} ...")
            found[name] = await measure()
    return {**report, **found, "targets": targets(found)}


if __name__ == "__main__":
    sys.exit(main())
