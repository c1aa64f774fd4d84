"""Sends the reminders that customers asked for, each once, in the minute that it is due.

A reminder's row and its text change in one transaction: whoever is killed in between leaves
neither, and two workers never hold the same row.

The lane is that of an answer. The customer named the hour, so no courtesy window holds it back:
quiet hours are about what nobody asked for (47 CFR 64.1200(c)(1) speaks of solicitations; the
compliance reference, B2, exempts what answers the customer). Who has opted out since gets none.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from procrastinate import App

from database.pool import Connection, Pool
from messaging.jobs import Tools
from messaging.lanes import Lane
from messaging.notices import Notice, NoticeDesk, Refused
from outreach.reminder_answers import to_reminder
from practice import words
from practice.records import Appointment
from practice.requested_reminders import (
    RequestedReminder,
    close_reminder,
    next_due,
    standing_appointment,
)

SUBJECT = "requested-reminder"
LATEST = timedelta(hours=6)
"""How late, after an outage, a reminder is still of use."""
CHOICES = "Reply C to confirm, R to reschedule, X to cancel."


def register(app: App, pool: Pool, tools: Tools) -> None:
    """Add the job.

    Args:
        app: of Procrastinate.
        pool: for the job and what it does.
        tools: what it works with; without a desk for notices, reminders wait for a worker that
            has one.
    """

    @app.periodic(cron="* * * * *")
    @app.task(name="linnet.requested-reminders")
    async def requested_reminders(timestamp: int) -> None:  # noqa: ARG001  given by its name
        if tools.notices is not None:
            await send_due(pool, tools.notices, tools.clock.now())


async def send_due(pool: Pool, notices: NoticeDesk, now: datetime) -> int:
    """Send every reminder that is due; any number of processes may do it at once.

    Args:
        pool: of connections.
        notices: takes the texts.
        now: UTC.

    Returns:
        How many were sent by this process.
    """
    sent = 0
    while True:
        async with pool.connection() as connection, connection.transaction():
            due = await next_due(connection, now)
            if due is None:
                return sent
            state = await _send(connection, notices, due, now)
            await close_reminder(connection, due.key, state, now)
        sent += state == "sent"


def body_of(reminder: RequestedReminder, appointment: Appointment | None) -> str:
    """What a reminder says: the customer's words, and the appointment that it is about."""
    about = f"{words.appointment(appointment)}. {CHOICES}" if appointment else None
    parts = [part for part in (reminder.words and f"{reminder.words}.", about) if part]
    if not parts:
        return "This is the reminder that you asked us for."
    return f"You asked us to remind you: {' '.join(parts)}"


async def _send(
    connection: Connection, notices: NoticeDesk, due: RequestedReminder, now: datetime
) -> str:
    if now - due.due_at > LATEST:
        return "late"
    appointment = None
    if due.appointment_id is not None:
        appointment = await standing_appointment(connection, due.appointment_id, now)
        if appointment is None and due.words is None:
            return "dropped"
    useful = due.due_at + LATEST
    notice = Notice(
        phone=due.phone,
        body=body_of(due, appointment),
        lane=Lane.REPLY,
        subject=SUBJECT,
        not_after=min(useful, appointment.start) if appointment else useful,
        opening=to_reminder(appointment, appointment.start) if appointment else None,
    )
    result = await notices.enqueue(connection, notice, now)
    return "refused" if isinstance(result, Refused) else "sent"
