"""Whether a text is about anything that the assistant has learned.

The confidence of the best intent does not tell: it only compares intents. Two things do, and
their sum best (CLINC150's out-of-scope texts: area under the curve 0.98, docs/benchmarks.md):
the best intent's score before it is turned into a share, and how near the nearest training text
is. Both are measured in standard deviations of what held-out training texts have.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nlu.encoder_graph import WIDTH

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scope:
    """What held-out training texts look like.

    Attributes:
        neighbours: the sentence parts of the training texts' vectors, a row each; no rows
            without an encoder.
        score: mean and standard deviation of the best intent's score.
        nearness: mean and standard deviation of the cosine to the nearest training text.
        strangeness: sorted scores of the held-out texts.
    """

    neighbours: Floats
    score: tuple[float, float]
    nearness: tuple[float, float]
    strangeness: Floats

    def measure(self, best: float, vector: Floats | None) -> float:
        """How well a text belongs; 0 is as well as a usual text, below -4 hardly anything does.

        Args:
            best: the highest score of an intent.
            vector: the text's sentence vector, if there is an encoder.
        """
        total = (best - self.score[0]) / self.score[1]
        if vector is not None and len(self.neighbours):
            near = float((self.neighbours @ vector[:WIDTH]).max())
            total += (near - self.nearness[0]) / self.nearness[1]
        return total

    def share_below(self, measured: float) -> float:
        """The share (0 to 1) of texts that do belong and look as strange as this or stranger."""
        if not len(self.strangeness):
            return 1.0
        return float(np.searchsorted(self.strangeness, measured, side="right")) / len(
            self.strangeness
        )

    def nearest(self, vector: Floats, count: int) -> list[tuple[int, float]]:
        """Indices of the training texts that mean most nearly the same, with their cosines."""
        cosines = self.neighbours @ vector[:WIDTH]
        order = np.argsort(-cosines, kind="stable")[:count]
        return [(int(index), float(cosines[index])) for index in order]


def learn_scope(
    best: Floats, rows: npt.NDArray[np.intp], folds: list[int], vectors: Floats | None
) -> Scope:
    """Learn what belongs.

    Args:
        best: highest score of an intent of each held-out text.
        rows: which texts were held out, fold after fold.
        folds: how many texts each fold has.
        vectors: of all training texts, or None.
    """
    if vectors is None:
        near = np.zeros(len(rows), dtype=np.float32)
        kept = np.empty((0, WIDTH), dtype=np.float32)
    else:
        kept = np.ascontiguousarray(vectors[:, :WIDTH])
        near = _held_out_nearness(kept, rows, folds)
    score, nearness = _spread(best), _spread(near)
    scope = Scope(kept, score, nearness, np.empty(0, dtype=np.float32))
    total = (best - score[0]) / score[1]
    if vectors is not None:
        total = total + (near - nearness[0]) / nearness[1]
    return Scope(kept, score, nearness, np.sort(total).astype(np.float32)) if len(rows) else scope


def _held_out_nearness(vectors: Floats, rows: npt.NDArray[np.intp], folds: list[int]) -> Floats:
    """Cosine of each held-out text to the nearest text of the other folds."""
    near = np.empty(len(rows), dtype=np.float32)
    for start, stop in pairwise(np.cumsum([0, *folds])):
        inside = np.ones(len(vectors), dtype=bool)
        inside[rows[start:stop]] = False
        near[start:stop] = (vectors[rows[start:stop]] @ vectors[inside].T).max(axis=1)
    return near


def _spread(values: Floats) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    return float(values.mean()), float(values.std()) or 1.0
