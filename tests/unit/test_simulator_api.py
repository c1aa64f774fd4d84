"""The simulator's REST APIs over real HTTP: both gateways, phones, faults."""

from __future__ import annotations

import json
import threading
import time

import httpx
import pytest

from simulator import practice
from simulator.server import in_background
from simulator.settings import IntelePeerSettings, Settings, TwilioSettings

TWILIO, INTELEPEER = practice.TWILIO_NUMBERS[0], practice.INTELEPEER_NUMBERS[0]
PHONE = "+12125550100"
SID, TOKEN = practice.TWILIO_ACCOUNT_SID, practice.TWILIO_AUTH_TOKEN
MESSAGES = f"/2010-04-01/Accounts/{SID}/Messages.json"
NOWHERE = "http://127.0.0.1:9/hook"  # nobody listens on the discard port


def _running(**twilio):
    return in_background(
        Settings(
            twilio=TwilioSettings(webhook=NOWHERE, **twilio),
            intelepeer=IntelePeerSettings(
                webhook=NOWHERE, retry_seconds=0.01, seconds_per_text=0.2
            ),
            shortest_delay=0.0,
            longest_delay=0.01,
            fetch_media=False,
            seed=1,
        )
    )


@pytest.fixture(scope="module")
def running():
    with _running() as url, httpx.Client(base_url=url, timeout=10) as http:
        yield http


@pytest.fixture
def simulator(running):
    running.delete("/faults").raise_for_status()
    running.delete("/phones").raise_for_status()
    return running


def until(condition, seconds=5.0):
    """Wait for a true value of ``condition`` and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def thread(http, phone=PHONE):
    return http.get(f"/phones/{phone}").json()["thread"]


def twilio_send(http, **fields):
    order = {"From": TWILIO, "To": PHONE, "Body": "hello", **fields}
    return http.post(MESSAGES, auth=(SID, TOKEN), data=order)


def intelepeer_send(http, token=practice.INTELEPEER_TOKEN, **fields):
    order = {"from": INTELEPEER, "to": PHONE, "text": "hello", **fields}
    return http.post(
        "/_rest/v4/app/sms/send",
        headers={"Authorization": token, "Content-Type": "application/json"},
        content=json.dumps({name: value for name, value in order.items() if value is not None}),
    )


def record(http, refid):
    headers = {"Authorization": f"Bearer {practice.INTELEPEER_TOKEN}"}
    return http.post("/_rest/v4/app/sms/mdr", headers=headers, json={"refid": refid})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "5550100"}, 21211),
        ({"To": TWILIO}, 21211),
        ({"To": "+15005550001"}, 21211),
        ({"To": "+15005550004"}, 21610),
        ({"To": "+15005550009"}, 21614),
        ({"From": ""}, 21603),
        ({"From": "+12125550199"}, 21606),
        ({"From": INTELEPEER}, 21606),
        ({"MessagingServiceSid": "MG1"}, 21701),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"MediaUrl": "ftp://example.com"}, 21620),
        ({"MediaUrl": ["https://example.com/x"] * 11}, 21623),
        ({"ValidityPeriod": "0"}, 21624),
        ({"ValidityPeriod": "36001"}, 21624),
        ({"ValidityPeriod": "soon"}, 21624),
        ({"StatusCallback": "nowhere"}, 21609),
        ({"StatusCallback": "ftp://example.com/status?text=1"}, 21609),
        ({"StatusCallback": "http://my_host.example/x"}, 21609),
    ],
)
def test_twilio_refuses_what_it_documents(simulator, fields, code):
    answer = twilio_send(simulator, **fields)
    error = answer.json()
    assert (answer.status_code, error["status"], error["code"]) == (400, 400, code)
    assert error["more_info"].endswith(f"/{code}")
    assert simulator.get("/statistics").json()["gateways"]["twilio"]["texts_out"] == 0


def test_twilio_accepts_at_the_edges(simulator):
    assert twilio_send(simulator, Body="x" * 1600).json()["num_segments"] == "11"
    assert twilio_send(simulator, Body="brief", ValidityPeriod="36000").status_code == 201
    picture = twilio_send(simulator, Body="", MediaUrl=["https://example.com/x"] * 10).json()
    assert (picture["num_media"], picture["sid"][:2]) == ("10", "MM")
    service = {"From": "", "MessagingServiceSid": "MG" + "0" * 32}
    accepted = twilio_send(simulator, **service).json()
    assert (accepted["status"], accepted["num_segments"]) == ("accepted", "0")
    until(lambda: len(thread(simulator)) == 4)
    assert {shown["from"] for shown in thread(simulator)} == {TWILIO}


@pytest.mark.parametrize(
    ("path", "auth", "status", "code"),
    [
        (MESSAGES, None, 401, 20003),
        (MESSAGES, (SID, "wrong"), 401, 20003),
        (MESSAGES, ("AC1", TOKEN), 401, 20003),
        (MESSAGES.replace(SID, "AC" + "9" * 32), (SID, TOKEN), 404, 20404),
        (MESSAGES.replace(".json", "/SM1.json"), (SID, TOKEN), 404, 20404),
        ("/2010-04-01/Accounts/x/Calls.json", (SID, TOKEN), 404, 20404),
        (f"{MESSAGES}?DateSent=yesterday", (SID, TOKEN), 400, 20001),
        (f"{MESSAGES}?DateSent<=9999-12-31", (SID, TOKEN), 400, 20001),
    ],
)
def test_twilio_turns_away(simulator, path, auth, status, code):
    answer = simulator.get(path, auth=auth)
    assert (answer.status_code, answer.json().get("code")) == (status, code)


def test_twilio_lists_in_pages_that_new_texts_do_not_shift(simulator):
    for number in range(5):
        twilio_send(simulator, Body=str(number))
    twilio_send(simulator, Body="other", To="+12125550101")
    until(lambda: len(thread(simulator)) == 5)
    query = {"To": PHONE, "PageSize": "2"}
    page = simulator.get(MESSAGES, params=query, auth=(SID, TOKEN)).json()
    bodies = [message["body"] for message in page["messages"]]
    twilio_send(simulator, Body="new")
    while page["next_page_uri"]:
        page = simulator.get(page["next_page_uri"], auth=(SID, TOKEN)).json()
        bodies += [message["body"] for message in page["messages"]]
    assert bodies == ["4", "3", "2", "1", "0"]


def test_twilio_lists_by_date_only_what_has_left(simulator):
    with _running(segments_per_second=0.01) as url, httpx.Client(base_url=url) as http:
        twilio_send(http, Body="first")
        twilio_send(http, Body="waits 100 seconds")
        until(lambda: thread(http))
        sent = f"{thread(http)[0]['at'][:19]}+00:00"
        day = sent[:10]
        for relation, moment, count in (
            ("", day, 1), (">", day, 1), (">=", day, 1), ("<", day, 0), ("<", sent, 1),
            (">", sent, 1), ("", f"{day}T23:59:59Z", 1), ("", "2020-01-01", 0),
        ):  # fmt: skip
            found = http.get(MESSAGES, params={f"DateSent{relation}": moment}, auth=(SID, TOKEN))
            assert len(found.json()["messages"]) == count, (relation, moment)
        every = http.get(MESSAGES, params={"From": TWILIO}, auth=(SID, TOKEN)).json()["messages"]
        assert [message["date_sent"] is None for message in every] == [True, False]
        assert (
            http.get(MESSAGES, params={"DateSent>": "2999-01-01"}, auth=(SID, TOKEN)).json()[
                "messages"
            ]
            == []
        )


def test_a_text_that_waits_too_long_fails_and_holds_nobody_up():
    with _running(segments_per_second=0.5) as url, httpx.Client(base_url=url) as http:
        waiting = [
            twilio_send(http, To=to, **more).json()["sid"]
            for to, more in (
                (PHONE, {}),
                ("+12125550101", {"ValidityPeriod": "1"}),
                ("+12125550102", {}),
            )
        ]

        def shown(sid):
            path = MESSAGES.replace(".json", f"/{sid}.json")
            return http.get(path, auth=(SID, TOKEN)).json()

        assert shown(waiting[1])["status"] == "queued"
        until(lambda: shown(waiting[1])["status"] == "failed")
        assert (shown(waiting[1])["error_code"], shown(waiting[1])["date_sent"]) == (30036, None)
        assert shown(waiting[2])["status"] == "queued"
        until(lambda: shown(waiting[2])["status"] == "delivered")
        assert thread(http, "+12125550101") == []
        accepted = http.get("/accepted").json()["accepted"]
        assert [row[3] for row in accepted] == waiting


def test_twilio_pages_through_everything():
    with _running() as url, httpx.Client(base_url=url, timeout=30) as http:
        for number in range(300):
            twilio_send(http, Body=str(number), To=f"+1646555{number:04}")
        seen, page = [], {"next_page_uri": f"{MESSAGES}?PageSize=7"}
        while page["next_page_uri"]:
            page = http.get(page["next_page_uri"], auth=(SID, TOKEN)).json()
            seen += [message["body"] for message in page["messages"]]
        assert seen == [str(number) for number in range(299, -1, -1)]


def test_twilio_requests_have_a_limit_where_one_is_set():
    with _running(requests_per_second=3) as url, httpx.Client(base_url=url) as http:
        answers = [twilio_send(http) for _ in range(10)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert refused[0].json()["code"] == 20429
        assert refused[0].headers["retry-after"] == "1"


@pytest.mark.parametrize("form", ["{}", "Bearer {}"])
def test_intelepeer_takes_a_token_in_both_documented_forms(simulator, form):
    answer = intelepeer_send(simulator, token=form.format(practice.INTELEPEER_TOKEN))
    assert answer.status_code == 202
    assert answer.json()["state"] == "CREATED"
    assert len(answer.json()["refid"]) == 32


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"to": None}, 400),
        ({"to": "5550100"}, 400),
        ({"to": "+15005550003"}, 403),
        ({"to": "+15005550002"}, 404),
        ({"text": None}, 400),
        ({"text": "\ud83d"}, 400),
        ({"media": [{"link": "https://example.com/x"}]}, 400),
        ({"from": TWILIO}, 401),
        ({"token": "wrong"}, 401),
    ],
)
def test_intelepeer_refuses_what_it_documents(simulator, fields, status):
    answer = intelepeer_send(simulator, **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, status)
    assert answer.json()["error"]


def test_intelepeer_tokens(simulator):
    name = {"username": practice.INTELEPEER_USERNAME, "password": practice.INTELEPEER_PASSWORD}
    wrong = simulator.post("/_rest/v4/authenticate", json={**name, "password": "x"})
    assert wrong.status_code == 401
    token = simulator.post("/_rest/v4/authenticate", json=name).json()["token"]
    simulator.put("/faults", json={"kind": "token-expired", "count": 1})
    expired = intelepeer_send(simulator, token=token)
    assert (expired.status_code, expired.json()["error"]) == (401, "token has expired")
    assert intelepeer_send(simulator, token=token).status_code == 401
    fresh = simulator.post("/_rest/v4/authenticate", json=name).json()["token"]
    assert intelepeer_send(simulator, token=fresh).status_code == 202


@pytest.mark.parametrize(
    ("to", "dlr", "states"),
    [
        (PHONE, True, ["Sent", "DLR:Delivered"]),
        (PHONE, False, ["Sent"]),
        ("+15005553003", True, ["Sent", "DLR:Undeliverable"]),
        ("+15005553003", False, ["Sent", "Failed"]),
    ],
)
def test_intelepeer_record_follows_the_text(simulator, to, dlr, states):
    refid = intelepeer_send(simulator, to=to, dlr=dlr, guid="own-1").json()["refid"]
    until(lambda: record(simulator, refid).json()["RCC_en"] == states[-1])
    asked = simulator.get(
        "/_rest/v4/app/sms/mdr",
        params={"refid": refid},
        headers={"Authorization": practice.INTELEPEER_TOKEN},
    ).json()
    assert (asked["code"], asked["guid"], asked["RCC_en"]) == (200, "own-1", states[-1])
    assert record(simulator, "SMnone").status_code == 404


def test_intelepeer_queues_what_comes_too_fast(simulator):
    refids = [intelepeer_send(simulator, text=str(n)).json()["refid"] for n in range(3)]
    assert record(simulator, refids[2]).json()["RCC_en"] == "Queued"
    until(lambda: len(thread(simulator)) == 3)
    assert [shown["body"] for shown in thread(simulator)] == ["0", "1", "2"]
    assert 0.3 < _seconds_between(thread(simulator)[0], thread(simulator)[2]) < 2.0


def _seconds_between(first, last):
    def seconds(shown):
        minutes, rest = shown["at"].split(":")[1:3]
        return int(minutes) * 60 + float(rest.split("+")[0])

    return (seconds(last) - seconds(first)) % 3600


@pytest.mark.parametrize(
    ("phone", "order", "status", "said"),
    [
        ("2125550100", {"to": TWILIO, "body": "x"}, 400, "like +12125550100"),
        (TWILIO, {"to": INTELEPEER, "body": "x"}, 400, "assistant's number"),
        (PHONE, {"to": "+12125550199", "body": "x"}, 404, TWILIO),
        (PHONE, {"to": "x", "body": "x"}, 400, "to is a phone number"),
        (PHONE, {"body": "x"}, 400, "to is a phone number"),
        (PHONE, {"to": TWILIO}, 400, "needs a body or media"),
        (PHONE, {"to": TWILIO, "body": 5}, 400, "body is a string"),
        (PHONE, {"to": TWILIO, "body": "\ud83d"}, 400, "half of a character"),
        (PHONE, {"to": TWILIO, "body": "x" * 40000}, 400, "255 segments"),
        (PHONE, {"to": TWILIO, "body": "x", "media": "u"}, 400, "list of URLs"),
        (PHONE, {"to": TWILIO, "media": ["ftp://example.com/x"]}, 400, "list of URLs"),
        (PHONE, {"to": TWILIO, "media": [{"url": "https://e.com", "x": 1}]}, 400, "list of URLs"),
        (PHONE, {"to": TWILIO, "media": [{"content_base64": "AAAA"}]}, 400, "list of URLs"),
        (PHONE, {"to": TWILIO, "media": ["https://e.com/x"] * 11}, 400, "at most 10"),
        (
            PHONE,
            {"to": TWILIO, "media": [{"content_base64": "?", "content_type": "image/png"}]},
            400,
            "not base64",
        ),
        (
            PHONE,
            {"to": TWILIO, "media": [{"content_base64": "AAAA", "content_type": "a\nb: c"}]},
            400,
            "content_type is a word",
        ),
        (PHONE, {"to": INTELEPEER, "media": ["https://example.com/x"]}, 400, "IntelePeer"),
        (PHONE, {"to": TWILIO, "body": "x", "id": "a b"}, 400, "id is"),
        (PHONE, {"to": TWILIO, "text": "x"}, 400, "unknown field text"),
        (PHONE, [], 400, "JSON object"),
    ],
)
def test_a_phone_says_what_it_cannot_send(simulator, phone, order, status, said):
    answer = simulator.post(f"/phones/{phone}/texts", content=json.dumps(order))
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert simulator.get("/phones").json() == {"phones": []}


def test_a_phone_shows_its_thread(simulator):
    order = {"to": TWILIO, "body": "hi", "media": []}
    sent = simulator.post(f"/phones/{PHONE}/texts", json=order)
    assert sent.status_code == 201
    shown = simulator.get(f"/phones/{PHONE}").json()
    assert shown["number"] == PHONE
    entry = shown["thread"][0]
    assert " ".join(entry) == "id direction from to body media media_types status at"
    assert (entry["id"], entry["direction"]) == (sent.json()["id"], "sent")
    assert simulator.get("/phones").json() == {"phones": [{"number": PHONE, "texts": 1}]}
    assert simulator.get("/phones/+12125550177").json()["thread"] == []
    again = simulator.post(f"/phones/{PHONE}/texts", json={**order, "id": entry["id"], "body": "x"})
    assert again.status_code == 409


def test_texts_appear_live(simulator):
    seen, watching = [], threading.Event()

    def watch():
        with simulator.stream("GET", f"/phones/{PHONE}/events") as stream:
            for line in stream.iter_lines():
                watching.set()
                if line.startswith("data: "):
                    seen.append(json.loads(line.removeprefix("data: ")))
                if len(seen) == 2:
                    return

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert watching.wait(5)
    twilio_send(simulator, Body="live")
    watcher.join(5)
    assert [(text["body"], text["status"]) for text in seen] == [
        ("live", "sent"),
        ("live", "delivered"),
    ]


def test_health_and_unknown_paths(simulator):
    health = simulator.get("/health").json()
    assert health["gateways"]["twilio"] == {"numbers": [TWILIO], "webhook": NOWHERE}
    assert TOKEN not in simulator.get("/health").text
    assert simulator.get("/nothing").status_code == 404
    assert simulator.put("/faults", content="{").status_code == 400
    unknown = simulator.put("/faults", json={"kind": "nope"})
    assert (unknown.status_code, "webhook-twice" in unknown.json()["error"]) == (400, True)
