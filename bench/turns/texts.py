"""What the texters write: the same for every stack and every run."""

from __future__ import annotations

import random
from collections.abc import Sequence

SEED = 20261122

# One entry a turn, each answered by a response of the domain, without the action server. None
# of them is a word that a rule answers before the model, such as HELP alone.
SMALL_TALK: Sequence[Sequence[str]] = (
    ("hi there", "hello", "good morning", "hey, is this harbor eye care?"),
    ("what can you do", "how does this work?", "what can i text you", "what are my options"),
    ("are you a bot", "is this a real person?", "am i talking to a human", "is this automated"),
    ("thank you so much!", "thanks a lot", "great, thank you", "thx"),
    ("what happens if i text you", "how do i use this", "can you explain how this works"),
    ("are you a computer", "who is this", "r u a real human or not"),
    ("bye", "have a good day", "nothing else, bye", "talk later"),
)

# Every turn of a booking asks the action server at least once.
BOOKING: Sequence[Sequence[str]] = (
    ("i want to book an eye exam", "need an eye exam appointment", "can i book an eye exam pls"),
    ("downtown", "downtown please", "the downtown one"),
    ("1", "2", "3"),
    ("Maria Lopez", "James Reed", "Nina Patel", "Tom Becker", "Lucia Rossi"),
    ("yes", "yes please", "yep"),
)

# For texts that are counted one by one: what is answered in one way, whoever asks.
SINGLE_TALK = "are you a bot"
SINGLE_ACTION = "i want to book an eye exam"


def conversations(kind: Sequence[Sequence[str]], texters: int, turns: int) -> list[list[str]]:
    """What each of some texters writes, in order.

    Args:
        kind: ``SMALL_TALK`` or ``BOOKING``.
        texters: how many.
        turns: texts of each; a conversation that has fewer begins again.
    """
    dice = random.Random(SEED)  # noqa: S311 - texts, not secrets
    return [[dice.choice(kind[turn % len(kind)]) for turn in range(turns)] for _ in range(texters)]


FIRST_PHONE = 5_000_000
"""The first of ``Phones`` has the number behind this one."""


class Phones:
    """Numbers that nobody has texted from yet."""

    def __init__(self) -> None:
        self._next = 0

    def new(self) -> str:
        """A number of its own for a texter, E.164."""
        self._next += 1
        return f"+1332{FIRST_PHONE + self._next}"
