"""Figures and how sure they are: accuracy, out-of-scope detection, spans. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

NORMAL_95 = 1.959964
RESAMPLES = 300
SEED = 1

Floats = npt.NDArray[np.float64]
Counts = tuple[int, int, int]
"""Found and right, found and wrong, not found."""
Span = tuple[int, int, str]


def share(right: Sequence[bool]) -> dict[str, float | None]:
    """The percentage that is right, with its 95 % interval.

    Returns:
        ``percent``, ``low`` and ``high``; None of no texts.
    """
    if not right:
        return {"percent": None, "low": None, "high": None}
    low, high = wilson(sum(right), len(right))
    return {
        "percent": round(100 * sum(right) / len(right), 1),
        "low": round(100 * low, 1),
        "high": round(100 * high, 1),
    }


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927).

    Raises:
        ValueError: nothing was counted.
    """
    if count < 1:
        raise ValueError("no proportion of nothing")
    proportion, squared = right / count, NORMAL_95**2
    middle = (proportion + squared / (2 * count)) / (1 + squared / count)
    spread = math.sqrt(proportion * (1 - proportion) / count + squared / (4 * count**2))
    half = NORMAL_95 * spread / (1 + squared / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def auroc(inside: Sequence[float] | Floats, outside: Sequence[float] | Floats) -> float:
    """How often a text in scope has a higher score than one out of scope; ties count half.

    Raises:
        ValueError: one of the two is empty.
    """
    _need(inside, outside)
    ordered = np.sort(np.asarray(outside, dtype=float))
    scores = np.asarray(inside, dtype=float)
    below = np.searchsorted(ordered, scores, side="left")
    not_above = np.searchsorted(ordered, scores, side="right")
    return float((below + not_above).mean() / 2 / len(ordered))


def false_positive_rate(
    inside: Sequence[float] | Floats, outside: Sequence[float] | Floats, accepted: float = 0.95
) -> float:
    """The share of texts out of scope that is accepted where this share in scope is.

    The threshold is the highest score that accepts at least ``accepted`` of the texts in scope;
    a text whose score equals it is accepted.

    Raises:
        ValueError: one of the two is empty.
    """
    _need(inside, outside)
    scores = np.sort(np.asarray(inside, dtype=float))[::-1]
    threshold = scores[math.ceil(accepted * len(scores)) - 1]
    return float((np.asarray(outside, dtype=float) >= threshold).mean())


def resampled(
    measure: Callable[[Floats, Floats], float],
    inside: Sequence[float],
    outside: Sequence[float],
    *,
    scale: float = 1,
) -> list[float]:
    """The 95 % interval of a measure of two groups, by bootstrap with a fixed seed."""
    generator = np.random.default_rng(SEED)
    first, second = np.asarray(inside, dtype=float), np.asarray(outside, dtype=float)
    values = [
        measure(generator.choice(first, len(first)), generator.choice(second, len(second)))
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(values, [2.5, 97.5]) * scale
    return [round(float(low), 4), round(float(high), 4)]


def count_spans(found: Sequence[Span], wanted: Sequence[Span]) -> Counts:
    """Spans of one text that agree in start, end and name, and those that do not."""
    given, gold = set(found), set(wanted)
    return len(given & gold), len(given - gold), len(gold - given)


def f1(counts: npt.ArrayLike) -> float:
    """Micro-F1 of rows of counts, one a text; 0 where nothing is found or wanted."""
    right, wrong, missed = np.asarray(counts, dtype=float).reshape(-1, 3).sum(axis=0)
    both = 2 * right + wrong + missed
    return float(2 * right / both) if both else 0.0


def f1_figures(counts: Sequence[Counts]) -> dict[str, float]:
    """Precision, recall and micro-F1 in percent; F1's 95 % interval by bootstrap over texts."""
    table = np.asarray(counts, dtype=float).reshape(-1, 3)
    right, wrong, missed = table.sum(axis=0)
    generator = np.random.default_rng(SEED)
    values = (
        [f1(table[generator.integers(0, len(table), len(table))]) for _ in range(RESAMPLES)]
        if len(table)
        else [0.0]
    )
    low, high = np.percentile(values, [2.5, 97.5])
    return {
        "f1": round(100 * f1(table), 1),
        "low": round(100 * float(low), 1),
        "high": round(100 * float(high), 1),
        "precision": round(100 * float(right / (right + wrong)), 1) if right + wrong else 0.0,
        "recall": round(100 * float(right / (right + missed)), 1) if right + missed else 0.0,
    }


def _need(inside: Sequence[float] | Floats, outside: Sequence[float] | Floats) -> None:
    if not len(inside) or not len(outside):
        raise ValueError("both texts in scope and texts out of scope are needed")
