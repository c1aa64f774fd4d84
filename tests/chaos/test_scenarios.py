"""Every fault of the carrier crossed with every way to strike a process, the database, the network.

Hundreds of phones text a stack of real processes without a model; ``bench/chaos`` holds the
plan, the phones and the verdict, and repeats this with more texts.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import uvloop

from bench.chaos.plan import Plan, every_pair
from bench.chaos.run import Report, Run
from bench.chaos.stack import ROOT, Victims
from bench.chaos.tables import cells, covered, matrix, midway, story
from connectors.credentials import load_settings

pytestmark = pytest.mark.chaos

DRAIN_SECONDS = 90.0
STORIES = 10


def test_every_fault_meets_every_blow(tmp_path: Path) -> None:
    seed = int(os.environ.get("LINNET_CHAOS_SEED") or random.randrange(10**6))
    plan = every_pair(seed)
    assert len(plan.scenarios) >= 300
    assert covered(plan.scenarios).keys() == cells()

    report = uvloop.run(_carry_out(plan, tmp_path))

    print(_summary(plan, report))  # noqa: T201  shown when the test fails
    wrong = [(case, verdict) for case, verdict in report.verdicts if verdict.findings]
    for case, verdict in wrong[:STORIES]:
        print(story(case, verdict))  # noqa: T201
    assert report.drained
    assert not [finding for _, verdict in wrong for finding in verdict.findings]
    # The blow came while something was under way. The machine may be slow, but not that slow.
    assert len(midway(report.struck)) >= 0.9 * len(cells())


async def _carry_out(plan: Plan, folder: Path) -> Report:
    failure_message = load_settings(ROOT / "credentials.yml").failure_message
    async with Victims(folder, plan.seed) as stack:
        return await Run(stack, plan, failure_message).carry_out(DRAIN_SECONDS)


def _summary(plan: Plan, report: Report) -> str:
    return "\n".join(
        (
            f"LINNET_CHAOS_SEED={plan.seed}",
            matrix(report.struck),
            f"{len(plan.scenarios)} scenarios in {report.seconds:.0f} s",
            f"{sum(len(case.said) for case, _ in report.verdicts)} texts",
            f"replies ended {dict(report.ends)}; declared {dict(report.declared)}",
        )
    )
