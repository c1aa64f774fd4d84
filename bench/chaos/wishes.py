"""What a phone of these runs can wish to be answered, and what the answer then is. Pure.

A text is a mark and a wish, as in ``t17.2 thrice``. Every answer repeats the mark, so that what
a phone shows tells by itself what was lost, doubled or out of order.
"""

from __future__ import annotations

from enum import StrEnum

LONG_WORDS = 180
"""About 2,000 characters: more than any gateway takes in one request."""


class Wish(StrEnum):
    """How a text is to be answered."""

    SAY = "say"
    THRICE = "thrice"
    LONG = "long"
    SLOW = "slow"
    STUMBLE = "stumble"
    FAIL = "fail"


def wish_of(body: str) -> Wish:
    """What a text wishes."""
    return Wish(body.rpartition(" ")[2])


def answers(body: str) -> list[str]:
    """The replies that a text deserves, in order; none where the assistant is to fail.

    Args:
        body: of the text.
    """
    mark = body.partition(" ")[0]
    match wish_of(body):
        case Wish.FAIL:
            return []
        case Wish.THRICE:
            return [f"{mark} answered, {number} of 3" for number in (1, 2, 3)]
        case Wish.LONG:
            return [" ".join(f"{mark}:word{number}" for number in range(LONG_WORDS))]
        case _:
            return [f"{mark} answered"]
