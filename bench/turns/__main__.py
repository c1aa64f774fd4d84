"""Measures this assistant and a stock Rasa side by side; prints JSON.

python -m bench.turns [--out FILE] [--only ours|stock] [--quick] [--prepare]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.turns import scenarios
from bench.turns.account import Account
from bench.turns.fake_twilio import FakeTwilio
from bench.turns.load import ATTEMPTS, Carrier, Texters
from bench.turns.measure import machine
from bench.turns.ours import PER_SECOND, Ours
from bench.turns.stack import Recipe, RunningStack
from bench.turns.stock import Stock, StockEnvironment
from bench.turns.targets import COMPARABLE, SHIPPED, STOCK, targets
from bench.turns.texts import SEED, Phones
from cli.failure import Failure
from cli.project import here
from database.embedded import free_port
from database.postgres_binaries import EmbeddedPostgresError
from messaging.errors import SettingsError
from simulator.posting import Poster

FOLDER = Path(".linnet/bench")
FAILURES = (Failure, SettingsError, EmbeddedPostgresError)


def main() -> int:
    """Measure and print; 1 where a stack could not be started."""
    arguments = argparse.ArgumentParser(prog="python -m bench.turns", description=__doc__)
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    arguments.add_argument("--only", choices=["ours", "stock"], help="measure one side")
    arguments.add_argument("--quick", action="store_true", help="few texts, nothing is killed")
    arguments.add_argument(
        "--prepare", action="store_true", help="make the stock environment and model only"
    )
    arguments.add_argument("--port-base", type=int, default=7080)
    options = arguments.parse_args()
    console = Console(stderr=True)
    folder = FOLDER.absolute()
    try:
        if options.only != "ours":
            stock = StockEnvironment(folder, console)
            stock.ensure()
            stock.ensure_model(here())
        if options.prepare:
            return 0
        report = asyncio.run(_measure(options, folder, console))
    except FAILURES as error:
        console.print(f"[red]{error}[/]")
        return 1
    written = json.dumps(report, indent=2)
    if options.out:
        options.out.write_text(written + "\n")
    print(written)
    return int(any("not_measured" in stack for stack in report["stacks"].values()))


async def _measure(options: argparse.Namespace, folder: Path, console: Console) -> dict[str, Any]:
    size = scenarios.QUICK if options.quick else scenarios.Size()
    account, poster, phones = Account(), Poster(), Phones()
    fake = FakeTwilio(account, poster)
    report: dict[str, Any] = {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "setup": {
            "texters": size.texters,
            "seed": SEED,
            "carrier_attempts_per_webhook": ATTEMPTS,
            "our_pace_segments_per_second": PER_SECOND,
            "load_generator": "on the same machine as the stacks; its processor time is not theirs",
        },
        "stacks": {},
    }
    project, base, stacks = here(), options.port_base, report["stacks"]
    async with fake.serving(free_port()) as api:

        def ours(name: str, burst_seconds: float | None) -> Ours:
            return Ours(name, project, folder / "ours", base, account, api, burst_seconds, console)

        def stock() -> Stock:
            environment = StockEnvironment(folder, console)
            return Stock(project, environment, folder, base, account, api)

        # The shipped burst window delays every reply, so the same is run without one too.
        recipes: dict[str, Callable[[], Recipe]] = {
            SHIPPED: lambda: ours(SHIPPED, None),
            COMPARABLE: lambda: ours(COMPARABLE, 0.0),
            STOCK: stock,
        }
        for name, make in recipes.items():
            if options.only and not name.startswith(options.only):
                continue
            try:
                recipe = make()
                texters = Texters(Carrier(account, recipe.address, poster), fake)
                stacks[name] = await _run(recipe, texters, phones, size, console)
                if isinstance(recipe, Ours):
                    stacks[name]["burst_seconds"] = recipe.burst_seconds
            except FAILURES as error:
                # What else was measured is worth its minutes.
                console.print(f"[red]{name}: {error}[/]")
                stacks[name] = {"not_measured": str(error)}
    poster.close()
    report["targets"] = targets(stacks)
    return report


async def _run(
    recipe: Recipe,
    texters: Texters,
    phones: Phones,
    size: scenarios.Size,
    console: Console,
) -> dict[str, Any]:
    stack = RunningStack(recipe)
    try:
        with console.status(f"{recipe.name}: starting"):
            start = await stack.start()
        console.print(f"{recipe.name}: healthy after {start.seconds} s")
        run = scenarios.Scenarios(stack, texters, phones, size)
        await run.warm_up()
        result: dict[str, Any] = {
            "start_up": {"seconds": start.seconds, "by_part": start.by_part, "cpu_s": start.cpu}
        }
        for title, scenario in {
            "idle_cpu_ms_per_second": run.idle,
            "alone": run.alone,
            "talking": run.talking,
            "booking": run.booking,
            "waves": run.waves,
        }.items():
            with console.status(f"{recipe.name}: {title}"):
                result[title] = await scenario()
            console.print(f"{recipe.name}: {title}: {json.dumps(result[title])}", highlight=False)
        result["memory"] = run.memory()
        if size.kill_texts and recipe.name != COMPARABLE:
            result["kills"] = {}
            for part in recipe.killed:
                with console.status(f"{recipe.name}: kill -9 {part}"):
                    result["kills"][part] = await run.killing(part)
                console.print(f"{recipe.name}: kill -9 {part}: {result['kills'][part]}")
    finally:
        await stack.end()
    return result


if __name__ == "__main__":
    sys.exit(main())
