"""Receipts that come at the same time are stored in one commit, each as if it had come alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import capture_logs

from connectors.gateways.base import Inbound, Receipt, Status
from messaging.inbox import Inbox
from messaging.notice_texts import enqueue_notice
from tests.integration.engine import OURS, PHONE, WORDS, rows

NOW = datetime.now(UTC)


async def sent(pool, vendor_id: str) -> UUID:
    """A text that the vendor took."""
    async with pool.connection() as connection:
        (id,) = await enqueue_notice(
            connection,
            gateway="twilio",
            number=OURS,
            phone=PHONE,
            body="hi",
            policy=WORDS,
            new_id=uuid4,
            now=NOW,
        )
        await connection.execute(
            "UPDATE outbound_text SET state = 'sent', vendor_id = %s, accepted_at = now()"
            " WHERE id = %s",
            [vendor_id, id],
        )
    return id


async def states(pool, ids: list[UUID]) -> list[str]:
    found = await rows(
        pool, "SELECT state FROM outbound_text WHERE id = ANY(%(ids)s) ORDER BY seq", ids=ids
    )
    return [row["state"] for row in found]


async def commits(pool) -> int:
    """Transactions that wrote so far."""
    (row,) = await rows(pool, "SELECT txid_snapshot_xmax(txid_current_snapshot()) AS next")
    return int(row["next"])


def word(vendor_id: str, status: Status, reference: UUID | None = None) -> Receipt:
    return Receipt(vendor_id, status, str(status), None, reference)


async def together(inbox: Inbox, *receipts: Receipt) -> list[BaseException | None]:
    return await asyncio.gather(
        *(inbox.store("twilio", [one], NOW) for one in receipts), return_exceptions=True
    )


async def test_many_receipts_are_few_commits(pool):
    ids = [await sent(pool, f"V{number}") for number in range(50)]
    inbox, before = Inbox(pool, 1.0), await commits(pool)
    words = [word(f"V{number}", Status.SENT) for number in range(50)]
    words += [word(f"V{number}", Status.DELIVERED) for number in range(50)]
    assert await together(inbox, *words) == [None] * 100
    assert await states(pool, ids) == ["delivered"] * 50
    assert await commits(pool) - before <= 3


async def test_within_a_commit_each_counts_once_and_none_takes_a_state_back(pool):
    id = await sent(pool, "V1")
    words = [word("V0", Status.SENT), word("V1", Status.DELIVERED), word("V1", Status.SENT)]
    with capture_logs() as lines:
        assert await together(Inbox(pool, 1.0), *words, words[1], words[2]) == [None] * 5
    assert await states(pool, [id]) == ["delivered"]
    assert sorted(line["event"] for line in lines if "receipt" in line["event"]) == [
        *("receipt.applied", "receipt.applied", "receipt.parked"),
        *("receipt.repeated", "receipt.repeated"),
    ]


async def test_a_receipt_that_cannot_be_stored_harms_no_other(pool):
    good, lost = await sent(pool, "V1"), await sent(pool, "V2")
    await rows(
        pool,
        "UPDATE outbound_text SET state = 'failed', vendor_id = NULL WHERE id = %(id)s"
        " RETURNING id",
        id=lost,
    )
    # The vendor gives one id to two texts, and the second of them cannot have it.
    bad = word("V1", Status.DELIVERED, lost)
    ends = await together(
        Inbox(pool, 1.0), word("V0", Status.SENT), bad, word("V1", Status.DELIVERED)
    )
    assert ends[0] is None
    assert isinstance(ends[1], psycopg.errors.UniqueViolation)
    assert ends[2] is None
    assert await states(pool, [good, lost]) == ["delivered", "failed"]


async def test_what_is_logged_belongs_to_the_request_that_brought_it(pool):
    await sent(pool, "V1")
    inbox = Inbox(pool, 1.0)

    async def request(id: str, receipt: Receipt) -> None:
        with bound_contextvars(request_id=id):
            await inbox.store("twilio", [receipt], NOW)

    with capture_logs([merge_contextvars]) as lines:
        await asyncio.gather(
            *(request(f"R{number}", word(f"V{number}", Status.SENT)) for number in range(3))
        )
    assert {(line["request_id"], line["vendor_id"]) for line in lines} == {
        ("R0", "V0"),
        ("R1", "V1"),
        ("R2", "V2"),
    }


async def test_texts_and_receipts_of_one_request_stay_in_order(pool):
    text = Inbound("SM1", PHONE, OURS, "hello")
    await Inbox(pool, 1.0).store("intelepeer", [text, word("V7", Status.SENT)], NOW)
    assert await rows(pool, "SELECT body FROM inbound_text") == [{"body": "hello"}]
    assert await rows(pool, "SELECT vendor_id FROM receipt") == [{"vendor_id": "V7"}]


async def test_with_the_database_away_the_caller_is_told(pool):
    await pool.close()
    with pytest.raises(psycopg.OperationalError):
        await Inbox(pool, 1.0).store("twilio", [word("V1", Status.SENT)], NOW)
