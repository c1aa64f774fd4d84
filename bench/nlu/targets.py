"""What was promised of understanding, and whether the measured figures keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.nlu.pipelines import OURS

AT_LEAST, AT_MOST = "at_least", "at_most"
FEW = "hwu64-10"
SCOPE = "clinc150-50"

PROMISED: tuple[tuple[str, str, tuple[str, ...], str, float], ...] = (
    ("HWU64 10-shot, clean, %", FEW, ("accuracy", "clean", "percent"), AT_LEAST, 84),
    ("HWU64 10-shot, light, %", FEW, ("accuracy", "light", "percent"), AT_LEAST, 82),
    ("HWU64 10-shot, typo, %", FEW, ("accuracy", "typo", "percent"), AT_LEAST, 76),
    ("HWU64 10-shot, sms, %", FEW, ("accuracy", "sms", "percent"), AT_LEAST, 71),
    ("BANKING77 10-shot, clean, %", "banking77-10", ("accuracy", "clean", "percent"), AT_LEAST, 85),
    ("CLINC150 out-of-scope AUROC", SCOPE, ("out_of_scope", "auroc"), AT_LEAST, 0.975),
    ("CLINC150 FPR@95TPR, %", SCOPE, ("out_of_scope", "fpr_at_95_tpr"), AT_MOST, 13),
    ("training, CPU s, imports apart", FEW, ("training", "cpu_s"), AT_MOST, 10),
    ("training, CPU s with imports", FEW, ("training", "cpu_s_with_imports"), AT_MOST, 10),
    ("CPU ms a text, median", FEW, ("text", "cpu_ms_p50"), AT_MOST, 8),
    ("memory of Rasa while serving, MB", FEW, ("serving_mb",), AT_MOST, 350),
    ("import and load, CPU s", FEW, ("loading", "cpu_s_with_imports"), AT_MOST, 10),
)
"""Name, data set, where its figure stands, direction, limit."""


def targets(sets: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each target with what was measured of our pipeline; one not measured is not met.

    Args:
        sets: figures by data set and pipeline.
    """
    found = []
    for name, data, path, direction, limit in PROMISED:
        measured: Any = sets.get(data, {}).get(OURS)
        for key in path:
            measured = measured.get(key) if isinstance(measured, Mapping) else None
        kept = measured is not None and (
            measured >= limit if direction == AT_LEAST else measured <= limit
        )
        found.append({"target": name, direction: limit, "measured": measured, "met": kept})
    return found
