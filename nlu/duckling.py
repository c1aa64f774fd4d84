"""Native Duckling behind a hard limit of time.

:class:`Duckling` owns one child process (see :mod:`nlu.duckling_child`), starts it when it is
first needed, and kills and replaces it when a text takes longer than the limit. Safe to use
from any number of threads and after a fork; the caller is blocked for the limit at most.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

LIMIT_SECONDS = 0.5
START_SECONDS = 5.0
MAX_CHARACTERS = 300


class DucklingUnavailable(Exception):
    """Duckling gave no answer: it took too long, failed, or could not be started."""


class Duckling:
    """A killable Duckling.

    Args:
        limit_seconds: longest wait for the answer to one text.
        start_seconds: longest wait for a new child to become ready.
    """

    def __init__(
        self, limit_seconds: float = LIMIT_SECONDS, start_seconds: float = START_SECONDS
    ) -> None:
        self._limit_seconds = limit_seconds
        self._start_seconds = start_seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._owner = 0
        self._unread = b""

    @property
    def child_id(self) -> int | None:
        """Process id of the child, if there is one."""
        return self._child.pid if self._child else None

    def warm(self) -> None:
        """Start the child now, without waiting until it is ready."""
        with self._lock:
            self._start()

    def parse(self, text: str, reference: datetime, zone: str) -> list[dict[str, Any]]:
        """Times and durations that Duckling finds in a text.

        Args:
            text: English text; control characters become blanks, and what goes beyond
                `MAX_CHARACTERS` is not read.
            reference: the instant (aware) from which "tomorrow" counts.
            zone: IANA name of the zone in which the text was meant.

        Returns:
            Duckling's matches, with offsets in characters of `text`.

        Raises:
            DucklingUnavailable: after `limit_seconds`, or when the child failed. The child
                was replaced, so that the next text finds a fresh one.
        """
        safe = "".join(c if c.isprintable() else " " for c in text[:MAX_CHARACTERS])
        # A lone half of a surrogate pair cannot be sent to native code.
        safe = safe.encode("utf-8", "replace").decode("utf-8")
        request = {"text": safe, "reference": int(reference.timestamp()), "zone": zone}
        with self._lock:
            try:
                self._start()
                self._await_ready()
                answer = self._ask(request)
            except (OSError, ValueError, TimeoutError) as error:
                self._stop()
                with contextlib.suppress(OSError):
                    self._start()
                raise DucklingUnavailable(f"no answer from Duckling: {error}") from error
        if "error" in answer:
            raise DucklingUnavailable(f"Duckling failed with {answer['error']}")
        matches: list[dict[str, Any]] = answer["matches"]
        return matches

    def close(self) -> None:
        """End the child. A later `parse` starts a new one."""
        with self._lock:
            self._stop()

    def _start(self) -> None:
        if self._child and self._owner != os.getpid():
            self._forget()  # forked: the child and its pipes belong to the parent
        if self._child and self._child.poll() is None:
            return
        self._stop()
        # -P: the folder of this file holds a module named like Duckling's own.
        command = [sys.executable, "-P", str(Path(__file__).with_name("duckling_child.py"))]
        self._child = subprocess.Popen(  # noqa: S603  (our own program, no user input)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the parent; the child ends with its input
            bufsize=0,
        )
        self._owner = os.getpid()
        self._ready = False
        self._unread = b""

    def _await_ready(self) -> None:
        if not self._ready:
            self._read(time.monotonic() + self._start_seconds)
            self._ready = True

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._child is not None  # noqa: S101  (for the type checker)
        assert self._child.stdin is not None  # noqa: S101
        self._child.stdin.write(json.dumps(request).encode() + b"\n")
        return self._read(time.monotonic() + self._limit_seconds)

    def _read(self, deadline: float) -> dict[str, Any]:
        """One line from the child, as an object."""
        assert self._child is not None  # noqa: S101
        assert self._child.stdout is not None  # noqa: S101
        output = self._child.stdout.fileno()
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            # poll and not select, which refuses descriptors above 1023
            poller = select.poll()
            poller.register(output, select.POLLIN)
            if left <= 0 or not poller.poll(left * 1000):
                raise TimeoutError("it took too long")
            data = os.read(output, 65536)
            if not data:
                raise OSError("its process ended")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _stop(self) -> None:
        if self._child and self._owner == os.getpid():
            self._child.kill()
            self._child.wait()
        self._forget()

    def _forget(self) -> None:
        if self._child:
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe:
                    pipe.close()
            if self._owner != os.getpid():
                self._child.returncode = 0  # not ours to wait for
        self._child = None
