"""Moves the first text of a conversation from a gateway in trouble to one that is well.

Only a text that nobody has: it waits, or it was refused, or the vendor was asked and has it not.
One that may be out stays where it is, and so does a conversation in which anything was ever said:
its customer knows our number. Of a conversation that moves, all texts that wait move, in order.

A text is one row and names one gateway, so it is never at two. It moves under the same locks
under which it is claimed: a worker that sends it and one that moves it exclude each other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import structlog

from database.encryption import cipher
from database.pool import Connection, Pool
from messaging.delivery_table import ClaimedText
from messaging.errors import Unreadable
from messaging.health import draw, well
from messaging.health_table import SendCounts, judge_gateways, read_weights
from messaging.routing import LOCK, Candidate, known_route, number_of
from messaging.sealed import OUTBOUND_BODY

log = structlog.get_logger(__name__)

OPEN = frozenset({"pending", "sending", "checking"})
BATCH = 200

CONVERSATION = """
SELECT text.conversation_id AS id, talk.phone FROM outbound_text AS text
JOIN conversation AS talk ON talk.id = text.conversation_id WHERE text.id = %(text)s
"""

# Texts first, then conversations: the order in which the outcome of a send locks them.
LOCK_TEXTS = """
SELECT FROM outbound_text WHERE conversation_id = %(id)s
    AND state IN ('pending', 'sending', 'checking') ORDER BY seq FOR UPDATE
"""

LOCK_TALKS = """
SELECT id, opted_out_at IS NOT NULL OR unreachable_code IS NOT NULL AS suppressed
FROM conversation
WHERE id = %(id)s OR (number = %(number)s AND phone = %(phone)s) ORDER BY id FOR UPDATE
"""

# Read once the conversation is locked, so that a text that came meanwhile is seen.
HEARD = "SELECT FROM inbound_text WHERE conversation_id = %(id)s LIMIT 1"

TEXTS = """
SELECT id, gateway, kind, state, attempts, body,
    vendor_id IS NOT NULL OR resends > 0
        OR EXISTS (SELECT FROM receipt WHERE outbound_id = text.id) AS maybe_out,
    EXISTS (SELECT FROM text_event AS event WHERE event.outbound_id = text.id
        AND event.kind = 'moved' AND event.code = %(gateway)s) AS left_there
FROM outbound_text AS text WHERE conversation_id = %(id)s ORDER BY seq
"""

MOVE_TALK = """
UPDATE conversation SET gateway = %(gateway)s, number = %(number)s WHERE id = %(id)s
"""

# The event names the gateway that is left, before the text forgets it.
EVENT = """
INSERT INTO text_event (outbound_id, at, kind, code, detail)
SELECT id, now(), 'moved', gateway, %(detail)s FROM outbound_text WHERE id = %(text)s
"""

_MOVED = """
UPDATE outbound_text SET gateway = %(gateway)s, sender = %(number)s, state = 'pending',
    lease_until = NULL, first_attempt_at = NULL, checks = 0,
    next_attempt_at = greatest(now(), not_before),
    error_code = NULL, error_staff = NULL, updated_at = now()
"""

MOVE_TEXT = f"{_MOVED} WHERE id = %(text)s"

# A text that joins a conversation stands behind all that is there already.
JOIN_TEXT = f"{_MOVED}, conversation_id = %(id)s, seq = DEFAULT WHERE id = %(text)s"

# Some that cannot move are among them; what counts is looked at again under locks.
WAITING = """
SELECT id, seq, gateway, recipient FROM outbound_text AS text
WHERE state = 'pending' AND kind = 'notice' AND gateway = ANY(%(gateways)s) AND seq > %(after)s
    AND NOT EXISTS (SELECT FROM inbound_text WHERE conversation_id = text.conversation_id)
    AND NOT EXISTS (SELECT FROM outbound_text AS other
        WHERE other.conversation_id = text.conversation_id AND other.state <> 'failed'
            AND (other.state <> 'pending' OR other.seq < text.seq))
ORDER BY seq LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a text of a conversation stands.

    Attributes:
        gateway: where it is.
        kind: ``notice``, ``reply``, ...
        state: as stored.
        attempts: requests to send it so far.
        length: characters of its body.
        maybe_out: a gateway took it once, or nobody knows.
        left_there: it was moved away from the gateway in question before.
    """

    gateway: str
    kind: str
    state: str
    attempts: int
    length: int
    maybe_out: bool
    left_there: bool


def may_move(
    text: Standing,
    others: Sequence[Standing],
    *,
    origin: str,
    attempt: int | None,
    heard: bool,
    suppressed: bool,
    longest_body: int,
) -> bool:
    """Whether a text, and with it all of its conversation that waits, may change its gateway.

    Args:
        text: that is in question.
        others: all other texts of ours in its conversation.
        origin: the gateway that is to be left; somebody else may have moved it already.
        attempt: the attempt at ``text`` of which the caller knows that it came to nothing, and
            that nobody else has taken up; None for a text that waits.
        heard: whether the customer ever texted in this conversation.
        suppressed: whether the phone wants nothing, from the number that it is or would be.
        longest_body: characters that the other gateway takes.
    """
    if heard or suppressed:
        return False
    if attempt is None:
        free = text.state == "pending"
    else:
        free = text.state in {"sending", "checking"} and text.attempts == attempt
    others_free = all(other.state in {"pending", "failed"} for other in others)
    moving = [text, *(other for other in others if other.state == "pending")]
    return (
        free
        and others_free
        and not any(one.maybe_out for one in (text, *others))
        and all(one.gateway == origin for one in moving)
        and all(one.kind == "notice" for one in moving)
        and all(one.length <= longest_body for one in moving)
        and not any(one.left_there for one in moving)
    )


async def move(
    pool: Pool,
    text_id: UUID,
    origin: str,
    to: Candidate,
    number: str,
    *,
    reason: str,
    attempt: int | None = None,
) -> bool:
    """Move a text and its conversation to another gateway, if that may be.

    If the phone has a conversation with ``number`` already, the texts join it, behind what
    waits there.

    Args:
        pool: of connections.
        text_id: of the text.
        origin: the gateway that it is to leave.
        to: the gateway that it is to go to.
        number: ours, at that gateway.
        reason: for the record of the text.
        attempt: see ``may_move``.

    Returns:
        Whether it moved; it then waits at the other gateway, to be sent at once or at its time.
    """
    try:
        async with pool.connection() as connection, connection.transaction():
            return await _move(connection, text_id, origin, to, number, reason, attempt)
    except psycopg.errors.UniqueViolation:
        return False  # the phone has just texted that number: the next attempt finds it


async def _move(
    connection: Connection,
    text_id: UUID,
    origin: str,
    to: Candidate,
    number: str,
    reason: str,
    attempt: int | None,
) -> bool:
    talk = await (await connection.execute(CONVERSATION, {"text": text_id})).fetchone()
    if talk is None:
        return False
    given = talk | {"gateway": to.gateway, "number": number}
    await connection.execute(LOCK, given)
    await connection.execute(LOCK_TEXTS, given)
    talks = await (await connection.execute(LOCK_TALKS, given)).fetchall()
    joined = next((row for row in talks if row["id"] != talk["id"]), None)
    heard = await (await connection.execute(HEARD, given)).fetchone() is not None
    rows = await (await connection.execute(TEXTS, given)).fetchall()
    texts = {row["id"]: _standing(row) for row in rows}
    if text_id not in texts:  # another worker has moved it
        return False
    allowed = may_move(
        texts[text_id],
        [text for id, text in texts.items() if id != text_id],
        origin=origin,
        attempt=attempt,
        heard=heard,
        suppressed=any(row["suppressed"] for row in talks),
        longest_body=to.longest_body,
    )
    if not allowed:
        return False
    if joined is None:
        await connection.execute(MOVE_TALK, given)
    for id, text in texts.items():
        if text.state in OPEN:
            await _move_text(connection, id, given, reason, joined)
    await connection.execute("SELECT pg_notify('linnet_outbox', '')")
    log.info("text.moved", text_id=str(text_id), to=to.gateway, reason=reason)
    return True


def _standing(row: Mapping[str, Any]) -> Standing:
    standing = {name: value for name, value in row.items() if name not in {"id", "body"}}
    try:
        length = len(cipher().unseal(row["body"], OUTBOUND_BODY))
    except Unreadable:  # whether it fits cannot be told, so it stays
        length = sys.maxsize
    return Standing(**standing, length=length)


async def _move_text(
    connection: Connection,
    id: UUID,
    given: Mapping[str, Any],
    reason: str,
    joined: Mapping[str, Any] | None,
) -> None:
    detail = f"to {given['gateway']}: {reason}"
    await connection.execute(EVENT, {"text": id, "detail": detail})
    statement = MOVE_TEXT if joined is None else JOIN_TEXT
    talk = given["id"] if joined is None else joined["id"]
    await connection.execute(statement, dict(given) | {"text": id, "id": talk})


class Failover:
    """Finds other gateways for first texts.

    Args:
        pool: of connections.
        candidates: all gateways.
        random: gives a number from 0 up to 1.
    """

    def __init__(
        self, pool: Pool, candidates: Sequence[Candidate], random: Callable[[], float]
    ) -> None:
        self._pool = pool
        self._by_name = {one.gateway: one for one in candidates}
        self._shares = {one.gateway: one.share for one in candidates}
        self._random = random

    async def take_over(self, text: ClaimedText, reason: str) -> bool:
        """Move a text whose attempt came to nothing by its gateway's fault.

        Args:
            text: claimed by the caller, refused, or looked up in vain.
            reason: for the record of the text.

        Returns:
            Whether another gateway has it now; where not, the text is as it was.
        """
        if len(self._by_name) == 1:
            return False
        async with self._pool.connection() as connection:
            weights = await read_weights(connection)
        phone = text.message.recipient
        return await self._move(text.id, phone, text.gateway, weights, reason, text.attempts)

    async def relieve(self, weights: Mapping[str, int]) -> int:
        """Move the first texts that wait at gateways whose weight is 0.

        Args:
            weights: of the gateways, as they are now.

        Returns:
            How many times texts moved; those of one conversation move together.
        """
        ill = [name for name in self._by_name if weights.get(name) == 0]
        if not ill or not well(self._shares, weights):
            return 0
        moved, after = 0, 0
        while True:
            given = {"gateways": ill, "after": after, "limit": BATCH}
            async with self._pool.connection() as connection:
                rows = await (await connection.execute(WAITING, given)).fetchall()
            for row in rows:
                moved += await self._move(
                    row["id"], row["recipient"], row["gateway"], weights, "its weight is 0"
                )
            if len(rows) < BATCH:
                return moved
            after = rows[-1]["seq"]

    async def tend(self, counts: SendCounts, now: datetime) -> None:
        """Tell the database what was counted, judge the gateways, relieve those in trouble.

        Args:
            counts: of this process.
            now: the time, UTC.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        await counts.flush(self._pool)
        await self.relieve(await judge_gateways(self._pool, self._by_name, now))

    async def _move(
        self,
        text_id: UUID,
        phone: str,
        gateway: str,
        weights: Mapping[str, int],
        reason: str,
        attempt: int | None = None,
    ) -> bool:
        others = well(self._shares, weights)
        others.pop(gateway, None)
        if not others:
            return False
        to = self._by_name[draw(others, self._random)]
        async with self._pool.connection() as connection:
            known = await known_route(connection, phone, [to])
        number = number_of(to, self._random) if known is None else known.number
        said = f"{gateway} is in trouble ({reason})"
        return await move(self._pool, text_id, gateway, to, number, reason=said, attempt=attempt)
