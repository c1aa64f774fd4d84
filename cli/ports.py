"""Which ports a stack takes, and who is in the way."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.failure import Failure

DEFAULT_BASE = 5080
HIGHEST = 65535
LISTENING = "0A"  # as /proc/net/tcp writes the state


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that listens on a port."""

    pid: int
    program: str


def layout(base: int, rasa_copies: int = 1) -> dict[str, int]:
    """The port of each part of a stack.

    Args:
        base: of the ingress; the others follow it.
        rasa_copies: how many ``rasa run`` processes there are.

    Raises:
        Failure: a port would be above 65535 or below 1.
    """
    ports = {
        "ingress": base,
        "rasa": base + 1,
        "actions": base + 2,
        "simulator": base + 3,
        "console": base + 4,
        "postgres": base + 5,
        **{f"rasa-{copy}": base + 4 + copy for copy in range(2, rasa_copies + 1)},
    }
    if base < 1 or max(ports.values()) > HIGHEST:
        raise Failure(f"--port-base {base} is not possible; ports go from 1 to {HIGHEST}.")
    return ports


def check(ports: Mapping[str, int]) -> None:
    """See that nobody listens on any of the ports.

    Raises:
        Failure: naming the port, and the process where it can be known.
    """
    for name, port in ports.items():
        if _is_free(port):
            continue
        holder = holder_of(port)
        by = f"{holder.program} (pid {holder.pid})" if holder else "another program"
        raise Failure(
            f"Port {port}, wanted for {name}, is in use by {by}; "
            "stop it, or choose other ports with --port-base."
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def holder_of(port: int) -> Holder | None:
    """Who listens on a port, as far as this user may know."""
    if Path("/proc/net/tcp").exists():
        return _holder_on_linux(port)
    if shutil.which("lsof") is None:
        return None
    listed = subprocess.run(  # noqa: S603
        ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    fields = {line[0]: line[1:] for line in listed.stdout.splitlines() if line}
    if {"p", "c"} <= fields.keys():
        return Holder(int(fields["p"]), fields["c"])
    return None


def _holder_on_linux(port: int) -> Holder | None:
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()) in wanted:
                process = descriptor.parent.parent
                return Holder(int(process.name), (process / "comm").read_text().strip())
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes
