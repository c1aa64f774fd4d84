"""The webhook handler and the web server around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import psycopg
import pytest
from prometheus_client import REGISTRY
from sanic import Sanic
from sanic.compat import Header
from sanic.request import Request
from starlette.applications import Starlette

from connectors import webhooks
from connectors.gateways.base import Inbound, Media, WebhookRequest
from connectors.gateways.intelepeer import IntelepeerGateway, IntelepeerSettings
from connectors.gateways.numbers import e164
from connectors.gateways.twilio import TwilioGateway, TwilioSettings
from connectors.ingress import make_app
from connectors.webhooks import LONGEST_BODY, WebhookHandler
from messaging.errors import DatabaseUnavailable
from messaging.spool import Spool
from tests.gateways.inbox import NOW, FixedClock, Inbox, settings_for
from tests.gateways.test_twilio import FORM, SID, TOKEN, fields, post, sign

OURS, INTELEPEER_OURS = "+12125550142", "+12125550143"
TWILIO = TwilioGateway(TwilioSettings(SID, (TOKEN,), (OURS, "12345"), "https://sms.example.com"))
INTELEPEER = IntelepeerGateway(IntelepeerSettings(("s",), (INTELEPEER_OURS,), token="t"))
SETTINGS = settings_for(TWILIO, INTELEPEER)
RECEIPT = [("MessageSid", "SM9"), ("MessageStatus", "sent"), ("AccountSid", SID)]


def handler(inbox: Inbox, spool: Spool | None = None) -> WebhookHandler:
    return WebhookHandler(SETTINGS, inbox.store, spool, FixedClock())


def counted(gateway: str, kind: str, outcome: str) -> float:
    labels = {"gateway": gateway, "kind": kind, "outcome": outcome}
    return REGISTRY.get_sample_value("linnet_webhooks_total", labels) or 0.0


# -- what is stored ------------------------------------------------------------------------


async def test_text_and_receipt_are_stored_and_answered_as_the_vendor_expects():
    inbox = Inbox()
    for request, kind in [(post(fields()), "inbound"), (post(RECEIPT), "status")]:
        answer = await handler(inbox).handle("twilio", request, kind)
        assert (answer.status, answer.body) == (200, b"<Response/>")
    assert ("twilio", "SM1") in inbox.texts
    assert ("twilio", "SM9", "sent") in inbox.receipts


async def test_what_the_gateway_took_a_text_for_is_stored():
    inbox = Inbox()
    await handler(inbox).handle("twilio", post(fields(OptOutType="STOP")), "inbound")
    assert inbox.texts["twilio", "SM1"].opt_out_type == "STOP"


async def test_content_decides_and_not_the_address():
    inbox = Inbox()
    await handler(inbox).handle("twilio", post(fields()), "status")
    await handler(inbox).handle("twilio", post(RECEIPT), "inbound")
    assert (len(inbox.texts), len(inbox.receipts)) == (1, 1)


@pytest.mark.parametrize(
    ("written", "ours", "read"),
    [
        ("+12125550100", OURS, "+12125550100"),
        ("12125550100", OURS, "+12125550100"),
        ("2125550100", OURS, "+12125550100"),
        ("+2125550100", OURS, "+12125550100"),
        ("+1 (212) 555-0100", OURS, "+12125550100"),
        (" +12125550100 ", OURS, "+12125550100"),
        ("+5125550142", OURS, "+15125550142"),
        ("+447700900123", OURS, "+447700900123"),
        ("07700 900123", "+442079460000", "+447700900123"),
        ("2125550100", "12345", "+12125550100"),
        ("12345", OURS, "12345"),
        ("1-12345", OURS, "1-12345"),
        ("HARBOR", OURS, "HARBOR"),
        ("whatsapp:+12125550100", OURS, "whatsapp:+12125550100"),
        ("+", OURS, "+"),
        ("999999999999999999999999", OURS, "999999999999999999999999"),
    ],
)
def test_numbers_become_e164(written, ours, read):
    assert e164(written, ours) == read


async def test_sender_and_recipient_are_normalised_and_short_codes_stay():
    inbox = Inbox()
    request = post(fields(From="2125550100", To="(212) 555-0142"))
    await handler(inbox).handle("twilio", request, "inbound")
    assert inbox.texts["twilio", "SM1"].sender == "+12125550100"
    assert inbox.texts["twilio", "SM1"].recipient == OURS
    await handler(inbox).handle("twilio", post(fields(To="12345", MessageSid="SM2")), "inbound")
    assert inbox.texts["twilio", "SM2"].recipient == "12345"


async def test_what_postgresql_cannot_hold_is_taken_out():
    inbox = Inbox()
    form = fields(Body="a\x00\ud83d", NumMedia="1", MediaUrl0="https://x\x00", From="\x00+1")
    body = urlencode(form, errors="surrogatepass").encode()
    request = WebhookRequest("POST", "https://sms.example.com/", {"content-type": FORM}, body, NOW)
    lenient = WebhookHandler(
        settings_for(TWILIO, signature="observe"), inbox.store, None, FixedClock()
    )
    await lenient.handle("twilio", request, "inbound")
    stored = inbox.texts["twilio", "SM1"]
    assert "\x00" not in stored.body + stored.sender
    assert stored.media == (Media("https://x", ""),)
    stored.body.encode()


async def test_lone_surrogates_and_nul_in_json():
    inbox = Inbox()
    body = json.dumps(
        {
            "refid": "R1",
            "from": "+12125550100",
            "to": INTELEPEER_OURS,
            "signature": "s",
            "message": "a\ud83d b\x00 \ud83d\udc4d",
        }
    )
    request = WebhookRequest("POST", "https://sms.example.com/", {}, body.encode(), NOW)
    await handler(inbox).handle("intelepeer", request, "inbound")
    assert inbox.texts["intelepeer", "R1"].body == "a\ufffd b 👍"


async def test_nul_in_a_receipt():
    inbox = Inbox()
    form = [*RECEIPT, ("ErrorMessage", "a\x00b"), ("ErrorCode", "")]
    await handler(inbox).handle("twilio", post(form), "status")
    assert inbox.receipts["twilio", "SM9", "sent"].raw["ErrorMessage"] == "ab"


# -- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "request_", "status", "error", "reason"),
    [
        ("vonage", post(fields()), 404, "webhook.unknown-gateway", "unknown-gateway"),
        ("", post(fields()), 404, "webhook.unknown-gateway", "unknown-gateway"),
        ("twilio", post(fields(), signature="x"), 403, "webhook.forbidden", "signature"),
        ("twilio", post(fields(To="+12125550199")), 403, "webhook.forbidden", "number"),
        ("twilio", post(fields(MessageSid=None)), 400, "webhook.malformed", "malformed"),
        ("twilio", post(fields(Body="x" * LONGEST_BODY)), 413, "webhook.too-large", "too-large"),
        (
            "intelepeer",
            WebhookRequest("GET", "https://sms.example.com/", {}, b"", NOW),
            405,
            "webhook.method",
            "method",
        ),
    ],
)
async def test_a_refusal_says_why_stores_nothing_and_is_counted(
    name, request_, status, error, reason
):
    inbox = Inbox()
    label = name if name in SETTINGS.gateways else "unknown"
    before = counted(label, "inbound", reason)
    answer = await handler(inbox).handle(name, request_, "inbound")
    assert answer.status == status
    assert answer.content_type == "application/json"
    said = json.loads(answer.body)
    assert (said["error"], said["reason"]) == (error, reason)
    assert inbox.calls == 0
    assert counted(label, "inbound", reason) == before + 1


# -- with the database away ----------------------------------------------------------------

AWAY = [
    psycopg.OperationalError("away"),
    psycopg.InterfaceError("closed"),
    psycopg.errors.UndefinedTable("not migrated"),
    psycopg.DataError("odd"),
    DatabaseUnavailable("no pool"),
    TypeError("a bug"),
]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
async def test_a_text_goes_to_disk_and_is_acknowledged(tmp_path, error):
    inbox, spool = Inbox(failure=error), Spool(tmp_path)
    before = counted("twilio", "inbound", "spooled")
    answer = await handler(inbox, spool).handle("twilio", post(fields()), "inbound")
    assert (answer.status, answer.body) == (200, b"<Response/>")
    assert spool.pending() == 1
    assert counted("twilio", "inbound", "spooled") == before + 1


async def test_while_older_texts_wait_new_ones_go_behind_them(tmp_path):
    inbox, spool = Inbox(failure=psycopg.OperationalError("away")), Spool(tmp_path)
    here = handler(inbox, spool)
    await here.handle("twilio", post(fields(MessageSid="SM1")), "inbound")
    inbox.failure, inbox.calls = None, 0
    await here.handle("twilio", post(fields(MessageSid="SM2")), "inbound")
    assert inbox.calls == 0
    assert await spool.drain(inbox.store) == 2
    await here.handle("twilio", post(fields(MessageSid="SM3")), "inbound")
    assert [sid for _, sid in inbox.texts] == ["SM1", "SM2", "SM3"]
    assert inbox.calls == 3


async def test_a_database_that_hangs_does_not_hold_up_the_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(webhooks, "STORE_SECONDS", 0.05)
    let_go = asyncio.Event()

    async def hang(*_):
        while not let_go.is_set():  # as a driver does that waits for its own cancellation
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        raise psycopg.OperationalError("gone")

    spool = Spool(tmp_path)
    here = WebhookHandler(SETTINGS, hang, spool, FixedClock())
    async with asyncio.timeout(2):
        answer = await here.handle("twilio", post(fields()), "inbound")
    assert (answer.status, spool.pending()) == (200, 1)
    let_go.set()
    await asyncio.sleep(0.01)


async def test_where_many_are_being_stored_the_next_one_does_not_wait_for_them(tmp_path):
    let_go = asyncio.Event()
    stored: list[str] = []

    async def store(_gateway, events, _received_at):
        await let_go.wait()
        stored.append(events[0].external_id)

    def text(number: int):
        return post(fields(MessageSid=f"SM{number}", From=f"+1212555{number:04}"))

    spool = Spool(tmp_path)
    here = WebhookHandler(SETTINGS, store, spool, FixedClock())
    first = [
        asyncio.create_task(here.handle("twilio", text(number), "inbound"))
        for number in range(webhooks.BUSY)
    ]
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        answer = await here.handle("twilio", text(webhooks.BUSY), "inbound")
    assert (answer.status, spool.pending(), stored) == (200, 1, [])
    let_go.set()
    assert {(await one).status for one in first} == {200}
    assert await spool.drain(store) == 1
    assert sorted(stored) == sorted(f"SM{number}" for number in range(webhooks.BUSY + 1))


async def test_an_attempt_that_is_late_may_still_succeed(tmp_path, monkeypatch):
    monkeypatch.setattr(webhooks, "STORE_SECONDS", 0.05)
    let_go, stored = asyncio.Event(), []

    async def store(_gateway, events, _received_at):
        await let_go.wait()
        stored.append(events[0].external_id)

    here = WebhookHandler(SETTINGS, store, Spool(tmp_path), FixedClock())
    assert (await here.handle("twilio", post(fields()), "inbound")).status == 200
    let_go.set()
    await asyncio.sleep(0.01)
    assert len(stored) == 1  # it was not cancelled: ending it would cost the database more


async def test_a_text_that_goes_to_disk_is_not_overtaken_by_the_next_one(tmp_path, monkeypatch):
    monkeypatch.setattr(webhooks, "STORE_SECONDS", 0.05)
    kept: list[str] = []

    async def store(_gateway, events, _received_at):
        (event,) = events
        if event.external_id == "SM1" and not kept:
            kept.append("the database hangs")
            await asyncio.sleep(30)
        kept.append(event.external_id)

    spool = Spool(tmp_path)
    here = WebhookHandler(SETTINGS, store, spool, FixedClock())
    requests = [post(fields(MessageSid=sid)) for sid in ("SM1", "SM2", "SM3")]
    requests.append(post(fields(MessageSid="SM9", From="+12125550199")))
    answers = await asyncio.gather(*(here.handle("twilio", one, "inbound") for one in requests))
    assert [answer.status for answer in answers] == [200] * 4
    await spool.drain(store)
    own = [sid for sid in kept if sid in {"SM1", "SM2", "SM3"}]
    assert own == ["SM1", "SM2", "SM3"]
    assert kept.index("SM9") == 1  # another phone's did not wait


@pytest.mark.parametrize("spooled", [True, False])
async def test_what_cannot_be_kept_is_not_acknowledged(tmp_path, spooled):
    (tmp_path / "file").write_text("in the way")
    inbox = Inbox(failure=psycopg.OperationalError("away"))
    spool = Spool(tmp_path / "file") if spooled else None
    before = counted("twilio", "inbound", "lost")
    answer = await handler(inbox, spool).handle("twilio", post(fields()), "inbound")
    assert answer.status == 503
    assert json.loads(answer.body)["reason"] == "unavailable"
    assert counted("twilio", "inbound", "lost") == before + 1


async def test_refusals_do_not_go_to_disk(tmp_path):
    spool = Spool(tmp_path)
    here = handler(Inbox(failure=psycopg.OperationalError("away")), spool)
    await here.handle("twilio", post(fields(), signature="x"), "inbound")
    assert spool.pending() == 0
    assert list(tmp_path.iterdir()) == []


# -- the web server ------------------------------------------------------------------------


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://inside:8000") as http,
    ):
        yield http


def nowhere() -> str:
    return "postgresql://nobody@127.0.0.1:1/none"


def ingress(spool: Path, url: str | None = None) -> Starlette:
    return make_app(SETTINGS, (lambda: url) if url else nowhere, spool, FixedClock())


def signed(form: list[tuple[str, str]], path: str = "/webhooks/sms/twilio") -> dict[str, str]:
    url = f"https://sms.example.com{path}"
    return {"content-type": FORM, "x-twilio-signature": sign(url, form)}


async def test_blank_fields_and_the_query_reach_the_signature_as_they_were_sent(tmp_path):
    form = fields(Body="", Extra="")
    path = "/webhooks/sms/twilio?a=%20b&c=%2f&blank="
    async with serving(ingress(tmp_path)) as http:
        answer = await http.post(path, content=urlencode(form).encode(), headers=signed(form, path))
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/xml")
        assert answer.text == "<Response/>"


async def test_without_a_database_it_starts_takes_texts_and_says_so(tmp_path):
    async with serving(ingress(tmp_path)) as http:
        form = fields()
        answer = await http.post(
            "/webhooks/sms/twilio", content=urlencode(form).encode(), headers=signed(form)
        )
        assert answer.status_code == 200
        health = await http.get("/webhooks/sms/")
        assert health.status_code == 200
        assert health.json() == {"status": "degraded", "database": False, "spool": 1}
        metrics = (await http.get("/metrics")).text
        assert "linnet_spool_pending 1.0" in metrics
        assert 'linnet_webhooks_total{gateway="twilio",kind="inbound",outcome="spooled"}' in metrics


async def test_what_waited_on_disk_is_stored_when_the_database_is_there(tmp_path, database_url):
    form = fields()
    async with serving(ingress(tmp_path)) as http:
        await http.post(
            "/webhooks/sms/twilio", content=urlencode(form).encode(), headers=signed(form)
        )
    async with serving(ingress(tmp_path, database_url)) as http:
        for _ in range(100):
            if (await http.get("/webhooks/sms/")).json()["status"] == "ok":
                break
            await asyncio.sleep(0.05)
        later = fields(MessageSid="SM2", Body="now")
        for _ in range(2):
            answer = await http.post(
                "/webhooks/sms/twilio", content=urlencode(later).encode(), headers=signed(later)
            )
            assert answer.status_code == 200
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        rows = await connection.execute("SELECT external_id FROM inbound_text ORDER BY id")
        assert [row[0] for row in await rows.fetchall()] == ["SM1", "SM2"]


async def test_receipts_have_an_address_of_their_own(tmp_path):
    before = counted("twilio", "status", "spooled")
    path = "/webhooks/sms/twilio/status"
    async with serving(ingress(tmp_path)) as http:
        answer = await http.post(
            path, content=urlencode(RECEIPT).encode(), headers=signed(RECEIPT, path)
        )
    assert answer.status_code == 200
    assert counted("twilio", "status", "spooled") == before + 1


async def test_twilio_may_use_get_and_intelepeer_may_not(tmp_path):
    path = f"/webhooks/sms/twilio?{urlencode(fields())}"
    header = {"x-twilio-signature": sign(f"https://sms.example.com{path}", [])}
    async with serving(ingress(tmp_path)) as http:
        assert (await http.get(path, headers=header)).status_code == 200
        assert (await http.get("/webhooks/sms/intelepeer")).status_code == 405
        assert (await http.put("/webhooks/sms/twilio")).status_code == 405


async def test_a_body_without_end_is_cut_off(tmp_path):
    read = 0

    async def endless():
        nonlocal read
        for _ in range(1_000):
            read += 1
            yield b"x" * 16_384

    async with serving(ingress(tmp_path)) as http:
        answer = await http.post("/webhooks/sms/twilio", content=endless())
    assert answer.status_code == 413
    assert read < 100


async def test_unknown_addresses(tmp_path):
    async with serving(ingress(tmp_path)) as http:
        assert (await http.post("/webhooks/sms/nobody")).status_code == 404
        assert (await http.post("/webhooks/other")).status_code == 404


# -- Rasa's own server ---------------------------------------------------------------------


async def test_sanic_drops_blank_fields_and_its_raw_body_does_not():
    form, inbox = fields(Body=""), Inbox()
    app = Sanic("linnet_raw_body", configure_logging=False)
    request = Request(b"/webhooks/sms/twilio", Header(signed(form)), "1.1", "POST", None, app)
    request.body = urlencode(form).encode()
    assert "Body" not in request.form
    here = handler(inbox)
    target = request.raw_url.decode()
    taken = here.request(request.method, target, request.headers, request.body)
    assert (await here.handle("twilio", taken, "inbound")).status == 200
    assert inbox.texts["twilio", "SM1"] == Inbound("SM1", "+12125550100", OURS, "")
