"""Reminds customers of appointments: each reminder once, and none of what is no longer so.

A reminder is put into the outbox and on record in one transaction, in which nobody else can
change the customer's appointments. A unique index lets one of a kind through, so it does not
matter how many processes remind at the same time, nor when one of them is killed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from database.pool import Connection
from messaging.metrics import REMINDERS
from messaging.notices import Notice, NoticeDesk, Refused
from outreach import reminder_words
from outreach.reminder_answers import to_reminder, to_several
from outreach.reminder_table import Ahead, ahead, candidates, lock, record
from outreach.reminder_times import Due, due, plan, together
from outreach.templates import Templates
from practice.records import Appointment

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Occasion:
    """A reason to text about an appointment.

    Attributes:
        appointment: that it is about.
        due_at: since when the text is due, aware.
    """

    appointment: Appointment
    due_at: datetime


async def remind(
    connection: Connection, desk: NoticeDesk, templates: Templates, now: datetime
) -> int:
    """Put all reminders that are due into the outbox.

    Args:
        connection: to work with, in no transaction.
        desk: takes them.
        templates: of notices.yml.
        now: the time, UTC.

    Returns:
        How many texts were put in or refused.

    Raises:
        UnknownTemplate: notices.yml lacks one of the texts.
    """
    phones = {
        one.phone: None
        for one in await candidates(connection, now)
        if (found := due(one.reminders, one.start, one.zone, one.placed_at, now))
        and found.lead.key == one.key
    }
    return await each_phone(
        connection,
        templates,
        phones,
        lambda phone: _remind(connection, desk, templates, phone, now),
    )


async def each_phone(
    connection: Connection,
    templates: Templates,
    phones: Iterable[str],
    work: Callable[[str], Awaitable[int]],
) -> int:
    """Do something for each phone, in a transaction of its own; one that fails stops no other.

    Args:
        connection: to work with, in no transaction.
        templates: of notices.yml; one that is absent would fail every phone, so it is told first.
        phones: E.164.
        work: gives the number of texts.

    Returns:
        The sum of these numbers.

    Raises:
        UnknownTemplate: notices.yml lacks one of the texts.
    """
    for name in reminder_words.NAMES:
        templates[name]
    count = 0
    for phone in phones:
        try:
            async with connection.transaction():
                count += await work(phone)
        except Exception:
            if connection.broken:
                raise
            # Whatever it is, the others are to be told, and the next minute is another chance.
            log.exception("reminders.broken", recipient=phone)
    return count


async def tell(
    connection: Connection,
    desk: NoticeDesk,
    notice: Notice,
    kind: str,
    occasions: Sequence[Occasion],
    now: datetime,
) -> None:
    """Put a text about appointments into the outbox and on record, or the reason why not.

    Args:
        connection: in a transaction.
        desk: takes it.
        notice: what is to be said.
        kind: ``24h`` and the like, ``missed`` or ``recall``.
        occasions: all that it is about.
        now: the time, UTC.
    """
    result = await desk.enqueue(connection, notice, now)
    ids, refusal = ([], result.code) if isinstance(result, Refused) else (result, None)
    for one in occasions:
        await record(
            connection,
            one.appointment,
            kind,
            due_at=one.due_at,
            ids=ids,
            refusal=refusal,
            now=now,
        )
    REMINDERS.labels(kind, "refused" if refusal else "made").inc()
    about = [one.appointment.reference for one in occasions]
    if refusal:
        log.info("reminders.refused", kind=kind, appointments=about, code=refusal)
    else:
        log.info("reminders.made", kind=kind, appointments=about, text_ids=list(map(str, ids)))


async def _remind(
    connection: Connection, desk: NoticeDesk, templates: Templates, phone: str, now: datetime
) -> int:
    who = await lock(connection, phone, now)
    if who is None:
        return 0
    # Read now that nobody can change it: what was due a moment ago may not be so any more.
    appointments = await ahead(connection, phone, now)
    count, told = 0, set[int]()
    for one in appointments:
        found = _due(one, now)
        if found is None or one.appointment.id in told:
            continue
        occasions = list(_with(one, found, appointments, told))
        told |= {occasion.appointment.id for occasion in occasions}
        notice = _notice(templates, found, [each.appointment for each in occasions], who)
        await tell(connection, desk, notice, found.lead.key, occasions, now)
        count += 1
    return count


def _due(one: Ahead, now: datetime) -> Due | None:
    made = one.appointment
    zone = made.location.timezone
    found = due(made.service.reminders, made.start, zone, one.placed_at, now)
    if found is None or found.lead.key in one.told:
        return None
    # Where 24h was just made 1d of, the customer was reminded by the one and needs no other.
    return None if one.told_at is not None and found.at <= one.told_at else found


def _with(
    first: Ahead, found: Due, appointments: Sequence[Ahead], told: set[int]
) -> Iterable[Occasion]:
    """The appointments that one text names: the one that is due, and those that go with it."""
    zone = first.appointment.location.timezone
    for one in appointments:
        made = one.appointment
        near = together(first.appointment.start, made.start, zone, found.lead)
        if not near or made.id in told or found.lead.key in one.told:
            continue
        for own in plan(made.service.reminders, made.start, made.location.timezone, one.placed_at):
            if own.lead == found.lead:
                yield Occasion(made, own.at)


def _notice(
    templates: Templates, found: Due, appointments: Sequence[Appointment], who: str
) -> Notice:
    first = appointments[0]
    name = reminder_words.template_for(found.lead, appointments)
    until = first.start
    return Notice(
        first.phone,
        reminder_words.reminder(templates, name, appointments, who),
        subject=templates[name].subject,
        not_after=until,
        opening=to_reminder(first, until) if len(appointments) == 1 else to_several(until),
    )
