"""Tells customers who did not come that they can have another time (requirement R125).

It goes the next morning, unless they have booked again meanwhile, and once. It is about the
customer's own appointment, so it is a reminder and no marketing; its words must sell nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from database.pool import Connection
from messaging.notices import Notice, NoticeDesk
from outreach import reminder_words
from outreach.reminder_answers import to_missed
from outreach.reminder_table import lock
from outreach.reminder_times import DAY, MISSED_LATE, MISSED_OLD, is_missed_due, missed_due
from outreach.reminders import Occasion, each_phone, tell
from outreach.templates import Templates
from practice.records import SELECT, Appointment, from_row

ANSWERED_WITHIN = timedelta(hours=72)
"""How long a text counts as an answer to ours."""

# When it was noted is when it was changed last: nothing else can happen to it after that.
MISSED = f"""
SELECT found.*, noted.updated_at AS marked_at FROM ({SELECT}
    WHERE appointment.state = 'missed' AND appointment.updated_at > %(since)s
        AND customer.phone = coalesce(%(phone)s::text, customer.phone)
        AND customer.phone LIKE '+%%'  -- was not erased
        AND NOT EXISTS (SELECT FROM reminder WHERE appointment_id = appointment.id
            AND kind = 'missed' AND withdrawn_at IS NULL)
        AND NOT EXISTS (SELECT FROM appointment AS again
            WHERE again.customer_id = appointment.customer_id
                AND again.created_at >= lower(appointment.during)
                AND again.state IN ('booked', 'confirmed', 'kept'))
) AS found JOIN appointment AS noted USING (id)
ORDER BY start, id
"""


async def follow_up(
    connection: Connection, desk: NoticeDesk, templates: Templates, now: datetime
) -> int:
    """Put into the outbox what customers are told who did not come.

    Args:
        connection: to work with, in no transaction.
        desk: takes the texts.
        templates: of notices.yml.
        now: the time, UTC.

    Returns:
        How many texts were put in or refused.

    Raises:
        UnknownTemplate: notices.yml lacks one of the texts.
    """
    phones = {one.appointment.phone: None for one in await _due(connection, None, now)}

    async def work(phone: str) -> int:
        who = await lock(connection, phone, now - MISSED_OLD - MISSED_LATE)
        if who is None:
            return 0
        occasions = await _due(connection, phone, now)
        if occasions:
            notice = _notice(templates, [one.appointment for one in occasions], who, now)
            await tell(connection, desk, notice, reminder_words.MISSED, occasions, now)
        return int(bool(occasions))

    return await each_phone(connection, templates, phones, work)


async def _due(connection: Connection, phone: str | None, now: datetime) -> list[Occasion]:
    values = {"phone": phone, "since": now - MISSED_LATE - 2 * DAY}
    found = []
    async for row in await connection.execute(MISSED, values):
        marked_at = row.pop("marked_at")
        one = from_row(row)
        zone = one.location.timezone
        if is_missed_due(one.start, marked_at, zone, now):
            found.append(Occasion(one, missed_due(one.start, marked_at, zone)))
    return found


def _notice(
    templates: Templates, appointments: Sequence[Appointment], who: str, now: datetime
) -> Notice:
    return Notice(
        appointments[0].phone,
        reminder_words.reminder(templates, reminder_words.MISSED, appointments, who),
        subject=templates[reminder_words.MISSED].subject,
        opening=to_missed(appointments[0], now + ANSWERED_WITHIN),
    )
