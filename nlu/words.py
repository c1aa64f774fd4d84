"""Words of a text with their offsets."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARACTERS = 600
_WORD = re.compile(r"[^\W_]+(?:[-'\u2019][^\W_]+)*|\S")


@dataclass(frozen=True, slots=True)
class Word:
    """A word or a sign; `start` and `end` are offsets in the text."""

    text: str
    start: int
    end: int


def split_words(text: str) -> list[Word]:
    """Words (with inner hyphens and apostrophes) and single signs, at most 600 characters far."""
    return [Word(match.group(), *match.span()) for match in _WORD.finditer(text[:MAX_CHARACTERS])]
