"""Training examples of entities, written again as other customers would write them.

A few hundred examples name a few dozen people in tidy spelling; a model that sees only them
learns those people by heart. So each is repeated with other names, other capitals and typing
errors. What is meant stays the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from nlu.crf import OUTSIDE
from nlu.words import Word

PERSON = "person"
GIVEN, FAMILY = "given_name", "family_name"
"""Lookup tables in the training data from which the other names are taken."""
NAME_OR_WORD = "name_or_word"
"""The lookup table of given names that are usual words too: "hope", "will"."""

Labelled = tuple[list[Word], list[str]]

_RENAMED = 2  # copies of an example with a name
_MISTYPED = 2  # copies of an example with a catalogue value
_LISTED = 0.7  # share of names that are in the tables; the rest are in no list
_LISTED_SMALL = 0.95  # of names in small letters: else each new word would pass for one
_WORDLIKE = 0.06  # share of given names that are usual words too
_NAMES = ((GIVEN,), (GIVEN, FAMILY), (GIVEN, FAMILY, FAMILY))
_NAME_SHARES = (0.45, 0.45, 0.1)
_CASES: tuple[Callable[[str], str], ...] = (
    str.title, str.title, str.lower, str.lower, str.upper,
)  # fmt: skip
_SHORT_TEXT = 4  # words
_LONG_TEXTS = 0.3  # share of longer texts that get a typing error
_LETTERS = "aaaeeeiioouulnrstmkdyhjv"
_SHORTEST_TYPO = 4


def is_person(label: str) -> bool:
    """Whether a label is of a name."""
    return label.endswith(f"-{PERSON}")


class Variants:
    """Makes variants of examples; the same ones with the same seed.

    Args:
        tables: lookup tables of the training data; without names nobody is renamed.
        seed: of the choices.
    """

    def __init__(self, tables: Mapping[str, frozenset[str]], seed: int) -> None:
        self._tables = {name: sorted(words) for name, words in tables.items()}
        self._random = random.Random(seed)  # noqa: S311  (no secret)

    def of(self, words: list[Word], labels: list[str]) -> Iterator[Labelled]:
        """An example and its variants."""
        yield words, labels
        pairs = list(zip(words, labels, strict=True))
        if any(map(is_person, labels)) and {GIVEN, FAMILY} <= self._tables.keys():
            for _ in range(_RENAMED):
                yield self._renamed(pairs)
        long = [index for index, word in enumerate(words) if len(word.text) >= _SHORTEST_TYPO]
        named = [i for i in long if labels[i] != OUTSIDE and not is_person(labels[i])]
        for _ in range(_MISTYPED if named else 0):
            yield self._mistyped(words, self._random.choice(named)), labels
        plain = [i for i in long if labels[i] == OUTSIDE and words[i].text.isalpha()]
        if plain and (len(words) <= _SHORT_TEXT or self._random.random() < _LONG_TEXTS):
            yield self._mistyped(words, self._random.choice(plain)), labels
        if len(words) <= _SHORT_TEXT and set(labels) == {OUTSIDE}:
            yield [replace(word, text=word.text.title()) for word in words], labels

    def _renamed(self, pairs: Sequence[tuple[Word, str]]) -> Labelled:
        """Other people, all in one way of writing capitals."""
        case = self._random.choice(_CASES)
        words, labels = [], []
        for word, label in pairs:
            if not is_person(label):
                kept = word.text if case is str.title else case(word.text)
                words.append(replace(word, text=kept))
                labels.append(label)
            elif label.startswith("B"):
                for place, name in enumerate(
                    self._name(_LISTED_SMALL if case is str.lower else _LISTED)
                ):
                    words.append(replace(word, text=case(name)))
                    labels.append(f"{'I' if place else 'B'}-{PERSON}")
        return words, labels

    def _name(self, listed: float) -> list[str]:
        parts = self._random.choices(_NAMES, _NAME_SHARES)[0]
        names = [self._random.choice(self._tables[part]) for part in parts]
        if NAME_OR_WORD in self._tables and self._random.random() < _WORDLIKE:
            names[0] = self._random.choice(self._tables[NAME_OR_WORD])
            return names
        if self._random.random() < listed:
            return names
        return [self._unheard(name) for name in names]

    def _unheard(self, name: str) -> str:
        """A name that is in no list: halves of two, joined."""
        other = self._random.choice(self._tables[GIVEN])
        return name[: max(2, len(name) // 2)] + other[len(other) // 2 :]

    def _mistyped(self, words: Sequence[Word], place: int) -> list[Word]:
        """A letter left out, doubled up, swapped or wrong in one word, never the first."""
        text = words[place].text
        at = self._random.randrange(1, len(text))
        letter = self._random.choice(_LETTERS)
        typo = self._random.choice((
            text[:at] + text[at + 1 :],
            text[:at] + letter + text[at:],
            text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :],
            text[:at] + letter + text[at + 1 :],
        ))  # fmt: skip
        return [replace(word, text=typo) if i == place else word for i, word in enumerate(words)]
