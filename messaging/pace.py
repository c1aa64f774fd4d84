"""How many texts may leave a number now, and which. Pure.

A number sends so many segments (or texts) in a second; what is handed over faster waits at the
vendor, in the vendor's order, where a reply cannot overtake a campaign any more. So never more
than two seconds of traffic are handed over, and less of what is less urgent: a reply is then
never held up by more than a second of bulk.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from messaging.lanes import Lane

PARK_SECONDS: Mapping[Lane, float] = {
    Lane.EMERGENCY: 1.75,
    Lane.REPLY: 1.75,
    Lane.REMINDER: 1.0,
    Lane.BULK: 0.5,
}
"""Seconds of traffic that the vendor may hold once a text of this lane is added. A text that takes
longer than this by itself is handed over when nothing else is there. What is below two seconds is
for what a late number makes up, and for requests that take longer than the next one."""

CATCH_UP_SECONDS = 0.1
"""How far a number that is late may make up for it, so that the time between two looks at the
queue is not lost to its pace."""

BULK_STRETCH = 1.01
"""Bulk is handed over one percent slower than its number sends. A request that takes longer than
others leaves its number idle for a moment, and at full pace all that comes later would wait at the
vendor for so much longer, replies too, until the bulk is out."""

SHARE = 10
"""Of texts that overtake others, each tenth place is for the lane below, each hundredth for the one
below that: however many replies wait, no reminder waits for ever. A reply now and then always goes
before bulk."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A text that could leave.

    Attributes:
        lane: its urgency.
        cost: seconds that its number is busy with it.
    """

    id: UUID
    lane: Lane
    cost: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a number may take over now.

    Attributes:
        ids: of the texts, in the order in which they leave.
        seconds: for which they keep their number busy.
        passed: the new count of texts that overtook others.
        next_in: seconds until the next text may be handed over; None where none waits.
    """

    ids: tuple[UUID, ...]
    seconds: float
    passed: int
    next_in: float | None


def admit(busy: float, passed: int, waiting: Sequence[Waiting], most: int) -> Allowance:
    """Which texts may be handed over.

    Args:
        busy: seconds of traffic that the vendor holds already; a little below 0 where the
            number is late.
        passed: texts that overtook others since nobody had to wait for another lane, which says
            whose turn it is.
        waiting: texts of this number, in order within their lane.
        most: how many at most.
    """
    queues: defaultdict[Lane, deque[Waiting]] = defaultdict(deque)
    for text in waiting:
        queues[text.lane].append(text)
    ids: list[UUID] = []
    added = 0.0
    while queues:
        lanes = sorted(queues)
        lane = lanes[min(_skipped(passed), len(lanes) - 1)]
        text = queues[lane][0]
        # On its guaranteed turn a lane may use the room of the lane that gives way to it.
        park = PARK_SECONDS[lanes[0]]
        if len(ids) == most or (busy + added > 0 and busy + added + text.cost > park):
            return Allowance(tuple(ids), added, passed, _wait(busy + added, text.cost, park))
        ids.append(text.id)
        added += text.cost * BULK_STRETCH if lane is Lane.BULK else text.cost
        passed = (passed + 1) % SHARE**2 if len(lanes) > 1 else 0
        queues[lane].popleft()
        if not queues[lane]:
            del queues[lane]
    return Allowance(tuple(ids), added, passed, None)


def _skipped(passed: int) -> int:
    """How many lanes give way to the ones below them."""
    if passed % SHARE**2 == SHARE**2 - 1:
        return 2
    return 1 if passed % SHARE == SHARE - 1 else 0


def _wait(busy: float, cost: float, park: float) -> float:
    """Until half of what may be parked has left, or as soon as a text of more than that fits.

    Then several texts leave at once, and the vendor still has something to do.
    """
    rest = park / 2 - cost if cost <= park / 2 else park - cost
    return max(0.01, busy - max(0.0, rest))
