"""Many notices at once fare as each would alone."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from itertools import count
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.area_codes import KnownPlace, Source
from messaging.consent import ConsentPolicy, Direction, OptOutScope
from messaging.lanes import Lane
from messaging.notice_batches import enqueue_many, foresee
from messaging.notices import Notice, Refused
from messaging.openings import Opening
from messaging.phone_hours import QuietHours
from messaging.phone_places import set_place
from messaging.quiet_hours import Held
from messaging.routing import Candidate
from messaging.rule_files import read_rules
from messaging.text_policy import TextPolicy
from tests.integration.campaigning import NOON, desk, said, tell
from tests.integration.engine import OURS, rows

HOURS = QuietHours(read_rules())
OTHER = "+12125550143"
KNOWN, MIAMI, STOPPED, AGREED, DEAD, MOVED, FREE = PHONES = [
    "+12125550100",
    "+13055550100",
    "+12125550102",
    "+12125550103",
    "+12125550104",
    "+12125550105",
    "+18005550106",
]
POLICIES = {"twilio": TextPolicy(longest=1600), "sinch": TextPolicy(longest=70)}
CANDIDATES = [
    Candidate("twilio", (OURS,), 50, 1600),
    Candidate("sinch", (OTHER,), 50, 70),
]
TEXTS = """
SELECT recipient, sender, gateway, body, state, error_code, subject, lane, part, parts, position,
    not_after - now() AS useful,
    (SELECT array_agg(kind || ' ' || coalesce(code, '') || ' ' || coalesce(detail, '')
        ORDER BY id) FROM text_event WHERE outbound_id = text.id) AS events
FROM outbound_text AS text ORDER BY seq
"""


NOTICES = st.builds(
    Notice,
    phone=st.sampled_from(PHONES),
    body=st.sampled_from(["Hello.", "Hello, Ann.", "A longer one. " * 9]),
    lane=st.sampled_from([Lane.EMERGENCY, Lane.REMINDER, Lane.BULK]),
    subject=st.sampled_from([None, "sale"]),
    not_before=st.sampled_from([None, None, NOON + timedelta(hours=20)]),
    not_after=st.sampled_from([None, NOON + timedelta(days=2)]),
    number=st.sampled_from([None, None, OTHER]),
    opening=st.sampled_from([None, Opening(NOON + timedelta(days=1), {}, {"c": "/yes"})]),
)


async def prepared(pool) -> None:
    async with pool.connection() as connection:
        for number, phone in enumerate([KNOWN, STOPPED, DEAD]):
            await connection.execute(
                "INSERT INTO conversation (id, gateway, number, phone, created_at,"
                " unreachable_code) VALUES (%s, 'twilio', %s, %s, %s, %s)",
                (UUID(int=number + 1), OURS, phone, NOON, "30005" if phone == DEAD else None),
            )
        await set_place(connection, MOVED, KnownPlace(Source.STATED, state="CA"), NOON)
    await tell(
        pool,
        said(STOPPED, Direction.REVOKE),
        said(AGREED, Direction.GRANT),
        said(KNOWN, Direction.GRANT),
        said(MIAMI, Direction.PENDING),
    )


async def fares(pool, notices, now, introduction, scope, *, at_once: bool):
    """What comes back and stands in the outbox; nothing stays."""
    ids, lots = count(10**6), count()
    counter = desk(
        HOURS,
        text_policies=POLICIES,
        candidates=CANDIDATES,
        consent=ConsentPolicy(scope, introduction),
        # Texts that are held spread by their conversations' ids: those that come to the same.
        new_id=lambda: UUID(int=next(ids) * 600),
        random=lambda: (next(lots) * 0.37) % 1,
    )
    async with pool.connection() as connection, connection.transaction(force_rollback=True):
        if at_once:
            found = await enqueue_many(counter, connection, notices, now)
        else:
            found = [await counter.enqueue(connection, one, now) for one in notices]
        texts = await (await connection.execute(TEXTS)).fetchall()
    told = [one if isinstance(one, Refused) else len(one) for one in found]
    for text in texts:
        text["events"] = [re.sub("text [0-9a-f-]{36}", "text", e) for e in text["events"] or ()]
    return told, texts


async def test_each_fares_as_it_would_alone(pool):
    await prepared(pool)
    loop = asyncio.get_running_loop()

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(NOTICES, min_size=1, max_size=12),
        st.sampled_from([NOON, NOON + timedelta(hours=12)]),
        st.sampled_from([None, "Harbor: STOP to end."]),
        st.sampled_from(OptOutScope),
    )
    def compare(notices, now, introduction, scope):
        def both(at_once):
            work = fares(pool, notices, now, introduction, scope, at_once=at_once)
            return asyncio.run_coroutine_threadsafe(work, loop).result(30)

        assert both(at_once=True) == both(at_once=False)

    await asyncio.to_thread(compare)


async def test_an_emergency_goes_over_a_stop_only_where_that_is_said(pool):
    await prepared(pool)
    usual = Notice(STOPPED, "Stay inside.", Lane.EMERGENCY)
    dead = Notice(DEAD, "Stay inside.", Lane.EMERGENCY, although_opted_out=True)
    over = replace(usual, although_opted_out=True)
    async with pool.connection() as connection, connection.transaction():
        many = await enqueue_many(desk(), connection, [usual, dead, over], NOON)
    async with pool.connection() as connection, connection.transaction():
        alone = [await desk().enqueue(connection, one, NOON) for one in (usual, dead, over)]
    for first, second, third in (many, alone):
        assert (first.code, second.code) == ("notice.opted-out", "notice.unreachable")
        assert len(third) == 1
    with pytest.raises(ValueError, match="only an emergency"):
        replace(usual, lane=Lane.BULK, although_opted_out=True)


async def test_without_hold_nothing_waits_in_the_outbox(pool):
    async with pool.connection() as connection, connection.transaction():
        night = NOON + timedelta(hours=12)
        found = await enqueue_many(
            desk(HOURS), connection, [Notice(KNOWN, "Hi.")], night, hold=False
        )
    assert isinstance(found[0], Held)
    assert found[0].until > night
    assert await rows(pool, "SELECT FROM outbound_text") == []


async def test_foreseeing_writes_nothing(pool):
    await prepared(pool)
    before = await rows(pool, "SELECT count(*) FROM conversation")
    notices = [Notice(phone, "Hi.", Lane.BULK) for phone in PHONES]
    async with pool.connection() as connection:
        await connection.execute("SET default_transaction_read_only = on")
        try:
            found = await foresee(desk(HOURS), connection, notices, [NOON] * len(notices))
        finally:
            await connection.execute("SET default_transaction_read_only = off")
    codes = [one.code if isinstance(one, Refused) else None for one in found]
    assert codes == [
        None,
        "notice.no-consent",
        "notice.opted-out",
        None,
        "notice.unreachable",
        "notice.no-consent",
        "notice.no-consent",
    ]
    assert await rows(pool, "SELECT count(*) FROM conversation") == before


async def test_two_batches_with_the_same_phones_do_not_wait_for_each_other(pool):
    async def batch(phones):
        async with pool.connection() as connection, connection.transaction():
            notices = [Notice(phone, f"Hi {number}.") for number, phone in enumerate(phones)]
            return await enqueue_many(desk(), connection, notices, NOON)

    try:
        await asyncio.gather(*(batch(PHONES[:: (-1) ** turn]) for turn in range(6)))
    except psycopg.errors.DeadlockDetected:
        pytest.fail("two batches waited for each other")
    found = await rows(pool, "SELECT count(DISTINCT phone) AS phones, count(*) FROM conversation")
    assert found == [{"phones": len(PHONES), "count": len(PHONES)}]
