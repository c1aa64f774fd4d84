"""The gauges of queues: what they say, that they are cheap, and where they are served."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest
from prometheus_client import REGISTRY

from connectors.gateways.base import Receipt, Status
from messaging import queue_metrics
from messaging.lanes import Lane
from messaging.queue_metrics import collect
from messaging.receipts import store_receipt
from tests.integration.engine import OURS, ScriptedGateway, rows, text_in

LONG_AGO = "now() - interval '40 days'"


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"linnet_{name}", labels)


async def put_text(pool, state: str, lane: Lane, *, due: str = "now()", phone: str = "+1") -> None:
    """A row of the outbox as delivery leaves it."""
    await rows(
        pool,
        f"""
        WITH talk AS (
            INSERT INTO conversation (id, gateway, number, phone, created_at)
            VALUES (gen_random_uuid(), 'twilio', %(ours)s, gen_random_uuid()::text, now())
            RETURNING id)
        INSERT INTO outbound_text (id, conversation_id, kind, lane, gateway, sender, recipient,
            body, segments, state, created_at, next_attempt_at, expires_at, updated_at)
        SELECT gen_random_uuid(), id, 'notice', %(lane)s, 'twilio', %(ours)s, '+1', 'hi', 1,
            %(state)s, now(), {due}, now() + interval '1 day', now()
        FROM talk RETURNING id
        """,
        ours=OURS,
        lane=int(lane),
        state=state,
    )


async def test_what_waits_is_counted_and_aged(pool):
    await rows(
        pool,
        "INSERT INTO sender_pace VALUES ('twilio', %(ours)s, now() + interval '1.5 s'),"
        " ('twilio', '+12125559142', now() - interval '1 day') RETURNING 1",
        ours=OURS,
    )
    await text_in(pool, "hello", phone="+12125550101")
    await text_in(pool, "hello", phone="+12125550102")
    await rows(
        pool,
        "UPDATE conversation SET waiting_since = now() - interval '90 s'"
        " WHERE phone = '+12125550102' RETURNING 1",
    )
    await put_text(pool, "pending", Lane.BULK, due="now() - interval '30 s'")
    await put_text(pool, "pending", Lane.BULK, due="now() - interval '10 s'")
    await put_text(pool, "pending", Lane.REPLY, due="now() + interval '1 hour'")
    await put_text(pool, "checking", Lane.REPLY)
    await put_text(pool, "failed", Lane.REPLY)
    await put_text(pool, "unknown", Lane.REPLY)
    async with pool.connection() as connection:
        strange = Receipt("SM-of-nobody", Status.DELIVERED, "delivered")
        await store_receipt(connection, "twilio", strange, datetime.now(UTC))
    await collect(pool, {}, FixedClock())

    assert value("conversations_waiting") == 2
    assert value("inbound_oldest_seconds") == pytest.approx(90, abs=5)
    assert value("outbound_open", state="pending", lane="bulk") == 2
    assert value("outbound_open", state="pending", lane="reply") == 1
    assert value("outbound_open", state="checking", lane="reply") == 1
    assert value("outbound_open", state="sending", lane="reply") == 0
    assert value("outbound_oldest_seconds", lane="bulk") == pytest.approx(30, abs=5)
    assert value("outbound_oldest_seconds", lane="reply") == 0  # its time has not come
    assert value("outbound_dead", state="failed") == 1
    assert value("outbound_dead", state="unknown") == 1
    assert value("receipts_parked") == 1
    assert value("sender_busy_seconds", gateway="twilio", number="0142") == pytest.approx(1.5, 0.5)
    assert value("sender_busy_seconds", gateway="twilio", number="9142") == 0
    assert value("queues_read_timestamp_seconds") == FixedClock().now().timestamp()


async def test_what_is_done_no_longer_counts(pool):
    await text_in(pool, "hello")
    await put_text(pool, "pending", Lane.BULK)
    await collect(pool, {}, FixedClock())
    assert value("conversations_waiting") == 1
    await rows(pool, "UPDATE outbound_text SET state = 'failed' RETURNING 1")
    await rows(pool, "UPDATE conversation SET waiting_since = NULL, turn_due_at = NULL RETURNING 1")
    await collect(pool, {}, FixedClock())
    assert value("conversations_waiting") == value("inbound_oldest_seconds") == 0
    assert value("outbound_open", state="pending", lane="bulk") == 0
    assert value("outbound_oldest_seconds", lane="bulk") == 0


async def test_counting_ends_at_a_limit(pool, monkeypatch):
    monkeypatch.setattr(queue_metrics, "MOST", 2)
    for _ in range(3):
        await put_text(pool, "pending", Lane.BULK)
    await collect(pool, {}, FixedClock())
    assert value("outbound_open", state="pending", lane="bulk") == 2


async def test_how_much_of_a_cap_is_used(pool):
    carrier = ScriptedGateway(per_minute=75, per_day=2000)
    await rows(
        pool,
        "INSERT INTO sender_cap VALUES ('twilio', 'minute', now() - interval '5 min', 75),"
        " ('twilio', 'minute', now() - interval '5 s', 60),"
        " ('twilio', 'day', now() - interval '3 hours', 500) RETURNING 1",
    )
    await collect(pool, {"twilio": carrier}, FixedClock())
    assert value("cap_used_ratio", gateway="twilio", cap="minute") == 0.8
    assert value("cap_used_ratio", gateway="twilio", cap="day") == 0.25
    await rows(pool, "DELETE FROM sender_cap RETURNING 1")
    await collect(pool, {"twilio": carrier}, FixedClock())
    assert value("cap_used_ratio", gateway="twilio", cap="minute") == 0


def fill(url: str, texts: int) -> None:
    """Texts of old, all of them over, with their receipts, and conversations that are quiet."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"""
            INSERT INTO conversation (id, gateway, number, phone, created_at)
            SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'twilio', '{OURS}',
                '+1' || n, {LONG_AGO} FROM generate_series(1, {texts // 10}) AS n;
            INSERT INTO outbound_text (id, conversation_id, kind, gateway, sender, recipient, body,
                segments, state, vendor_id, created_at, next_attempt_at, expires_at, updated_at)
            SELECT gen_random_uuid(),
                ('00000000-0000-0000-0000-' || lpad((n % {texts // 10} + 1)::text, 12, '0'))::uuid,
                'notice', 'twilio', '{OURS}', '+1', 'hi', 1,
                CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'delivered' END, 'SM' || n,
                {LONG_AGO}, {LONG_AGO}, {LONG_AGO}, {LONG_AGO}
            FROM generate_series(1, {texts}) AS n;
            INSERT INTO receipt
                (gateway, vendor_id, status, vendor_status, received_at, outbound_id)
            SELECT gateway, vendor_id, 'delivered', 'delivered', updated_at,
                CASE WHEN right(vendor_id, 2) <> '00' THEN id END
            FROM outbound_text;
            INSERT INTO sender_pace VALUES ('twilio', '{OURS}', now());
            """
        )
        for table in ("conversation", "outbound_text", "receipt"):
            connection.execute(f"VACUUM ANALYZE {table}")


async def test_old_texts_cost_nothing(pool, database_url):
    """Every query finds what it wants by an index that has nothing of the old."""
    fill(database_url, 20_000)
    queries = [
        getattr(queue_metrics, name) for name in ("WAITING", "OPEN", "OLDEST", "DEAD", "PARKED")
    ]
    async with pool.connection() as connection:
        for query in queries:
            explain = f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {query}"
            cursor = await connection.execute(explain, {"most": queue_metrics.MOST})
            plan = "\n".join(row["QUERY PLAN"] for row in await cursor.fetchall())
            assert not re.search(r"Seq Scan on (conversation|outbound_text|receipt)", plan), plan
            buffers = re.search(r"Buffers: shared hit=(\d+)", plan)
            assert buffers is None or int(buffers[1]) < 30, plan


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


WORKER = [sys.executable, "-m", "cli", "worker"]


def test_the_worker_serves_metrics_where_it_is_told(database_url, tmp_path):
    port, health = free_port(), tmp_path / "well"
    environment = {**os.environ, "DATABASE_URL": database_url, "LINNET_PUBLIC_URL": ""}
    process = subprocess.Popen(
        [*WORKER, "--metrics-port", str(port), "--health-file", str(health)],
        env=environment, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 30
        said = ""
        while "linnet_queues_read_timestamp_seconds" not in said:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until, said
            time.sleep(0.1)
            try:
                said = httpx.get(f"http://127.0.0.1:{port}/metrics").text
            except httpx.TransportError:
                continue
        assert 'linnet_outbound_open{lane="reply",state="pending"} 0.0' in said
        taken = subprocess.run(
            [*WORKER, "--metrics-port", str(port)],
            env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert taken.returncode == 1
        assert f"port {port}: Address already in use; choose another --metrics-port" in taken.stderr
    finally:
        process.terminate()
        process.communicate(timeout=20)
