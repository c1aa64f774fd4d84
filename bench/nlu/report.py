"""The figures as tables that people read; the JSON holds all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.nlu.sets import LEVELS

ACCURACY = ("set", "pipeline", *LEVELS, "AUROC", "FPR@95TPR %")
COST = (
    "set", "pipeline", "train CPU s", "with imports", "peak MB", "load CPU s", "with imports",
    "CPU ms p50", "mean", "wall ms p50", "serving MB", "model MB",
    "load average",
)  # fmt: skip


def tables(report: Mapping[str, Any]) -> str:
    """Accuracy, cost and targets of a whole report, in Markdown."""
    rows = [
        (name, pipeline, figures)
        for name, pipelines in report["sets"].items()
        for pipeline, figures in pipelines.items()
    ]
    measured = [row for row in rows if "not_measured" not in row[2]]
    failed = [f"{name}, {one}: {figures['not_measured']}" for name, one, figures in rows
              if "not_measured" in figures]  # fmt: skip
    splits = sorted({f"{name}: {figures['split']}" for name, _, figures in measured})
    parts = [
        markdown(ACCURACY, [_accuracy(*row) for row in measured]),
        "Percent right and 95 % interval. Tested on:\n" + "\n".join(f"- {one}" for one in splits),
        markdown(COST, [_cost(*row) for row in measured]),
        target_table(report["targets"]),
        "\n".join(["Not measured:", *failed]) if failed else "",
    ]
    return "\n\n".join(part for part in parts if part)


def target_table(targets: Iterable[Mapping[str, Any]]) -> str:
    """Each target, its limit, what was measured, and whether it is met."""
    return markdown(
        ("target", "wanted", "measured", "met"),
        [
            (
                one["target"],
                f"at least {one['at_least']}" if "at_least" in one else f"at most {one['at_most']}",
                "-" if one["measured"] is None else one["measured"],
                "yes" if one["met"] else "no",
            )
            for one in targets
        ],
    )


def _accuracy(name: str, pipeline: str, figures: Mapping[str, Any]) -> list[Any]:
    levels = [figures["accuracy"][level] for level in LEVELS]
    scope = figures.get("out_of_scope", {})
    return [
        name,
        pipeline,
        *(f"{one['percent']} ({one['low']}-{one['high']})" for one in levels),
        scope.get("auroc", "-"),
        scope.get("fpr_at_95_tpr", "-"),
    ]


def _cost(name: str, pipeline: str, figures: Mapping[str, Any]) -> list[Any]:
    training, loading, text = figures["training"], figures["loading"], figures["text"]
    return [
        name,
        pipeline,
        training["cpu_s"],
        training["cpu_s_with_imports"],
        training["peak_mb"],
        loading["cpu_s"],
        loading["cpu_s_with_imports"],
        text["cpu_ms_p50"],
        text["cpu_ms_mean"],
        text["wall_ms_p50"],
        figures["serving_mb"],
        figures["model_mb"],
        figures["measured"]["load_average"],
    ]


def markdown(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
