"""Intents: the job for a data set, and the scores of what a pipeline answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.nlu.jobs import Job, Run
from bench.nlu.pipelines import Pipeline
from bench.nlu.scores import auroc, false_positive_rate, resampled, share
from bench.nlu.sets import LEVELS, OUTSIDE, DataSet


def job(pipeline: Pipeline, data: DataSet, perturb: Callable[[str, str], str]) -> Job:
    """The job that measures a pipeline on a data set at every level.

    Args:
        pipeline: what is measured.
        data: what on.
        perturb: damages a text at a level.
    """
    texts = {level: [perturb(text, level) for text, _ in data.test] for level in LEVELS}
    if data.outside:
        texts[OUTSIDE] = data.outside
    examples = [{"text": text, "intent": label, "entities": []} for text, label in data.train]
    return Job(f"{pipeline.name}-{data.name}", pipeline, [Run(examples, texts)])


def score(data: DataSet, measured: dict[str, Any]) -> dict[str, Any]:
    """The figures of one pipeline on one data set.

    Accuracy counts the best trained intent, also where the pipeline would have asked again;
    ``as_acted_on`` counts such a text as wrong.

    Args:
        data: the set.
        measured: what the worker wrote.
    """
    train, serve = measured["train"], measured["serve"]
    trained, served = train["runs"][0], serve["runs"][0]
    answers, wanted = served["answers"], [label for _, label in data.test]
    accuracy, acted = {}, {}
    for level in LEVELS:
        accuracy[level] = share(
            [one["intent"] == want for one, want in zip(answers[level], wanted, strict=True)]
        )
        acted[level] = share(
            [one["given"] == want for one, want in zip(answers[level], wanted, strict=True)]
        )
    figures = {
        "split": data.split,
        "trained_on": len(data.train),
        "tested_on": len(data.test),
        "accuracy": accuracy,
        "as_acted_on": acted,
        "training": {
            "cpu_s": trained["cpu_s"],
            "cpu_s_with_imports": round(trained["cpu_s"] + train["import_cpu_s"], 2),
            "wall_s": trained["wall_s"],
            "peak_mb": train["peak_mb"],
        },
        "loading": {
            "import_cpu_s": serve["import_cpu_s"],
            "cpu_s": served["load_cpu_s"],
            "cpu_s_with_imports": round(served["load_cpu_s"] + serve["import_cpu_s"], 2),
        },
        "text": {
            name: served[name]
            for name in (
                "cpu_ms_p50", "cpu_ms_mean", "children_cpu_ms_mean", "wall_ms_p50", "wall_ms_mean",
            )
        },
        "serving_mb": serve["serving_mb"],
        "model_mb": trained["model_mb"],
        "measured": {
            "at": measured["at"],
            "load_average": measured["load_average"],
            "kept": measured["kept"],
        },
    }  # fmt: skip
    if data.outside:
        inside = [one["score"] for one in answers["clean"]]
        outside = [one["score"] for one in answers[OUTSIDE]]
        figures["out_of_scope"] = out_of_scope(inside, outside)
    return figures


def out_of_scope(inside: list[float], outside: list[float]) -> dict[str, Any]:
    """How well a score tells texts in scope (higher) from others."""
    return {
        "texts": len(outside),
        "auroc": round(auroc(inside, outside), 4),
        "auroc_interval": resampled(auroc, inside, outside),
        "fpr_at_95_tpr": round(100 * false_positive_rate(inside, outside), 1),
        "fpr_interval": resampled(false_positive_rate, inside, outside, scale=100),
    }
