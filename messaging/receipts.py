"""The vendors' word about texts of ours: kept, counted once, never taking a state back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from connectors.gateways.base import Receipt
from database.pool import Connection

# Whoever stores a receipt and whoever records a vendor's id take this lock, so that a receipt
# that overtakes the answer to its own request is matched by one or the other.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%(gateway)s || ' ' || %(vendor_id)s, 0))"

INSERT = """
INSERT INTO receipt (gateway, vendor_id, status, vendor_status, code, raw, received_at)
VALUES (%(gateway)s, %(vendor_id)s, %(status)s, %(vendor_status)s, %(code)s, %(raw)s, %(at)s)
ON CONFLICT (gateway, vendor_id, vendor_status) DO NOTHING
"""

APPLY = """
WITH named AS (
    UPDATE outbound_text SET
        state = CASE WHEN text_state_rank(%(state)s) > text_state_rank(state)
                     THEN %(state)s ELSE state END,
        vendor_status = CASE WHEN text_state_rank(%(state)s) > text_state_rank(state)
                     THEN %(vendor_status)s ELSE coalesce(vendor_status, %(vendor_status)s) END,
        error_code = CASE WHEN %(state)s = 'failed' AND text_state_rank(state) < 4
                     THEN %(code)s ELSE error_code END,
        ask_at = CASE WHEN %(state)s IN ('delivered', 'failed') THEN NULL ELSE ask_at END,
        updated_at = %(at)s
    WHERE gateway = %(gateway)s AND vendor_id = %(vendor_id)s
    RETURNING id
)
UPDATE receipt SET outbound_id = named.id FROM named
WHERE gateway = %(gateway)s AND vendor_id = %(vendor_id)s AND vendor_status = %(vendor_status)s
"""

PARKED = """
SELECT status, vendor_status, code, received_at FROM receipt
WHERE gateway = %(gateway)s AND vendor_id = %(vendor_id)s AND outbound_id IS NULL
ORDER BY id
"""


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
    values: dict[str, Any] = {
        "gateway": gateway,
        "vendor_id": receipt.vendor_id,
        "status": str(receipt.status),
        "vendor_status": receipt.vendor_status,
        "code": receipt.code,
        "raw": Jsonb(dict(receipt.raw)),
        "at": received_at,
    }
    # Each statement sees what was committed before it, the lock's wait included. Applying is
    # harmless where the receipt was known, so nothing waits for an answer in between.
    async with connection.transaction(), connection.pipeline():
        await connection.execute(LOCK, values)
        inserted = await connection.execute(INSERT, values)
        await connection.execute(APPLY, values | {"state": state_of(values["status"])})
    return inserted.rowcount > 0


async def apply_parked(connection: Connection, gateway: str, vendor_id: str, now: datetime) -> None:
    """Apply receipts that came before their text's id; within the transaction that records it.

    Args:
        connection: in the transaction that writes ``vendor_id``.
        gateway: the name of the gateway.
        vendor_id: the id that the vendor gave.
        now: the time, UTC.
    """
    key = {"gateway": gateway, "vendor_id": vendor_id}
    for row in await (await connection.execute(PARKED, key)).fetchall():
        await connection.execute(APPLY, key | row | {"state": state_of(row["status"]), "at": now})


def state_of(status: str) -> str:
    """The state of a text for a receipt's status; one that is only queued is sent for us."""
    return "sent" if status == "queued" else status
