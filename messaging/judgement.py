"""What follows from a receipt that says a text failed: words for staff, silence, another try.

Receipts are stored by whoever receives them, who knows nothing of a gateway's codes. A worker
then reads the code's row in the gateway's table. A text is sent again only while nothing later
has left for the same phone: a reply that comes behind the next one answers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from connectors.gateways.base import Gateway, Suppress, VendorCode
from database.pool import Connection, Pool
from messaging.consent_changes import suppress_phones
from messaging.outcomes import Event, write_event
from messaging.retry import next_delay

UNJUDGED = """
SELECT id, conversation_id, gateway, error_code, attempts, expires_at, now() AS now, EXISTS (
    SELECT FROM outbound_text AS later
    WHERE later.conversation_id = text.conversation_id AND later.seq > text.seq
        AND later.state IN ('sending', 'checking', 'unknown', 'sent', 'delivered')) AS overtaken
FROM outbound_text AS text WHERE state = 'failed' AND error_staff IS NULL
ORDER BY updated_at LIMIT 100 FOR UPDATE SKIP LOCKED
"""

# The vendor's id goes, as it names the attempt that failed; its receipts stay with the text.
AGAIN = """
UPDATE outbound_text SET state = 'pending', vendor_id = NULL, vendor_status = NULL, ask_at = NULL,
    asks = 0, checks = 0, accepted_at = NULL, error_staff = %(staff)s,
    next_attempt_at = now() + %(delay)s,
    expires_at = CASE WHEN %(parked)s
        THEN least(not_after, greatest(expires_at, now() + %(delay)s + (expires_at - created_at)))
        ELSE expires_at END, updated_at = now()
WHERE id = %(id)s
"""

FAILED = "UPDATE outbound_text SET error_staff = %(staff)s, updated_at = now() WHERE id = %(id)s"


@dataclass(frozen=True, slots=True)
class FailedText:
    """A text whose receipt says that it failed.

    Attributes:
        attempts: requests to send it so far.
        overtaken: whether a later text has left for the same phone.
        valid_seconds: how long it is still worth sending.
    """

    attempts: int
    overtaken: bool
    valid_seconds: float


def another_try(
    text: FailedText, known: VendorCode | None, now: datetime, random: Callable[[], float]
) -> float | None:
    """Seconds until a failed text is sent again; None where it is not.

    Args:
        text: what there is to know of it.
        known: the row of its code in the gateway's table, if there is one.
        now: the time, aware.
        random: gives a number from 0 up to 1.
    """
    if known is None or known.retry is None or text.overtaken:
        return None
    delay = next_delay(known.retry, text.attempts, retry_after=None, now=now, random=random)
    if delay is None or (delay >= text.valid_seconds and not known.retry.next_day):
        return None
    return delay


async def judge(pool: Pool, gateways: Mapping[str, Gateway], random: Callable[[], float]) -> int:
    """Judge texts that receipts have failed.

    Args:
        pool: of connections.
        gateways: by name.
        random: gives a number from 0 up to 1.

    Returns:
        How many were judged.
    """
    async with pool.connection() as connection, connection.transaction():
        rows = await (await connection.execute(UNJUDGED)).fetchall()
        again = [await _judge(connection, gateways, row, random) for row in rows]
        # Together and last, so that this waits for nobody who waits for one of them.
        await suppress_phones(connection, _suppressed(gateways, rows))
        if any(again):
            await connection.execute("SELECT pg_notify('linnet_outbox', '')")
    return len(rows)


def _suppressed(
    gateways: Mapping[str, Gateway], rows: Sequence[Mapping[str, Any]]
) -> list[tuple[UUID, Suppress, str | None]]:
    """The phones that get nothing more, by what their texts failed with."""
    return [
        (row["conversation_id"], known.suppress, row["error_code"])
        for row in rows
        if row["gateway"] in gateways
        and (known := gateways[row["gateway"]].codes.get(row["error_code"]))
        and known.suppress is not None
    ]


async def _judge(
    connection: Connection,
    gateways: Mapping[str, Gateway],
    row: Mapping[str, Any],
    random: Callable[[], float],
) -> bool:
    id: UUID = row["id"]
    code: str = row["error_code"] or "no-code"
    gateway = gateways.get(row["gateway"])
    known = gateway.codes.get(code) if gateway else None
    staff = known.staff if known else f"The carrier could not deliver this text ({code})."
    valid = (row["expires_at"] - row["now"]).total_seconds()
    text = FailedText(row["attempts"], row["overtaken"], valid)
    delay = another_try(text, known, row["now"], random)
    if delay is None:
        overtaken = "; a later text has left" if row["overtaken"] else ""
        await write_event(connection, id, Event("failed-receipt", f"given up{overtaken}", code))
        await connection.execute(FAILED, {"id": id, "staff": staff})
        return False
    await write_event(connection, id, Event("failed-receipt", f"again in {delay:.0f} s", code))
    parked = known is not None and known.retry is not None and known.retry.next_day
    values = {"id": id, "staff": staff, "delay": timedelta(seconds=delay), "parked": parked}
    await connection.execute(AGAIN, values)
    return True
