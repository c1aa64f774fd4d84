"""The phone in the terminal, against the real simulator."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from rich.console import Console

from cli.failure import Failure
from cli.phone import Lines, SimulatedPhone, converse
from database.embedded import free_port

OURS = "+12125550142"


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", str(port)], stderr=subprocess.DEVNULL
    ) as process:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{url}/health").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield url
        process.terminate()


@pytest.fixture
def phone(simulator: str) -> Iterator[SimulatedPhone]:
    phone = SimulatedPhone(simulator, "+12125550155")
    yield phone
    phone.http.close()


def reply(simulator: str, to: str, body: str) -> None:
    """A text of ours, sent as the assistant sends it."""
    sid = "AC00000000000000000000000000000142"
    httpx.post(
        f"{simulator}/2010-04-01/Accounts/{sid}/Messages.json",
        data={"To": to, "From": OURS, "Body": body},
        auth=(sid, "practice-twilio-auth-token"),
    ).raise_for_status()


def typed(*lines: str) -> Lines:
    reading, writing = os.pipe()
    os.write(writing, "".join(f"{line}\n" for line in lines).encode())
    os.close(writing)
    return Lines(reading)


def test_lines_come_one_by_one_and_end() -> None:
    lines = typed(" one ", "", "two")
    assert [lines.next(0.1) for _ in range(4)] == ["one", "", "two", None]
    assert lines.ended


def test_last_line_without_a_line_break_counts() -> None:
    reading, writing = os.pipe()
    lines = Lines(reading)
    assert lines.next(0.01) is None
    os.write(writing, b"half")
    assert lines.next(0.1) is None
    os.close(writing)
    assert lines.next(0.1) == "half"


def test_conversation_shows_replies_and_statuses(
    phone: SimulatedPhone, simulator: str, monkeypatch
) -> None:
    monkeypatch.setattr("cli.phone.PATIENCE_SECONDS", 2.0)
    reply(simulator, phone.number, "from before")
    deadline = time.monotonic() + 10
    while not phone.thread() and time.monotonic() < deadline:
        time.sleep(0.05)
    shown = io.StringIO()
    asked = 0

    def ended() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            reply(simulator, phone.number, "See you [soon] at 9:00")
        return asked > 12

    lines = typed("hello there")
    assert converse(phone, OURS, lines, Console(file=shown, width=100), ended) is True
    assert "See you [soon] at 9:00" in shown.getvalue()
    assert "delivered" in shown.getvalue()
    assert "from before" not in shown.getvalue()
    sent = [text["body"] for text in phone.thread() if text["direction"] == "sent"]
    assert sent == ["hello there"]


def test_refusal_is_one_sentence(phone: SimulatedPhone) -> None:
    with pytest.raises(Failure, match="The simulator refused this"):
        phone.text("+19995550000", "to nobody's number")


def test_no_simulator_is_one_sentence() -> None:
    phone = SimulatedPhone(f"http://127.0.0.1:{free_port()}", "+12125550155")
    with pytest.raises(Failure, match=r"does not answer .* is `linnet up` running\?"):
        phone.thread()
    phone.http.close()
