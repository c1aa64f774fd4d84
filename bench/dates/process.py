"""A reader that runs in a process of its own and is ended when it takes too long."""

from __future__ import annotations

import contextlib
import json
import selectors
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from bench.dates.score import Case
from cli.failure import Failure

START_SECONDS = 60.0


class Process:
    """One of :mod:`bench.dates.programs`.

    Args:
        command: starts it.
        limit_seconds: longest wait for one text; then it is ended and started anew.
    """

    def __init__(self, command: Sequence[str], limit_seconds: float) -> None:
        self._command = command
        self._limit_seconds = limit_seconds
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, case: Case) -> list[dict[str, Any]] | None:
        """What it finds; None when it took too long or died.

        Raises:
            Failure: it does not start.
        """
        asked = {
            "text": case.text,
            "reference": case.reference.isoformat(),
            "zone": case.zone,
        }
        process = self.start()
        assert process.stdin is not None  # noqa: S101  (for the type checker)
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            answer = self._line(process, self._limit_seconds)
        except OSError:
            answer = None
        if answer is None:
            self.close()
            return None
        results: list[dict[str, Any]] = answer["results"]
        return results

    def start(self) -> subprocess.Popen[bytes]:
        """Start it and wait until it is ready, unless it runs."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a panic prints there
                bufsize=0,
            )
            if self._line(self._process, START_SECONDS) is None:
                self.close()
                raise Failure(f"{' '.join(self._command)} does not start.")
        return self._process

    def close(self) -> None:
        """End it. Asking again starts a new one."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()
        self._process = None

    def _line(self, process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any] | None:
        assert process.stdout is not None  # noqa: S101
        until, read = time.monotonic() + seconds, b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not read.endswith(b"\n"):
                if not selector.select(max(0.0, until - time.monotonic())):
                    return None
                data = process.stdout.read(65536)
                if not data:
                    return None
                read += data
        answer: dict[str, Any] = json.loads(read)
        return answer
