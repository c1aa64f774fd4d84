"""Processes are watched, started again and ended; ports in use are named."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cli import ports
from cli.failure import Failure, NotReady
from cli.service import Service
from cli.stack import fresh
from cli.supervisor import Supervisor, last_words, pause_before

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
WITH_CHILD = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', "
    "'import time; time.sleep(60)']); print(child.pid, flush=True); import time; time.sleep(60)"
)


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor()
    yield supervisor
    supervisor.end()


def service(folder: Path, program: str, name: str = "part") -> Service:
    log = folder / f"{name}.log"
    return Service(
        name,
        [sys.executable, "-c", program],
        environment=dict(os.environ),
        log=log,
        healthy=lambda: log.exists() and log.stat().st_size > 0,
    )


def until(check: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def healthy(supervisor: Supervisor) -> list[str]:
    ready: list[str] = []
    supervisor.wait_until_healthy(20, lambda name, _: ready.append(name), lambda _: None)
    return ready


@pytest.mark.parametrize(
    ("quick_deaths", "pause"), [(0, 0), (1, 0), (2, 0.5), (3, 1), (4, 2), (6, 8), (7, 15), (99, 15)]
)
def test_pause_grows_to_a_limit(quick_deaths: int, pause: float) -> None:
    assert pause_before(quick_deaths) == pause


def test_killed_process_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    told: list[dict[str, int | None]] = []
    supervisor.changed = lambda: told.append(supervisor.pids)
    supervisor.start(service(tmp_path, SLEEP))
    assert healthy(supervisor) == ["part"]
    first = supervisor.pids["part"]
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.pids["part"] is None)
    supervisor.tick()
    second = supervisor.pids["part"]
    assert second not in {None, first}
    assert told == [{"part": second}]


def test_process_that_keeps_dying_is_not_started_in_a_loop(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(service(tmp_path, SLEEP))
    healthy(supervisor)
    starts = 0

    def count() -> None:
        nonlocal starts
        starts += 1
        pid = supervisor.pids["part"]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    supervisor.changed = count
    pid = supervisor.pids["part"]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 1.2
    while time.monotonic() < deadline:
        supervisor.tick()
        time.sleep(0.01)
    assert starts == 2  # at once, after 0.5 s, and then not before another second


def test_process_that_cannot_start_is_one_sentence(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(service(tmp_path, "raise SystemExit('ValueError: no such port')", "rasa"))
    until(lambda: supervisor.pids["rasa"] is None)
    with pytest.raises(NotReady, match=r"^rasa ended while it started: ValueError: no such port"):
        supervisor.wait_until_healthy(0.5, lambda *_: None, lambda _: None)


def test_process_that_never_gets_healthy_is_one_sentence(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(service(tmp_path, "import time; time.sleep(60)", "rasa"))
    with pytest.raises(NotReady, match=r"^rasa is not healthy after 0 seconds"):
        supervisor.wait_until_healthy(0.3, lambda *_: None, lambda _: None)


def test_end_asks_first_and_then_uses_force(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("cli.supervisor.END_SECONDS", 0.5)
    supervisor = Supervisor()
    for name, program in (("kind", SLEEP), ("stubborn", STUBBORN), ("parent", WITH_CHILD)):
        supervisor.start(service(tmp_path, program, name))
    healthy(supervisor)
    pids = [pid for pid in supervisor.pids.values() if pid is not None]
    pids.append(int((tmp_path / "parent.log").read_text()))
    assert len(pids) == 4
    supervisor.end()
    until(lambda: not any(psutil.pid_exists(pid) and _runs(pid) for pid in pids))


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_port_in_use_names_the_port_and_the_process() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Failure) as raised:
            ports.check({"rasa": port})
        holder = ports.holder_of(port)
    assert f"Port {port}, wanted for rasa, is in use by" in str(raised.value)
    assert holder is not None
    assert holder.pid == os.getpid()
    ports.check({"rasa": port})


def test_port_plan() -> None:
    assert ports.layout(5080) == {
        "ingress": 5080,
        "rasa": 5081,
        "actions": 5082,
        "simulator": 5083,
        "console": 5084,
        "postgres": 5085,
    }
    assert ports.layout(6000, 3)["rasa-3"] == 6007
    assert len(set(ports.layout(6000, 5).values())) == 10


@pytest.mark.parametrize("base", [0, -5, 65532, 70000])
def test_impossible_ports_are_refused(base: int) -> None:
    with pytest.raises(Failure, match="--port-base"):
        ports.layout(base)


def test_health_file_gets_stale(tmp_path: Path) -> None:
    file = tmp_path / "health"
    assert not fresh(file)()
    file.touch()
    assert fresh(file)()
    os.utime(file, (time.time() - 60, time.time() - 60))
    assert not fresh(file)()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("starting\nValueError: no\nbye\n", "ValueError: no"),
        ("one\ntwo\n\n", "two"),
        ("", "it wrote nothing"),
    ],
)
def test_last_words(tmp_path: Path, written: str, said: str) -> None:
    log = tmp_path / "log"
    log.write_text(written)
    assert last_words(log) == said


def test_what_may_wait_lets_others_go_first(tmp_path: Path, supervisor: Supervisor) -> None:
    ours = os.nice(0)
    patient = Service(
        "patient",
        [sys.executable, "-c", SLEEP],
        environment=dict(os.environ),
        log=tmp_path / "patient.log",
        healthy=lambda: True,
        nice=3,
    )
    supervisor.start(patient)
    supervisor.start(service(tmp_path, SLEEP, "urgent"))
    healthy(supervisor)
    assert psutil.Process(supervisor.pids["patient"]).nice() == ours + 3
    assert psutil.Process(supervisor.pids["urgent"]).nice() == ours
