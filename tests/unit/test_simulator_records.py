"""What the simulator tells a benchmark: what it accepted, what appeared, and a clean start."""

from __future__ import annotations

import time

import httpx
import pytest

from simulator import practice
from simulator.server import in_background
from simulator.settings import IntelePeerSettings, Settings, TwilioSettings

TWILIO, INTELEPEER = practice.TWILIO_NUMBERS[0], practice.INTELEPEER_NUMBERS[0]
PHONES = ["+12125550100", "+12125550101", "+12125550102"]
SID, TOKEN = practice.TWILIO_ACCOUNT_SID, practice.TWILIO_AUTH_TOKEN
MESSAGES = f"/2010-04-01/Accounts/{SID}/Messages.json"
NOWHERE = "http://127.0.0.1:9/hook"  # nobody listens on the discard port


@pytest.fixture
def simulator():
    settings = Settings(
        twilio=TwilioSettings(webhook=NOWHERE),
        intelepeer=IntelePeerSettings(webhook=NOWHERE, seconds_per_text=0.0),
        shortest_delay=0.0,
        longest_delay=0.01,
    )
    with in_background(settings) as url, httpx.Client(base_url=url, timeout=10) as http:
        yield http


def twilio_send(http, to, body="hello"):
    order = {"From": TWILIO, "To": to, "Body": body}
    return http.post(MESSAGES, auth=(SID, TOKEN), data=order).json()["sid"]


def intelepeer_send(http, to):
    order = {"from": INTELEPEER, "to": to, "text": "hello"}
    headers = {"Authorization": practice.INTELEPEER_TOKEN}
    return http.post("/_rest/v4/app/sms/send", headers=headers, json=order).json()["refid"]


def until_shown(http, count):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        shown = http.get("/shown").json()["shown"]
        if len(shown) == count:
            return shown
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def test_what_was_accepted(simulator):
    ids = [twilio_send(simulator, PHONES[0], "x" * 200), twilio_send(simulator, PHONES[1])]
    ids.append(intelepeer_send(simulator, PHONES[2]))
    answer = simulator.get("/accepted").json()
    assert [row[1:] for row in answer["accepted"]] == [
        [PHONES[0], 2, ids[0]],
        [PHONES[1], 1, ids[1]],
        [PHONES[2], 1, ids[2]],
    ]
    times = [row[0] for row in answer["accepted"]]
    assert times == sorted(times)
    assert 0 <= times[0] < 10
    assert answer["next"] == 3

    def found(**query):
        return [row[3] for row in simulator.get("/accepted", params=query).json()["accepted"]]

    assert found(gateway="twilio") == ids[:2]
    assert found(number=INTELEPEER) == ids[2:]
    assert found(since=1) == ids[1:]
    assert found(since=1, gateway="twilio") == ids[1:2]
    assert found(since=3) == []
    assert simulator.get(f"/accepted?number={TWILIO}&since=2").json() == {"accepted": [], "next": 3}


def test_a_text_that_twilio_is_asked_to_delete(simulator):
    came = simulator.post(f"/phones/{PHONES[0]}/texts", json={"to": TWILIO, "body": "hi"})
    sids = [came.json()["id"], twilio_send(simulator, PHONES[0])]
    paths = [MESSAGES.replace(".json", f"/{sid}.json") for sid in sids]
    auth, deadline = (SID, TOKEN), time.monotonic() + 5
    while simulator.get(paths[1], auth=auth).json()["status"] != "delivered":
        assert time.monotonic() < deadline
    assert simulator.delete(paths[0]).status_code == 401
    for path in paths:
        assert simulator.delete(path, auth=auth).status_code == 204
        assert simulator.get(path, auth=auth).status_code == 404
        assert simulator.delete(path, auth=auth).json()["code"] == 20404
    assert simulator.get(MESSAGES, auth=auth).json()["messages"] == []
    assert len(simulator.get(f"/phones/{PHONES[0]}").json()["thread"]) == 2


def test_a_deletion_that_goes_wrong(simulator):
    path = MESSAGES.replace(".json", f"/{twilio_send(simulator, PHONES[0])}.json")
    for kind, status in (("429", 429), ("look-up-500", 500)):
        simulator.put("/faults", json={"kind": kind, "phone": PHONES[0], "seconds": 7, "count": 1})
        answer = simulator.delete(path, auth=(SID, TOKEN))
        assert answer.status_code == status
        assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
    assert simulator.get(path, auth=(SID, TOKEN)).status_code == 200


def test_what_appeared(simulator):
    began = time.time()
    simulator.post(f"/phones/{PHONES[0]}/texts", json={"to": TWILIO, "body": "hi"})
    twilio_send(simulator, PHONES[1])
    shown = until_shown(simulator, 2)
    assert [row[1:] for row in shown] == [[PHONES[0], "sent", 2], [PHONES[1], "received", 5]]
    assert began - 0.01 <= shown[0][0] <= shown[1][0] <= time.time()
    assert simulator.get("/shown?since=1").json() == {"shown": shown[1:], "next": 2}


def test_a_clean_start(simulator):
    simulator.put("/faults", json={"kind": "latency", "seconds": 0, "phone": PHONES[0]})
    twilio_send(simulator, PHONES[0])
    until_shown(simulator, 1)
    assert simulator.post("/reset").json() == {"status": "ok"}
    assert simulator.get("/shown").json() == {"shown": [], "next": 0}
    assert simulator.get("/accepted").json() == {"accepted": [], "next": 0}
    assert simulator.get("/phones").json() == {"phones": []}
    assert simulator.get("/faults").json()["faults"] == []
    assert simulator.get("/statistics").json()["gateways"]["twilio"]["texts_out"] == 0
