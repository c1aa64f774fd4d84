"""Texts with entities: SNIPS, and the project's own training data in folds."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.loading import load_data

from bench.nlu.jobs import Run
from bench.nlu.scores import Span
from bench.nlu.sets import DataFolder

SNIPS = "snips_slots500"
LEVEL = "clean"
FOLDS = 5
SEED = 1

Example = dict[str, Any]
"""``text``, ``intent`` and ``entities`` as Rasa's JSON has them."""


@dataclass(frozen=True)
class Tagged:
    """A data set: what each model is trained on, and what it is tested with.

    Attributes:
        name: as in the report.
        split: where the test texts come from.
        runs: a model each.
        wanted: for each run and each of its texts the spans.
    """

    name: str
    split: str
    runs: list[Run]
    wanted: list[list[list[Span]]]


def snips(folder: DataFolder, count: int, *, most: int | None = None) -> Tagged:
    """The first ``count`` training texts of SNIPS, and its test texts.

    Args:
        folder: of the data sets.
        count: texts to train on.
        most: test texts; None for all.

    Raises:
        Failure: the file is not there.
    """
    content = folder.read(SNIPS)
    test = [_from_snips(row) for row in content["test"][:most]]
    run = _run([_from_snips(row) for row in content["train"][:count]], test, {}, [])
    return Tagged(f"snips-{count}", "published test split", [run], [[spans(one) for one in test]])


def own(folder: Path) -> Tagged:
    """The annotated texts of the project, cross-validated.

    Synonyms and tables of names stand in every fold: they are no examples.

    Args:
        folder: with the project's nlu files.
    """
    data = load_data(str(folder))
    examples = [
        {
            "text": message.get(TEXT),
            "intent": message.get(INTENT),
            "entities": [
                {name: entity[name] for name in ("start", "end", "value", "entity")}
                for entity in message.get(ENTITIES) or []
            ],
        }
        for message in data.intent_examples
        if message.get(TEXT)
    ]
    synonyms: dict[str, list[str]] = defaultdict(list)
    for written, value in data.entity_synonyms.items():
        synonyms[value].append(written)
    runs, wanted = [], []
    for train, test in folds(examples, FOLDS, SEED):
        runs.append(_run(train, test, dict(synonyms), data.lookup_tables))
        wanted.append([spans(one) for one in test])
    split = f"{FOLDS}-fold cross-validation, stratified by intent, of {len(examples)} texts"
    return Tagged("own", split, runs, wanted)


def folds(
    examples: list[Example], count: int, seed: int
) -> list[tuple[list[Example], list[Example]]]:
    """Pairs of texts to train on and to test with; each text is tested once.

    Args:
        examples: each with its ``intent``, whose texts are spread over the folds.
        count: of folds.
        seed: of the shuffle.
    """
    by_intent: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        by_intent[example["intent"]].append(index)
    generator = random.Random(seed)  # noqa: S311
    fold: dict[int, int] = {}
    for intent in sorted(by_intent):
        members = by_intent[intent]
        generator.shuffle(members)
        fold |= {index: place % count for place, index in enumerate(members)}
    return [
        (
            [one for index, one in enumerate(examples) if fold[index] != number],
            [one for index, one in enumerate(examples) if fold[index] == number],
        )
        for number in range(count)
    ]


def spans(example: Example) -> list[Span]:
    """The entities of an example as they are scored."""
    return [(one["start"], one["end"], one["entity"]) for one in example["entities"]]


def _run(
    train: list[Example],
    test: list[Example],
    synonyms: dict[str, list[str]],
    lookups: list[dict[str, Any]],
) -> Run:
    return Run(train, {LEVEL: [one["text"] for one in test]}, synonyms, lookups)


def _from_snips(row: dict[str, Any]) -> Example:
    entities = [
        {"start": start, "end": end, "value": row["text"][start:end], "entity": name}
        for start, end, name in row["entities"]
    ]
    return {"text": row["text"], "intent": row["intent"], "entities": entities}
