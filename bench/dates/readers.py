"""The readers that are compared, each with the same face."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from rich.console import Console

from bench.dates.conversions import from_duckling, from_recognizers
from bench.dates.process import Process
from bench.dates.score import Answer, Case, Reading
from cli.failure import Failure
from nlu.dates import Mention, read_dates
from nlu.duckling import Duckling, DucklingUnavailable

PROGRAMS = Path(__file__).parent / "programs"
RECOGNIZERS = "ms-recognizers-text-date-time==1.0.0.1"
RECOGNIZERS_LIMIT_SECONDS = 5.0
DUCKLING_LIMIT_SECONDS = 2.0


class Reader(Protocol):
    """Reads the dates of a text."""

    name: str

    def read(self, case: Case) -> Answer:
        """What the text of a case names."""

    def close(self) -> None:
        """End what it runs."""


class Ours:
    """The product: `read_dates` with Duckling in its child process."""

    name = "ours"

    def __init__(self) -> None:
        self._duckling = Duckling()

    def read(self, case: Case) -> Answer:
        """What the text names; nothing where Duckling gave up, as in the product."""
        received_at = case.reference.replace(tzinfo=ZoneInfo(case.zone))
        booked = case.context.get("appointment")
        try:
            mentions = read_dates(
                case.text,
                received_at,
                case.zone,
                self._duckling.parse,
                asked=case.context.get("asked"),
                appointment=datetime.fromisoformat(booked) if booked else None,
            )
        except DucklingUnavailable:
            return Answer([])
        offered = [mention for mention in mentions if mention.role == "offered"]
        return Answer(
            [_reading(mention) for mention in offered],
            [_reading(mention) for mention in mentions if mention.role != "offered"],
            any(mention.ask for mention in offered),
        )

    def close(self) -> None:
        """End the child."""
        self._duckling.close()


def _reading(mention: Mention) -> Reading:
    return Reading(
        mention.start,
        mention.end,
        mention.grain,
        mention.daypart,
        mention.seconds,
        mention.open,
        mention.date_free if mention.seconds is None else None,
    )


class Other:
    """A library alone: all that it names counts as offered, and it never asks."""

    def __init__(
        self,
        name: str,
        process: Process,
        convert: Callable[[list[dict[str, Any]], Case], list[Reading]],
    ) -> None:
        self.name = name
        self._process = process
        self._convert = convert

    def read(self, case: Case) -> Answer:
        """What it names; nothing where it took too long."""
        results = self._process.ask(case)
        return Answer(self._convert(results, case) if results else [])

    def close(self) -> None:
        """End its process."""
        self._process.close()


def duckling_alone(*, latent: bool) -> Other:
    """Duckling without our layer."""
    program = [sys.executable, "-P", str(PROGRAMS / "duckling_alone.py")]
    process = Process([*program, *(["--latent"] if latent else [])], DUCKLING_LIMIT_SECONDS)
    name = "Duckling, latent" if latent else "Duckling"
    return Other(name, process, lambda results, _: from_duckling(results))


def recognizers(folder: Path, console: Console) -> Other:
    """Microsoft's recognizers, installed beside the project.

    Args:
        folder: of the benchmark's state.
        console: shows the installation.

    Raises:
        Failure: they cannot be installed.
    """
    python = _recognizers_python(folder, console)
    command = [str(python), "-P", str(PROGRAMS / "recognizers.py")]
    return Other(
        "recognizers",
        Process(command, RECOGNIZERS_LIMIT_SECONDS),
        lambda results, case: from_recognizers(results, case.reference),
    )


def _recognizers_python(folder: Path, console: Console) -> Path:
    """The interpreter of their environment, which is made once for each version."""
    home = folder / "dates-env"
    python, stamp = home / "bin" / "python", home / "requirements.txt"
    if stamp.exists() and stamp.read_text() == RECOGNIZERS:
        return python
    with console.status(f"installing {RECOGNIZERS} into {home}"):
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(home)],
            [str(python), "-m", "pip", "install", "--quiet", RECOGNIZERS],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise Failure(f"{RECOGNIZERS} cannot be installed into {home}: {last}")
    stamp.write_text(RECOGNIZERS)
    return python
