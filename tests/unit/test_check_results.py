"""A model that is not good enough fails the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.check_results import main


def scores(f1: float, **confused: int) -> dict[str, Any]:
    return {"f1-score": f1, "support": 10.0, "confused_with": confused}


def write(folder: Path, *, accuracy: float, greet: float, entities: float, wrong: int) -> Path:
    intents = {"greet": scores(greet, thanks=3), "thanks": scores(1.0), "accuracy": accuracy}
    reports = {
        "nlu/intent_report.json": intents,
        # Each extractor is charged with what the other one finds.
        "nlu/CrfEntityExtractor_report.json": {
            "service": scores(entities),
            "reference": scores(0.0),
            "micro avg": scores(0.5),
        },
        "nlu/PatternEntityExtractor_report.json": {
            "service": scores(0.0),
            "reference": scores(entities),
            "micro avg": scores(0.1),
        },
        "core/story_report.json": {"conversation_accuracy": {"correct": 5 - wrong, "total": 5}},
    }
    for name, report in reports.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(report))
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"accuracy": 0.5}, "intents: accuracy 0.500 is below"),
        ({"greet": 0.3}, "intent greet: f1 0.300 is below 0.75; confused with thanks (3)"),
        ({"entities": 0.2}, "entities: f1 0.200 is below"),
        ({"wrong": 1}, "stories: 1 go another way than they are written"),
    ],
)
def test_verdict(tmp_path: Path, change: dict[str, Any], said: str | None) -> None:
    good = {"accuracy": 0.98, "greet": 0.95, "entities": 0.97, "wrong": 0}
    results = write(tmp_path, **{**good, **change})
    assert main(results) == (1 if said else 0)
    assert (said or "The model is good enough") in (results / "summary.md").read_text()


def test_missing_report_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"intent_report\.json was not written"):
        main(tmp_path)
