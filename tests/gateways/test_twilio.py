"""Twilio: what comes in, what goes out, and its own validator as the judge of signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import urlencode
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from connectors.gateways.base import (
    Accepted,
    Inbound,
    Media,
    Outbound,
    Receipt,
    Refused,
    Status,
    Suppress,
    WebhookRequest,
)
from connectors.gateways.twilio import TwilioGateway, TwilioSettings
from connectors.gateways.twilio_codes import CODES
from connectors.gateways.twilio_records import STATUSES
from messaging.errors import Forbidden, LookUpFailed, MalformedRequest
from messaging.media import Attachment
from messaging.retry import SOON
from tests.gateways.contract import CUSTOMER, SENTENCE, GatewayContract
from tests.gateways.inbox import NOW

SID = "AC" + "0" * 32
TOKEN, NEXT_TOKEN = "twilio-primary-token", "twilio-secondary-token"
OURS = "+12125550142"
URL = "https://sms.example.com/webhooks/sms/twilio"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"

SETTINGS = TwilioSettings(SID, (TOKEN, NEXT_TOKEN), (OURS,), "https://sms.example.com")


def sign(url: str, fields: Sequence[tuple[str, str]], token: str = TOKEN) -> str:
    """Written from Twilio's description, so that it does not share the validator's faults."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def post(
    fields: Sequence[tuple[str, str]],
    *,
    url: str = URL,
    signature: str | None = None,
    **headers: str,
) -> WebhookRequest:
    signature = sign(url, fields) if signature is None else signature
    return WebhookRequest(
        "POST",
        url,
        {"content-type": FORM, "x-twilio-signature": signature, **headers},
        urlencode(fields).encode(),
        NOW,
    )


def fields(**changes: str | None) -> list[tuple[str, str]]:
    values: dict[str, str | None] = {
        "MessageSid": "SM1",
        "AccountSid": SID,
        "From": CUSTOMER,
        "To": OURS,
        "Body": SENTENCE,
        "NumMedia": "0",
        "FromCity": "",
        "FromZip": "",
        **changes,
    }
    return [(name, value) for name, value in values.items() if value is not None]


def gateway(settings: TwilioSettings = SETTINGS) -> TwilioGateway:
    return TwilioGateway(settings)


class TestContract(GatewayContract):
    secrets = (TOKEN, NEXT_TOKEN)
    number = OURS

    def gateway(self, base_url=None):
        return gateway(replace(SETTINGS, base_url=base_url or SETTINGS.base_url))

    def text(self, **changes):
        names = {"id": "MessageSid", "sender": "From", "recipient": "To", "body": "Body"}
        return post(fields(**{names[name]: value for name, value in changes.items()}))

    def forgeries(self):
        good = post(fields())
        return {
            "no header": replace(good, headers={"content-type": FORM}),
            "blank header": post(fields(), signature=""),
            "another token": post(fields(), signature=sign(URL, fields(), "guess")),
            "not ASCII": post(fields(), signature="é" * 28),
            "another body": replace(good, body=good.body.replace(b"tuesday", b"monday")),
            "a field more": replace(good, body=good.body + b"&Extra="),
            "another URL": replace(good, url=URL + "?x=1"),
            "JSON, no hash": json_post(URL, sign(URL, []), json.dumps(dict(fields())).encode()),
            "JSON, blank hash": json_post(
                URL + "?bodySHA256=", sign(URL, []), json.dumps(dict(fields())).encode()
            ),
        }

    def accepting(self, vendor_id):
        return httpx.Response(201, json={"sid": vendor_id, "status": "queued"})


# -- signatures: the vectors that Twilio publishes, and ours for blanks -------------------

CALL = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]
DOCUMENTED = "https://mycompany.com/myapp.php?foo=1&bar=2"
WITH_PORT = "https://mycompany.com:443/myapp.php?foo=1&bar=2"
HTTP = "http://mycompany.com/myapp.php?foo=1&bar=2"
HTTP_PORT = "http://mycompany.com:80/myapp.php?foo=1&bar=2"
JSON_BODY = b'{"property": "value", "boolean": true}'
JSON_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"

VECTORS = [
    ("documented", DOCUMENTED, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ("blank field", DOCUMENTED, [*CALL, ("Body", "")], "6oT2GOm5KeUqfXDwvhq5UcH5LF0="),
    (
        "repeated field",
        DOCUMENTED,
        [
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            *(("Digits", digits) for digits in ("5678", "1234", "1234")),
        ],
        "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
    ),
    ("port signed, not in our URL", DOCUMENTED, CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    ("port in our URL, not signed", WITH_PORT, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ("port signed and in our URL", WITH_PORT, CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    ("http, port signed", HTTP, CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ("http, port in our URL too", HTTP_PORT, CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
]


def vector_gateway() -> TwilioGateway:
    return gateway(replace(SETTINGS, auth_token=("12345",)))


@pytest.mark.parametrize(
    ("url", "form", "signature"), [row[1:] for row in VECTORS], ids=[row[0] for row in VECTORS]
)
def test_published_signatures(url, form, signature):
    vector_gateway().verify(post(form, url=url, signature=signature))
    with pytest.raises(Forbidden):
        vector_gateway().verify(post([*form, ("More", "")], url=url, signature=signature))
    with pytest.raises(Forbidden):
        vector_gateway().verify(post(form, url=url + "&baz=3", signature=signature))


def json_post(url: str, signature: str, body: bytes = JSON_BODY) -> WebhookRequest:
    headers = {"content-type": "application/json", "x-twilio-signature": signature}
    return WebhookRequest("POST", url, headers, body, NOW)


def test_a_signed_json_body():
    url = f"{DOCUMENTED}&bodySHA256={JSON_HASH}"
    vector_gateway().verify(json_post(url, "a9nBmqA0ju/hNViExpshrM61xv4="))
    with pytest.raises(Forbidden):
        vector_gateway().verify(
            json_post(url, "a9nBmqA0ju/hNViExpshrM61xv4=", b'{"property": "x"}')
        )


def test_a_json_body_without_its_hash_proves_nothing():
    request = json_post(URL, sign(URL, []))
    assert RequestValidator(TOKEN).validate(URL, "", sign(URL, []))
    with pytest.raises(Forbidden, match="bodySHA256"):
        gateway().verify(request)


def test_a_json_body_must_be_text():
    url = f"{URL}?bodySHA256={hashlib.sha256(bytes([255])).hexdigest()}"
    with pytest.raises(MalformedRequest):
        gateway().verify(json_post(url, sign(url, []), bytes([255])))


def test_a_text_in_json():
    body = json.dumps(dict(fields())).encode()
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    request = json_post(url, sign(url, []), body)
    gateway().verify(request)
    assert gateway().parse(request)[0].body == SENTENCE


def test_a_get_is_signed_over_its_url():
    url = f"{URL}?{urlencode(fields(Body='hello there'))}"
    request = WebhookRequest("GET", url, {"x-twilio-signature": sign(url, [])}, b"", NOW)
    gateway().verify(request)
    assert gateway().parse(request)[0].body == "hello there"


@pytest.mark.parametrize("token", [TOKEN, NEXT_TOKEN])
def test_while_a_token_is_replaced_either_is_good(token):
    gateway().verify(post(fields(), signature=sign(URL, fields(), token)))


@pytest.mark.parametrize(
    "query", ["?a=%20b&c=%2F", "?a=+b", "?a=%c3%a9", "?a=%C3%A9", "?x", "?a=1&a=2&b="]
)
def test_the_query_counts_as_it_was_sent(query):
    url = URL + query
    gateway().verify(post(fields(), url=url))


FIELDS = st.lists(
    st.tuples(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    ),
    max_size=12,
)


class Multi(dict):
    def getall(self, name):
        return self[name]


def multi(form: Sequence[tuple[str, str]]) -> Multi:
    values = Multi()
    for name, value in form:
        values.setdefault(name, []).append(value)
    return values


@given(FIELDS)
def test_whatever_twilio_signs_is_good(form):
    signature = RequestValidator(TOKEN).compute_signature(URL, multi(form))
    gateway().verify(post(form, signature=signature))


@given(FIELDS, FIELDS)
def test_one_form_s_signature_is_not_another_s(form, other):
    judge = RequestValidator(TOKEN)
    signature = judge.compute_signature(URL, multi(form))
    request = post(other, signature=signature)
    if judge.validate(URL, multi(other), signature):
        gateway().verify(request)
    else:
        with pytest.raises(Forbidden):
            gateway().verify(request)


# -- incoming ------------------------------------------------------------------------------

PICTURES = {
    "NumMedia": "2",
    "MediaUrl0": "https://api.twilio.com/m/ME0",
    "MediaContentType0": "image/jpeg",
    "MediaUrl1": "https://api.twilio.com/m/ME1",
    "MediaContentType1": "video/mp4",
}


@pytest.mark.parametrize(
    ("changes", "media"),
    [
        ({}, ()),
        ({"NumMedia": None}, ()),
        ({"NumMedia": ""}, ()),
        (
            PICTURES,
            (
                Media("https://api.twilio.com/m/ME0", "image/jpeg"),
                Media("https://api.twilio.com/m/ME1", "video/mp4"),
            ),
        ),
        (
            PICTURES | {"MediaContentType1": None, "NumMedia": "1"},
            (Media("https://api.twilio.com/m/ME0", "image/jpeg"),),
        ),
        (PICTURES | {"MediaUrl0": ""}, (Media("https://api.twilio.com/m/ME1", "video/mp4"),)),
        ({"NumMedia": "99999999999999"}, ()),
    ],
)
@pytest.mark.parametrize("body", ["look", "", None])
def test_media(changes, media, body):
    (text,) = gateway().parse(post(fields(Body=body, **changes)))
    assert text.media == media
    assert text.body == (body or "")


@pytest.mark.parametrize("number", ["two", "-1", "1.5", "²"])
def test_a_number_of_media_that_is_none(number):
    with pytest.raises(MalformedRequest, match="NumMedia"):
        gateway().parse(post(fields(NumMedia=number)))


def test_fields_that_twilio_adds_do_no_harm():
    (text,) = gateway().parse(post(fields(BrandNew="1", SmsStatus="received")))
    assert text.external_id == "SM1"


def test_another_account_is_refused_by_name():
    with pytest.raises(Forbidden, match=f"expected {SID}") as refused:
        gateway().parse(post(fields(AccountSid="AC" + "9" * 32)))
    assert refused.value.reason == "account"


ACCEPTED_WORDS = [
    *((word, status, None) for word, status in STATUSES.items()),
    ("Delivered", Status.DELIVERED, None),
    ("brand-new", Status.QUEUED, None),
    ("undelivered", Status.FAILED, "30003"),
    ("failed", Status.FAILED, "99999"),
]


@pytest.mark.parametrize(("word", "status", "code"), ACCEPTED_WORDS)
def test_receipts(word, status, code):
    form = fields(MessageStatus=word, ErrorCode=code, Body=None, NumMedia=None)
    assert gateway().parse(post(form)) == [Receipt("SM1", status, word, code, raw=dict(form))]


def test_a_receipt_brings_our_own_id_back():
    id = UUID("0191f2d4-0000-7000-8000-00000000000a")
    url = f"{STATUS_URL}?text={id}"
    (receipt,) = gateway().parse(post(fields(MessageStatus="sent"), url=url))
    assert receipt.reference == id
    (receipt,) = gateway().parse(post(fields(MessageStatus="sent"), url=f"{STATUS_URL}?text=x"))
    assert receipt.reference is None


def test_a_blank_error_code_is_none():
    (receipt,) = gateway().parse(post(fields(MessageStatus="sent", ErrorCode="")))
    assert receipt.code is None


def test_the_answer_asks_twilio_for_nothing():
    answer = gateway().answer([])
    assert (answer.status, answer.body, answer.content_type) == (200, b"<Response/>", "text/xml")


# -- outgoing ------------------------------------------------------------------------------

MESSAGE = Outbound("0b1c", OURS, CUSTOMER, SENTENCE, first_attempt_at=NOW)
MESSAGES = f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages.json"
STATUS_URL = "https://sms.example.com/webhooks/sms/twilio/status"
CALLBACK = ("StatusCallback", f"{STATUS_URL}?text=0b1c")


def created(sid: str = "SM9") -> httpx.Response:
    return httpx.Response(201, json={"sid": sid, "status": "queued"})


@pytest.mark.parametrize(
    ("message", "form"),
    [
        (MESSAGE, [("To", CUSTOMER), ("From", OURS), CALLBACK, ("Body", SENTENCE)]),
        (
            replace(
                MESSAGE,
                media=(Attachment("https://x.test/a.jpg"), Attachment("https://x.test/b.jpg")),
            ),
            [
                ("To", CUSTOMER),
                ("From", OURS),
                CALLBACK,
                ("Body", SENTENCE),
                ("MediaUrl", "https://x.test/a.jpg"),
                ("MediaUrl", "https://x.test/b.jpg"),
            ],
        ),
        (
            replace(MESSAGE, body="", media=(Attachment("https://x.test/a.jpg"),)),
            [("To", CUSTOMER), ("From", OURS), CALLBACK, ("MediaUrl", "https://x.test/a.jpg")],
        ),
        (
            replace(MESSAGE, body="é 👍 & = +"),
            [("To", CUSTOMER), ("From", OURS), CALLBACK, ("Body", "é 👍 & = +")],
        ),
        (
            replace(MESSAGE, valid_seconds=3600),
            [
                *[("To", CUSTOMER), ("From", OURS), CALLBACK, ("Body", SENTENCE)],
                ("ValidityPeriod", "3600"),
            ],
        ),
        (
            replace(MESSAGE, valid_seconds=90_000),
            [
                *[("To", CUSTOMER), ("From", OURS), CALLBACK, ("Body", SENTENCE)],
                ("ValidityPeriod", "36000"),
            ],
        ),
    ],
)
async def test_what_is_sent(wire, message, form):
    over = wire(created())
    assert await gateway().send(message, over.http) == Accepted("SM9")
    (request,) = over.requests
    assert (request.method, str(request.url)) == ("POST", MESSAGES)
    basic = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    assert request.headers["authorization"] == f"Basic {basic}"
    assert over.form() == form


async def test_another_address_of_the_api(wire):
    over = wire(created())
    here = gateway(replace(SETTINGS, base_url="http://localhost:5083"))
    await here.send(MESSAGE, over.http)
    assert str(over.requests[0].url).startswith("http://localhost:5083/2010-04-01/Accounts/AC")


@pytest.mark.parametrize("code", CODES)
async def test_every_code_of_the_table(wire, code):
    over = wire(httpx.Response(400, json={"code": int(code), "message": "no", "status": 400}))
    known = CODES[code]
    assert await gateway().send(MESSAGE, over.http) == Refused(
        code,
        known.staff,
        retry=known.retry,
        suppress=known.suppress,
        unhealthy=known.unhealthy,
    )


def test_the_table_says_what_twilio_says():
    assert {code for code, row in CODES.items() if row.suppress} == {
        *("21211", "21610", "21614", "30005", "30006", "30640"),
    }
    assert {code for code, row in CODES.items() if row.retry} == {
        *("20429", "21611", "30001", "30003", "30008", "30017", "30022", "30023", "30027"),
        *("30410", "30450", "30610", "63017", "63038"),
    }
    assert not [code for code, row in CODES.items() if row.retry and row.suppress]
    opted_out = {code for code, row in CODES.items() if row.suppress is Suppress.OPTED_OUT}
    assert opted_out == {"21610", "30640"}
    assert {code for code, row in CODES.items() if row.unhealthy} == {
        *("20003", "21611", "30001", "30002", "63038"),
    }


async def test_a_code_that_nobody_knows_is_final_and_quoted(wire):
    over = wire(httpx.Response(400, json={"code": 29999, "message": "The moon is full"}))
    outcome = await gateway().send(MESSAGE, over.http)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry, outcome.suppress) == ("29999", None, None)
    assert "The moon is full" in outcome.staff


async def test_throttled(wire):
    over = wire(httpx.Response(429, json={"code": 20429}, headers={"Retry-After": "3"}))
    staff = CODES["20429"].staff
    assert await gateway().send(MESSAGE, over.http) == Refused("20429", staff, SOON, 3.0)


async def test_a_token_that_was_replaced_gives_way_to_the_next(wire):
    over = wire(httpx.Response(401, json={"code": 20003}), created())
    assert await gateway().send(MESSAGE, over.http) == Accepted("SM9")
    used = [request.headers["authorization"] for request in over.requests]
    assert used == [
        f"Basic {base64.b64encode(f'{SID}:{token}'.encode()).decode()}"
        for token in (TOKEN, NEXT_TOKEN)
    ]


async def test_no_token_is_good(wire):
    over = wire(*[httpx.Response(401, json={"code": 20003})] * 2)
    outcome = await gateway().send(MESSAGE, over.http)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry) == ("20003", None)


# -- look-up -------------------------------------------------------------------------------


def row(sid: str = "SM7", *, seconds: float = 1, **changes: object) -> dict[str, object]:
    return {
        "sid": sid,
        "to": CUSTOMER,
        "from": OURS,
        "body": SENTENCE,
        "direction": "outbound-api",
        "status": "queued",
        "date_created": format_datetime(NOW + timedelta(seconds=seconds), usegmt=False),
        "date_sent": None,
        **changes,
    }


def listing(*rows: dict[str, object], more: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"messages": list(rows), "next_page_uri": more})


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([], None),
        ([row()], "SM7"),
        ([row(status="failed", error_code=30003)], "SM7"),
        ([row(seconds=-30)], "SM7"),
        ([row(seconds=-120)], None),
        ([row(body=SENTENCE + " ")], None),
        ([row(to="+12125550101")], None),
        ([{**row(), "from": "+12125550199"}], None),
        ([row(direction="inbound")], None),
        ([row("SM5")], None),
        ([row("SM5"), row("SM7")], "SM7"),
    ],
)
async def test_look_up(wire, rows, found):
    asked = replace(MESSAGE, known_ids=frozenset({"SM5", "SM6"}))
    by_date, newest = listing(*rows), listing(*rows)
    over = wire(by_date) if found else wire(by_date, newest)
    assert await gateway().find(asked, over.http) == (Accepted(found) if found else None)
    assert dict(over.requests[0].url.params) == {
        "To": CUSTOMER,
        "From": OURS,
        "PageSize": "200",
        "DateSent>": "2026-11-23",
    }


async def test_a_text_without_a_date_of_sending_is_found_among_the_newest(wire):
    over = wire(listing(), listing(row()))
    assert await gateway().find(MESSAGE, over.http) == Accepted("SM7")
    assert dict(over.requests[1].url.params) == {"To": CUSTOMER, "From": OURS, "PageSize": "200"}


async def test_look_up_just_after_midnight_asks_for_the_day_before(wire):
    over = wire(listing(), listing())
    midnight = NOW.replace(hour=0, second=5)
    await gateway().find(replace(MESSAGE, first_attempt_at=midnight), over.http)
    assert over.requests[0].url.params["DateSent>"] == "2026-11-22"


async def test_look_up_turns_pages(wire):
    over = wire(listing(row("SM1", body="x"), more="/2010-04-01/next?Page=1"), listing(row()))
    assert await gateway().find(MESSAGE, over.http) == Accepted("SM7")
    assert str(over.requests[1].url) == "https://api.twilio.com/2010-04-01/next?Page=1"


async def test_look_up_of_a_text_that_was_never_tried(wire):
    over = wire(listing(row(seconds=-1_000)))
    never = replace(MESSAGE, first_attempt_at=None)
    assert await gateway().find(never, over.http) == Accepted("SM7")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="no json"),
        httpx.Response(200, json={"messages": None}),
        httpx.Response(404, json={"code": 20404}),
        listing(row(date_created="yesterday")),
    ],
)
async def test_a_look_up_that_fails_says_so(wire, answer):
    with pytest.raises(LookUpFailed):
        await gateway().find(MESSAGE, wire(answer).http)


# -- questions and lists -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"status": "delivered"}, (Status.DELIVERED, "delivered", None)),
        ({"status": "sent", "error_code": None}, (Status.SENT, "sent", None)),
        ({"status": "undelivered", "error_code": 30003}, (Status.FAILED, "undelivered", "30003")),
        ({"status": "brand-new"}, (Status.QUEUED, "brand-new", None)),
    ],
)
async def test_asked_about_a_text(wire, said, expected):
    over = wire(httpx.Response(200, json={**row("SM9"), **said}))
    receipt = await gateway().ask("SM9", over.http)
    assert receipt is not None
    assert (receipt.status, receipt.vendor_status, receipt.code) == expected
    assert (receipt.vendor_id, receipt.reference) == ("SM9", None)
    assert str(over.requests[0].url) == f"{MESSAGES.removesuffix('.json')}/SM9.json"


async def test_the_record_of_an_answer_has_no_words_and_no_numbers(wire):
    receipt = await gateway().ask("SM9", wire(httpx.Response(200, json=row("SM9"))).http)
    assert receipt is not None
    assert receipt.raw == {"status": "queued"}


async def test_an_answer_about_another_text_is_none(wire):
    over = wire(httpx.Response(200, json=row("SM8")))
    with pytest.raises(LookUpFailed):
        await gateway().ask("SM9", over.http)


async def test_a_429_without_a_time_asks_for_half_a_minute(wire):
    with pytest.raises(LookUpFailed) as failed:
        await gateway().ask("SM9", wire(httpx.Response(429)).http)
    assert failed.value.retry_after == 30


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        (httpx.Response(204), True),
        (httpx.Response(404, json={"code": 20404}), True),
        (httpx.Response(409, json={"code": 20009}), False),
        (httpx.Response(400, json={"code": 20009}), False),
    ],
)
async def test_a_text_is_deleted_once_twilio_has_done_with_it(wire, answer, gone):
    over = wire(answer)
    assert await gateway().forget("SM9", over.http) is gone
    (request,) = over.requests
    assert request.method == "DELETE"
    assert str(request.url) == f"{MESSAGES.removesuffix('.json')}/SM9.json"


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(500), httpx.Response(403), httpx.ReadTimeout("no"), httpx.Response(302)],
)
async def test_a_deletion_that_is_not_confirmed_is_none(wire, answer):
    with pytest.raises(LookUpFailed):
        await gateway().forget("SM9", wire(answer).http)


async def test_a_deletion_has_the_time_that_twilio_asks_us_to_wait(wire):
    with pytest.raises(LookUpFailed) as failed:
        await gateway().forget("SM9", wire(httpx.Response(429, headers={"retry-after": "7"})).http)
    assert failed.value.retry_after == 7


def left(sid: str, *, seconds: float = 1, **changes: object) -> dict[str, object]:
    at = format_datetime(NOW + timedelta(seconds=seconds))
    return row(sid, date_sent=at, status="delivered", **changes)


async def listed(over, seconds: float = 60) -> list[str]:
    texts = gateway().texts_between(NOW, NOW + timedelta(seconds=seconds), over.http)
    return [one.receipt.vendor_id async for one in texts]


async def test_the_texts_of_a_time(wire):
    over = wire(
        listing(
            left("SM1", seconds=-1),
            left("SM2", seconds=0),
            left("SM3", direction="inbound"),
            left("SM4", **{"from": "+12125550199"}),
            more="/2010-04-01/next?Page=1",
        ),
        listing(left("SM5"), left("SM6", seconds=60)),
    )
    assert await listed(over) == ["SM2", "SM5"]
    assert dict(over.requests[0].url.params) == {
        "DateSent>": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
        "DateSent<": f"{NOW + timedelta(seconds=60):%Y-%m-%dT%H:%M:%SZ}",
        "PageSize": "1000",
    }
    assert str(over.requests[1].url) == "https://api.twilio.com/2010-04-01/next?Page=1"


async def test_what_a_listed_text_says(wire):
    over = wire(listing(left("SM1", error_code=30003)))
    texts = gateway().texts_between(NOW, NOW + timedelta(seconds=60), over.http)
    (text,) = [one async for one in texts]
    assert (text.sender, text.recipient, text.body) == (OURS, CUSTOMER, SENTENCE)
    assert text.created_at == NOW + timedelta(seconds=1)
    assert (text.receipt.status, text.receipt.code) == (Status.DELIVERED, "30003")


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(500), httpx.ReadTimeout("no"), httpx.Response(200, json={"messages": None})],
)
async def test_a_list_that_breaks_off_says_so(wire, answer):
    over = wire(listing(left("SM1"), more="/2010-04-01/next?Page=1"), answer)
    with pytest.raises(LookUpFailed):
        await listed(over)


@pytest.mark.parametrize(
    ("given", "kind"),
    [(None, None), ("", None), ("STOP", "STOP"), ("Start", "START"), ("HELP", "HELP"), ("X", None)],
)
def test_what_advanced_opt_out_took_a_text_for_is_known(given, kind):
    (text,) = gateway().parse(post(fields(Body="Basta", OptOutType=given)))
    assert isinstance(text, Inbound)
    assert (text.body, text.opt_out_type) == ("Basta", kind)
