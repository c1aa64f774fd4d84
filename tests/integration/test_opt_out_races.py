"""Who wants no texts, while others work on the same conversation or a key is missing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from messaging.assistant import Answer, Reply
from messaging.clock import SystemClock
from messaging.consent import ConsentPolicy, Direction
from messaging.consent_table import verify
from messaging.holding import Gate
from messaging.suppression import KEY, phone_hash
from tests.integration.engine import Echo, ScriptedGateway, rows
from tests.integration.test_consent import by_staff, notice, put, replies, say, worker
from tests.integration.test_delivery import claimed

STOPPED = "SELECT opted_out_at IS NOT NULL AS stopped FROM conversation"


class Slow:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.asked, self.may = asyncio.Event(), asyncio.Event()

    async def respond(self, turn) -> Answer:
        self.asked.set()
        await self.may.wait()
        return Answer([Reply("Here you are.")])


async def test_an_opt_out_that_staff_record_while_a_text_is_answered_stays(pool, database_url):
    slow = Slow()
    async with worker(pool, database_url, assistant=slow):
        turn = asyncio.create_task(say(pool, "when are you open?"))
        await slow.asked.wait()
        await put(pool, by_staff(Direction.REVOKE))
        slow.may.set()
        await turn
    assert await rows(pool, STOPPED) == [{"stopped": True}]
    async with pool.connection() as connection:
        assert (await verify(connection)).faults == []


async def test_a_start_counts_that_is_handled_behind_what_staff_recorded(pool, database_url):
    async with worker(pool, database_url):
        await say(pool, "hello")
        await put(pool, by_staff(Direction.REVOKE))
        await say(pool, "START")
    assert await rows(pool, STOPPED) == [{"stopped": False}]


# Somebody was erased and had opted out; by which key that is seen, this process does not know.


@pytest.fixture
def erase(pool, monkeypatch, tmp_path):
    monkeypatch.setenv("LINNET_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv(KEY, raising=False)
    hashed = phone_hash(b"k" * 32, "+12125550177")

    async def erased() -> None:
        await rows(
            pool,
            "INSERT INTO suppression VALUES (%(hash)s, 'all', now(), %(id)s) RETURNING scope",
            hash=hashed,
            id=bytes(8),
        )

    return erased


async def test_without_the_key_customers_are_answered_all_the_same(pool, database_url, erase):
    await erase()
    async with worker(pool, database_url, assistant=Echo()):
        await say(pool, "hello")
    assert await replies(pool) == ["You said: hello"]


async def test_without_the_key_what_nobody_asked_for_waits(pool, erase):
    await notice(pool)
    text = await claimed(pool, ScriptedGateway(), timedelta(seconds=30))
    await erase()
    gate = Gate(pool, None, ConsentPolicy(), SystemClock())
    assert await gate.holds(text)
    (row,) = await rows(pool, "SELECT state, attempts FROM outbound_text")
    assert row == {"state": "pending", "attempts": 0}
    assert await rows(pool, "SELECT code FROM text_event WHERE kind = 'held'") == [
        {"code": "consent-unreadable"}
    ]
