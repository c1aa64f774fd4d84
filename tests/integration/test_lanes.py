"""Pace, lanes and caps on a real queue: what a vendor sees, and when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from connectors.gateways.base import Accepted
from messaging.delivery_table import Queue
from messaging.lanes import Lane
from messaging.notice_texts import enqueue_notice
from messaging.retry import until_next_day
from tests.integration.engine import (
    OURS,
    WORDS,
    ScriptedGateway,
    delivery_worker,
    rows,
    until,
)


class TimedGateway(ScriptedGateway):
    """Notes when each text came."""

    def __init__(self, **values) -> None:
        super().__init__(**values)
        self.times: list[float] = []

    async def send(self, message, http):
        self.times.append(asyncio.get_running_loop().time())
        return await super().send(message, http)


async def fill(pool, lane: Lane, number: int, body: str = "hi") -> list[UUID]:
    """Texts to as many phones."""
    ids: list[UUID] = []
    async with pool.connection() as connection:
        for _ in range(number):
            ids += await enqueue_notice(
                connection,
                gateway="twilio",
                number=OURS,
                phone=f"+1{uuid4().int % 10**10:010}",
                body=body,
                policy=WORDS,
                new_id=uuid4,
                now=datetime.now(UTC),
                lane=lane,
            )
    return ids


async def states(pool, ids: list[UUID]) -> list[str]:
    found = await rows(
        pool, "SELECT state FROM outbound_text WHERE id = ANY(%(ids)s) ORDER BY seq", ids=ids
    )
    return [row["state"] for row in found]


async def all_sent(pool, ids: list[UUID]) -> bool:
    return set(await states(pool, ids)) == {"sent"}


async def test_two_workers_keep_one_pace(pool, database_url):
    gateway = TimedGateway(per_second=20)
    ids = await fill(pool, Lane.REPLY, 120)
    async with (
        delivery_worker(pool, database_url, gateway),
        delivery_worker(pool, database_url, gateway),
    ):
        await until(lambda: all_sent(pool, ids), 20)
    # The first two seconds of traffic may wait at the vendor; from then on it is 20 a second.
    steady = [time - gateway.times[0] for time in gateway.times[40:]]
    assert len(gateway.times) == 120
    assert steady[-1] == pytest.approx(4.0, abs=1.1)
    for at in range(5, len(steady)):
        # How long a busy machine takes from the claim to the first request is not measured.
        assert at + 40 <= 20 * steady[at] + 40 + 8


async def test_longer_texts_take_more_of_the_pace(pool, database_url):
    gateway = TimedGateway(per_second=20)
    ids = await fill(pool, Lane.REPLY, 20, "x" * 612)  # four segments
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: all_sent(pool, ids), 20)
    assert gateway.times[-1] - gateway.times[0] > 80 / 20 - 2 - 1


async def test_a_reply_overtakes_a_campaign(pool, database_url):
    gateway = TimedGateway(per_second=10)
    bulk = await fill(pool, Lane.BULK, 200)
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: _some(gateway, 8))
        began = asyncio.get_running_loop().time()
        (reply,) = await fill(pool, Lane.REPLY, 1, "your answer")
        await until(lambda: all_sent(pool, [reply]))
        took = asyncio.get_running_loop().time() - began
    parked = next(i for i, one in enumerate(gateway.sent) if one.body == "your answer")
    handed_over = len([time for time in gateway.times[:parked] if time > began - 1])
    assert took < 0.5
    # Half a second of bulk at most was at the vendor before it.
    assert handed_over / 10 <= 1.0 + 0.5
    assert (await states(pool, bulk)).count("pending") > 100


async def _some(gateway: ScriptedGateway, number: int) -> bool:
    return len(gateway.sent) >= number


async def test_a_campaign_is_not_starved_by_replies(pool, database_url):
    gateway = TimedGateway(per_second=40)
    await fill(pool, Lane.REPLY, 200, "reply")
    await fill(pool, Lane.BULK, 20, "bulk")
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: _some(gateway, 120), 20)
    shares = [one.body for one in gateway.sent[:120]].count("bulk")
    assert abs(shares - 12) <= 1  # a tenth; the one at the edge may just be under way


async def test_the_cap_of_a_minute_waits_and_fails_nothing(pool):
    gateway = ScriptedGateway(per_minute=5)
    queue = Queue(pool, {"twilio": gateway}, timedelta(seconds=30))
    await queue.prepare()
    ids = await fill(pool, Lane.BULK, 8)
    claimed = await queue.claim(50)
    assert len(claimed.texts) == 5
    assert claimed.next_in is not None
    assert 0 < claimed.next_in <= 60
    again = await queue.claim(50)
    assert not again.texts
    assert 0 < again.next_in <= 60
    assert (await states(pool, ids)).count("pending") == 3
    # the minute is over
    await rows(
        pool,
        "UPDATE sender_cap SET starts_at = starts_at - interval '1 minute' RETURNING gateway",
    )
    assert len((await queue.claim(50)).texts) == 3


async def test_the_cap_of_a_day_parks_until_midnight_pacific(pool, database_url):
    gateway = ScriptedGateway(per_day=5)
    ids = await fill(pool, Lane.REMINDER, 8)
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: _parked(pool, 3))
        await until(lambda: _settled(pool, ids))
    found = await states(pool, ids)
    assert (found.count("sent"), found.count("pending")) == (5, 3)
    left = until_next_day(datetime.now(UTC))
    for row in await rows(
        pool,
        "SELECT extract(epoch FROM next_attempt_at - now())::float AS wait,"
        " expires_at - next_attempt_at AS valid FROM outbound_text WHERE state = 'pending'",
    ):
        assert row["wait"] == pytest.approx(left, abs=30)
        assert row["valid"] >= timedelta(hours=11)
    (event, *_) = await rows(pool, "SELECT kind, code, detail FROM text_event")
    assert (event["kind"], event["code"]) == ("parked", "daily-cap")
    assert "day's limit" in event["detail"]


async def _parked(pool, number: int) -> bool:
    return len(await rows(pool, "SELECT FROM text_event WHERE kind = 'parked'")) == number


async def _settled(pool, ids: list[UUID]) -> bool:
    return "sending" not in await states(pool, ids)


async def test_many_workers_never_pass_a_cap(pool, database_url):
    gateway = ScriptedGateway(per_day=30)
    ids = await fill(pool, Lane.REPLY, 60)
    async with (
        delivery_worker(pool, database_url, gateway),
        delivery_worker(pool, database_url, gateway),
        delivery_worker(pool, database_url, gateway),
    ):
        await until(lambda: _parked(pool, 30))
        await until(lambda: _settled(pool, ids))
    assert len(gateway.sent) == 30


async def test_a_text_of_a_number_that_is_no_longer_ours_expires(pool, database_url):
    (id,) = await fill(pool, Lane.REPLY, 1)
    await rows(
        pool,
        "UPDATE outbound_text SET sender = '+12125550999', expires_at = now() RETURNING id",
    )
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: _failed(pool, id))
    assert gateway.sent == []
    (event,) = await rows(pool, "SELECT kind, detail FROM text_event")
    assert (event["kind"], event["detail"]) == ("expired", "0 attempts")


async def _failed(pool, id: UUID) -> bool:
    return await states(pool, [id]) == ["failed"]


async def test_a_vendor_s_id_given_twice_does_not_keep_others_from_being_recorded(
    pool, database_url
):
    gateway = ScriptedGateway(Accepted("V-same"), Accepted("V-same"))
    ids = await fill(pool, Lane.REPLY, 10)
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: _count_sent(pool, ids, 9))
        (event,) = await until(lambda: rows(pool, "SELECT kind FROM text_event"))
    assert sorted(await states(pool, ids)) == ["sent"] * 9 + ["unknown"]
    assert event["kind"] == "id-taken"


async def _count_sent(pool, ids: list[UUID], number: int) -> bool:
    return (await states(pool, ids)).count("sent") >= number


async def test_an_outbox_that_was_filled_a_moment_ago_is_read_at_once(pool):
    """The planner still takes it for empty; a bulk of 20,000 texts must not hold a worker up."""
    gateway = ScriptedGateway()
    queue = Queue(pool, {"twilio": gateway}, timedelta(seconds=30))
    await queue.prepare()
    async with pool.connection() as connection:
        await connection.execute("ALTER TABLE outbound_text SET (autovacuum_enabled = false)")
        await connection.execute("ANALYZE outbound_text")
        await connection.execute(
            "INSERT INTO conversation (id, gateway, number, phone, created_at)"
            " SELECT gen_random_uuid(), 'twilio', %s, '+1' || n, now()"
            " FROM generate_series(1, 20000) AS n",
            [OURS],
        )
        await connection.execute(
            "INSERT INTO outbound_text (id, conversation_id, kind, lane, gateway, sender,"
            " recipient, body, segments, created_at, next_attempt_at, expires_at, updated_at)"
            " SELECT gen_random_uuid(), id, 'notice', 3, gateway, number, phone, 'hi', 1, now(),"
            " now(), now() + interval '1 day', now() FROM conversation"
        )
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(10):
        assert len((await queue.claim(50)).texts) == 50
    assert asyncio.get_running_loop().time() - began < 2.0


async def test_a_text_too_old_is_passed_over_until_it_is_failed(pool, database_url):
    old, *rest = await fill(pool, Lane.REPLY, 3)
    await rows(
        pool, "UPDATE outbound_text SET expires_at = now() WHERE id = %(id)s RETURNING id", id=old
    )
    queue = Queue(pool, {"twilio": ScriptedGateway()}, timedelta(seconds=30))
    await queue.prepare()
    claimed = await queue.claim(50)
    assert {text.id for text in claimed.texts} == set(rest)
    assert claimed.next_in is not None
    assert claimed.next_in <= 1.0
