"""``linnet console`` and ``linnet keys`` as they are used, and every example of docs/api.md."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli import doctor, keys, main
from cli.failure import Failure
from cli.project import Project
from console.api_keys import NameTaken, authenticate
from tests.integration.engine import PHONE, rows
from tests.stack import free_port_base

PROJECT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 25, 17, 0, tzinfo=UTC)


def environment(url: str) -> dict[str, str]:
    binaries = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "DATABASE_URL": url,
        "LINNET_QUIET_HOURS": "off",
        "PATH": f"{binaries}:{os.environ['PATH']}",
    }


@contextmanager
def running(url: str, port: int, log: Path, cwd: Path = PROJECT) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-m", "cli", "console", "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=cwd, env=environment(url), stderr=out)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/api/health").is_success:
                    break
            except httpx.TransportError:
                assert time.monotonic() < deadline, log.read_text()
                assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def ran(command: list[str], url: str, cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment(url), cwd=cwd, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def examples(language: str) -> list[str]:
    written = (PROJECT / "docs/api.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", written, re.DOTALL)


async def test_the_examples_work_as_they_are_written(pool, database_url, tmp_path):
    port = free_port_base()
    (serve, make, *calls) = examples("sh")
    assert serve.startswith("linnet console --port 5084")
    script = "\n".join(["set -e", f"KEY=$({make.strip()} | tail -1)", *calls]).replace(
        "5084", str(port)
    )
    with running(database_url, port, tmp_path / "log"):
        done = ran(["bash", "-c", script], database_url)
    assert done.returncode == 0, done.stdout + done.stderr
    texts = await rows(pool, "SELECT body, state, recipient FROM outbound_text ORDER BY seq")
    assert texts == [
        {
            "body": "Harbor Eye Care: your glasses can be picked up at Lakeside. "
            "Bring order number 1077.",
            "state": "failed",  # taken back
            "recipient": PHONE,
        },
        {
            "body": "Harbor Eye Care: time for your drops.",
            "state": "pending",  # until tomorrow
            "recipient": PHONE,
        },
    ]
    assert await rows(pool, "SELECT name, state FROM campaign") == [
        {"name": "spring", "state": "running"}
    ]
    log = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    routes = [line.get("route") for line in lines if line["event"] == "api.answered"]
    assert routes.count("/api/notifications") == 4
    for secret in (PHONE, PHONE[1:], "555-0100", "Dana", "lk_", "glasses", "drops", "1077"):
        assert secret not in log
    assert {line["process"] for line in lines} == {"console"}


async def test_a_list_that_is_too_long_is_refused_before_it_is_kept(pool, database_url, tmp_path):
    port = free_port_base()
    log = tmp_path / "log"
    shown = StringIO()
    await keys.make(
        database_url,
        "crm",
        ("campaigns:write",),
        by="ann",
        expires="",
        now=datetime.now(UTC),
        console=Console(file=shown, width=200),
    )
    secret = shown.getvalue().split()[-1]
    address = f"http://127.0.0.1:{port}/api/campaigns/spring/recipients"
    order = {"name": "spring", "class": "transactional", "text": "Hello, {name}."}
    with running(database_url, port, log):
        async with httpx.AsyncClient() as client:

            async def send(megabytes: int, key: str) -> httpx.Response:
                async def content():
                    for _ in range(megabytes):
                        yield b"x" * 1_048_576

                header = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"}
                return await client.put(address, content=content(), headers=header)

            named = {"Authorization": f"Bearer {secret}"}
            whole = address.removesuffix("/spring/recipients")
            assert (await client.post(whole, json=order, headers=named)).status_code == 201
            # An answer, however much was still to come.
            assert (await send(7, "none")).status_code == 401
            assert (await send(12, secret)).status_code == 413
            assert (await send(1, secret)).status_code == 422


async def test_the_example_in_python_works(pool, database_url):
    (program,) = examples("python")
    done = ran([sys.executable, "-c", program], database_url)
    assert done.returncode == 0, done.stderr
    (text,) = await rows(pool, "SELECT id, body FROM outbound_text")
    assert str(text["id"]) in done.stdout
    assert text["body"].startswith("Harbor Eye Care: your glasses takes longer")


def test_it_listens_at_this_machine_alone_and_needs_no_notices(database_url, tmp_path):
    (tmp_path / "credentials.yml").write_bytes((PROJECT / "credentials.yml").read_bytes())
    port = free_port_base()
    with running(database_url, port, tmp_path / "log", cwd=tmp_path) as process:
        opened = Path(f"/proc/{process.pid}/net/tcp")
        if opened.exists():
            mine = f":{port:04X} 00000000:0000 0A"
            listening = [line for line in opened.read_text().splitlines() if mine in line]
            assert [line.split()[1].partition(":")[0] for line in listening] == ["0100007F"]
        refused = httpx.post(f"http://127.0.0.1:{port}/api/notifications", json={})
        assert refused.status_code == 401


def test_a_wrong_notices_file_stops_it_with_the_line(database_url, tmp_path):
    (tmp_path / "credentials.yml").write_bytes((PROJECT / "credentials.yml").read_bytes())
    (tmp_path / "notices.yml").write_text("a:\n  class: spam\n  text: x\n")
    serve = [sys.executable, "-m", "cli", "console", "--port", str(free_port_base())]
    done = ran(serve, database_url, tmp_path)
    assert done.returncode == 1
    assert "notices.yml, line 2: write transactional" in done.stderr


async def make(url, name="crm", scopes=("notifications:read",), expires=""):
    shown = StringIO()
    await keys.make(
        url, name, scopes, by="ann", expires=expires, now=NOW, console=Console(file=shown)
    )
    return shown.getvalue()


async def test_a_key_is_shown_once_listed_and_revoked(pool, database_url):
    said = await make(database_url, expires="90d")
    secret = said.splitlines()[-1]
    async with pool.connection() as connection:
        key = await authenticate(connection, secret, NOW)
    assert (key.name, key.scopes, key.created_by) == ("crm", ("notifications:read",), "ann")
    assert key.expires_at == NOW + timedelta(days=90)
    with pytest.raises(NameTaken):
        await make(database_url)
    shown = StringIO()
    await keys.end(database_url, "crm", by="bob", now=NOW, console=Console(file=shown))
    with pytest.raises(Failure, match="No key in use is called crm"):
        await keys.end(database_url, "crm", by="bob", now=NOW, console=Console(file=shown))
    await make(database_url)
    await keys.show(database_url, NOW, Console(file=shown, width=200))
    assert "revoked 2026-11-25 by bob" in shown.getvalue()
    assert "in use" in shown.getvalue()
    assert secret not in shown.getvalue()
    (row,) = await rows(pool, "SELECT * FROM api_key WHERE revoked_at IS NOT NULL")
    assert (row["created_by"], row["revoked_by"], row["revoked_at"]) == ("ann", "bob", NOW)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scopes": ()}, "Say what it is for: --scope is notifications:write"),
        ({"scopes": ("all",)}, "There is no scope all"),
        ({"name": " "}, "Name the key"),
        ({"expires": "soon"}, "no day like 2027-01-31"),
        ({"expires": "2026-11-24"}, "is over"),
        ({"expires": "0d"}, "is over"),
    ],
)
async def test_a_wrong_wish_for_a_key_is_refused(database_url, wrong, said):
    with pytest.raises(Failure, match=said):
        await make(database_url, **wrong)


def test_a_day_counts_to_its_end():
    assert keys.expiry("2026-11-25", NOW) == datetime(2026, 11, 26, tzinfo=UTC)
    assert keys.expiry("", NOW) is None


def test_the_commands(database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    run = CliRunner().invoke
    made = run(main.app, ["keys", "create", "crm", "--scope", "templates:read", "--by", "ann"])
    assert made.exit_code == 0, made.output
    assert made.output.splitlines()[-1].startswith("lk_")
    assert "crm" in run(main.app, ["keys", "list"]).output
    assert "is revoked" in run(main.app, ["keys", "revoke", "crm"]).output


def test_notices_are_looked_over(tmp_path):
    run = CliRunner().invoke
    good = run(main.app, ["notices", "check", str(PROJECT / "notices.yml")])
    assert (good.exit_code, good.output.endswith("nothing to say.\n")) == (0, True)
    bad = tmp_path / "notices.yml"
    bad.write_text('a:\n  class: reminder\n  text: "{brand}: Reply YES?"\n')
    found = run(main.app, ["notices", "check", str(bad)])
    assert found.exit_code == 1
    assert f"{bad}, line 1: a offers YES" in found.output
    (finding,) = doctor._notices(Project(tmp_path))
    assert (finding.state, finding.found) == ("warn", "better written otherwise: a")
    bad.write_text("a: b")
    (finding,) = doctor._notices(Project(tmp_path))
    assert (finding.state, "line 1" in finding.found) == ("fail", True)
    bad.unlink()
    assert list(doctor._notices(Project(tmp_path))) == []
