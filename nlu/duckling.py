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
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

LIMIT_SECONDS = 0.5
LEAST_SECONDS = 0.05
"""Left for a text after waiting for a new child; nearly all take a tenth of that."""
START_SECONDS = 5.0
MAX_CHARACTERS = 300
"""Of a text; what goes beyond is not read."""


class DucklingUnavailable(Exception):
    """Duckling gave no answer: it took too long, failed, or could not be started."""


def safe(text: str) -> str:
    """A text that native code can take, with the same offsets.

    Control characters become blanks (a NUL ends the process), half of a surrogate pair becomes
    a question mark, and what goes beyond `MAX_CHARACTERS` is cut off.
    """
    printable = "".join(c if c.isprintable() else " " for c in text[:MAX_CHARACTERS])
    return printable.encode("utf-8", "replace").decode("utf-8")


def wall_seconds(local: datetime) -> int:
    """What a clock on the wall shows, in Unix seconds as if it hung in Greenwich."""
    return int(local.replace(tzinfo=UTC).timestamp())


def at_offset(answer: Any, local: datetime) -> Any:
    """Duckling's objects with their times, which it takes for UTC, at the offset of `local`.

    Raises:
        ValueError: a time is not in UTC.
    """
    if isinstance(answer, list):
        return [at_offset(item, local) for item in answer]
    if not isinstance(answer, dict):
        return answer
    moved = {key: at_offset(item, local) for key, item in answer.items() if key != "value"}
    if "value" in answer:
        value = answer["value"]
        timed = isinstance(value, str) and "grain" in answer
        moved["value"] = _moment(value, local) if timed else at_offset(value, local)
    return moved


def _moment(text: str, local: datetime) -> str:
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() != timedelta(0):
        raise ValueError(f"{text} is not in UTC")
    return moment.replace(tzinfo=timezone(local.utcoffset() or timedelta(0))).isoformat(
        timespec="milliseconds"
    )


class Duckling:
    """A killable Duckling.

    Args:
        limit_seconds: longest wait for the answer to one text, for its turn and for a new child
            included.
        start_seconds: a child that is not ready by then is replaced.
    """

    def __init__(
        self, limit_seconds: float = LIMIT_SECONDS, start_seconds: float = START_SECONDS
    ) -> None:
        self._limit_seconds = limit_seconds
        self._start_seconds = start_seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._started = 0.0
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
            Duckling's matches, with offsets in characters of `text`. Its times are in the zone,
            with the offset from UTC of the reference even where the clocks change before.

        Raises:
            ZoneInfoNotFoundError: there is no such zone.
            DucklingUnavailable: after `limit_seconds`, or when the child failed. A child that
                took too long for a text was replaced, so that the next one finds a fresh one.
        """
        deadline = time.monotonic() + self._limit_seconds
        local = reference.astimezone(ZoneInfo(zone))
        request = {"text": safe(text), "reference": wall_seconds(local)}
        if not self._lock.acquire(timeout=self._limit_seconds):
            raise DucklingUnavailable("Duckling is busy with another text")
        replacing = False
        try:
            answer = self._ask(request, deadline)
            matches: list[dict[str, Any]] = at_offset(answer.get("matches", []), local)
        except (OSError, ValueError) as error:
            # The thread gives the lock back. A new process can take long to begin on a busy
            # machine, and this caller has waited enough.
            threading.Thread(target=self._replace, daemon=True).start()
            replacing = True
            raise DucklingUnavailable(f"no answer from Duckling: {error}") from error
        finally:
            if not replacing:
                self._lock.release()
        if "error" in answer:
            raise DucklingUnavailable(f"Duckling failed with {answer['error']}")
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
        self._started = time.monotonic()
        self._unread = b""

    def _ask(self, request: dict[str, Any], deadline: float) -> dict[str, Any]:
        self._start()
        if not self._ready:
            self._await_ready(deadline)
        assert self._child is not None  # noqa: S101  (for the type checker)
        assert self._child.stdin is not None  # noqa: S101
        self._child.stdin.write(json.dumps(request).encode() + b"\n")
        return self._read(deadline)

    def _replace(self) -> None:
        try:
            self._stop()
            with contextlib.suppress(OSError):
                self._start()
        finally:
            self._lock.release()

    def _await_ready(self, deadline: float) -> None:
        """Wait for a new child, as long as enough time is left to ask it.

        It is not killed when it is late: a slow machine would never have one.
        """
        try:
            self._read(deadline - LEAST_SECONDS)
        except TimeoutError as error:
            if time.monotonic() - self._started > self._start_seconds:
                raise
            raise DucklingUnavailable("Duckling is still starting") from error
        self._ready = True

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
