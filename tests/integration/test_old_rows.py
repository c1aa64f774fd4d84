"""A text costs the same however many old ones there are: PostgreSQL counts the rows it reads."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from connectors.gateways.base import Receipt, Status
from connectors.tracker_store import LAST_SESSION
from database.pool import make_pool
from messaging.clock import SystemClock
from messaging.inquiry import Inquiry
from messaging.judgement import judge
from messaging.outcomes import expire
from messaging.receipts import store_receipt
from messaging.reconcile import Reconciliation
from messaging.retention_periods import RetentionPeriods
from messaging.upkeep import BATCH, prune
from tests.conftest import administer, with_database
from tests.integration.engine import (
    OURS,
    Echo,
    ScriptedGateway,
    delivery_worker,
    text_in,
    turn_worker,
    until,
)

TALKS, TEXTS = 1_000, 100  # of each conversation: 100,000 in all
PHONE = "+12130000007"

BIG = ("inbound_text", "turn", "outbound_text", "receipt", "text_event", "tracker_event")

# One text an hour of each conversation, the newest a week ago; every tenth begins a session.
FILL = """
SET session_replication_role = replica;
INSERT INTO conversation (id, gateway, number, phone, created_at)
    SELECT md5('talk' || talk)::uuid, 'twilio', '+12125550142',
        '+1213' || lpad(talk::text, 7, '0'), now() - interval '1 year'
    FROM generate_series(1, {talks}) AS talk;
CREATE TABLE old AS
    SELECT md5('talk' || talk)::uuid AS talk, '+1213' || lpad(talk::text, 7, '0') AS phone,
        number, md5(talk || ' ' || number)::uuid AS id, talk || ' ' || number AS name,
        now() - interval '7 days' - make_interval(hours => {texts} - number) AS at
    FROM generate_series(1, {texts}) AS number, generate_series(1, {talks}) AS talk;
INSERT INTO turn (id, conversation_id, number, state, started_at, finished_at)
    SELECT id, talk, number, 'done', at, at FROM old;
INSERT INTO inbound_text (conversation_id, gateway, external_id, body, received_at, turn_id)
    SELECT talk, 'twilio', 'SM' || name, 'hi', at, id FROM old;
INSERT INTO outbound_text (id, conversation_id, turn_id, kind, gateway, sender, recipient, body,
        segments, state, attempts, created_at, next_attempt_at, expires_at, first_attempt_at,
        accepted_at, vendor_id, error_staff, updated_at)
    SELECT id, talk, id, 'reply', 'twilio', '+12125550142', phone, 'ho', 1,
        CASE number % 20 WHEN 0 THEN 'failed' WHEN 1 THEN 'sent' ELSE 'delivered' END, 1, at, at,
        at, at, at, 'V' || name, CASE number % 20 WHEN 0 THEN 'It failed.' END, at FROM old;
INSERT INTO receipt (gateway, vendor_id, status, vendor_status, received_at, outbound_id)
    SELECT 'twilio', 'V' || name, 'delivered', 'delivered', at, id FROM old;
INSERT INTO text_event (outbound_id, at, kind) SELECT id, at, 'refused' FROM old;
INSERT INTO tracker_event (conversation_id, position, session_start, event)
    SELECT talk, number, number % 10 = 1,
        jsonb_build_object('event', 'user', 'timestamp', extract(epoch FROM at)) FROM old;
DROP TABLE old;
RESET session_replication_role;
ANALYZE
"""

OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""

READ = """
SELECT relname, seq_scan, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows
FROM pg_stat_user_tables WHERE relname = ANY(%(names)s)
"""


def fill(url: str, talks: int, texts: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in FILL.format(talks=talks, texts=texts).split(";\n"):
            connection.execute(statement)


@pytest.fixture(scope="module")
def full_url(postgres, migrated_template) -> Iterator[str]:
    """A database with all the old texts, for every test here."""
    administer(postgres.url, f"CREATE DATABASE full_of_texts TEMPLATE {migrated_template}")
    url = with_database(postgres.url, "full_of_texts")
    fill(url, TALKS, TEXTS)
    yield url
    administer(postgres.url, "DROP DATABASE full_of_texts WITH (FORCE)")


class Reads:
    """What was read while inside, once every connection of those who read is closed."""

    def __init__(self) -> None:
        self.whole_tables: dict[str, int] = {}
        self.rows: dict[str, int] = {}


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Reads]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        reads, before = Reads(), await _counters(connection)
        yield reads
        after = await _counters(connection)
    for name, (scans, rows) in after.items():
        if scans > before[name][0]:
            reads.whole_tables[name] = scans - before[name][0]
        reads.rows[name] = rows - before[name][1]


async def _counters(connection):
    async def alone():  # a connection hands in its counts when it ends
        return (await (await connection.execute(OTHERS)).fetchone())[0] == 0

    await until(alone)
    cursor = await connection.execute(READ, {"names": [*BIG, "conversation"]})
    return {name: (scans, rows) for name, scans, rows in await cursor.fetchall()}


async def one_text(url: str, text: str) -> float:
    """From the webhook to the receipt, by the real workers; the seconds that it took."""
    gateway = ScriptedGateway()
    begun = time.perf_counter()
    async with (
        make_pool(url) as pool,
        turn_worker(pool, url, Echo()),
        delivery_worker(pool, url, gateway),
    ):
        await text_in(pool, text, phone=PHONE)
        await until(lambda: _true(gateway.sent))
        async with pool.connection() as connection:
            talk = (
                await (
                    await connection.execute(
                        "SELECT id FROM conversation WHERE number = %(ours)s AND phone = %(phone)s",
                        {"ours": OURS, "phone": PHONE},
                    )
                ).fetchone()
            )["id"]
            await connection.execute(LAST_SESSION, {"id": talk})

            async def delivered():
                receipt = Receipt("V1", Status.DELIVERED, "delivered")
                await store_receipt(connection, "twilio", receipt, datetime.now(UTC))
                query = """SELECT FROM outbound_text WHERE gateway = 'twilio' AND vendor_id = 'V1'
                    AND state = 'delivered'"""
                return (await connection.execute(query)).rowcount

            await until(delivered)
    return time.perf_counter() - begun


async def _true(value):
    return value


async def test_a_text_reads_few_rows_and_no_whole_table(full_url):
    async with reading(full_url) as reads:
        await one_text(full_url, "hello")
    assert reads.whole_tables == {}
    # A session of the tracker, the day's texts of this phone, the same row again at each step.
    assert sum(reads.rows.values()) < 300, reads.rows


async def test_what_workers_look_for_every_second_reads_no_whole_table(full_url):
    gateway = ScriptedGateway()
    async with (
        reading(full_url) as reads,
        make_pool(full_url) as own,
        httpx.AsyncClient() as http,
    ):
        await Inquiry(own, {"twilio": gateway}, http, SystemClock()).ask_due()
        await judge(own, {"twilio": gateway}, lambda: 0.0)
        await expire(own)
    assert reads.whole_tables == {}
    assert sum(reads.rows.values()) < 20, reads.rows


class Forgetful(ScriptedGateway):
    async def texts_between(self, since, until, http):
        return
        yield


async def test_a_day_without_texts_is_compared_without_reading_the_others(full_url):
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    async with (
        reading(full_url) as reads,
        make_pool(full_url) as own,
        httpx.AsyncClient() as http,
    ):
        await Reconciliation(own, Forgetful(lists=True), http, SystemClock()).run(yesterday)
    assert reads.whole_tables == {}
    assert sum(reads.rows.values()) < 20, reads.rows


async def test_a_night_without_old_texts_reads_one_batch_and_each_conversation(full_url):
    async with reading(full_url) as reads, make_pool(full_url) as own:
        await prune(own, RetentionPeriods(), datetime.now(UTC))
    assert {name: reads.whole_tables.get(name, 0) for name in BIG} == dict.fromkeys(BIG, 0)
    assert sum(reads.rows[name] for name in BIG) <= 2 * BATCH + 3 * TALKS, reads.rows
