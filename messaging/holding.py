"""Keeps claimed texts back that their phones do not want, or not now (requirement R169).

A text was looked at when it was put into the outbox, and is looked at again right before its
request: hours may have passed since, and rules or places may have changed. What is held has made
no attempt, and it stays valid behind its hold, though never beyond its own ``not_after``.

A cap counts the texts with one subject to one phone, whichever of our numbers they leave. A text
takes its place under the cap, under a lock of the phone and the subject, before its request
leaves; two workers never take the last place both. One that the vendor refused for good gives
its place back. Parts of a long text are one text.

Whoever opts out while a text is just being claimed gets it no more: that fails, and so does what
waited for a phone that turned out to get no texts. Where we have asked whether no more texts are
wanted, it waits for the answer, though not beyond its validity. It waits as well where what the
phone said cannot be read for want of a key. What was asked for, and safety, is never kept back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from database.pool import Connection, Pool
from messaging.clock import Clock
from messaging.consent import ConsentPolicy, Wanted
from messaging.consent_table import events_of
from messaging.delivery_table import ClaimedText
from messaging.errors import SettingsError, Unreadable
from messaging.lanes import Lane
from messaging.metrics import HELD
from messaging.notice_texts import wanted_of
from messaging.outbox import VALIDITY
from messaging.outcomes import Event, settle, write_event
from messaging.phone_hours import EXEMPT, QuietHours
from messaging.quiet_hours import Cap, Decision, Held, MessageClass

log = structlog.get_logger(__name__)

LOCK = """
SELECT pg_advisory_xact_lock(hashtextextended('cap ' || recipient || ' ' || subject, 0))
FROM outbound_text WHERE id = %(id)s AND part = 1 AND subject IS NOT NULL
"""

# The text that must fall out of the window before there is room.
IN_THE_WAY = """
SELECT other.counted_at FROM outbound_text AS own
JOIN outbound_text AS other USING (recipient, subject)
WHERE own.id = %(id)s AND other.id <> own.id AND other.counted_at > %(now)s - %(window)s
    AND NOT (other.state = 'failed' AND other.accepted_at IS NULL)
ORDER BY other.counted_at DESC OFFSET %(texts)s - 1 LIMIT 1
"""

COUNT = "UPDATE outbound_text SET counted_at = %(now)s WHERE id = %(id)s"

# As if it had not been claimed.
HOLD = """
UPDATE outbound_text SET state = 'pending', attempts = attempts - 1, lease_until = NULL,
    first_attempt_at = CASE WHEN attempts > 1 THEN first_attempt_at END,
    next_attempt_at = now() + %(wait)s, updated_at = now(),
    expires_at = least(not_after, greatest(expires_at, now() + %(wait)s + %(validity)s))
WHERE id = %(id)s AND attempts = %(attempts)s AND state = 'sending'
"""


ASKED_AGAIN = timedelta(hours=1)
"""How soon a text is looked at again whose phone was asked whether it wants no more, or of which
that cannot be read."""

PENDING = "it was asked whether no more texts are wanted, and there is no answer yet"
UNKNOWN = "what the phone said about our texts cannot be read: a key is missing or wrong"
OPTED_OUT, UNREACHABLE = "opted-out", "unreachable"
STAFF = {
    OPTED_OUT: "The customer wants no texts that they did not ask for.",
    UNREACHABLE: "This phone gets no texts.",
}
UNREACHABLE_CODE = "SELECT unreachable_code FROM conversation WHERE id = %(id)s"


class Gate:
    """Looks at a claimed text right before its request.

    Args:
        pool: of connections.
        hours: that are kept; None where texts leave at any.
        consent: where a STOP counts; None where one to any number counts.
        clock: for the time of the decision.
    """

    def __init__(
        self,
        pool: Pool,
        hours: QuietHours | None,
        consent: ConsentPolicy | None,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._hours = hours
        self._consent = consent
        self._clock = clock

    async def holds(self, text: ClaimedText) -> bool:
        """Whether a text is kept back: it is in the queue again then, or has failed.

        Raises:
            psycopg.OperationalError: the database is away.
            PoolTimeout: likewise.
        """
        unasked = text.kind == "notice" and text.lane is not Lane.EMERGENCY
        if unasked and (await self._useless(text) or await self._unwanted(text)):
            return True
        return await self._untimely(text)

    async def _useless(self, text: ClaimedText) -> bool:
        async with self._pool.connection() as connection:
            values = {"id": text.conversation_id}
            talk = await (await connection.execute(UNREACHABLE_CODE, values)).fetchone()
        if talk is None or talk["unreachable_code"] is None:
            return False
        why = f"its gateway said {talk['unreachable_code']} of the phone while it waited"
        await self._drop(text, UNREACHABLE, why)
        return True

    async def _unwanted(self, text: ClaimedText) -> bool:
        phone, number = text.message.recipient, text.message.sender
        async with self._pool.connection() as connection:
            try:
                events = (await events_of(connection, [phone]))[phone]
            except (SettingsError, Unreadable) as error:
                log.warning("delivery.consent-unreadable", code=error.code, detail=error.detail)
                await self._ask_later(connection, text, "consent-unreadable", UNKNOWN)
                return True
            wanted = wanted_of(events, number, text.lane, self._consent, self._clock.now())
            if wanted is Wanted.YES:
                return False
            if wanted is Wanted.ASKED:
                await self._ask_later(connection, text, "consent-pending", PENDING)
                return True
        await self._drop(text, OPTED_OUT, "the customer opted out while it was claimed")
        return True

    async def _drop(self, text: ClaimedText, code: str, why: str) -> None:
        event = Event("dropped", why, code)
        await settle(self._pool, text, "failed", event=event, code=code, staff=STAFF[code])
        log.info("delivery.dropped", code=code)

    async def _ask_later(
        self, connection: Connection, text: ClaimedText, code: str, why: str
    ) -> None:
        now = self._clock.now()
        async with connection.transaction():
            await _hold(connection, text, Held(now + ASKED_AGAIN, code, why), now, timedelta(0))

    async def _untimely(self, text: ClaimedText) -> bool:
        if self._hours is None or MessageClass.of(text.lane) in EXEMPT:
            return False
        now, phone = self._clock.now(), text.message.recipient
        async with self._pool.connection() as connection:
            decision = await self._hours.decide(connection, phone, text.lane, now)
            if decision is None:
                return False
            async with connection.transaction():
                held = self._hours.held(decision, text.lane, text.conversation_id, now)
                if held is None:
                    held = await self._over_cap(connection, text, decision, now)
                if held is not None:
                    await _hold(connection, text, held, now, VALIDITY[text.kind])
        return held is not None

    async def _over_cap(
        self, connection: Connection, text: ClaimedText, decision: Decision, now: datetime
    ) -> Held | None:
        """Take a place under each cap, or say when there will be one."""
        if not decision.caps:
            return None
        cursor = await connection.execute(LOCK, {"id": text.id})
        if cursor.rowcount == 0:
            return None
        for cap in decision.caps:
            free_at = await _free_at(connection, text.id, cap, now)
            if free_at is not None:
                return await self._after(connection, text, cap, free_at)
        await connection.execute(COUNT, {"id": text.id, "now": now})
        return None

    async def _after(
        self, connection: Connection, text: ClaimedText, cap: Cap, free_at: datetime
    ) -> Held:
        assert self._hours is not None  # noqa: S101  asked before
        phone = text.message.recipient
        then = await self._hours.decide(connection, phone, text.lane, free_at)
        later = then and self._hours.held(then, text.lane, text.conversation_id, free_at)
        until = later.until if later else free_at
        why = f"{cap.texts} texts with this subject within {cap.hours} h are the most"
        reason = f"; {then.reason}" if then else ""
        return Held(until, "cap", f"until {until:%Y-%m-%d %H:%M:%S} UTC; {why}{reason}")


async def _free_at(connection: Connection, id: UUID, cap: Cap, now: datetime) -> datetime | None:
    window = timedelta(hours=cap.hours)
    values: dict[str, Any] = {"id": id, "now": now, "window": window, "texts": cap.texts}
    row = await (await connection.execute(IN_THE_WAY, values)).fetchone()
    return None if row is None else row["counted_at"] + window


async def _hold(
    connection: Connection, text: ClaimedText, held: Held, now: datetime, validity: timedelta
) -> None:
    """Put a text back, to be worth sending for some time behind its hold."""
    values = {
        "id": text.id,
        "attempts": text.attempts,
        "wait": held.until - now,
        "validity": validity,
    }
    if (await connection.execute(HOLD, values)).rowcount:
        await write_event(connection, text.id, Event("held", held.detail, held.code))
        HELD.labels(held.code).inc()
        log.info("delivery.held", code=held.code, until=held.until.isoformat())
