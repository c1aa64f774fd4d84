"""Texts that are taken back while they wait: never sent, on record, and nothing else touched."""

from __future__ import annotations

from uuid import uuid4

import pytest

from connectors.gateways.base import Accepted
from messaging.dead_texts import send_once_more
from messaging.withdrawing import CODE, STAFF, withdraw
from tests.integration.engine import ScriptedGateway, delivery_worker, rows, until
from tests.integration.test_delivery import in_state, text_out, the_text

REASON = "the appointment was moved"


async def taken_back(pool, *ids):
    async with pool.connection() as connection, connection.transaction():
        return await withdraw(connection, ids, REASON)


async def test_a_text_that_waits_is_taken_back_and_its_record_says_why(pool, database_url):
    id, next_one = await text_out(pool, "See you at 9"), await text_out(pool, "See you at 10")
    assert await taken_back(pool, id) == [id]
    row = await the_text(pool, id)
    assert (row["state"], row["error_code"], row["error_staff"]) == ("failed", CODE, STAFF)
    (event,) = await rows(pool, "SELECT * FROM text_event WHERE kind = 'withdrawn'")
    assert (event["outbound_id"], event["code"], event["detail"]) == (id, CODE, REASON)
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):
        await until(in_state(pool, next_one, "sent"))
    assert [message.body for message in gateway.sent] == ["See you at 10"]
    assert await taken_back(pool, id) == []  # once is enough


@pytest.mark.parametrize("state", ["sending", "checking", "unknown"])
async def test_what_the_gateway_may_have_stays_as_it_is(pool, state):
    id = await text_out(pool, "See you at 9")
    await rows(pool, "UPDATE outbound_text SET state = %(state)s RETURNING id", state=state)
    assert await taken_back(pool, id, uuid4()) == []
    row = await the_text(pool, id)
    assert (row["state"], row["error_code"]) == (state, None)
    assert await rows(pool, "SELECT FROM text_event") == []


async def test_what_is_out_stays_out(pool, database_url):
    id = await text_out(pool, "See you at 9")
    async with delivery_worker(pool, database_url, ScriptedGateway(Accepted("V1"))):
        await until(in_state(pool, id, "sent"))
    assert await taken_back(pool, id) == []
    assert (await the_text(pool, id))["state"] == "sent"


async def test_all_parts_are_taken_back_in_the_order_in_which_they_would_have_left(pool):
    ids = [await text_out(pool, f"part {number}") for number in range(3)]
    assert await taken_back(pool, *reversed(ids)) == ids


async def test_words_that_were_taken_back_may_be_said_again(pool):
    id = await text_out(pool, "See you at 9")
    assert await taken_back(pool, id) == [id]
    again = await text_out(pool, "See you at 9")
    assert (await the_text(pool, again))["state"] == "pending"


async def test_it_is_taken_back_with_what_made_it_wrong_or_not_at_all(pool):
    id = await text_out(pool, "See you at 9")
    async with pool.connection() as connection, connection.transaction(force_rollback=True):
        assert await withdraw(connection, [id], REASON) == [id]
    assert (await the_text(pool, id))["state"] == "pending"


async def test_it_is_not_sent_once_more_by_hand(pool):
    id = await text_out(pool, "See you at 9")
    await taken_back(pool, id)
    (verdict,) = await send_once_more(pool, [id], although_unknown=True)
    assert verdict.refusal == "It was taken back: what it says is no longer so."
    assert (await the_text(pool, id))["state"] == "failed"
