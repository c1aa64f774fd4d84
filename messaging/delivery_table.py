"""Delivery in SQL: which texts may leave now.

The next text of a conversation is claimed only when no earlier one is open and none is under
way, and a unique index proves that never two are. A claim is a lease: a text whose lease ended
while it was ``sending`` has an unknown outcome and is looked up, never simply sent again.

A number's pace is one row that workers compare and swap: nobody holds a lock on it while texts
are looked at, and who comes second looks again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

import psycopg

from connectors.gateways.base import Capabilities, Gateway, Outbound
from database.encryption import cipher
from database.pool import Connection, Pool
from messaging.caps import DAY, Windows, limits, reserve, room
from messaging.errors import Unreadable
from messaging.lanes import Lane
from messaging.media import Attachment
from messaging.pace import CATCH_UP_SECONDS, PARK_SECONDS, Waiting, admit
from messaging.sealed import OUTBOUND_BODY


@dataclass(frozen=True, slots=True)
class ClaimedText:
    """A text that this worker may send or look up.

    Attributes:
        turn_id: the turn that it answers, if it answers one.
        message: for the gateway.
        kind: ``reply``, ``notice``, ...
        check: whether it is to be looked up rather than sent.
        expired: whether it is too old to be worth sending.
        attempts: requests to send it so far, this one included.
        checks: look-ups so far, without a result.
        resends: times it was sent again although nobody knew whether it was out.
        trace: W3C traceparent, where traces are kept.
        unreadable: why its body cannot be read, where it is sealed with a key that is not here;
            it is empty then.
    """

    id: UUID
    conversation_id: UUID
    turn_id: UUID | None
    gateway: str
    message: Outbound
    kind: str
    lane: Lane
    segments: int
    check: bool
    expired: bool
    attempts: int
    checks: int
    resends: int
    created_at: datetime
    trace: str | None
    unreadable: Unreadable | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What there is to do now, and when to look again.

    Attributes:
        texts: to be sent or looked up.
        next_in: seconds until more may leave; None where nothing is known to wait.
    """

    texts: Sequence[ClaimedText]
    next_in: float | None


@dataclass(frozen=True, slots=True)
class _Bid:
    """What a worker wants to take over for a number.

    Attributes:
        ids: of the texts; none where nothing may leave now.
        seen: the pace as it was read; the bid fails if it is another one by now.
        free_at: the pace afterwards.
        passed: the count of texts afterwards.
        next_in: seconds until more may leave.
    """

    gateway: str
    number: str
    ids: tuple[UUID, ...]
    seen: datetime
    free_at: datetime
    passed: int
    next_in: float | None


class _Outrun(Exception):
    """Another worker has just taken over texts of the same number; nothing is counted."""


PREPARE = """
INSERT INTO sender_pace (gateway, number, free_at)
SELECT gateway, number, now() FROM unnest(%(gateways)s::text[], %(numbers)s::text[])
    AS ours (gateway, number)
ON CONFLICT (gateway, number) DO NOTHING
"""

# Read without a lock. For each number and lane an index gives the texts in order; one that is not
# the next of its conversation is passed over. Less urgent texts that wait, as held ones overnight,
# hold no answer up; those for a time of their own hold up nothing. There is one way to read this,
# also when the planner takes an outbox that was filled a moment ago for empty: no other index fits,
# and a condition in the form of a value cannot become a join (measured with 20,000 texts: 4 ms,
# over 60 s as a join).
CANDIDATES = """
SELECT text.id, text.lane, text.segments, text.next_attempt_at, text.expires_at <= now() AS expired,
    pace.gateway, pace.number, pace.free_at, pace.passed, now() AS now
FROM unnest(%(gateways)s::text[], %(numbers)s::text[], %(most)s::int[])
    AS ours (gateway, number, most)
JOIN sender_pace AS pace USING (gateway, number)
CROSS JOIN generate_series(0, 3) AS wanted (lane)
CROSS JOIN LATERAL (
    SELECT id, lane, segments, next_attempt_at, expires_at FROM outbound_text AS text
    WHERE state = 'pending' AND gateway = pace.gateway AND sender = pace.number
        AND lane = wanted.lane AND next_attempt_at <= now()
        AND NOT (
            SELECT bool_or((other.seq < text.seq OR other.state <> 'pending')
                AND NOT (other.state = 'pending' AND other.next_attempt_at > now()
                    AND (other.lane > text.lane OR coalesce(other.not_before > now(), false))))
            FROM outbound_text AS other
            WHERE other.conversation_id = text.conversation_id
                AND other.state IN ('pending', 'sending', 'checking'))
    ORDER BY next_attempt_at, seq LIMIT ours.most) AS text
"""

EXPIRED_SECONDS = 1.0
"""How soon texts are looked at again behind one that is too old, which is failed meanwhile."""

# Succeeds only for numbers whose pace is what this worker has seen.
RESERVE = """
UPDATE sender_pace AS pace SET free_at = wanted.free_at, passed = wanted.passed
FROM unnest(%(gateways)s::text[], %(numbers)s::text[], %(seen)s::timestamptz[],
    %(free_at)s::timestamptz[], %(passed)s::int[])
    AS wanted (gateway, number, seen, free_at, passed)
WHERE pace.gateway = wanted.gateway AND pace.number = wanted.number AND pace.free_at = wanted.seen
RETURNING pace.gateway, pace.number
"""

RETURNED = """
text.id, text.conversation_id, text.turn_id, text.gateway, text.sender, text.recipient, text.body,
text.media, text.kind, text.lane, text.segments, text.first_attempt_at, text.attempts, text.checks,
text.resends, text.seq, text.created_at, text.trace, text.state = 'checking' AS check,
text.expires_at < now() AS expired,
greatest(1, extract(epoch FROM text.expires_at - now()))::int AS valid_seconds
"""

CLAIM = f"""
UPDATE outbound_text AS text SET state = 'sending', attempts = attempts + 1,
    first_attempt_at = coalesce(first_attempt_at, now()),
    lease_until = now() + %(lease)s, updated_at = now()
FROM (SELECT id FROM outbound_text WHERE id = ANY(%(ids)s) AND state = 'pending'
      FOR UPDATE SKIP LOCKED) AS free
WHERE text.id = free.id
RETURNING {RETURNED}
"""

CLAIM_CHECKS = f"""
UPDATE outbound_text AS text SET state = 'checking', lease_until = now() + %(lease)s,
    updated_at = now()
FROM (SELECT id FROM outbound_text
      WHERE state IN ('sending', 'checking') AND greatest(next_attempt_at, lease_until) <= now()
          AND gateway = ANY(%(gateways)s)
      ORDER BY greatest(next_attempt_at, lease_until) LIMIT %(limit)s
      FOR UPDATE SKIP LOCKED) AS due
WHERE text.id = due.id
RETURNING {RETURNED}
"""

# Ids of other texts to the same phone, and of earlier attempts at this one that failed.
KNOWN = """
SELECT vendor_id FROM outbound_text WHERE recipient = %(recipient)s AND gateway = %(gateway)s
    AND created_at > %(since)s AND vendor_id IS NOT NULL
UNION SELECT vendor_id FROM receipt WHERE outbound_id = %(id)s
"""

NEXT_DUE = """
SELECT extract(epoch FROM min(due) - now())::float AS seconds FROM (
    SELECT (SELECT next_attempt_at FROM outbound_text AS text
            WHERE state = 'pending' AND gateway = ours.gateway AND sender = ours.number
                AND lane = wanted.lane AND next_attempt_at > now()
            ORDER BY next_attempt_at LIMIT 1) AS due
    FROM unnest(%(gateways)s::text[], %(numbers)s::text[]) AS ours (gateway, number)
    CROSS JOIN generate_series(0, 3) AS wanted (lane)
    UNION ALL
    SELECT (SELECT greatest(next_attempt_at, lease_until) FROM outbound_text
            WHERE state IN ('sending', 'checking')
            ORDER BY greatest(next_attempt_at, lease_until) LIMIT 1)
) AS dues
"""

PARK = """
WITH parked AS (
    UPDATE outbound_text SET next_attempt_at = %(until)s,
        expires_at = least(not_after,
            greatest(expires_at, %(until)s::timestamptz + (expires_at - created_at))),
        updated_at = now()
    WHERE id = ANY(%(ids)s) AND state = 'pending' AND next_attempt_at < %(until)s RETURNING id)
INSERT INTO text_event (outbound_id, at, kind, code, detail)
SELECT id, now(), 'parked', 'daily-cap', %(detail)s FROM parked
"""


class Queue:
    """The texts that wait for the numbers of some gateways.

    Args:
        pool: of connections.
        gateways: by name.
        lease: how long a worker may take over one text.
    """

    def __init__(self, pool: Pool, gateways: Mapping[str, Gateway], lease: timedelta) -> None:
        self._pool = pool
        self._lease = lease
        self._can = {name: gateway.capabilities for name, gateway in gateways.items()}
        self._capped = any(limits(can) for can in self._can.values())
        ours = [(name, number) for name, gateway in gateways.items() for number in gateway.numbers]
        self._ours: dict[str, Any] = {
            "gateways": [name for name, _ in ours],
            "numbers": [number for _, number in ours],
            "most": [_most(self._can[name]) for name, _ in ours],
        }

    async def prepare(self) -> None:
        """Make the row of each number's pace; once, before anything is claimed."""
        async with self._pool.connection() as connection:
            await connection.execute(PREPARE, self._ours)

    async def claim(self, limit: int) -> Claimed:
        """Texts that may leave or be looked up now, as many as their numbers' pace admits.

        Args:
            limit: texts at most.
        """
        async with self._pool.connection() as connection:
            # One more than this worker can take tells that more wait.
            most = [min(most, limit + 1) for most in self._ours["most"]]
            values = self._ours | {"most": most, "limit": limit, "lease": self._lease}
            async with connection.pipeline():
                checks = await connection.execute(CLAIM_CHECKS, values)
                candidates = await connection.execute(CANDIDATES, values)
            due = await checks.fetchall()
            found = await candidates.fetchall()
            try:
                async with self._at_once(connection):
                    ids, next_in = await self._admit(connection, found, limit - len(due))
                    if ids:
                        cursor = await connection.execute(CLAIM, values | {"ids": ids})
                        place = {id: index for index, id in enumerate(ids)}
                        due += sorted(await cursor.fetchall(), key=lambda row: place[row["id"]])
            except psycopg.errors.UniqueViolation:
                # Another text of one of these phones has just got under way again.
                next_in = 0.05
            except _Outrun:
                next_in = 0.0
            return Claimed([await self._claimed(connection, row) for row in due], next_in)

    def _at_once(self, connection: Connection) -> AbstractAsyncContextManager[object]:
        """A transaction where a gateway has caps.

        What is counted under a cap and then not taken over would be lost to it; and who finds the
        cap used up must find the texts taken that used it, or it parks them until tomorrow.
        """
        return connection.transaction() if self._capped else contextlib.nullcontext()

    async def next_due(self) -> float | None:
        """Seconds until a text that waits for its time is due; None where none waits."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(NEXT_DUE, self._ours)).fetchone()
        return None if row is None or row["seconds"] is None else max(0.0, row["seconds"])

    async def _admit(
        self, connection: Connection, candidates: Sequence[Mapping[str, Any]], limit: int
    ) -> tuple[list[UUID], float | None]:
        """Which of them may leave, with their numbers' pace and caps reserved for them."""
        rows_of: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        valid = [row for row in candidates if not row["expired"]]
        for row in sorted(valid, key=lambda row: (row["lane"], row["next_attempt_at"])):
            rows_of.setdefault((row["gateway"], row["number"]), []).append(row)
        bids: list[_Bid] = []
        waits = [EXPIRED_SECONDS] if any(row["expired"] for row in candidates) else []
        # Caps are locked in one order by everybody.
        for _, rows in sorted(rows_of.items()) if self._capped else rows_of.items():
            bid = await self._bid(connection, rows, limit)
            if bid.ids:
                bids.append(bid)
                limit -= len(bid.ids)
            if bid.next_in is not None:
                waits.append(bid.next_in)
        if not bids:
            return [], min(waits, default=None)
        swap = {
            "gateways": [bid.gateway for bid in bids],
            "numbers": [bid.number for bid in bids],
            "seen": [bid.seen for bid in bids],
            "free_at": [bid.free_at for bid in bids],
            "passed": [bid.passed for bid in bids],
        }
        cursor = await connection.execute(RESERVE, swap)
        won = {(row["gateway"], row["number"]) for row in await cursor.fetchall()}
        if len(won) < len(bids):  # another worker was faster: look again at what is left
            if self._capped:
                raise _Outrun
            waits.append(0.0)
        ids = [id for bid in bids if (bid.gateway, bid.number) in won for id in bid.ids]
        return ids, min(waits, default=None)

    async def _bid(
        self, connection: Connection, rows: Sequence[Mapping[str, Any]], limit: int
    ) -> _Bid:
        """What one number may take over, by its caps and its pace."""
        first, now = rows[0], rows[0]["now"]
        can = self._can[first["gateway"]]
        windows = Windows.at(now, can)
        left = await room(connection, first["gateway"], windows, can)
        fitting = _within(rows, left.segments)
        base = max(first["free_at"], now - timedelta(seconds=CATCH_UP_SECONDS))
        allowed = admit(
            (base - now).total_seconds(),
            first["passed"],
            [Waiting(row["id"], Lane(row["lane"]), _cost(row, can)) for row in fitting],
            limit,
        )
        ids, next_in = allowed.ids, allowed.next_in
        spent = sum(row["segments"] for row in fitting if row["id"] in ids)
        if ids and not await reserve(connection, first["gateway"], windows, can, spent):
            ids, next_in = (), 0.0  # another worker has just used the cap up
        elif not fitting and left.cap == DAY:
            await self._park(connection, rows, windows)
        elif len(fitting) < len(rows) and next_in is None:
            next_in = (windows.ends(left.cap) - now).total_seconds()
        return _Bid(
            gateway=first["gateway"],
            number=first["number"],
            ids=ids,
            seen=first["free_at"],
            free_at=base + timedelta(seconds=allowed.seconds),
            passed=allowed.passed,
            next_in=next_in,
        )

    async def _park(
        self, connection: Connection, rows: Sequence[Mapping[str, Any]], windows: Windows
    ) -> None:
        until = windows.ends(DAY)
        detail = f"the day's limit is used up; it leaves after {until:%Y-%m-%d %H:%M %Z}"
        values = {"ids": [row["id"] for row in rows], "until": until, "detail": detail}
        await connection.execute(PARK, values)

    async def _claimed(self, connection: Connection, row: Mapping[str, Any]) -> ClaimedText:
        known: frozenset[str] = frozenset()
        if row["check"] and self._can[row["gateway"]].look_up:
            since = (row["first_attempt_at"] or row["created_at"]) - timedelta(days=1)
            cursor = await connection.execute(KNOWN, dict(row) | {"since": since})
            known = frozenset(other["vendor_id"] for other in await cursor.fetchall())
        body, unreadable = "", None
        try:
            body = cipher().unseal(row["body"], OUTBOUND_BODY)
        except Unreadable as error:
            unreadable = error
        return ClaimedText(
            id=row["id"],
            conversation_id=row["conversation_id"],
            turn_id=row["turn_id"],
            gateway=row["gateway"],
            message=Outbound(
                id=str(row["id"]),
                sender=row["sender"],
                recipient=row["recipient"],
                body=body,
                media=tuple(Attachment.from_json(file) for file in row["media"]),
                valid_seconds=row["valid_seconds"],
                first_attempt_at=row["first_attempt_at"],
                known_ids=known,
            ),
            kind=row["kind"],
            lane=Lane(row["lane"]),
            segments=row["segments"],
            check=row["check"],
            expired=row["expired"],
            attempts=row["attempts"],
            checks=row["checks"],
            resends=row["resends"],
            created_at=row["created_at"],
            trace=row["trace"],
            unreadable=unreadable,
        )


def _most(can: Capabilities) -> int:
    """Texts that a number could take over at once, and one to know that more wait."""
    return int(max(PARK_SECONDS.values()) * can.per_second) + 2


def _cost(row: Mapping[str, Any], can: Capabilities) -> float:
    return (row["segments"] if can.paced_by_segment else 1) / can.per_second


def _within(rows: Sequence[Mapping[str, Any]], segments: float) -> list[Mapping[str, Any]]:
    """The rows from the first one on that fit into so many segments."""
    used = accumulate(row["segments"] for row in rows)
    return [row for row, so_far in zip(rows, used, strict=True) if so_far <= segments]
