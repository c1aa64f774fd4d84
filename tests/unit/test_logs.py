"""Each case runs in its own process, because logging is set up once for a whole process."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import datetime

import pytest

from messaging.logs import configure_logging

START = """
import logging, warnings, structlog
from messaging.logs import configure_logging
configure_logging("worker", "INFO")
log = structlog.get_logger()
"""


def lines(code):
    run = subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, check=True
    )
    assert run.stdout == ""
    return [json.loads(line) for line in run.stderr.splitlines()]


def test_an_event_is_one_line_of_json():
    (line,) = lines('log.info("text.sent", phone="+12125550142", body="hello", attempt=2)')
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset().total_seconds() == 0
    assert line == {
        "event": "text.sent",
        "level": "info",
        "process": "worker",
        "phone": "+1********42",
        "body": "<5 characters>",
        "attempt": 2,
    }


def test_libraries_go_the_same_way_and_some_are_quiet():
    found = lines("""
logging.getLogger("some.library").info("called %s", "+12125550142")
for name in ("httpx", "httpcore", "psycopg.pool", "uvicorn.access"):
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("trouble in %s", name)
log.debug("too much")
warnings.warn("old")
""")
    assert [line["event"].splitlines()[0] for line in found[:-1]] == [
        "called +1********42",
        "trouble in httpx",
        "trouble in httpcore",
        "trouble in psycopg.pool",
        "trouble in uvicorn.access",
    ]
    assert found[0]["logger"] == "some.library"
    assert "UserWarning: old" in found[-1]["event"]
    assert {line["process"] for line in found} == {"worker"}


def test_an_exception_is_masked_and_shows_no_local_variables():
    (line,) = lines("""
def send():
    body = "hello you"
    raise ValueError("no route to +12125550142 at postgresql://linnet:pw@db")
try:
    send()
except ValueError:
    log.exception("text.lost")
""")
    assert "ValueError: no route to +1********42" in line["exception"]
    assert "in send" in line["exception"]
    assert "hello you" not in json.dumps(line)
    assert ":pw@" not in json.dumps(line)


def test_context_variables_are_in_every_line():
    found = lines("""
structlog.contextvars.bind_contextvars(turn="7")
log.info("a")
logging.getLogger("library").warning("b")
""")
    assert [line["turn"] for line in found] == ["7", "7"]


def test_what_a_library_hands_over_besides_is_fields_and_masked():
    (line,) = lines("""
logging.getLogger("webhooks").warning(
    "webhook.refused", extra={"detail": "for +12125550142", "body": "hello you", "ids": ["SM1"]}
)
""")
    assert line["event"] == "webhook.refused"
    assert (line["detail"], line["body"]) == ("for +1********42", "<9 characters>")
    assert line["ids"] == ["SM1"]


def test_words_under_way_are_not_in_a_traceback():
    (line,) = lines("""
from messaging.masking import hiding
with hiding("are you open"):
    try:
        raise ValueError("cannot read 'are you open'")
    except ValueError:
        log.exception("turn.broken")
""")
    assert "ValueError: cannot read '<12 characters>'" in line["exception"]


def test_set_up_twice_prints_once():
    (line,) = lines('configure_logging("ingress"); structlog.get_logger().info("a")')
    assert line["process"] == "ingress"


def test_uvicorn_prints_nothing_by_itself():
    (line,) = lines("""
logging.getLogger("uvicorn").addHandler(logging.StreamHandler())
configure_logging("ingress")
logging.getLogger("uvicorn.error").info("started")
""")
    assert line["event"] == "started"


def test_a_terminal_gets_key_and_value():
    parent, child = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", START + 'log.info("text.sent", attempt=2, phone="+12125550142")'],
        stderr=child,
        check=True,
        env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"},
    )
    os.close(child)
    with os.fdopen(parent, "rb") as terminal:
        shown = terminal.read1(10_000).decode()
    assert "text.sent" in shown
    assert "attempt" in shown
    assert "+1********42" in shown
    assert "2125550142" not in shown
    assert not shown.startswith("{")


def test_a_level_that_does_not_exist():
    with pytest.raises(ValueError, match="use DEBUG, INFO, WARNING or ERROR"):
        configure_logging("worker", "LOUD")
