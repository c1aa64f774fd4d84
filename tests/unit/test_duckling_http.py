"""Against a real server that wraps native Duckling the way Duckling's own server does."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest

from nlu.dates import read_dates
from nlu.duckling import Duckling, DucklingUnavailable
from nlu.duckling_http import HttpDuckling

ZONE = "America/New_York"
GIVEN_UP = 1.0
"""Seconds. The limit is 0.5; a busy machine adds to it, and bench.dates measures how much."""
NOW = datetime(2026, 3, 11, 10, tzinfo=ZoneInfo(ZONE))
TEXTS = (
    "2 weeks from today", "between march 20 and march 22", "for 15 minutes", "after friday",
    "before june 5", "first monday in april", "\U0001f600 christmas eve", "next week", "hello",
)  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    native: Duckling

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.path != "/parse" or json.loads(form["dims"][0]) != ["time", "duration"]:
            self.send_error(404)
            return
        moment = datetime.fromtimestamp(int(form["reftime"][0]) / 1000, tz=NOW.tzinfo)
        matches = self.native.parse(form["text"][0], moment, form["tz"][0])
        self.answer(json.dumps(matches).encode())

    def answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = False  # so that closing it waits for them
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def native() -> Iterator[Duckling]:
    duckling = Duckling(limit_seconds=20)
    duckling.parse("tomorrow", NOW, ZONE)
    yield duckling
    duckling.close()


@pytest.mark.parametrize("path", ["", "/", "/parse"])
def test_it_answers_what_native_duckling_answers(native, path):
    with _serving(type("Handler", (_Handler,), {"native": native})) as url:
        server = HttpDuckling(url + path, limit_seconds=20)
        for text in TEXTS:
            assert server.parse(text, NOW, ZONE) == native.parse(text, NOW, ZONE)
            assert read_dates(text, NOW, ZONE, server.parse) == read_dates(
                text, NOW, ZONE, native.parse
            )


def test_control_characters_and_long_texts_are_as_in_native_duckling(native):
    with _serving(type("Handler", (_Handler,), {"native": native})) as url:
        server = HttpDuckling(url, limit_seconds=20)
        (match,) = server.parse("\0tomorrow\n\ud83d" + "x" * 100_000, NOW, ZONE)
    assert (match["body"], match["start"]) == ("tomorrow", 1)


@pytest.mark.parametrize("month", [1, 4, 7, 12])
def test_the_day_is_that_of_the_zone_all_year(native, month):
    now = datetime(2026, month, 15, 23, 30, tzinfo=ZoneInfo(ZONE))
    with _serving(type("Handler", (_Handler,), {"native": native})) as url:
        matches = HttpDuckling(url, limit_seconds=20).parse("tomorrow", now, ZONE)
    assert matches == native.parse("tomorrow", now, ZONE)
    assert matches[0]["value"]["value"].startswith(f"2026-{month:02}-16T00:00:00")


@pytest.mark.parametrize("offset", ["-04:00", "+02:00"])
def test_a_server_that_does_not_take_the_zone_asked_for_is_not_believed(offset):
    answer = json.dumps([_MATCH]).replace("+00:00", offset).encode()
    with (
        _serving(_answering(answer)) as url,
        pytest.raises(DucklingUnavailable, match="not in UTC"),
    ):
        HttpDuckling(url, limit_seconds=20).parse("tomorrow", NOW, ZONE)


def _answering(body: bytes, status: int = 200) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"do_POST": lambda self: self.answer(body, status)})


_MATCH = {
    "body": "tomorrow", "start": 0, "end": 8, "dim": "time", "latent": False,
    "value": {"type": "value", "grain": "day", "value": "2026-03-12T00:00:00.000+00:00"},
}  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"<html>", b"\xff\xfe", b"null", b"{}", b'"text"', b"[1]", b"[null]", b"[{}]",
        b"[" * 100_000, b"[]" + b" " * 2_000_000,
        *(
            json.dumps([_MATCH | change]).encode()
            for change in (
                {"end": 99}, {"end": "8"}, {"start": None}, {"body": None}, {"value": {}},
                {"value": {"type": "interval"}}, {"dim": "duration"},
                {"dim": "duration", "value": {"normalized": {"value": "60"}}},
                {"value": {"type": "value", "grain": "day", "value": "tomorrow"}},
                {"value": {"type": "value", "grain": None, "value": "2026-03-12T00:00:00+00:00"}},
                {"value": {"type": "value", "grain": "day", "value": "2026-03-12"}},
                {"value": {"type": "interval", "to": {"value": 1, "grain": "day"}}},
            )
        ),
    ],
)  # fmt: skip
def test_garbage_is_no_answer(answer):
    with _serving(_answering(answer)) as url, pytest.raises(DucklingUnavailable):
        HttpDuckling(url, limit_seconds=20).parse("tomorrow", NOW, ZONE)


def test_what_looks_like_duckling_is_believed():
    with _serving(_answering(json.dumps([_MATCH]).encode())) as url:
        (match,) = HttpDuckling(url, limit_seconds=20).parse("tomorrow", NOW, ZONE)
    assert match["value"]["value"] == "2026-03-12T00:00:00.000-04:00"
    assert {**match, "value": None} == {**_MATCH, "value": None}


@pytest.mark.parametrize("status", [204, 302, 400, 404, 500, 503])
def test_any_other_status_is_no_answer(status):
    with (
        _serving(_answering(b"[]", status)) as url,
        pytest.raises(DucklingUnavailable, match=str(status)),
    ):
        HttpDuckling(url, limit_seconds=20).parse("tomorrow", NOW, ZONE)


def test_nothing_listens():
    with _serving(_Handler) as url:
        pass
    with pytest.raises(DucklingUnavailable, match="refused"):
        HttpDuckling(url).parse("tomorrow", NOW, ZONE)


def _stall(handler: _Handler) -> None:
    time.sleep(1)


def _trickle_body(handler: _Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):
        for _ in range(10):
            handler.wfile.write(b" ")
            time.sleep(0.1)


def _trickle_headers(handler: _Handler) -> None:
    with suppress(OSError):
        for char in b"HTTP/1.1 200":
            handler.wfile.write(bytes([char]))
            time.sleep(0.1)


@pytest.mark.parametrize("slow", [_stall, _trickle_body, _trickle_headers])
def test_a_slow_server_is_given_up_in_time(slow):
    with _serving(type("Handler", (_Handler,), {"do_POST": slow})) as url:
        begun = time.monotonic()
        with pytest.raises(DucklingUnavailable, match=r"too long|timed out|does not end"):
            HttpDuckling(url).parse("tomorrow", NOW, ZONE)
        assert time.monotonic() - begun < GIVEN_UP


@pytest.mark.parametrize("url", ["", "duckling:8000", "ftp://duckling", "http://", "localhost"])
def test_what_is_no_address_says_what_to_write(url):
    with pytest.raises(ValueError, match="write one such as http://"):
        HttpDuckling(url)
