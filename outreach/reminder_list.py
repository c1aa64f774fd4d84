"""What customers will be reminded of, and what became of what they were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from database.pool import Connection
from outreach.reminder_table import MADE, PLACED_AT
from outreach.reminder_times import plan
from practice.leads import LONGEST

COMING = f"""
SELECT appointment.reference, customer.phone, lower(appointment.during) AS start,
    location.timezone AS zone, service.reminders, {PLACED_AT} AS placed_at,
    ARRAY(SELECT kind {MADE}) AS told
FROM appointment
JOIN service ON service.id = appointment.service_id
JOIN location ON location.id = appointment.location_id
JOIN customer ON customer.id = appointment.customer_id
WHERE appointment.state IN ('booked', 'confirmed')
    AND lower(appointment.during) > %(now)s AND lower(appointment.during) < %(last)s
"""

TOLD = """
SELECT reminder.made_at, reminder.kind, appointment.reference, customer.phone, reminder.refusal,
    reminder.withdrawn_at IS NOT NULL AS withdrawn, text.id AS text_id, text.state, text.error_code,
    location.timezone AS zone
FROM reminder
JOIN appointment ON appointment.id = reminder.appointment_id
JOIN location ON location.id = appointment.location_id
JOIN customer ON customer.id = appointment.customer_id
LEFT JOIN outbound_text AS text ON text.id = reminder.text_ids[1]
WHERE reminder.made_at > %(since)s
ORDER BY reminder.made_at, reminder.id
"""


@dataclass(frozen=True, slots=True)
class Coming:
    """A reminder that will be due.

    Attributes:
        at: when, UTC.
        kind: how long before the appointment: ``24h``.
        reference: of the appointment.
        phone: E.164.
        start: of the appointment, aware.
        zone: IANA name of its location's zone.
    """

    at: datetime
    kind: str
    reference: str
    phone: str
    start: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Told:
    """What was texted about an appointment, or refused.

    Attributes:
        at: when, aware.
        kind: ``24h`` and the like, ``missed`` or ``recall``.
        reference: of the appointment.
        phone: E.164.
        outcome: the state of the text, ``withdrawn``, ``forgotten`` where the text is no longer
            kept, or the code of the refusal.
        text_id: of the text, its first part; None where there is none.
        zone: IANA name of the zone of the appointment's location.
    """

    at: datetime
    kind: str
    reference: str
    phone: str
    outcome: str
    text_id: UUID | None
    zone: str


async def coming(connection: Connection, now: datetime, within: timedelta) -> list[Coming]:
    """Reminders that will be due, the next one first; each appointment's by itself.

    Args:
        connection: to read with.
        now: aware.
        within: how far ahead.
    """
    until = now + within
    rows = await connection.execute(COMING, {"now": now, "last": until + LONGEST})
    found = [
        Coming(due.at, due.lead.key, row["reference"], row["phone"], row["start"], row["zone"])
        async for row in rows
        for due in plan(row["reminders"], row["start"], row["zone"], row["placed_at"])
        if due.lead.key not in row["told"] and now < due.late_at and due.at <= until
    ]
    return sorted(found, key=lambda one: (one.at, one.reference))


async def told(connection: Connection, since: datetime) -> list[Told]:
    """What was texted or refused since a moment, in order of time.

    Args:
        connection: to read with.
        since: aware.
    """
    rows = await connection.execute(TOLD, {"since": since})
    return [
        Told(
            row["made_at"],
            row["kind"],
            row["reference"],
            row["phone"],
            _outcome(row),
            row["text_id"],
            row["zone"],
        )
        async for row in rows
    ]


def _outcome(row: dict[str, object]) -> str:
    if row["refusal"] is not None:
        return str(row["refusal"])
    if row["withdrawn"]:
        return "withdrawn"
    if row["state"] is None:
        return "forgotten"
    return f"{row['state']} {row['error_code'] or ''}".rstrip()
