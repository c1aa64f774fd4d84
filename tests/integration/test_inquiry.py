"""Vendors are asked about texts whose receipts are late, and no more than they bear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from connectors.gateways.base import Receipt, Status
from messaging.errors import LookUpFailed
from messaging.inquiry import BATCH, Inquiry
from messaging.retry import STALE_DELAYS
from tests.integration.engine import OURS, PHONE, ScriptedGateway, rows

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


class SteppedClock:
    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time


class Vendor(ScriptedGateway):
    async def ask(self, vendor_id, http):
        answer = await super().ask(vendor_id, http)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
async def gateway():
    return Vendor()


@pytest.fixture
def clock():
    return SteppedClock()


@pytest.fixture
async def inquiry(pool, gateway, clock):
    async with httpx.AsyncClient() as http:
        yield Inquiry(pool, {"twilio": gateway}, http, clock)


SENT = """
WITH talk AS (
    INSERT INTO conversation (id, gateway, number, phone, created_at)
    VALUES (gen_random_uuid(), 'twilio', %(ours)s, %(phone)s, now())
    ON CONFLICT (number, phone) DO UPDATE SET gateway = 'twilio' RETURNING id
)
INSERT INTO outbound_text (id, conversation_id, kind, gateway, sender, recipient, body, segments,
    state, created_at, next_attempt_at, expires_at, accepted_at, ask_at, vendor_id, updated_at)
SELECT gen_random_uuid(), talk.id, 'notice', %(gateway)s, %(ours)s, %(phone)s, 'hi', 1, 'sent',
    now() - %(age)s, now(), now(), now(), now() - interval '1 s', 'V' || number, now()
FROM talk, generate_series(%(first)s::int, %(last)s::int) AS number
RETURNING id
"""


async def sent(pool, *, first=1, last=1, gateway="twilio", age=timedelta(hours=1)) -> UUID:
    values = {"ours": OURS, "phone": PHONE, "gateway": gateway, "age": age}
    return (await rows(pool, SENT, first=first, last=last, **values))[0]["id"]


async def the_text(pool, id: UUID) -> dict:
    query = """SELECT state, asks, vendor_status, ask_at IS NULL AS given_up,
        extract(epoch FROM ask_at - now())::float AS again_in
        FROM outbound_text WHERE id = %(id)s"""
    return (await rows(pool, query, id=id))[0]


async def make_due(pool) -> None:
    await rows(pool, "UPDATE outbound_text SET ask_at = now() WHERE ask_at IS NOT NULL RETURNING 1")


async def test_a_receipt_that_never_came_is_found_out(pool, inquiry, gateway):
    id = await sent(pool)
    gateway.receipts = [Receipt("V1", Status.DELIVERED, "delivered")]
    assert await inquiry.ask_due() == 1
    text = await the_text(pool, id)
    assert (text["state"], text["given_up"]) == ("delivered", True)
    assert await inquiry.ask_due() == 0


async def test_a_text_without_any_receipt_stays_sent(pool, inquiry, gateway):
    id = await sent(pool)
    waits = []
    while not (text := await the_text(pool, id))["given_up"]:
        await make_due(pool)
        assert await inquiry.ask_due() == 1
        waits.append(text["again_in"])
    assert (text["state"], text["asks"]) == ("sent", len(STALE_DELAYS))
    assert [round(wait) for wait in waits[1:]] == list(STALE_DELAYS[1:])
    assert await inquiry.ask_due() == 0


async def test_a_question_without_an_answer_is_asked_again_and_counts_as_none(
    pool, inquiry, gateway, clock
):
    id = await sent(pool)
    gateway.receipts = [LookUpFailed("no"), Receipt("V1", Status.DELIVERED, "delivered")]
    await inquiry.ask_due()
    text = await the_text(pool, id)
    assert (text["state"], text["asks"]) == ("sent", 0)
    assert 55 < text["again_in"] <= 60
    await make_due(pool)
    clock.time += timedelta(minutes=2)
    await inquiry.ask_due()
    assert (await the_text(pool, id))["state"] == "delivered"


async def test_after_a_week_nobody_asks_any_more(pool, inquiry, gateway):
    id = await sent(pool, age=timedelta(days=8))
    gateway.receipts = [LookUpFailed("no")]
    await inquiry.ask_due()
    text = await the_text(pool, id)
    assert (text["state"], text["given_up"]) == ("sent", True)


async def test_a_vendor_that_is_busy_is_left_alone_as_long_as_it_says(
    pool, inquiry, gateway, clock
):
    await sent(pool, last=30)
    gateway.receipts = [LookUpFailed("429", retry_after=90.0)] * 30
    assert await inquiry.ask_due() == 30
    asked = len(gateway.asked)
    assert asked <= 10  # those that were under way when it said so
    await make_due(pool)
    assert await inquiry.ask_due() == 0
    clock.time += timedelta(seconds=91)
    gateway.receipts = []
    assert await inquiry.ask_due() == 30
    assert len(gateway.asked) == asked + 30
    assert await rows(pool, "SELECT FROM outbound_text WHERE asks <> 1") == []


async def test_a_vendor_that_answers_nothing_is_left_alone_for_a_minute(
    pool, inquiry, gateway, clock
):
    await sent(pool, last=BATCH + 1)
    gateway.receipts = [LookUpFailed("no")] * BATCH
    assert await inquiry.ask_due() == BATCH
    assert await inquiry.ask_due() == 0
    clock.time += timedelta(minutes=2)
    assert await inquiry.ask_due() == 1


async def test_one_text_that_cannot_be_asked_about_does_not_hold_up_the_others(
    pool, inquiry, gateway
):
    await sent(pool, last=BATCH + 1)
    gateway.receipts = [LookUpFailed("no")]
    assert await inquiry.ask_due() == BATCH
    assert await inquiry.ask_due() == 1


async def test_texts_of_a_gateway_that_is_gone_are_let_be(pool, inquiry, gateway):
    id = await sent(pool, gateway="vonage")
    assert await inquiry.ask_due() == 0
    assert (await the_text(pool, id))["state"] == "sent"


async def test_no_two_workers_ask_the_same(pool, inquiry, gateway, clock):
    await sent(pool)
    async with httpx.AsyncClient() as http:
        other = Inquiry(pool, {"twilio": gateway}, http, clock)
        assert await inquiry.ask_due() + await other.ask_due() == 1


async def test_a_text_that_was_given_up_meanwhile_is_not_asked_about_again(pool, inquiry, gateway):
    id = await sent(pool)

    async def ask(vendor_id, http):
        await rows(
            pool,
            "UPDATE outbound_text SET state = 'pending', vendor_id = NULL, ask_at = NULL"
            " WHERE id = %(id)s RETURNING 1",
            id=id,
        )

    gateway.ask = ask
    await inquiry.ask_due()
    text = await the_text(pool, id)
    assert (text["state"], text["given_up"]) == ("pending", True)
