"""The figures of a model that finds entities, and their table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from bench.entities.data import LEVEL, Tagged
from bench.nlu.report import markdown
from bench.nlu.scores import Counts, Span, count_spans, f1_figures

HEAD = (
    "data", "model", "F1 (95 % interval)", "precision", "recall", "train CPU s", "peak MB",
    "load CPU s", "CPU ms p50", "mean", "serving MB", "model MB",
    "load average",
)  # fmt: skip


def score(data: Tagged, measured: Mapping[str, Any]) -> dict[str, Any]:
    """Micro-F1 of spans that agree in start, end and name, and what it took a model.

    Found entities whose name is nowhere annotated (those found by pattern) do not count.

    Args:
        data: what was tested.
        measured: what the worker wrote; of several models means are given.
    """
    train, serve = measured["train"], measured["serve"]
    found = [
        [[(start, end, name) for start, end, name in one["entities"]] for one in texts]
        for texts in (run["answers"][LEVEL] for run in serve["runs"])
    ]
    names = {
        entity["entity"]
        for run in data.runs
        for example in run.examples
        for entity in example["entities"]
    }
    pairs = [
        ([span for span in given if span[2] in names], gold)
        for answers, wanted in zip(found, data.wanted, strict=True)
        for given, gold in zip(answers, wanted, strict=True)
    ]
    return {
        "split": data.split,
        "models": len(data.runs),
        "trained_on": [len(run.examples) for run in data.runs],
        "tested_on": len(pairs),
        **f1_figures([count_spans(given, gold) for given, gold in pairs]),
        "by_entity": {name: f1_figures(_of(name, pairs)) for name in sorted(names)},
        "training_cpu_s": _mean(train["runs"], "cpu_s"),
        "training_import_cpu_s": round(train["import_cpu_s"], 2),
        "training_peak_mb": train["peak_mb"],
        "load_cpu_s": _mean(serve["runs"], "load_cpu_s"),
        "load_import_cpu_s": round(serve["import_cpu_s"], 2),
        "cpu_ms_p50": _mean(serve["runs"], "cpu_ms_p50"),
        "cpu_ms_mean": _mean(serve["runs"], "cpu_ms_mean"),
        "wall_ms_p50": _mean(serve["runs"], "wall_ms_p50"),
        "serving_mb": serve["serving_mb"],
        "model_mb": _mean(train["runs"], "model_mb"),
        "measured": {name: measured[name] for name in ("at", "load_average", "kept")},
    }


def _of(name: str, pairs: list[tuple[list[Span], list[Span]]]) -> list[Counts]:
    return [
        count_spans(
            [span for span in given if span[2] == name], [span for span in gold if span[2] == name]
        )
        for given, gold in pairs
    ]


def _mean(runs: list[dict[str, Any]], what: str) -> float:
    return round(statistics.fmean(run[what] for run in runs), 2)


def table(report: Mapping[str, Any]) -> str:
    """All figures in Markdown."""
    rows = [
        (
            name,
            model,
            f"{one['f1']} ({one['low']}-{one['high']})",
            one["precision"],
            one["recall"],
            one["training_cpu_s"],
            one["training_peak_mb"],
            one["load_cpu_s"],
            one["cpu_ms_p50"],
            one["cpu_ms_mean"],
            one["serving_mb"],
            one["model_mb"],
            one["measured"]["load_average"],
        )
        for name, models in report["data"].items()
        for model, one in models.items()
        if "not_measured" not in one
    ]
    splits = [
        f"- {name}: {split}"
        for name, split in {
            name: one["split"]
            for name, models in report["data"].items()
            for one in models.values()
            if "split" in one
        }.items()
    ]
    failed = [
        f"- {name}, {model}: {one['not_measured']}"
        for name, models in report["data"].items()
        for model, one in models.items()
        if "not_measured" in one
    ]
    told = [markdown(HEAD, rows), "Imports apart. Tested on:\n" + "\n".join(splits)]
    if failed:
        told.append("\n".join(["Not measured:", *failed]))
    return "\n\n".join(told)
