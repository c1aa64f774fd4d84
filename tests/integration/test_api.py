"""The API over HTTP on a real database; every answer is held against the OpenAPI document."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator
from prometheus_client import REGISTRY
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

import console.jobs
from connectors.credentials import load_settings
from connectors.gateways.base import Accepted, Receipt, Status
from console import notification_table
from console.api_keys import Scope, create, revoke
from console.app import make_app
from console.context import Context
from database.pool import make_pool
from messaging.consent import ConsentEvent, Direction, Method
from messaging.consent_changes import record
from messaging.inbox import store_events
from messaging.jobs import Tools, jobs_app
from messaging.masking import mask
from messaging.retention_periods import RetentionPeriods
from outreach.templates import load_templates
from tests.integration.engine import (
    OURS,
    PHONE,
    Echo,
    ScriptedGateway,
    delivery_worker,
    rows,
    text_in,
    turn_worker,
    until,
)

PROJECT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 25, 17, 0, tzinfo=UTC)
NOTICES = """
ready: {class: transactional, subject: orders, text: "{brand}: your {item} is ready."}
sale: {class: marketing, text: "{brand}: lenses are cheap."}
due: {class: reminder, conversation: true, text: "{brand}: R to reschedule."}
fire: {class: emergency, text: "{brand}: leave the building."}
"""
READY = {"to": PHONE, "template": "ready", "variables": {"item": "order"}}
OWN = {"to": PHONE, "class": "transactional", "text": "Harbor Eye Care: hello"}
ALL = tuple(Scope)
KEPT = "SELECT * FROM outbound_text ORDER BY seq"


class Hands:
    """A clock that is set by hand."""

    def __init__(self, at):
        self.at = at

    def now(self):
        return self.at


@pytest.fixture
def clock():
    return Hands(datetime.now(UTC))


@pytest.fixture
def context(pool, clock, tmp_path, monkeypatch):
    monkeypatch.setenv("LINNET_QUIET_HOURS", "off")
    monkeypatch.setenv("INTELEPEER_WEIGHT", "0")
    monkeypatch.setenv("TWILIO_PRICE_PER_SEGMENT", "0.0079")
    monkeypatch.setenv("TWILIO_PRICE_PER_MEDIA", "0.02")
    settings = load_settings(PROJECT / "credentials.yml")
    (tmp_path / "notices.yml").write_text(NOTICES)
    return Context(
        pool=pool,
        desk=settings.notices,
        templates=load_templates(tmp_path / "notices.yml", settings.common),
        prices=settings.prices,
        requests_per_minute=10_000,
        clock=clock,
    )


def held_against(document):
    """Every answer is one that the document declares, and its body is as declared there."""
    patterns = {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in document["paths"]}

    async def check(answer):
        await answer.aread()
        path = answer.request.url.path
        exact = path if path in patterns else None
        named = exact or next((p for p, like in patterns.items() if like.fullmatch(path)), None)
        operation = document["paths"].get(named, {}).get(answer.request.method.lower())
        assert "x-request-id" in answer.headers
        kind = answer.headers["content-type"]
        assert kind == "application/json" or not answer.is_success
        if operation is None:
            assert answer.status_code in {401, 404, 405, 413, 415, 200}
            return
        declared = operation["responses"][str(answer.status_code)]
        schema = declared["content"][kind]["schema"]
        whole = schema | {"components": document["components"]}
        Draft202012Validator(whole).validate(answer.json())

    return check


@asynccontextmanager
async def serving(context):
    app = make_app(context)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    hooks = {"response": [held_against(app.openapi())]}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://linnet", event_hooks=hooks
    ) as client:
        yield client


async def key(pool, *scopes, name="crm", **given):
    async with pool.connection() as connection:
        given = {"by": "ann", "now": datetime.now(UTC)} | given
        _, secret = await create(connection, name, scopes, **given)
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
async def api(context, pool):
    async with serving(context) as client:
        client.headers.update(await key(pool, *ALL))
        yield client


async def test_a_text_is_taken_sent_and_followed(api, pool, database_url):
    answer = await api.post("/api/notifications", json=READY)
    assert answer.status_code == 202
    taken = answer.json()
    assert (taken["state"], taken["segments"], taken["held"], taken["warnings"]) == (
        *("pending", 1, None, []),
    )
    assert taken["cost"] == {"amount": "0.0079", "currency": "USD"}
    gateway = ScriptedGateway(Accepted("SM1"))
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: rows(pool, "SELECT FROM outbound_text WHERE state = 'sent'"))
    assert [sent.body for sent in gateway.sent] == ["Harbor Eye Care: your order is ready."]
    receipt = Receipt("SM1", Status.DELIVERED, "delivered")
    await store_events(pool, "twilio", [receipt], datetime.now(UTC), burst_seconds=1)
    told = (await api.get(f"/api/notifications/{taken['id']}")).json()
    assert (told["state"], told["to"], told["from"], told["template"], told["gateway"]) == (
        *("delivered", PHONE, OURS, "ready", "twilio"),
    )
    (text,) = told["texts"]
    assert {"created", "accepted", "receipt"} <= {event["what"] for event in text["events"]}
    (page,) = (await api.get("/api/notifications?state=delivered")).json()["notifications"]
    assert page["id"] == taken["id"]
    assert (await api.get("/api/notifications?state=pending")).json()["notifications"] == []


async def test_everything_that_can_be_said_reaches_the_outbox(api, pool, clock):
    order = {
        **OWN,
        "class": "reminder",
        "subject": "lenses",
        "from": OURS,
        "media": ["https://example.com/map.png"],
        "not_after": (clock.at + timedelta(hours=2)).isoformat(),
        "conversation": {"answers": {"c": "/affirm"}, "slots": {"service": "eye_exam"}},
    }
    taken = (await api.post("/api/notifications", json=order)).json()
    assert taken["cost"] == {"amount": "0.02", "currency": "USD"}
    (text,) = await rows(pool, KEPT)
    assert (text["subject"], text["sender"], text["lane"]) == ("lenses", OURS, 2)
    assert text["media"][0]["url"] == "https://example.com/map.png"
    assert abs(text["not_after"] - clock.at - timedelta(hours=2)) < timedelta(minutes=1)


async def test_an_answer_means_what_was_said(api, pool, database_url):
    order = {**OWN, "conversation": {"answers": {"c": "/affirm"}}}
    await api.post("/api/notifications", json=order)
    async with delivery_worker(pool, database_url, ScriptedGateway()):
        await until(lambda: rows(pool, "SELECT FROM outbound_text WHERE state = 'sent'"))
    echo = Echo()
    async with turn_worker(pool, database_url, echo):
        await text_in(pool, "C")
        await until(lambda: asyncio.sleep(0, echo.turns))
    assert echo.turns[0].payload == "/affirm"


async def test_a_text_for_later_is_held_followed_and_taken_back(api, pool, clock):
    at = (clock.at + timedelta(days=2)).replace(microsecond=0)
    there = at.astimezone(timezone(timedelta(hours=-5))).isoformat()
    order = {**OWN, "send_at": there, "conversation": {"answers": {"c": "/affirm"}}}
    shown = (await api.post("/api/notifications/preview", json={**OWN, "send_at": there})).json()
    taken = (await api.post("/api/notifications", json=order)).json()
    told = (await api.get(f"/api/notifications/{taken['id']}")).json()
    for one in (shown, taken, told):
        assert one["held"]["code"] == "scheduled"
        assert "as asked" in one["held"]["reason"]
        until_then = datetime.fromisoformat(one["held"]["until"]) - at
        assert abs(until_then) < timedelta(seconds=30)
    (opening,) = await rows(pool, "SELECT expires_at FROM opening")
    assert opening["expires_at"] == at + timedelta(days=3)
    gone = await api.post(f"/api/notifications/{taken['id']}/withdraw")
    assert gone.json() == {"withdrawn": [taken["id"]], "stays": []}


async def test_a_template_has_class_and_subject(api, pool):
    await api.post("/api/notifications", json=READY)
    (text,) = await rows(pool, KEPT)
    assert (text["subject"], text["lane"]) == ("orders", 2)


async def test_a_long_text_is_one_notification(api, pool):
    words = " ".join(["Harbor Eye Care says hello"] * 100)
    taken = (await api.post("/api/notifications", json={**OWN, "text": words})).json()
    assert [text["part"] for text in taken["texts"]] == [1, 2]
    assert taken["segments"] == sum(text["segments"] for text in taken["texts"])
    second = taken["texts"][1]["id"]
    given = {"id": second}
    await rows_set(pool, "UPDATE outbound_text SET state = 'failed', error_code = '30007', "
                   "error_staff = 'blocked' WHERE id = %(id)s", given)  # fmt: skip
    told = (await api.get(f"/api/notifications/{taken['id']}")).json()
    assert told["state"] == "failed"
    assert told["texts"][1]["error"] == {"code": "30007", "staff": "blocked"}
    (found,) = (await api.get("/api/notifications?state=failed")).json()["notifications"]
    assert found["id"] == taken["id"]
    assert (await api.get("/api/notifications?state=pending")).json()["notifications"] == []


async def rows_set(pool, statement, values):
    async with pool.connection() as connection:
        await connection.execute(statement, values)


async def test_one_key_twenty_requests_one_text(api, pool):
    requests = [
        api.post("/api/notifications", json=READY, headers={"Idempotency-Key": "order-1"})
        for _ in range(20)
    ]
    answers = await asyncio.gather(*requests)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    replayed = Counter(answer.headers.get("idempotent-replayed") for answer in answers)
    assert replayed == {None: 1, "true": 19}
    assert len(await rows(pool, KEPT)) == 1
    assert len(await rows(pool, "SELECT FROM notification")) == 1


async def test_the_same_key_stands_for_one_request_of_one_caller(api, pool, clock):
    named = {"Idempotency-Key": "order-1"}
    first = await api.post("/api/notifications", json=READY, headers=named)
    spaced = json.dumps(dict(reversed(READY.items())), indent=4)
    typed = named | {"Content-Type": "application/json; charset=utf-8"}
    again = await api.post("/api/notifications", content=spaced, headers=typed)
    assert (again.status_code, again.json()) == (202, first.json())
    other = {**READY, "variables": {"item": "lens"}}
    refused = await api.post("/api/notifications", json=other, headers=named)
    assert (refused.status_code, refused.json()["code"]) == (422, "api.idempotency-key-reused")
    theirs = await key(pool, *ALL, name="shop")
    answer = await api.post("/api/notifications", json=other, headers=named | theirs)
    assert answer.status_code == 202
    assert len(await rows(pool, KEPT)) == 2
    clock.at += timedelta(hours=24, seconds=1)
    later = {**READY, "variables": {"item": "frame"}}
    assert (await api.post("/api/notifications", json=later, headers=named)).status_code == 202
    plan = load_settings(PROJECT / "credentials.yml").worker_plan
    assert console.jobs.register in plan.jobs
    app = jobs_app(pool, Tools({}, None, clock, RetentionPeriods()), [console.jobs.register])
    await app.tasks["linnet.forget-api-requests"](timestamp=0)
    assert len(await rows(pool, "SELECT FROM api_request")) == 1


async def test_a_refusal_is_replayed_and_a_wrong_request_is_not(api, pool):
    named = {"Idempotency-Key": "order-1"}
    wrong = await api.post("/api/notifications", json={**READY, "template": "x"}, headers=named)
    assert wrong.status_code == 422
    await text_in(pool, "hi")
    await rows_set(pool, "UPDATE conversation SET opted_out_at = now()", {})
    for _ in range(2):
        refused = await api.post("/api/notifications", json=READY, headers=named)
        assert (refused.status_code, refused.json()["code"]) == (409, "notice.opted-out")
        await rows_set(pool, "UPDATE conversation SET opted_out_at = NULL", {})
    assert refused.headers["idempotent-replayed"] == "true"
    assert refused.headers["content-type"] == "application/problem+json"
    assert await rows(pool, KEPT) == []


async def test_what_breaks_half_way_leaves_nothing(api, pool, monkeypatch):
    async def broken(*_):
        raise RuntimeError("a bug")

    named = {"Idempotency-Key": "order-1"}
    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(notification_table, "texts", broken)
        answer = await api.post("/api/notifications", json=READY, headers=named)
    assert (answer.status_code, answer.json()["code"]) == (500, "api.broken")
    assert "bug" not in answer.text
    assert [line["event"] for line in lines].count("api.broken") == 1
    for table in ("outbound_text", "api_request", "notification"):
        assert await rows(pool, f"SELECT FROM {table}") == []
    assert (await api.post("/api/notifications", json=READY, headers=named)).status_code == 202


async def test_a_duplicate_is_told_and_kept_as_failed(api, pool):
    await api.post("/api/notifications", json=READY)
    again = await api.post("/api/notifications", json=READY)
    told = again.json()
    assert again.status_code == 409
    assert told["code"] == "error.platform.message-limiter.duplicate-message-sent"
    report = (await api.get(f"/api/notifications/{told['id']}")).json()
    assert (report["state"], report["texts"][0]["error"]["code"]) == ("failed", told["code"])
    trial = await api.post("/api/notifications", json={**READY, "dry_run": True})
    assert trial.status_code == 200


async def test_marketing_needs_consent(api, pool):
    refused = await api.post("/api/notifications", json={"to": PHONE, "template": "sale"})
    assert (refused.status_code, refused.json()["code"]) == (409, "notice.no-consent")
    now = datetime.now(UTC)
    grant = ConsentEvent(
        phone=PHONE, direction=Direction.GRANT, scope="all", method=Method.WEB, actor="ann",
        recorded_at=now, captured_at=now, zone="UTC", disclosure="You agree to texts.",
    )  # fmt: skip
    async with pool.connection() as connection, connection.transaction():
        await record(connection, [grant])
    taken = await api.post("/api/notifications", json={"to": PHONE, "template": "sale"})
    assert taken.status_code == 202
    (text,) = await rows(pool, KEPT)
    assert text["lane"] == 3


async def test_a_dry_run_and_a_preview_leave_nothing(api, pool):
    trial = await api.post(
        "/api/notifications", json={**READY, "dry_run": True}, headers={"Idempotency-Key": "a"}
    )
    told = trial.json()
    assert (trial.status_code, told["dry_run"], told["id"]) == (200, True, None)
    assert told["segments"] == 1
    question = {**OWN, "text": "Harbor Eye Care: “bonjour”, лінзи? Reply YES"}
    shown = (await api.post("/api/notifications/preview", json=question)).json()
    assert shown["gateway"] == "twilio"
    assert shown["from"] == OURS
    assert [one["gateway"] for one in shown["gateways"]] == ["twilio", "intelepeer"]
    (text,) = shown["gateways"][0]["texts"]
    assert text["encoding"] == "ucs2"
    assert "л" in text["offending"]
    assert len(shown["warnings"]) == 2
    assert shown["gateways"][1]["cost"] is None
    for table in ("outbound_text", "api_request", "notification", "conversation"):
        assert await rows(pool, f"SELECT FROM {table}") == []
    await text_in(pool, "hi")
    await rows_set(pool, "UPDATE conversation SET opted_out_at = now()", {})
    shown = (await api.post("/api/notifications/preview", json=READY)).json()
    assert shown["refused"]["code"] == "notice.opted-out"
    assert shown["text"] == "Harbor Eye Care: your order is ready."


async def test_what_quiet_hours_hold_says_until_when_and_why(context, pool, clock, monkeypatch):
    monkeypatch.setenv("LINNET_QUIET_HOURS", "enforce")
    clock.at = datetime.now(UTC).replace(hour=7, minute=0)  # before dawn in New York
    settings = load_settings(PROJECT / "credentials.yml")
    async with serving(replace(context, desk=settings.notices)) as client:
        client.headers.update(await key(pool, *ALL))
        shown = (await client.post("/api/notifications/preview", json=READY)).json()
        taken = (await client.post("/api/notifications", json=READY)).json()
    for told in (shown, taken):
        assert told["held"]["code"] == "quiet-hours"
        assert "courtesy" in told["held"]["reason"]
        assert datetime.fromisoformat(told["held"]["until"]) > clock.at
    assert taken["state"] == "pending"


async def test_what_waits_can_be_taken_back_once(api, pool):
    taken = (await api.post("/api/notifications", json=READY)).json()
    address = f"/api/notifications/{taken['id']}/withdraw"
    assert (await api.post(address)).json() == {"withdrawn": [taken["id"]], "stays": []}
    assert (await api.post(address)).json() == {"withdrawn": [], "stays": [taken["id"]]}
    (text,) = await rows(pool, KEPT)
    assert text["state"] == "failed"
    told = (await api.get(f"/api/notifications/{taken['id']}")).json()
    assert "API key" in json.dumps(told["texts"][0]["events"])


async def test_pages_are_walked_by_key(api):
    ids = []
    for n in range(7):
        order = {**OWN, "to": f"+1212555010{n % 2}", "text": f"Harbor: {n}"}
        ids.append((await api.post("/api/notifications", json=order)).json()["id"])
    seen, after = [], ""
    for _ in range(3):
        page = (await api.get(f"/api/notifications?limit=3{after}")).json()
        seen += [one["id"] for one in page["notifications"]]
        after = f"&after={page['next']}"
    assert seen == ids[::-1]
    assert page["next"] is None
    other = (await api.get("/api/notifications?to=%2B12125550101")).json()
    assert [one["id"] for one in other["notifications"]] == ids[1::2][::-1]


async def test_templates_are_listed_with_what_they_need(api):
    told = {one["name"]: one for one in (await api.get("/api/templates")).json()["templates"]}
    assert told["ready"] == {
        "name": "ready",
        "class": "transactional",
        "subject": "orders",
        "conversation": False,
        "text": "{brand}: your {item} is ready.",
        "variables": ["item"],
        "warnings": [],
    }
    assert told["due"]["conversation"]


BAD = {
    "no phone": ({**OWN, "to": "hello"}, 422, "to: this is no phone number"),
    "national": ({**OWN, "to": "(212) 555-0100"}, 422, "write one as +12125550100"),
    "spaced": ({**OWN, "to": "+1 212 555 0100"}, 422, "write the number in E.164"),
    "too short": ({**OWN, "to": "+1212"}, 422, "no phone number"),
    "number": ({**OWN, "to": 12125550100}, 422, "to: "),
    "nothing": ({"to": PHONE}, 422, "either template or text"),
    "both": ({**OWN, **READY}, 422, "either template or text"),
    "no class": ({"to": PHONE, "text": "hi"}, 422, "a text needs its class"),
    "class of a template": ({**READY, "class": "reminder"}, 422, "leave class out"),
    "other class": ({**OWN, "class": "spam"}, 422, "class: "),
    "variables of a text": ({**OWN, "variables": {"a": "b"}}, 422, "only a template"),
    "blank": ({**OWN, "text": " \n"}, 422, "text: this is empty"),
    "long": ({**OWN, "text": "a" * 5001}, 422, "text: "),
    "unknown field": ({**OWN, "bcc": PHONE}, 422, "bcc: "),
    "unknown template": ({"to": PHONE, "template": "redy"}, 422, "did you mean ready"),
    "missing variable": ({"to": PHONE, "template": "ready"}, 422, "needs item"),
    "unknown variable": (
        {**READY, "variables": {"item": "a", "x": "b"}}, 422, "does not know x",
    ),
    "number as value": ({**READY, "variables": {"item": 7}}, 422, "variables.item: "),
    "foreign number": ({**OWN, "from": "+12125550199"}, 422, "is none of our numbers"),
    "file": ({**OWN, "media": ["/etc/passwd"]}, 422, "media.0: write an address"),
    "naive time": ({**OWN, "not_after": "2030-01-01T12:00:00"}, 422, "not_after: "),
    "over": ({**OWN, "not_after": "2020-01-01T12:00:00Z"}, 422, "not_after is over"),
    "numeric time": ({**OWN, "send_at": 1893456000}, 422, "send_at: write a time with its offset"),
    "send_at without offset": ({**OWN, "send_at": "2030-01-01T12:00:00"}, 422, "send_at: "),
    "send_at over": ({**OWN, "send_at": "2020-01-01T12:00:00Z"}, 422, "leave it out"),
    "too far": ({**OWN, "send_at": "2120-01-01T12:00:00Z"}, 422, "30 days ahead"),
    "emergency": ({**OWN, "class": "emergency"}, 422, "two people"),
    "emergency template": ({"to": PHONE, "template": "fire"}, 422, "two people"),
    "no meaning": ({"to": PHONE, "template": "due"}, 422, "say in conversation"),
    "upper answer": (
        {**OWN, "conversation": {"answers": {"C": "/affirm"}}}, 422, "in lower case",
    ),
    "short conversation": ({**OWN, "conversation": {"expires_in": 1}}, 422, "expires_in: "),
    "dry": ({**OWN, "dry_run": "yes"}, 422, "dry_run: "),
    "list": ([], 422, ""),
    "null": (None, 422, ""),
    "NUL": ({**OWN, "text": "a\0b"}, 400, "NUL"),
    "surrogate": (b'{"to": "\\ud800"}', 400, "surrogate"),
    "not finite": ({**OWN, "conversation": {"slots": {"a": float("inf")}}}, 400, "finite"),
    "huge": (b'{"a": 1e999}', 400, "finite"),
    "digits": (b'{"a": ' + b"1" * 5000 + b"}", 400, "not JSON"),
    "deep": (b"[" * 60_000, 400, "not JSON"),
    "deep and closed": (b"[" * 30 + b"]" * 30, 400, "deeper"),
    "no JSON": (b"to=+12125550100", 400, "not JSON"),
    "no UTF-8": (b'{"to": "\xff"}', 400, "not JSON"),
    "empty": (b"", 422, ""),
    "larger": (b" " * 20_000_000, 413, "65536 bytes"),
    "large": (b" " * 70_000, 413, "65536 bytes"),
}  # fmt: skip


async def test_bad_input_is_refused_in_a_sentence_and_nothing_is_kept(api, pool):
    given = {"Content-Type": "application/json", "Idempotency-Key": "a"}
    for case, (body, status, said) in BAD.items():
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await api.post("/api/notifications", content=content, headers=given)
        assert (case, answer.status_code) == (case, status)
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"], case
        assert answer.json()["staff"]
        for table in ("outbound_text", "conversation", "api_request"):
            assert (case, await rows(pool, f"SELECT FROM {table}")) == (case, [])


async def test_other_requests_that_are_none(api):
    form = await api.post("/api/notifications", data={"to": PHONE})
    assert (form.status_code, form.json()["code"]) == (415, "api.wrong-type")
    for path in ("/api/x", "/", "/api/notifications/", "/docs"):
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "api.not-found")
    wrong = await api.put("/api/notifications", json={})
    assert (wrong.status_code, wrong.json()["code"]) == (405, "api.wrong-method")
    for query in ("to=212", "state=lost", "after=1", "limit=0", "limit=101"):
        assert (await api.get(f"/api/notifications?{query}")).status_code == 422
    for missing in ("019ab0d5-0000-7000-8000-000000000000", "x"):
        answer = await api.get(f"/api/notifications/{missing}")
        assert answer.status_code == (422 if missing == "x" else 404)
    for name in ("", "a b", "é", "a" * 256):
        named = {"Idempotency-Key": name.encode("latin-1")}
        answer = await api.post("/api/notifications", json=READY, headers=named)
        assert (answer.status_code, answer.json()["code"]) == (422, "api.invalid")


ROUTES = {
    ("POST", "/api/notifications"): Scope.NOTIFICATIONS_WRITE,
    ("GET", "/api/notifications"): Scope.NOTIFICATIONS_READ,
    ("GET", "/api/notifications/{id}"): Scope.NOTIFICATIONS_READ,
    ("POST", "/api/notifications/{id}/withdraw"): Scope.NOTIFICATIONS_WRITE,
    ("POST", "/api/notifications/preview"): Scope.NOTIFICATIONS_READ,
    ("GET", "/api/templates"): Scope.TEMPLATES_READ,
    ("GET", "/api/campaigns"): Scope.CAMPAIGNS_READ,
    ("POST", "/api/campaigns"): Scope.CAMPAIGNS_WRITE,
    ("GET", "/api/campaigns/{name}"): Scope.CAMPAIGNS_READ,
    ("PUT", "/api/campaigns/{name}/recipients"): Scope.CAMPAIGNS_WRITE,
    ("POST", "/api/campaigns/{name}/preview"): Scope.CAMPAIGNS_READ,
    ("POST", "/api/campaigns/{name}/approve"): Scope.CAMPAIGNS_APPROVE,
    ("POST", "/api/campaigns/{name}/start"): Scope.CAMPAIGNS_WRITE,
    ("POST", "/api/campaigns/{name}/pause"): Scope.CAMPAIGNS_WRITE,
    ("POST", "/api/campaigns/{name}/resume"): Scope.CAMPAIGNS_WRITE,
    ("POST", "/api/campaigns/{name}/abort"): Scope.CAMPAIGNS_WRITE,
    ("GET", "/api/campaigns/{name}/results"): Scope.CAMPAIGNS_READ,
}


async def test_a_route_wants_its_scope_and_no_other(context, pool):
    callers = {scope: await key(pool, scope, name=scope) for scope in Scope}
    async with serving(context) as client:
        for (method, path), wanted in ROUTES.items():
            address = path.replace("{id}", "019ab0d5-0000-7000-8000-000000000000")
            address = address.replace("{name}", "none")
            body = {} if method == "GET" else {"json": OWN}
            if address.endswith("none/abort"):
                body = {}
            none = await client.request(method, address, **body)
            assert (none.status_code, none.json()["code"]) == (401, "api.unauthenticated")
            assert none.headers["www-authenticate"] == "Bearer"
            for scope, header in callers.items():
                answer = await client.request(method, address, headers=header, **body)
                if scope is wanted:
                    assert answer.status_code in {200, 202, 404, 415, 422}
                else:
                    assert (answer.status_code, answer.json()["code"]) == (
                        *(403, "api.scope-missing"),
                    )


async def test_the_document_names_every_route_and_its_scope(context):
    async with serving(context) as client:
        document = (await client.get("/api/openapi.json")).json()
    assert document["info"]["title"] == "Linnet"
    found = {
        (method.upper(), path): operation.get("security")
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert found.pop(("GET", "/api/health")) is None
    names = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]
    assert "send_notification" in names
    assert len(set(names)) == len(names)
    assert found == {route: [{"apiKey": [scope]}] for route, scope in ROUTES.items()}
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    orders = document["components"]["schemas"]["NotificationOrder"]
    assert orders["properties"]["dry_run"]["description"] == "Whether to do all of it and undo it."
    assert orders["properties"].keys() >= {"class", "from", "to", "conversation"}
    for example in orders["examples"]:
        Draft202012Validator(orders | {"components": document["components"]}).validate(example)


async def test_keys_that_are_none_or_no_more(context, pool, clock):
    good = await key(pool, *ALL, name="good")
    expired = await key(pool, *ALL, name="old", expires_at=clock.at + timedelta(seconds=1))
    revoked = await key(pool, *ALL, name="gone")
    async with pool.connection() as connection:
        assert await revoke(connection, "gone", by="ann", now=clock.at) is not None
    clock.at += timedelta(seconds=2)
    secret = good["Authorization"]
    wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    tried = {
        "Bearer x": "no key of ours",
        "Basic eDp5": "send a key",
        wrong: "no key of ours",
        secret.replace("lk_", "lk_00"): "no key of ours",
        expired["Authorization"]: "expired",
        revoked["Authorization"]: "revoked",
    }
    async with serving(context) as client:
        for header, said in tried.items():
            answer = await client.get("/api/templates", headers={"Authorization": header})
            assert answer.status_code == 401
            assert said in answer.json()["detail"]
        assert (await client.get("/api/templates", headers=good)).is_success
    (row,) = await rows(pool, "SELECT * FROM api_key WHERE name = 'good'")
    assert row["last_used_at"] == clock.at
    assert secret.removeprefix("Bearer ").encode() not in row["digest"]


async def test_too_many_requests_wait(context, pool, clock):
    async with serving(replace(context, requests_per_minute=60)) as client:
        client.headers.update(await key(pool, *ALL))
        answers = await asyncio.gather(*(client.get("/api/templates") for _ in range(70)))
        assert Counter(answer.status_code for answer in answers) == {200: 60, 429: 10}
        limited = next(answer for answer in answers if answer.status_code == 429)
        assert limited.json()["code"] == "api.rate-limited"
        clock.at += timedelta(seconds=int(limited.headers["retry-after"]))
        assert (await client.get("/api/templates")).status_code == 200
        assert (await client.get("/api/templates")).status_code == 429
        other = await key(pool, *ALL, name="shop")
        assert (await client.get("/api/templates", headers=other)).status_code == 200


async def test_without_the_database_nothing_is_done_and_it_says_so(context):
    gone = make_pool("postgresql://linnet@127.0.0.1:1/none")
    await gone.open(wait=False)
    try:
        async with serving(replace(context, pool=gone)) as client:
            header = {"Authorization": f"Bearer lk_000000000000_{'a' * 43}"}
            answer = await client.post("/api/notifications", json=READY, headers=header)
            assert (answer.status_code, answer.json()["code"]) == (503, "database.unavailable")
            assert answer.headers["retry-after"] == "5"
            assert answer.json()["retry"] is True
            assert (await client.get("/api/health")).status_code == 503
    finally:
        await gone.close()


async def test_requests_are_counted_by_route_and_status(api):
    def count(route, status):
        labels = {"method": "GET", "route": route, "status": status}
        return REGISTRY.get_sample_value("linnet_api_requests_total", labels) or 0

    asked = ("/api/notifications/{id}", "404"), ("none", "404")
    before = [count(*one) for one in asked]
    await api.get("/api/notifications/019ab0d5-0000-7000-8000-000000000000")
    await api.get("/api/nothing")
    assert [count(*one) for one in asked] == [one + 1 for one in before]


async def test_health_needs_no_key(context):
    async with serving(context) as client:
        assert (await client.get("/api/health")).json() == {"status": "ok", "database": True}


async def test_the_log_has_no_number_no_word_and_no_secret(api, monkeypatch):
    async def broken(*_):
        raise RuntimeError(f"Key (body)=(Harbor Eye Care: hello again) to {PHONE}")

    with capture_logs(processors=[format_exc_info, mask]) as lines:
        await api.post("/api/notifications", json=OWN)
        await api.get(f"/api/notifications?to={PHONE.replace('+', '%2B')}")
        monkeypatch.setattr(notification_table, "texts", broken)
        await api.post("/api/notifications", json={**OWN, "text": "Harbor Eye Care: hello again"})
    said = json.dumps(lines)
    assert [line["event"] for line in lines] == [
        *("api.notification-taken", "api.answered", "api.answered"),
        *("api.broken", "api.answered"),
    ]
    assert "RuntimeError" in said
    assert lines[1] == lines[1] | {"caller": "crm", "route": "/api/notifications", "status": 202}
    for secret in (api.headers["Authorization"][10:], PHONE, "hello", "order"):
        assert secret not in said
