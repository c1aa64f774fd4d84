"""Trains or serves spaCy's entity recogniser, blank at the start, in a process of its own.

python -m bench.entities.spacy_worker train|serve JOB

The job and what is written are those of :mod:`bench.nlu.worker`.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed  # type: ignore[attr-defined]

from bench.nlu.worker import (
    done,
    family_cpu,
    family_mb,
    peak_mb,
    progress,
    timing,
)

DROPOUT = 0.1
BATCH = 4
SEED = 1


def train(job: dict[str, Any]) -> dict[str, Any]:
    """Train a model for each run of the job."""
    nothing = spacy.blank("en")
    nothing.add_pipe("ner")
    imported, runs = family_cpu(), []
    for run in job["runs"]:
        data = json.loads(Path(run["data"]).read_text(encoding="utf-8"))
        began, wall = family_cpu(), time.perf_counter()
        nlp = _train(data["rasa_nlu_data"]["common_examples"], job["pipeline"][0]["epochs"])
        spent, took = family_cpu() - began, time.perf_counter() - wall
        model = Path(job["models"]) / run["name"]
        model.mkdir(parents=True)
        nlp.to_disk(model)
        size = sum(file.stat().st_size for file in model.rglob("*") if file.is_file())
        runs.append({"cpu_s": spent, "wall_s": took, "model_mb": round(size / 1e6, 2)})
    return {"import_cpu_s": imported, "peak_mb": peak_mb(), "runs": runs}


def _train(rows: list[dict[str, Any]], epochs: int) -> Language:
    fix_random_seed(SEED)
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    examples = []
    for row in rows:
        doc = nlp.make_doc(row["text"])
        entities = [(one["start"], one["end"], one["entity"]) for one in row["entities"]]
        found = [doc.char_span(*entity, alignment_mode="expand") for entity in entities]
        doc_entities = [(span.start_char, span.end_char, span.label_) for span in found if span]
        examples.append(Example.from_dict(doc, {"entities": doc_entities}))
    optimizer = nlp.initialize(lambda: examples)
    generator = random.Random(SEED)  # noqa: S311
    for epoch in range(epochs):
        progress(f"epoch {epoch + 1}/{epochs}")
        generator.shuffle(examples)
        for start in range(0, len(examples), BATCH):
            nlp.update(examples[start : start + BATCH], drop=DROPOUT, sgd=optimizer)
    return nlp


def serve(job: dict[str, Any]) -> dict[str, Any]:
    """Load the model of each run and find the entities of its texts, one at a time."""
    imported, runs = family_cpu(), []
    for run in job["runs"]:
        began, wall = family_cpu(), time.perf_counter()
        nlp = spacy.load(Path(job["models"]) / run["name"])
        nlp("hello there")
        loaded: dict[str, Any] = {
            "load_cpu_s": family_cpu() - began,
            "load_wall_s": time.perf_counter() - wall,
        }
        answers: dict[str, list[dict[str, Any]]] = {}
        own: list[float] = []
        walls: list[float] = []
        for level, texts in run["texts"].items():
            answers[level] = []
            for text in texts:
                cpu, wall = time.process_time(), time.perf_counter()
                doc = nlp(text)
                own.append(time.process_time() - cpu)
                walls.append(time.perf_counter() - wall)
                entities = [[one.start_char, one.end_char, one.label_] for one in doc.ents]
                answers[level].append({"entities": entities})
        runs.append(loaded | {"answers": answers} | timing(own, walls, 0.0))
    return {
        "import_cpu_s": imported,
        "serving_mb": family_mb(),
        "peak_mb": peak_mb(),
        "runs": runs,
    }


if __name__ == "__main__":
    sys.exit(done(train, serve))
