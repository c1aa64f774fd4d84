"""An opt-out counts up to the moment before the request, and a question about it until then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.gateways.base import Refused, Suppress
from messaging.clock import SystemClock
from messaging.consent import ConsentPolicy, Direction, Method, OptOutScope
from messaging.consent_table import append
from messaging.holding import ASKED_AGAIN, Gate
from messaging.lanes import Lane
from messaging.metrics import HELD
from messaging.outbox import NewText, enqueue
from messaging.outcomes import expire
from tests.integration.engine import OURS, ScriptedGateway, delivery_worker, rows, until
from tests.integration.test_consent import OURS_TOO, by_staff, notice, put, say, worker
from tests.integration.test_delivery import claimed

LEASE = timedelta(seconds=30)
HERE = ConsentPolicy(OptOutScope.NUMBER)
EVENTS = "SELECT kind, code FROM text_event WHERE kind <> 'duplicate' ORDER BY id"


def gate(pool, consent: ConsentPolicy | None = None) -> Gate:
    return Gate(pool, None, consent or ConsentPolicy(), SystemClock())


async def the_text(pool) -> dict:
    (row,) = await rows(
        pool,
        """SELECT *, extract(epoch FROM next_attempt_at - now())::float AS wait,
        extract(epoch FROM expires_at - created_at)::float AS valid FROM outbound_text
        WHERE kind = 'notice'""",
    )
    return row


async def revoke(pool, **given) -> None:
    """What the ledger says; the texts that wait are left alone."""
    async with pool.connection() as connection, connection.transaction():
        await append(connection, [by_staff(Direction.REVOKE, **given)])


async def test_a_stop_between_claim_and_request_is_honoured(pool, database_url):
    await notice(pool)
    text = await claimed(pool, ScriptedGateway(), LEASE)
    async with worker(pool, database_url):
        await say(pool, "STOP")
    assert (await the_text(pool))["state"] == "sending"  # nobody could take it from the worker
    assert await gate(pool).holds(text)
    row = await the_text(pool)
    assert (row["state"], row["error_code"], row["lease_until"]) == ("failed", "opted-out", None)
    assert row["error_staff"] == "The customer wants no texts that they did not ask for."
    assert await rows(pool, EVENTS) == [{"kind": "dropped", "code": "opted-out"}]


async def test_the_worker_looks_before_each_request(pool, database_url):
    await notice(pool)
    await revoke(pool)
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):

        async def failed():
            return (await the_text(pool))["state"] == "failed"

        await until(failed)
    assert gateway.sent == []


@pytest.mark.parametrize(
    ("lane", "scope", "policy", "number", "dropped"),
    [
        (Lane.REMINDER, "all", ConsentPolicy(), OURS, True),
        (Lane.REMINDER, "transactional", ConsentPolicy(), OURS, True),
        (Lane.REMINDER, "marketing", ConsentPolicy(), OURS, False),
        (Lane.BULK, "marketing", ConsentPolicy(), OURS, True),
        (Lane.REPLY, "all", ConsentPolicy(), OURS, True),  # a notice, however urgent
        (Lane.EMERGENCY, "all", ConsentPolicy(), OURS, False),
        (Lane.REMINDER, "all", ConsentPolicy(), OURS_TOO, True),
        (Lane.REMINDER, "all", HERE, OURS_TOO, False),
        (Lane.REMINDER, "all", HERE, OURS, True),
    ],
)
async def test_which_texts_an_opt_out_stops(pool, lane, scope, policy, number, dropped):
    shown = {"scope": "marketing", "method": Method.WEB, "disclosure": "I want offers by text."}
    await put(pool, by_staff(Direction.GRANT, **shown))
    await notice(pool, lane=lane)
    text = await claimed(pool, ScriptedGateway(), LEASE)
    await revoke(pool, scope=scope, number=number)
    assert await gate(pool, policy).holds(text) is dropped
    assert (await the_text(pool))["state"] == ("failed" if dropped else "sending")


@pytest.mark.parametrize("kind", ["reply", "failure", "expiry"])
async def test_answers_and_confirmations_are_never_stopped(pool, kind):
    await notice(pool)
    (row,) = await rows(pool, "DELETE FROM outbound_text RETURNING *")
    answer = NewText(
        row["id"],
        row["conversation_id"],
        "twilio",
        OURS,
        row["recipient"],
        "You are unsubscribed.",
        kind,
        datetime.now(UTC),
    )
    async with pool.connection() as connection, connection.transaction():
        await enqueue(connection, [answer])
    text = await claimed(pool, ScriptedGateway(), LEASE)
    await revoke(pool)
    assert not await gate(pool).holds(text)


async def asked(pool, direction: Direction = Direction.PENDING) -> None:
    async with pool.connection() as connection, connection.transaction():
        await append(connection, [by_staff(direction)])


async def test_while_we_ask_whether_texts_are_wanted_a_notice_waits(pool, database_url):
    await notice(pool)
    text = await claimed(pool, ScriptedGateway(), LEASE)
    await asked(pool)
    before = HELD.labels("consent-pending")._value.get()
    assert await gate(pool).holds(text)
    row = await the_text(pool)
    assert (row["state"], row["attempts"], row["first_attempt_at"]) == ("pending", 0, None)
    assert row["wait"] == pytest.approx(ASKED_AGAIN.total_seconds(), abs=5)
    assert row["valid"] == pytest.approx(12 * 3600, abs=5)  # as before
    assert await rows(pool, EVENTS) == [{"kind": "held", "code": "consent-pending"}]
    assert HELD.labels("consent-pending")._value.get() == before + 1
    await asked(pool, Direction.RECONFIRM)
    await rows(pool, "UPDATE outbound_text SET next_attempt_at = now() RETURNING 1")
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):

        async def sent():
            return gateway.sent

        await until(sent)


async def test_a_notice_that_waits_in_the_outbox_leaves_once_texts_are_wanted(pool, database_url):
    await notice(pool)
    gateway = ScriptedGateway()
    async with worker(pool, database_url):
        await say(pool, "too many texts")
        assert (await the_text(pool))["state"] == "pending"
        async with delivery_worker(pool, database_url, gateway):

            async def held():
                return await rows(pool, "SELECT FROM text_event WHERE code = 'consent-pending'")

            await until(held)
            await say(pool, "no")
            await rows(pool, "UPDATE outbound_text SET next_attempt_at = now() RETURNING 1")

            async def sent():
                return (await the_text(pool))["state"] == "sent"

            await until(sent)


async def test_a_notice_whose_question_nobody_answers_expires(pool):
    await notice(pool)
    await rows(
        pool, "UPDATE outbound_text SET expires_at = now() + interval '1 minute' RETURNING 1"
    )
    text = await claimed(pool, ScriptedGateway(), LEASE)
    await asked(pool)
    assert await gate(pool).holds(text)
    row = await the_text(pool)
    assert row["expires_at"] == row["next_attempt_at"]  # over when it is looked at again
    await rows(pool, "UPDATE outbound_text SET expires_at = now() RETURNING 1")
    assert await expire(pool) == 1


async def test_what_waits_behind_a_text_that_tells_of_a_dead_phone_is_dropped(pool, database_url):
    for _ in range(2):
        await notice(pool)
    gateway = ScriptedGateway(Refused("30006", "A landline.", suppress=Suppress.UNREACHABLE))
    codes = "SELECT error_code FROM outbound_text WHERE state = 'failed' ORDER BY seq"
    async with delivery_worker(pool, database_url, gateway):

        async def settled():
            return [row["error_code"] for row in await rows(pool, codes)] == [
                "30006",
                "unreachable",
            ]

        await until(settled)
    assert len(gateway.sent) == 1


@pytest.mark.parametrize(
    ("lane", "dropped"), [(Lane.REMINDER, True), (Lane.BULK, True), (Lane.EMERGENCY, False)]
)
async def test_which_texts_a_phone_without_texts_stops(pool, lane, dropped):
    await put(pool, by_staff(Direction.GRANT, scope="marketing", method=Method.WEB, disclosure="?"))
    await notice(pool, lane=lane)
    text = await claimed(pool, ScriptedGateway(), LEASE)
    await rows(pool, "UPDATE conversation SET unreachable_code = '30006' RETURNING id")
    assert await gate(pool).holds(text) is dropped
    row = await the_text(pool)
    if dropped:
        assert (row["state"], row["error_code"]) == ("failed", "unreachable")
        assert row["error_staff"] == "This phone gets no texts."
        assert await rows(pool, EVENTS) == [{"kind": "dropped", "code": "unreachable"}]
