"""Reminders in SQL: appointments that may be due, what was texted about them, and the record of it.

Nothing is scheduled. What is due is read from the appointments as they are, so an appointment that
is moved moves its reminders, and one that is cancelled has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from database.pool import Connection
from practice.records import SELECT, Appointment, from_row

# When an appointment was booked at, or moved to, the time that it has.
PLACED_AT = """
greatest(appointment.created_at, (SELECT max(created_at) FROM practice_change
    WHERE appointment_id = appointment.id AND kind = 'reschedule'))
"""

# What was texted, or refused, of an appointment as it is.
MADE = """
FROM reminder WHERE appointment_id = appointment.id AND start = lower(appointment.during)
    AND location_id = appointment.location_id AND withdrawn_at IS NULL
"""

# More than is due: the exact times are the rules' (outreach/reminder_times.py). A reminder is too
# late after half of its time at the latest; two hours are for clocks that are changed meanwhile.
CANDIDATES = f"""
SELECT customer.phone, lead.key, lower(appointment.during) AS start, location.timezone AS zone,
    service.reminders, {PLACED_AT} AS placed_at
FROM service
CROSS JOIN LATERAL unnest(service.reminders) AS lead (key)
JOIN appointment ON appointment.service_id = service.id
JOIN location ON location.id = appointment.location_id
JOIN customer ON customer.id = appointment.customer_id
WHERE customer.phone LIKE '+%%'  -- was not erased
    AND appointment.state <> 'cancelled' AND appointment.state IN ('booked', 'confirmed')
    AND appointment.during && tstzrange(
        %(now)s + lead.key::interval / 2 - interval '2 hours',
        %(now)s + lead.key::interval + interval '2 hours')
    AND lower(appointment.during) > %(now)s
    AND NOT EXISTS (SELECT {MADE} AND kind = lead.key)
ORDER BY start, appointment.id
"""

# Nobody else reminds this customer, or books for them, until the transaction ends.
LOCK = "SELECT name FROM customer WHERE phone = %(phone)s FOR UPDATE SKIP LOCKED"

LOCK_APPOINTMENTS = """
SELECT FROM appointment JOIN customer ON customer.id = appointment.customer_id
WHERE customer.phone = %(phone)s AND upper(appointment.during) > %(since)s
ORDER BY appointment.id FOR UPDATE OF appointment
"""

AHEAD = f"""
{SELECT} WHERE customer.phone = %(phone)s AND lower(appointment.during) > %(now)s
    AND appointment.state IN ('booked', 'confirmed')
ORDER BY start, appointment.id
"""

TOLD = f"""
SELECT appointment.id, {PLACED_AT} AS placed_at,
    ARRAY(SELECT kind {MADE}) AS kinds, (SELECT max(made_at) {MADE}) AS told_at
FROM appointment WHERE id = ANY(%(ids)s)
"""

RECORD = """
INSERT INTO reminder (appointment_id, kind, location_id, start, due_at, made_at, text_ids, refusal)
VALUES (%(appointment)s, %(kind)s, %(location)s, %(start)s, %(due_at)s, %(now)s, %(ids)s,
    %(refusal)s)
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reminder that may be due.

    Attributes:
        phone: E.164.
        key: which reminder: ``24h``.
        start: of the appointment, aware.
        zone: IANA name of its location's zone.
        reminders: of its service.
        placed_at: when it was booked at or moved to this time, aware.
    """

    phone: str
    key: str
    start: datetime
    zone: str
    reminders: Sequence[str]
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class Ahead:
    """An appointment to come.

    Attributes:
        appointment: itself.
        placed_at: when it was booked at or moved to its time, aware.
        told: reminders that were texted or refused of it as it is.
        told_at: when the last of them was, aware; None where there was none.
    """

    appointment: Appointment
    placed_at: datetime
    told: frozenset[str]
    told_at: datetime | None


async def candidates(connection: Connection, now: datetime) -> list[Candidate]:
    """Reminders that may be due, the most urgent first.

    Args:
        connection: to read with.
        now: aware.
    """
    cursor = await connection.execute(CANDIDATES, {"now": now})
    return [Candidate(**row) async for row in cursor]


async def lock(connection: Connection, phone: str, since: datetime) -> str | None:
    """Keep all others from a customer and the appointments until the transaction ends.

    Args:
        connection: in a transaction.
        phone: E.164.
        since: appointments that were over by then are left alone, aware.

    Returns:
        The customer's name; None where somebody else is just changing something.
    """
    values: dict[str, Any] = {"phone": phone, "since": since}
    row = await (await connection.execute(LOCK, values)).fetchone()
    if row is None:
        return None
    await connection.execute(LOCK_APPOINTMENTS, values)
    return str(row["name"])


async def ahead(connection: Connection, phone: str, now: datetime) -> list[Ahead]:
    """The appointments of a phone that have not begun, in order of time.

    Args:
        connection: in the transaction that has locked them.
        phone: E.164.
        now: aware.
    """
    rows = await connection.execute(AHEAD, {"phone": phone, "now": now})
    appointments = [from_row(row) async for row in rows]
    ids = [one.id for one in appointments]
    told = {row["id"]: row async for row in await connection.execute(TOLD, {"ids": ids})}
    return [
        Ahead(one, row["placed_at"], frozenset(row["kinds"]), row["told_at"])
        for one in appointments
        for row in [told[one.id]]
    ]


async def record(
    connection: Connection,
    appointment: Appointment,
    kind: str,
    *,
    due_at: datetime,
    ids: Sequence[UUID],
    refusal: str | None,
    now: datetime,
) -> None:
    """Note what was texted about an appointment, in the transaction of the text.

    Args:
        connection: in a transaction.
        appointment: as it is.
        kind: ``24h`` and the like, ``missed`` or ``recall``.
        due_at: since when it was due, aware.
        ids: of the texts; none where it was refused.
        refusal: the code of why it was; None where it was not.
        now: aware.

    Raises:
        psycopg.errors.UniqueViolation: it was texted before.
    """
    await connection.execute(
        RECORD,
        {
            "appointment": appointment.id,
            "kind": kind,
            "location": appointment.location.id,
            "start": appointment.start,
            "due_at": due_at,
            "ids": list(ids),
            "refusal": refusal,
            "now": now,
        },
    )
