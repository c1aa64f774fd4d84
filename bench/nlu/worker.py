"""Trains or serves models through Rasa in a process of its own, and notes what that takes.

python -m bench.nlu.worker train|serve JOB

Runs in the project's environment and in the stock one, so it needs Rasa and the standard
library only. The job is a JSON file; its keys are those of :class:`bench.nlu.jobs.Job`.
Lines that begin with ``@`` on standard output say how far it is.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
EVERY = 100
TRAINING = ("rasa.engine.recipes.default_components", "sklearn.svm", "sklearn.linear_model")
"""What training imports, here or there."""


Task = Callable[[dict[str, Any]], dict[str, Any]]


def done(train: Task, serve: Task) -> int:
    """Do what the command line asks for and write what was measured beside the job.

    Args:
        train: trains a job's models.
        serve: loads them and reads the texts.
    """
    what, path = sys.argv[1:]
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    measured = {"train": train, "serve": serve}[what](job)
    Path(path).with_suffix(f".{what}.json").write_text(json.dumps(measured), encoding="utf-8")
    return 0


def train(job: dict[str, Any]) -> dict[str, Any]:
    """Train a model for each run of the job."""
    # Named before the clock is read, so that training time holds no imports of Rasa's.
    train_nlu = import_module("rasa.model_training").train_nlu
    for library in TRAINING:
        import_module(library)
    _import_components(job)
    imported, runs = family_cpu(), []
    for run in job["runs"]:
        progress(f"training on {run['examples']} texts")
        began, wall = family_cpu(), time.perf_counter()
        model = train_nlu(
            config=job["config"],
            nlu_data=run["data"],
            output=job["models"],
            fixed_model_name=run["name"],
        )
        runs.append(
            {
                "cpu_s": round(family_cpu() - began, 2),
                "wall_s": round(time.perf_counter() - wall, 2),
                "model_mb": round(Path(model).stat().st_size / 1e6, 2),
            }
        )
    return {"import_cpu_s": round(imported, 2), "peak_mb": peak_mb(), "runs": runs}


def serve(job: dict[str, Any]) -> dict[str, Any]:
    """Load the model of each run and understand its texts, one at a time."""
    agent_class = import_module("rasa.core.agent").Agent
    _import_components(job)
    imported, runs = family_cpu(), []
    for run in job["runs"]:
        progress("loading")
        began, wall = family_cpu(), time.perf_counter()
        agent = agent_class.load(str(Path(job["models"]) / f"{run['name']}.tar.gz"))
        if job["runner"] == "direct":
            import_module("connectors.processor").TurnProcessor.adopt(agent)
        # What is loaded with the first text belongs to loading.
        asyncio.run(_understand(agent, ["hello there"], set()))
        loaded = {
            "load_cpu_s": round(family_cpu() - began, 2),
            "load_wall_s": round(time.perf_counter() - wall, 2),
        }
        runs.append(loaded | asyncio.run(_understand_all(agent, run)))
    return {
        "import_cpu_s": round(imported, 2),
        "serving_mb": family_mb(),
        "peak_mb": peak_mb(),
        "runs": runs,
    }


async def _understand_all(agent: Any, run: dict[str, Any]) -> dict[str, Any]:
    answers, labels = {}, set(run["labels"])
    own: list[float] = []
    wall: list[float] = []
    children = family_cpu() - time.process_time()
    for level, texts in run["texts"].items():
        answers[level], spent, took = await _understand(agent, texts, labels, level)
        own += spent
        wall += took
    children = family_cpu() - time.process_time() - children
    return {"answers": answers} | timing(own, wall, children)


def timing(own: list[float], wall: list[float], children: float) -> dict[str, float]:
    """Median and mean of what each text took.

    Args:
        own: processor seconds of this process, for each text.
        wall: seconds, for each text.
        children: processor seconds of other processes for all texts.

    Returns:
        Milliseconds.
    """
    return {
        "cpu_ms_p50": round(statistics.median(own) * 1000, 2),
        "cpu_ms_mean": round(statistics.fmean(own) * 1000, 2),
        "children_cpu_ms_mean": round(max(children, 0.0) / len(own) * 1000, 2),
        "wall_ms_p50": round(statistics.median(wall) * 1000, 2),
        "wall_ms_mean": round(statistics.fmean(wall) * 1000, 2),
    }


async def _understand(
    agent: Any, texts: list[str], labels: set[str], level: str = ""
) -> tuple[list[dict[str, Any]], list[float], list[float]]:
    message_class = import_module("rasa.core.channels.channel").UserMessage
    answers, spent, took = [], [], []
    for number, text in enumerate(texts):
        if level and number % EVERY == 0:
            progress(f"{level} {number}/{len(texts)}")
        message = message_class(text=text)
        cpu, wall = time.process_time(), time.perf_counter()
        parsed = await agent.processor.parse_message(message)
        spent.append(time.process_time() - cpu)
        took.append(time.perf_counter() - wall)
        answers.append(answer(parsed, labels))
    return answers, spent, took


def answer(parsed: dict[str, Any], labels: set[str]) -> dict[str, Any]:
    """What is scored of a parse.

    Args:
        parsed: as Rasa gives it.
        labels: intents of the training data; a fallback is none.

    Returns:
        ``intent``: best trained intent, whether trusted or not; ``given``: the intent as it is
        acted on; ``score``: how sure it is that the text is in scope, from the component that
        tells, else the confidence of the best intent; ``entities``: start, end and name of each.
    """
    given = (parsed.get("intent") or {}).get("name")
    trained = [one for one in parsed.get("intent_ranking") or [] if one["name"] in labels]
    scope = parsed.get("scope") or {}
    confidence = trained[0]["confidence"] if trained else 0.0
    return {
        "intent": trained[0]["name"] if trained else given,
        "given": given,
        "score": float(scope.get("score", confidence)),
        "entities": [
            [entity["start"], entity["end"], entity["entity"]]
            for entity in parsed.get("entities") or []
        ],
    }


def _import_components(job: dict[str, Any]) -> None:
    logging.disable(logging.WARNING)
    import_module("rasa.utils.log_utils").configure_structlog(logging.ERROR)
    for name in job["components"]:
        module, dot, _ = name.rpartition(".")
        if dot:
            import_module(module)


def family_cpu() -> float:
    """User and system seconds of this process and of its children, the living ones included."""
    times = os.times()
    spent = time.process_time() + times.children_user + times.children_system
    for child in _children():
        try:
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        spent += (int(fields[11]) + int(fields[12])) / TICKS
    return spent


def _children() -> list[str]:
    found = []
    for task in Path("/proc/self/task").glob("*/children"):
        try:
            found += task.read_text().split()
        except OSError:
            continue
    return found


def family_mb() -> float:
    """Resident memory of this process and its children, in megabytes."""
    pages = 0
    for process in ("self", *_children()):
        try:
            pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
        except OSError:
            continue
    return round(pages * PAGE / 1e6, 1)


def peak_mb() -> float:
    """The most resident memory that this process had, in megabytes."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


def progress(text: str) -> None:
    """Tell whoever started this process how far it is."""
    print(f"@{text}", flush=True)


if __name__ == "__main__":
    sys.exit(done(train, serve))
