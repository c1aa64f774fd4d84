"""The embedded server: starts, survives what happens to it, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from database.embedded import EmbeddedPostgres, free_port
from database.pool import Pool
from database.postgres_binaries import EmbeddedPostgresError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Made once, because making a cluster costs a second."""
    made = EmbeddedPostgres(tmp_path_factory.mktemp("embedded") / "data")
    yield made
    made.remove()


@pytest.fixture
def server(made: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    yield made
    made.stop()


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


async def test_each_test_has_a_migrated_database(pool: Pool) -> None:
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT count(*) AS texts FROM inbound_text")
        assert await cursor.fetchone() == {"texts": 0}


def test_serves_with_safe_settings(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.url.endswith(f"@127.0.0.1:{server.port}/linnet")
    assert one(server.url, "SHOW fsync") == "on"
    assert one(server.url, "SHOW timezone") == "UTC"
    assert one(server.url, "SHOW listen_addresses") == "127.0.0.1"
    assert one(server.url, "SELECT lower('ÀÉ')") == "àé"


def test_wrong_password_is_refused(server: EmbeddedPostgres) -> None:
    server.start()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://linnet:guess@127.0.0.1:{server.port}/linnet")


def test_password_is_private(server: EmbeddedPostgres) -> None:
    server.start()
    assert (server.data_dir / "password").stat().st_mode & 0o777 == 0o600


def test_data_survives_stop_and_kill(server: EmbeddedPostgres) -> None:
    server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    server.stop()
    assert server.pid is None
    server.start()
    for _ in range(3):
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        server.start()
        assert server.pid != first
        assert one(server.url, "SELECT n FROM kept") == 7


def test_lock_file_of_another_program_does_not_stop_it(server: EmbeddedPostgres) -> None:
    server.start()
    lock = (server.cluster / "postmaster.pid").read_text()
    server.stop()
    (server.cluster / "postmaster.pid").write_text(lock.replace(lock.split()[0], str(os.getpid())))
    server.start()
    assert one(server.url, "SELECT 1") == 1


def test_removed_folder_means_a_new_database(server: EmbeddedPostgres) -> None:
    server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE gone (n int)")
    server.stop()
    (server.data_dir / "password").unlink()
    server.start()
    assert one(server.url, "SELECT to_regclass('gone')") is None


def test_a_server_in_use_is_adopted_but_not_taken(server: EmbeddedPostgres) -> None:
    server.start()
    second = EmbeddedPostgres(server.data_dir)
    assert second.adopt_or_start() is False
    assert second.url == server.url
    with psycopg.connect(server.url):
        assert second.stop_if_unused() is False
    assert second.stop_if_unused() is True
    assert server.running() is None


def test_second_start_takes_over_an_idle_server(server: EmbeddedPostgres) -> None:
    server.start()
    second = EmbeddedPostgres(server.data_dir, free_port())
    second.start()
    assert one(second.url, "SELECT 1") == 1
    assert server.running() == second.running()
    second.stop()


def test_port_in_use_is_one_sentence(tmp_path: Path, server: EmbeddedPostgres, monkeypatch) -> None:
    monkeypatch.setattr("database.embedded.START_SECONDS", 0.5)
    server.start()
    other = EmbeddedPostgres(tmp_path / "other", server.port)
    try:
        with pytest.raises(EmbeddedPostgresError, match="does not start"):
            other.start()
    finally:
        other.remove()


def test_ends_with_a_killed_parent(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("the kernel tells children of their parent's death on Linux only")
    program = (
        "import pathlib, sys, time\n"
        "from database.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1]))\n"
        "server.start(); print(server.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "data")], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().strip()
        parent.kill()
    server = EmbeddedPostgres(tmp_path / "data")
    try:
        deadline = time.monotonic() + 10
        while server.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert server.running() is None
    finally:
        server.remove()
