"""Many texts while somebody is killed every few seconds; counts what was lost; prints JSON.

python -m bench.chaos [--texts 10000] [--phones 1000] [--seed N] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from bench.chaos.plan import Plan, load
from bench.chaos.run import Report, Run
from bench.chaos.stack import ROOT, Victims
from bench.chaos.tables import story
from bench.turns.measure import machine
from connectors.credentials import load_settings

DRAIN_SECONDS = 300.0
STORIES = 5
WRONG = ("lost", "doubled", "disordered", "unanswered", "unexplained")


def main() -> int:
    """Run and print; 1 where anything was found that must not be."""
    arguments = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    arguments.add_argument("--texts", type=int, default=10_000)
    arguments.add_argument("--phones", type=int, default=1_000)
    arguments.add_argument("--seed", type=int, default=None, help="repeats a run's choices")
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    options = arguments.parse_args()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    console = Console(stderr=True)
    plan = load(seed, options.texts, options.phones)
    before = machine()
    with tempfile.TemporaryDirectory(prefix="linnet-chaos-") as folder:
        report = uvloop.run(_run(plan, Path(folder), console))
    figures = {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": before,
        "seed": seed,
        **_figures(plan, report),
    }
    written = json.dumps(figures, indent=2)
    if options.out:
        options.out.write_text(written + "\n")
    print(written)
    wrong = [(case, verdict) for case, verdict in report.verdicts if verdict.findings]
    for case, verdict in wrong[:STORIES]:
        console.print(story(case, verdict), markup=False, highlight=False)
    return int(bool(wrong) or not report.drained)


async def _run(plan: Plan, folder: Path, console: Console) -> Report:
    failure_message = load_settings(ROOT / "credentials.yml").failure_message
    async with Victims(folder, plan.seed) as stack:
        run = Run(stack, plan, failure_message, lambda line: console.print(line, highlight=False))
        return await run.carry_out(DRAIN_SECONDS)


def _figures(plan: Plan, report: Report) -> dict[str, Any]:
    recovery = [one.seconds for one in report.struck]
    return {
        "phones": len(plan.scenarios),
        "texts": sum(len(case.said) for case, _ in report.verdicts),
        "replies": sum(len(case.replies) for case, _ in report.verdicts),
        **{kind: report.count(kind) for kind in WRONG},
        "declared": dict(report.declared),
        "ends": dict(report.ends),
        "asked_about_for_lost_receipts": report.asked,
        "brought_again_by_the_vendor": sum(case.repeats for case, _ in report.verdicts),
        "blows": dict(Counter(str(one.round.blow) for one in report.struck)),
        "phones_midway_at_a_blow": sum(len(one.midway) for one in report.struck),
        "recovery_s": {
            "mean": round(sum(recovery) / len(recovery), 1),
            "max": round(max(recovery), 1),
        },
        "seconds": round(report.seconds, 1),
        "drain_s": round(report.drain_seconds, 1),
        "drained": report.drained,
    }


if __name__ == "__main__":
    sys.exit(main())
