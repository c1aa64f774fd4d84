"""The arithmetic of the benchmark of understanding, and what it trains on and tests with."""

from __future__ import annotations

import argparse
import json
import random

import pytest

from bench.nlu import intents, report
from bench.nlu.jobs import Job, Run
from bench.nlu.options import some
from bench.nlu.pipelines import Pipeline
from bench.nlu.scores import auroc, false_positive_rate, resampled, share, wilson
from bench.nlu.sets import (
    LEVELS,
    OUTSIDE,
    DataFolder,
    DataSet,
    folded,
    hold_out,
    sample_unseen,
)
from bench.nlu.targets import PROMISED, targets
from bench.nlu.worker import answer, family_cpu, timing
from cli.failure import Failure

PERTURB = """
def perturb(text, seed, level):
    return f"{text} {seed} {level}"
"""


@pytest.mark.parametrize(
    ("right", "count", "expected"),
    [(0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (50, 100, (0.4038, 0.5962))],
)
def test_wilson_is_the_score_interval(right, count, expected):
    assert wilson(right, count) == pytest.approx(expected, abs=1e-4)


def test_wilson_of_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing"):
        wilson(0, 0)


def test_share_is_in_percent():
    assert share([True, True, False, True]) == {"percent": 75.0, "low": 30.1, "high": 95.4}
    assert share([]) == {"percent": None, "low": None, "high": None}


@pytest.mark.parametrize(
    ("inside", "outside", "expected"),
    [
        ([3.0, 2.0], [1.0, 0.0], 1.0),
        ([0.0], [1.0], 0.0),
        ([1.0, 1.0], [1.0], 0.5),
        ([1.0, 3.0], [2.0, 0.0], 0.75),
    ],
)
def test_auroc_counts_pairs_and_half_of_the_ties(inside, outside, expected):
    assert auroc(inside, outside) == expected


def test_auroc_is_that_of_the_library():
    from sklearn.metrics import roc_auc_score

    draw = random.Random(3)
    inside = [round(draw.gauss(1, 1), 1) for _ in range(200)]
    outside = [round(draw.gauss(0, 1), 1) for _ in range(90)]
    expected = roc_auc_score([1] * 200 + [0] * 90, inside + outside)
    assert auroc(inside, outside) == pytest.approx(expected)


def test_false_positives_are_those_at_the_threshold_that_accepts_95_percent():
    inside = [float(score) for score in range(1, 101)]  # 6 and more accepts 95 of 100
    assert false_positive_rate(inside, [5.9, 6.0, 7.0, 0.0]) == 0.5
    assert false_positive_rate([1.0] * 10, [1.0, 0.5]) == 0.5
    assert false_positive_rate([1.0], [0.0]) == 0.0


@pytest.mark.parametrize("measure", [auroc, false_positive_rate])
@pytest.mark.parametrize(("inside", "outside"), [([], [1.0]), ([1.0], [])])
def test_one_sided_scores_are_refused(measure, inside, outside):
    with pytest.raises(ValueError, match="needed"):
        measure(inside, outside)


def test_a_bootstrap_interval_holds_the_value_and_repeats():
    draw = random.Random(5)
    inside = [draw.gauss(1, 1) for _ in range(150)]
    outside = [draw.gauss(0, 1) for _ in range(150)]
    low, high = resampled(auroc, inside, outside)
    assert low < auroc(inside, outside) < high
    assert resampled(auroc, inside, outside) == [low, high]


def test_held_out_rows_are_of_every_label_and_not_trained_on():
    rows = [(f"text {number} of {label}", label) for label in "ab" for number in range(20)]
    rows.append((rows[0][0].upper() + "!", "a"))  # the same words
    train, test = hold_out(rows, 0.1, 1)
    assert sorted(label for _, label in test) == ["a", "a", "b", "b"]
    assert not {folded(text) for text, _ in train} & {folded(text) for text, _ in test}
    assert hold_out(rows, 0.1, 1) == (train, test)


def test_a_sample_leaves_out_what_was_trained_on_in_other_letters():
    pool = [("Where is my card?", "card"), ("Top up", "top"), ("It is lost", "lost")]
    sample = sample_unseen(pool, [("where is my card", "card")], 10, 1)
    assert sorted(sample) == [("It is lost", "lost"), ("Top up", "top")]


def write_data(folder, name, **content):
    folder.mkdir(exist_ok=True)
    (folder / "perturb.py").write_text(PERTURB)
    (folder / f"{name}.json").write_text(json.dumps(content))


def test_a_set_with_a_test_split_uses_it(tmp_path):
    write_data(tmp_path / "nlu", "hwu64", train=[["a", "x"]], train_10=[["a", "x"]],
               test=[["b", "y"]])  # fmt: skip
    data = DataFolder(tmp_path).set("hwu64-10")
    assert (data.train, data.test, data.split) == (
        [("a", "x")],
        [("b", "y")],
        "published test split",
    )
    assert data.outside == []


def test_a_set_without_a_test_split_tests_with_training_rows_it_did_not_see(tmp_path):
    rows = [[f"row {number}", "x" if number % 2 else "y"] for number in range(40)]
    write_data(tmp_path, "banking77", train=rows, train_10=rows[:10])
    folder = DataFolder(tmp_path)
    few, full = folder.set("banking77-10"), folder.set("banking77-full")
    assert len(few.test) == 30
    assert "not in train_10" in few.split
    assert not set(few.train) & set(few.test)
    assert (len(full.train), len(full.test)) == (36, 4)
    assert "kept out" in full.split


def test_texts_are_damaged_by_the_data_folder(tmp_path):
    write_data(tmp_path, "hwu64")
    assert DataFolder(tmp_path).perturber()("hi", "sms") == "hi 1 sms"


def test_absent_data_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("LINNET_DATA", raising=False)
    with pytest.raises(Failure, match="--data"):
        DataFolder(None)
    with pytest.raises(Failure, match=r"perturb\.py"):
        DataFolder(tmp_path)
    write_data(tmp_path, "hwu64")
    with pytest.raises(Failure, match=r"clinc150\.json is not there"):
        DataFolder(tmp_path).set("clinc150-10")


def test_a_quick_set_is_spread_over_all_texts():
    data = DataSet("x", [], [(str(number), "a") for number in range(300)], ["o"] * 50, "all")
    quick = data.sampled(100)
    assert [text for text, _ in quick.test[:3]] == ["0", "3", "6"]
    assert len(quick.outside) == 50


def test_the_best_trained_intent_is_scored_and_the_given_one_kept():
    parsed = {
        "intent": {"name": "nlu_fallback", "confidence": 0.4},
        "intent_ranking": [
            {"name": "nlu_fallback", "confidence": 0.4},
            {"name": "book", "confidence": 0.3},
        ],
        "entities": [{"start": 0, "end": 2, "entity": "time", "value": "x"}],
    }
    assert answer(parsed, {"book"}) == {
        "intent": "book",
        "given": "nlu_fallback",
        "score": 0.3,
        "entities": [[0, 2, "time"]],
    }
    assert answer(parsed | {"scope": {"score": -1.5}}, {"book"})["score"] == -1.5


def test_an_answer_without_ranking_keeps_the_intent():
    assert answer({"intent": {"name": None}}, {"book"}) == {
        "intent": None,
        "given": None,
        "score": 0.0,
        "entities": [],
    }


def test_timing_is_in_milliseconds():
    assert timing([0.001, 0.003, 0.002], [0.002, 0.002, 0.005], 0.03) == {
        "cpu_ms_p50": 2.0,
        "cpu_ms_mean": 2.0,
        "children_cpu_ms_mean": 10.0,
        "wall_ms_p50": 2.0,
        "wall_ms_mean": 3.0,
    }


def test_processor_time_grows_with_work():
    before = family_cpu()
    sum(number * number for number in range(200_000))
    assert family_cpu() > before


def pipeline(**options):
    components = [{"name": "x", **options}]
    return Pipeline("ours", "about", components, "direct", "code", lambda: "python")


def test_a_result_is_kept_for_one_pipeline_and_one_data_set():
    run = Run([{"text": "a", "intent": "x", "entities": []}], {"clean": ["b"]})
    job = Job("t", pipeline(), [run])
    assert job.fingerprint() == Job("t", pipeline(), [run]).fingerprint()
    assert job.fingerprint() != Job("t", pipeline(epochs=1), [run]).fingerprint()
    assert job.fingerprint() != Job("t", pipeline(), [run, run]).fingerprint()


MEASURED = {
    "at": "2026-01-01T00:00:00+00:00",
    "load_average": 0.1,
    "kept": False,
    "train": {
        "import_cpu_s": 5.0,
        "peak_mb": 400.0,
        "runs": [{"cpu_s": 3.0, "wall_s": 4.0, "model_mb": 2.0}],
    },
    "serve": {
        "import_cpu_s": 6.0,
        "serving_mb": 300.0,
        "peak_mb": 320.0,
        "runs": [
            {
                "load_cpu_s": 1.0,
                "answers": {
                    **{
                        level: [{"intent": "x", "given": "x", "score": 0.9}] * 2 for level in LEVELS
                    },
                    OUTSIDE: [{"intent": "x", "given": "nlu_fallback", "score": 0.2}],
                },
                **timing([0.004], [0.005], 0.0),
            }
        ],
    },
}


def test_figures_tables_and_targets_of_a_run():
    data = DataSet("clinc150-50", [("t", "x")], [("a", "x"), ("b", "y")], ["o"], "all of it")
    job = intents.job(pipeline(), data, lambda text, level: f"{text}-{level}")
    assert job.runs[0].texts["typo"] == ["a-typo", "b-typo"]
    assert job.runs[0].texts[OUTSIDE] == ["o"]
    figures = intents.score(data, MEASURED)
    assert figures["accuracy"]["clean"]["percent"] == 50.0
    assert figures["training"]["cpu_s_with_imports"] == 8.0
    assert figures["loading"]["cpu_s_with_imports"] == 7.0
    assert figures["out_of_scope"]["auroc"] == 1.0
    assert figures["out_of_scope"]["fpr_at_95_tpr"] == 0.0
    sets = {"clinc150-50": {"ours": figures, "lr": {"not_measured": "it broke"}}}
    kept = {one["target"]: one["met"] for one in targets(sets)}
    assert kept["CLINC150 out-of-scope AUROC"]
    assert kept["CLINC150 FPR@95TPR, %"]
    assert not kept["HWU64 10-shot, clean, %"]  # nobody measured it
    told = report.tables({"sets": sets, "targets": targets(sets)})
    assert "| clinc150-50 | ours | 50.0 (" in told
    assert "it broke" in told
    assert "all of it" in told


def test_each_promise_is_a_target():
    assert [one["target"] for one in targets({})] == [name for name, *_ in PROMISED]
    assert not any(one["met"] for one in targets({}))


def test_an_unknown_name_is_told_with_those_that_there_are():
    read = some(("ours", "lr"))
    assert read("lr,ours") == ["lr", "ours"]
    with pytest.raises(argparse.ArgumentTypeError, match="bert unknown; there are ours, lr"):
        read("ours,bert")
