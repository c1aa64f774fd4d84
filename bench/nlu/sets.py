"""The data sets: what is trained on, what is tested with, and at which levels of damage."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.failure import Failure

Row = tuple[str, str]
"""A text and its intent."""

LEVELS = ("clean", "light", "typo", "sms")
OUTSIDE = "outside"
SEED = 1
BANKING_TEST = 3080
HELD_OUT = 0.1
QUICK = 150
TRAINING = {"10": "train_10", "50": "train_50", "full": "train"}
NAMES = (
    "hwu64-10", "banking77-10", "clinc150-10", "clinc150-50",
    "hwu64-full", "banking77-full", "clinc150-full",
)  # fmt: skip


@dataclass(frozen=True)
class DataSet:
    """A data set with the texts to train on and to test with.

    Attributes:
        name: one of ``NAMES``.
        train: examples.
        test: texts that are in scope.
        outside: texts that are not; empty where the set has none.
        split: where the test texts come from.
    """

    name: str
    train: list[Row]
    test: list[Row]
    outside: list[str]
    split: str

    def sampled(self, count: int) -> DataSet:
        """The same with about this many test texts, spread over all of them."""
        return DataSet(
            self.name,
            self.train,
            self.test[:: max(1, len(self.test) // count)],
            self.outside[:: max(1, len(self.outside) // count)],
            f"{self.split}; every {max(1, len(self.test) // count)}th",
        )


class DataFolder:
    """The folder of the data sets.

    Args:
        path: it, or the folder above its ``nlu``; None reads the environment's ``LINNET_DATA``.

    Raises:
        Failure: no data is there.
    """

    def __init__(self, path: Path | None) -> None:
        given = path or (Path(os.environ["LINNET_DATA"]) if "LINNET_DATA" in os.environ else None)
        if given is None:
            raise Failure("No data folder given: pass --data DIR or set LINNET_DATA.")
        places = (given, given / "nlu", given.parent / "nlu")
        found = next((place for place in places if (place / "perturb.py").is_file()), None)
        if found is None:
            raise Failure(f"No data sets in {given}: perturb.py and the JSON files are not there.")
        self.path = found

    def read(self, name: str) -> dict[str, Any]:
        """A data file as it is.

        Raises:
            Failure: it is not there.
        """
        file = self.path / f"{name}.json"
        if not file.is_file():
            raise Failure(f"{file} is not there.")
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return content

    def set(self, name: str) -> DataSet:
        """One of ``NAMES``.

        Raises:
            Failure: its file is not there.
        """
        file, _, size = name.rpartition("-")
        content = self.read(file)
        train = _rows(content[TRAINING[size]])
        split = "published test split"
        if "test" in content:
            test = _rows(content["test"])
        elif size == "full":
            train, test = hold_out(train, HELD_OUT, SEED)
            split = f"seeded stratified {HELD_OUT:.0%} of train, kept out of training"
        else:
            test = sample_unseen(_rows(content["train"]), train, BANKING_TEST, SEED)
            split = f"seeded {len(test)} rows of train that are not in {TRAINING[size]}"
        outside = [text for text, _ in content.get("oos_test", [])]
        return DataSet(name, train, test, outside, split)

    def perturber(self) -> Callable[[str, str], str]:
        """How a text (first argument) is damaged at a level (second), always alike."""
        spec = importlib.util.spec_from_file_location("perturb", self.path / "perturb.py")
        if spec is None or spec.loader is None:
            raise Failure(f"{self.path / 'perturb.py'} cannot be read.")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return lambda text, level: str(module.perturb(text, SEED, level))


def _rows(pairs: Iterable[list[str]]) -> list[Row]:
    return [(text, label) for text, label in pairs]


def folded(text: str) -> str:
    """Letters and digits alone: the few-shot files hold the same texts in lower case."""
    return re.sub(r"\W+", "", text.casefold())


def sample_unseen(pool: list[Row], seen: list[Row], count: int, seed: int) -> list[Row]:
    """Rows of the pool that are not, but for case and punctuation, among the seen ones."""
    known = {folded(text) for text, _ in seen}
    unseen = [row for row in pool if folded(row[0]) not in known]
    return random.Random(seed).sample(unseen, min(count, len(unseen)))  # noqa: S311


def hold_out(rows: list[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """Rows to train on and this share of each label to test with, without a text in both."""
    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_label[row[1]].append(row)
    generator, test = random.Random(seed), []  # noqa: S311
    for label in sorted(by_label):
        members = by_label[label]
        test += generator.sample(members, max(1, round(share * len(members))))
    kept_out = {folded(text) for text, _ in test}
    return [row for row in rows if folded(row[0]) not in kept_out], test
