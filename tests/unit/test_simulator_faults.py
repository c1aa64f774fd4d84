"""Faults: of each kind, of one phone, with an end, with a code."""

from __future__ import annotations

import random
import time

import httpx
import pytest

from simulator import practice
from simulator.faults import BadFault, Faults, Kind, read_fault
from simulator.server import in_background
from simulator.settings import IntelePeerSettings, Settings, TwilioSettings

TWILIO, INTELEPEER = practice.TWILIO_NUMBERS[0], practice.INTELEPEER_NUMBERS[0]
PHONE, OTHER = "+12125550100", "+12125550101"
SID, TOKEN = practice.TWILIO_ACCOUNT_SID, practice.TWILIO_AUTH_TOKEN
MESSAGES = f"/2010-04-01/Accounts/{SID}/Messages.json"
NOWHERE = "http://127.0.0.1:9/hook"  # nobody listens on the discard port


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture(scope="module")
def running():
    settings = Settings(
        twilio=TwilioSettings(webhook=NOWHERE),
        intelepeer=IntelePeerSettings(webhook=NOWHERE, retry_seconds=0.01, seconds_per_text=0.0),
        shortest_delay=0.0,
        longest_delay=0.01,
    )
    with in_background(settings) as url, httpx.Client(base_url=url, timeout=10) as http:
        yield http


@pytest.fixture
def simulator(running):
    running.delete("/faults").raise_for_status()
    running.delete("/phones").raise_for_status()
    return running


def fault(http, kind, **values):
    answer = http.put("/faults", json={"kind": kind, **values})
    assert answer.status_code == 200, answer.text
    return answer.json()["faults"]


def twilio_send(http, to=PHONE, **fields):
    order = {"From": TWILIO, "To": to, "Body": "hello", **fields}
    return http.post(MESSAGES, auth=(SID, TOKEN), data=order)


def intelepeer_send(http, to=PHONE, token=practice.INTELEPEER_TOKEN):
    order = {"from": INTELEPEER, "to": to, "text": "hello", "dlr": True}
    return http.post("/_rest/v4/app/sms/send", headers={"Authorization": token}, json=order)


def record(http, refid):
    headers = {"Authorization": practice.INTELEPEER_TOKEN}
    return http.get("/_rest/v4/app/sms/mdr", headers=headers, params={"refid": refid})


def message(http, sid):
    return http.get(MESSAGES.replace(".json", f"/{sid}.json"), auth=(SID, TOKEN))


def thread(http, phone=PHONE):
    return http.get(f"/phones/{phone}").json()["thread"]


def until(condition, seconds=5.0):
    """Wait for a true value of ``condition`` and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"kind": "500", "phone": "5550100"}, "phone is a number"),
        ({"kind": "500", "phone": 5}, "phone is a number"),
        ({"kind": "500", "for": -1}, "for is a number"),
        ({"kind": "500", "code": 30008}, "500 has no code"),
        ({"kind": "refuse", "code": "21611"}, "five digits"),
        ({"kind": "undelivered", "code": 7}, "five digits"),
    ],
)
def test_what_a_fault_cannot_have(wanted, said):
    with pytest.raises(BadFault, match=said):
        read_fault(wanted)


def test_a_phone_has_faults_of_its_own():
    faults = Faults(random.Random(1), {})
    for kind in ("500", "latency"):
        faults.put(read_fault({"kind": kind, "phone": PHONE, "seconds": 1}))
    faults.put(read_fault({"kind": "latency", "seconds": 2}))
    assert faults.strikes(Kind.ERROR, "twilio", PHONE)
    assert not faults.strikes(Kind.ERROR, "twilio", OTHER)
    assert not faults.strikes(Kind.ERROR, "twilio")
    assert faults.strikes(Kind.LATENCY, "twilio", PHONE).seconds == 1
    assert faults.strikes(Kind.LATENCY, "twilio", OTHER).seconds == 2
    faults.clear(PHONE)
    assert not faults.strikes(Kind.ERROR, "twilio", PHONE)
    assert faults.strikes(Kind.LATENCY, "twilio", PHONE).seconds == 2


def test_a_fault_that_does_not_strike_leaves_the_next_its_chance():
    faults = Faults(random.Random(1), {})
    faults.put(read_fault({"kind": "500", "phone": PHONE, "rate": 0}))
    faults.put(read_fault({"kind": "500"}))
    assert faults.strikes(Kind.ERROR, "twilio", PHONE).phone is None


def test_used_up_faults_of_many_phones_leave_nothing_behind():
    faults = Faults(random.Random(1), {})
    phones = [f"+1212555{number:04}" for number in range(1000)]
    for phone in phones:
        faults.put(read_fault({"kind": "500", "phone": phone, "count": 1}))
    struck = [[bool(faults.strikes(Kind.ERROR, "twilio", phone)) for phone in phones] for _ in "ab"]
    assert struck == [[True] * 1000, [False] * 1000]
    assert faults.active() == []


def test_a_fault_ends_by_itself():
    clock = Clock()
    faults = Faults(random.Random(1), {}, clock)
    faults.put(read_fault({"kind": "429", "for": 10}))
    clock.seconds = 9.9
    assert faults.strikes(Kind.TOO_MANY, "twilio")
    clock.seconds = 10.0
    assert faults.active() == []
    assert not faults.strikes(Kind.TOO_MANY, "twilio")


def test_faults_of_a_phone_over_http(simulator):
    own = {
        "gateway": "twilio", "kind": "500", "phone": PHONE, "rate": 1.0, "seconds": 5.0,
        "count": None, "for": None, "code": None,
    }  # fmt: skip
    assert fault(simulator, "500", gateway="twilio", phone=PHONE) == [own]
    assert len(fault(simulator, "429", phone=PHONE, **{"for": 60})) == 2
    assert len(fault(simulator, "latency", seconds=0)) == 1
    assert len(simulator.get("/faults").json()["faults"]) == 3
    assert len(simulator.get("/faults", params={"phone": PHONE}).json()["faults"]) == 2
    assert twilio_send(simulator).status_code == 429
    assert twilio_send(simulator, OTHER).status_code == 201
    # With the plus as it is, and with the plus escaped.
    assert simulator.delete(f"/faults?phone={PHONE}").json() == {"faults": []}
    assert simulator.delete("/faults", params={"phone": OTHER}).json() == {"faults": []}
    assert twilio_send(simulator).status_code == 201
    assert [each["kind"] for each in simulator.get("/faults").json()["faults"]] == ["latency"]
    assert simulator.delete("/faults?phone=5550100").status_code == 400


@pytest.mark.parametrize("kind", ["500", "accept-then-500"])
@pytest.mark.parametrize("send", [twilio_send, intelepeer_send])
def test_a_fault_of_a_send_strikes_one_phone(simulator, send, kind):
    fault(simulator, kind, phone=PHONE)
    assert [send(simulator, to).is_success for to in (PHONE, OTHER)] == [False, True]


def test_looking_up_fails_for_one_phone(simulator):
    twilio = [twilio_send(simulator, to).json()["sid"] for to in (PHONE, OTHER)]
    intelepeer = [intelepeer_send(simulator, to).json()["refid"] for to in (PHONE, OTHER)]
    fault(simulator, "look-up-500", phone=PHONE)
    assert [message(simulator, sid).status_code for sid in twilio] == [500, 200]
    assert [record(simulator, refid).status_code for refid in intelepeer] == [500, 200]
    found = [
        simulator.get(MESSAGES, auth=(SID, TOKEN), params=query).status_code
        for query in ({"To": PHONE}, {"From": PHONE}, {"To": OTHER}, {})
    ]
    assert found == [500, 500, 200, 200]


def test_a_token_expires_with_a_send_to_one_phone(simulator):
    name = {"username": practice.INTELEPEER_USERNAME, "password": practice.INTELEPEER_PASSWORD}
    token = simulator.post("/_rest/v4/authenticate", json=name).json()["token"]
    fault(simulator, "token-expired", phone=PHONE)
    sent = [intelepeer_send(simulator, to, token).status_code for to in (OTHER, PHONE, OTHER)]
    assert sent == [202, 401, 401]


def test_a_webhook_comes_twice_from_one_phone(simulator):
    fault(simulator, "webhook-twice", phone=PHONE)
    for phone in (PHONE, OTHER):
        simulator.post(f"/phones/{phone}/texts", json={"to": TWILIO, "body": "hi"})

    def counts():
        return simulator.get("/statistics").json()["gateways"]["twilio"]

    until(lambda: counts()["lost"] == 2)
    # Nobody listens, so that each is tried twice.
    assert counts()["webhook_attempts"] == 4 + 2


@pytest.mark.parametrize("code", [21611, 21610, 39999])
def test_a_send_is_refused_with_a_code(simulator, code):
    fault(simulator, "refuse", phone=PHONE, code=code, count=1)
    answer = twilio_send(simulator)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert twilio_send(simulator).status_code == 201


@pytest.mark.parametrize(("code", "status"), [(21408, 403), (21611, 400)])
def test_intelepeer_refuses_what_means_the_same(simulator, code, status):
    fault(simulator, "refuse", code=code)
    assert intelepeer_send(simulator).status_code == status


@pytest.mark.parametrize(
    ("kind", "status", "state"),
    [("undelivered", "undelivered", "DLR:Undeliverable"), ("failed", "failed", "Failed")],
)
def test_an_accepted_text_comes_to_nothing(simulator, kind, status, state):
    fault(simulator, kind, phone=PHONE, code=30007)
    sid = twilio_send(simulator).json()["sid"]
    until(lambda: message(simulator, sid).json()["status"] == status)
    shown = message(simulator, sid).json()
    assert (shown["error_code"], shown["date_sent"] is None) == (30007, kind == "failed")
    refid = intelepeer_send(simulator).json()["refid"]
    until(lambda: record(simulator, refid).json()["RCC_en"] == state)
    assert thread(simulator) == []


@pytest.mark.parametrize(
    ("kind", "seen", "accepted"),
    [
        ("429", 429, 0),
        ("500", 500, 0),
        ("accept-then-500", 500, 1),
        ("reset", httpx.ReadError, 0),
        ("accept-then-reset", httpx.ReadError, 1),
        ("accept-then-hang", httpx.RemoteProtocolError, 1),
        ("latency", "ok", 1),
    ],
)
@pytest.mark.parametrize("gateway", ["twilio", "intelepeer"])
def test_faults_of_a_send(simulator, gateway, kind, seen, accepted):
    fault = {"gateway": gateway, "kind": kind, "seconds": 0.2, "count": 1}
    simulator.put("/faults", json=fault).raise_for_status()
    send = twilio_send if gateway == "twilio" else intelepeer_send
    started = time.monotonic()
    if isinstance(seen, type):
        with pytest.raises(seen):
            send(simulator)
    elif seen == "ok":
        assert send(simulator).is_success
    else:
        answer = send(simulator)
        assert (answer.status_code, answer.json()["code"] in {429, 500, 20429, 20500}) == (
            seen,
            True,
        )
        assert answer.headers.get("retry-after") == ("1" if seen == 429 else None)
    assert (time.monotonic() - started >= 0.2) == (kind in {"latency", "accept-then-hang"})
    until(lambda: len(thread(simulator)) == accepted)
    assert send(simulator).is_success
    until(lambda: len(thread(simulator)) == accepted + 1)


def test_a_client_that_gives_up_while_the_simulator_hangs(simulator):
    simulator.put("/faults", json={"kind": "accept-then-hang", "seconds": 30, "count": 1})
    with (
        pytest.raises(httpx.ReadTimeout),
        httpx.Client(base_url=simulator.base_url, timeout=0.2) as hasty,
    ):
        twilio_send(hasty)
    until(lambda: len(thread(simulator)) == 1)
    found = simulator.get(MESSAGES, params={"To": PHONE}, auth=(SID, TOKEN)).json()["messages"]
    assert [message["body"] for message in found] == ["hello"]


def test_magic_recipients_fail_on_the_first_attempt_only(simulator):
    order = {"To": "+15005550429"}
    assert [twilio_send(simulator, **order).status_code for _ in range(2)] == [429, 201]
    assert [twilio_send(simulator, **order, Body="b").status_code for _ in range(2)] == [429, 201]


def test_looking_up_can_fail(simulator):
    simulator.put("/faults", json={"kind": "look-up-500", "count": 1})
    assert simulator.get(MESSAGES, auth=(SID, TOKEN)).status_code == 500
    assert simulator.get(MESSAGES, auth=(SID, TOKEN)).status_code == 200
