"""A linear model of what the assistant does next, whose confidences mean something.

A support vector machine on what is true of a conversation (:mod:`dialogue.turns`) gives a margin
for each action. How far margins may be trusted is measured on held-out stories: one temperature is
fitted for situations that some story has seen step by step, and how much it grows with the distance
from the nearest of them. Far from all of them there is no answer at all.
Deterministic for given stories and seed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dialogue.turns import Context

FOLDS = 5
PENALTY = 0.5
FADES = 0.6  # how much each earlier step counts, of the one after it, when contexts are compared
UNSEEN = -3.0  # the margin of a decision that is in none of the stories of a fold
CERTAIN = 0.99  # the most confidence: rules are certain, examples are not

Floats = npt.NDArray[np.float32]
Story = Sequence[tuple[Context, str]]
"""The decisions of one story: what was seen and what was done."""


@dataclass(frozen=True)
class Familiar:
    """The contexts of the stories, to tell how near a new one is to any of them.

    Attributes:
        steps: numbers of steps.
        contexts: a row each: the form, then the steps, the latest first.
        weights: of these columns; they add up to 1.
    """

    steps: dict[str, int]
    contexts: npt.NDArray[np.int32]
    weights: Floats

    @classmethod
    def of(cls, contexts: Sequence[Context]) -> Familiar:
        """Remember contexts."""
        rows = list(dict.fromkeys((one.loop, *one.steps) for one in contexts))
        steps = {step: number for number, step in enumerate(sorted({s for r in rows for s in r}))}
        numbers = np.array([[steps[step] for step in row] for row in rows], dtype=np.int32)
        weights = np.array([1.0, *(FADES**k for k in range(numbers.shape[1] - 1))])
        return cls(steps, numbers, (weights / weights.sum()).astype(np.float32))

    def nearness(self, context: Context) -> float:
        """How much of a context the nearest with the same latest step shares, from 0 to 1.

        The form and the latest step count most. 0 where that step was never seen.
        """
        row = [self.steps.get(step, -1) for step in (context.loop, *context.steps)]
        same = self.contexts == np.array(row, dtype=np.int32)
        here = same[:, 1]
        if not here.any():
            return 0.0
        return float((same[here] @ self.weights).max())


@dataclass(frozen=True)
class LinearModel:
    """A trained model.

    Attributes:
        decisions: in the order of the columns of ``weights``: actions, or to go on with the form.
        features: the row of ``weights`` of each feature.
        weights: a row for each feature, a column for each action.
        bias: one an action.
        temperature: by which margins are divided before the softmax: its logarithm in a
            context that was seen as it is, and what is added to that in one wholly unlike.
        familiar: what was seen.
    """

    decisions: list[str]
    features: dict[str, int]
    weights: Floats
    bias: Floats
    temperature: tuple[float, float]
    familiar: Familiar

    def predict(self, context: Context, familiarity: float = 0.0) -> dict[str, float]:
        """Confidence in each action.

        Args:
            context: what is seen of a conversation.
            familiarity: how much of it some story must have shared, from 0 to 1.

        Returns:
            Nothing for a context that is less familiar.
        """
        near = self.familiar.nearness(context)
        if near == 0.0 or near < familiarity:
            return {}
        logarithm, growth = self.temperature
        margins = self.margins(context) / np.exp(logarithm + growth * (1.0 - near))
        shares = _softmax(margins[None, :])[0].tolist()
        chances: dict[str, float] = {}
        for decision, share in zip(self.decisions, shares, strict=True):
            action = context.action(decision)
            chances[action] = min(chances.get(action, 0.0) + share, CERTAIN)
        return chances

    def margins(self, context: Context) -> npt.NDArray[np.floating[Any]]:
        """The score of each decision before it is made a confidence."""
        rows = [self.features[name] for name in context.features() if name in self.features]
        margins: npt.NDArray[np.floating[Any]] = self.weights[rows].sum(axis=0) + self.bias
        return margins

    def save(self, folder: Path) -> None:
        """Write the model as one file of numbers and one of words (no pickle)."""
        np.savez(
            folder / "weights.npz",
            weights=self.weights,
            bias=self.bias,
            contexts=self.familiar.contexts,
            fades=self.familiar.weights,
        )
        words = {
            "decisions": self.decisions,
            "features": list(self.features),
            "steps": list(self.familiar.steps),
            "temperature": self.temperature,
        }
        (folder / "words.json").write_text(json.dumps(words), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        """Read what :meth:`save` wrote."""
        words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as numbers:
            steps = {step: number for number, step in enumerate(words["steps"])}
            return cls(
                words["decisions"],
                {name: row for row, name in enumerate(words["features"])},
                numbers["weights"],
                numbers["bias"],
                tuple(words["temperature"]),
                Familiar(steps, numbers["contexts"], numbers["fades"]),
            )


def train(stories: Sequence[Story], seed: int) -> LinearModel:
    """Train a model on stories and measure its confidence.

    Args:
        stories: at least one with a decision.
        seed: of the solver and of what is held out.

    Raises:
        ValueError: there is nothing to learn from.
    """
    stories = [story for story in stories if story]
    if not stories:
        raise ValueError("There is nothing to learn from: add stories to data/stories.")
    learned = [
        [(context, context.decision(action)) for context, action in story] for story in stories
    ]
    decisions = sorted({decision for story in learned for _, decision in story})
    temperature = _temperature(learned, decisions, seed)
    return _fit(learned, decisions, temperature, seed)


def _fit(
    stories: Sequence[Story], names: list[str], temperature: tuple[float, float], seed: int
) -> LinearModel:
    decided = list(dict.fromkeys(decision for story in stories for decision in story))
    contexts = [context for context, _ in decided]
    true = [list(context.features()) for context in contexts]
    features = {
        name: row for row, name in enumerate(sorted({one for each in true for one in each}))
    }
    weights, bias = _weigh(
        [[features[name] for name in each] for each in true],
        np.array([names.index(decision) for _, decision in decided]),
        (len(features), len(names)),
        seed,
    )
    return LinearModel(names, features, weights, bias, temperature, Familiar.of(contexts))


def _weigh(
    rows: list[list[int]], labels: npt.NDArray[np.intp], shape: tuple[int, int], seed: int
) -> tuple[Floats, Floats]:
    # Imported here because serving needs no scikit-learn.
    from scipy.sparse import csr_matrix  # noqa: PLC0415
    from sklearn.svm import LinearSVC  # noqa: PLC0415

    weights = np.zeros(shape, dtype=np.float32)
    bias = np.full(shape[1], UNSEEN, dtype=np.float32)
    present = np.unique(labels)
    if len(present) == 1:
        bias[present] = 1.0
        return weights, bias
    starts = np.cumsum([0, *(len(row) for row in rows)])
    columns = np.array([column for row in rows for column in row])
    matrix = csr_matrix((np.ones(len(columns)), columns, starts), (len(rows), shape[0]))
    machine = LinearSVC(C=PENALTY, random_state=seed).fit(matrix, labels)
    if len(present) == 2:  # noqa: PLR2004  (the library keeps one row for two labels)
        weights[:, present] = np.vstack([-machine.coef_, machine.coef_]).T
        bias[present] = np.concatenate([-machine.intercept_, machine.intercept_])
    else:
        weights[:, present] = machine.coef_.T
        bias[present] = machine.intercept_
    return weights, bias


def _temperature(stories: Sequence[Story], names: list[str], seed: int) -> tuple[float, float]:
    """The temperatures with the least log loss on stories that were held out."""
    order = np.random.default_rng(seed).permutation(len(stories))
    margins, distances, labels = [], [], []
    for number in range(min(FOLDS, len(stories))):
        held = set(order[number::FOLDS].tolist())
        inside = [story for index, story in enumerate(stories) if index not in held]
        if not inside:
            break
        model = _fit(inside, names, (0.0, 0.0), seed)
        for context, decision in (one for index in sorted(held) for one in stories[index]):
            near = model.familiar.nearness(context)
            if near > 0.0:
                margins.append(model.margins(context))
                distances.append(1.0 - near)
                labels.append(names.index(decision))
    if not labels:
        return -1.0, 1.0  # one story, or none like another: nothing to measure with
    scores, far, right = np.array(margins), np.array(distances), np.array(labels)

    def loss(temperature: npt.NDArray[np.float64]) -> float:
        logarithm, growth = temperature
        shares = _softmax(scores / np.exp(logarithm + growth * far)[:, None])
        return float(-np.log(shares[np.arange(len(right)), right] + 1e-9).mean())

    from scipy.optimize import minimize  # noqa: PLC0415  (26 MB that only training pays)

    found = minimize(
        loss, np.array([-1.0, 1.0]), method="Nelder-Mead", bounds=[(-4.0, 2.0), (0.0, 6.0)]
    )
    return float(found.x[0]), float(found.x[1])


def _softmax(margins: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.floating[Any]] = powers / powers.sum(axis=1, keepdims=True)
    return shares
