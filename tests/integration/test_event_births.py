"""Everything that happens is told by the database itself, in the transaction that does it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.gateways.base import Receipt
from database.pool import Pool
from events.emitting import emit
from events.endpoints import pause, remove
from events.payloads import StoredEvent, data_of
from events.types import TYPES
from messaging.clock import SystemClock
from messaging.consent import ConsentEvent, Direction, Method
from messaging.consent_changes import record
from messaging.inbox import store_events
from messaging.judgement import judge
from messaging.outcomes import expire
from practice.appointments import book, cancel, confirm, reschedule
from practice.attendance import mark
from practice.sample import load_sample
from tests.integration.engine import (
    PHONE,
    Echo,
    ScriptedGateway,
    delivery_worker,
    rows,
    text_in,
    turn_worker,
    until,
)
from tests.integration.hooks import EVENTS, endpoint_at, rolled_back, types_of

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)  # a Sunday
URL = "http://127.0.0.1:1/hook"
ANN = {"phone": PHONE, "name": "Ann Lee", "service": "eye_exam", "location": "downtown"}
WHEN = {"start": datetime(2026, 11, 27, 15, tzinfo=UTC), "now": NOW}


STORE = """
WITH talk AS (
    INSERT INTO conversation (id, gateway, number, phone, created_at)
    SELECT id, 'twilio', '+12125550142', id::text, now() FROM gen_random_uuid() AS id RETURNING id)
INSERT INTO inbound_text (conversation_id, gateway, external_id, body, received_at)
SELECT id, 'twilio', id::text, 'Hello', now() FROM talk
"""


async def data(pool: Pool) -> list[dict]:
    """Of all events, in full."""
    stored = await rows(pool, "SELECT * FROM outgoing_event ORDER BY at, id")
    async with pool.connection() as connection:
        return [await data_of(connection, StoredEvent(**row)) for row in stored]


async def facts(pool: Pool) -> dict:
    (event,) = await rows(pool, EVENTS)
    return event


async def answered(pool, database_url, *outcomes, receipt=None):
    """A text comes in, is answered, and the answer is sent."""
    await text_in(pool, "Hello")
    gateway = ScriptedGateway(*outcomes)
    async with (
        turn_worker(pool, database_url, Echo()),
        delivery_worker(pool, database_url, gateway),
    ):
        await until(lambda: rows(pool, "SELECT FROM outbound_text WHERE state = 'sent'"))
    if receipt is not None:
        event = Receipt("V1", receipt, receipt, None)
        await store_events(pool, "twilio", [event], SystemClock().now(), burst_seconds=0.1)


async def test_a_text_that_is_answered_is_told_from_end_to_end(pool, database_url):
    await endpoint_at(pool, URL)
    await answered(pool, database_url, receipt="delivered")
    assert await types_of(pool) == ["message.received", "message.sent", "message.delivered"]
    received, sent, delivered = await data(pool)
    assert received == {
        "id": received["id"],
        "conversation_id": sent["conversation_id"],
        "direction": "in",
        "gateway": "twilio",
        "number": "+12125550142",
        "phone": PHONE,
        "body": "Hello",
        "files": 0,
    }
    assert sent == delivered
    assert (sent["body"], sent["direction"]) == ("You said: Hello", "out")
    assert (sent["kind"], sent["lane"], sent["code"]) == ("reply", "reply", None)


async def test_no_word_and_no_number_stands_in_an_event(pool, database_url):
    await endpoint_at(pool, URL)
    await answered(pool, database_url, receipt="delivered")
    told = str(await rows(pool, "SELECT * FROM outgoing_event, webhook_delivery"))
    assert "Hello" not in told
    assert PHONE[1:] not in told


async def test_a_text_that_a_gateway_brings_twice_is_told_once(pool):
    await endpoint_at(pool, URL)
    await text_in(pool, "Hello", id="SM1")
    await text_in(pool, "Hello", id="SM1")
    assert await types_of(pool) == ["message.received"]


async def test_a_failure_is_told_when_it_is_judged_final(pool, database_url):
    await answered(pool, database_url)
    await endpoint_at(pool, URL)
    gateway = {"twilio": ScriptedGateway()}
    failed = Receipt("V1", "failed", "undelivered", "30007")  # filtered: final
    await store_events(pool, "twilio", [failed], SystemClock().now(), burst_seconds=0.1)
    assert await types_of(pool) == []
    await judge(pool, gateway, lambda: 0.0)
    assert await types_of(pool) == ["message.failed"]
    (told,) = await data(pool)
    assert told["code"] == "30007"
    assert told["reason"]


async def test_a_failure_that_is_sent_again_is_not_told(pool, database_url):
    await answered(pool, database_url)
    await endpoint_at(pool, URL)
    failed = Receipt("V1", "failed", "undelivered", "30003")  # a phone that is off
    await store_events(pool, "twilio", [failed], SystemClock().now(), burst_seconds=0.1)
    await judge(pool, {"twilio": ScriptedGateway()}, lambda: 0.0)
    assert await rows(pool, "SELECT FROM outbound_text WHERE state = 'pending'")
    assert await types_of(pool) == []


async def test_a_text_that_ran_out_of_time_is_told_as_failed(pool, database_url):
    await endpoint_at(pool, URL, "message.failed")
    await text_in(pool, "Hello")
    async with turn_worker(pool, database_url, Echo()):
        await until(lambda: rows(pool, "SELECT FROM outbound_text"))
    await rows(pool, "UPDATE outbound_text SET expires_at = now() RETURNING 1")
    await expire(pool)
    (told,) = await data(pool)
    assert told["code"] == "expired"


async def test_a_text_whose_fate_nobody_knows_is_told(pool, database_url):
    await answered(pool, database_url)
    await endpoint_at(pool, URL)
    await rows(pool, "UPDATE outbound_text SET state = 'unknown' RETURNING 1")
    assert await types_of(pool) == ["message.unknown"]


@pytest.mark.parametrize(
    ("direction", "type"),
    [
        (Direction.GRANT, "consent.granted"),
        (Direction.REVOKE, "consent.revoked"),
        (Direction.RECONFIRM, "consent.reconfirmed"),
        (Direction.PENDING, "consent.questioned"),
        (Direction.REQUESTED, "consent.requested"),
    ],
)
async def test_what_is_said_of_consent_is_told(pool, direction, type):
    await endpoint_at(pool, URL)
    said = ConsentEvent(
        phone=PHONE,
        direction=direction,
        scope="all",
        method=Method.VERBAL,
        actor="desk",
        recorded_at=NOW,
        captured_at=NOW,
        body="No more, please",
    )
    async with pool.connection() as connection, connection.transaction():
        await record(connection, [said])
    assert await types_of(pool) == [type]
    (told,) = await data(pool)
    assert (told["phone"], told["scope"], told["method"]) == (PHONE, "all", "verbal")
    assert (told["captured_at"], told["body"]) == ("2026-11-22T15:00:00Z", "No more, please")


async def test_the_life_of_an_appointment_is_told(pool):
    async with pool.connection() as connection:
        await load_sample(connection, NOW)
        await endpoint_at(pool, URL)
        made = await book(connection, "1", **ANN, **WHEN)
        mine = {"phone": PHONE, "appointment_id": made.id, "now": NOW}
        await confirm(connection, "2", **mine)
        later = WHEN["start"] + timedelta(hours=1)
        await reschedule(connection, "3", **mine, start=later, location="lakeside")
        await cancel(connection, "4", **mine)
    assert await types_of(pool) == [
        "appointment.booked",
        "appointment.confirmed",
        "appointment.moved",
        "appointment.cancelled",
    ]
    booked, confirmed, moved, _ = await data(pool)
    assert booked == {
        "id": str(made.id),
        "reference": made.reference,
        "phone": PHONE,
        "name": "Ann Lee",
        "service": "eye_exam",
        "location": "downtown",
        "timezone": "America/New_York",
        "start": "2026-11-27T15:00:00Z",
        "end": booked["end"],
        "previous_start": None,
    }
    # Each tells what was so then, although it is read when all is over.
    assert confirmed == booked
    assert (moved["start"], moved["location"]) == ("2026-11-27T16:00:00Z", "lakeside")
    assert moved["previous_start"] == "2026-11-27T15:00:00Z"


@pytest.mark.parametrize("attendance", ["kept", "missed"])
async def test_who_came_and_who_did_not_is_told(pool, attendance):
    async with pool.connection() as connection:
        await load_sample(connection, NOW)
        made = await book(connection, "1", **ANN, **WHEN)
        await endpoint_at(pool, URL)
        at = WHEN["start"] + timedelta(hours=1)
        await mark(connection, "2", attendance, reference=made.reference, now=at)
    assert await types_of(pool) == [f"appointment.{attendance}"]


async def test_a_change_that_is_repeated_is_told_once(pool):
    async with pool.connection() as connection:
        await load_sample(connection, NOW)
        await endpoint_at(pool, URL)
        await book(connection, "1", **ANN, **WHEN)
        await book(connection, "1", **ANN, **WHEN)
    assert await types_of(pool) == ["appointment.booked"]


async def test_who_answers_a_conversation_is_told(pool):
    await text_in(pool, "Hello")
    await endpoint_at(pool, URL)
    for owner in ("person", "person", "assistant"):
        await rows(pool, "UPDATE conversation SET owner = %(owner)s RETURNING 1", owner=owner)
    assert await types_of(pool) == ["conversation.handed_over", "conversation.returned"]
    told = (await data(pool))[0]
    assert (told["phone"], told["gateway"]) == (PHONE, "twilio")


async def test_what_no_table_shows_is_told_by_code(pool):
    await text_in(pool, "Hello")
    await endpoint_at(pool, URL)
    (talk,) = await rows(pool, "SELECT id FROM conversation")
    async with pool.connection() as connection:
        given = {"survey": "visit", "question": "score", "answer": 5}
        await emit(connection, "survey.answered", talk["id"], given)
    assert await types_of(pool) == ["survey.answered"]
    (told,) = await data(pool)
    assert told == {
        "conversation_id": str(talk["id"]),
        "gateway": "twilio",
        "number": "+12125550142",
        "phone": PHONE,
        **given,
    }


@pytest.mark.parametrize(
    ("type", "facts", "told"),
    [
        ("survey.asked", {}, "survey.asked is no type of event"),
        ("message.sent", {}, "message.sent is no type of event that can be told"),
        ("survey.answered", {"name": "Ann"}, "the data of survey.answered has no field name"),
    ],
)
async def test_what_is_no_event_is_not_told(pool, type, facts, told):
    await endpoint_at(pool, URL)
    async with pool.connection() as connection:
        with pytest.raises(ValueError, match=told):
            await emit(connection, type, 1, facts)
    assert await types_of(pool) == []


async def test_what_is_rolled_back_is_not_told(pool):
    async with pool.connection() as connection:
        await load_sample(connection, NOW)
    await endpoint_at(pool, URL)
    await text_in(pool, "Hello")
    async with rolled_back(pool) as connection:
        await book(connection, "1", **ANN, **WHEN)
        await connection.execute("UPDATE conversation SET owner = 'person'")
        await emit(connection, "appointment.missed", 1, {})
    assert await types_of(pool) == ["message.received"]


async def test_where_nobody_wants_to_know_nothing_is_written(pool):
    await endpoint_at(pool, URL, "appointment.*")
    await endpoint_at(pool, URL, state="gone")
    await text_in(pool, "Hello")
    assert await rows(pool, EVENTS) == []


@pytest.mark.parametrize(
    ("types", "count"),
    [(["*"], 1), (["message.*"], 1), (["message.received"], 1), (["message.sent"], 0), (["m*"], 0)],
)
async def test_an_endpoint_gets_the_types_that_it_names(pool, types, count):
    await endpoint_at(pool, URL, *types)
    await text_in(pool, "Hello")
    assert len(await types_of(pool)) == count


async def test_an_event_is_one_with_a_delivery_for_each_who_wants_it(pool):
    first, _ = await endpoint_at(pool, URL)
    second, _ = await endpoint_at(pool, URL, "message.received", "message.*")
    async with pool.connection() as connection:
        await pause(connection, second, "by staff")  # it waits there
    await text_in(pool, "Hello")
    assert len(await rows(pool, EVENTS)) == 1
    got = await rows(pool, "SELECT endpoint_id FROM webhook_delivery ORDER BY id")
    assert {row["endpoint_id"] for row in got} == {first, second}


async def test_all_types_that_the_triggers_tell_are_known(pool):
    """A type that is not in the list could not be delivered."""
    (source,) = await rows(
        pool,
        "SELECT string_agg(pg_get_functiondef(oid), '') AS code FROM pg_proc"
        " WHERE proname LIKE '%%\\_tells'",
    )
    told = set(re.findall(r"'([a-z]+\.[a-z_]+)'", source["code"]))
    assert told
    assert told <= set(TYPES)


async def test_an_event_of_what_was_erased_has_no_data(pool):
    await endpoint_at(pool, URL)
    await text_in(pool, "Hello")
    (event,) = [StoredEvent(**row) for row in await rows(pool, "SELECT * FROM outgoing_event")]
    async with pool.connection() as connection:
        for gone in ({"source_id": "999"}, {"source": "appointment"}):
            assert await data_of(connection, replace(event, **gone)) is None


async def test_no_transaction_waits_because_of_events(pool):
    """Texts go on while an endpoint is changed, and it is changed while texts are stored."""
    first, _ = await endpoint_at(pool, URL)
    second, _ = await endpoint_at(pool, URL)
    quickly = "SET LOCAL lock_timeout = '1s'"
    async with pool.connection() as storing, storing.transaction():
        await storing.execute(quickly)
        await storing.execute(STORE)
        async with pool.connection() as changing, changing.transaction():
            await changing.execute(quickly)
            await pause(changing, first, "by staff")
            await remove(changing, second)
            await storing.execute(STORE)
    assert len(await rows(pool, EVENTS)) == 2
