"""The parts of a stack as processes: started, watched, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from database.embedded import EmbeddedPostgres
from database.process import end_with_parent


class Part(Protocol):
    """A process of the stack."""

    name: str

    @property
    def pid(self) -> int | None:
        """Its process id; None when it does not run."""

    @property
    def log(self) -> Path:
        """Where its output goes."""

    def start(self) -> None:
        """Start it; again, if it ended."""

    def healthy(self) -> bool:
        """Whether it does its work."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it by force, with whatever it started."""


class Service:
    """A process of ours.

    Args:
        name: as in ``up.json``.
        command: program and arguments.
        environment: all of it.
        log: its output is appended here.
        healthy: whether it does its work.
        nice: by how much others go first where there are not processors enough for all.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        healthy: Callable[[], bool],
        nice: int = 0,
    ) -> None:
        self.name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._log = log
        self._healthy = healthy
        self._nice = nice
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self._log

    @property
    def pid(self) -> int | None:
        """Its process id; None when it does not run."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def start(self) -> None:
        """Start it; again, if it ended."""
        self.kill()
        tied = end_with_parent(signal.SIGKILL)

        def prepare() -> None:
            os.nice(self._nice)
            if tied is not None:
                tied()

        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal is for the supervisor, which ends
            # its parts in order. It ends with us even if we are killed.
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=prepare,  # noqa: PLW1509
            )

    def healthy(self) -> bool:
        """Whether it does its work."""
        return self.pid is not None and self._healthy()

    def terminate(self) -> None:
        """Ask it to end."""
        if self.pid is not None and self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End it by force, with whatever it started."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None


class Postgres:
    """The embedded database as a part of the stack."""

    name = "postgres"

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.server.log

    @property
    def pid(self) -> int | None:
        """Its process id; None when it does not run."""
        return self.server.pid

    def start(self) -> None:
        """Start it; again, if it ended."""
        self.server.start()

    def healthy(self) -> bool:
        """Whether it does its work: it accepted connections when it was started."""
        return self.pid is not None

    def terminate(self) -> None:
        """End it; what was committed is safe."""
        self.server.stop()

    def kill(self) -> None:
        """Nothing is left to do: ``terminate`` returns when it has ended."""
