"""Words and character n-grams of a text, weighted as TF-IDF, by direct look-up.

Scoring one text with scikit-learn's `transform` costs 2.5 ms, nearly all of it in building
and checking matrices; looking the n-grams up in a dictionary costs a tenth of that and
gives the same numbers.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from nlu.dates.spelling import DATE_WORDS
from nlu.words import Word

CHARACTER_SIZES = (2, 3, 4)
SKELETON_SIZES = (2, 3)
GROUPS = {"w": 0.7, "c": 1.0, "s": 0.7}
"""Kinds of n-grams and how long the weights of each are together (by cross-validation)."""
_ORDER = "".join(GROUPS)
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\s\w']|_")
_DIGITS = re.compile(r"\d")

Spans = Sequence[tuple[int, int, str]]
"""Entities in a text: offsets of the begin and the end, and the name."""
Text = tuple[Sequence[Word], Spans]
"""The words of a text in their normal form, and the entities in it."""


def ngrams(words: Sequence[Word], spans: Spans = ()) -> Iterator[str]:
    """Everything that is counted in a text.

    "w": words and pairs of words, every digit as 0; "c": n-grams of characters within words
    (padded with blanks); "s": two or three steps of the skeleton, which is the text with its ends
    marked and with entities, days and numbers replaced by what they are, so that "wed or fri" and
    "mon or thurs" look the same.
    """
    plain = [part for word in words for part in _TOKEN.findall(_DIGITS.sub("0", word.text))]
    for part in plain:
        yield f"w {part}"
    for first, second in pairwise(plain):
        yield f"w {first} {second}"
    for part in plain:
        padded = f" {part} "
        for size in CHARACTER_SIZES:
            for start in range(len(padded) - size + 1):
                yield f"c {padded[start : start + size]}"
    bones = skeleton(words, spans)
    if len(bones) > 2:  # noqa: PLR2004  (more than the two ends)
        for size in SKELETON_SIZES:
            for start in range(len(bones) - size + 1):
                yield f"s {' '.join(bones[start : start + size])}"


def count_ngrams(text: Text) -> Counter[str]:
    """How often each n-gram occurs in a text."""
    return Counter(ngrams(*text))


def skeleton(words: Sequence[Word], spans: Spans) -> list[str]:
    """The words of a text between "^" and "$", with classes in place of names."""
    bones = ["^"]
    for word in words:
        entity = next((name for start, end, name in spans if start < word.end and word.start < end),
                      None)  # fmt: skip
        bone = f"<{entity}>" if entity else _bone(word.text)
        if bone != bones[-1] or not entity:
            bones.append(bone)
    return [*bones, "$"]


@lru_cache(maxsize=4096)
def _bone(word: str) -> str:
    if word in DATE_WORDS:
        return "<date>"
    return "<number>" if any(char.isdigit() for char in word) else word


class Vocabulary:
    """N-grams seen in training, each with its column and inverse document frequency.

    Args:
        terms: n-grams in the order of their columns.
        idf: one weight a term.
    """

    def __init__(self, terms: list[str], idf: npt.NDArray[np.float32]) -> None:
        self.terms = terms
        self.idf = idf
        self._groups = np.array([_ORDER.index(term[0]) for term in terms], dtype=np.int8)
        self._columns = {term: column for column, term in enumerate(terms)}

    @classmethod
    def learn(cls, texts: Iterable[Counter[str]]) -> Vocabulary:
        """The vocabulary of the counted n-grams of training texts, in alphabetical order."""
        seen: Counter[str] = Counter()
        count = 0
        for counted in texts:
            seen.update(counted.keys())
            count += 1
        terms = sorted(seen)
        idf = [math.log((1 + count) / (1 + seen[term])) + 1 for term in terms]
        return cls(terms, np.asarray(idf, dtype=np.float32))

    def weigh(
        self, terms: Mapping[str, int]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        """Columns of a text's counted n-grams, and their weights.

        Words, characters and skeleton are scaled apart, so that none drowns the others;
        frequencies count as 1 + log(n).
        """
        columns = self._columns
        counts = {columns[term]: count for term, count in terms.items() if term in columns}
        if not counts:
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32)
        at = np.fromiter(counts, dtype=np.intp, count=len(counts))
        frequency = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        weights = (1 + np.log(frequency)) * self.idf[at]
        groups = self._groups[at]
        for group, length in enumerate(GROUPS.values()):
            part = groups == group
            norm = math.sqrt(float(weights[part] @ weights[part]))
            if norm:
                weights[part] *= length / norm
        return at, weights.astype(np.float32)

    def matrix(self, texts: Iterable[Mapping[str, int]]) -> csr_matrix:
        """The counted n-grams of all texts as one sparse matrix, a row each."""
        columns, weights, ends = [], [], [0]
        for terms in texts:
            at, weight = self.weigh(terms)
            columns.append(at)
            weights.append(weight)
            ends.append(ends[-1] + len(at))
        return csr_matrix(
            (np.concatenate(weights), np.concatenate(columns), ends),
            shape=(len(ends) - 1, len(self.terms)),
        )
