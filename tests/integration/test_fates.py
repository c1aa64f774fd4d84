"""Texts whose fate is not told by the answer to their request: by receipts, by policy, by code."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from connectors.gateways.base import (
    Accepted,
    Inbound,
    Receipt,
    Refused,
    Status,
    Unknown,
    VendorCode,
)
from messaging.inbox import store_events
from messaging.judgement import FailedText, another_try
from messaging.notice_texts import enqueue_notice
from messaging.outbox import NewText, enqueue
from messaging.receipts import store_receipt
from messaging.retry import LATER, NEXT_DAY, Schedule
from messaging.sending import DeliveryPolicy
from tests.integration.engine import (
    OURS,
    PHONE,
    WORDS,
    ScriptedGateway,
    delivery_worker,
    rows,
    until,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SILENT = Unknown("read time-out")
QUICK = DeliveryPolicy(
    lease=timedelta(seconds=1),
    idle=timedelta(seconds=0.3),
    receipt_wait=timedelta(seconds=0.4),
)


async def text_out(pool, body: str, kind: str = "notice", phone: str = PHONE) -> UUID:
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
        await connection.execute("UPDATE outbound_text SET kind = %s WHERE id = %s", [kind, id])
    return id


async def the_text(pool, id: UUID) -> dict:
    (row,) = await rows(pool, "SELECT * FROM outbound_text WHERE id = %(id)s", id=id)
    return row


async def events(pool, id: UUID) -> list[str]:
    found = await rows(
        pool, "SELECT kind FROM text_event WHERE outbound_id = %(id)s ORDER BY id", id=id
    )
    return [row["kind"] for row in found]


async def receipt(
    pool, vendor_id: str, status: Status, *, code: str | None = None, of: UUID | None = None
) -> bool:
    async with pool.connection() as connection:
        word = Receipt(vendor_id, status, str(status), code, of)
        return await store_receipt(connection, "twilio", word, datetime.now(UTC))


def in_state(pool, id: UUID, *states: str):
    async def check():
        row = await the_text(pool, id)
        return row if row["state"] in states else None

    return check


# -- receipts that name our own id -----------------------------------------------------------


def asked_in_vain() -> ScriptedGateway:
    """No answer, no look-up, but receipts that give our own id back."""
    return ScriptedGateway(SILENT, look_up=False, receipts_name_us=True)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENT, Status.DELIVERED])
async def test_a_receipt_settles_what_no_answer_told(pool, database_url, status):
    gateway = asked_in_vain()
    async with delivery_worker(pool, database_url, gateway, policy=QUICK):
        id = await text_out(pool, "hi", "reply")
        behind = await text_out(pool, "behind", "reply")
        await until(in_state(pool, id, "checking"))
        await receipt(pool, "V9", status, of=id)
        row = await the_text(pool, id)
        await until(in_state(pool, behind, "sent"))
    assert (row["vendor_id"], row["lease_until"], row["error_code"]) == ("V9", None, None)
    assert row["state"] == ("delivered" if status is Status.DELIVERED else "sent")
    assert [one.body for one in gateway.sent] == ["hi", "behind"]
    (kept,) = await rows(pool, "SELECT outbound_id FROM receipt")
    assert kept["outbound_id"] == id


async def test_a_receipt_that_overtakes_the_answer_needs_no_parking(pool, database_url):
    gateway = ScriptedGateway(receipts_name_us=True)
    answered = asyncio.Event()

    async def slow(message, http):
        gateway.sent.append(message)
        await answered.wait()
        return Accepted("V1")

    gateway.send = slow
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi")
        await until(in_state(pool, id, "sending"))
        await receipt(pool, "V1", Status.DELIVERED, of=id)
        assert (await the_text(pool, id))["state"] == "delivered"
        answered.set()
        await until(lambda: _idle(pool))
    assert (await the_text(pool, id))["vendor_id"] == "V1"
    assert await events(pool, id) == []


async def _idle(pool) -> bool:
    return not await rows(pool, "SELECT FROM outbound_text WHERE lease_until IS NOT NULL")


async def test_a_text_that_waits_to_be_sent_again_is_not_when_a_receipt_comes(pool, database_url):
    gateway = ScriptedGateway(Refused("20429", "Busy.", retry=LATER), receipts_name_us=True)
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi")
        await until(lambda: _has_event(pool, id, "refused"))
        await receipt(pool, "V9", Status.DELIVERED, of=id)
    assert (await the_text(pool, id))["state"] == "delivered"
    assert len(gateway.sent) == 1


async def _has_event(pool, id: UUID, kind: str) -> bool:
    return kind in await events(pool, id)


async def test_an_id_of_another_gateway_s_text_is_nobody_s(pool):
    id = await text_out(pool, "hi")
    await rows(pool, "UPDATE outbound_text SET gateway = 'intelepeer' RETURNING id")
    await receipt(pool, "V9", Status.DELIVERED, of=id)
    assert (await the_text(pool, id))["state"] == "pending"


async def test_a_second_copy_at_the_vendor_is_put_on_record_once(pool, database_url):
    gateway = ScriptedGateway(receipts_name_us=True)
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi")
        await until(in_state(pool, id, "sent"))
    for status in (Status.SENT, Status.DELIVERED):
        await receipt(pool, "V-other", status, of=id)
    row = await the_text(pool, id)
    assert (row["state"], row["vendor_id"]) == ("sent", "V1")
    assert await events(pool, id) == ["second-copy"]


async def test_an_answer_that_comes_after_the_lease_changes_nothing_and_is_told(pool, database_url):
    gateway = ScriptedGateway()
    answers = [asyncio.Event(), asyncio.Event()]

    async def slow(message, http):
        gateway.sent.append(message)
        number = len(gateway.sent)
        await answers[number - 1].wait()
        return Accepted(f"V{number}")

    gateway.send = slow
    policy = DeliveryPolicy(lease=timedelta(seconds=30), idle=timedelta(seconds=0.2))
    async with delivery_worker(pool, database_url, gateway, policy=policy):
        id = await text_out(pool, "hi")
        await until(lambda: _sent(gateway, 1))
        # as if the lease had run out and the look-ups of another worker had found nothing
        await rows(
            pool,
            "UPDATE outbound_text SET state = 'pending', lease_until = NULL RETURNING id",
        )
        await until(lambda: _sent(gateway, 2))
        answers[0].set()
        await until(lambda: _has_event(pool, id, "late-answer"))
        assert (await the_text(pool, id))["state"] == "sending"
        answers[1].set()
        row = await until(in_state(pool, id, "sent"))
    assert row["vendor_id"] == "V2"


async def _sent(gateway: ScriptedGateway, number: int) -> bool:
    return len(gateway.sent) >= number


# -- what nobody can tell --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "policy", "sent", "state", "told"),
    [
        ("reply", {}, 2, "sent", ["unknown", "resent"]),
        ("failure", {}, 2, "sent", ["unknown", "resent"]),
        ("notice", {}, 1, "unknown", ["unknown", "left-unknown"]),
        ("expiry", {}, 1, "unknown", ["unknown", "left-unknown"]),
        ("reply", {"resend_replies": False}, 1, "unknown", ["unknown", "left-unknown"]),
        ("notice", {"resend_notices": True}, 2, "sent", ["unknown", "resent"]),
    ],
)
async def test_the_policy_decides_and_is_recorded(
    pool, database_url, kind, policy, sent, state, told
):
    wanted = DeliveryPolicy(
        lease=QUICK.lease, idle=QUICK.idle, receipt_wait=QUICK.receipt_wait, **policy
    )
    gateway = asked_in_vain()
    async with delivery_worker(pool, database_url, gateway, policy=wanted):
        id = await text_out(pool, "hi", kind)
        row = await until(in_state(pool, id, state))
    assert len(gateway.sent) == sent
    assert row["resends"] == sent - 1
    assert await events(pool, id) == told


async def test_a_reply_is_sent_again_once_only(pool, database_url):
    gateway = ScriptedGateway(SILENT, SILENT, look_up=False)
    async with delivery_worker(pool, database_url, gateway, policy=QUICK):
        id = await text_out(pool, "hi", "reply")
        row = await until(in_state(pool, id, "unknown"))
    assert (len(gateway.sent), row["resends"]) == (2, 1)
    assert row["error_staff"]
    assert await events(pool, id) == ["resent", "left-unknown"]


async def test_a_vendor_that_can_be_asked_is_never_guessed_about(pool, database_url):
    gateway = ScriptedGateway(SILENT)
    gateway.found = [None, None, Accepted("V9")]
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi", "reply")
        row = await until(in_state(pool, id, "sent"), 20)
    assert (row["vendor_id"], len(gateway.sent), row["resends"]) == ("V9", 1, 0)


async def test_a_gateway_that_never_ends_is_unknown_within_the_lease(pool, database_url):
    gateway = ScriptedGateway()

    async def hang(message, http):
        gateway.sent.append(message)
        await asyncio.Event().wait()

    gateway.send = hang
    gateway.found = [Accepted("V9")]
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi")
        await until(in_state(pool, id, "sent"))
    assert len(gateway.sent) == 1
    assert await events(pool, id) == ["unknown"]


# -- receipts that say failed ----------------------------------------------------------------


async def delivered_then_failed(pool, database_url, code: str, *, behind: bool = False) -> UUID:
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi", "reply")
        await until(in_state(pool, id, "sent"))
        if behind:
            later = await text_out(pool, "behind", "reply")
            await until(in_state(pool, later, "sent"))
        await receipt(pool, "V1", Status.FAILED, code=code, of=id)
        await until(lambda: _has_event(pool, id, "failed-receipt"))
    return id


async def test_staff_read_why_and_nothing_is_tried_that_cannot_help(pool, database_url):
    row = await the_text(pool, await delivered_then_failed(pool, database_url, "30007"))
    assert (row["state"], row["error_code"]) == ("failed", "30007")
    assert row["error_staff"] == "A carrier took the text for spam; try other words."


async def test_a_code_that_nobody_knows_is_told(pool, database_url):
    row = await the_text(pool, await delivered_then_failed(pool, database_url, "39999"))
    assert "39999" in row["error_staff"]


async def test_a_failure_that_may_pass_is_sent_again_later(pool, database_url):
    id = await delivered_then_failed(pool, database_url, "30003")
    row = await the_text(pool, id)
    assert (row["state"], row["vendor_id"]) == ("pending", None)
    wait = row["next_attempt_at"] - datetime.now(UTC)
    assert timedelta(minutes=4) < wait <= timedelta(minutes=10)
    # A late receipt of the attempt that failed is not taken for a new attempt...
    await receipt(pool, "V1", Status.SENT, of=id)
    assert (await the_text(pool, id))["state"] == "pending"
    # ... and one that says it came through after all ends the matter.
    await receipt(pool, "V1", Status.DELIVERED, of=id)
    assert (await the_text(pool, id))["state"] == "delivered"


async def test_it_is_not_sent_again_behind_a_later_text(pool, database_url):
    id = await delivered_then_failed(pool, database_url, "30003", behind=True)
    row = await the_text(pool, id)
    assert row["state"] == "failed"
    assert row["error_staff"]


async def test_what_waits_for_the_next_day_outlives_no_not_after(pool, database_url):
    """A reminder that a daily cap stopped must not come after its appointment."""
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):
        id = await text_out(pool, "hi", "reply")
        await until(in_state(pool, id, "sent"))
        await rows(
            pool, "UPDATE outbound_text SET not_after = now() + interval '1 minute' RETURNING 1"
        )
        await receipt(pool, "V1", Status.FAILED, code="30023", of=id)
        row = await until(in_state(pool, id, "pending"))
    assert row["expires_at"] == row["not_after"]


async def test_the_attempt_that_failed_is_not_found_in_place_of_the_next_one(pool, database_url):
    id = await delivered_then_failed(pool, database_url, "30003")
    await rows(pool, "UPDATE outbound_text SET next_attempt_at = now() RETURNING id")
    gateway = ScriptedGateway(SILENT)
    gateway.found = [Accepted("V2")]
    async with delivery_worker(pool, database_url, gateway):
        await until(in_state(pool, id, "sent"))
    assert "V1" in gateway.lookups[0].known_ids


async def test_a_phone_that_gets_no_texts_is_left_alone_until_it_texts(pool, database_url):
    await delivered_then_failed(pool, database_url, "30006")
    (talk,) = await rows(pool, "SELECT unreachable_code, opted_out_at FROM conversation")
    assert (talk["unreachable_code"], talk["opted_out_at"]) == ("30006", None)
    async with pool.connection() as connection:
        assert not await enqueue_notice(
            connection,
            gateway="twilio",
            number=OURS,
            phone=PHONE,
            body="a reminder",
            policy=WORDS,
            new_id=uuid4,
            now=datetime.now(UTC),
        )
    hello = Inbound("SM1", PHONE, OURS, "hello")
    await store_events(pool, "twilio", [hello], datetime.now(UTC), burst_seconds=0)
    (talk,) = await rows(pool, "SELECT unreachable_code FROM conversation")
    assert talk["unreachable_code"] is None


async def test_the_vendor_s_opt_out_is_ours(pool, database_url):
    await delivered_then_failed(pool, database_url, "21610")
    (talk,) = await rows(pool, "SELECT unreachable_code, opted_out_at FROM conversation")
    assert talk["opted_out_at"] is not None


@pytest.mark.parametrize(
    ("known", "text", "delay"),
    [
        (None, FailedText(1, False, 3600), None),
        (VendorCode("No."), FailedText(1, False, 3600), None),
        (VendorCode("Later.", LATER), FailedText(1, False, 3600), 300.0),
        (VendorCode("Later.", LATER), FailedText(4, False, 9000), None),
        (VendorCode("Later.", LATER), FailedText(1, True, 3600), None),
        (VendorCode("Later.", LATER), FailedText(1, False, 300), None),
        (VendorCode("Cap.", NEXT_DAY), FailedText(1, False, 300), 20 * 3600.0),
        (VendorCode("Soon.", Schedule(3, 10.0)), FailedText(2, False, 60), 10.0),
    ],
)
def test_another_try(known, text, delay):
    assert another_try(text, known, NOW, lambda: 0.0) == delay


# -- parts -----------------------------------------------------------------------------------


async def test_parts_leave_in_order_and_a_failed_one_does_not_resend_the_others(pool, database_url):
    gateway = ScriptedGateway(
        Accepted("V1"), Refused("20429", "Busy.", retry=Schedule(8, 0.1)), Accepted("V2")
    )
    conversation = uuid4()
    await rows(
        pool,
        "INSERT INTO conversation (id, gateway, number, phone, created_at)"
        " VALUES (%(id)s, 'twilio', %(ours)s, %(phone)s, now()) RETURNING id",
        id=conversation,
        ours=OURS,
        phone=PHONE,
    )
    parts = [
        NewText(
            id=uuid4(),
            conversation_id=conversation,
            gateway="twilio",
            sender=OURS,
            recipient=PHONE,
            body=f"Part {part} of 3",
            kind="reply",
            created_at=datetime.now(UTC),
            part=part,
            parts=3,
        )
        for part in (1, 2, 3)
    ]
    async with delivery_worker(pool, database_url, gateway):
        async with pool.connection() as connection, connection.transaction():
            await enqueue(connection, parts)
        await until(in_state(pool, parts[2].id, "sent"))
    said = [message.body for message in gateway.sent]
    assert said == ["Part 1 of 3", "Part 2 of 3", "Part 2 of 3", "Part 3 of 3"]
    ids = await rows(pool, "SELECT vendor_id, part, parts FROM outbound_text ORDER BY seq")
    assert [tuple(row.values()) for row in ids] == [("V1", 1, 3), ("V2", 2, 3), ("V4", 3, 3)]
