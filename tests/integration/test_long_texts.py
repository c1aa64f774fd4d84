"""Words that are too long for a text: parts that leave in order, once each, or a page."""

from __future__ import annotations

import re
from base64 import b64encode
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import httpx
import psycopg
import pytest

from connectors import pages
from connectors.gateways.base import Accepted, Refused, Unknown
from connectors.ingress import make_app
from messaging.assistant import Answer, Reply, TurnInput
from messaging.long_texts import LIFE
from messaging.notice_texts import enqueue_notice
from messaging.prompts import expire_prompts
from messaging.retry import Schedule
from messaging.text_policy import LongTexts, TextPolicy
from tests.gateways.inbox import settings_for
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

PARTS = TextPolicy(longest=160)
LINK = TextPolicy(160, long_texts=LongTexts.LINK, page_url="https://sms.example.com/t/")
SENTENCES = [
    f"This is sentence {number}, and it is as long as the others are." for number in range(6)
]
LONG = " ".join(SENTENCES)
BUSY = Refused("20429", "Busy.", retry=Schedule(attempts=8, first=0.1))
RAN_OUT = """
UPDATE conversation SET prompt_expired = %(words)s, prompt_expires_at = now() RETURNING id
"""
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


class Says(Echo):
    """Says the same to everybody."""

    def __init__(self, words: str) -> None:
        async def respond(turn: TurnInput) -> Answer:
            return Answer([Reply(words)])

        super().__init__(respond)


async def said(pool, url: str, words: str, policy: TextPolicy) -> list[dict]:
    """The texts that a reply becomes."""
    async with turn_worker(pool, url, Says(words), text_policy=policy):
        await text_in(pool, "hi")
        return await until(lambda: rows(pool, "SELECT * FROM outbound_text ORDER BY seq"))


async def all_over(pool) -> bool:
    return not await rows(
        pool, "SELECT FROM outbound_text WHERE state IN ('pending', 'sending', 'checking')"
    )


# -- parts ---------------------------------------------------------------------------------


async def test_a_long_reply_leaves_as_labelled_parts_in_order(pool, database_url):
    texts = await said(pool, database_url, LONG, PARTS)
    assert [(text["part"], text["parts"], text["position"]) for text in texts] == [
        (1, 3, 0),
        (2, 3, 1),
        (3, 3, 2),
    ]
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: all_over(pool))
    assert [message.body for message in gateway.sent] == [
        f"Part 1 of 3\n{SENTENCES[0]} {SENTENCES[1]}",
        f"Part 2 of 3\n{SENTENCES[2]} {SENTENCES[3]}",
        f"Part 3 of 3\n{SENTENCES[4]} {SENTENCES[5]}",
    ]
    sent = await rows(pool, "SELECT state, vendor_id FROM outbound_text ORDER BY seq")
    assert sent == [{"state": "sent", "vendor_id": f"V{number}"} for number in (1, 2, 3)]


async def test_a_part_that_is_tried_again_repeats_no_part_before_it(pool, database_url):
    await said(pool, database_url, LONG, PARTS)
    gateway = ScriptedGateway(Accepted("A"), BUSY, Unknown("read time-out"))
    gateway.found = [Accepted("B")]
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: all_over(pool))
    assert [message.body[:11] for message in gateway.sent] == [
        "Part 1 of 3",
        "Part 2 of 3",  # refused for the moment
        "Part 2 of 3",  # nobody knows: looked up, and found
        "Part 3 of 3",
    ]
    sent = await rows(pool, "SELECT state, vendor_id FROM outbound_text ORDER BY seq")
    assert [text["vendor_id"] for text in sent] == ["A", "B", "V4"]


async def test_a_part_that_fails_for_good_is_the_only_one(pool, database_url):
    await said(pool, database_url, LONG, PARTS)
    gateway = ScriptedGateway(Accepted("A"), Refused("30007", "Filtered."))
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: all_over(pool))
    assert [message.body[:11] for message in gateway.sent] == [f"Part {n} of 3" for n in (1, 2, 3)]
    states = await rows(pool, "SELECT state FROM outbound_text ORDER BY seq")
    assert [text["state"] for text in states] == ["sent", "failed", "sent"]


async def test_a_long_notice_and_a_long_question_that_ran_out_are_parts_too(pool):
    async with pool.connection() as connection:
        ids = await enqueue_notice(
            connection,
            gateway="twilio",
            number=OURS,
            phone=PHONE,
            body=LONG,
            policy=PARTS,
            new_id=uuid4,
            now=NOW,
        )
    assert len(set(ids)) == 3
    await rows(pool, RAN_OUT, words=LONG)
    assert await expire_prompts(pool, {"twilio": PARTS}, NOW, uuid4) == 1
    texts = await rows(pool, "SELECT id, kind, part, parts, lane FROM outbound_text ORDER BY seq")
    assert [text["id"] for text in texts[:3]] == ids
    assert [(text["kind"], text["part"], text["parts"]) for text in texts] == [
        *(("notice", part, 3) for part in (1, 2, 3)),
        *(("expiry", part, 3) for part in (1, 2, 3)),
    ]
    assert {text["lane"] for text in texts if text["kind"] == "notice"} == {2}


async def test_nobody_is_told_by_a_gateway_that_is_gone(pool):
    async with pool.connection() as connection:
        await enqueue_notice(
            connection,
            gateway="twilio",
            number=OURS,
            phone=PHONE,
            body="hi",
            policy=PARTS,
            new_id=uuid4,
            now=NOW,
        )
    await rows(pool, RAN_OUT, words="Too late.")
    assert await expire_prompts(pool, {"intelepeer": PARTS}, NOW, uuid4) == 1
    assert await rows(pool, "SELECT FROM outbound_text WHERE kind = 'expiry'") == []


# -- encoding ------------------------------------------------------------------------------


async def test_what_was_replaced_is_on_record(pool, database_url):
    words = "We\N{RIGHT SINGLE QUOTATION MARK}re open \N{EM DASH} all day. " + "x" * 60
    (text,) = await said(pool, database_url, words, PARTS)
    assert text["body"] == "We're open - all day. " + "x" * 60
    assert text["segments"] == 1
    (event,) = await rows(pool, "SELECT outbound_id, kind, detail FROM text_event")
    assert (event["outbound_id"], event["kind"]) == (text["id"], "transliterated")
    assert event["detail"] == (
        "1 x RIGHT SINGLE QUOTATION MARK (U+2019) -> \"'\"; 1 x EM DASH (U+2014) -> '-'"
    )


async def test_what_was_not_replaced_leaves_no_record(pool, database_url):
    await said(pool, database_url, "It\N{RIGHT SINGLE QUOTATION MARK}s short", PARTS)
    assert await rows(pool, "SELECT FROM text_event") == []


# -- the page ------------------------------------------------------------------------------


class ClockAt:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


@asynccontextmanager
async def browser(url: str, spool, now: datetime):
    app = make_app(settings_for(), lambda: url, spool, ClockAt(now))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://inside:5080") as http,
    ):
        yield http


async def answered(http: httpx.AsyncClient, token: str, status: int) -> httpx.Response:
    """The page, once the ingress is connected to its database."""

    async def asked() -> httpx.Response | None:
        answer = await http.get(f"/t/{token}")
        return answer if answer.status_code == status else None

    return await until(asked)


@pytest.fixture
async def token(pool, database_url) -> str:
    words = (
        "Dear <b>Dana</b> & all. " + LONG + "\n1 Mon\n2 Tue {x} it\N{RIGHT SINGLE QUOTATION MARK}s"
    )
    (text,) = await said(pool, database_url, words, LINK)
    assert text["body"].startswith("Dear <b>Dana</b> & all. This is")
    assert len(text["body"]) <= 160
    return re.search(r"\nRead on: https://sms\.example\.com/t/([0-9A-Za-z]{22})$", text["body"])[1]


async def test_the_page_shows_all_and_fetches_nothing(token, database_url, tmp_path):
    async with browser(database_url, tmp_path, datetime.now(UTC)) as http:
        page = await answered(http, token, 200)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Dear &lt;b&gt;Dana&lt;/b&gt; &amp; all. This is sentence 0" in page.text
    assert (
        "\n1 Mon\n2 Tue {x} it\N{RIGHT SINGLE QUOTATION MARK}s</p>" in page.text
    )  # as it was said
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    style = re.search("<style>(.*?)</style>", page.text, re.DOTALL)[1]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith(f"style-src 'sha256-{digest}'")
    assert not re.search(r"src=|href=|url\(|<script", page.text)


async def test_a_page_expires(token, pool, database_url, tmp_path):
    (kept,) = await rows(pool, "SELECT token, created_at, expires_at FROM long_text")
    assert kept["token"] == token
    assert kept["expires_at"] - kept["created_at"] == LIFE == timedelta(days=7)
    async with browser(database_url, tmp_path, kept["expires_at"]) as http:
        page = await answered(http, token, 410)
    assert pages.EXPIRED in page.text
    assert "Dana" not in page.text


async def test_an_unknown_page_is_not_found(database_url, tmp_path):
    async with browser(database_url, tmp_path, NOW) as http:
        page = await answered(http, "x" * 22, 404)
        assert pages.UNKNOWN in page.text
        assert page.headers["cache-control"] == "no-store"
        assert (await http.post("/t/" + "x" * 22)).status_code == 405


@pytest.mark.parametrize("token", ["x", "x" * 23, "x" * 21 + "-", "%00" * 22])
async def test_made_up_addresses_do_not_reach_the_database(tmp_path, token):
    async with browser("postgresql://nobody@127.0.0.1:1/none", tmp_path, NOW) as http:
        assert (await http.get(f"/t/{token}")).status_code == 404


async def test_with_the_database_away_the_page_says_so(tmp_path):
    async with browser("postgresql://nobody@127.0.0.1:1/none", tmp_path, NOW) as http:
        page = await http.get("/t/" + "x" * 22)
    assert page.status_code == 503
    assert page.headers["retry-after"] == "60"
    assert pages.AWAY in page.text


async def test_page_and_text_are_stored_together_or_not_at_all(pool, database_url, monkeypatch):
    monkeypatch.setattr("messaging.outbox.new_token", lambda: "same")
    await said(pool, database_url, LONG, LINK)
    async with pool.connection() as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            await enqueue_notice(
                connection,
                gateway="twilio",
                number=OURS,
                phone=PHONE,
                body=LONG,
                policy=LINK,
                new_id=uuid4,
                now=NOW,
            )
    assert await rows(pool, "SELECT FROM outbound_text WHERE kind = 'notice'") == []
