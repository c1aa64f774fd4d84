"""Twilio's own handling of STOP, START and HELP.

The words: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out. A text asks for
something only when it is the word and nothing else.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Wish(Enum):
    """What a phone asked Twilio for."""

    STOP = "STOP"
    START = "START"
    HELP = "HELP"

    @property
    def answer(self) -> str:
        """What Twilio texts back."""
        return _ANSWERS[self]


_ANSWERS: Final = {
    Wish.STOP: "You will get no more texts from this number. Text START to get them again.",
    Wish.START: "You will get texts from this number again. Text STOP to end them.",
    Wish.HELP: "Text STOP to get no more texts from this number.",
}
_WORDS: Final = {
    **dict.fromkeys(
        ("STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"), Wish.STOP
    ),
    **dict.fromkeys(("START", "YES", "UNSTOP"), Wish.START),
    **dict.fromkeys(("HELP", "INFO"), Wish.HELP),
}


def wish(body: str) -> Wish | None:
    """What ``body`` asks Twilio for, if anything."""
    return _WORDS.get(body.strip().upper())
