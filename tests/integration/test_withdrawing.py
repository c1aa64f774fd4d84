"""Texts that are taken back while they wait: never sent, on record, and nothing else touched."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from connectors.gateways.base import Accepted, Unknown
from messaging.dead_texts import send_once_more
from messaging.outcomes import settle
from messaging.withdrawing import CODE, STAFF, withdraw
from tests.integration.engine import ScriptedGateway, delivery_worker, rows, until
from tests.integration.test_delivery import claimed, in_state, text_out, the_text

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


async def test_a_text_under_way_that_is_refused_for_a_time_is_not_tried_again(pool, database_url):
    """It is at the gateway when the appointment is moved, and would come back into the queue."""
    gateway = ScriptedGateway()
    id = await text_out(pool, "See you at 9")
    text = await claimed(pool, gateway, timedelta(seconds=30))
    assert await taken_back(pool, id) == []
    await settle(pool, text, "pending", delay=0.1)
    async with delivery_worker(pool, database_url, gateway):
        row = await until(in_state(pool, id, "failed"))
    assert (row["error_code"], gateway.sent) == ("expired", [])


async def test_a_text_that_is_looked_up_in_vain_is_not_sent_again(pool, database_url):
    gateway = ScriptedGateway(Unknown("the connection broke"))
    gateway.found = [None] * 5
    id = await text_out(pool, "See you at 9")
    async with delivery_worker(pool, database_url, gateway):
        await until(in_state(pool, id, "checking"))
        assert await taken_back(pool, id) == []
        await until(in_state(pool, id, "failed"), 30)
    assert [message.body for message in gateway.sent] == ["See you at 9"]


async def test_whoever_is_claiming_one_of_them_is_waited_for(pool):
    """What it reads first is not what it finds once the claim is committed."""
    id = await text_out(pool, "See you at 9")
    async with pool.connection() as claiming:
        async with claiming.transaction():
            await claiming.execute("UPDATE outbound_text SET state = 'sending'")
            waits = asyncio.create_task(taken_back(pool, id))
            await until(lambda: _waits_for_a_lock(pool))
        assert await waits == []
    row = await the_text(pool, id)
    assert row["state"] == "sending"
    assert row["not_after"] is not None


async def _waits_for_a_lock(pool):
    return await rows(
        pool,
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()",
    )
