"""What a refused notice leaves behind, and in which order notices lock what others lock, too."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from messaging.consent import Direction
from messaging.lanes import Lane
from messaging.notice_batches import enqueue_many
from messaging.notices import NO_CONSENT, OPTED_OUT, Notice
from messaging.phone_hours import QuietHours
from messaging.quiet_hours import Held
from messaging.rule_files import read_rules
from tests.integration.campaigning import NOON, desk, said, tell
from tests.integration.engine import OURS, rows, until

LOW, MIDDLE, HIGH = "+12125550101", "+12125550102", "+12125550103"
TALKS = "SELECT phone FROM conversation ORDER BY phone"


async def alone(pool, notice: Notice):
    async with pool.connection() as connection, connection.transaction():
        return await desk().enqueue(connection, notice, NOON)


async def together(pool, *notices: Notice, **given):
    async with pool.connection() as connection, connection.transaction():
        return await enqueue_many(desk(), connection, notices, NOON, **given)


async def test_a_refused_notice_leaves_nothing_behind(pool):
    await tell(pool, said(LOW, Direction.REVOKE))
    assert await alone(pool, Notice(LOW, "Hello.")) == OPTED_OUT
    assert await alone(pool, Notice(HIGH, "Buy.", Lane.BULK)) == NO_CONSENT
    assert await rows(pool, TALKS) == []


async def test_of_many_those_that_are_refused_leave_nothing_behind(pool):
    await tell(pool, said(LOW, Direction.REVOKE))
    fates = await together(
        pool,
        Notice(LOW, "Hello."),
        Notice(HIGH, "Buy.", Lane.BULK),
        Notice(HIGH, "Hello."),
        Notice(HIGH, "Buy.", Lane.BULK),
    )
    assert fates[0] == OPTED_OUT
    assert fates[1] == fates[3] == NO_CONSENT
    assert await rows(pool, TALKS) == [{"phone": HIGH}]


async def test_what_would_have_to_wait_leaves_nothing_behind(pool):
    night = NOON.replace(hour=5)
    shut = desk(QuietHours(read_rules()))
    async with pool.connection() as connection, connection.transaction():
        (fate,) = await enqueue_many(shut, connection, [Notice(LOW, "Hello.")], night, hold=False)
    assert isinstance(fate, Held)
    assert await rows(pool, TALKS) == []


async def talk(pool, id: int, phone: str) -> None:
    await rows(
        pool,
        "INSERT INTO conversation (id, gateway, number, phone, created_at)"
        " VALUES (%(id)s, 'twilio', %(number)s, %(phone)s, now()) RETURNING id",
        id=UUID(int=id),
        number=OURS,
        phone=phone,
    )


async def waits(pool):
    return await rows(
        pool,
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()",
    )


async def test_many_lock_conversations_in_the_order_of_who_records_consent(pool):
    """Both at once would wait for each other otherwise, until one of them is broken off."""
    await talk(pool, 1, HIGH)
    await talk(pool, 2, LOW)
    one = "SELECT FROM conversation WHERE phone = %s FOR UPDATE"
    async with pool.connection() as recording:
        async with recording.transaction():
            await recording.execute(one, [HIGH])
            many = asyncio.create_task(together(pool, Notice(LOW, "a"), Notice(HIGH, "b")))
            await until(lambda: waits(pool))
            await recording.execute(one, [LOW])
        assert [len(ids) for ids in await many] == [1, 1]


@pytest.mark.parametrize("number", [1, 2])
async def test_many_lock_phones_in_one_order_also_where_one_is_texted_twice(pool, number):
    lock = "SELECT pg_advisory_xact_lock(hashtextextended('route ' || %s, 0))"
    async with pool.connection() as other:
        async with other.transaction():
            await other.execute(lock, [LOW])
            twice = [Notice(HIGH, str(one)) for one in range(number)]
            many = asyncio.create_task(together(pool, *twice, Notice(LOW, "a")))
            await until(lambda: waits(pool))
            await other.execute(lock, [HIGH])
        assert len(await many) == number + 1
