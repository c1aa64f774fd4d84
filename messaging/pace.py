"""How many texts may leave a number now. Pure.

A number sends so many segments (or texts) in a second; what is handed over faster waits at
the vendor, in the vendor's order, where a reply cannot overtake a campaign any more. So never
more than two seconds of traffic are handed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PARK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a number may take over now.

    Attributes:
        count: texts from the front of the queue.
        busy: seconds of traffic that the vendor then holds.
        next_in: seconds until the next text may be handed over.
    """

    count: int
    busy: float
    next_in: float


def admit(busy: float, costs: Sequence[float], park: float = PARK_SECONDS) -> Allowance:
    """How many texts may be handed over.

    Args:
        busy: seconds of traffic that the vendor holds already.
        costs: seconds that each waiting text takes up, in order.
        park: seconds of traffic that the vendor may hold. A text that takes longer than this
            by itself is handed over when nothing else is there.
    """
    count = 0
    for cost in costs:
        if busy > 0 and busy + cost > park:
            break
        busy += cost
        count += 1
    waiting = costs[count] if count < len(costs) else 0.0
    return Allowance(count, busy, max(0.01, min(busy, busy + waiting - park)))
