"""Measures how well texts are understood, and what it costs, beside stock Rasa.

python -m bench.nlu [--data DIR] [--json FILE] [--only ours,diet,lr] [--sets hwu64-10,...]
                    [--quick] [--all] [--fresh]
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.nlu import intents
from bench.nlu.jobs import Bench, Job
from bench.nlu.options import FOLDER, some
from bench.nlu.pipelines import DIET, LR, OURS, Pipeline, all_pipelines
from bench.nlu.report import tables
from bench.nlu.sets import NAMES, QUICK, DataFolder, DataSet
from bench.nlu.targets import FEW, targets
from bench.turns.measure import machine
from cli.failure import Failure

PIPELINES = (OURS, DIET, LR)


def main() -> int:
    """Measure and print; 2 without data, 1 where a pipeline could not be measured."""
    options = _options()
    console = Console(stderr=True)
    root, folder = Path.cwd(), FOLDER.absolute()
    try:
        data = DataFolder(options.data)
        perturb, sets = data.perturber(), [data.set(name) for name in options.sets]
    except Failure as error:
        console.print(f"[red]{error}[/]")
        return 2
    pipelines = all_pipelines(root, folder, console)
    bench = Bench(root, folder / "nlu", console, fresh=options.fresh)
    report: dict[str, Any] = {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "pipelines": {name: pipelines[name].about for name in options.only},
        "quick": options.quick,
        "sets": {one.name: {} for one in sets},
    }
    for one in sets:
        chosen = one.sampled(QUICK) if options.quick else one
        for name in options.only:
            if name == DIET and one.name != FEW and not options.all:
                continue
            report["sets"][one.name][name] = _measure(
                bench, pipelines[name], chosen, intents.job(pipelines[name], chosen, perturb),
                console,
            )  # fmt: skip
    report["targets"] = targets(report["sets"])
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(tables(report))
    return int(any("not_measured" in figures for by_name in report["sets"].values()
                   for figures in by_name.values()))  # fmt: skip


def _measure(
    bench: Bench, pipeline: Pipeline, data: DataSet, job: Job, console: Console
) -> dict[str, Any]:
    try:
        figures = intents.score(data, bench.do(job))
    except Failure as error:
        # What else is measured is worth its minutes.
        console.print(f"[red]{error}[/]")
        return {"not_measured": str(error)}
    levels = ", ".join(f"{level} {one['percent']}" for level, one in figures["accuracy"].items())
    console.print(f"{pipeline.name} on {data.name}: {levels}", highlight=False)
    return figures


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.nlu", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets (or LINNET_DATA)")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--only", type=some(PIPELINES), default=list(PIPELINES))
    parser.add_argument("--sets", type=some(NAMES), default=list(NAMES))
    parser.add_argument("--quick", action="store_true", help=f"about {QUICK} texts a level")
    parser.add_argument("--all", action="store_true", help=f"DIET on more than {FEW}: hours")
    parser.add_argument("--fresh", action="store_true", help="measure again what is kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
