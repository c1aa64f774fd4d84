"""``linnet up``: what it refuses, what it starts, what it revives, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from database.embedded import EmbeddedPostgres
from tests.stack import free_port_base

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
recipe: default.v1
assistant_id: tiny
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
policies:
- name: RulePolicy
"""
DOMAIN = """
version: "3.1"
intents: [greet, goodbye]
responses:
  utter_greet:
  - text: Good day to you
"""
DATA = """
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
    - good morning
- intent: goodbye
  examples: |
    - bye
    - see you
rules:
- rule: greet
  steps:
  - intent: greet
  - action: utter_greet
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Rasa project that trains in seconds, with our channel and tracker store."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("data", "models"):
        (root / folder).mkdir()
    (root / "config.yml").write_text(CONFIG)
    (root / "domain.yml").write_text(DOMAIN)
    (root / "data" / "all.yml").write_text(DATA)
    for name in ("credentials.yml", "endpoints.yml"):
        shutil.copy(ROOT / name, root / name)
    yield root
    EmbeddedPostgres(root / ".linnet" / "data").remove()


@pytest.fixture
def port_base() -> int:
    """The first of ten free ports."""
    return free_port_base()


def command(project: Path, *arguments: str) -> dict[str, Any]:
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    return {
        "args": [sys.executable, "-m", "cli", *arguments],
        "cwd": project,
        "env": {**environment, "COLUMNS": "200", "NO_COLOR": "1"},
    }


def refused(project: Path, *arguments: str) -> str:
    """Run a command that must fail; its one sentence."""
    ended = subprocess.run(
        **command(project, *arguments), capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert ended.stderr.startswith("linnet: ")
    assert ended.stderr.count("\n") == 1
    return ended.stderr.removeprefix("linnet: ").strip()


def until(check: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, ValueError, httpx.HTTPError, psycopg.Error):
            if found := check():
                return found
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_port_in_use_is_named(project: Path, port_base: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port_base + 1))
        taken.listen()
        said = refused(project, "up", "--headless", "--port-base", str(port_base))
    assert said.startswith(f"Port {port_base + 1}, wanted for rasa, is in use by ")
    assert f"(pid {os.getpid()})" in said


def test_broken_yaml_is_named(project: Path, port_base: int) -> None:
    broken = project / "data" / "broken.yml"
    broken.write_text("nlu:\n- intent: a\n  examples: [\n")
    try:
        said = refused(project, "up", "--headless", "--port-base", str(port_base))
    finally:
        broken.unlink()
    assert said.startswith("data/broken.yml:4: broken YAML: ")


def test_wrong_credentials_are_named(project: Path, port_base: int) -> None:
    path = project / "credentials.yml"
    right = path.read_text()
    path.write_text(right.replace("auth_token", "auth_tokn"))
    try:
        said = refused(project, "up", "--headless", "--port-base", str(port_base))
    finally:
        path.write_text(right)
    assert "auth_tokn" in said


def test_missing_model_is_named(project: Path, port_base: int) -> None:
    said = refused(project, "up", "--headless", "--no-train", "--port-base", str(port_base))
    assert said.startswith("There is no model in models/; run `linnet train`")


@contextlib.contextmanager
def running(project: Path, port_base: int, state: Path) -> Iterator[subprocess.Popen[bytes]]:
    arguments = ("--port-base", str(port_base), "--data-dir", str(state))
    with (project / "out.txt").open("wb") as out:
        process = subprocess.Popen(
            **command(project, "up", "--headless", *arguments), stdout=out, stderr=out
        )
    try:
        until(lambda: process.poll() is not None or (state / "up.json").exists(), 300, "linnet up")
        assert process.poll() is None, (project / "out.txt").read_text()
        yield process
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    # For root the cluster lies elsewhere and would outlive the folder.
    EmbeddedPostgres(tmp_path / "state" / "data").remove()


@pytest.mark.stack
def test_life_of_a_stack(project: Path, port_base: int, state: Path) -> None:

    def info() -> dict[str, Any]:
        return dict(json.loads((state / "up.json").read_text()))

    def answer(number: str) -> str | None:
        thread = httpx.get(f"{info()['simulator']}/phones/{number}").json()["thread"]
        return next((t["body"] for t in thread if t["direction"] == "received"), None)

    def greet(number: str) -> str | None:
        text = {"to": info()["sender_numbers"]["twilio"], "body": "hello"}
        url = f"{info()['simulator']}/phones/{number}/texts"
        assert httpx.post(url, json=text).status_code == httpx.codes.CREATED
        return until(lambda: answer(number), 60, "an answer")

    with running(project, port_base, state) as process:
        first = info()
        assert (state / "up.json").stat().st_mode & 0o777 == 0o600
        assert first["ingress"] == f"http://127.0.0.1:{port_base}"
        assert first["sender_numbers"].keys() == {"twilio", "intelepeer"}
        parts = {"postgres", "simulator", "ingress", "rasa", "actions", "worker", "console"}
        assert first["pids"].keys() == parts
        patience = {part: psutil.Process(pid).nice() for part, pid in first["pids"].items()}
        assert all(patience["ingress"] < patience[part] for part in ("rasa", "worker", "actions"))
        assert greet("+12125550177") == "Good day to you"

        said = refused(project, "up", "--headless", "--data-dir", str(state))
        assert said.startswith(f"Another `linnet up` (process {process.pid}) already works in")

        for part in ("postgres", "ingress", "simulator", "worker", "rasa", "console"):
            os.kill(first["pids"][part], signal.SIGKILL)
        until(lambda: not parts & {p for p in parts if not info()["pids"][p]}, 20, "new pids")
        for part in ("postgres", "ingress", "simulator", "worker", "rasa", "console"):
            until(lambda part=part: info()["pids"][part] != first["pids"][part], 20, part)
        for part in ("ingress", "rasa", "simulator", "actions", "console"):
            assert info()[part] == first[part]
        assert info()["database_url"] == first["database_url"]
        until(lambda: httpx.get(f"{first['ingress']}/webhooks/sms/").is_success, 30, "ingress")
        until(lambda: httpx.get(f"{first['simulator']}/health").is_success, 30, "simulator")
        assert greet("+12125550178") == "Good day to you"
        pids = list(info()["pids"].values())
    assert process.returncode == 0
    assert not (state / "up.json").exists()
    assert not [pid for pid in pids if runs(pid)]

    with running(project, port_base, state) as process:
        assert "trained from the data as it stands" in (project / "out.txt").read_text()
        pids = list(info()["pids"].values())
        process.kill()
        if sys.platform == "linux":
            until(lambda: not [pid for pid in pids if runs(pid)], 15, "all ended with it")
