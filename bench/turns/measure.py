"""What processes use, as the system counts it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

MEGABYTE = 1024 * 1024
POSTGRES = "postgres"


def cpu_seconds(pid: int | None) -> float:
    """Processor time of a process and of all that it started, those that ended included.

    Args:
        pid: None counts as nothing used.
    """
    total = 0.0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error):
            used = process.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total


def cpu_of(pids: Mapping[str, int | None]) -> dict[str, float]:
    """Processor seconds so far, by part."""
    return {name: cpu_seconds(pid) for name, pid in pids.items()}


def resident_mb(name: str, pid: int | None) -> float:
    """Memory of a part in megabytes, its children included.

    PostgreSQL's processes share most of theirs, so that theirs is the proportional set size.
    """
    total = 0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error):
            shared = name == POSTGRES
            total += process.memory_full_info().pss if shared else process.memory_info().rss
    return total / MEGABYTE


def highest_mb(name: str, pid: int | None) -> float | None:
    """The most memory that a part's processes had so far, their start included.

    Returns:
        Megabytes; None for PostgreSQL, whose processes share theirs.
    """
    if name == POSTGRES:
        return None
    total = 0.0
    for process in _family(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1]) / 1024
    return round(total, 1)


def _family(pid: int | None) -> list[psutil.Process]:
    if pid is None:
        return []
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    return []


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that this share of all values does not exceed; None of no values.

    Args:
        values: in any order.
        share: 0.99 for the 99th percentile.
    """
    if not values:
        return None
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def milliseconds(seconds: float | None) -> float | None:
    """For a report: a tenth of a millisecond is as much as these clocks tell."""
    return None if seconds is None else round(seconds * 1000, 1)


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was at the start."""
    model = ""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
    return {
        "cpus": psutil.cpu_count(),
        "cpu_model": model,
        "memory_gb": round(psutil.virtual_memory().total / 1024**3, 1),
        "load_average_at_start": [round(load, 2) for load in psutil.getloadavg()],
    }
