"""A whole stack for tests: started by ``linnet up``, texted from simulated phones.

Everything goes the way a customer's text goes: from a phone of the carrier simulator, by a
signed webhook, through the trained model and the action server, and back to the phone.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import psutil
import psycopg
from psycopg.rows import dict_row

from database.encryption import DIGEST_KEY, KEYS, Cipher, kept_keys, read_keys

ROOT = Path(__file__).resolve().parent.parent
PATHS = {
    "ingress": "/webhooks/sms/",
    "rasa": "/webhooks/sms/",
    "actions": "/health",
    "simulator": "/health",
    "console": "/api/health",
}
"""Where each process says that it is well, in the order of their ports."""

_serial = count(1)
T = TypeVar("T")


def free_port_base() -> int:
    """The first of ten ports that are free, other than those of development.

    Processes that look at the same time begin at different places.
    """
    for step in range(300):
        base = 21_000 + (os.getpid() + step * 7) % 300 * 20
        if all(_is_free(port) for port in range(base, base + 10)):
            return base
    raise AssertionError("no ten ports are free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def until(check: Callable[[], T], seconds: float, what: str) -> T:
    """The first true value of ``check``."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = check()
        except (httpx.HTTPError, psycopg.OperationalError, OSError, ValueError) as error:
            value, last = None, repr(error)
        else:
            last = repr(value)
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s; last: {last}")
        time.sleep(0.1)


@dataclass
class Phone:
    """A customer's phone."""

    stack: Stack
    number: str
    ours: str

    def text(self, body: str, id: str | None = None) -> str:
        """Send a text; the vendor's id. The same id again is the vendor posting it again."""
        content = {"to": self.ours, "body": body} | ({"id": id} if id else {})
        answer = self.stack.http.post(
            f"{self.stack.url('simulator')}/phones/{self.number}/texts", json=content
        )
        answer.raise_for_status()
        return str(answer.json()["id"])

    def thread(self) -> list[dict[str, Any]]:
        """Everything that the phone shows of its talk with us on this number."""
        answer = self.stack.http.get(f"{self.stack.url('simulator')}/phones/{self.number}")
        answer.raise_for_status()
        return [item for item in answer.json()["thread"] if self.ours in {item["from"], item["to"]}]

    def received(self) -> list[str]:
        """The bodies that came, in the order in which they came."""
        return [item["body"] for item in self.thread() if item["direction"] == "received"]

    def ask(self, body: str, seconds: float = 30.0) -> str:
        """Send a text and wait for the answer to it."""
        before = len(self.received())
        self.text(body)
        return self.await_received(before + 1, seconds)[before]

    def await_received(self, number: int, seconds: float = 30.0) -> list[str]:
        """Wait until at least ``number`` texts came."""

        def enough() -> list[str] | None:
            bodies = self.received()
            return bodies if len(bodies) >= number else None

        return until(enough, seconds, f"text {number} at {self.number}") or []


class Stack:
    """A running stack with data and ports of its own.

    Args:
        data_dir: its state.
        port_base: the first of its ports.
        arguments: more of them for ``linnet up``.
        environ: settings by environment variables.
    """

    def __init__(self, data_dir: Path, port_base: int, *arguments: str, **environ: str) -> None:
        self.data_dir = data_dir
        self.port_base = port_base
        self._arguments = arguments
        self.http = httpx.Client(timeout=10)
        # On a slow machine a text may wait for long; who waits is told so in tests of that only.
        own = {"DATABASE_URL", KEYS, DIGEST_KEY}  # it makes a database and keys
        self._environ = {k: v for k, v in os.environ.items() if k not in own}
        self._environ |= {"LINNET_DELAY_AFTER": "0"} | environ
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "cli", "up", "--headless"]
        command += ["--port-base", str(self.port_base), "--data-dir", str(self.data_dir)]
        command += self._arguments
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "up.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environ, stdout=log, stderr=log
            )
        try:
            until(self._ready, 400, "linnet up")
        except AssertionError as error:
            self.__exit__()
            log = (self.data_dir / "up.log").read_text()[-3000:]
            raise AssertionError(f"{error}\n{log}") from error
        self.set_reminders()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.http.close()

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError((self.data_dir / "up.log").read_text()[-3000:])
        return (self.data_dir / "up.json").exists()

    @property
    def info(self) -> dict[str, Any]:
        """What ``linnet up`` wrote."""
        return dict(json.loads((self.data_dir / "up.json").read_text()))

    def url(self, name: str) -> str:
        """The address of one of its processes."""
        return str(self.info[name])

    def phone(self, gateway: str = "twilio", number: str | None = None) -> Phone:
        """A phone that texts our number at ``gateway``; by default one that never texted."""
        number = number or f"+1646555{next(_serial):04}"
        return Phone(self, number, self.info["sender_numbers"][gateway])

    def rows(self, statement: str, /, **values: Any) -> list[dict[str, Any]]:
        """Ask the database, or change what is in it."""
        opened = psycopg.connect(self.info["database_url"], row_factory=dict_row, autocommit=True)
        with closing(opened):
            return opened.execute(statement, values or None).fetchall()

    @property
    def cipher(self) -> Cipher:
        """Reads what its database has sealed, with the keys that ``linnet up`` made."""
        kept = kept_keys(self.data_dir)
        return read_keys(kept[KEYS], kept[DIGEST_KEY])

    def set_reminders(self, *keys: str) -> None:
        """When customers are reminded; a stack begins without, or its texts depend on the hour."""
        self.rows(
            "UPDATE service SET reminders = %(keys)s, recall_months = NULL RETURNING 1",
            keys=list(keys),
        )

    def fault(self, gateway: str, kind: str, **values: Any) -> None:
        """Make the carrier misbehave."""
        content = {"gateway": gateway, "kind": kind} | values
        self.http.put(f"{self.url('simulator')}/faults", json=content).raise_for_status()

    def mend(self) -> None:
        """Make the carrier behave."""
        self.http.delete(f"{self.url('simulator')}/faults").raise_for_status()

    def kill(self, name: str) -> int:
        """``kill -9`` one of its processes; which it was."""
        pid = int(self.info["pids"][name])
        os.kill(pid, signal.SIGKILL)
        return pid

    def healthy(self, name: str) -> bool:
        """Whether one of its processes runs and does its work."""
        pid = self.info["pids"].get(name)
        if pid is None or not _runs(pid):
            return False
        if name == "postgres":
            return bool(self.rows("SELECT 1"))
        if name == "worker":
            return time.time() - (self.data_dir / "worker.health").stat().st_mtime < 3
        answer = self.http.get(
            f"http://127.0.0.1:{self._port(name)}{PATHS[name.partition('-')[0]]}"
        )
        answer.raise_for_status()
        return name != "rasa" or answer.json()["status"] == "ok"

    def await_revived(self, name: str, old: int, seconds: float = 90) -> None:
        """Wait until a killed process was started again and everything is healthy."""
        until(lambda: self.info["pids"].get(name) not in {None, old}, seconds, f"new {name}")
        self.await_healthy(seconds)

    def await_healthy(self, seconds: float = 90) -> None:
        """Wait until every process does its work."""
        for name in self.info["pids"]:
            until(lambda name=name: self.healthy(name), seconds, f"{name} healthy")

    def _port(self, name: str) -> int:
        """As ``linnet up`` lays them out."""
        kind, _, copy = name.partition("-")
        return self.port_base + (4 + int(copy) if copy else list(PATHS).index(kind))


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
