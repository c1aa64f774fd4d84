"""What was promised, and whether the measured figures keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ACKNOWLEDGED_TIMES_FASTER = 20.0
CPU_MS_WITHOUT_ACTION = 15.0
CPU_MS_WITH_ACTION = 25.0
TIMES_THE_TEXTS = 3.0
RASA_MB = 350.0

RATE, MB = "texts_per_second", "serving_mb"

SHIPPED, COMPARABLE, STOCK = "ours", "ours_without_burst", "stock"


def targets(stacks: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each target with what was measured and whether it is met.

    Of our two runs the worse one counts, but for texts a second, which the burst window would
    limit to texters / window. A target whose runs are missing is not met and measured null.

    Args:
        stacks: the runs by name.
    """
    ours = [stacks[name] for name in (SHIPPED, COMPARABLE) if name in stacks]
    stock = [stacks[STOCK]] if STOCK in stacks else []
    acknowledged = _worst(ours, "talking", "acknowledged_ms", "p99")
    at_once = _worst(ours, "waves", "acknowledged_ms", "p99")
    rate = _worst([stacks[COMPARABLE]] if COMPARABLE in stacks else [], "talking", RATE)
    return [
        _at_least(
            "acknowledgement p99, times lower than stock, 40 texters talking",
            _ratio(_worst(stock, "talking", "acknowledged_ms", "p99"), acknowledged),
            ACKNOWLEDGED_TIMES_FASTER,
        ),
        _at_least(
            "acknowledgement p99, times lower than stock, 40 texters at the same moment",
            _ratio(_worst(stock, "waves", "acknowledged_ms", "p99"), at_once),
            ACKNOWLEDGED_TIMES_FASTER,
        ),
        _at_most(
            "CPU ms a text without custom action (PostgreSQL apart)",
            _worst(ours, "talking", "cpu_ms_per_text", "stack"),
            CPU_MS_WITHOUT_ACTION,
        ),
        _at_most(
            "CPU ms a text with a custom action (PostgreSQL apart)",
            _worst(ours, "booking", "cpu_ms_per_text", "stack"),
            CPU_MS_WITH_ACTION,
        ),
        _at_least(
            "texts a second, times stock",
            _ratio(rate, _worst(stock, "talking", RATE)),
            TIMES_THE_TEXTS,
        ),
        _at_most("Rasa's memory while serving, MB", _worst(ours, "memory", "rasa", MB), RASA_MB),
        _at_most("texts lost over all kills", _counted(stacks, "lost"), 0),
        _at_most("texts doubled over all kills", _counted(stacks, "doubled"), 0),
    ]


def _worst(runs: list[Mapping[str, Any]], *path: str) -> float | None:
    found = []
    for run in runs:
        value: Any = run
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None:
            found.append(float(value))
    return max(found, default=None)


def _counted(stacks: Mapping[str, Mapping[str, Any]], what: str) -> float | None:
    kills = stacks.get(SHIPPED, {}).get("kills") or {}
    return float(sum(kill[what] for kill in kills.values())) if kills else None


def _ratio(above: float | None, below: float | None) -> float | None:
    return round(above / below, 1) if above is not None and below else None


def _at_most(name: str, measured: float | None, limit: float) -> dict[str, Any]:
    met = measured is not None and measured <= limit
    return {"target": name, "at_most": limit, "measured": measured, "met": met}


def _at_least(name: str, measured: float | None, limit: float) -> dict[str, Any]:
    met = measured is not None and measured >= limit
    return {"target": name, "at_least": limit, "measured": measured, "met": met}
