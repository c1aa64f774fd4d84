"""Twilio's own client works against the simulator, which runs as users run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from simulator import practice

NUMBER, PHONE = practice.TWILIO_NUMBERS[0], "+12125550100"


class _Redirected(TwilioHttpClient):
    """Sends what is meant for api.twilio.com to the simulator."""

    def __init__(self, base_url):
        super().__init__()
        self._base_url = base_url

    def request(self, method, url, *args, **more):
        return super().request(
            method, url.replace("https://api.twilio.com", self._base_url), *args, **more
        )

    def close(self):
        self.session.close()


@pytest.fixture(scope="module")
def simulator():
    child = subprocess.Popen(
        [
            sys.executable, "-m", "simulator", "--port", "0",
            "--public-url", "http://127.0.0.1:9",
            "--shortest-delay", "0.01", "--longest-delay", "0.02", "--seed", "1",
        ],
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    try:
        started = re.search(r"http://[\d.:]+", child.stderr.readline())
        yield started.group()
    finally:
        child.terminate()
        child.wait(timeout=10)
        child.stderr.close()


@pytest.fixture
def client(simulator):
    http = _Redirected(simulator)
    yield Client(practice.TWILIO_ACCOUNT_SID, practice.TWILIO_AUTH_TOKEN, http_client=http)
    http.close()
    httpx.delete(f"{simulator}/phones").raise_for_status()


def _until_delivered(message):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        message = message.fetch()
        if message.status == "delivered":
            return message
        time.sleep(0.01)
    raise AssertionError(f"still {message.status}")


def test_create_and_fetch(client, simulator):
    made = client.messages.create(to=PHONE, from_=NUMBER, body="caf\u00e9 \U0001f600")
    assert (made.status, made.direction, made.num_segments) == ("queued", "outbound-api", "1")
    assert (made.date_sent, made.error_code) == (None, None)
    assert re.fullmatch(r"SM[0-9a-f]{32}", made.sid)
    done = _until_delivered(made)
    assert abs(done.date_sent - datetime.now(UTC)) < timedelta(minutes=1)
    shown = httpx.get(f"{simulator}/phones/{PHONE}").json()["thread"]
    assert [(text["id"], text["body"], text["status"]) for text in shown] == [
        (made.sid, "caf\u00e9 \U0001f600", "delivered")
    ]


def test_delete(client):
    made = client.messages.create(to=PHONE, from_=NUMBER, body="forget me")
    _until_delivered(made)
    assert made.delete()
    with pytest.raises(TwilioRestException) as refused:
        made.fetch()
    assert refused.value.code == 20404


def test_media(client):
    url = "https://example.com/map.png"
    made = client.messages.create(to=PHONE, from_=NUMBER, media_url=[url, url])
    assert (made.sid[:2], made.num_media) == ("MM", "2")


def test_list_pages_and_filters(client, simulator):
    made = [client.messages.create(to=PHONE, from_=NUMBER, body=str(n)) for n in range(7)]
    client.messages.create(to="+12125550101", from_=NUMBER, body="other")
    httpx.post(f"{simulator}/phones/{PHONE}/texts", json={"to": NUMBER, "body": "in"})
    _until_delivered(made[-1])
    assert [m.body for m in client.messages.list(to=PHONE, page_size=3)] == list("6543210")
    assert len(client.messages.list(limit=4)) == 4
    incoming = client.messages.list(from_=PHONE)
    assert [(m.body, m.status, m.direction) for m in incoming] == [("in", "received", "inbound")]
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert len(client.messages.list(to=PHONE, date_sent_after=now - hour)) == 7
    assert client.messages.list(to=PHONE, date_sent_after=now + hour) == []
    assert len(client.messages.list(to=PHONE, date_sent_before=now + hour)) == 7
    # Near midnight the texts may be of yesterday.
    days = {now.date(), (now - hour).date()}
    assert sum(len(client.messages.list(to=PHONE, date_sent=day)) for day in days) == 7


def test_account(client):
    account = client.api.accounts(practice.TWILIO_ACCOUNT_SID).fetch()
    assert (account.sid, account.status) == (practice.TWILIO_ACCOUNT_SID, "active")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"to": "nobody"}, 400, 21211),
        ({"from_": "+12125550199"}, 400, 21606),
        ({"body": "x" * 1601}, 400, 21617),
        ({"to": "+15005550004"}, 400, 21610),
        ({"to": "+15005550429"}, 429, 20429),
        ({"to": "+15005550500"}, 500, 20500),
    ],
)
def test_errors(client, change, status, code):
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(**{"to": PHONE, "from_": NUMBER, "body": "hello", **change})
    assert (caught.value.status, caught.value.code) == (status, code)


def test_wrong_token_and_unknown_message(simulator, client):
    http = _Redirected(simulator)
    stranger = Client(practice.TWILIO_ACCOUNT_SID, "wrong", http_client=http)
    with pytest.raises(TwilioRestException) as caught:
        stranger.messages.create(to=PHONE, from_=NUMBER, body="hello")
    assert (caught.value.status, caught.value.code) == (401, 20003)
    http.close()
    with pytest.raises(TwilioRestException) as caught:
        client.messages("SM" + "0" * 32).fetch()
    assert (caught.value.status, caught.value.code) == (404, 20404)
