"""A linear classifier of texts whose confidences mean something.

A support vector machine on TF-IDF (:mod:`nlu.ngrams`) gives a margin for each label. How far
a margin may be trusted is measured by cross-validation: every training text is scored by a
model that has not seen it, and one temperature is fitted that makes the softmax of the
margins as honest as it can be on those. Deterministic for given texts and seed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from nlu.ngrams import Spans, Text, Vocabulary

FOLDS = 5
PENALTY = 0.5

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LinearModel:
    """A trained model.

    Attributes:
        labels: in the order of the columns of `weights`.
        vocabulary: n-grams and their weights.
        weights: a row for each n-gram (so that a text reads whole rows), a column a label.
        bias: one a label.
        temperature: by which margins are divided before the softmax.
    """

    labels: list[str]
    vocabulary: Vocabulary
    weights: Floats
    bias: Floats
    temperature: float

    def rank(self, text: str, spans: Spans = ()) -> list[tuple[str, float]]:
        """All labels with their confidence, best first; nothing for a text without n-grams."""
        columns, weights = self.vocabulary.weigh(text, spans)
        if not len(columns):
            return []
        margins = weights @ self.weights[columns] + self.bias
        shares = _softmax(margins[None, :] / self.temperature)[0]
        order = np.argsort(-shares, kind="stable")
        return [(self.labels[index], float(shares[index])) for index in order]

    def save(self, folder: Path) -> None:
        """Write the model as one file of numbers and one of words (no pickle)."""
        np.savez(
            folder / "weights.npz", weights=self.weights, bias=self.bias, idf=self.vocabulary.idf
        )
        words = {
            "labels": self.labels,
            "terms": self.vocabulary.terms,
            "temperature": self.temperature,
        }
        (folder / "words.json").write_text(json.dumps(words), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        """Read what :meth:`save` wrote."""
        words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as numbers:
            vocabulary = Vocabulary(words["terms"], numbers["idf"])
            return cls(
                words["labels"],
                vocabulary,
                numbers["weights"],
                numbers["bias"],
                words["temperature"],
            )


def train(texts: list[Text], labels: list[str], seed: int) -> LinearModel:
    """Train a model and measure its confidence.

    Args:
        texts: training texts with the entities in them.
        labels: one each.
        seed: of the folds and the solver.

    Raises:
        ValueError: when there are fewer than two different labels.
    """
    names = sorted(set(labels))
    if len(names) < 2:  # noqa: PLR2004
        raise ValueError(
            "Intents cannot be told apart with fewer than two of them: add examples to data/nlu."
        )
    numbers = np.array([names.index(label) for label in labels])
    vocabulary = Vocabulary.learn(texts)
    weights, bias = _fit(vocabulary, texts, numbers, len(names), seed)
    temperature = _temperature(texts, numbers, len(names), seed)
    return LinearModel(names, vocabulary, weights, bias, temperature)


def _fit(
    vocabulary: Vocabulary, texts: list[Text], numbers: npt.NDArray[np.intp], count: int, seed: int
) -> tuple[Floats, Floats]:
    # Imported here because serving needs no scikit-learn.
    from sklearn.svm import LinearSVC  # noqa: PLC0415

    machine = LinearSVC(C=PENALTY, class_weight="balanced", random_state=seed)
    machine.fit(vocabulary.matrix(texts), numbers)
    weights = np.zeros((len(vocabulary.terms), count), dtype=np.float32)
    bias = np.full(count, -2.0, dtype=np.float32)  # labels that a fold has not seen
    if len(machine.classes_) == 2:  # noqa: PLR2004  (the library keeps one row for two labels)
        weights[:, machine.classes_] = np.vstack([-machine.coef_, machine.coef_]).T
        bias[machine.classes_] = np.concatenate([-machine.intercept_, machine.intercept_])
    else:
        weights[:, machine.classes_] = machine.coef_.T
        bias[machine.classes_] = machine.intercept_
    return weights, bias


def _temperature(texts: list[Text], numbers: npt.NDArray[np.intp], count: int, seed: int) -> float:
    """The temperature with the least log loss on texts that were held out."""
    fold = np.zeros(len(texts), dtype=int)
    generator = np.random.default_rng(seed)
    for label in range(count):
        members = np.flatnonzero(numbers == label)
        fold[generator.permutation(members)] = np.arange(len(members)) % FOLDS
    margins = np.zeros((len(texts), count), dtype=np.float32)
    for number in range(FOLDS):
        inside, outside = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if not len(outside) or len(set(numbers[inside])) < 2:  # noqa: PLR2004
            return 1.0  # too few examples to measure anything
        kept = [texts[index] for index in inside]
        vocabulary = Vocabulary.learn(kept)
        weights, bias = _fit(vocabulary, kept, numbers[inside], count, seed)
        matrix = vocabulary.matrix([texts[index] for index in outside])
        margins[outside] = matrix @ weights + bias

    def loss(logarithm: float) -> float:
        shares = _softmax(margins / np.exp(logarithm))
        return float(-np.log(shares[np.arange(len(texts)), numbers] + 1e-9).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-4.0, 2.0), method="bounded").x))


def _softmax(margins: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.floating[Any]] = powers / powers.sum(axis=1, keepdims=True)
    return shares
