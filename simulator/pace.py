"""How fast a sender number may send, and how fast a client may ask."""

from __future__ import annotations

import math


class Pace:
    """Gives each text of a number the time at which it may leave.

    Carriers do not refuse what comes too fast: they queue it.
    """

    def __init__(self) -> None:
        self._free_at: dict[str, float] = {}

    def backlog(self, number: str, now: float) -> float:
        """Seconds that a text accepted ``now`` waits before it leaves."""
        return max(0.0, self._free_at.get(number, 0.0) - now)

    def slot(self, number: str, seconds: float, now: float) -> float:
        """The time at which a text that takes ``seconds`` of the number's pace may leave."""
        leaves_at = max(now, self._free_at.get(number, 0.0))
        self._free_at[number] = leaves_at + seconds
        return leaves_at

    def forget(self) -> None:
        """Every number is free again."""
        self._free_at.clear()


class RequestLimit:
    """Counts requests in each second of the clock.

    Args:
        per_second: how many are let through; 0 lets all through.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._second = -1
        self._seen = 0

    def allows(self, now: float) -> bool:
        """Whether one more request is let through ``now``."""
        if self._per_second <= 0:
            return True
        second = math.floor(now)
        if second != self._second:
            self._second, self._seen = second, 0
        self._seen += 1
        return self._seen <= self._per_second
