"""Copies that gateways have of texts of people who were erased here.

Their vendors' ids are all that is kept of those texts, until the copies are deleted too. Somebody
asks for that, and it is done at once or, where a gateway is busy or has not done with a text, by
a worker later. A copy counts as deleted when the gateway has said so.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import structlog

from connectors.gateways.base import Gateway
from database.alone import alone
from database.pool import Connection, Pool
from messaging.clock import Clock
from messaging.errors import LookUpFailed
from privacy.audit import write_audit

log = structlog.get_logger(__name__)

AT_ONCE = 10
"""Requests that a gateway gets together, and copies that are asked for once more after a crash."""

OPEN = """
SELECT gateway, vendor_id FROM vendor_copy WHERE erased_at IS NULL
ORDER BY gateway, noted_at, vendor_id
"""
ASK = "UPDATE vendor_copy SET asked_by = %(actor)s WHERE asked_by IS NULL AND erased_at IS NULL"
ASKED = """
SELECT vendor_id FROM vendor_copy
WHERE gateway = %(gateway)s AND vendor_id > %(after)s
    AND asked_by IS NOT NULL AND erased_at IS NULL
ORDER BY vendor_id LIMIT %(most)s
"""
ERASED = """
UPDATE vendor_copy SET erased_at = %(now)s
WHERE gateway = %(gateway)s AND vendor_id = ANY(%(ids)s) AND erased_at IS NULL RETURNING asked_by
"""
ALL_ERASED = """
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


@dataclass(slots=True)
class Deletion:
    """What became of copies that somebody asked to delete.

    Attributes:
        deleted: how many are gone.
        unfinished: how many their gateway keeps until it has done with them.
        failed: why a gateway could not be asked about the rest, by its name.
    """

    deleted: int = 0
    unfinished: int = 0
    failed: dict[str, str] = field(default_factory=dict)


async def copies(pool: Pool) -> Sequence[Copy]:
    """What is to be deleted at gateways.

    Args:
        pool: of connections.
    """
    async with pool.connection() as connection:
        rows = await (await connection.execute(OPEN)).fetchall()
    return [Copy(**row) for row in rows]


async def ask(pool: Pool, actor: str) -> int:
    """Have all copies deleted that nobody has asked for yet.

    Args:
        pool: of connections.
        actor: who asks, for the audit.

    Returns:
        How many they are.
    """
    async with pool.connection() as connection:
        return (await connection.execute(ASK, {"actor": actor})).rowcount


async def delete_asked(
    pool: Pool,
    gateways: Mapping[str, Gateway],
    http: httpx.AsyncClient,
    clock: Clock,
    progress: Callable[[Deletion], None] | None = None,
) -> Deletion | None:
    """Delete at gateways what somebody has asked for; what does not work stays for the next time.

    Args:
        pool: of connections; one is used, in no transaction while a gateway is asked.
        gateways: by name; those that cannot delete are left out.
        http: the client for requests.
        clock: for the time.
        progress: told after a few, what became of all so far.

    Returns:
        What became of them; None where another process is doing this.
    """
    async with alone(pool, "privacy.copies") as connection:
        if connection is None:
            return None
        result = Deletion()
        for gateway in gateways.values():
            if gateway.capabilities.forgets:
                await _delete_at(connection, gateway, http, clock, result, progress)
    if result.deleted:
        log.info("privacy.copies-deleted", rows=result.deleted)
    for name, reason in result.failed.items():
        log.warning("privacy.copies-left", gateway=name, reason=reason)
    return result


async def mark_erased(pool: Pool, gateway: str, actor: str, now: datetime) -> int:
    """Note that all copies at a gateway were deleted by hand.

    Args:
        pool: of connections.
        gateway: its name.
        actor: who deleted them, for the audit.
        now: the time, UTC.

    Returns:
        How many they were.
    """
    async with pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(ALL_ERASED, {"gateway": gateway, "now": now})
        count = cursor.rowcount
        if count:
            await write_audit(connection, "erase-at-gateway", actor, {"vendor_copy": count})
    return count


async def _delete_at(
    connection: Connection,
    gateway: Gateway,
    http: httpx.AsyncClient,
    clock: Clock,
    result: Deletion,
    progress: Callable[[Deletion], None] | None,
) -> None:
    after = ""
    while gateway.name not in result.failed:
        page = {"gateway": gateway.name, "after": after, "most": AT_ONCE}
        rows = await (await connection.execute(ASKED, page)).fetchall()
        if not rows:
            return
        ids = [row["vendor_id"] for row in rows]
        said = await asyncio.gather(*(_forget(gateway, id, http) for id in ids))
        gone = [id for id, answer in zip(ids, said, strict=True) if answer is True]
        result.deleted += await _note(connection, gateway.name, gone, clock.now())
        result.unfinished += said.count(False)
        reasons = [answer for answer in said if isinstance(answer, str)]
        if reasons:
            result.failed[gateway.name] = reasons[0]
        if progress is not None:
            progress(result)
        after = ids[-1]


async def _forget(gateway: Gateway, vendor_id: str, http: httpx.AsyncClient) -> bool | str:
    """Whether it is gone, or why nobody knows."""
    try:
        return await gateway.forget(vendor_id, http)
    except LookUpFailed as error:
        return error.detail


async def _note(connection: Connection, gateway: str, ids: Sequence[str], now: datetime) -> int:
    """Note what a gateway has confirmed, with who asked for it, in one transaction."""
    if not ids:
        return 0
    async with connection.transaction():
        given = {"gateway": gateway, "ids": list(ids), "now": now}
        rows = await (await connection.execute(ERASED, given)).fetchall()
        for actor, count in Counter(row["asked_by"] for row in rows).items():
            await write_audit(connection, "erase-at-gateway", actor, {"vendor_copy": count})
    return len(rows)
