"""Text that may be rewritten without losing where each character came from."""

from __future__ import annotations

import re
from collections.abc import Callable


class Aligned:
    """A text, and for each of its characters the span of the original that it stands for.

    Args:
        original: the text as it was received.
    """

    def __init__(self, original: str) -> None:
        self.original = original
        self.text = original
        self._starts = list(range(len(original)))
        self._ends = [index + 1 for index in range(len(original))]

    def replace(self, pattern: re.Pattern[str], make: Callable[[re.Match[str]], str]) -> None:
        """Rewrite every match; what is written stands for the whole match.

        Args:
            pattern: what to look for.
            make: gives the new text of a match.
        """
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done = 0
        for match in pattern.finditer(self.text):
            first, last = match.span()
            new = make(match)
            if first == last or new == match.group():
                continue
            parts += (self.text[done:first], new)
            starts += self._starts[done:first]
            ends += self._ends[done:first]
            starts += [self._starts[first]] * len(new)
            ends += [self._ends[last - 1]] * len(new)
            done = last
        if done:
            self.text = "".join((*parts, self.text[done:]))
            self._starts = starts + self._starts[done:]
            self._ends = ends + self._ends[done:]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters `start` to `end` (exclusive) stand in the original."""
        return self._starts[start], self._ends[end - 1]
