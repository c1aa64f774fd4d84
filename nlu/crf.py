"""A conditional random field that finds entities in words, with features made by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import pycrfsuite

from nlu.catalogue import Phrase
from nlu.lexicon import Lexicon
from nlu.words import Word

OUTSIDE = "O"
_MANY_WORDS = 5
_SEEN_BY_NEIGHBOURS = {"w=", "k=", "s=", "u=", "g="}
"""The word, the catalogue, its shape, its kind, the lists; affixes of neighbours add nothing."""


def features(
    words: Sequence[Word],
    phrases: Sequence[Phrase],
    lexicon: Lexicon,
    unseen: Collection[str] = (),
) -> list[list[str]]:
    """What the model sees of each word: itself, its shape, its neighbours, what is known of it.

    Args:
        words: of one text.
        phrases: where the catalogue may be named in it.
        lexicon: what the training data uses.
        unseen: in training, words that no other example has.
    """
    texts = [word.text.casefold() for word in words]
    shapes = [_shape(word.text) for word in words]
    kinds = [lexicon.kind(text, unseen) for text in texts]
    lists = [lexicon.listed(text) for text in texts]
    catalogued: list[list[str]] = [[] for _ in words]
    for phrase in phrases:
        for index in range(phrase.first, phrase.last):
            part = "B" if index == phrase.first else "I"
            sure = "" if phrase.exact else "~"
            catalogued[index] += [f"k={part}{phrase.entity}", f"k={sure}{phrase.entity}"]
    own = [
        [f"w={text}", f"s={shape}", f"p2={text[:2]}", f"p3={text[:3]}", f"e2={text[-2:]}",
         f"e3={text[-3:]}", f"n={min(len(text), 8)}", f"u={kind}", *names,
         *(f"g={name}" for name in listed)]
        for text, shape, kind, names, listed in zip(
            texts, shapes, kinds, catalogued, lists, strict=True)
    ]  # fmt: skip
    around = ["^", *texts, "$"]
    size = min(len(words), _MANY_WORDS)
    rows = []
    for index, mine in enumerate(own):
        row = ["bias", *mine]
        for distance in (-2, -1, 1, 2):
            other = index + distance
            if 0 <= other < len(own):
                row += [
                    f"{distance}:{name}" for name in own[other] if name[:2] in _SEEN_BY_NEIGHBOURS
                ]
            elif distance in {-1, 1}:
                row.append(f"{distance}:edge")
        # A new word is a name or not by what stands beside it; alone, by how it is written.
        what = [] if kinds[index] == "known" else [kinds[index]]
        for kind in [*what, *lists[index]]:
            row += [
                f"before={kind}|{around[index]}", f"after={kind}|{around[index + 2]}",
                f"shape={kind}|{shapes[index]}", f"size={kind}|{shapes[index]}|{size}",
            ]  # fmt: skip
        if index:
            row.append(f"pair={texts[index - 1]}|{texts[index]}")
        rows.append(row)
    return rows


def _shape(text: str) -> str:
    """Kinds of letters without repetitions: "Maria" is Xx, "HEC-12" is X-0."""
    kinds = ("X" if c.isupper() else "x" if c.islower() else "0" if c.isdigit() else c
             for c in text)  # fmt: skip
    shape = ""
    for kind in kinds:
        if kind != shape[-1:]:
            shape += kind
    return shape


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
