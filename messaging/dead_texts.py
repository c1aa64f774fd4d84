"""Texts that failed, or whose fate is unknown: which there are, and which go out once more by hand.

A text that is sent once more is a new start: its attempts and its validity begin again, and the
vendor's id of the attempt that failed goes (its receipts stay with the text). It keeps its place,
so it leaves before what waits for the same phone, though behind what has left already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from database.pool import Connection, Pool
from messaging.outbox import VALIDITY
from messaging.states import TextState
from messaging.withdrawing import CODE as WITHDRAWN


@dataclass(frozen=True, slots=True)
class OutboxText:
    """What there is to know of a text before it is sent once more.

    Attributes:
        at: when it came into its state.
        code: why it failed, the vendor's or ours.
        staff: the same for the front desk.
        attempts: requests to send it.
        opted_out: whether the customer gets no texts from us at the moment.
        unreachable_code: why the phone gets no texts, if it does not.
        over: whether what it is about is over, so that it is of no use any more.
    """

    id: UUID
    at: datetime
    kind: str
    recipient: str
    gateway: str
    state: TextState
    code: str | None
    staff: str | None
    attempts: int
    opted_out: bool
    unreachable_code: str | None
    over: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was done about a text: sent once more, unless there is a reason against it."""

    text: OutboxText
    refusal: str | None


_NOT_DEAD = {
    TextState.DELIVERED: "The phone has it.",
    TextState.SENT: "The gateway has it and has not said yet what became of it.",
    TextState.PENDING: "It is on its way.",
    TextState.SENDING: "It is on its way.",
    TextState.CHECKING: "It is on its way.",
}

_TEXTS = """
SELECT text.id, text.updated_at AS at, text.kind, text.recipient, text.gateway, text.state,
    text.error_code AS code, text.error_staff AS staff, text.attempts,
    talk.opted_out_at IS NOT NULL AS opted_out, talk.unreachable_code,
    text.not_after IS NOT NULL AND text.not_after <= now() AS over
FROM outbound_text AS text JOIN conversation AS talk ON talk.id = text.conversation_id
"""

DEAD = f"""
{_TEXTS} WHERE text.state IN ('failed', 'unknown') AND text.updated_at > now() - %(within)s
    AND (%(code)s::text IS NULL OR text.error_code = %(code)s)
ORDER BY text.updated_at DESC, text.seq DESC LIMIT %(limit)s
"""

NAMED = f"{_TEXTS} WHERE text.id = ANY(%(ids)s) ORDER BY text.seq FOR UPDATE OF text"

# A look-up at the vendor begins where the first attempt was made, and must not find the old one.
AGAIN = """
WITH again AS (
    UPDATE outbound_text AS text SET state = 'pending', attempts = 0, checks = 0, asks = 0,
        ask_at = NULL, vendor_id = NULL, vendor_status = NULL, accepted_at = NULL,
        first_attempt_at = NULL, error_code = NULL, error_staff = NULL, next_attempt_at = now(),
        expires_at = least(not_after, now() + old.validity), updated_at = now()
    FROM (SELECT id, state, error_code, attempts, vendor_id, given.validity
          FROM unnest(%(ids)s::uuid[], %(validities)s::interval[]) AS given (id, validity)
          JOIN outbound_text USING (id)) AS old
    WHERE text.id = old.id
    RETURNING old.*)
INSERT INTO text_event (outbound_id, at, kind, code, detail)
SELECT id, now(), 'retried-by-hand', error_code, concat_ws(', ', 'was ' || state,
    attempts || ' attempts', 'vendor id ' || vendor_id) FROM again
"""


async def dead_texts(
    connection: Connection, within: timedelta, *, code: str | None = None, limit: int | None = None
) -> list[OutboxText]:
    """Texts that failed or became unknown, the newest first.

    Args:
        connection: to the database.
        within: how long ago at most.
        code: only those with this code.
        limit: so many at most; None for all.
    """
    values = {"within": within, "code": code, "limit": limit}
    cursor = await connection.execute(DEAD, values)
    return [_text(row) for row in await cursor.fetchall()]


async def send_once_more(
    pool: Pool, ids: Sequence[UUID], *, although_unknown: bool
) -> list[Verdict]:
    """Put texts back into the outbox, where nothing speaks against it.

    Args:
        pool: of connections.
        ids: of the texts.
        although_unknown: also those that may be out already.

    Returns:
        What was done about each, in the order in which they leave.
    """
    async with pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(NAMED, {"ids": list(ids)})
        texts = [_text(row) for row in await cursor.fetchall()]
        verdicts = [
            Verdict(text, refusal(text, although_unknown=although_unknown)) for text in texts
        ]
        again = [verdict.text for verdict in verdicts if verdict.refusal is None]
        await connection.execute(
            AGAIN,
            {
                "ids": [text.id for text in again],
                "validities": [VALIDITY[text.kind] for text in again],
            },
        )
        await connection.execute("SELECT pg_notify('linnet_outbox', '')")
    return verdicts


def refusal(text: OutboxText, *, although_unknown: bool) -> str | None:
    """Why a text is not sent once more; None where it is.

    Args:
        text: as it is now.
        although_unknown: whether one that may be out already is to be sent all the same.
    """
    if text.state in _NOT_DEAD:
        return _NOT_DEAD[text.state]
    if text.state is TextState.UNKNOWN and not although_unknown:
        return "It may be out already; --although-unknown sends it all the same."
    if text.opted_out:
        return "The customer has opted out; only a START from the phone undoes that."
    if text.unreachable_code is not None:
        return f"The phone gets no texts ({text.unreachable_code}), until a text comes from it."
    return _untrue(text)


def _untrue(text: OutboxText) -> str | None:
    """Why nobody should be told any more what a text says; None where it still holds."""
    if text.kind == "delay":
        return "It only says that an answer takes longer, which is not true any more."
    if text.code == WITHDRAWN:
        return "It was taken back: what it says is no longer so."
    return "What it is about is over; if it still matters, make a new text." if text.over else None


def _text(row: Mapping[str, Any]) -> OutboxText:
    return OutboxText(**{**row, "state": TextState(row["state"])})
