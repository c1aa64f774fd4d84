"""The spool: what is acknowledged survives, in order, whatever dies and whenever."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from connectors.gateways.base import Inbound, Media, Receipt, Status
from messaging.errors import DatabaseUnavailable
from messaging.spool import Spool

OURS = UUID("01a217da-2709-7f7e-a760-33c8c2f21895")
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def text(number: int, body: str = "hi") -> Inbound:
    return Inbound(f"SM{number}", "+12125550100", "+12125550142", body)


class Inbox:
    def __init__(self) -> None:
        self.stored: list[str] = []
        self.entries: list[tuple] = []
        self.failure: Exception | None = None
        self.fails_for: dict[str, Exception] = {}

    async def store(self, gateway, events, received_at):
        if self.failure:
            raise self.failure
        for event in events:
            if isinstance(event, Inbound) and event.external_id in self.fails_for:
                raise self.fails_for[event.external_id]
        self.entries.append((gateway, list(events), received_at))
        self.stored += [event.external_id for event in events if isinstance(event, Inbound)]


async def put(spool: Spool, *numbers: int) -> None:
    for number in numbers:
        await spool.append("twilio", [text(number)], NOW)


def files(directory: Path, ending: str) -> list[Path]:
    return sorted(directory.glob(f"*{ending}"))


async def test_everything_comes_back_as_it_was(tmp_path):
    spool, inbox = Spool(tmp_path), Inbox()
    events = [
        Inbound(
            "SM1", "+12125550100", "+12125550142", "l1\nl2 👍 \"'\\", (Media("https://x", "a/b"),)
        ),
        Receipt("SM2", Status.FAILED, "undelivered", "30003", OURS, {"To": "x", "n": [1, None]}),
        Receipt("SM3", Status.SENT, "sent"),
    ]
    await spool.append("twilio", events, NOW)
    assert spool.pending() == 1
    assert await spool.drain(inbox.store) == 1
    assert inbox.entries == [("twilio", events, NOW)]
    assert isinstance(inbox.entries[0][1][1].status, Status)
    assert spool.pending() == 0
    assert list(tmp_path.iterdir()) == []


async def test_files_are_private(tmp_path):
    directory = tmp_path / "deep" / "spool"
    await put(Spool(directory), 1)
    (file,) = files(directory, ".jsonl")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


async def test_nothing_is_made_where_nothing_waits(tmp_path):
    spool = Spool(tmp_path / "spool")
    assert await spool.adopt() == 0
    assert await spool.drain(Inbox().store) == 0
    assert not (tmp_path / "spool").exists()


async def test_order_is_kept_over_failures(tmp_path):
    spool, inbox = Spool(tmp_path), Inbox()
    await put(spool, 1, 2, 3)
    inbox.fails_for = {"SM2": psycopg.OperationalError("away")}
    with pytest.raises(psycopg.OperationalError):
        await spool.drain(inbox.store)
    assert spool.pending() == 3
    await put(spool, 4)
    inbox.fails_for = {}
    assert await spool.drain(inbox.store) == 4
    # What was stored beside the one that failed is brought again, which does nothing.
    assert inbox.stored == ["SM1", "SM1", "SM2", "SM3", "SM4"]
    assert files(tmp_path, "") == []


async def test_what_comes_together_reaches_the_disk_together(tmp_path, monkeypatch):
    flushed = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    spool, inbox = Spool(tmp_path), Inbox()
    await asyncio.gather(*(put(spool, number) for number in range(200)))
    assert spool.pending() == 200
    assert len(flushed) <= 5  # the first, those that came meanwhile, and the folder's
    assert await spool.drain(inbox.store) == 200
    assert inbox.stored == [f"SM{number}" for number in range(200)]


async def test_a_full_disk_refuses_all_that_came_together(tmp_path, monkeypatch):
    spool = Spool(tmp_path)
    await put(spool, 1)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused = await asyncio.gather(
        *(put(spool, number) for number in range(2, 6)), return_exceptions=True
    )
    assert [type(one) for one in refused] == [OSError] * 4
    monkeypatch.undo()
    assert spool.pending() == 1
    inbox = Inbox()
    assert await spool.drain(inbox.store) == 1
    assert inbox.stored == ["SM1"]


async def test_phones_do_not_wait_for_each_other(tmp_path):
    spool, stored = Spool(tmp_path), []
    met = asyncio.Barrier(3)

    async def store(gateway, events, received_at):
        (event,) = events
        if stored.count(event.sender) == 0:
            async with asyncio.timeout(5):
                await met.wait()  # the first texts of all three are under way at once
        stored.append(event.sender)
        order.setdefault(event.sender, []).append(event.external_id)

    order: dict[str, list[str]] = {}
    for number in range(9):
        phone = f"+1212555010{number % 3}"
        await spool.append("twilio", [Inbound(f"SM{number}", phone, "+12125550142", "hi")], NOW)
    assert await spool.drain(store) == 9
    assert sorted(order.values()) == [
        ["SM0", "SM3", "SM6"],
        ["SM1", "SM4", "SM7"],
        ["SM2", "SM5", "SM8"],
    ]


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("away"),
        psycopg.InterfaceError("closed"),
        psycopg.errors.UndefinedTable("not migrated"),
        DatabaseUnavailable("no pool"),
        TimeoutError(),
        ConnectionResetError(),
    ],
)
async def test_errors_that_pass_are_waited_out(tmp_path, error):
    spool, inbox = Spool(tmp_path), Inbox()
    await put(spool, 1)
    inbox.failure = error
    with pytest.raises(type(error)):
        await spool.drain(inbox.store)
    assert spool.pending() == 1
    assert files(tmp_path, ".aside") == []


@pytest.mark.parametrize(
    "error",
    [psycopg.DataError("NUL"), psycopg.IntegrityError("check"), TypeError("bug"), KeyError("x")],
)
async def test_an_entry_that_can_never_be_stored_is_set_aside(tmp_path, error, caplog):
    spool, inbox = Spool(tmp_path), Inbox()
    await put(spool, 1, 2, 3)
    inbox.fails_for = {"SM2": error}
    assert await spool.drain(inbox.store) == 2
    assert inbox.stored == ["SM1", "SM3"]
    (aside,) = files(tmp_path, ".aside")
    assert json.loads(aside.read_bytes())["events"][0]["external_id"] == "SM2"
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert "spool.set-aside" in caplog.text
    assert files(tmp_path, ".jsonl") == []


async def test_what_comes_while_draining_is_stored_too(tmp_path):
    spool, inbox = Spool(tmp_path), Inbox()
    await put(spool, 1, 2)

    async def store(gateway, events, received_at):
        await inbox.store(gateway, events, received_at)
        if len(inbox.stored) < 5:
            assert spool.pending()
            await put(spool, len(inbox.stored) + 2)

    await spool.drain(store)
    assert inbox.stored == ["SM1", "SM2", "SM3", "SM4", "SM5", "SM6"]
    assert spool.pending() == 0


async def test_many_at_once(tmp_path):
    spool, inbox = Spool(tmp_path), Inbox()

    async def texter(first):
        for number in range(first, first + 20):
            await put(spool, number)
            await asyncio.sleep(0)

    drains = [asyncio.create_task(spool.drain(inbox.store)) for _ in range(3)]
    await asyncio.gather(*[texter(first) for first in range(0, 200, 20)])
    await asyncio.gather(*drains)
    await spool.drain(inbox.store)
    assert sorted(inbox.stored) == sorted({f"SM{number}" for number in range(200)})
    for first in range(0, 200, 20):
        mine = [f"SM{number}" for number in range(first, first + 20)]
        assert [one for one in inbox.stored if one in mine] == mine
    assert list(tmp_path.iterdir()) == []


async def test_a_cancelled_append_spoils_nothing(tmp_path):
    spool, inbox = Spool(tmp_path), Inbox()
    await put(spool, 1)
    task = asyncio.create_task(spool.append("twilio", [text(2)], NOW))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await put(spool, 3)
    await spool.drain(inbox.store)
    assert [one for one in inbox.stored if one != "SM2"] == ["SM1", "SM3"]


async def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    spool, inbox = Spool(tmp_path), Inbox()
    await put(spool, 1)
    write, room = os.write, [40]

    def full(descriptor, content):
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        written = write(descriptor, content[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        await put(spool, 2)
    monkeypatch.undo()
    await put(spool, 3)
    await spool.drain(inbox.store)
    assert inbox.stored == ["SM1", "SM3"]


# -- other processes -----------------------------------------------------------------------


async def test_a_living_process_s_file_is_left_alone(tmp_path):
    living, other, inbox = Spool(tmp_path), Spool(tmp_path), Inbox()
    await put(living, 1)
    assert await other.adopt() == 0
    await put(other, 2)
    assert await other.drain(inbox.store) == 1
    assert inbox.stored == ["SM2"]
    assert living.pending() == 1


async def test_files_of_the_dead_are_adopted_oldest_first(tmp_path):
    inbox = Inbox()
    for number in (2, 1, 3):
        dead = Spool(tmp_path, f"name-{number}")
        await put(dead, number, number + 10)
        dead.close()
    for file in tmp_path.iterdir():
        number = int(file.name.split("-")[1])
        os.utime(file, (number, number))
    spool = Spool(tmp_path)
    assert await spool.adopt() == 6
    assert spool.pending() == 6
    await put(spool, 4)
    await spool.drain(inbox.store)
    assert inbox.stored == ["SM1", "SM11", "SM2", "SM12", "SM3", "SM13", "SM4"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 1, 30])
@pytest.mark.parametrize("before", [0, 2])
async def test_a_half_written_last_line_is_set_aside(tmp_path, keep, before, caplog):
    dead, inbox = Spool(tmp_path), Inbox()
    await put(dead, *range(before), 99)
    dead.close()
    (file,) = files(tmp_path, ".jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:before]) + lines[before][:keep])
    spool = Spool(tmp_path)
    assert await spool.adopt() == before
    await put(spool, 100)
    await spool.drain(inbox.store)
    assert inbox.stored == [*(f"SM{number}" for number in range(before)), "SM100"]
    asides = files(tmp_path, ".aside")
    assert [one.read_bytes() for one in asides] == ([lines[before][:keep] + b"\n"] if keep else [])
    assert ("spool.half-written" in caplog.text) == bool(keep)


async def test_a_damaged_line_in_the_middle_does_not_hold_up_the_rest(tmp_path):
    dead, inbox = Spool(tmp_path), Inbox()
    await put(dead, 1, 2, 3)
    dead.close()
    (file,) = files(tmp_path, ".jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + b'{"gateway": \x00\xff\n' + lines[2])
    spool = Spool(tmp_path)
    await spool.adopt()
    assert await spool.drain(inbox.store) == 2
    assert inbox.stored == ["SM1", "SM3"]
    assert files(tmp_path, ".aside")


async def test_long_texts_and_many_of_them(tmp_path):
    dead, inbox = Spool(tmp_path), Inbox()
    for number in range(30):
        await dead.append("twilio", [text(number, "é" * 50_000)], NOW)
    dead.close()
    spool = Spool(tmp_path)
    await spool.adopt()
    await spool.drain(inbox.store)
    assert inbox.stored == [f"SM{number}" for number in range(30)]


WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from connectors.gateways.base import Inbound
from messaging.spool import Spool

async def main():
    spool = Spool(Path(sys.argv[1]))
    for number in range(100_000):
        text = Inbound(f"SM{number}", "+12125550100", "+12125550142", "x" * 5_000)
        await spool.append("twilio", [text], datetime.now(UTC))
        print(number, flush=True)

asyncio.run(main())
"""


def killed_while_writing(directory: Path) -> int:
    """How many entries a process was told were kept before ``kill -9`` ended it."""
    command = [sys.executable, "-c", WRITER, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        return len([*said, *writer.stdout.read().split()])


async def test_what_was_acknowledged_survives_kill_9(tmp_path):
    acknowledged = killed_while_writing(tmp_path)
    spool, inbox = Spool(tmp_path), Inbox()
    assert await spool.adopt() in {acknowledged, acknowledged + 1}
    await spool.drain(inbox.store)
    assert inbox.stored[:acknowledged] == [f"SM{number}" for number in range(acknowledged)]


async def test_draining_goes_on_when_the_database_is_back(tmp_path):
    spool, inbox, stored = Spool(tmp_path), Inbox(), asyncio.Event()

    async def store(gateway, events, received_at):
        await inbox.store(gateway, events, received_at)
        stored.set()

    await put(spool, 1)
    inbox.failure = psycopg.OperationalError("away")
    task = asyncio.create_task(spool.keep_draining(store, seconds=0.01))
    await asyncio.sleep(0.1)
    assert (spool.pending(), stored.is_set()) == (1, False)
    inbox.failure = None
    async with asyncio.timeout(5):
        await stored.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert inbox.stored == ["SM1"]
