"""The pipelines that are compared, and the environment that each runs in."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from bench.turns.stock import CONFIG as STOCK_CONFIG
from bench.turns.stock import REQUIREMENTS, StockEnvironment

Component = dict[str, Any]
READ = {".py", ".yml", ".json", ".txt"}
OURS, DIET, LR = "ours", "diet", "lr"


@dataclass(frozen=True)
class Pipeline:
    """A pipeline.

    Attributes:
        name: as in the report.
        about: what it is, in words.
        components: as config.yml lists them.
        runner: of the graph while serving: ``direct`` is this project's, ``dask`` is Rasa's.
        code: fingerprint of whatever else its results depend on.
        python: gives the interpreter of its environment, made first if need be.
        worker: module that trains and serves it.
    """

    name: str
    about: str
    components: list[Component]
    runner: str
    code: str
    python: Callable[[], str]
    worker: str = "bench.nlu.worker"

    def fingerprint(self) -> str:
        """Changes when its results may."""
        return _hash(json.dumps([self.components, self.runner], sort_keys=True), self.code)


def ours(root: Path, components: list[Component] | None = None) -> Pipeline:
    """The pipeline of the project's config.yml, or some components of it.

    Args:
        root: of the project.
        components: instead of all.
    """
    files = sorted(path for path in (root / "nlu").rglob("*") if path.is_file())
    code = [path.read_text(encoding="utf-8") for path in files if path.suffix in READ]
    return Pipeline(
        OURS,
        "the pipeline of config.yml as it stands, served as in production (TurnProcessor)",
        components or read_pipeline(root / "config.yml"),
        "direct",
        _hash(*code, (root / "uv.lock").read_text(encoding="utf-8")),
        lambda: sys.executable,
    )


def diet(environment: StockEnvironment) -> Pipeline:
    """What `rasa init` gives: DIET with 100 epochs."""
    return _stock(environment, DIET, "what Rasa 3.6.21 suggests", read_pipeline(STOCK_CONFIG))


def logistic_regression(environment: StockEnvironment) -> Pipeline:
    """Rasa's LogisticRegressionClassifier on the features that DIET gets."""
    stock = read_pipeline(STOCK_CONFIG)
    before = next(index for index, one in enumerate(stock) if one["name"] == "DIETClassifier")
    return _stock(
        environment,
        LR,
        "LogisticRegressionClassifier with DIET's featurizers",
        [*stock[:before], {"name": "LogisticRegressionClassifier"}],
    )


def _stock(
    environment: StockEnvironment, name: str, about: str, components: list[Component]
) -> Pipeline:
    def python() -> str:
        environment.ensure()
        return environment.program("python")

    code = _hash(REQUIREMENTS.read_text(encoding="utf-8"))
    return Pipeline(name, f"{about}, served by Rasa", components, "dask", code, python)


def read_pipeline(config: Path) -> list[Component]:
    """The components that a config.yml lists."""
    components: list[Component] = yaml.safe_load(config.read_text(encoding="utf-8"))["pipeline"]
    return components


def all_pipelines(root: Path, folder: Path, console: Console) -> dict[str, Pipeline]:
    """Every pipeline by its name.

    Args:
        root: of the project.
        folder: of the benchmarks' state.
        console: shows what takes long.
    """
    environment = StockEnvironment(folder, console)
    found = (ours(root), diet(environment), logistic_regression(environment))
    return {pipeline.name: pipeline for pipeline in found}


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
