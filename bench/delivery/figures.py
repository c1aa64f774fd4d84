"""The arithmetic of the benchmark. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import linear_regression, median
from typing import Any

from bench.delivery.carrier import Accepted
from bench.turns.measure import milliseconds, percentile

LOOKS_A_SECOND = 20


def per_second(accepted: Sequence[Accepted]) -> float | None:
    """Texts a second from the first to the last; None of fewer than two."""
    if len(accepted) < 2:
        return None
    return round((len(accepted) - 1) / (accepted[-1].at - accepted[0].at), 1)


def pace(accepted: Sequence[Accepted], begin: float, end: float) -> float:
    """Segments a second between two times: the slope of the line that fits their sum best.

    Texts leave in bunches, so that a count between two times would be wrong by up to a bunch;
    the line, laid through twenty looks a second, hardly sees where in a bunch the time ends.

    Args:
        accepted: in order.
        begin: seconds, on the carrier's clock.
        end: likewise.
    """
    times = [one.at for one in accepted]
    sums = [0, *accumulate(one.segments for one in accepted)]
    looks = [begin + step / LOOKS_A_SECOND for step in range(int((end - begin) * LOOKS_A_SECOND))]
    seen = [sums[bisect_right(times, look)] for look in looks]
    return linear_regression(looks, seen).slope


def parked(accepted: Sequence[Accepted], segments_per_second: float) -> float:
    """The most seconds of traffic that a number held at any time.

    Args:
        accepted: texts of one number, in order.
        segments_per_second: that leave it.
    """
    free_at = most = 0.0
    for text in accepted:
        free_at = max(free_at, text.at) + text.segments / segments_per_second
        most = max(most, free_at - text.at)
    return most


def delays(seconds: Sequence[float]) -> dict[str, float | None]:
    """Median, 99th percentile and largest, in milliseconds."""
    return {
        "p50": milliseconds(percentile(seconds, 0.5)),
        "p99": milliseconds(percentile(seconds, 0.99)),
        "max": milliseconds(max(seconds, default=None)),
    }


def added(alone: Sequence[float], amid: Sequence[float]) -> dict[str, float]:
    """What bulk adds to the delay of replies: each of them against the median without bulk.

    Args:
        alone: seconds that replies took without bulk.
        amid: seconds that they took with it.
    """
    usual = median(alone)
    return {
        "p50": round((median(amid) - usual) * 1000, 1),
        "max": round((max(amid) - usual) * 1000, 1),
    }


def judged(said: Sequence[str], shown: Sequence[str]) -> Counter[str]:
    """What is wrong with the answers that a phone shows: ``lost``, ``doubled``, ``disordered``.

    Args:
        said: the answers that it should show, in order, no two the same.
        shown: those that it shows, in order.
    """
    found = Counter(shown)
    wrong = Counter(
        lost=sum(1 for body in said if not found[body]),
        doubled=sum(found[body] - 1 for body in said if found[body] > 1),
        strange=sum(count for body, count in found.items() if body not in said),
    )
    order = {body: place for place, body in enumerate(said)}
    places = [order[body] for body in shown if body in order]
    wrong["disordered"] = sum(1 for one, next_ in pairwise(places) if next_ < one)
    return wrong


def ratio(few: float, many: float) -> float:
    """How many times as large the second one is."""
    return round(many / few, 3)


def spread(values: Sequence[float]) -> dict[str, Any]:
    """The least, the median and the largest of several runs."""
    return {"min": min(values), "median": median(values), "max": max(values)}
