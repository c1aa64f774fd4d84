"""What was promised of delivery, and whether the measured figures keep it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SENDS_PER_SECOND = 300.0
ACKNOWLEDGED_MS = 50.0
PACE_ERROR_PERCENT = 2.0
PARKED_SECONDS = 2.0
ADDED_MS = 1000.0
HISTORY_RATIO = 1.2


def targets(found: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each target with what was measured and whether it is met; those of scenarios that ran.

    Args:
        found: figures by scenario.
    """
    told: list[dict[str, Any]] = []
    if sends := found.get("sends"):
        rate = sends["with_receipts"]["sends_per_second"]
        told.append(_at_least("accepted sends a second, with receipts", rate, SENDS_PER_SECOND))
    if inbound := found.get("inbound"):
        runs = [run for run in inbound.values() if isinstance(run, Mapping)]
        missing = sum(run["texts"] - run["acknowledged"] for run in runs)
        wrong = sum(
            run[kind] for run in runs for kind in ("lost", "doubled", "strange", "disordered")
        )
        slowest = max(run["acknowledged_ms"]["p99"] for run in runs)
        told += [
            _at_most("texts not acknowledged", missing, 0),
            _at_most("acknowledgement p99, ms", slowest, ACKNOWLEDGED_MS),
            _at_most("answers lost, doubled, strange or out of order", wrong, 0),
        ]
    if pace := found.get("pace"):
        error = max(abs(run["error_percent"]) for run in pace.values())
        held = max(run["most_parked_s"] for run in pace.values())
        told += [
            _at_most("pace error, percent", error, PACE_ERROR_PERCENT),
            _at_most("parked at the vendor, s", held, PARKED_SECONDS),
        ]
    if bulk := found.get("bulk"):
        runs = [run for run in bulk.values() if isinstance(run, Mapping)]
        most = max(run["shown"]["added_ms"]["max"] for run in runs)
        told.append(_at_most("delay of a reply by bulk, ms", most, ADDED_MS))
    if history := found.get("history"):
        for what in ("latency", "cpu"):
            name = f"{what} of a turn with many old texts, times that with few"
            told.append(_at_most(name, history[f"{what}_ratio"], HISTORY_RATIO))
    return told


def _at_most(name: str, measured: float | None, limit: float) -> dict[str, Any]:
    met = measured is not None and measured <= limit
    return {"target": name, "at_most": limit, "measured": measured, "met": met}


def _at_least(name: str, measured: float | None, limit: float) -> dict[str, Any]:
    met = measured is not None and measured >= limit
    return {"target": name, "at_least": limit, "measured": measured, "met": met}
