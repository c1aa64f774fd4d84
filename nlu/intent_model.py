"""The trained classifier of texts: n-grams and sentence vector, with honest confidences."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlu.heads import Floats, fit_ngrams, fit_shares, fit_vectors, score_unseen, softmax
from nlu.ngrams import Text, Vocabulary, count_ngrams
from nlu.scope import Scope, learn_scope

STRANGEST = -99.0
"""Scope of a text without anything to read; JSON knows no infinity."""
NUMBERS, WORDS = "numbers.npz", "words.json"


@dataclass(frozen=True)
class Ranking:
    """What a text may mean.

    Attributes:
        intents: every label with its confidence (0 to 1), best first; empty when the text has
            nothing that can be read.
        scope: how well the text belongs (see :class:`nlu.scope.Scope`).
        as_strange: the share of texts that belong and look as strange as this one.
    """

    intents: list[tuple[str, float]]
    scope: float
    as_strange: float


@dataclass(frozen=True)
class IntentModel:
    """A trained model.

    Attributes:
        labels: in the order of the columns of all weights.
        vocabulary: n-grams and their weights.
        ngram_weights: a row for each n-gram, so that a text reads whole rows.
        ngram_bias: one a label.
        vector_weights: a row for each number of the sentence vector; no rows without vectors.
        vector_bias: one a label.
        shares: factors of the two scores in their sum.
        scope: what texts that belong look like.
        texts: the training texts, in the order of the scope's neighbours.
        intents: the label of each.
    """

    labels: list[str]
    vocabulary: Vocabulary
    ngram_weights: Floats
    ngram_bias: Floats
    vector_weights: Floats
    vector_bias: Floats
    shares: tuple[float, float]
    scope: Scope
    texts: list[str]
    intents: list[str]

    def rank(self, text: Text, vector: Floats | None) -> Ranking:
        """All labels with their confidence, best first.

        Args:
            text: its words in normal form and its entities.
            vector: its sentence vector; None when the model was trained without.
        """
        columns, weights = self.vocabulary.weigh(count_ngrams(text))
        letters = any(char.isalpha() for word in text[0] for char in word.text)
        if not len(columns) and (vector is None or not letters):  # emoji that nobody explained
            return Ranking([], STRANGEST, 0.0)
        scores = self.shares[0] * (weights @ self.ngram_weights[columns] + self.ngram_bias)
        if vector is not None and len(self.vector_weights):
            scores = scores + self.shares[1] * (vector @ self.vector_weights + self.vector_bias)
        shares = softmax(scores)
        order = np.argsort(-shares, kind="stable")
        belongs = self.scope.measure(float(scores.max()), vector)
        ranked = [(self.labels[index], float(shares[index])) for index in order]
        return Ranking(ranked, belongs, self.scope.share_below(belongs))

    def nearest(self, vector: Floats, count: int) -> list[tuple[str, str, float]]:
        """The training texts that mean most nearly the same: text, intent and cosine."""
        return [
            (self.texts[index], self.intents[index], cosine)
            for index, cosine in self.scope.nearest(vector, count)
        ]

    def save(self, folder: Path) -> None:
        """Write the model as one file of numbers and one of words (no pickle)."""
        np.savez(
            folder / NUMBERS,
            idf=self.vocabulary.idf,
            # Half the digits: Rasa packs models with the slowest compression there is.
            ngram_weights=self.ngram_weights.astype(np.float16),
            ngram_bias=self.ngram_bias,
            vector_weights=self.vector_weights.astype(np.float16),
            vector_bias=self.vector_bias,
            shares=self.shares,
            neighbours=self.scope.neighbours.astype(np.float16),
            score=self.scope.score,
            nearness=self.scope.nearness,
            strangeness=self.scope.strangeness,
        )
        words = {
            "labels": self.labels,
            "terms": self.vocabulary.terms,
            "texts": self.texts,
            "intents": self.intents,
        }
        (folder / WORDS).write_text(json.dumps(words), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> IntentModel:
        """Read what :meth:`save` wrote."""
        words = json.loads((folder / WORDS).read_text(encoding="utf-8"))
        with np.load(folder / NUMBERS, allow_pickle=False) as read:
            numbers = dict(read)

        def pair(name: str) -> tuple[float, float]:
            first, second = numbers[name]
            return float(first), float(second)

        return cls(
            labels=words["labels"],
            vocabulary=Vocabulary(words["terms"], numbers["idf"]),
            ngram_weights=numbers["ngram_weights"].astype(np.float32),
            ngram_bias=numbers["ngram_bias"],
            vector_weights=numbers["vector_weights"].astype(np.float32),
            vector_bias=numbers["vector_bias"],
            shares=pair("shares"),
            scope=Scope(numbers["neighbours"].astype(np.float32), pair("score"), pair("nearness"),
                        numbers["strangeness"]),
            texts=words["texts"],
            intents=words["intents"],
        )  # fmt: skip


def train(
    texts: list[Text], intents: list[str], vectors: Floats | None, originals: list[str], seed: int
) -> IntentModel:
    """Train a model and measure its confidence. Deterministic for given texts and seed.

    Args:
        texts: words in normal form and entities of each training text.
        intents: the label of each.
        vectors: the sentence vector of each, or None without an encoder.
        originals: each text as it was written.
        seed: of the folds and the solvers.

    Raises:
        ValueError: when there are fewer than two different labels.
    """
    labels = sorted(set(intents))
    if len(labels) < 2:  # noqa: PLR2004
        raise ValueError(
            "Intents cannot be told apart with fewer than two of them: add examples to data/nlu."
        )
    place = {label: index for index, label in enumerate(labels)}
    numbers = np.array([place[intent] for intent in intents])
    counted = [count_ngrams(text) for text in texts]
    unseen = score_unseen(counted, vectors, numbers, labels, seed)
    shares = fit_shares(unseen, numbers)
    summed = shares[0] * unseen.margins
    if unseen.logits is not None:
        summed = summed + shares[1] * unseen.logits
    best = summed.max(axis=1, initial=-np.inf).astype(np.float32)
    vocabulary, ngram_weights, ngram_bias = fit_ngrams(counted, numbers, labels, seed)
    if vectors is None:
        vector_weights = np.empty((0, len(labels)), dtype=np.float32)
        vector_bias = np.zeros(len(labels), dtype=np.float32)
    else:
        vector_weights, vector_bias = fit_vectors(vectors, numbers, len(labels), seed)
    return IntentModel(
        labels=labels,
        vocabulary=vocabulary,
        ngram_weights=ngram_weights,
        ngram_bias=ngram_bias,
        vector_weights=vector_weights,
        vector_bias=vector_bias,
        shares=shares,
        scope=learn_scope(best, unseen.rows, unseen.folds, vectors),
        texts=originals,
        intents=intents,
    )
