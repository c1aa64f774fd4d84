"""What the simulator posts to the assistant, over real HTTP."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl

import httpx
import pytest
from twilio.request_validator import RequestValidator

from simulator import practice
from simulator.server import in_background
from simulator.settings import IntelePeerSettings, Settings, TwilioSettings
from simulator.twilio_webhooks import signature

TWILIO, INTELEPEER = practice.TWILIO_NUMBERS[0], practice.INTELEPEER_NUMBERS[0]
PHONE = "+12125550100"
SID, TOKEN = practice.TWILIO_ACCOUNT_SID, practice.TWILIO_AUTH_TOKEN


class Assistant:
    """Takes webhooks and answers as told."""

    def __init__(self):
        self.requests = []
        self.answers = []  # (status, content type, body), used up in order; then 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.requests.append((self.path, dict(self.headers), body.decode()))
                status, content_type, answer = (
                    outer.answers.pop(0) if outer.answers else (200, "text/xml", "<Response/>")
                )
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(answer.encode())))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def forms(self, path):
        return [parse_qs(b, keep_blank_values=True) for p, _, b in self.requests if p == path]


@contextmanager
def running(public_url, **twilio):
    settings = Settings(
        twilio=TwilioSettings(**{"webhook": f"{public_url}/webhooks/sms/twilio", **twilio}),
        intelepeer=IntelePeerSettings(
            webhook=f"{public_url}/webhooks/sms/intelepeer",
            retry_seconds=0.01,
            seconds_per_text=0.1,
        ),
        shortest_delay=0.005,
        longest_delay=0.01,
        seed=1,
    )
    with in_background(settings) as url, httpx.Client(base_url=url, timeout=10) as http:
        yield http


@pytest.fixture
def assistant():
    made = Assistant()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def simulator(assistant):
    with running(assistant.url) as http:
        yield http


def until(condition, seconds=5.0):
    """Wait for a true value of ``condition`` and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def text(http, to=TWILIO, body="hello", phone=PHONE, **more):
    answer = http.post(f"/phones/{phone}/texts", json={"to": to, "body": body, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def thread(http, phone=PHONE):
    return http.get(f"/phones/{phone}").json()["thread"]


def send(http, body="hello", to=PHONE, **more):
    return http.post(
        f"/2010-04-01/Accounts/{SID}/Messages.json",
        auth=(SID, TOKEN),
        data={"From": TWILIO, "To": to, "Body": body, **more},
    )


def test_the_public_signature_vectors():
    fields = {
        "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234",
        "From": "+14158675309", "To": "+18005551212",
    }  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, fields.items()) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    blank = [*fields.items(), ("Body", "")]
    assert signature("12345", f"{url}#rc=3", blank) == "6oT2GOm5KeUqfXDwvhq5UcH5LF0="


@pytest.mark.parametrize(
    ("body", "media"),
    [
        ("Hello there", []),
        ("caf\u00e9 \U0001f600 & = + % \n", []),
        ("", ["https://example.com/card.jpg", "https://example.com/x"]),
    ],
)
def test_twilio_signs_what_twilios_own_validator_accepts(simulator, assistant, body, media):
    sent = text(simulator, body=body, media=media)
    path, headers, raw = until(lambda: assistant.requests)[0]
    fields = dict(parse_qsl(raw, keep_blank_values=True))
    assert RequestValidator(TOKEN).validate(
        f"{assistant.url}{path}", fields, headers["X-Twilio-Signature"]
    )
    assert fields["MessageSid"] == sent["id"]
    assert (fields["Body"], fields["NumMedia"], fields["FromCity"]) == (body, str(len(media)), "")
    assert sent["media"] == media
    assert sent["id"].startswith("MM" if media else "SM")


def test_intelepeer_posts_json_with_the_secret(simulator, assistant):
    sent = text(simulator, to=INTELEPEER, body="hi")
    path, _, raw = until(lambda: assistant.requests)[0]
    assert path == "/webhooks/sms/intelepeer"
    assert json.loads(raw) == {
        "refid": sent["id"], "from": PHONE, "to": INTELEPEER, "message": "hi",
        "signature": practice.INTELEPEER_SECRET,
    }  # fmt: skip
    assert len(sent["id"]) == 32


@pytest.mark.parametrize(
    ("to", "answers", "attempts", "status"),
    [
        (TWILIO, [], 1, "delivered"),
        (TWILIO, [(204, "text/plain", "")], 1, "delivered"),
        (TWILIO, [(500, "text/plain", "")], 1, "undeliverable"),
        (TWILIO, [(403, "text/plain", "")], 1, "undeliverable"),
        (TWILIO, [(None, "", "")], 1, "undeliverable"),
        (INTELEPEER, [(500, "", "")] * 4, 5, "delivered"),
        (INTELEPEER, [(204, "", "")] * 5, 5, "undeliverable"),
        (INTELEPEER, [(None, "", "")], 2, "delivered"),
    ],
)
def test_repeats_are_those_of_the_vendor(simulator, assistant, to, answers, attempts, status):
    assistant.answers = list(answers)
    text(simulator, to=to)
    until(lambda: thread(simulator)[0]["status"] == status)
    assert len(assistant.requests) == attempts
    gateways = simulator.get("/statistics").json()["gateways"]
    mine = gateways["twilio" if to == TWILIO else "intelepeer"]
    assert mine["lost"] == (status == "undeliverable")
    assert mine["acknowledgement_ms"]["count"] == (status == "delivered")


def test_twilio_tries_twice_where_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with running(f"http://127.0.0.1:{port}") as http:
        text(http)
        until(lambda: thread(http)[0]["status"] == "undeliverable")
        assert http.get("/statistics").json()["gateways"]["twilio"]["webhook_attempts"] == 2


def test_twilio_repeats_what_the_webhook_url_asks_for(assistant):
    assistant.answers = [(503, "text/plain", ""), (None, "", "")]
    with running(assistant.url, webhook=f"{assistant.url}/hook#rc=3&rp=5xx,ct,rt") as http:
        text(http)
        until(lambda: thread(http)[0]["status"] == "delivered")
    tokens = {headers["I-Twilio-Idempotency-Token"] for _, headers, _ in assistant.requests}
    assert (len(assistant.requests), len(tokens)) == (3, 1)
    path, headers, raw = assistant.requests[2]
    fields = dict(parse_qsl(raw, keep_blank_values=True))
    assert RequestValidator(TOKEN).validate(
        f"{assistant.url}{path}", fields, headers["X-Twilio-Signature"]
    )


def test_texts_of_one_phone_arrive_in_order(simulator, assistant):
    for number in range(30):
        text(simulator, body=str(number))
    until(lambda: len(assistant.requests) == 30)
    bodies = [form["Body"][0] for form in assistant.forms("/webhooks/sms/twilio")]
    assert bodies == [str(number) for number in range(30)]


def test_the_same_id_is_delivered_again_and_shown_once(simulator, assistant):
    assert text(simulator, id="SMsame")["id"] == text(simulator, id="SMsame")["id"] == "SMsame"
    until(lambda: len(assistant.requests) == 2)
    assert assistant.requests[0][2] == assistant.requests[1][2]
    assert len(thread(simulator)) == 1


def test_webhook_twice(simulator, assistant):
    simulator.put("/faults", json={"kind": "webhook-twice", "count": 1}).raise_for_status()
    text(simulator, body="one")
    text(simulator, body="two")
    until(lambda: len(assistant.requests) == 3)
    assert assistant.requests[0][2] == assistant.requests[1][2] != assistant.requests[2][2]


@pytest.mark.parametrize(
    ("content_type", "answer", "texted"),
    [
        ("text/xml", "<Response/>", []),
        ("text/xml", "<Response><Message>a</Message><Message><Body>b</Body></Message></Response>",
         ["a", "b"]),
        ("text/plain", "OK", ["OK"]),
        ("application/json", '{"ok": true}', []),
        ("text/xml", "<Response>", []),
    ],
)  # fmt: skip
def test_the_answer_can_text_back(simulator, assistant, content_type, answer, texted):
    assistant.answers = [(200, content_type, answer)]
    text(simulator)
    until(lambda: len(thread(simulator)) == 1 + len(texted))
    until(lambda: thread(simulator)[0]["status"] == "delivered")
    time.sleep(0.05)
    assert [shown["body"] for shown in thread(simulator)[1:]] == texted


def test_receipts_are_signed_and_in_order(simulator, assistant):
    # Neither sorted nor encoded anew: the signature covers the address as it was given.
    query = "?text=5f3e3b4c-7d4e-4d9e-9a53-0c2ac2f6b0aa&b=%2fx&a=1+2"
    callback = f"{assistant.url}/webhooks/sms/twilio/status{query}"
    sid = send(simulator, StatusCallback=callback).json()["sid"]
    until(lambda: len(assistant.requests) == 2)
    statuses = []
    for path, headers, raw in assistant.requests:
        fields = dict(parse_qsl(raw, keep_blank_values=True))
        assert path == f"/webhooks/sms/twilio/status{query}"
        assert RequestValidator(TOKEN).validate(callback, fields, headers["X-Twilio-Signature"])
        assert fields["MessageSid"] == sid
        statuses.append(fields["MessageStatus"])
    assert statuses == ["sent", "delivered"]


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        ("receipts-doubled", ["sent", "sent", "delivered", "delivered"]),
        ("receipts-reversed", ["delivered", "sent"]),
        ("receipts-missing", []),
        ("receipts-late", ["sent", "delivered"]),
    ],
)
def test_faulty_receipts(simulator, assistant, kind, statuses):
    simulator.put("/faults", json={"kind": kind, "count": 1, "seconds": 0.3})
    send(simulator, StatusCallback=f"{assistant.url}/status")
    until(lambda: [shown["status"] for shown in thread(simulator)] == ["delivered"])
    if kind == "receipts-late":
        assert assistant.requests == []
    until(lambda: len(assistant.requests) == len(statuses))
    time.sleep(0.05)
    assert [form["MessageStatus"][0] for form in assistant.forms("/status")] == statuses


def test_an_undelivered_text_is_reported_with_its_code(simulator, assistant):
    phone = "+15005553003"
    sid = send(simulator, to=phone, StatusCallback=f"{assistant.url}/status").json()["sid"]
    until(lambda: len(assistant.requests) == 2)
    last = assistant.forms("/status")[1]
    assert (last["MessageStatus"], last["ErrorCode"]) == (["undelivered"], ["30003"])
    assert thread(simulator, phone) == []
    path = f"/2010-04-01/Accounts/{SID}/Messages/{sid}.json"
    shown = simulator.get(path, auth=(SID, TOKEN)).json()
    assert (shown["status"], shown["error_code"]) == ("undelivered", 30003)


def test_twilio_answers_stop_itself_where_that_is_on(assistant):
    with running(assistant.url, answers_stop=True) as http:
        text(http, body="Stop")
        until(lambda: len(thread(http)) == 2 and assistant.requests)
        assert assistant.forms("/webhooks/sms/twilio")[0]["OptOutType"] == ["STOP"]
        assert send(http).json()["code"] == 21610
        text(http, body="START")
        until(lambda: len(thread(http)) == 4)
        assert send(http).status_code == 201


def test_stop_is_only_a_text_where_that_is_off(simulator, assistant):
    text(simulator, body="STOP")
    until(lambda: thread(simulator)[0]["status"] == "delivered")
    assert "OptOutType" not in assistant.forms("/webhooks/sms/twilio")[0]
    assert send(simulator).status_code == 201
