"""Compares policies on stories that they have not seen; prints JSON.

python -m bench.stories [--out FILE] [--only POLICY] [--folds N]

The stories are those of bench/stories/written.py, cross-validated by story. After training on all
of them, the conversations of tests/test_stories.yml are asked about too. A policy is asked for each
decision of a story with the right history, alone, without rules.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from bench.stories import written
from bench.stories.trial import POLICIES
from bench.turns.measure import machine
from bench.turns.stock import StockEnvironment
from cli.failure import Failure
from cli.project import here

FOLDER = Path(".linnet/bench")
NEEDS_TENSORFLOW = frozenset({"TEDPolicy"})


def main() -> int:
    """Compare and print; 1 where a policy could not be tried."""
    arguments = argparse.ArgumentParser(prog="python -m bench.stories", description=__doc__)
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    arguments.add_argument("--only", choices=POLICIES, help="try one policy")
    arguments.add_argument("--folds", type=int, default=5)
    options = arguments.parse_args()
    console, root, folder = Console(stderr=True), here().root, FOLDER.absolute()
    home = folder / "stories"
    home.mkdir(parents=True, exist_ok=True)
    _write(home / "stories.yml", written.stories())
    tests = yaml.safe_load((root / "tests" / "test_stories.yml").read_text())["stories"]
    _write(home / "others.yml", _without_texts(tests))
    report: dict[str, Any] = {
        "machine": machine(),
        "setup": {"stories": written.COUNT, "seed": written.SEED, "others": len(tests)},
        "policies": {},
    }
    for name in [options.only] if options.only else POLICIES:
        python = sys.executable
        try:
            if name in NEEDS_TENSORFLOW:
                stock = StockEnvironment(folder, console)
                stock.ensure()
                python = stock.program("python")
            report["policies"][name] = _try(python, name, root, home, options.folds)
        except Failure as error:
            console.print(f"[red]{name}: {error}[/]")
            report["policies"][name] = {"not_measured": str(error)}
    text = json.dumps(report, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    print(text)
    return int(any("not_measured" in result for result in report["policies"].values()))


def _try(python: str, name: str, root: Path, home: Path, folds: int) -> dict[str, Any]:
    command = [
        *("nice", "-n", "10", python, "-m", "bench.stories.trial", name),
        *("--domain", str(root / "domain.yml"), "--folds", str(folds)),
        *("--stories", str(home / "stories.yml"), "--others", str(home / "others.yml")),
    ]
    environment = {
        **os.environ,
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TQDM_DISABLE": "1",
    }
    done = subprocess.run(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, check=False, text=True
    )
    if done.returncode:
        raise Failure(f"the trial of {name} ended with {done.returncode}; its last words are above")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _write(file: Path, stories: Iterable[dict[str, Any]]) -> None:
    file.write_text(yaml.safe_dump({"version": "3.1", "stories": list(stories)}, sort_keys=False))


def _without_texts(stories: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with intents alone: it is the policy that is tried, and not the understanding."""
    return [
        {**story, "steps": [{k: v for k, v in step.items() if k != "user"}
                            for step in story["steps"]]}
        for story in stories
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
