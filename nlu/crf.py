"""A conditional random field that finds entities in words, with features made by hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pycrfsuite

from nlu.catalogue import Catalogue
from nlu.words import Word

LONGEST_NAME = 4
OUTSIDE = "O"


def features(words: list[Word], catalogue: Catalogue) -> list[list[str]]:
    """What the model sees of each word: itself, its shape, its neighbours, the catalogue."""
    known = _known(words, catalogue)
    own = [_own(word, names) for word, names in zip(words, known, strict=True)]
    rows = []
    for index, mine in enumerate(own):
        row = ["bias", *mine]
        for distance in (-2, -1, 1, 2):
            other = index + distance
            if 0 <= other < len(own):
                # The word itself and the catalogue; shapes of neighbours add nothing.
                row += [
                    f"{distance}:{name}" for name in own[other] if name[:2] in {"w=", "k=", "s="}
                ]
            elif distance in {-1, 1}:
                row.append(f"{distance}:edge")
        if index:
            row.append(f"pair={words[index - 1].text.casefold()}|{words[index].text.casefold()}")
        rows.append(row)
    return rows


def _own(word: Word, names: set[str]) -> list[str]:
    low = word.text.casefold()
    shape = "".join("X" if c.isupper() else "x" if c.islower() else "0" if c.isdigit() else c
                    for c in word.text)  # fmt: skip
    short = "".join(c for i, c in enumerate(shape) if i == 0 or c != shape[i - 1])
    return [
        f"w={low}", f"s={short}", f"p2={low[:2]}", f"p3={low[:3]}", f"e2={low[-2:]}",
        f"e3={low[-3:]}", f"n={min(len(low), 8)}", *(f"k={name}" for name in sorted(names)),
    ]  # fmt: skip


def _known(words: list[Word], catalogue: Catalogue) -> list[set[str]]:
    """For each word: of which entities' written forms it is part, exactly or mistyped."""
    known: list[set[str]] = [set() for _ in words]
    texts = [word.text for word in words]
    for entity in catalogue.names:
        for start in range(len(words)):
            for stop in range(start + 1, min(start + LONGEST_NAME, len(words)) + 1):
                if catalogue.phrase(entity, texts[start:stop]):
                    for index in range(start, stop):
                        known[index].add(entity)
    return known


class Tagger:
    """A trained model.

    Args:
        path: the model's file, written by :func:`train`.
    """

    def __init__(self, path: Path) -> None:
        # Read into memory: Rasa removes the folder from which a component was loaded.
        self._data = path.read_bytes()
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open_inmemory(self._data)

    def tag(self, rows: list[list[str]]) -> list[tuple[str, float]]:
        """A label ("B-service", "I-service", "O") and its probability for each word."""
        labels: list[str] = self._tagger.tag(rows)
        return [
            (label, 1.0 if label == OUTSIDE else self._tagger.marginal(label, index))
            for index, label in enumerate(labels)
        ]


def train(examples: Iterable[tuple[list[list[str]], list[str]]], path: Path) -> None:
    """Train on rows of features and labels, and write the model.

    Penalties and iterations as measured best with few examples (100 iterations, 0.05, 0.01).
    """
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params(
        {"c1": 0.05, "c2": 0.01, "max_iterations": 100, "feature.possible_transitions": True}
    )
    for rows, labels in examples:
        trainer.append(rows, labels)
    trainer.train(str(path))
