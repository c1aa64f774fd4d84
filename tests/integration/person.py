"""Somebody with something in every table that can hold a person's data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from connectors.gateways.base import Inbound, Receipt, Status
from database.pool import Pool
from messaging.area_codes import KnownPlace, Source
from messaging.clock import SystemClock
from messaging.inbox import store_events
from messaging.phone_places import set_place
from practice.appointments import book
from practice.sample import load_sample
from tests.integration.engine import OURS, rows, until

PHONE = "+13125550177"
FORMS = ("13125550177", "3125550177", "(312) 555-0177", "312-555-0177", "312.555.0177")
WORDS = ("Rosalind", "itchy", "zebra", "quokka", "marmot", "wombat", "203.0.113.9")
"""In everything that the person says, or that is said to or noted of the person."""

PICTURE = b"\x89PNG wombat"

REST = """
INSERT INTO webhook_endpoint (id, url, types, created_at)
    VALUES (gen_random_uuid(), 'https://elsewhere.test/hook', '{*}', now());
INSERT INTO long_text (token, conversation_id, body, created_at, expires_at)
    SELECT 'tok-quokka', id, 'a long zebra', now(), now() + interval '1 day' FROM conversation;
INSERT INTO media_file (id, inbound_id, place, url, claimed_type, content_type, bytes, sha256,
        content, created_at)
    SELECT gen_random_uuid(), min(id), 0, 'https://vendor.test/quokka', 'image/png', 'image/png',
        11, '\\x01', %(picture)s, now() FROM inbound_text;
INSERT INTO tracker_event (conversation_id, position, event)
    SELECT id, 0, '{"event": "user", "text": "an itchy zebra"}' FROM conversation;
INSERT INTO text_event (outbound_id, at, kind, detail)
    SELECT id, now(), 'noted', 'zebra' FROM outbound_text;
INSERT INTO sent_body (recipient, digest, text_ids, since)
    SELECT recipient, decode(repeat('01', 32), 'hex'), ARRAY[id], now() FROM outbound_text LIMIT 1;
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
    VALUES ('default', 'x', jsonb_build_object('phone', %(phone)s::text));
INSERT INTO opening (outbound_id, text_ids, recipient, expires_at, slots, answers)
    SELECT id, ARRAY[id], recipient, now(), '{"name": "Rosalind"}', '{"zebra": "/yes"}'
    FROM outbound_text LIMIT 1;
INSERT INTO campaign (name, class, text, subject, audience, per_minute, created_by, created_at,
        edited_by)
    VALUES ('spring', 'marketing', 'Hello {name}', 'spring', '{}', 60, 'Ana', now(), 'Ana');
INSERT INTO campaign_recipient (campaign_id, phone, variables, due_at)
    SELECT id, %(phone)s, '{"name": "Rosalind"}', now() FROM campaign;
INSERT INTO api_key (prefix, name, digest, scopes, created_by, created_at)
    VALUES ('k1', 'crm', decode(repeat('01', 32), 'hex'), '{send}', 'Ana', now());
INSERT INTO api_request (api_key_id, key, digest, status, answer, created_at)
    SELECT id, 'r1', digest, 200, jsonb_build_object('to', %(phone)s::text), now() FROM api_key;
INSERT INTO notification (text_id, id, api_key_id)
    SELECT text.id, gen_random_uuid(), key.id FROM outbound_text AS text, api_key AS key LIMIT 1;
UPDATE conversation SET menu = '[{"title": "quokka", "payload": "/x"}]',
    prompt_expired = 'the zebra left', prompt_expires_at = now(), consent_request_id = 'SMmarmot';
UPDATE turn SET state = 'failed', failure = '{"detail": "itchy zebra"}' WHERE number = 1;
INSERT INTO reminder (appointment_id, kind, location_id, start, due_at, made_at, refusal)
    SELECT id, '24h', location_id, lower(during), now(), now(), 'notice.opted-out' FROM appointment;
INSERT INTO requested_reminder (key, phone, due_at, zone, words, appointment_id, before, created_at)
    SELECT 'remind', customer.phone, now(), 'America/New_York', 'the itchy zebra', appointment.id,
        interval '2 hours', now()
    FROM appointment JOIN customer ON customer.id = customer_id;
INSERT INTO outgoing_event (type, at, source, source_id, facts)
    SELECT 'message.received', now(), 'inbound_text', id::text, '{"reason": "zebra"}'
    FROM inbound_text;
INSERT INTO webhook_delivery (endpoint_id, event_id, order_key, next_attempt_at)
    SELECT endpoint.id, event.id, 'x', now()
    FROM webhook_endpoint AS endpoint, outgoing_event AS event
    ON CONFLICT DO NOTHING;
INSERT INTO webhook_attempt (delivery_id, at, outcome, milliseconds, answer)
    SELECT id, now(), 'refused', 1, 'no zebra please' FROM webhook_delivery
"""


async def say(pool: Pool, *bodies: str, phone: str = PHONE) -> None:
    """Text, and wait until each turn is over."""
    for body in bodies:
        id = f"SM{uuid4().hex}"
        event = Inbound(id, phone, OURS, body)
        await store_events(pool, "twilio", [event], SystemClock().now(), burst_seconds=0)

        async def over(id: str = id) -> Any:
            return await rows(
                pool,
                "SELECT 1 FROM inbound_text JOIN turn ON turn.id = turn_id"
                " WHERE external_id = %(id)s AND state <> 'running'",
                id=id,
            )

        await until(over)


async def book_a_visit(pool: Pool) -> None:
    """An appointment of the person's in a practice without other customers."""
    now = datetime.now(UTC)
    start = (now + timedelta(days=4)).replace(hour=15, minute=0, second=0, microsecond=0)
    async with pool.connection() as connection:
        await load_sample(connection, now)
        await connection.execute(
            "DELETE FROM practice_change; DELETE FROM appointment; DELETE FROM customer"
        )
        for day in range(7):
            try:
                await book(
                    connection, "b1", phone=PHONE, name="Rosalind Ames", service="eye_exam",
                    location="downtown", start=start + timedelta(days=day), now=now,
                )  # fmt: skip
            except Exception:  # noqa: BLE001, S112 - a day on which nobody works
                continue
            return


async def leave_traces(pool: Pool) -> None:
    """Something in every other table, for the person's conversation that is there."""
    place = KnownPlace(Source.STATED, "America/Chicago", "IL")
    async with pool.connection() as connection:
        await set_place(connection, PHONE, place, datetime.now(UTC))
        for statement in REST.split(";\n"):
            await connection.execute(statement, {"phone": PHONE, "picture": PICTURE})
    (text,) = await rows(pool, "SELECT id FROM outbound_text ORDER BY seq LIMIT 1")
    raw = {"To": PHONE, "Body": "an itchy zebra"}
    await rows(
        pool,
        "UPDATE outbound_text SET state = 'sent', vendor_id = 'V' || seq,"
        " error_staff = 'quokka' RETURNING 1",
    )
    known = await rows(pool, "SELECT vendor_id FROM outbound_text WHERE id = %(id)s", id=text["id"])
    receipts = [
        Receipt(known[0]["vendor_id"], Status.DELIVERED, "delivered", raw=raw),
        Receipt("V-of-no-text", Status.SENT, "sent", raw=raw),
    ]
    await store_events(pool, "twilio", receipts, datetime.now(UTC), burst_seconds=0)


async def dump(pool: Pool) -> dict[str, str]:
    """Every column of every row of every table as text, by table; bytes in hexadecimal."""
    tables = await rows(
        pool, "SELECT table_name AS name FROM information_schema.tables WHERE table_schema='public'"
    )
    found = {}
    for table in tables:
        name = table["name"]
        told = await rows(pool, f"SELECT t::text AS row FROM {name} AS t ORDER BY 1")
        found[name] = "\n".join(row["row"] for row in told)
    return found


async def where(pool: Pool) -> set[str]:
    """The tables in which something of the person is found."""
    plain = (*FORMS, *WORDS)
    needles = (*plain, *(one.encode().hex() for one in plain))
    return {name for name, told in (await dump(pool)).items() if any(n in told for n in needles)}
