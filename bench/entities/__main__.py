"""Measures how well entities are found, and what it costs: ours, spaCy's and DIET.

python -m bench.entities [--data DIR] [--json FILE] [--only ours,spacy,diet]
                         [--sets snips-200,snips-500,own] [--quick] [--fresh]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.entities.data import Tagged, own, snips
from bench.entities.figures import score, table
from bench.nlu.jobs import Bench, Job
from bench.nlu.options import FOLDER, some
from bench.nlu.pipelines import DIET, OURS, Component, Pipeline, diet, ours, read_pipeline
from bench.nlu.sets import DataFolder
from bench.turns.measure import machine
from bench.turns.stock import StockEnvironment
from cli.failure import Failure

SPACY_WORKER = "bench.entities.spacy_worker"
SPACY, OWN, FEW = "spacy", "own", "snips-200"
MODELS = (OURS, SPACY, DIET)
SETS = (FEW, "snips-500", OWN)
EXTRACTOR = "nlu.entities.CrfEntityExtractor"
OF_THE_BUSINESS = ("catalogue", "patterns")
EPOCHS, EPOCHS_OWN = 30, 10
"""How often spaCy reads its examples; of the project's there are several times as many."""
QUICK = 100


def main() -> int:
    """Measure and print; 2 without data, 1 where a model could not be measured."""
    options = _options()
    console = Console(stderr=True)
    root, folder = Path.cwd(), FOLDER.absolute()
    bench = Bench(root, folder / "nlu", console, fresh=options.fresh)
    try:
        sets = [_read(name, options, root) for name in options.sets]
        makers = _makers(root, StockEnvironment(folder, console))
    except Failure as error:
        console.print(f"[red]{error}[/]")
        return 2
    report: dict[str, Any] = {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "quick": options.quick,
        "data": {one.name: {} for one in sets},
    }
    for data in sets:
        for name in options.only:
            if name == DIET and (data.name != FEW or options.quick):
                continue  # minutes of processor time for each hundred examples
            pipeline = makers[name](data)
            job = Job(f"{name}-{data.name}", pipeline, data.runs)
            report["data"][data.name][name] = _measure(bench, job, data, console)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(table(report))
    return int(any("not_measured" in one for by in report["data"].values() for one in by.values()))


def _read(name: str, options: argparse.Namespace, root: Path) -> Tagged:
    if name == OWN:
        return own(root / "data" / "nlu")
    count = int(name.rpartition("-")[2])
    return snips(DataFolder(options.data), count, most=QUICK if options.quick else None)


def _measure(bench: Bench, job: Job, data: Tagged, console: Console) -> dict[str, Any]:
    try:
        figures = score(data, bench.do(job))
    except Failure as error:
        # What else is measured is worth its minutes.
        console.print(f"[red]{error}[/]")
        return {"not_measured": str(error)}
    console.print(f"{job.title}: F1 {figures['f1']}", highlight=False)
    return figures


def _makers(root: Path, environment: StockEnvironment) -> dict[str, Callable[[Tagged], Pipeline]]:
    components = _extractor(read_pipeline(root / "config.yml"))
    return {
        OURS: lambda data: ours(
            root, components if data.name == OWN else without_business(components)
        ),
        SPACY: lambda data: spacy_ner(EPOCHS_OWN if data.name == OWN else EPOCHS),
        DIET: lambda _: diet(environment),
    }


def _extractor(components: list[Component]) -> list[Component]:
    # It reads the text itself, so what stands before it in config.yml would only cost time.
    found = [component for component in components if component["name"] == EXTRACTOR]
    if not found:
        raise Failure(f"config.yml has no {EXTRACTOR}, so there is nothing to measure.")
    return found


def without_business(components: list[Component]) -> list[Component]:
    """The components without what they know of the services and places of the business."""
    return [
        {name: value for name, value in component.items() if name not in OF_THE_BUSINESS}
        for component in components
    ]


def spacy_ner(epochs: int) -> Pipeline:
    """A recogniser of spaCy's with its own settings for a blank one."""
    code = Path(__file__).with_name("spacy_worker.py").read_bytes() + version("spacy").encode()
    return Pipeline(
        SPACY,
        "spaCy's blank English pipeline with `ner`",
        [{"name": "ner", "epochs": epochs}],
        "spacy",
        hashlib.sha256(code).hexdigest()[:16],
        lambda: sys.executable,
        SPACY_WORKER,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.entities", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets (or LINNET_DATA)")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--only", type=some(MODELS), default=list(MODELS))
    parser.add_argument("--sets", type=some(SETS), default=list(SETS))
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} texts of SNIPS, no DIET")
    parser.add_argument("--fresh", action="store_true", help="measure again what is kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
