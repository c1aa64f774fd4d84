"""IntelePeer: what comes in, what goes out, tokens, and the records that are asked for."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import httpx
import pytest

from connectors.gateways.base import (
    Accepted,
    Inbound,
    Outbound,
    Receipt,
    Refused,
    Status,
    Unknown,
    WebhookRequest,
)
from connectors.gateways.intelepeer import (
    STATUSES,
    TOKEN_SECONDS,
    IntelepeerGateway,
    IntelepeerSettings,
)
from connectors.webhooks import WebhookHandler
from messaging.errors import Forbidden, LookUpFailed, MalformedRequest
from messaging.retry import SOON
from tests.gateways.contract import CUSTOMER, SENTENCE, GatewayContract
from tests.gateways.inbox import NOW, FixedClock, Inbox, settings_for

OURS = "+12125550143"
SECRET, NEXT_SECRET, TOKEN = "intelepeer-secret", "intelepeer-next-secret", "intelepeer-token"
PASSWORD = "intelepeer-password"
SETTINGS = IntelepeerSettings((SECRET, NEXT_SECRET), (OURS,), token=TOKEN)
LOGIN = replace(SETTINGS, token="", username="harbor", password=PASSWORD)
URL = "https://sms.example.com/webhooks/sms/intelepeer"


def post(content: object) -> WebhookRequest:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return WebhookRequest("POST", URL, {"content-type": "application/json"}, body, NOW)


def content(**changes: object) -> dict[str, object]:
    values = {
        "refid": "ABCDEF1234567890ABCDEF1234567890",
        "from": CUSTOMER,
        "to": OURS,
        "message": SENTENCE,
        "signature": SECRET,
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


class Seconds:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def gateway(settings: IntelepeerSettings = SETTINGS, clock: Seconds | None = None):
    return IntelepeerGateway(settings, clock or Seconds())


class TestContract(GatewayContract):
    secrets = (SECRET, NEXT_SECRET, TOKEN)
    number = OURS

    def gateway(self, base_url=None):
        return gateway(replace(SETTINGS, base_url=base_url or SETTINGS.base_url))

    def text(self, **changes):
        names = {"id": "refid", "sender": "from", "recipient": "to", "body": "message"}
        return post(content(**{names[name]: value for name, value in changes.items()}))

    def forgeries(self):
        return {
            "no secret": post(content(signature=None)),
            "blank": post(content(signature="")),
            "a guess": post(content(signature="guess")),
            "a beginning": post(content(signature=SECRET[:-1])),
            "not ASCII": post(content(signature="é")),
            "half a character": post(content(signature="\ud800")),
            "a number": post(content(signature=1)),
            "a list": post(content(signature=[SECRET])),
        }

    def accepting(self, vendor_id):
        return httpx.Response(202, json={"state": "CREATED", "refid": vendor_id})


class TestContractWithLogin(TestContract):
    """The same with a token that is fetched first."""

    secrets = (SECRET, NEXT_SECRET, PASSWORD, "fetched-token")

    def gateway(self, base_url=None):
        logged_in = gateway(replace(LOGIN, base_url=base_url or LOGIN.base_url))
        logged_in._token, logged_in._token_until = "fetched-token", float("inf")
        return logged_in


# -- incoming ------------------------------------------------------------------------------

DOCUMENTED = {
    "refid": "ABCDEF1234567890ABCDEF1234567890",
    "from": "+7708675309",
    "to": "+13038675309",
    "message": "Hello World!",
    "signature": "SECRET CODE",
}


async def test_the_documented_example_is_taken_and_its_sender_gets_a_country():
    documented = IntelepeerSettings(("SECRET CODE",), ("+13038675309",), token=TOKEN)
    inbox, here = Inbox(), gateway(documented)
    here.verify(post(DOCUMENTED))
    handler = WebhookHandler(settings_for(here), inbox.store, None, FixedClock())
    answer = await handler.handle("intelepeer", post(DOCUMENTED), "inbound")
    assert answer.status == 200
    assert list(inbox.texts.values()) == [
        Inbound(str(DOCUMENTED["refid"]), "+17708675309", "+13038675309", "Hello World!")
    ]


@pytest.mark.parametrize("secret", [SECRET, NEXT_SECRET])
def test_while_a_secret_is_replaced_either_is_good(secret):
    gateway().verify(post(content(signature=secret)))


def test_a_get_is_not_allowed():
    with pytest.raises(Exception, match="POST") as refused:
        gateway().verify(replace(post(content()), method="GET"))
    assert refused.value.status == 405


@pytest.mark.parametrize("field", ["refid", "from", "to", "message"])
@pytest.mark.parametrize("value", [1, True, ["x"], {"x": "y"}])
def test_fields_that_are_no_text(field, value):
    with pytest.raises(MalformedRequest, match=field):
        gateway().parse(post(content(**{field: value})))


def test_secrets_beyond_ascii():
    here = gateway(replace(SETTINGS, secret=("é secret",)))
    here.verify(post(content(signature="é secret")))
    with pytest.raises(Forbidden):
        here.verify(post(content(signature="e secret")))


# -- outgoing ------------------------------------------------------------------------------

MESSAGE = Outbound("0b1c", OURS, CUSTOMER, SENTENCE)
SEND = "https://api.intelepeer.com/_rest/v4/app/sms/send"
RECORD = "https://api.intelepeer.com/_rest/v4/app/sms/mdr"
AUTHENTICATE = "https://customer.intelepeer.com/_rest/v4/authenticate"


def taken(refid: str = "SM9") -> httpx.Response:
    return httpx.Response(202, json={"state": "CREATED", "refid": refid})


def token(value: str) -> httpx.Response:
    return httpx.Response(200, json={"token": value})


def expired() -> httpx.Response:
    return httpx.Response(401, json={"error": "token has expired"})


@pytest.mark.parametrize(
    ("authorization", "header"), [("bearer", f"Bearer {TOKEN}"), ("bare", TOKEN)]
)
async def test_what_is_sent(wire, authorization, header):
    over = wire(taken())
    here = gateway(replace(SETTINGS, authorization=authorization))
    assert await here.send(MESSAGE, over.http) == Accepted("SM9")
    (request,) = over.requests
    assert (request.method, str(request.url)) == ("POST", SEND)
    assert request.headers["authorization"] == header
    assert json.loads(request.content) == {
        "from": OURS,
        "to": CUSTOMER,
        "text": SENTENCE,
        "guid": "0b1c",
        "dlr": True,
    }


async def test_a_fixed_token_that_is_turned_away_is_final(wire):
    outcome = await gateway().send(MESSAGE, wire(expired()).http)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry) == ("http-401", None)


@pytest.mark.parametrize(
    ("answer", "code", "word"),
    [
        (httpx.Response(400, json={"detail": "no"}), "http-400", "cannot be texted"),
        (httpx.Response(403), "http-403", "country"),
        (httpx.Response(404), "http-404", "number"),
        (httpx.Response(422, json={"detail": "odd"}), "http-422", "odd"),
    ],
)
async def test_refusals(wire, answer, code, word):
    outcome = await gateway().send(MESSAGE, wire(answer).http)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry) == (code, None)
    assert word in outcome.staff


# -- tokens --------------------------------------------------------------------------------


async def test_a_token_is_fetched_once_and_kept_for_its_life(wire):
    over, clock = wire(token("A"), taken(), taken(), token("B"), taken()), Seconds()
    here = gateway(LOGIN, clock)
    await here.send(MESSAGE, over.http)
    clock.now = TOKEN_SECONDS - 1
    await here.send(MESSAGE, over.http)
    clock.now = TOKEN_SECONDS
    await here.send(MESSAGE, over.http)
    assert [str(request.url) for request in over.requests] == [
        *(AUTHENTICATE, SEND, SEND),
        *(AUTHENTICATE, SEND),
    ]
    assert json.loads(over.requests[0].content) == {"username": "harbor", "password": PASSWORD}
    used = [one.headers["authorization"] for one in over.requests if str(one.url) == SEND]
    assert used == ["Bearer A", "Bearer A", "Bearer B"]


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (LOGIN, AUTHENTICATE),
        (replace(LOGIN, base_url="https://eu.api.intelepeer.com"), AUTHENTICATE),
        (
            replace(LOGIN, base_url="http://localhost:5083"),
            "http://localhost:5083/_rest/v4/authenticate",
        ),
        (replace(LOGIN, login_url="https://x.test"), "https://x.test/_rest/v4/authenticate"),
    ],
)
async def test_where_tokens_are_fetched(wire, settings, address):
    over = wire(token("A"), taken())
    await gateway(settings).send(MESSAGE, over.http)
    assert str(over.requests[0].url) == address


async def test_a_token_that_expired_early_is_renewed_and_the_text_sent(wire):
    over = wire(token("A"), expired(), token("B"), taken())
    assert await gateway(LOGIN).send(MESSAGE, over.http) == Accepted("SM9")
    assert over.requests[-1].headers["authorization"] == "Bearer B"


async def test_a_new_token_that_is_turned_away_too_is_tried_again_later(wire):
    """Two workers that log in may each end the token of the other."""
    over = wire(token("A"), expired(), token("B"), expired())
    outcome = await gateway(LOGIN).send(MESSAGE, over.http)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry) == ("http-401", SOON)


async def test_many_texts_at_once_fetch_one_token(wire):
    over = wire(token("A"), *[taken() for _ in range(5)])
    here = gateway(LOGIN)
    await asyncio.gather(*[here.send(MESSAGE, over.http) for _ in range(5)])
    assert [str(one.url) for one in over.requests].count(AUTHENTICATE) == 1


async def test_many_texts_turned_away_at_once_renew_once():
    logins: list[str] = []

    async def vendor(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if str(request.url) == AUTHENTICATE:
            logins.append("A" if not logins else "B")
            return token(logins[-1])
        return taken() if request.headers["authorization"] == "Bearer B" else expired()

    here, http = gateway(LOGIN), httpx.AsyncClient(transport=httpx.MockTransport(vendor))
    outcomes = await asyncio.gather(*[here.send(MESSAGE, http) for _ in range(5)])
    assert outcomes == [Accepted("SM9")] * 5
    assert logins == ["A", "B"]


@pytest.mark.parametrize(
    ("answer", "code", "retry"),
    [
        (httpx.ReadTimeout("no"), "login", SOON),
        (httpx.ConnectError("no"), "connection", SOON),
        (httpx.Response(500), "login", SOON),
        (httpx.Response(429), "login", SOON),
        (httpx.Response(401), "login", None),
        (httpx.Response(200, text="no json"), "login", SOON),
        (httpx.Response(200, json={"token": ""}), "login", SOON),
    ],
)
async def test_without_a_token_the_text_has_not_left(wire, answer, code, retry):
    outcome = await gateway(LOGIN).send(MESSAGE, wire(answer).http)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry) == (code, retry)


async def test_a_time_out_behind_the_renewal_is_unknown(wire):
    over = wire(token("A"), expired(), token("B"), httpx.ReadTimeout("no"))
    assert isinstance(await gateway(LOGIN).send(MESSAGE, over.http), Unknown)


# -- records -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_how_a_record_is_asked_for(wire, method):
    over = wire(httpx.Response(200, json={"code": 200, "RCC_en": "Sent", "RCC": 10000}))
    await gateway(replace(SETTINGS, mdr_method=method)).ask("SM9", over.http)
    (request,) = over.requests
    assert (request.method, str(request.url)) == (method, RECORD)
    assert json.loads(request.content) == {"refid": "SM9"}
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


RECORDS = [
    ("Queued", 0, Status.QUEUED, None),
    ("Processing", 2031, Status.QUEUED, None),
    ("CREATED", "", Status.QUEUED, None),
    ("Sent", 10000, Status.SENT, None),
    ("DLR:Accepted", "", Status.SENT, None),
    ("ACCEPTED", "3000", Status.SENT, None),
    ("DLR:Delivered", 210000, Status.DELIVERED, None),
    ("", "210000", Status.DELIVERED, None),
    ("DELIVERED", "", Status.DELIVERED, None),
    ("DLR:Undeliverable", "", Status.FAILED, "DLR:Undeliverable"),
    ("DLR:Expired", 7, Status.FAILED, "7"),
    ("Failed", 6009, Status.FAILED, "6009"),
    ("DLR:Unknown", "", Status.QUEUED, None),
    ("UNKNOWN", 1, Status.QUEUED, None),
]


@pytest.mark.parametrize(("word", "number", "status", "code"), RECORDS)
async def test_records(wire, word, number, status, code):
    record = {"code": 200, "RCC_en": word, "RCC": number}
    over = wire(httpx.Response(200, json=record))
    seen = await gateway().ask("SM9", over.http)
    assert seen == Receipt("SM9", status, word or str(number), code, raw=record)


def test_every_state_of_the_table_is_tried_above():
    tried = {word.lower() for word, *_ in RECORDS} | {str(number) for _, number, *_ in RECORDS}
    assert set(STATUSES) - tried <= {"enqueued", "failed", "dlr:deleted", "dlr:rejected"}


async def test_nothing_is_deleted(wire):
    assert not gateway().capabilities.forgets
    with pytest.raises(LookUpFailed):
        await gateway().forget("SM9", wire().http)


async def test_asking_renews_a_token_too(wire):
    over = wire(token("A"), expired(), token("B"), httpx.Response(200, json={"RCC_en": "Sent"}))
    seen = await gateway(LOGIN).ask("SM9", over.http)
    assert seen is not None
    assert seen.status is Status.SENT
