"""Sends the reminders that customers asked for, each once, in the minute that it is due.

A reminder's row and its text change in one transaction: whoever is killed in between leaves
neither, and two workers never hold the same row.

The lane is that of an answer. The customer named the hour, so no courtesy window holds it back:
quiet hours are about what nobody asked for (47 CFR 64.1200(c)(1) speaks of solicitations; the
compliance reference, B2, exempts what answers the customer). Who has opted out since gets none.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from database.encryption import cipher
from database.pool import Connection, Pool
from messaging.lanes import Lane
from messaging.notices import Notice, NoticeDesk, Refused
from outreach.reminder_answers import to_reminder
from outreach.templates import Templates
from practice import words
from practice.records import Appointment
from practice.requested_reminders import (
    WORDS,
    RequestedReminder,
    close_reminder,
    next_due,
    standing_appointment,
)

log = structlog.get_logger(__name__)

PLAIN, WITH_APPOINTMENT = "requested", "requested_appointment"
"""Names of the texts in notices.yml."""

LATEST = timedelta(hours=6)
"""How late, after an outage, a reminder is still of use."""


async def send_due(pool: Pool, desk: NoticeDesk, templates: Templates, now: datetime) -> int:
    """Send every reminder that is due; any number of processes may do it at once.

    One that fails stops no other.

    Args:
        pool: of connections.
        desk: takes the texts.
        templates: of notices.yml.
        now: UTC.

    Returns:
        How many were sent by this process.

    Raises:
        UnknownTemplate: notices.yml lacks one of the texts.
    """
    for name in (PLAIN, WITH_APPOINTMENT):
        templates[name]
    sent, broken = 0, set[str]()
    async with pool.connection() as connection:
        while True:
            due: RequestedReminder | None = None
            try:
                async with connection.transaction():
                    due = await next_due(connection, now, broken)
                    if due is None:
                        return sent
                    state = await _send(connection, desk, templates, due, now)
                    await close_reminder(connection, due.key, state, now)
                sent += state == "sent"
            except Exception:
                if connection.broken or due is None:
                    raise
                # Whatever it is, the others are to be sent, and the next minute is another chance.
                log.exception("reminders.broken", recipient=due.phone)
                broken.add(due.key)


def what_of(reminder: RequestedReminder, appointment: Appointment | None) -> str:
    """What a reminder is of: the customer's words, the appointment, or that the time has come.

    Raises:
        Unreadable: the words are sealed with a key that is not here.
    """
    about = words.appointment(appointment) if appointment else None
    said = cipher().unseal(reminder.words, WORDS) if reminder.words else None
    named = ". ".join(part for part in (said, about) if part)
    return named or f"it is {words.when(reminder.due_at, reminder.zone)}"


async def _send(
    connection: Connection,
    desk: NoticeDesk,
    templates: Templates,
    due: RequestedReminder,
    now: datetime,
) -> str:
    if now - due.due_at > LATEST:
        return "late"
    appointment = None
    if due.appointment_id is not None:
        appointment = await standing_appointment(connection, due.appointment_id, now)
        if appointment is None and due.words is None:
            return "dropped"
    name = WITH_APPOINTMENT if appointment else PLAIN
    useful = due.due_at + LATEST
    notice = Notice(
        phone=due.phone,
        body=templates.render(name, {"what": what_of(due, appointment)}),
        lane=Lane.REPLY,
        subject=templates[name].subject,
        not_after=min(useful, appointment.start) if appointment else useful,
        opening=to_reminder(appointment, appointment.start) if appointment else None,
    )
    result = await desk.enqueue(connection, notice, now)
    return "refused" if isinstance(result, Refused) else "sent"
