"""The log tells the whole story of a text, and nothing of what it says or whose it is."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateways.test_twilio import SID, TOKEN
from tests.integration.engine import OURS
from tests.integration.log_story import BODY, PHONE, REPLY, STRANGER

ROOT = Path(__file__).parents[2]
DOCUMENTED = set(
    re.findall(r"`([\w.-]+)`", (ROOT / "docs/observability.md").read_text(encoding="utf-8"))
)
SECRETS = (BODY, REPLY, "Rosalind", TOKEN, SID, *(n[1:] for n in (PHONE, OURS, STRANGER)))
# What every line has, and what the standard library adds for exceptions and libraries.
ALWAYS = {"event", "level", "timestamp", "process", "logger", "exception"}

LOGGING = ("connectors", "console", "database", "events", "messaging", "outreach", "privacy")
"""Packages whose logs are documented."""


@pytest.fixture
def story(database_url: str, tmp_path: Path) -> tuple[list[dict], dict[str, str]]:
    """Every line of the log, and the ids of the text that was answered."""
    run = [sys.executable, "-W", "ignore", "-m", "tests.integration.log_story"]
    done = subprocess.run(
        [*run, database_url, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for secret in SECRETS:
        assert secret not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()], json.loads(done.stdout)


def test_the_whole_story_by_one_id_and_nothing_else(story):
    """No line holds a number, a word or a secret: the fixture has looked."""
    lines, text = story
    told = [line for line in lines if line.get("conversation") == text["conversation_id"]]
    assert [line["event"] for line in told] == [
        "text.received",
        "turn.assistant-failed",
        "turn.broken",
        "turn.finished",
        "delivery.refused",
        "delivery.unknown",
        "delivery.look-up-failed",
        "receipt.applied",  # the one that was parked
        "delivery.accepted",
        "receipt.applied",
    ]
    received, applied = told[0], told[-1]
    assert (received["vendor_id"], received["gateway"]) == ("SM83", "twilio")
    assert {line["turn"] for line in told[1:]} == {text["turn_id"]}
    assert {line["text_id"] for line in told[4:]} == {text["text_id"]}
    (finished,) = [line for line in told if line["event"] == "turn.finished"]
    assert finished["inbound_ids"] == [received["inbound_id"]]
    assert finished["text_ids"] == [text["text_id"]]
    assert applied["vendor_id"] == "V9"
    assert applied["request_id"] != received["request_id"]

    events = {line["event"] for line in lines}
    assert events >= {
        *("webhook.refused", "webhook.unsigned-but-taken", "webhook.spooled", "webhook.lost"),
        *("spool.stored", "spool.database-away", "spool.set-aside", "text.repeated"),
        *("receipt.parked", "receipt.repeated", "delivery.broken"),
    }
    for line in lines:
        if line["event"].startswith("webhook."):
            assert line["request_id"], line
    undocumented = {name for line in lines for name in line} - ALWAYS - DOCUMENTED
    assert undocumented == set()


def logged() -> list[tuple[str, ast.Call]]:
    """Every call of a logger of ours, and where it stands."""
    files = [file for folder in LOGGING for file in sorted((ROOT / folder).rglob("*.py"))]
    return [
        (f"{file.relative_to(ROOT)}:{node.lineno}", node)
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
    ]


@pytest.mark.parametrize("call", [pytest.param(call, id=place) for place, call in logged()])
def test_an_event_is_a_name_and_fields_that_are_documented(call: ast.Call):
    """What is said in no sentence cannot hold words, and a field's name says how it is masked."""
    (event,) = call.args
    assert isinstance(event, ast.Constant)
    assert re.fullmatch(r"[a-z]+\.[a-z-]+", event.value)
    assert event.value in DOCUMENTED
    fields = set()
    for given in call.keywords:
        if given.arg == "extra":
            assert isinstance(given.value, ast.Dict)
            fields |= {key.value for key in given.value.keys if isinstance(key, ast.Constant)}
        elif given.arg not in {None, "exc_info"}:
            fields.add(given.arg)
    assert fields <= DOCUMENTED
