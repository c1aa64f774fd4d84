"""The arithmetic of the benchmark of entities, and its folds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.entities.__main__ import without_business
from bench.entities.data import Tagged, folds, own, snips, spans
from bench.entities.figures import score, table
from bench.nlu.jobs import Run
from bench.nlu.scores import count_spans, f1, f1_figures
from bench.nlu.sets import DataFolder
from bench.nlu.worker import timing


def example(text, intent="i", *entities):
    rows = [
        {"start": start, "end": end, "value": text[start:end], "entity": name}
        for start, end, name in entities
    ]
    return {"text": text, "intent": intent, "entities": rows}


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        ([], [], (0, 0, 0)),
        ([(0, 2, "a")], [(0, 2, "a")], (1, 0, 0)),
        ([(0, 2, "b")], [(0, 2, "a")], (0, 1, 1)),
        ([(0, 3, "a")], [(0, 2, "a"), (4, 5, "a")], (0, 1, 2)),
    ],
)
def test_a_span_counts_whole_and_with_its_name(found, wanted, expected):
    assert count_spans(found, wanted) == expected


def test_f1_is_over_all_texts():
    assert f1([(1, 0, 1), (1, 2, 0)]) == pytest.approx(4 / 7)
    assert f1([]) == 0.0
    figures = f1_figures([(1, 0, 1), (1, 2, 0)] * 30)
    assert (figures["f1"], figures["precision"], figures["recall"]) == (57.1, 50.0, 66.7)
    assert figures["low"] < 57.1 < figures["high"]
    assert f1_figures([(0, 0, 0)])["f1"] == 0.0


def test_every_text_is_tested_once_and_intents_are_spread():
    examples = [example(f"{intent}{n}", intent) for intent in "ab" for n in range(10)]
    pairs = folds(examples, 5, 1)
    tested = [one["text"] for _, test in pairs for one in test]
    assert sorted(tested) == sorted(one["text"] for one in examples)
    for train, test in pairs:
        assert [one["intent"] for one in test].count("a") == 2
        assert not {one["text"] for one in train} & {one["text"] for one in test}
    assert folds(examples, 5, 1) == pairs


def test_snips_rows_become_examples(tmp_path):
    (tmp_path / "perturb.py").write_text("")
    row = {"text": "play jazz", "intent": "Play", "entities": [[5, 9, "genre"]]}
    rows = {"train": [row] * 3, "test": [row] * 4}
    (tmp_path / "snips_slots500.json").write_text(json.dumps(rows))
    data = snips(DataFolder(tmp_path), 2, most=1)
    assert data.runs[0].examples == [example("play jazz", "Play", (5, 9, "genre"))] * 2
    assert data.runs[0].texts == {"clean": ["play jazz"]}
    assert data.wanted == [[[(5, 9, "genre")]]]


def test_the_projects_own_texts_come_with_their_synonyms():
    data = own(Path("data/nlu"))
    assert len(data.runs) == 5
    names = {name for run in data.wanted for text in run for _, _, name in text}
    assert {"service", "location", "person"} <= names
    for run in data.runs:
        assert run.synonyms == data.runs[0].synonyms != {}
        written = {
            (one["text"][entity["start"] : entity["end"]] != "", entity["entity"] in names)
            for one in run.examples
            for entity in one["entities"]
        }
        assert written == {(True, True)}


def test_what_is_of_the_business_is_left_out_for_other_data():
    components = [{"name": "x", "catalogue": {"a": ["b"]}, "patterns": {}, "similarity": 80}]
    assert without_business(components) == [{"name": "x", "similarity": 80}]


def test_found_entities_without_annotations_do_not_count():
    text = example("eye exam HEC-12AB", "i", (0, 8, "service"))
    run = Run([text], {"clean": [text["text"]]})
    data = Tagged("own", "the whole", [run], [[spans(text)]])
    answers = {"clean": [{"entities": [[0, 8, "service"], [9, 17, "reference"]]}]}
    measured = {
        "at": "now",
        "load_average": 0.0,
        "kept": True,
        "train": {
            "import_cpu_s": 1.0,
            "peak_mb": 2.0,
            "runs": [{"cpu_s": 3.0, "wall_s": 3.0, "model_mb": 1.0}],
        },
        "serve": {
            "import_cpu_s": 1.0,
            "serving_mb": 2.0,
            "runs": [{"answers": answers, "load_cpu_s": 0.1, **timing([0.001], [0.001], 0.0)}],
        },
    }
    figures = score(data, measured)
    assert (figures["f1"], figures["precision"], figures["tested_on"]) == (100.0, 100.0, 1)
    assert figures["by_entity"]["service"]["f1"] == 100.0
    told = table({"data": {"own": {"ours": figures, "diet": {"not_measured": "no uv"}}}})
    assert "| own | ours | 100.0 (100.0-100.0) |" in told
    assert "- own, diet: no uv" in told
