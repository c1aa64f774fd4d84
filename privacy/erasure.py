"""Forgets a person: all rows about a phone, in one transaction, and what waits on disk.

What stays says nothing of anybody: appointments without a name, entries of the ledger that were
redacted, and, where the person had opted out, a keyed hash (GDPR Art. 17(3)(e): kept so that
nobody texts who must not). It is erased at once or not at all, and can be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg
import structlog

from database.alone import alone
from database.pool import Connection, Pool
from messaging.consent import refusal_of
from messaging.consent_table import end_locked, events_of
from messaging.suppression import keep_refusal
from privacy.audit import write_audit
from privacy.errors import ErasureBusy
from privacy.places import PERSONAL_PLACES, VISITS, Place

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 60.0
"""How long an answer or a request that is under way is waited for; none takes as long."""

PAUSE_SECONDS = 0.25

# In the order of everybody else who locks some of these: who reminds goes from the wish or the
# customer to the text, and a booking or a change takes texts back.
LOCK_WISHES = "SELECT FROM requested_reminder WHERE phone = %(phone)s ORDER BY key FOR UPDATE"
LOCK_CUSTOMER = "SELECT FROM customer WHERE phone = %(phone)s FOR UPDATE"
LOCK_VISITS = f"SELECT FROM appointment WHERE id IN {VISITS} ORDER BY id FOR UPDATE"

# A turn cannot be claimed, a text not stored and not sent while these are locked.
LOCK_TALKS = """
SELECT id, lease_until > now() AS leased FROM conversation
WHERE phone = %(phone)s ORDER BY id FOR UPDATE
"""
LOCK_TEXTS = """
SELECT state IN ('sending', 'checking') AND lease_until > now() AS leased FROM outbound_text
WHERE recipient = %(phone)s ORDER BY id FOR UPDATE
"""
RUNNING_TURNS = """
SELECT FROM turn WHERE state = 'running' AND conversation_id = ANY(%(talks)s)
"""
RUNNING_JOBS = """
SELECT FROM procrastinate_jobs WHERE status = 'doing' AND strpos(args::text, %(digits)s) > 0
"""
NOTE_COPIES = """
INSERT INTO vendor_copy (gateway, vendor_id, noted_at, asked_by)
SELECT gateway, vendor_id, now(), %(asked_by)s FROM outbound_text
    WHERE recipient = %(phone)s AND vendor_id IS NOT NULL
UNION
SELECT text.gateway, external_id, now(), %(asked_by)s FROM inbound_text AS text
    JOIN conversation AS talk ON talk.id = conversation_id WHERE phone = %(phone)s
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done.

    Attributes:
        rows: how many were deleted or made nobody's, by table.
        opted_out: whether it is remembered that the phone wants no texts.
        copies: texts of which a gateway has a copy that is not erased by this.
    """

    rows: Mapping[str, int]
    opted_out: bool
    copies: int


async def foresee(pool: Pool, phone: str) -> Mapping[str, int]:
    """How many rows ``erase`` would delete or change, by table; nothing is changed.

    Args:
        pool: of connections.
        phone: E.164.
    """
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = {}
        for place in PERSONAL_PLACES:
            query = f"SELECT count(*) AS count FROM {place.table} WHERE {place.rows}"
            row = await (await connection.execute(query, _person(phone))).fetchone()
            found[place.table] = row["count"] if row else 0
    return {table: count for table, count in found.items() if count}


async def erase(
    pool: Pool,
    phone: str,
    actor: str,
    *,
    at_gateways: bool = False,
    patience: float = PATIENCE_SECONDS,
    waiting: Callable[[str], None] | None = None,
) -> Erased:
    """Forget a person.

    Args:
        pool: of connections; one is used.
        phone: E.164.
        actor: who does it, for the audit.
        at_gateways: whether gateways are to delete their copies, too; workers see to that
            (``privacy/copies.py``).
        patience: seconds that an answer or a request under way is waited for.
        waiting: told what is waited for.

    Raises:
        ErasureBusy: what is under way did not end in time, or somebody else erases at this
            moment; nothing was changed.
        SettingsError: the phone has opted out, and there is no key to remember that by.
    """
    async with alone(pool, "privacy.erase") as connection:
        if connection is None:
            raise ErasureBusy("another erasure is under way")
        clock = asyncio.get_running_loop().time
        until = clock() + patience
        asked_by = actor if at_gateways else None
        while isinstance(result := await _attempt(connection, phone, actor, asked_by), str):
            if clock() >= until:
                raise ErasureBusy(result)
            if waiting is not None:
                waiting(result)
            await asyncio.sleep(PAUSE_SECONDS)
    log.info("privacy.erased", rows=sum(result.rows.values()), copies=result.copies)
    return result


async def _attempt(
    connection: Connection, phone: str, actor: str, asked_by: str | None
) -> Erased | str:
    """Erase, or say why that has to wait; nothing is changed then."""
    try:
        async with connection.transaction():
            busy = await _lock(connection, phone)
            if busy is not None:
                return busy
            noted = _person(phone) | {"asked_by": asked_by}
            copies = await connection.execute(NOTE_COPIES, noted)
            rows = {}
            for place in PERSONAL_PLACES:
                if place.table == "consent_event":
                    opted_out = await _remember(connection, phone)
                rows[place.table] = (
                    await connection.execute(_statement(place), _person(phone))
                ).rowcount
            rows = {table: count for table, count in rows.items() if count}
            await write_audit(connection, "erase", actor, rows, phone=phone)
            return Erased(rows, opted_out, copies.rowcount)
    except psycopg.errors.DeadlockDetected:
        return "somebody else works on the same rows"


async def _lock(connection: Connection, phone: str) -> str | None:
    """Lock what others might work on; what they just do, if they do something."""
    person = _person(phone)
    for statement in (LOCK_WISHES, LOCK_CUSTOMER, LOCK_VISITS):
        await connection.execute(statement, person)
    talks = await (await connection.execute(LOCK_TALKS, person)).fetchall()
    texts = await (await connection.execute(LOCK_TEXTS, person)).fetchall()
    leased = {"talks": [talk["id"] for talk in talks if talk["leased"]]}
    if await (await connection.execute(RUNNING_TURNS, leased)).fetchone() is not None:
        return "a text of this phone is being answered"
    if any(text["leased"] for text in texts):
        return "a text to this phone is being sent"
    if await (await connection.execute(RUNNING_JOBS, person)).fetchone() is not None:
        return "a job works for this phone"
    return None


async def _remember(connection: Connection, phone: str) -> bool:
    """Keep the hash of a phone that wants no texts, before the ledger forgets it."""
    await end_locked(connection)
    refusal = refusal_of((await events_of(connection, [phone]))[phone])
    await keep_refusal(connection, phone, refusal)
    return refusal is not None


def _statement(place: Place) -> str:
    if place.change:
        return f"UPDATE {place.table} SET {place.change} WHERE {place.rows}"
    return f"DELETE FROM {place.table} WHERE {place.rows}"


def _person(phone: str) -> dict[str, str | None]:
    return {"phone": phone, "digits": phone.removeprefix("+")}
