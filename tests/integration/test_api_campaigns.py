"""Campaigns over HTTP on a real database; every answer is held against the OpenAPI document."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from console.api_keys import Scope
from console.request_guard import LARGEST_CSV
from messaging.consent import Direction
from outreach.audience_query import Query
from outreach.campaign_runner import advance
from tests.integration.campaigning import said, tell
from tests.integration.engine import ScriptedGateway, delivery_worker, rows, until
from tests.integration.test_api import ALL, clock, context, key, serving

__all__ = ["clock", "context"]

CSV = {"Content-Type": "text/csv; charset=utf-8"}
LIST = "phone,name\n+12125550100,Ann\n(212) 555-0101,Bo\nnobody,Cy\n+12125550100,Ann\n"
CLOSED = {"name": "closed", "class": "transactional", "text": "{brand}: we are closed, {name}."}
ALERT = {"name": "alert", "class": "emergency", "text": "{brand}: gas leak, {name}."}
QUERIES = {
    "everybody": Query("everybody", "", "SELECT phone, name FROM customer", ()),
    "named": Query("named", "", "SELECT phone, name FROM customer WHERE name = %(who)s", ("who",)),
}


@pytest.fixture
async def api(context, pool):
    async with serving(replace(context, queries=QUERIES)) as client:
        client.headers.update(await key(pool, *ALL))
        yield client


async def put(api, name, content=LIST, query="", headers=None):
    address = f"/api/campaigns/{name}/recipients{query}"
    return await api.put(address, content=content, headers=CSV | (headers or {}))


async def act(api, name, step, headers=None, **given):
    return await api.post(f"/api/campaigns/{name}/{step}", headers=headers, **given)


async def customers(pool):
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO customer (phone, name)"
            " VALUES ('+12125550100', 'Ann'), ('+12125550101', 'Bo')"
        )


async def test_from_an_uploaded_list_to_its_results(api, context, pool, database_url):
    made = await api.post("/api/campaigns", json=CLOSED)
    assert (made.status_code, made.json()["state"], made.json()["audience"]) == (201, "draft", None)
    filled = (await put(api, "closed")).json()
    assert (filled["state"], filled["text"]) == ("ready", "Harbor Eye Care: we are closed, {name}.")
    assert filled["audience"] == {
        "query": None,
        "taken": 2,
        "duplicates": 1,
        "rejected": 1,
        "rejections": [{"line": 4, "why": "not a phone number"}],
    }
    await tell(pool, said("+12125550101", Direction.REVOKE))
    shown = (await act(api, "closed", "preview")).json()
    assert (shown["recipients"], shown["sent"], shown["refused"]) == (
        *(2, 1, {"notice.opted-out": 1}),
    )
    assert shown["samples"] == ["Harbor Eye Care: we are closed, Ann."]
    assert shown["costs"] == [{"amount": "0.0079", "currency": "USD"}]
    assert await rows(pool, "SELECT FROM outbound_text") == []

    with capture_logs() as lines:
        assert (await act(api, "closed", "start")).json()["state"] == "running"
    step = {"event": "api.campaign-step", "step": "started", "campaign": "closed", "caller": "crm"}
    assert any(step.items() <= line.items() for line in lines)
    await advance(pool, context.desk, context.clock.now())
    async with delivery_worker(pool, database_url, ScriptedGateway()):
        await until(lambda: rows(pool, "SELECT FROM outbound_text WHERE state = 'sent'"))
    await advance(pool, context.desk, context.clock.now() + timedelta(minutes=1))
    told = (await api.get("/api/campaigns/closed")).json()
    assert (told["state"], told["recipients"]) == ("done", {"enqueued": 1, "notice.opted-out": 1})
    assert [(one["actor"], one["action"]) for one in told["history"]] == [
        *(("crm", "created"), ("crm", "edited"), ("crm", "ready")),
        *(("crm", "started"), ("linnet", "done")),
    ]
    found = (await api.get("/api/campaigns/closed/results")).json()
    assert (found["texts"], found["replied"], found["segments"]) == ({"sent": 1}, 0, 1)
    (listed,) = (await api.get("/api/campaigns")).json()["campaigns"]
    assert listed["name"] == "closed"


async def test_recipients_of_a_query(api, pool):
    await customers(pool)
    order = CLOSED | {"audience": {"query": "everybody"}, "starts_at": "2026-12-01T10:00"}
    made = (await api.post("/api/campaigns", json=order)).json()
    assert (made["state"], made["audience"]["taken"], made["audience"]["query"]) == (
        *("ready", 2, "everybody"),
    )
    assert made["starts_at"] == "2026-12-01T10:00:00"
    some = {"query": "named", "parameters": {"who": "Bo"}}
    order = CLOSED | {"name": "one", "audience": some, "starts_at": "2026-12-01T10:00:00-05:00"}
    made = (await api.post("/api/campaigns", json=order)).json()
    assert (made["audience"]["taken"], made["starts_at"]) == (1, "2026-12-01T15:00:00Z")


async def test_a_template_is_taken_with_its_class(api):
    made = (await api.post("/api/campaigns", json={"name": "one", "template": "sale"})).json()
    assert (made["class"], made["text"]) == ("marketing", "Harbor Eye Care: lenses are cheap.")


async def test_an_alert_needs_two_other_keys(api, pool):
    names = ("bo", "Bo2", "cy")
    bo, spare, cy = [await key(pool, Scope.CAMPAIGNS_APPROVE, name=name) for name in names]
    own = await key(pool, *ALL, name="CRM")  # the same name in capitals
    await api.post("/api/campaigns", json=ALERT)
    await put(api, "alert")
    refused = await act(api, "alert", "start")
    assert (refused.status_code, refused.json()["code"]) == (409, "campaign.step")
    assert "2 people" in refused.json()["detail"]
    for header in (None, own):
        assert (await act(api, "alert", "approve", header)).status_code == 409
    once = await act(api, "alert", "approve", bo)
    assert (once.json()["approved_by"], once.json()["approvals_missing"]) == (["bo"], 1)
    assert (await act(api, "alert", "approve", bo)).status_code == 409
    assert (await act(api, "alert", "start")).status_code == 409
    await put(api, "alert")  # voids it
    for header in (bo, cy):
        assert (await act(api, "alert", "approve", header)).status_code == 200
    assert (await act(api, "alert", "approve", spare)).status_code == 200
    assert (await act(api, "alert", "start")).json()["state"] == "running"
    steps = (await api.get("/api/campaigns/alert")).json()["history"]
    assert [(one["actor"], one["version"]) for one in steps if one["action"] == "approved"] == [
        *(("bo", 1), ("bo", 2), ("cy", 2), ("Bo2", 2)),
    ]


async def test_paused_resumed_aborted_and_each_step_once(api, context, pool):
    await api.post("/api/campaigns", json=CLOSED)
    await put(api, "closed")
    await act(api, "closed", "start")
    assert (await act(api, "closed", "start")).status_code == 409
    await advance(pool, context.desk, context.clock.now())
    paused = (await act(api, "closed", "pause")).json()
    assert paused == {"state": "paused", "taken_back": 2}
    assert (await act(api, "closed", "resume")).json()["state"] == "running"
    await advance(pool, context.desk, context.clock.now() + timedelta(minutes=1))
    aborted = (await act(api, "closed", "abort", json={"why": "wrong day"})).json()
    assert aborted == {"state": "aborted", "taken_back": 2}
    assert (await act(api, "closed", "abort")).status_code == 409
    last = (await api.get("/api/campaigns/closed")).json()["history"][-1]
    assert (last["action"], last["detail"]) == ("aborted", "wrong day")


BAD = {
    "name": (CLOSED | {"name": "Not so"}, 422, "name: "),
    "nothing to say": ({"name": "a"}, 422, "say what to text"),
    "reminder": (CLOSED | {"class": "reminder"}, 422, "a campaign is marketing"),
    "both": (CLOSED | {"template": "sale"}, 422, "not both"),
    "unknown template": ({"name": "a", "template": "sal"}, 422, "did you mean sale"),
    "unknown query": (CLOSED | {"audience": {"query": "x"}}, 422, "it has everybody, named"),
    "parameter": (CLOSED | {"audience": {"query": "named"}}, 422, "needs a value for who"),
    "nobody": (CLOSED | {"audience": {"query": "everybody"}}, 422, "nobody to text"),
    "end without offset": (CLOSED | {"expires_at": "2026-12-01T10:00"}, 422, "expires_at: "),
    "start as a number": (CLOSED | {"starts_at": 5}, 422, "starts_at: write a time"),
    "rate": (CLOSED | {"per_minute": 0}, 422, "per_minute: "),
    "brace": (CLOSED | {"text": "{brand} {"}, 422, "a brace stands alone"),
    "opted out": (CLOSED | {"also_opted_out": "x"}, 422, "only an emergency"),
    "field": (CLOSED | {"rate": 5}, 422, "rate: "),
}


async def test_bad_campaigns_are_refused_in_a_sentence_and_nothing_is_kept(api, pool):
    for case, (order, status, why) in BAD.items():
        answer = await api.post("/api/campaigns", json=order)
        assert (case, answer.status_code) == (case, status)
        assert why in answer.json()["detail"], case
        assert (case, await rows(pool, "SELECT FROM campaign")) == (case, [])


async def test_bad_lists_are_refused_and_the_campaign_stays_a_draft(api):
    await api.post("/api/campaigns", json=CLOSED)
    bad = {
        "no column": ("phone\n+12125550100\n", 422, "no column 'name'"),
        "nobody": ("phone,name\nx,Ann\n", 422, "line 2: not a phone number"),
        "empty": ("", 422, "no column 'phone'"),
        "no UTF-8": (b"phone,name\n+12125550100,\xff\n", 422, "not UTF-8"),
        "quote": ('phone,name\n+12125550100,"Ann\n', 422, "unexpected end"),
        "large": (b"x" * (LARGEST_CSV + 1), 413, "divide it"),
    }
    for case, (content, status, why) in bad.items():
        answer = await put(api, "closed", content)
        assert (case, answer.status_code) == (case, status)
        assert why in answer.json()["detail"], case
    assert (await api.get("/api/campaigns/closed")).json()["state"] == "draft"
    assert (await act(api, "closed", "start")).status_code == 409
    assert (await put(api, "closed", query="?phone_column=tel")).status_code == 422
    assert (await put(api, "closed", query="?region=usa")).status_code == 422
    wrong = await api.put("/api/campaigns/closed/recipients", json={"phone": "x"})
    assert (wrong.status_code, wrong.json()["code"]) == (415, "api.wrong-type")
    elsewhere = await api.post("/api/campaigns", content=LIST, headers=CSV)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (415, "api.wrong-type")


async def test_what_there_is_not(api):
    assert (await put(api, "none")).json()["code"] == "campaign.unknown"
    for step in ("preview", "approve", "start", "pause", "resume", "abort"):
        answer = await act(api, "none", step)
        assert (answer.status_code, answer.json()["code"]) == (404, "campaign.unknown")
    for path in ("none", "none/results"):
        assert (await api.get(f"/api/campaigns/{path}")).status_code == 404


async def test_a_name_is_taken_once(api):
    assert (await api.post("/api/campaigns", json=CLOSED)).status_code == 201
    again = await api.post("/api/campaigns", json=CLOSED)
    assert (again.status_code, again.json()["code"]) == (409, "campaign.step")


async def test_a_list_is_read_only_of_whoever_may_give_it(context, pool):
    reader = await key(pool, Scope.CAMPAIGNS_READ, name="reader")
    async with serving(context) as client:
        assert (await put(client, "closed")).status_code == 401
        assert (await put(client, "closed", headers=reader)).status_code == 403
