"""Delivery in SQL: which text may leave now, and what became of it.

The next text of a conversation is claimed only when no earlier one is open, and a unique
index proves that never two are under way. A claim is a lease: a text whose lease ended while
it was ``sending`` has an unknown outcome and is looked up, never simply sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from connectors.gateways.base import Capabilities, Outbound
from database.pool import Connection, Pool
from messaging.pace import Allowance, admit
from messaging.receipts import LOCK, apply_parked


@dataclass(frozen=True, slots=True)
class ClaimedText:
    """A text that this worker may send or look up.

    Attributes:
        message: for the gateway.
        check: whether it is to be looked up rather than sent.
        expired: whether it is too old to be worth sending.
        attempts: requests to send it so far, this one included.
        checks: look-ups so far, without a result.
    """

    id: UUID
    conversation_id: UUID
    gateway: str
    message: Outbound
    check: bool
    expired: bool
    attempts: int
    checks: int


# No earlier text to the same phone is open.
_HEAD_OF_ITS_LINE = """
NOT EXISTS (
    SELECT FROM outbound_text AS earlier
    WHERE earlier.conversation_id = text.conversation_id AND earlier.seq < text.seq
        AND earlier.state IN ('pending', 'sending', 'checking'))
"""

CANDIDATES = f"""
SELECT id, gateway, sender, segments, state FROM outbound_text AS text
WHERE state IN ('pending', 'sending', 'checking') AND next_attempt_at <= now()
    AND (lease_until IS NULL OR lease_until < now()) AND {_HEAD_OF_ITS_LINE}
ORDER BY kind = 'notice', seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""

PACE = """
INSERT INTO sender_pace AS pace (gateway, number, free_at) VALUES (%(gateway)s, %(number)s, now())
ON CONFLICT (gateway, number) DO UPDATE SET free_at = greatest(pace.free_at, now())
RETURNING extract(epoch FROM free_at - now())::float AS busy
"""

RESERVE = """
UPDATE sender_pace SET free_at = now() + %(busy)s
WHERE gateway = %(gateway)s AND number = %(number)s
"""

DEFER = "UPDATE outbound_text SET next_attempt_at = now() + %(delay)s WHERE id = ANY(%(ids)s)"

CLAIM = """
UPDATE outbound_text SET
    state = CASE state WHEN 'pending' THEN 'sending' ELSE 'checking' END,
    attempts = attempts + (state = 'pending')::int,
    first_attempt_at = coalesce(first_attempt_at, now()),
    lease_until = now() + %(lease)s, updated_at = now()
WHERE id = ANY(%(ids)s)
RETURNING id, conversation_id, gateway, sender, recipient, body, media, first_attempt_at, attempts,
    checks, seq, state = 'checking' AS check, expires_at < now() AS expired
"""

KNOWN = """
SELECT vendor_id FROM outbound_text WHERE recipient = %(recipient)s AND gateway = %(gateway)s
    AND created_at > %(since)s AND vendor_id IS NOT NULL
"""

ACCEPTED = """
UPDATE outbound_text SET state = 'sent', vendor_id = %(vendor_id)s, lease_until = NULL,
    error_code = NULL, error_staff = NULL, ask_at = now() + %(ask)s, updated_at = now()
WHERE id = %(id)s AND state IN ('sending', 'checking')
"""

SETTLED = """
UPDATE outbound_text SET state = %(state)s, lease_until = NULL, checks = %(checks)s,
    next_attempt_at = now() + %(delay)s, error_code = %(code)s, error_staff = %(staff)s,
    updated_at = now()
WHERE id = %(id)s AND state IN ('sending', 'checking')
RETURNING conversation_id
"""

SUPPRESS = """
UPDATE conversation SET opted_out_at = coalesce(opted_out_at, now()) WHERE id = %(id)s
"""

# Asked before every claim, because most wake-ups find nothing due; so it must not look at every
# text that waits when one is due.
NEXT_DUE = f"""
SELECT CASE WHEN EXISTS (
    SELECT FROM outbound_text AS text
    WHERE state IN ('pending', 'sending', 'checking') AND next_attempt_at <= now()
        AND (lease_until IS NULL OR lease_until < now()) AND {_HEAD_OF_ITS_LINE})
THEN 0 ELSE (
    SELECT extract(epoch FROM min(greatest(next_attempt_at, lease_until)) - now())::float
    FROM outbound_text AS text
    WHERE state IN ('pending', 'sending', 'checking') AND {_HEAD_OF_ITS_LINE})
END AS seconds
"""


async def claim(
    pool: Pool, limit: int, lease: timedelta, capabilities: Callable[[str], Capabilities]
) -> list[ClaimedText]:
    """Texts that may leave now, as many as their numbers' pace admits.

    Args:
        pool: of connections.
        limit: texts at most.
        lease: how long this worker may take over each.
        capabilities: of a gateway by its name.
    """
    async with pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(CANDIDATES, {"limit": limit})
        candidates = await cursor.fetchall()
        admitted = [row["id"] for row in candidates if row["state"] != "pending"]
        pending = [row for row in candidates if row["state"] == "pending"]
        for sender in sorted({(row["gateway"], row["sender"]) for row in pending}):
            mine = [row for row in pending if (row["gateway"], row["sender"]) == sender]
            admitted += await _admit(connection, *sender, mine, capabilities(sender[0]))
        if not admitted:
            return []
        cursor = await connection.execute(CLAIM, {"ids": admitted, "lease": lease})
        rows = sorted(await cursor.fetchall(), key=lambda row: row["seq"])
        return [await _claimed(connection, row) for row in rows]


async def _admit(
    connection: Connection,
    gateway: str,
    number: str,
    rows: Sequence[Mapping[str, Any]],
    can: Capabilities,
) -> list[UUID]:
    key = {"gateway": gateway, "number": number}
    pace = await (await connection.execute(PACE, key)).fetchone()
    assert pace is not None  # noqa: S101  the statement always returns a row
    costs = [
        row["segments"] / can.per_second if can.paced_by_segment else 1 / can.per_second
        for row in rows
    ]
    allowance: Allowance = admit(pace["busy"], costs)
    ids = [row["id"] for row in rows]
    if allowance.count < len(ids):
        delay = timedelta(seconds=allowance.next_in)
        await connection.execute(DEFER, {"ids": ids[allowance.count :], "delay": delay})
    await connection.execute(RESERVE, key | {"busy": timedelta(seconds=allowance.busy)})
    return ids[: allowance.count]


async def _claimed(connection: Connection, row: Mapping[str, Any]) -> ClaimedText:
    known: frozenset[str] = frozenset()
    if row["check"]:
        since = row["first_attempt_at"] - timedelta(days=1)
        others = await connection.execute(KNOWN, dict(row) | {"since": since})
        known = frozenset(other["vendor_id"] for other in await others.fetchall())
    return ClaimedText(
        id=row["id"],
        conversation_id=row["conversation_id"],
        gateway=row["gateway"],
        message=Outbound(
            id=str(row["id"]),
            sender=row["sender"],
            recipient=row["recipient"],
            body=row["body"],
            media=tuple(row["media"]),
            first_attempt_at=row["first_attempt_at"],
            known_ids=known,
        ),
        check=row["check"],
        expired=row["expired"],
        attempts=row["attempts"],
        checks=row["checks"],
    )


async def accepted(
    pool: Pool, text: ClaimedText, vendor_id: str, now: datetime, ask: timedelta | None
) -> None:
    """Record that the vendor took the text, and apply receipts that came before this.

    Args:
        pool: of connections.
        text: that was sent.
        vendor_id: the vendor's id for it.
        now: the time, UTC.
        ask: when to ask a vendor that posts no receipts, from now.
    """
    values = {"id": text.id, "gateway": text.gateway, "vendor_id": vendor_id, "ask": ask}
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(LOCK, values)
        await connection.execute(ACCEPTED, values)
        await apply_parked(connection, text.gateway, vendor_id, now)


async def settle(
    pool: Pool,
    text: ClaimedText,
    state: str,
    *,
    delay: float = 0.0,
    checks: int = 0,
    code: str | None = None,
    staff: str | None = None,
    suppress: bool = False,
) -> None:
    """Record any other outcome.

    Args:
        pool: of connections.
        text: that was tried.
        state: ``pending`` to send it again, ``checking`` to look it up, ``unknown``, ``failed``.
        delay: seconds until the next step.
        checks: look-ups without a result so far.
        code: why, for engineers.
        staff: why, for the front desk.
        suppress: whether this phone is to get no more texts.
    """
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(
            SETTLED,
            {
                "id": text.id,
                "state": state,
                "delay": timedelta(seconds=delay),
                "checks": checks,
                "code": code,
                "staff": staff,
            },
        )
        if suppress:
            await connection.execute(SUPPRESS, {"id": text.conversation_id})


async def next_due(pool: Pool) -> float | None:
    """Seconds until a text may be claimed, 0 for now; None where nothing waits."""
    async with pool.connection() as connection:
        row = await (await connection.execute(NEXT_DUE)).fetchone()
    return None if row is None else row["seconds"]
