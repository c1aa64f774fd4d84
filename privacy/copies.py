"""Copies that gateways have of texts of people who were erased here.

Their vendors' ids are all that is kept of those texts, until somebody has deleted the copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from database.pool import Pool
from privacy.audit import write_audit

OPEN = """
SELECT gateway, vendor_id FROM vendor_copy WHERE erased_at IS NULL ORDER BY gateway, noted_at
"""
ERASED = """
UPDATE vendor_copy SET erased_at = %(now)s WHERE gateway = %(gateway)s AND erased_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """A text that a gateway still has.

    Attributes:
        gateway: its name.
        vendor_id: by which it knows the text: Twilio's message SID.
    """

    gateway: str
    vendor_id: str


async def copies(pool: Pool) -> Sequence[Copy]:
    """What is to be deleted at gateways.

    Args:
        pool: of connections.
    """
    async with pool.connection() as connection:
        rows = await (await connection.execute(OPEN)).fetchall()
    return [Copy(**row) for row in rows]


async def mark_erased(pool: Pool, gateway: str, actor: str, now: datetime) -> int:
    """Note that all copies at a gateway were deleted.

    Args:
        pool: of connections.
        gateway: its name.
        actor: who deleted them, for the audit.
        now: the time, UTC.

    Returns:
        How many they were.
    """
    async with pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(ERASED, {"gateway": gateway, "now": now})
        count = cursor.rowcount
        if count:
            await write_audit(connection, "erase-at-gateway", actor, {"vendor_copy": count})
    return count
