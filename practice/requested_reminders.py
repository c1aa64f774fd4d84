"""Reminders that customers ask for: "remind me tomorrow at 10".

Each is asked for under a key, as changes of appointments are: the same key again asks for nothing
more. One that counts from an appointment ("two hours before") moves with it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from database.pool import Connection
from practice.errors import RemindersFull
from practice.records import SELECT, Appointment, from_row

WORDS = "requested_reminder.words"
"""What the words are sealed for (``database/encryption.py``)."""

MOST_WAITING = 5
"""Reminders of one phone that can wait at a time, so that nobody floods a phone through us."""

COLUMNS = """
reminder.key, reminder.phone, reminder.zone, reminder.words, reminder.appointment_id,
    coalesce(lower(appointment.during) - reminder.before, reminder.due_at) AS due_at
"""
FROM = """
FROM requested_reminder AS reminder LEFT JOIN appointment ON appointment.id = appointment_id
"""
WAITING = f"SELECT {COLUMNS} {FROM} WHERE phone = %(phone)s AND reminder.state = 'waiting'"
NEXT_DUE = f"""
SELECT {COLUMNS} {FROM}
WHERE reminder.state = 'waiting' AND (reminder.due_at <= %(now)s OR reminder.before IS NOT NULL)
    AND coalesce(lower(appointment.during) - reminder.before, reminder.due_at) <= %(now)s
    AND reminder.key <> ALL(%(skipped)s)
ORDER BY due_at, reminder.key LIMIT 1 FOR UPDATE OF reminder SKIP LOCKED
"""
INSERT = """
INSERT INTO requested_reminder
    (key, phone, due_at, zone, words, appointment_id, before, created_at)
VALUES (%(key)s, %(phone)s, %(due_at)s, %(zone)s, %(words)s, %(appointment_id)s, %(before)s,
    %(now)s)
ON CONFLICT (key) DO NOTHING
"""
CLOSE = """
UPDATE requested_reminder SET state = %(state)s, closed_at = %(now)s
WHERE key = %(key)s AND state = 'waiting'
"""


@dataclass(frozen=True, slots=True)
class RequestedReminder:
    """One that waits.

    Attributes:
        key: of the turn that asked for it.
        phone: E.164; whose it is, and whom it is sent to.
        due_at: aware; as the appointment stands now, where it counts from one.
        zone: IANA name; in which the customer named the time.
        words: what of, in the customer's words, sealed as ``WORDS``; None where nothing was
            named.
        appointment_id: that it is about, or None.
    """

    key: str
    phone: str
    due_at: datetime
    zone: str
    words: str | None
    appointment_id: int | None


async def request_reminder(
    connection: Connection,
    key: str,
    *,
    phone: str,
    due_at: datetime,
    zone: str,
    now: datetime,
    words: str | None = None,
    appointment_id: int | None = None,
    before: timedelta | None = None,
) -> None:
    """Keep a reminder until it is due; the same key again keeps none.

    Args:
        connection: to write with.
        key: of this request.
        phone: E.164.
        due_at: aware.
        zone: IANA name; in which the customer named the time.
        now: aware.
        words: what of, sealed as ``WORDS``.
        appointment_id: that it is about.
        before: how long before that appointment it is due, also when that is moved.

    Raises:
        RemindersFull: the phone has as many as can wait; nothing was kept.
    """
    values = {
        "key": key,
        "phone": phone,
        "due_at": due_at,
        "zone": zone,
        "words": words,
        "appointment_id": appointment_id,
        "before": before,
        "now": now,
    }
    async with connection.transaction():
        # One request of a phone at a time, or two could both find room for the last one.
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('reminders ' || %(phone)s, 0))", values
        )
        asked = await connection.execute(INSERT, values)
        if asked.rowcount and len(await waiting_reminders(connection, phone)) > MOST_WAITING:
            raise RemindersFull(f"{MOST_WAITING} reminders of this phone wait already")


async def waiting_reminders(connection: Connection, phone: str) -> list[RequestedReminder]:
    """The reminders of a phone (E.164) that wait, the next one first."""
    rows = await connection.execute(f"{WAITING} ORDER BY due_at, reminder.key", {"phone": phone})
    return [RequestedReminder(**row) async for row in rows]


async def withdraw_reminder(connection: Connection, key: str, now: datetime) -> bool:
    """Send a reminder no more; whether it still waited."""
    return await close_reminder(connection, key, "withdrawn", now)


async def next_due(
    connection: Connection, now: datetime, skipped: Collection[str] = ()
) -> RequestedReminder | None:
    """The reminder that has been due longest and that nobody else is sending, locked.

    Args:
        connection: in a transaction, at whose end the lock ends.
        now: aware.
        skipped: keys of those that are not wanted.
    """
    values = {"now": now, "skipped": list(skipped)}
    row = await (await connection.execute(NEXT_DUE, values)).fetchone()
    return RequestedReminder(**row) if row else None


async def close_reminder(connection: Connection, key: str, state: str, now: datetime) -> bool:
    """Note what became of a reminder: ``sent``, ``late``, ``dropped``, ``refused``, ``withdrawn``.

    Returns:
        Whether it still waited.
    """
    closed = await connection.execute(CLOSE, {"key": key, "state": state, "now": now})
    return bool(closed.rowcount)


async def standing_appointment(
    connection: Connection, appointment_id: int, now: datetime
) -> Appointment | None:
    """An appointment that is to come, not to be changed until the transaction ends; else None."""
    found = await connection.execute(
        f"{SELECT} WHERE appointment.id = %(id)s AND appointment.state IN ('booked', 'confirmed')"
        " AND lower(appointment.during) > %(now)s FOR SHARE OF appointment",
        {"id": appointment_id, "now": now},
    )
    row = await found.fetchone()
    return from_row(row) if row else None
