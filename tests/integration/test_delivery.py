"""What becomes of a text that is to be sent, for each of a vendor's answers."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from connectors.gateways.base import Accepted, Receipt, Refused, Status, Suppress, Unknown
from messaging.clock import SystemClock
from messaging.delivery_table import ClaimedText, Queue
from messaging.errors import LookUpFailed
from messaging.inquiry import Inquiry
from messaging.notice_texts import enqueue_notice
from messaging.outcomes import settle
from messaging.receipts import store_receipt
from messaging.retry import SOON, Schedule
from messaging.sending import DeliveryPolicy
from messaging.states import TextState, rank
from tests.integration.engine import (
    OURS,
    PHONE,
    WORDS,
    ScriptedGateway,
    delivery_worker,
    rows,
    until,
)

OPTED_OUT = Refused("21610", "They opted out.", suppress=Suppress.OPTED_OUT)
QUICKLY = Schedule(attempts=8, first=0.1)
BUSY = Refused("20429", "Busy.", retry=QUICKLY, retry_after=0.1)


async def text_out(pool, body: str, phone: str = PHONE) -> UUID:
    async with pool.connection() as connection:
        (id,) = await enqueue_notice(
            connection,
            gateway="twilio",
            number=OURS,
            phone=phone,
            body=body,
            policy=WORDS,
            new_id=uuid4,
            now=datetime.now(UTC),
        )
    return id


async def the_text(pool, id: UUID) -> dict:
    (row,) = await rows(pool, "SELECT * FROM outbound_text WHERE id = %(id)s", id=id)
    return row


async def claimed(pool, gateway, lease: timedelta) -> ClaimedText:
    queue = Queue(pool, {"twilio": gateway}, lease)
    await queue.prepare()
    (text,) = (await queue.claim(10)).texts
    return text


def in_state(pool, id: UUID, *states: str):
    async def check():
        row = await the_text(pool, id)
        return row if row["state"] in states else None

    return check


async def receipt(pool, vendor_id: str, status: Status, code: str | None = None) -> bool:
    async with pool.connection() as connection:
        word = Receipt(vendor_id, status, str(status), code)
        return await store_receipt(connection, "twilio", word, datetime.now(UTC))


async def test_accepted_is_sent_and_a_receipt_delivers_it(pool, database_url):
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi")
        row = await until(in_state(pool, id, "sent"))
    assert (row["vendor_id"], row["attempts"]) == ("V1", 1)
    assert gateway.sent[0].id == str(id)
    await receipt(pool, "V1", Status.DELIVERED)
    assert (await the_text(pool, id))["state"] == "delivered"


async def test_a_refusal_that_may_pass_is_tried_again(pool, database_url):
    gateway = ScriptedGateway(BUSY)
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi")
        row = await until(in_state(pool, id, "sent"))
    assert row["attempts"] == 2
    assert row["error_code"] is None


async def test_a_refusal_for_good_fails_and_suppresses_the_phone(pool, database_url):
    async with delivery_worker(pool, database_url, ScriptedGateway(OPTED_OUT)) as _:
        id = await text_out(pool, "hi")
        row = await until(in_state(pool, id, "failed"))
    assert (row["error_code"], row["error_staff"]) == ("21610", "They opted out.")
    (talk,) = await rows(pool, "SELECT opted_out_at FROM conversation")
    assert talk["opted_out_at"] is not None
    async with pool.connection() as connection:
        assert not await enqueue_notice(
            connection,
            gateway="twilio",
            number=OURS,
            phone=PHONE,
            body="again",
            policy=WORDS,
            new_id=uuid4,
            now=datetime.now(UTC),
        )


async def test_unknown_is_looked_up_and_not_sent_again_when_found(pool, database_url):
    gateway = ScriptedGateway(Unknown("read time-out"))
    gateway.found = [None, Accepted("V9")]
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi")
        row = await until(in_state(pool, id, "sent"))
    assert row["vendor_id"] == "V9"
    assert len(gateway.sent) == 1


async def test_unknown_is_sent_again_only_after_it_was_looked_up_in_vain(pool, database_url):
    gateway = ScriptedGateway(Unknown("read time-out"))
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi")
        row = await until(in_state(pool, id, "sent"), 20)
    assert len(gateway.sent) == 2
    assert len(gateway.lookups) == 3
    assert row["attempts"] == 2


async def test_a_look_up_that_fails_proves_nothing(pool, database_url):
    gateway = ScriptedGateway(Unknown("read time-out"))
    gateway.found = [LookUpFailed("503")] * 20
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi")
        await until(lambda: _looked(gateway))
        await asyncio.sleep(0.3)
        assert len(gateway.sent) == 1
        assert (await the_text(pool, id))["state"] == "checking"


async def _looked(gateway: ScriptedGateway) -> bool:
    return len(gateway.lookups) > 0


async def test_unknown_stays_unknown_where_the_vendor_cannot_be_asked(pool, database_url):
    gateway = ScriptedGateway(Unknown("read time-out"), look_up=False)
    async with delivery_worker(pool, database_url, gateway):
        first, second = await text_out(pool, "one"), await text_out(pool, "two")
        row = await until(in_state(pool, first, "unknown"))
        await until(in_state(pool, second, "sent"))
    assert [message.body for message in gateway.sent] == ["one", "two"]
    assert row["error_code"] == "outcome-unknown"


async def test_a_worker_that_died_while_sending_leaves_a_text_to_be_looked_up(pool, database_url):
    gateway = ScriptedGateway()
    gateway.found = [Accepted("V7")]
    id = await text_out(pool, "hi")
    text = await claimed(pool, gateway, timedelta(seconds=0.1))
    assert not text.check
    await asyncio.sleep(0.2)
    async with delivery_worker(pool, database_url, gateway):
        await until(in_state(pool, id, "sent"))
    assert gateway.sent == []
    assert gateway.lookups[0].id == str(id)


async def test_texts_to_one_phone_leave_in_order_one_at_a_time(pool, database_url):
    gateway = ScriptedGateway(BUSY)
    async with (
        delivery_worker(pool, database_url, gateway),
        delivery_worker(pool, database_url, gateway),
    ):
        for number in range(12):
            last = await text_out(pool, str(number))
        await until(in_state(pool, last, "sent"))
    assert [message.body for message in gateway.sent] == ["0", *(str(n) for n in range(12))]


async def test_a_text_that_waits_holds_up_its_own_phone_only(pool, database_url):
    gateway = ScriptedGateway(Refused("x", "Busy.", retry=SOON, retry_after=600))
    async with delivery_worker(pool, database_url, gateway):
        slow = await text_out(pool, "slow")
        await until(in_state(pool, slow, "pending"))
        behind = await text_out(pool, "behind")
        other = await text_out(pool, "other", phone="+12125550101")
        await until(in_state(pool, other, "sent"))
        assert (await the_text(pool, behind))["state"] == "pending"


async def test_a_text_that_comes_too_late_is_not_sent(pool, database_url):
    gateway = ScriptedGateway()
    id = await text_out(pool, "hi")
    await rows(pool, "UPDATE outbound_text SET expires_at = now() - interval '1 s' RETURNING id")
    async with delivery_worker(pool, database_url, gateway):
        row = await until(in_state(pool, id, "failed"))
    assert (row["error_code"], gateway.sent) == ("expired", [])


async def test_a_number_keeps_its_pace(pool, database_url):
    gateway = ScriptedGateway(per_second=2)
    began = asyncio.get_running_loop().time()
    async with delivery_worker(pool, database_url, gateway):
        for number in range(8):
            last = await text_out(pool, str(number), phone=f"+1212555{number:04}")
        await until(in_state(pool, last, "sent"), 15)
    took = asyncio.get_running_loop().time() - began
    # eight texts at two a second take 3.5 s; two seconds of traffic may wait at the vendor
    assert 1.4 <= took < 4.5


async def test_the_database_refuses_two_texts_to_one_phone_at_a_time(pool):
    await text_out(pool, "one")
    await text_out(pool, "two")
    with pytest.raises(psycopg.errors.UniqueViolation):
        await rows(pool, "UPDATE outbound_text SET state = 'sending' RETURNING id")


async def test_a_receipt_that_comes_before_the_answer_is_matched(pool, database_url):
    await receipt(pool, "V1", Status.DELIVERED)
    (parked,) = await rows(pool, "SELECT outbound_id FROM receipt")
    assert parked["outbound_id"] is None
    async with delivery_worker(pool, database_url, ScriptedGateway()):
        id = await text_out(pool, "hi")
        await until(in_state(pool, id, "delivered"))
    (matched,) = await rows(pool, "SELECT outbound_id FROM receipt")
    assert matched["outbound_id"] == id


@pytest.mark.parametrize(
    ("order", "ends"),
    [
        ((Status.SENT, Status.DELIVERED), "delivered"),
        ((Status.DELIVERED, Status.SENT), "delivered"),
        ((Status.DELIVERED, Status.QUEUED, Status.SENT), "delivered"),
        ((Status.FAILED, Status.SENT), "failed"),
        ((Status.SENT, Status.SENT), "sent"),
        ((Status.DELIVERED, Status.FAILED), "delivered"),
    ],
)
async def test_receipts_never_take_a_state_back(pool, database_url, order, ends):
    async with delivery_worker(pool, database_url, ScriptedGateway()):
        id = await text_out(pool, "hi")
        await until(in_state(pool, id, "sent"))
    for status in order:
        await receipt(pool, "V1", status, "30003" if status is Status.FAILED else None)
    row = await the_text(pool, id)
    assert row["state"] == ends
    assert row["error_code"] == ("30003" if ends == "failed" else None)
    assert len(await rows(pool, "SELECT FROM receipt")) == len(set(order))


async def test_a_receipt_and_the_answer_that_race_are_always_matched(pool, database_url):
    gateway = ScriptedGateway()
    phones = [f"+1212555{number:04}" for number in range(40)]
    async with delivery_worker(pool, database_url, gateway):
        await asyncio.gather(
            *(text_out(pool, "hi", phone) for phone in phones),
            *(receipt(pool, f"V{number}", Status.DELIVERED) for number in range(1, 41)),
        )
        await until(lambda: _all_delivered(pool))


async def _all_delivered(pool) -> bool:
    left = await rows(pool, "SELECT FROM outbound_text WHERE state <> 'delivered'")
    return not left


async def test_a_vendor_without_receipts_is_asked(pool, database_url):
    gateway = ScriptedGateway(look_up=False)
    gateway.receipts = [None, Receipt("V1", Status.DELIVERED, "DLR:Delivered")]
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi")
        await until(in_state(pool, id, "sent"))
    async with httpx.AsyncClient() as http:
        inquiry = Inquiry(pool, {"twilio": gateway}, http, SystemClock())
        assert await inquiry.ask_due() == 0
        for _ in range(2):
            await rows(pool, "UPDATE outbound_text SET ask_at = now() RETURNING id")
            assert await inquiry.ask_due() == 1
    row = await the_text(pool, id)
    assert (row["state"], row["ask_at"], row["asks"]) == ("delivered", None, 2)


async def test_an_outcome_of_a_worker_that_lost_its_text_changes_nothing(pool, database_url):
    gateway = ScriptedGateway()
    id = await text_out(pool, "hi")
    text = await claimed(pool, gateway, timedelta(seconds=1))
    await rows(pool, "UPDATE outbound_text SET state = 'delivered', vendor_id = 'V1' RETURNING id")
    await settle(pool, text, "pending")
    assert (await the_text(pool, id))["state"] == "delivered"


async def test_the_order_of_states_is_the_same_in_python_and_in_the_database(pool):
    for state in TextState:
        (row,) = await rows(pool, "SELECT text_state_rank(%(state)s) AS rank", state=str(state))
        assert row["rank"] == rank(state), state


async def test_what_keeps_a_text_up_before_its_request_counts_against_the_lease(pool, database_url):
    """Behind the lease somebody else looks it up, while the request might still arrive."""
    loop, lease = asyncio.get_running_loop(), timedelta(seconds=2)
    ended: asyncio.Future[float] = loop.create_future()

    class Mute(ScriptedGateway):
        async def send(self, message, http):
            try:
                await asyncio.sleep(60)
            finally:
                ended.set_result(loop.time())

    policy = DeliveryPolicy(lease=lease, idle=timedelta(seconds=0.3))
    await text_out(pool, "hi")
    async with AsyncExitStack() as stack, pool.connection() as other:
        async with other.transaction():
            await other.execute("LOCK TABLE consent_event IN ACCESS EXCLUSIVE MODE")
            worker = delivery_worker(pool, database_url, Mute(), policy=policy)
            await stack.enter_async_context(worker)
            await until(lambda: rows(pool, "SELECT FROM outbound_text WHERE attempts = 1"))
            began = loop.time()
            await asyncio.sleep(lease.total_seconds() / 2)
        assert await ended - began < lease.total_seconds()
