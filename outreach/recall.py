"""Calls customers back when a service is due again for them (requirement R125).

It goes once for each last appointment, to whoever has none to come. It is marketing: only phones
with consent on record that is proven get it, within the hours of their states
(``docs/consent.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from database.pool import Connection
from messaging.lanes import Lane
from messaging.notices import Notice, NoticeDesk
from outreach import reminder_words
from outreach.missed import ANSWERED_WITHIN
from outreach.reminder_answers import to_recall
from outreach.reminder_table import lock
from outreach.reminder_times import RECALL_LATE, is_recall_due, recall_due
from outreach.reminders import Occasion, each_phone, tell
from outreach.templates import Templates
from practice.records import SELECT, Appointment, from_row

# Of each person that comes on this phone, the last appointment for a service, where none for it
# came after it and none at all is to come. Months end up to three days apart; the day more is for
# zones.
LAST = f"""
{SELECT} WHERE service.recall_months IS NOT NULL
    AND appointment.state <> 'cancelled' AND appointment.state IN ('booked', 'confirmed', 'kept')
    AND appointment.during && tstzrange(
        %(now)s - make_interval(months => service.recall_months) - %(late)s - interval '4 days',
        %(now)s - make_interval(months => service.recall_months) + interval '4 days')
    AND customer.phone = coalesce(%(phone)s::text, customer.phone)
    AND customer.phone LIKE '+%%'  -- was not erased
    AND NOT EXISTS (SELECT FROM appointment AS other
        WHERE other.customer_id = appointment.customer_id
            AND lower(other.customer_name) = lower(appointment.customer_name)
            AND other.state IN ('booked', 'confirmed', 'kept')
            AND (lower(other.during) > %(now)s OR other.service_id = appointment.service_id
                AND (lower(other.during), other.id) > (lower(appointment.during), appointment.id)))
    AND NOT EXISTS (SELECT FROM reminder WHERE appointment_id = appointment.id
        AND kind = 'recall' AND withdrawn_at IS NULL)
ORDER BY service.id, start, appointment.id
"""


async def call_back(
    connection: Connection, desk: NoticeDesk, templates: Templates, now: datetime
) -> int:
    """Put all recalls that are due into the outbox.

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
        # The last appointments are long over and stay as they are; new ones wait for the customer.
        who = await lock(connection, phone, now)
        if who is None:
            return 0
        count = 0
        found = await _due(connection, phone, now)
        for _, group in groupby(found, key=lambda one: one.appointment.service.id):
            occasions = list(group)
            notice = _notice(templates, [one.appointment for one in occasions], who, now)
            await tell(connection, desk, notice, reminder_words.RECALL, occasions, now)
            count += 1
        return count

    return await each_phone(connection, templates, phones, work)


async def _due(connection: Connection, phone: str | None, now: datetime) -> list[Occasion]:
    values = {"phone": phone, "now": now, "late": RECALL_LATE}
    found = []
    async for row in await connection.execute(LAST, values):
        one = from_row(row)
        months, zone = one.service.recall_months, one.location.timezone
        if months is not None and is_recall_due(one.start, months, zone, now):
            found.append(Occasion(one, recall_due(one.start, months, zone)))
    return found


def _notice(
    templates: Templates, appointments: Sequence[Appointment], who: str, now: datetime
) -> Notice:
    return Notice(
        appointments[0].phone,
        reminder_words.recall(templates, appointments, who),
        lane=Lane.BULK,  # whatever notices.yml says: marketing by what it wants
        subject=templates[reminder_words.RECALL].subject,
        opening=to_recall(appointments[0], now + ANSWERED_WITHIN),
    )
