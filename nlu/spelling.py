"""Which word was meant: one slip of the finger, a dropped vowel, or a word of this business.

A noisy channel: each known word has a prior (how frequent it is, more if the assistant's
training texts use it) and each kind of slip a cost. The library `symspellpy` was measured for
this at 83 MB and 5 CPU seconds a start; its word counts are used (at training only), its index
is not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import OSA

BOOST = 4.0
"""By how much (natural logarithm) a word of the training texts is likelier than others."""
PRIOR_SHARE = 0.25
COST = 2.2
STAYS = 2.0
"""A known word is left alone unless the words beside it speak for another with this weight."""
CONTEXT = 2.0
"""Weight of standing beside the same word as somewhere in the training texts."""
FIRST_LETTER = 0.7
"""Slips at the first letter are rare."""
TWO_SLIPS = 2.1
SHORTEST = 3
SHORTEST_TWO_SLIPS = 5
SHORTEST_SKELETON = 4
RARE = 1_000_000
"""How often a word is taken to occur that is in no dictionary, but in the training texts."""
_USUAL = math.log(RARE)
NEVER = -1e9
VOWELS = frozenset("aeiou")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> dict[str, frozenset[str]]:
    """Letters beside and below each other on an English keyboard."""
    places = {letter: (row, column) for row, letters in enumerate(_ROWS)
              for column, letter in enumerate(letters)}  # fmt: skip
    return {
        letter: frozenset(
            other
            for other, (line, place) in places.items()
            if other != letter
            and ((line == row and abs(place - column) == 1)
                 or (line == row + 1 and place in {column - 1, column})
                 or (line == row - 1 and place in {column, column + 1}))
        )
        for letter, (row, column) in places.items()
    }  # fmt: skip


NEIGHBOURS = _neighbours()


def word_priors(own: Mapping[str, int], english: Mapping[str, int]) -> dict[str, float]:
    """Known words and the logarithm of how often each is to be expected.

    Args:
        own: how often words stand in the training texts, in their normal form.
        english: how often words occur in English.
    """
    known = {word: math.log(count) for word, count in english.items()}
    for word, count in own.items():
        # A word that stands once and is in no dictionary may be a slip in the training texts:
        # it stays as it is, but nothing is corrected to it.
        sure = count > 1 or word in english
        usual = known.get(word, math.log(RARE))
        known[word] = usual + BOOST + 0.3 * math.log(count) if sure else NEVER
    return known


def english_counts() -> dict[str, int]:
    """How often each of 82,765 words occurs in English books (symspellpy's dictionary, MIT).

    Raises:
        FileNotFoundError: when the wheel is not installed.
    """
    spec = find_spec("symspellpy")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("symspellpy is not installed: run `uv sync`.")
    path = Path(spec.origin).with_name("frequency_dictionary_en_82_765.txt")
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return {word: int(count) for word, count in (line.split() for line in lines)}


class Speller:
    """Finds the word that was meant.

    Args:
        known: words and the logarithm of how often each is to be expected.
        own: words of the training texts; they stay, and are looked for two slips away too.
        pairs: words that stand beside each other in the training texts.
    """

    def __init__(
        self, known: Mapping[str, float], own: Iterable[str], pairs: Iterable[tuple[str, str]]
    ) -> None:
        self.known = known
        self._own = frozenset(own)
        self._pairs = frozenset(pairs)
        self._long = sorted(word for word in self._own if len(word) >= SHORTEST_TWO_SLIPS)
        self._skeletons: dict[str, list[str]] = defaultdict(list)
        for word in known:
            if len(word) > SHORTEST_SKELETON + 1 and known[word] > _USUAL:
                self._skeletons[_skeleton(word)].append(word)
        self._scored = lru_cache(maxsize=8192)(self._score)

    def correct(self, word: str, before: str, after: str) -> str:
        """The word that was probably meant; the word itself when nothing known is near.

        Args:
            word: in lower case.
            before: the normal form of the word before it, or an empty text.
            after: the word after it as it was written, or an empty text.
        """
        if word in self._own or len(word) < SHORTEST or not (word.isalpha() and word.isascii()):
            return word
        return max(
            self._scored(word),
            key=lambda scored: (
                scored[1]
                + CONTEXT * ((before, scored[0]) in self._pairs)
                + CONTEXT * ((scored[0], after) in self._pairs)
            ),
        )[0]

    def _score(self, word: str) -> tuple[tuple[str, float], ...]:
        """What may have been meant and how likely each is by itself, best first."""
        own = PRIOR_SHARE * self.known[word] + STAYS if word in self.known else NEVER
        scores = {word: own}
        for candidate, slip in self._candidates(word):
            if self.known.get(candidate, NEVER) == NEVER:
                continue
            cost = slip + FIRST_LETTER * (candidate[0] != word[0])
            score = PRIOR_SHARE * self.known[candidate] - COST * cost
            scores[candidate] = max(score, scores.get(candidate, NEVER))
        return tuple(sorted(scores.items(), key=lambda item: (-item[1], item[0])))

    def _candidates(self, word: str) -> Iterator[tuple[str, float]]:
        # What is a word already can only be meant to be one of this business.
        words = self._own if word in self.known else self.known
        for candidate, cost in _one_slip(word):
            if candidate in words:
                yield candidate, cost
        if word in self.known:
            return
        if len(word) >= SHORTEST_SKELETON:
            for candidate in self._skeletons.get(_skeleton(word), ()):
                yield candidate, 0.8
        if len(word) >= SHORTEST_TWO_SLIPS:
            for candidate, _, _ in process.extract(word, self._long, scorer=OSA.distance,
                                                   score_cutoff=2, limit=5):  # fmt: skip
                yield candidate, TWO_SLIPS


def _one_slip(word: str) -> Iterator[tuple[str, float]]:
    """Every spelling one slip away, and the cost of that slip."""
    size = len(word)
    for place in range(size):
        before, letter, after = word[:place], word[place], word[place + 1 :]
        yield before + after, 0.7 if before.endswith(letter) else 1.4  # a letter too many
        if after and after[0] != letter:
            yield before + after[0] + letter + after[1:], 0.9  # two letters swapped
        near = NEIGHBOURS.get(letter, frozenset())
        for other in LETTERS:
            if other != letter:
                yield before + other + after, 1.0 if other in near else 1.7
    for place in range(size + 1):  # a letter too few
        before, after = word[:place], word[place:]
        for other in LETTERS:
            dropped = other in VOWELS or before.endswith(other)
            yield before + other + after, 0.8 if dropped else 1.0


def _skeleton(word: str) -> str:
    """First and last letter, and the consonants between them."""
    return word[0] + "".join(letter for letter in word[1:-1] if letter not in VOWELS) + word[-1]
