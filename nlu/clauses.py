"""Where a text says two things: "yes and what are your hours?"."""

from __future__ import annotations

from collections.abc import Sequence

from nlu.words import Word

MOST = 3
"""Clauses that are looked at; who says more in one text is read as a whole."""
_ENDS = frozenset(".?!;")
_JOINTS = frozenset(["and", "also", "but", "plus", "btw", "by the way", ","])
_STARTS = frozenset(
    "what what's where where's when when's how how's which who why do does did is are am can could "
    "will would should i i'm i'd i'll you we need please also any tell cancel book".split()
)
"""Words with which a clause begins after a comma or an "and"; "friday and monday" is one."""


def split_clauses(words: Sequence[Word]) -> list[Sequence[Word]]:
    """The clauses of a text, in order.

    Args:
        words: in their normal form.

    Returns:
        One clause when nothing separates two, or when there are more than `MOST`.
    """
    clauses: list[list[Word]] = [[]]
    for index, word in enumerate(words):
        after = words[index + 1].text.split()[0] if index + 1 < len(words) else ""
        if word.text in _ENDS or (word.text in _JOINTS and (after in _STARTS or after in _JOINTS)):
            clauses.append([])
        elif not (word.text in _JOINTS and not clauses[-1]):
            clauses[-1].append(word)
    found = [clause for clause in clauses if clause]
    return list(found) if 1 < len(found) <= MOST else [words]
