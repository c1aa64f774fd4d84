"""Runs a reader over all sets and over hostile texts."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.dates.hostile import HOSTILE, ORDINARY
from bench.dates.readers import Reader
from bench.dates.score import Answer, Case, outcome, summary
from bench.turns.measure import cpu_seconds

KEPT_BACK = "_odd"
"""Ends the names of the sets whose failures nobody reads."""
NOW = datetime(2026, 3, 11, 10)  # noqa: DTZ001  (naive local, as in the cases)


def measure(
    reader: Reader, sets: Mapping[str, Sequence[Case]], console: Console, *, show: bool
) -> dict[str, Any]:
    """All figures of one reader.

    Args:
        reader: to measure.
        sets: cases by the name of their set.
        console: shows progress.
        show: print what is not right, but for the halves that nobody tunes on.
    """
    reader.read(next(iter(sets.values()))[0])  # starts what must be started
    figures: dict[str, Any] = {"sets": {}}
    took: list[float] = []
    processor = 0.0
    for name, found in sets.items():
        before = cpu_seconds(os.getpid())
        answers = []
        for case in track(found, f"{reader.name}: {name}", console=console, transient=True):
            begun = time.perf_counter()
            answers.append(reader.read(case))
            took.append((time.perf_counter() - begun) * 1000)
        processor += cpu_seconds(os.getpid()) - before
        figures["sets"][name] = summary(found, answers)
        if name.startswith("public"):
            figures["sets"][name]["by_source"] = _shares(found, answers, lambda case: case.source)
            figures["sets"][name]["by_kind"] = _shares(found, answers, lambda case: case.kind)
        if show and not name.endswith(KEPT_BACK):
            _show(found, answers, console)
    cuts = statistics.quantiles(took, n=20, method="inclusive")
    figures["ms"] = {
        "p50": round(cuts[9], 2),
        "p95": round(cuts[18], 2),
        "max": round(max(took), 1),
    }
    figures["cpu_ms"] = round(1000 * processor / len(took), 2)
    figures["hostile"] = hostile(reader, console)
    return figures


def _shares(
    found: Sequence[Case], answers: Sequence[Answer], key: Callable[[Case], str]
) -> dict[str, dict[str, Any]]:
    shares = {}
    for name in sorted({key(case) for case in found}):
        pairs = [(c, a) for c, a in zip(found, answers, strict=True) if key(c) == name]
        shares[name] = summary([case for case, _ in pairs], [answer for _, answer in pairs])
    return shares


def _show(found: Sequence[Case], answers: Sequence[Answer], console: Console) -> None:
    for case, answer in zip(found, answers, strict=True):
        what = outcome(case, answer)
        if what != "right":
            console.print(f"{case.id} {what}: {case.text!r} ({case.reference:%a %Y-%m-%d %H:%M})")
            console.print(f"   wanted {case.offered}\n   got    {answer}", highlight=False)


def hostile(reader: Reader, console: Console) -> dict[str, Any]:
    """Times of texts that are meant to hurt, and of the ordinary text right after each.

    Returns:
        The longest of both and of their sum, in milliseconds; how many ordinary texts were
        answered; and the name of the slowest text.
    """
    slowest: dict[str, Any] = {"text": "", "ms": 0.0, "next_ms": 0.0}
    worst = {"ms": 0.0, "next_ms": 0.0, "both_ms": 0.0}
    answered_after = 0
    for name, text in track(
        list(HOSTILE.items()), f"{reader.name}: hostile", console=console, transient=True
    ):
        first, _ = _timed(reader, text)
        second, answer = _timed(reader, ORDINARY)
        answered_after += bool(answer.offered)
        if first > slowest["ms"]:
            slowest = {"text": name, "ms": first, "next_ms": second}
        for key, value in {"ms": first, "next_ms": second, "both_ms": first + second}.items():
            worst[key] = max(worst[key], value)
    return {
        "texts": len(HOSTILE),
        "longest": {key: round(value, 1) for key, value in worst.items()},
        "answered_after": answered_after,
        "slowest": slowest["text"],
    }


def _timed(reader: Reader, text: str) -> tuple[float, Answer]:
    case = Case("", text, NOW, "America/New_York", "", "", [])
    begun = time.perf_counter()
    answer = reader.read(case)
    return (time.perf_counter() - begun) * 1000, answer


def table(report: Mapping[str, Any]) -> Table:
    """The figures that matter most."""
    readers = report["readers"]
    shown = Table("", *readers, title="right/silently wrong/no answer, percent")
    for name, first in next(iter(readers.values()))["sets"].items():
        scores = [figures["sets"][name] for figures in readers.values()]
        shown.add_row(
            f"{name}, {first['cases']}",
            *(f"{s['right']}/{s['silently_wrong']}/{s['no_answer']}" for s in scores),
        )
    cells: dict[str, Callable[[dict[str, Any]], str]] = {
        "ms p50/p95/max": lambda figures: "{p50}/{p95}/{max}".format(**figures["ms"]),
        "CPU ms": lambda figures: str(figures["cpu_ms"]),
        "hostile ms/the next": lambda figures: "{ms}/{next_ms}".format(
            **figures["hostile"]["longest"]
        ),
    }
    for title, cell in cells.items():
        shown.add_row(title, *(cell(figures) for figures in readers.values()))
    return shown
