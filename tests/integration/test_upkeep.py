"""What is old goes, what is open or recent stays, and a dry run tells the truth."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from rich.console import Console

import cli.upkeep
import messaging.upkeep
from cli.failure import Failure
from connectors.gateways.base import Inbound
from connectors.tracker_store import ALL_SESSIONS, LAST_SESSION
from database.alone import alone
from messaging.inbox import store_text
from messaging.retention_periods import RetentionPeriods
from messaging.upkeep import due, prune
from tests.integration.engine import OURS, PHONE, rows, until

NOW = datetime(2026, 11, 26, 4, 10, tzinfo=UTC)
KEPT = RetentionPeriods()
OLD, RECENT = NOW - timedelta(days=401), NOW - timedelta(days=399)

TALK = """
INSERT INTO conversation (id, gateway, number, phone, created_at, opted_out_at)
VALUES (%(id)s, 'twilio', %(ours)s, %(phone)s, %(at)s, %(at)s) RETURNING id
"""
TURN = """
INSERT INTO turn (id, conversation_id, number, state, started_at, finished_at)
SELECT %(id)s, %(talk)s, 1 + count(*), %(state)s, %(at)s,
    CASE WHEN %(state)s = 'done' THEN %(at)s END
FROM turn WHERE conversation_id = %(talk)s RETURNING id
"""
INBOUND = """
INSERT INTO inbound_text (conversation_id, gateway, external_id, body, received_at, turn_id)
VALUES (%(talk)s, 'twilio', %(external_id)s, 'hi', %(at)s, %(turn)s) RETURNING id
"""
PICTURE = """
INSERT INTO media_file (id, inbound_id, place, url, claimed_type, refused, created_at)
VALUES (gen_random_uuid(), %(inbound)s, 0, 'https://x.test/a', 'image/png', 'too large', %(at)s)
RETURNING id
"""
OUTBOUND = """
INSERT INTO outbound_text (id, conversation_id, turn_id, kind, gateway, sender, recipient, body,
    segments, state, created_at, next_attempt_at, expires_at, vendor_id, updated_at)
VALUES (%(id)s, %(talk)s, %(turn)s, 'reply', 'twilio', %(ours)s, %(phone)s, 'ho', 1, %(state)s,
    %(at)s, %(at)s, %(at)s, %(vendor_id)s, %(at)s) RETURNING id
"""
RECEIPT = """
INSERT INTO receipt (gateway, vendor_id, status, vendor_status, raw, received_at, outbound_id)
VALUES ('twilio', %(vendor_id)s, 'sent', 'sent', '{"To": "you"}', %(at)s, %(text)s) RETURNING id
"""
HAPPENED = """
INSERT INTO text_event (outbound_id, at, kind) VALUES (%(text)s, %(at)s, 'refused') RETURNING id
"""
TRACKED = """
INSERT INTO tracker_event (conversation_id, position, session_start, event)
VALUES (%(talk)s, %(position)s, %(start)s,
    jsonb_build_object('event', 'user', 'timestamp', extract(epoch FROM %(at)s::timestamptz)))
RETURNING position
"""

TABLES = ("inbound_text", "turn", "outbound_text", "receipt", "text_event", "media_file")


async def insert(pool, statement, **values):
    return next(iter((await rows(pool, statement, ours=OURS, phone=PHONE, **values))[0].values()))


@pytest.fixture
async def talk(pool) -> UUID:
    return await insert(pool, TALK, id=uuid4(), at=OLD)


async def turn(pool, talk, at, *, state="done") -> UUID:
    """A customer's text with a picture, and the turn that it is in."""
    id = await insert(pool, TURN, id=uuid4(), talk=talk, state=state, at=at)
    inbound = await insert(pool, INBOUND, talk=talk, external_id=str(uuid4()), at=at, turn=id)
    await insert(pool, PICTURE, inbound=inbound, at=at)
    return id


async def reply(pool, talk, turn, at, *, state="delivered") -> UUID:
    """A text of ours with a receipt and an event."""
    key = {"talk": talk, "turn": turn, "at": at, "state": state}
    vendor_id = str(uuid4())
    id = await insert(pool, OUTBOUND, id=uuid4(), vendor_id=vendor_id, **key)
    await insert(pool, RECEIPT, vendor_id=vendor_id, at=at, text=id)
    await insert(pool, HAPPENED, text=id, at=at)
    return id


async def left(pool) -> dict[str, int]:
    query = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) FROM {name}" for name in TABLES)
    return {row["name"]: row["count"] for row in await rows(pool, query) if row["count"]}


def of_each(count: int) -> dict[str, int]:
    return dict.fromkeys(TABLES, count) if count else {}


async def forget(pool, periods=KEPT, now=NOW) -> Counter:
    """Prunes, and holds the dry run to account."""
    told = await due(pool, periods, now)
    gone = await prune(pool, periods, now)
    assert gone == told
    assert await due(pool, periods, now) == {}
    return gone


@pytest.fixture(autouse=True)
def no_rest(monkeypatch):
    monkeypatch.setattr(messaging.upkeep, "REST_SECONDS", 0.0)


async def test_what_is_old_goes_with_all_that_belongs_to_it(pool, talk):
    for at in (OLD, RECENT):
        await reply(pool, talk, await turn(pool, talk, at), at)
    gone = await forget(pool)
    assert gone == of_each(1) | {"receipts in full": 2}
    assert await left(pool) == of_each(1)
    assert await rows(pool, "SELECT FROM turn WHERE number = 1") == []


async def test_a_conversation_and_its_opt_out_stay(pool, talk):
    await turn(pool, talk, OLD)
    await forget(pool)
    (row,) = await rows(pool, "SELECT opted_out_at FROM conversation")
    assert row["opted_out_at"] == OLD


@pytest.mark.parametrize("state", ["pending", "sending", "checking"])
async def test_a_text_of_ours_that_is_open_stays_with_its_turn(pool, talk, state):
    await reply(pool, talk, await turn(pool, talk, OLD), OLD, state=state)
    assert await forget(pool) == {"receipts in full": 1}
    assert await left(pool) == of_each(1)


@pytest.mark.parametrize("state", ["sent", "delivered", "failed", "unknown"])
async def test_a_text_of_ours_that_is_closed_goes(pool, talk, state):
    await reply(pool, talk, await turn(pool, talk, OLD), OLD, state=state)
    await forget(pool)
    assert await left(pool) == {}


async def test_a_turn_that_runs_and_a_text_that_waits_stay(pool, talk):
    await turn(pool, talk, OLD, state="running")
    await insert(pool, INBOUND, talk=talk, external_id="waits", at=OLD, turn=None)
    assert await forget(pool) == {}


async def test_a_turn_stays_until_its_last_reply_goes(pool, talk):
    just_old, just_recent = NOW - timedelta(days=400, seconds=1), NOW - timedelta(days=399.99)
    id = await turn(pool, talk, just_old)
    await reply(pool, talk, id, just_recent)
    assert await forget(pool) == {"receipts in full": 1}
    await forget(pool, now=NOW + timedelta(days=1))
    assert await left(pool) == {}


async def test_a_turn_stays_until_its_last_text_is_old(pool, talk):
    id = await turn(pool, talk, OLD)
    await insert(pool, INBOUND, talk=talk, external_id="later", at=RECENT, turn=id)
    assert await forget(pool) == {}


@pytest.mark.parametrize("whose", ["ours", "customers"])
async def test_conversations_are_locked_in_order_and_before_their_texts(pool, whose):
    """Who locks a conversation first and then its texts, as erasure does, waits for nobody."""
    ids = [UUID(int=number) for number in range(1, 21)]
    for id in reversed(ids):
        phone = f"+1212555{id.int:04}"
        await rows(pool, TALK, id=id, ours=OURS, phone=phone, at=OLD)
        if whose == "ours":
            await reply(pool, id, None, OLD)
        else:
            await turn(pool, id, OLD)
    table = "outbound_text" if whose == "ours" else "inbound_text"
    waits = (
        "SELECT FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM conversation WHERE id = %s FOR UPDATE", [ids[0]])
        pruning = asyncio.create_task(prune(pool, KEPT, NOW))
        await until(lambda: rows(pool, waits))
        for name, count in (("conversation", 20), (table, 20)):
            query = f"SELECT FROM {name} FOR UPDATE SKIP LOCKED"
            assert (await connection.execute(query)).rowcount == count, name
    assert (await pruning)[table] == 20


async def test_receipts_are_kept_in_full_for_a_month(pool, talk):
    for days in (31, 29):
        await reply(pool, talk, None, NOW - timedelta(days=days))
        at = NOW - timedelta(days=days)
        await insert(pool, RECEIPT, vendor_id=str(uuid4()), at=at, text=None)
    # The one that never found its text goes.
    assert await forget(pool) == {"receipts in full": 1, "receipt": 1}
    kept = await rows(pool, "SELECT raw, outbound_id IS NULL AS parked FROM receipt ORDER BY id")
    whole = {"To": "you"}
    assert [(row["raw"], row["parked"]) for row in kept] == [
        ({}, False),
        (whole, False),
        (whole, True),
    ]


async def test_sessions_before_the_last_go_and_the_last_stays_as_rasa_reads_it(pool, talk):
    other = await insert(pool, TALK.replace("%(phone)s", "'+12125550199'"), id=uuid4(), at=OLD)
    for position in range(30):
        at = OLD + timedelta(seconds=position) if position < 25 else RECENT
        start = position in {0, 10, 20}
        await insert(pool, TRACKED, talk=talk, position=position, start=start, at=at)
        await insert(pool, TRACKED, talk=other, position=position, start=position == 0, at=OLD)
    before = {id: await rows(pool, LAST_SESSION, id=id) for id in (talk, other)}
    assert await forget(pool) == {"tracker_event": 20}
    assert before == {id: await rows(pool, LAST_SESSION, id=id) for id in (talk, other)}
    assert [row["position"] for row in await rows(pool, ALL_SESSIONS, id=talk)] == [*range(20, 30)]
    assert len(await rows(pool, ALL_SESSIONS, id=other)) == 30


async def test_earlier_sessions_that_are_recent_stay(pool, talk):
    for position in range(4):
        at, start = (OLD, RECENT)[position > 1], position % 2 == 0
        await insert(pool, TRACKED, talk=talk, position=position, start=start, at=at)
    await insert(pool, TRACKED, talk=talk, position=4, start=True, at=NOW)
    assert await forget(pool) == {"tracker_event": 2}


SMALL = """
INSERT INTO long_text (token, conversation_id, body, created_at, expires_at)
    SELECT token, id, 'x', %(old)s, expires_at FROM conversation,
        (VALUES ('a', %(old)s::timestamptz), ('b', %(soon)s)) AS given (token, expires_at);
INSERT INTO sender_cap (gateway, cap, starts_at, used)
    VALUES ('twilio', 'day', %(old)s, 1), ('twilio', 'day', %(recent)s, 1);
INSERT INTO gateway_minute (gateway, minute) VALUES ('twilio', %(old)s), ('twilio', %(recent)s);
INSERT INTO gateway_health_change (gateway, at, before, after, reason)
    VALUES ('twilio', %(old)s, 100, 90, ''), ('twilio', %(recent)s, 100, 90, '');
INSERT INTO reconciliation (gateway, since, until)
    VALUES ('twilio', %(old)s, %(recent)s), ('twilio', %(recent)s, %(soon)s);
INSERT INTO procrastinate_jobs (queue_name, task_name, status)
    SELECT 'default', 'x', 'todo' FROM generate_series(1, 4);
UPDATE procrastinate_jobs SET status = 'doing' WHERE id > 1;
UPDATE procrastinate_jobs SET status = 'failed' WHERE id > 2;
UPDATE procrastinate_events SET at = %(old)s WHERE job_id < 4;
"""


async def test_small_tables_are_swept(pool, talk):
    values = {"old": OLD, "recent": NOW - timedelta(hours=1), "soon": NOW + timedelta(hours=1)}
    for statement in SMALL.split(";\n")[:-1]:
        async with pool.connection() as connection:
            await connection.execute(statement, values)
    gone = await forget(pool)
    names = ("long_text", "sender_cap", "gateway_minute", "gateway_health_change")
    assert gone == dict.fromkeys((*names, "reconciliation", "procrastinate_jobs"), 1)
    assert (await rows(pool, "SELECT token FROM long_text")) == [{"token": "b"}]


async def test_it_goes_on_where_it_was_interrupted(pool, talk, monkeypatch):
    monkeypatch.setattr(messaging.upkeep, "BATCH", 3)
    for number in range(20):
        at = OLD if number < 16 else RECENT
        await reply(pool, talk, await turn(pool, talk, at), at)

    def killed(step, gone):
        if gone["outbound_text"] >= 6:
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await prune(pool, KEPT, NOW, killed)
    assert (await left(pool))["outbound_text"] == 14
    await forget(pool)
    assert await left(pool) == of_each(4)


async def test_what_stays_at_the_beginning_does_not_stop_the_walk(pool, talk, monkeypatch):
    monkeypatch.setattr(messaging.upkeep, "BATCH", 2)
    for state in ("running", "running", "done", "done", "done"):
        # A conversation of its own for each turn that runs.
        own = await insert(pool, TALK.replace("%(phone)s", "%(id)s::text"), id=uuid4(), at=OLD)
        await turn(pool, own, OLD, state=state)
    for state in ("pending", "pending", "pending", "delivered", "delivered", "delivered"):
        await reply(pool, talk, None, OLD, state=state)
    await forget(pool)
    assert await left(pool) == {
        "inbound_text": 2,
        "turn": 2,
        "media_file": 2,
        "outbound_text": 3,
        "receipt": 3,
        "text_event": 3,
    }


async def test_only_one_does_it_at_a_time(pool):
    async with alone(pool, "upkeep"):
        assert await prune(pool, KEPT, NOW) is None
    assert await prune(pool, KEPT, NOW) == {}


async def test_a_webhook_that_is_repeated_within_a_day_is_still_known(pool):
    text = Inbound("SM1", PHONE, OURS, "hi")
    async with pool.connection() as connection:
        assert await store_text(connection, "twilio", text, NOW, burst_seconds=1)
        await rows(
            pool,
            """WITH done AS (
                INSERT INTO turn (id, conversation_id, number, state, started_at, finished_at)
                SELECT gen_random_uuid(), id, 1, 'done', %(now)s, %(now)s FROM conversation
                RETURNING id)
            UPDATE inbound_text SET turn_id = done.id FROM done RETURNING 1""",
            now=NOW,
        )
        await prune(pool, RetentionPeriods(texts=2), NOW + timedelta(days=1))
        assert not await store_text(connection, "twilio", text, NOW, burst_seconds=1)


# -- the command ---------------------------------------------------------------------------


@pytest.fixture
def console():
    return Console(record=True, width=100)


async def test_a_dry_run_changes_nothing(pool, talk, database_url, console):
    at = datetime.now(UTC) - timedelta(days=401)
    await reply(pool, talk, await turn(pool, talk, at), at)
    await cli.upkeep.upkeep(database_url, console, dry_run=True)
    shown = console.export_text()
    assert "outbound_text" in shown
    assert "would go" in shown
    assert await left(pool) == of_each(1)
    await cli.upkeep.upkeep(database_url, console, dry_run=False)
    assert "gone" in console.export_text()
    assert await left(pool) == {}
    await cli.upkeep.upkeep(database_url, console, dry_run=False)
    assert "nothing older" in console.export_text()


async def test_a_second_one_says_so(pool, database_url, console):
    async with alone(pool, "upkeep"):
        with pytest.raises(Failure, match="Another process"):
            await cli.upkeep.upkeep(database_url, console, dry_run=False)
