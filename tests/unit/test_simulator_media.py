"""Files in texts: served as Twilio serves them, and fetched before a text leaves."""

from __future__ import annotations

import base64
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from simulator import practice
from simulator.server import in_background
from simulator.settings import Settings, TwilioSettings

TWILIO = practice.TWILIO_NUMBERS[0]
PHONE = "+12125550100"
SID, TOKEN = practice.TWILIO_ACCOUNT_SID, practice.TWILIO_AUTH_TOKEN
MESSAGES = f"/2010-04-01/Accounts/{SID}/Messages.json"
PNG = b"\x89PNG\r\n\x1a\n and so on"


class Assistant:
    """Takes webhooks, and has files: path -> status, headers, bytes."""

    def __init__(self):
        self.forms = []
        self.files = {}
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                outer.forms.append(dict(parse_qsl(body, keep_blank_values=True)))
                self.answer(204, {}, b"")

            def do_GET(self):
                outer.asked.append(self.path)
                self.answer(*outer.files[self.path])

            def answer(self, status, headers, content):
                self.send_response(status)
                if status != 204:
                    headers = {"Content-Length": str(len(content)), **headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def assistant():
    made = Assistant()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@contextmanager
def running(assistant, **settings):
    settings = Settings(
        twilio=TwilioSettings(webhook=f"{assistant.url}/hook"),
        shortest_delay=0.0,
        longest_delay=0.01,
        **settings,
    )
    with in_background(settings) as url, httpx.Client(base_url=url, timeout=10) as http:
        yield http


@pytest.fixture
def simulator(assistant):
    with running(assistant) as http:
        yield http


def until(condition, seconds=8.0):
    """Wait for a true value of ``condition`` and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def text(http, *media):
    answer = http.post(f"/phones/{PHONE}/texts", json={"to": TWILIO, "media": media})
    assert answer.status_code == 201, answer.text
    return answer.json()


def attached(content=PNG, content_type="image/png"):
    return {"content_base64": base64.b64encode(content).decode(), "content_type": content_type}


def send(http, *media):
    order = {"From": TWILIO, "To": PHONE, "Body": "look", "MediaUrl": media}
    sid = http.post(MESSAGES, auth=(SID, TOKEN), data=order).raise_for_status().json()["sid"]
    path = MESSAGES.replace(".json", f"/{sid}.json")

    def ended():
        message = http.get(path, auth=(SID, TOKEN)).json()
        return message if message["status"] in {"delivered", "failed"} else None

    return until(ended)


def thread(http):
    return http.get(f"/phones/{PHONE}").json()["thread"]


def test_twilio_serves_what_a_phone_attached_behind_a_password_and_a_redirect(simulator, assistant):
    shown = text(simulator, attached(), attached(b"MZ", "image/gif"))
    form = until(lambda: assistant.forms)[0]
    assert (form["NumMedia"], form["Body"], form["NumSegments"]) == ("2", "", "1")
    assert (form["MediaContentType0"], form["MediaContentType1"]) == ("image/png", "image/gif")
    parts = urlsplit(form["MediaUrl0"])
    assert f"{parts.scheme}://{parts.netloc}" == str(simulator.base_url).rstrip("/")
    folder, _, file = parts.path.rpartition("/")
    assert folder == MESSAGES.replace(".json", f"/{shown['id']}/Media")
    assert (file[:2], len(file)) == ("ME", 34)

    assert simulator.get(form["MediaUrl0"]).status_code == 401
    assert simulator.get(form["MediaUrl0"], auth=(SID, "wrong")).status_code == 401
    found = simulator.get(form["MediaUrl0"], auth=(SID, TOKEN))
    assert (found.status_code, found.headers["location"]) == (307, shown["media"][0])
    content = httpx.get(found.headers["location"])
    assert (content.content, content.headers["content-type"]) == (PNG, "image/png")
    lie = simulator.get(form["MediaUrl1"], auth=(SID, TOKEN), follow_redirects=True)
    assert (lie.content, lie.headers["content-type"]) == (b"MZ", "image/gif")
    assert simulator.get(f"{folder}/ME1", auth=(SID, TOKEN)).status_code == 404
    assert simulator.get("/media-content/none").status_code == 404
    assert shown["media_types"] == ["image/png", "image/gif"]


@pytest.mark.parametrize(
    ("media", "content_type"),
    [
        ("https://example.com/card.png?x=.gif", "image/png"),
        ("https://example.com/card", "image/jpeg"),
        ({"url": "https://example.com/card.png", "content_type": "text/vcard"}, "text/vcard"),
    ],
)
def test_a_url_of_a_phone_is_what_twilio_redirects_to(simulator, assistant, media, content_type):
    text(simulator, media)
    form = until(lambda: assistant.forms)[0]
    assert form["MediaContentType0"] == content_type
    found = simulator.get(form["MediaUrl0"], auth=(SID, TOKEN))
    assert found.headers["location"] == (media if isinstance(media, str) else media["url"])


def test_the_same_picture_with_the_same_id_is_the_same_text(simulator):
    order = {"to": TWILIO, "media": [attached()], "id": "MMsame"}
    answers = [simulator.post(f"/phones/{PHONE}/texts", json=order) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    other = {**order, "media": [attached(b"other")]}
    assert simulator.post(f"/phones/{PHONE}/texts", json=other).status_code == 409


def test_a_phone_shows_what_twilio_fetched(simulator, assistant):
    assistant.files = {
        "/a": (302, {"Location": "/b"}, b""),
        "/b": (200, {"Content-Type": "image/png; x=y"}, PNG),
        "/c": (200, {"Content-Type": "text/vcard"}, b"BEGIN:VCARD"),
    }
    message = send(simulator, f"{assistant.url}/a", f"{assistant.url}/c")
    assert (message["status"], message["num_media"]) == ("delivered", "2")
    shown = thread(simulator)[0]
    assert shown["media"] == [f"{assistant.url}/a", f"{assistant.url}/c"]
    assert shown["media_types"] == ["image/png", "text/vcard"]
    assert sorted(assistant.asked) == ["/a", "/b", "/c"]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ((404, {"Content-Type": "image/png"}, b""), 11200),
        (
            (
                200,
                {"Content-Type": "image/png", "Content-Length": "900", "Connection": "close"},
                PNG,
            ),
            11200,
        ),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), 11200),
        ((200, {}, PNG), 12300),
        ((200, {"Content-Type": "text/html"}, b"<p>sorry"), 12300),
        ((200, {"Content-Type": "image/png"}, b"x" * 5_000_001), 11751),
    ],
)
def test_a_text_whose_media_cannot_be_had_fails(simulator, assistant, file, code):
    assistant.files = {"/a": file}
    message = send(simulator, f"{assistant.url}/a")
    assert (message["status"], message["error_code"]) == ("failed", code)
    assert thread(simulator) == []


def test_files_are_too_large_together(simulator, assistant):
    assistant.files = {"/a": (200, {"Content-Type": "image/png"}, b"x" * 2_600_000)}
    assert send(simulator, f"{assistant.url}/a")["status"] == "delivered"
    assert send(simulator, *[f"{assistant.url}/a"] * 2)["error_code"] == 11751


def test_nothing_is_fetched_where_that_is_off(assistant):
    with running(assistant, fetch_media=False) as http:
        assert send(http, f"{assistant.url}/a.gif")["status"] == "delivered"
        assert thread(http)[0]["media_types"] == ["image/gif"]
    assert assistant.asked == []
