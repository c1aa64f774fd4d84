"""Processes: asking whether one lives, ending it, and tying it to its parent's life."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

END_SECONDS = 10.0


def end_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """For ``preexec_fn``: the child gets this signal when the thread that starts it ends.

    Linux only (``prctl(PR_SET_PDEATHSIG)``); None elsewhere.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(1, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it ended before we asked
            os.kill(os.getpid(), number)

    return ask


def is_postgres(pid: int) -> bool:
    """Whether a process is alive (not a zombie) and a PostgreSQL server."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        if Path("/proc/self").exists():
            return False
        listed = subprocess.run(  # noqa: S603  (macOS)
            ["ps", "-o", "comm=", "-p", str(pid)],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        return "postgres" in listed.stdout
    name, _, rest = status.rpartition(")")
    return "postgres" in name and not rest.startswith(" Z")


def end_postgres(pid: int, ended: Callable[[], bool]) -> None:
    """Fast shutdown; after 10 s an immediate one; after another 10 s by force."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            if ended():
                return
            time.sleep(0.02)
