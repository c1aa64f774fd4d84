"""The two linear models of intents, and how far the sum of both may be trusted.

One reads n-grams (a support vector machine: many features, few texts), one the sentence vector
(logistic regression). Each text of the training data is scored by models that have not seen
it; on those scores the weights of the two are fitted so that the confidences of the sum are as
honest as they can be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nlu.ngrams import Vocabulary, count_ngrams
from nlu.words import Word

FOLDS = 4
_PARTS = re.compile(r"[\W_]+")
ENOUGH = 2_000
"""Held-out texts after which two weights do not get better."""
SVM_PENALTY = 0.5
REGRESSION_PENALTY = 20.0
UNSEEN = -10.0
"""Score of a label of which a fold has no text."""

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.intp]


def fit_ngrams(
    texts: Sequence[Counter[str]], numbers: Numbers, labels: Sequence[str], seed: int
) -> tuple[Vocabulary, Floats, Floats]:
    """A support vector machine on n-grams.

    The name of an intent counts as one more example of it: "ask_hours" says what it is about.

    Args:
        texts: counted n-grams of each text.
        numbers: the label of each.
        labels: names of the labels.
        seed: of the solver.

    Returns:
        The n-grams, their weights (a row each, a column each label) and one bias a label.
    """
    # Imported here because serving needs no scikit-learn and not all of scipy.
    from sklearn.svm import LinearSVC  # noqa: PLC0415

    names = (
        [Word(part, 0, 0) for part in _PARTS.split(label.casefold()) if part] for label in labels
    )
    learned = [*texts, *(count_ngrams((name, ())) for name in names)]
    vocabulary = Vocabulary.learn(learned)
    machine = LinearSVC(C=SVM_PENALTY, class_weight="balanced", random_state=seed)
    machine.fit(vocabulary.matrix(learned), np.concatenate([numbers, np.arange(len(labels))]))
    return vocabulary, *_columns(machine, len(vocabulary.terms), len(labels))


def fit_vectors(vectors: Floats, numbers: Numbers, count: int, seed: int) -> tuple[Floats, Floats]:
    """A logistic regression on sentence vectors (a row each text), for `count` labels."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    model = LogisticRegression(C=REGRESSION_PENALTY, max_iter=300, tol=3e-4,
                               class_weight="balanced", random_state=seed)  # fmt: skip
    if len(vectors) >= vectors.shape[1]:
        return _columns(model.fit(vectors, numbers), vectors.shape[1], count)
    # The weights lie in the space that the texts span; with few texts it is the smaller one.
    axes, _ = np.linalg.qr(vectors.T)
    weights, bias = _columns(model.fit(vectors @ axes, numbers), axes.shape[1], count)
    return axes @ weights, bias


def _columns(model: Any, rows: int, count: int) -> tuple[Floats, Floats]:
    weights = np.zeros((rows, count), dtype=np.float32)
    bias = np.full(count, UNSEEN, dtype=np.float32)
    if len(model.classes_) == 2:  # noqa: PLR2004  (the library keeps one row for two labels)
        weights[:, model.classes_] = np.vstack([-model.coef_, model.coef_]).T
        bias[model.classes_] = np.concatenate([-model.intercept_, model.intercept_])
    else:
        weights[:, model.classes_] = model.coef_.T
        bias[model.classes_] = model.intercept_
    return weights, bias


def folds(numbers: Numbers, count: int, seed: int) -> Iterator[tuple[Numbers, Numbers]]:
    """Indices of texts to learn from and to score, each label spread over the folds.

    No more folds than it takes to have `ENOUGH` scored texts.
    """
    fold = np.zeros(len(numbers), dtype=int)
    generator = np.random.default_rng(seed)
    for label in range(count):
        members = np.flatnonzero(numbers == label)
        fold[generator.permutation(members)] = np.arange(len(members)) % FOLDS
    scored = 0
    for number in range(FOLDS):
        inside, outside = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(outside) and len(set(numbers[inside])) > 1 and scored < ENOUGH:
            scored += len(outside)
            yield inside, outside


@dataclass(frozen=True)
class HeldOut:
    """Texts scored by models that have not seen them.

    Attributes:
        rows: their indices, fold after fold; none when there are too few texts.
        folds: how many of them each fold has.
        margins: n-gram scores, a row each text.
        logits: vector scores, or None without vectors.
    """

    rows: Numbers
    folds: list[int]
    margins: Floats
    logits: Floats | None


def score_unseen(
    texts: Sequence[Counter[str]],
    vectors: Floats | None,
    numbers: Numbers,
    labels: Sequence[str],
    seed: int,
) -> HeldOut:
    """Cross-validated scores; arguments as above, `vectors` a row each text or None."""
    count = len(labels)
    rows: list[Numbers] = [np.empty(0, dtype=np.intp)]
    margins: list[Floats] = [np.empty((0, count), dtype=np.float32)]
    logits: list[Floats] = [np.empty((0, count), dtype=np.float32)]
    for inside, outside in folds(numbers, count, seed):
        kept = [texts[index] for index in inside]
        vocabulary, weights, bias = fit_ngrams(kept, numbers[inside], labels, seed)
        rows.append(outside)
        margins.append(vocabulary.matrix([texts[index] for index in outside]) @ weights + bias)
        if vectors is not None:
            weights, bias = fit_vectors(vectors[inside], numbers[inside], count, seed)
            logits.append(vectors[outside] @ weights + bias)
    return HeldOut(
        np.concatenate(rows),
        [len(part) for part in rows[1:]],
        np.concatenate(margins),
        np.concatenate(logits) if vectors is not None else None,
    )


def fit_shares(unseen: HeldOut, numbers: Numbers) -> tuple[float, float]:
    """By how much each score counts in the sum, for the least log loss on held-out texts.

    Args:
        unseen: the held-out texts.
        numbers: the labels of all texts.

    Returns:
        Factors of the n-gram score and of the vector score.
    """
    from scipy.optimize import minimize  # noqa: PLC0415

    margins, logits, numbers = unseen.margins, unseen.logits, numbers[unseen.rows]
    if not len(numbers):
        return 1.0, 0.0 if logits is None else 1.0
    parts = [margins] if logits is None else [margins, logits]

    def loss(logarithms: npt.NDArray[np.float64]) -> float:
        total = sum(np.exp(share) * part for share, part in zip(logarithms, parts, strict=True))
        shares = softmax(np.asarray(total))
        return float(-np.log(shares[np.arange(len(numbers)), numbers] + 1e-9).mean())

    found = minimize(loss, np.zeros(len(parts)), method="Nelder-Mead",
                     options={"xatol": 0.01, "fatol": 1e-5, "maxiter": 200})  # fmt: skip
    shares = [float(share) for share in np.exp(found.x)]
    return shares[0], shares[1] if len(shares) > 1 else 0.0


def softmax(scores: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Shares that sum to one, row by row."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: npt.NDArray[np.floating[Any]] = powers / powers.sum(axis=-1, keepdims=True)
    return shares
