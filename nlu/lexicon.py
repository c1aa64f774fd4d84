"""Which words the training data uses, which are common names, and which are plain English."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

USUAL = 300_000
"""How often a word stands in the books behind `english_counts` to be one that customers write."""
SHORTEST_TYPO = 5
"""Shorter words are one letter from too many others to be called mistyped."""


def _shortened(word: str) -> set[str]:
    """A word with one letter left out, in each way."""
    return {word[:index] + word[index + 1 :] for index in range(len(word))}


def usual_words(counts: Mapping[str, int], lists: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """English words that are used often and are in none of the lists.

    Args:
        counts: how often each word occurs in English.
        lists: lookup tables of names.
    """
    often = frozenset(word for word, count in counts.items() if count >= USUAL)
    return often.difference(*lists.values())


@dataclass(frozen=True)
class Lexicon:
    """Words, all in small letters.

    Attributes:
        known: words of the training data that are not part of a name.
        lists: lookup tables by name, such as `given_name`.
        english: words that customers write and that are in no list.
    """

    known: frozenset[str] = frozenset()
    lists: Mapping[str, frozenset[str]] = field(default_factory=dict)
    english: frozenset[str] = frozenset()
    _near: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        near = {
            part for word in self.known if len(word) >= SHORTEST_TYPO for part in _shortened(word)
        }
        object.__setattr__(self, "_near", frozenset(near))

    def kind(self, word: str, unseen: Collection[str] = ()) -> str:
        """A word is "known", "english", "typo" (one letter from a known word), "new" or "sign".

        Args:
            word: in small letters.
            unseen: words to be taken as unknown, though they are listed: in training, those that
                stand in no other example.
        """
        if not word[:1].isalpha():
            return "sign"
        if word in self.known and word not in unseen:
            return "known"
        if word in self.english:
            return "english"
        if len(word) < SHORTEST_TYPO - 1:
            return "new"
        shortened = _shortened(word)
        mistyped = word in self._near or not self._near.isdisjoint(shortened)
        if len(word) > SHORTEST_TYPO:
            mistyped = mistyped or not self.known.isdisjoint(shortened)
        return "typo" if mistyped else "new"

    def listed(self, word: str) -> list[str]:
        """The lookup tables that hold a word."""
        return [name for name, words in self.lists.items() if word in words]
