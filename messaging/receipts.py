"""The vendors' word about texts of ours: kept, counted once, never taking a state back.

A receipt names its text by the vendor's id. Where the vendor gives our own id back too, the text
is found even if the answer to its request was lost, and an unknown outcome is known again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from connectors.gateways.base import Receipt
from database.pool import Connection
from messaging import tracing
from messaging.metrics import RECEIPT_LAG_SECONDS

log = structlog.get_logger(__name__)

# Whoever stores a receipt and whoever records a vendor's id take this lock, so that a receipt
# that overtakes the answer to its own request is matched by one or the other. Taken in order, so
# that two who lock several do not wait for each other.
LOCK = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT hashtextextended(gateway || ' ' || vendor_id, 0) AS key
    FROM unnest(%(gateways)s::text[], %(vendor_ids)s::text[]) AS given (gateway, vendor_id)
    ORDER BY 1) AS keys
"""

INSERT = """
INSERT INTO receipt (gateway, vendor_id, status, vendor_status, code, raw, received_at)
VALUES (%(gateway)s, %(vendor_id)s, %(status)s, %(vendor_status)s, %(code)s, %(raw)s, %(at)s)
ON CONFLICT (gateway, vendor_id, vendor_status) DO NOTHING
"""

# The text that the vendor's id is known of; else the one that our own id names, as long as no
# answer is known. An attempt that failed for good is not taken for a new one because its earlier
# receipts come late.
APPLY = """
WITH named AS (
    SELECT id, false AS by_reference, state AS before FROM outbound_text
    WHERE gateway = %(gateway)s AND vendor_id = %(vendor_id)s
    UNION ALL
    SELECT id, true, state FROM outbound_text
    WHERE id = %(reference)s AND gateway = %(gateway)s AND vendor_id IS NULL
        AND state IN ('pending', 'sending', 'checking', 'unknown', 'failed')
        AND (%(state)s IN ('delivered', 'failed') OR NOT EXISTS (
            SELECT FROM receipt WHERE gateway = %(gateway)s AND vendor_id = %(vendor_id)s
                AND status = 'failed'))
        AND (%(state)s <> 'failed' OR state IN ('sending', 'checking', 'unknown'))
), applied AS (
    UPDATE outbound_text AS text SET
        state = CASE WHEN by_reference OR text_state_rank(%(state)s) > text_state_rank(state)
                     THEN %(state)s ELSE state END,
        vendor_status = CASE WHEN by_reference
                         OR text_state_rank(%(state)s) > text_state_rank(state)
                     THEN %(vendor_status)s ELSE coalesce(vendor_status, %(vendor_status)s) END,
        error_code = CASE WHEN %(state)s = 'failed' AND text_state_rank(state) < 4 THEN %(code)s
                     WHEN by_reference THEN NULL ELSE error_code END,
        error_staff = CASE WHEN by_reference THEN NULL ELSE error_staff END,
        lease_until = CASE WHEN by_reference THEN NULL ELSE lease_until END,
        accepted_at = coalesce(accepted_at, %(at)s),
        vendor_id = %(vendor_id)s,
        ask_at = CASE WHEN %(state)s IN ('delivered', 'failed') THEN NULL
                     WHEN by_reference THEN %(at)s + interval '10 minutes' ELSE ask_at END,
        updated_at = %(at)s
    FROM named WHERE text.id = named.id
    -- The next text to this phone may leave now.
    RETURNING text.id, conversation_id, turn_id, trace, before, state,
        extract(epoch FROM %(at)s - accepted_at)::float AS lag,
        CASE WHEN by_reference THEN pg_notify('linnet_outbox', '') END
)
UPDATE receipt SET outbound_id = applied.id FROM applied
WHERE gateway = %(gateway)s AND vendor_id = %(vendor_id)s AND vendor_status = %(vendor_status)s
RETURNING applied.*
"""

# A text of ours that the vendor has twice: it was sent again although it was out.
SECOND_COPY = """
INSERT INTO text_event (outbound_id, at, kind, code, detail)
SELECT id, %(at)s, 'second-copy', %(vendor_status)s, 'the vendor also has it as ' || %(vendor_id)s
FROM outbound_text AS text
WHERE id = %(reference)s AND vendor_id <> %(vendor_id)s
    AND %(state)s IN ('sent', 'delivered')
    AND NOT EXISTS (SELECT FROM receipt WHERE gateway = %(gateway)s AND vendor_id = %(vendor_id)s
        AND (status = 'failed' OR outbound_id IS NOT NULL))
    AND NOT EXISTS (SELECT FROM text_event WHERE outbound_id = text.id AND kind = 'second-copy')
"""

PARKED = """
SELECT receipt.gateway, receipt.vendor_id, status, vendor_status, code
FROM receipt JOIN unnest(%(gateways)s::text[], %(vendor_ids)s::text[])
    AS given (gateway, vendor_id) USING (gateway, vendor_id)
WHERE outbound_id IS NULL ORDER BY receipt.id
"""


@dataclass(frozen=True, slots=True)
class Received:
    """A receipt as it came.

    Attributes:
        gateway: the name of the gateway.
        receipt: what it said.
        at: when it came, UTC.
    """

    gateway: str
    receipt: Receipt
    at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a receipt.

    Attributes:
        new: whether this status of this text had not been reported before.
        applied: what it did to its text; None where the text is not known yet.
    """

    new: bool
    applied: Mapping[str, Any] | None


async def store_receipt(
    connection: Connection, gateway: str, receipt: Receipt, received_at: datetime
) -> bool:
    """Keep a receipt and move its text on; park it where its text is not known yet.

    Args:
        connection: to the database.
        gateway: the name of the gateway.
        receipt: what it said.
        received_at: when, UTC.

    Returns:
        False where the same status of the same text was reported before.
    """
    received = Received(gateway, receipt, received_at)
    (kept,) = await store_receipts(connection, [received])
    tell(received, kept)
    return kept.new


async def store_receipts(connection: Connection, receipts: Sequence[Received]) -> list[Kept]:
    """The same for several, in their order, all of them or none; ``tell`` what became of each.

    Args:
        connection: to the database.
        receipts: of any texts.
    """
    asked = []
    # Each statement sees what was committed before it, the lock's wait included. Applying is
    # harmless where the receipt was known, so nothing waits for an answer in between.
    async with connection.transaction(), connection.pipeline():
        await lock(connection, [(one.gateway, one.receipt.vendor_id) for one in receipts])
        for one in receipts:
            values = _values(one)
            inserted = await connection.execute(INSERT, values)
            applied = await connection.execute(APPLY, values)
            asked.append((inserted, applied))
            if one.receipt.reference is not None:
                await connection.execute(SECOND_COPY, values)
    return [Kept(inserted.rowcount > 0, await applied.fetchone()) for inserted, applied in asked]


def tell(received: Received, kept: Kept) -> None:
    """Log, trace and time a receipt, in the context of the request that brought it.

    Args:
        received: the receipt.
        kept: what became of it.
    """
    receipt = received.receipt
    said = {
        "gateway": received.gateway,
        "vendor_id": receipt.vendor_id,
        "vendor_status": receipt.vendor_status,
        "code": receipt.code,
    }
    if kept.new:
        _tell(kept.applied, said)
    else:
        log.info("receipt.repeated", vendor_id=receipt.vendor_id, status=receipt.vendor_status)


def _values(received: Received) -> dict[str, Any]:
    receipt = received.receipt
    return {
        "gateway": received.gateway,
        "vendor_id": receipt.vendor_id,
        "reference": receipt.reference,
        "status": str(receipt.status),
        "state": state_of(receipt.status),
        "vendor_status": receipt.vendor_status,
        "code": receipt.code,
        "raw": Jsonb(dict(receipt.raw)),
        "at": received.at,
    }


async def lock(connection: Connection, keys: Sequence[tuple[str, str]]) -> None:
    """Keep everybody else from these texts of vendors until the transaction ends.

    Args:
        connection: in a transaction.
        keys: gateways and the vendors' ids.
    """
    await connection.execute(LOCK, _columns(keys))


async def apply_parked(
    connection: Connection, keys: Sequence[tuple[str, str]], now: datetime
) -> None:
    """Apply receipts that came before their texts' ids; within the transaction that records them.

    Args:
        connection: in the transaction that writes the vendors' ids.
        keys: gateways and the vendors' ids.
        now: the time, UTC.
    """
    cursor = await connection.execute(PARKED, _columns(keys))
    for row in await cursor.fetchall():
        values = {"state": state_of(row["status"]), "reference": None, "at": now}
        applied = await connection.execute(APPLY, row | values)
        _tell(await applied.fetchone(), row | values)


def _tell(applied: Mapping[str, Any] | None, receipt: Mapping[str, Any]) -> None:
    """Log, trace and time a receipt: what it did to its text, if its text is known."""
    said = {
        "gateway": receipt["gateway"],
        "vendor_id": receipt["vendor_id"],
        "status": receipt["vendor_status"],
        "code": receipt["code"],
    }
    if applied is None:
        log.info("receipt.parked", **said)
        return
    ids = {
        "conversation": str(applied["conversation_id"]),
        "turn": str(applied["turn_id"]) if applied["turn_id"] else None,
        "text_id": str(applied["id"]),
    }
    if applied["state"] == "delivered" != applied["before"]:
        RECEIPT_LAG_SECONDS.labels(receipt["gateway"]).observe(max(0.0, applied["lag"]))
    webhook = tracing.current()
    with tracing.span(
        "receipt", {**said, **ids}, parent=applied["trace"], links=[webhook] if webhook else []
    ):
        log.info("receipt.applied", **said, **ids, state=applied["state"])


def state_of(status: str) -> str:
    """The state of a text for a receipt's status; one that is only queued is sent for us."""
    return "sent" if status == "queued" else str(status)


def _columns(keys: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    return {
        "gateways": [gateway for gateway, _ in keys],
        "vendor_ids": [vendor_id for _, vendor_id in keys],
    }
