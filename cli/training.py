"""Trains the model of the project, unless it exists already."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli.failure import Failure
from cli.project import Project
from cli.supervisor import last_words

STARTED = re.compile(r"Starting to train component '(?P<name>\w+)'")
FINISHED = re.compile(r"(Finished training|Restored) component '")


def train(project: Project, console: Console, log: Path, *, force: bool = False) -> Path:
    """The model of the project as it stands, trained now if there is none.

    Args:
        project: checked already.
        console: shows the progress.
        log: gets what ``rasa train`` says.
        force: train even if nothing changed.

    Returns:
        The model's file.

    Raises:
        Failure: training failed.
    """
    model = project.model_path()
    if model.exists() and not force:
        model.touch()  # the newest is what plain `rasa run` and `rasa test` take
        console.print(f"[green]✓[/] model     {model.name}, trained from the data as it stands")
        return model
    # Trained elsewhere and moved when it is whole: half a model must not carry this name.
    draft = project.root / "models" / f".training-{os.getpid()}"
    command = [
        *(sys.executable, "-m", "rasa", "train", "--config", "config.yml"),
        *("--domain", "domain.yml", "--data", "data", "--out", str(draft)),
        *("--fixed-model-name", model.name.removesuffix(".tar.gz")),
        *(["--force"] if force else []),
    ]
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        seconds = _run(command, project, console, log)
        (draft / model.name).replace(model)
        console.print(f"[green]✓[/] model     {model.name}, trained in {seconds:.0f} s")
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return model


def existing(project: Project) -> Path:
    """The newest model, for a start without training.

    Raises:
        Failure: there is none.
    """
    model = project.newest_model()
    if model is None:
        raise Failure("There is no model in models/; run `linnet train`, or leave out --no-train.")
    return model


def _run(command: list[str], project: Project, console: Console, log: Path) -> float:
    """Run ``rasa train`` and show how far it is; returns how many seconds it took."""
    environment = {
        **os.environ,
        "RASA_TELEMETRY_ENABLED": "false",
        "PYTHONUNBUFFERED": "1",
        "LOG_LEVEL": "INFO",
    }
    columns = (
        *(SpinnerColumn(), TextColumn("training {task.description}")),
        *(BarColumn(), TimeElapsedColumn()),
    )
    with (
        log.open("w") as written,
        subprocess.Popen(  # noqa: S603
            command,
            cwd=project.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        task = progress.add_task("reading the data", total=_components(project))
        try:
            for line in process.stdout or ():
                written.write(line)
                if started := STARTED.search(line):
                    progress.update(task, description=started["name"])
                elif FINISHED.search(line):
                    progress.advance(task)
        except BaseException:
            process.terminate()
            raise
        code = process.wait()
        took = progress.tasks[0].elapsed or 0.0
    if code:
        raise Failure(f"Training failed: {last_words(log)} (all of it is in {log})")
    return took


def _components(project: Project) -> int | None:
    """How many parts the model has, as far as config.yml says; for the progress bar only."""
    import yaml  # noqa: PLC0415

    config = yaml.load((project.root / "config.yml").read_text(), Loader=yaml.CSafeLoader)
    try:
        return len(config["pipeline"]) + len(config["policies"])
    except (KeyError, TypeError):
        return None
