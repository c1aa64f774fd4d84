"""`linnet understand`, as a designer and as a program use it, with the project's trained model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from cli.project import Project
from cli.training import train

LINES = [
    {"text": "cud u cancel my appt", "reference": "2026-03-11T10:00:00", "tz": "America/New_York",
     "context": {}},
    {"text": "tmrw at 3 or thurs, not friday", "reference": "2026-03-11T10:00:00",
     "tz": "America/New_York", "context": {}},
    {"text": "same time next week", "reference": "2026-03-11T10:00:00", "tz": "America/New_York",
     "context": {"appointment": "2026-03-12T15:00:00"}},
    {"text": "tomorrow", "reference": "2026-03-11T23:30:00", "tz": "America/Los_Angeles",
     "context": {}},
    {"text": "", "reference": "2026-03-11T10:00:00", "tz": "America/New_York", "context": {}},
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    log = tmp_path_factory.mktemp("training") / "train.log"
    return train(Project(Path(__file__).parents[2]), Console(quiet=True), log)


def _run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", "understand", *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=120,
                          check=False)  # fmt: skip


def test_lines_in_lines_out():
    given = "\n".join(json.dumps(line) for line in LINES) + "\n"
    done = _run("--jsonl", given=given)
    assert done.returncode == 0, done.stderr
    cancel, offers, same, late, empty = (json.loads(line) for line in done.stdout.splitlines())
    assert cancel["intent"] == "cancel_appointment"
    assert cancel["confidence"] == cancel["ranking"][0]["confidence"] > 0.5
    assert cancel["dates"] == []
    assert cancel["ask"] is False
    assert [(one["start"], one["role"]) for one in offers["dates"]] == [
        ("2026-03-12T15:00:00", "offered"), ("2026-03-12T00:00:00", "offered"),
        ("2026-03-13T00:00:00", "refused"),
    ]  # fmt: skip
    assert same["dates"][0]["start"] == "2026-03-19T15:00:00"
    assert late["dates"] == [{"start": "2026-03-12T00:00:00", "end": None, "grain": "day",
                              "daypart": None, "role": "offered"}]  # fmt: skip
    assert (empty["intent"], empty["dates"], empty["entities"]) == (None, [], [])


def test_a_picture_of_what_was_understood():
    done = _run("contacts exam tmrw at 3 at lakside? and whats ur adress [/]")
    assert done.returncode == 0, done.stderr
    for part in ("tomorrow", "contact_lens_exam", "lakeside", "3:00PM", "nearest examples",
                 "SentenceEncoder", "scope", "ask_location"):  # fmt: skip
        assert part in done.stdout


def test_wrong_input_says_what_to_do():
    broken = _run("--jsonl", given='{"text": "hi"}\n{"txt": 1}\n')
    assert broken.returncode == 1
    assert len(broken.stdout.splitlines()) == 1
    assert "line 2" in broken.stderr
    assert "Write one JSON object a line" in broken.stderr.replace("\n", " ")
    nowhere = _run("--jsonl", given='{"text": "hi", "tz": "Mars/Olympus"}')
    assert nowhere.returncode == 1
    assert "line 1" in nowhere.stderr
    nothing = _run()
    assert nothing.returncode == 2
    assert "give a text" in nothing.stderr
    missing = _run("hi", "--model", "no/such/model")
    assert missing.returncode == 1
    assert "run `linnet train`" in missing.stderr
