"""What the parts of a stack use while something is measured."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import psutil

from bench.turns.measure import POSTGRES, cpu_of

COPY = re.compile(r"-\d+$")


class Used:
    """Counts from when it is made.

    Args:
        pids: the processes of the stack at this moment, by part.
    """

    def __init__(self, pids: Callable[[], Mapping[str, int | None]]) -> None:
        self._pids = pids
        self._began = time.perf_counter()
        self._busy = _busy()
        self._own = _own()
        self._before = cpu_of(pids())

    def milliseconds(self, count: int) -> dict[str, float]:
        """Processor milliseconds so far for each of some texts or turns, by kind of process.

        Args:
            count: of texts.

        Returns:
            One figure for each kind, ``all`` their sum, and ``all_but_postgres``.
        """
        used: defaultdict[str, float] = defaultdict(float)
        for name, seconds in cpu_of(self._pids()).items():
            used[COPY.sub("", name)] += seconds - self._before.get(name, 0.0)
        total = sum(used.values())
        sums = {"all": total, "all_but_postgres": total - used[POSTGRES]}
        return {kind: round(s * 1000 / count, 3) for kind, s in {**used, **sums}.items()}

    def by_others(self) -> float:
        """The share of the machine that was used by neither the stack nor the benchmark."""
        cpu = cpu_of(self._pids())
        stack = sum(seconds - self._before.get(name, 0.0) for name, seconds in cpu.items())
        others = _busy() - self._busy - stack - (_own() - self._own)
        there_was = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        return round(max(0.0, others) / there_was, 2)


def _own() -> float:
    used = os.times()
    return used.user + used.system


def _busy() -> float:
    times: Any = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)
