"""Judges what ``rasa test`` wrote: exit code 1 if the model is not good enough.

``rasa test`` itself ends with 0 whatever it finds. This reads its reports, compares them with
``tests/thresholds.yml``, and writes ``summary.md`` beside them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

THRESHOLDS = Path(__file__).with_name("thresholds.yml")
AVERAGES = frozenset({"accuracy", "macro avg", "weighted avg", "micro avg"})


def read(path: Path) -> dict[str, Any]:
    """A report of Rasa's.

    Raises:
        SystemExit: it was not written.
    """
    try:
        report: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        sys.exit(f"{path} was not written: `rasa test` did not get that far")
    return report


def intent_faults(report: dict[str, Any], limits: dict[str, float]) -> Iterator[str]:
    """Why the intents are not good enough."""
    accuracy = report.get("accuracy") or report["micro avg"]["f1-score"]
    if accuracy < limits["accuracy"]:
        yield f"intents: accuracy {accuracy:.3f} is below {limits['accuracy']}"
    for name, scores in report.items():
        if name not in AVERAGES and scores["f1-score"] < limits["f1_each"]:
            confused = ", ".join(f"{other} ({n})" for other, n in scores["confused_with"].items())
            yield (
                f"intent {name}: f1 {scores['f1-score']:.3f} is below {limits['f1_each']}; "
                f"confused with {confused or 'nothing'}"
            )


def entity_faults(reports: list[dict[str, Any]], limits: dict[str, float]) -> Iterator[str]:
    """Why the entities are not good enough.

    Rasa charges each extractor with the entities of all others, so each entity counts as the
    extractor that finds it best.

    Args:
        reports: one of each extractor.
        limits: for entities.
    """
    best: dict[str, tuple[float, float]] = {}
    for report in reports:
        for name, scores in report.items():
            if name not in AVERAGES:
                found = (float(scores["f1-score"]), float(scores["support"]))
                best[name] = max(found, best.get(name, (0.0, 0.0)))
    texts = sum(support for _, support in best.values())
    f1 = sum(score * support for score, support in best.values()) / texts if texts else 1.0
    if f1 < limits["f1"]:
        yield f"entities: f1 {f1:.3f} is below {limits['f1']}"


def story_faults(report: dict[str, Any], limits: dict[str, int], failed: Path) -> Iterator[str]:
    """Why the conversations are not good enough."""
    wrong = report["conversation_accuracy"]["total"] - report["conversation_accuracy"]["correct"]
    if wrong > limits["wrong"]:
        yield f"stories: {wrong} go another way than they are written (see {failed})"


def main(results: Path) -> int:
    """Judge the reports in a folder; 0 if the model is good enough."""
    limits = yaml.safe_load(THRESHOLDS.read_text())
    intents = read(results / "nlu" / "intent_report.json")
    stories = read(results / "core" / "story_report.json")
    faults = [
        *intent_faults(intents, limits["intents"]),
        *story_faults(stories, limits["stories"], results / "core" / "failed_test_stories.yml"),
    ]
    entities = [
        read(path)
        for path in sorted((results / "nlu").glob("*_report.json"))
        if path.name not in {"intent_report.json", "response_selection_report.json"}
    ]
    faults += entity_faults(entities, limits["entities"])
    summary = list(describe(intents, stories, faults))
    (results / "summary.md").write_text("\n".join(summary) + "\n")
    sys.stdout.write("\n".join(summary) + "\n")
    return 1 if faults else 0


def describe(intents: dict[str, Any], stories: dict[str, Any], faults: list[str]) -> Iterator[str]:
    """The summary, in Markdown."""
    yield "## The model is good enough" if not faults else "## The model is not good enough"
    yield ""
    yield from (f"- {fault}" for fault in faults)
    counts = stories["conversation_accuracy"]
    yield f"- stories as written: {counts['correct']} of {counts['total']}"
    yield ""
    yield "| intent | f1 | texts | confused with |"
    yield "|---|---|---|---|"
    for name, scores in sorted(intents.items()):
        if name in AVERAGES:
            continue
        confused = ", ".join(f"{other} ({n})" for other, n in scores["confused_with"].items())
        yield f"| {name} | {scores['f1-score']:.3f} | {scores['support']:.0f} | {confused} |"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
