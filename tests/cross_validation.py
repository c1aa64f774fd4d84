"""How well the assistant understands texts like those of data/nlu that it has not seen.

    python tests/cross_validation.py RESULTS

Every example is read by models trained on the others: five folds with as much of each intent in
each, intents twice over with other folds. Models are what config.yml names. As in serving,
the intent of a held-out text is found with the entities that the extractor found in it, not with
those that are marked. Two things are learned from all examples, because learning them in each fold
would cost minutes: which words are never taken for slips, and by how much each of the two intent
models counts in their sum (two numbers). Examples that differ only in capitals, abbreviations
or slips count as one, so that no model has seen a held-out text in another form.

Writes RESULTS/cross_validation.json with 95 % intervals: the measures over 1,000 draws of as many
examples with replacement. The examples were written, and kept where each says a thing as no other
does, so most are harder to understand without their own sentence than what customers text: the
figures tell one version of the data or the model from another, and texts of tests/test_nlu tell
what to expect.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import yaml
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.importers.utils import training_data_from_paths
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.model_selection import StratifiedKFold

from nlu.encoder import shared_encoder
from nlu.entities import CrfEntityExtractor
from nlu.heads import HeldOut, fit_ngrams, fit_shares, fit_vectors
from nlu.ngrams import Spans, count_ngrams
from nlu.normaliser import SmsNormaliser, normal_text, normal_words
from nlu.sentence_encoder import SentenceEncoder

ROOT = Path(__file__).parents[1]
FOLDS, REPEATS, DRAWS, SEED = 5, 2, 1_000, 7
CONTEXT = ExecutionContext(GraphSchema({}))

Numbers = npt.NDArray[np.intp]
Counts = npt.NDArray[np.float64]
Config = dict[str, Any]


class Intents(NamedTuple):
    """Held-out answers: for each, which example it is, its intent and the one that was found."""

    rows: Numbers
    true: Numbers
    found: Numbers


def measure(data: TrainingData, pipeline: list[Config]) -> dict[str, Any]:
    """Cross-validate the intents and entities of training data.

    Args:
        data: at least five examples of each intent.
        pipeline: as in config.yml; it must have the project's normaliser and extractor.

    Returns:
        What is written as JSON: each measure with the ends of its interval.
    """
    options = {component["name"]: component for component in pipeline}
    examples = _distinct(data, options["nlu.normaliser.SmsNormaliser"])
    labels = sorted({example.get(INTENT) for example in examples})
    true = np.array([labels.index(example.get(INTENT)) for example in examples])
    spans = _found_spans(data, examples, true, options["nlu.entities.CrfEntityExtractor"])
    uses_vectors = f"nlu.sentence_encoder.{SentenceEncoder.__name__}" in options
    intents = _found_intents(examples, spans, true, labels, uses_vectors=uses_vectors)
    hits = np.array([_hits(_spans(example), span)
                     for example, span in zip(examples, spans, strict=True)])  # fmt: skip

    generator = np.random.default_rng(SEED)
    size = len(examples)
    drawn = generator.multinomial(size, np.full(size, 1 / size), size=DRAWS).astype(float)
    once = np.ones(size)
    each = _f1_each(intents, once, len(labels))
    return {
        "examples": size,
        "folds": FOLDS,
        "repeats": {"intents": REPEATS, "entities": 1},
        "intent_accuracy": _interval([_accuracy(intents, weights) for weights in (once, *drawn)]),
        "intent_macro_f1": _interval(
            [float(_f1_each(intents, weights, len(labels)).mean()) for weights in (once, *drawn)]
        ),
        # Each text has one intent, so the micro-averaged F1 of intents is their accuracy.
        "entity_micro_f1": _interval([_f1(*(weights @ hits)) for weights in (once, *drawn)]),
        "intent_f1": {label: round(float(f1), 4) for label, f1 in zip(labels, each, strict=True)},
    }


def _distinct(data: TrainingData, config: Config) -> list[Message]:
    """The examples with their words in normal form, one for each form."""
    with TemporaryDirectory() as folder:
        normaliser = _trained(SmsNormaliser, config, data, Path(folder))
    normaliser.process(data.intent_examples)
    first: dict[str, Message] = {}
    for example in data.intent_examples:
        if normal_words(example):
            first.setdefault(normal_text(example), example)
    return list(first.values())


def _trained(kind: Any, config: Config, data: TrainingData, folder: Path) -> Any:
    storage, resource = LocalModelStorage(folder), Resource(kind.__name__)
    config = {**kind.get_default_config(), **config}
    kind.create(config, storage, resource, CONTEXT).train(data)
    return kind.load(config, storage, resource, CONTEXT)


def _folds(true: Numbers, repeat: int) -> list[tuple[Numbers, Numbers]]:
    split = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED + repeat)
    return list(split.split(true, true))


def _spans(example: Message) -> Spans:
    return [(one["start"], one["end"], one["entity"]) for one in example.get(ENTITIES) or []]


def _found_spans(
    data: TrainingData, examples: list[Message], true: Numbers, config: Config
) -> list[Spans]:
    """Entities of each example, by an extractor that has not seen it."""
    marked = {name for example in examples for _, _, name in _spans(example)}
    found: list[Spans] = [[] for _ in examples]
    for inside, outside in _folds(true, 0):
        seen = TrainingData(
            [examples[row] for row in inside],
            entity_synonyms=data.entity_synonyms,
            lookup_tables=data.lookup_tables,
        )
        with TemporaryDirectory() as folder:
            extractor = _trained(CrfEntityExtractor, config, seen, Path(folder))
        for row in outside:
            message = Message({TEXT: examples[row].get(TEXT)})
            extractor.process([message])
            # What is found by pattern is not marked in data/nlu.
            found[row] = [span for span in _spans(message) if span[2] in marked]
    return found


def _found_intents(
    examples: list[Message], spans: list[Spans], true: Numbers, labels: list[str], *,
    uses_vectors: bool,
) -> Intents:  # fmt: skip
    """Intents of each example in each repeat, by models that have not seen it."""
    words = [normal_words(example) for example in examples]
    taught = [count_ngrams((word, _spans(example)))
              for word, example in zip(words, examples, strict=True)]  # fmt: skip
    asked = [count_ngrams(text) for text in zip(words, spans, strict=True)]
    vectors = None
    if uses_vectors:
        vectors = np.array([shared_encoder().encode(normal_text(example)) for example in examples])
    answers = []
    for repeat in range(REPEATS):
        rows, margins, logits = [], [], []
        for inside, outside in _folds(true, repeat):
            vocabulary, weights, bias = fit_ngrams(
                [taught[row] for row in inside], true[inside], labels, SEED
            )
            rows.append(outside)
            margins.append(vocabulary.matrix([asked[row] for row in outside]) @ weights + bias)
            if vectors is not None:
                weights, bias = fit_vectors(vectors[inside], true[inside], len(labels), SEED)
                logits.append(vectors[outside] @ weights + bias)
        unseen = HeldOut(
            rows=np.concatenate(rows),
            folds=[len(part) for part in rows],
            margins=np.concatenate(margins),
            logits=np.concatenate(logits) if logits else None,
        )
        shares = fit_shares(unseen, true)
        total = shares[0] * unseen.margins
        if unseen.logits is not None:
            total = total + shares[1] * unseen.logits
        answers.append((unseen.rows, true[unseen.rows], total.argmax(axis=1)))
    return Intents(*(np.concatenate(part) for part in zip(*answers, strict=True)))


def _hits(marked: Spans, found: Spans) -> tuple[int, int, int]:
    """Entities that were found, found wrongly and not found; begin, end and name must agree."""
    right = len(set(marked) & set(found))
    return right, len(set(found)) - right, len(set(marked)) - right


def _f1(right: float, wrong: float, missed: float) -> float:
    return 2 * right / (2 * right + wrong + missed) if right else 0.0


def _accuracy(intents: Intents, weights: Counts) -> float:
    return float(np.average(intents.true == intents.found, weights=weights[intents.rows]))


def _f1_each(intents: Intents, weights: Counts, count: int) -> Counts:
    """F1 of each intent; an example counts as often as its weight says."""
    by = weights[intents.rows]
    right = np.bincount(intents.true, by * (intents.true == intents.found), count)
    both = np.bincount(intents.true, by, count) + np.bincount(intents.found, by, count)
    scores: Counts = 2 * right / np.maximum(both, 1e-9)
    return scores


def _interval(values: list[float]) -> dict[str, float]:
    """The first value, and the ends of the interval that holds 95 % of the others."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return {"value": round(values[0], 4), "low": round(low, 4), "high": round(high, 4)}


def main(results: Path) -> None:
    """Measure the project's examples, write the report and say the figures."""
    data = training_data_from_paths([str(path) for path in (ROOT / "data/nlu").glob("*.yml")], "en")
    pipeline = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
    report = measure(data, pipeline) | {"cpu_seconds": round(time.process_time())}
    results.mkdir(parents=True, exist_ok=True)
    (results / "cross_validation.json").write_text(json.dumps(report, indent=2) + "\n")
    for name in ("intent_accuracy", "intent_macro_f1", "entity_micro_f1"):
        figure = report[name]
        sys.stdout.write(f"{name}: {figure['value']} ({figure['low']} to {figure['high']})\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
