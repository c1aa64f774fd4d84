"""Runs a pipeline on examples and texts in processes of its own, and keeps the results."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from bench.nlu.pipelines import Pipeline
from cli.failure import Failure
from cli.supervisor import last_words

MEASUREMENT = 1
"""Goes up when the worker measures something else than before: kept results are then void."""

SINGLE = {
    # One thread a library, so that processor time is that of the work.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_INTRA_OP_PARALLELISM_THREADS": "1",
    "TF_INTER_OP_PARALLELISM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "RASA_TELEMETRY_ENABLED": "false",
    # Rasa would take a component's earlier training from its cache.
    "RASA_MAX_CACHE_SIZE": "0",
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True)
class Run:
    """One model to train, and the texts for it.

    Attributes:
        examples: in Rasa's JSON: ``text``, ``intent`` and ``entities`` with character offsets.
        texts: by level.
        synonyms: written forms by their value.
        lookups: tables of words as Rasa's JSON has them: ``name`` and ``elements``.
    """

    examples: list[dict[str, Any]]
    texts: dict[str, list[str]]
    synonyms: dict[str, list[str]] = field(default_factory=dict)
    lookups: list[dict[str, Any]] = field(default_factory=list)

    def training_data(self) -> dict[str, Any]:
        """As Rasa reads it."""
        synonyms = [{"value": value, "synonyms": forms} for value, forms in self.synonyms.items()]
        data: dict[str, Any] = {"common_examples": self.examples, "entity_synonyms": synonyms}
        if self.lookups:
            data["lookup_tables"] = self.lookups
        return {"rasa_nlu_data": data}


@dataclass(frozen=True)
class Job:
    """A pipeline and what it is run on."""

    title: str
    pipeline: Pipeline
    runs: list[Run]

    def fingerprint(self) -> str:
        """Changes when its results may."""
        content = [[run.training_data(), run.texts] for run in self.runs]
        written = json.dumps([MEASUREMENT, self.pipeline.fingerprint(), content], sort_keys=True)
        return hashlib.sha256(written.encode()).hexdigest()[:16]


class Bench:
    """Does jobs, one at a time.

    Args:
        root: of the project; the workers run there.
        folder: of the benchmark's state.
        console: shows progress.
        fresh: measure again what was measured before.
    """

    def __init__(self, root: Path, folder: Path, console: Console, *, fresh: bool) -> None:
        self._root = root
        self._folder = folder
        self._console = console
        self._fresh = fresh

    def do(self, job: Job) -> dict[str, Any]:
        """What was measured: ``train`` and ``serve`` as the worker writes them.

        Raises:
            Failure: a process ended badly; its words are in the message.
        """
        kept = self._folder / f"{job.title}-{job.fingerprint()}.json"
        if kept.exists() and not self._fresh:
            measured: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
            self._console.print(f"{job.title}: measured {measured['at']}")
            return measured | {"kept": True}
        self._folder.mkdir(parents=True, exist_ok=True)
        python = job.pipeline.python()
        load = round(os.getloadavg()[0], 2)
        with tempfile.TemporaryDirectory(dir=self._folder) as place:
            path = _write(job, Path(place))
            measured = {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "load_average": load,
                "train": self._run(job, python, "train", path),
                "serve": self._run(job, python, "serve", path),
            }
        kept.write_text(json.dumps(measured), encoding="utf-8")
        return measured | {"kept": False}

    def _run(self, job: Job, python: str, what: str, path: Path) -> dict[str, Any]:
        title, log = job.title, self._folder / f"{job.title}.log"
        environment = {**os.environ, **SINGLE, "RASA_CACHE_DIRECTORY": str(path.parent / "cache")}
        self._console.print(f"{title}: {what}")
        command = [python, "-m", job.pipeline.worker, what, str(path)]
        with (
            log.open("w") as written,
            self._console.status(f"{title}: starting") as status,
            subprocess.Popen(
                command,
                cwd=self._root,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=written,
                text=True,
            ) as process,
        ):
            for line in process.stdout or ():
                if line.startswith("@"):
                    status.update(f"{title}: {line[1:].strip()}")
                else:
                    written.write(line)
        if process.returncode:
            raise Failure(f"{title}: {what} failed: {last_words(log)} (all of it is in {log})")
        result: dict[str, Any] = json.loads(path.with_suffix(f".{what}.json").read_text())
        return result


def _write(job: Job, place: Path) -> Path:
    config = {
        "recipe": "default.v1",
        "assistant_id": "bench",
        "language": "en",
        "pipeline": job.pipeline.components,
    }
    (place / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    runs = []
    for number, run in enumerate(job.runs):
        data = place / f"data-{number}.json"
        data.write_text(json.dumps(run.training_data()), encoding="utf-8")
        runs.append(
            {
                "name": f"model-{number}",
                "data": str(data),
                "examples": len(run.examples),
                "labels": sorted({example["intent"] for example in run.examples}),
                "texts": run.texts,
            }
        )
    path = place / "job.json"
    content = {
        "config": str(place / "config.yml"),
        "components": [component["name"] for component in job.pipeline.components],
        "pipeline": job.pipeline.components,
        "models": str(place / "models"),
        "runner": job.pipeline.runner,
        "runs": runs,
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
