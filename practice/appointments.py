"""Appointments: those to come, and every change a customer can make.

Each change takes a key. The same key again, even at the same time, changes nothing and gives the
result of the first time, so whoever was interrupted can simply do it all again. A change that
raises leaves nothing behind, its key included.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import count

from psycopg.errors import ExclusionViolation

from database.pool import Connection
from practice.assignment import NobodyFree, take_somebody
from practice.catalogue import Catalogue, load_catalogue
from practice.changes import once
from practice.customers import known_or_new, tidy_name
from practice.errors import AlreadyCancelled, InThePast, NotFound, SlotTaken
from practice.records import SELECT, Appointment, State, from_row
from practice.references import make_reference
from practice.slots import nearest_slots

__all__ = ["Appointment", "State", "book", "cancel", "confirm", "reschedule", "upcoming"]

NEAREST = 3  # free times that come with SlotTaken

INSERT = """
INSERT INTO appointment (reference, customer_id, customer_name, service_id, location_id, staff_id,
    during, created_at, updated_at)
VALUES (%(reference)s, %(customer)s, %(name)s, %(service)s, %(location)s, %(staff)s,
    tstzrange(%(start)s, %(end)s), %(now)s, %(now)s)
ON CONFLICT (reference) DO NOTHING RETURNING id
"""

MOVE = """
UPDATE appointment SET location_id = %(location)s, staff_id = %(staff)s,
    during = tstzrange(%(start)s, %(end)s), state = 'booked', updated_at = %(now)s
WHERE id = %(id)s
"""


async def upcoming(connection: Connection, phone: str, now: datetime) -> list[Appointment]:
    """The appointments of a phone (E.164) to which somebody may still come, the next one first."""
    rows = await connection.execute(
        f"{SELECT} WHERE customer.phone = %(phone)s AND upper(appointment.during) > %(now)s"
        " AND appointment.state IN ('booked', 'confirmed') ORDER BY start, appointment.id",
        {"phone": phone, "now": now},
    )
    return [from_row(row) async for row in rows]


async def book(
    connection: Connection,
    key: str,
    *,
    phone: str,
    name: str,
    service: str,
    location: str,
    start: datetime,
    now: datetime,
) -> Appointment:
    """Book an appointment with anybody who is free.

    A phone that is new becomes a customer of that name. Unlike an offer, a booking need not lie an
    hour ahead: it may have been offered a while ago.

    Args:
        connection: to write with.
        key: of this change.
        phone: whose appointment it is, E.164.
        name: who comes.
        service: key.
        location: key.
        start: aware.
        now: aware.

    Raises:
        UnknownService: no such service.
        UnknownLocation: no such location.
        InThePast: ``start`` is not after ``now``.
        OutsideHours: the location is not open for the whole of it.
        SlotTaken: nobody is free then; carries the nearest free times.
        KeyReused: the key stands for another change.
        ValueError: the name is blank.
    """
    catalogue = await load_catalogue(connection)

    async def make() -> Appointment:
        what, where = catalogue.service(service), catalogue.location(location)
        customer = await known_or_new(connection, phone, name)
        staff = await take_somebody(
            connection, catalogue, service=what, location=where, start=start, now=now
        )
        for attempt in count():
            result = await connection.execute(
                INSERT,
                {
                    "reference": make_reference(key, attempt),
                    "customer": customer.id,
                    "name": tidy_name(name),
                    "service": what.id,
                    "location": where.id,
                    "staff": staff,
                    "start": start,
                    "end": start + timedelta(minutes=what.minutes),
                    "now": now,
                },
            )
            if (inserted := await result.fetchone()) is not None:
                return await _read(connection, phone, inserted["id"])
        raise AssertionError  # count() has no end

    async def change() -> Appointment:
        return await once(connection, key, "book", phone=phone, now=now, make=make)

    return await _or_nearest(
        connection, catalogue, change, service=service, location=location, start=start, now=now
    )


async def confirm(
    connection: Connection, key: str, *, phone: str, appointment_id: int, now: datetime
) -> Appointment:
    """Note that the customer will come; no harm when it is noted already.

    Raises:
        NotFound: the phone has no such appointment.
        AlreadyCancelled: it was cancelled.
        InThePast: it has begun.
        KeyReused: the key stands for another change.
    """
    return await _set_state(
        connection, key, "confirm", "confirmed", phone=phone, appointment_id=appointment_id, now=now
    )


async def cancel(
    connection: Connection, key: str, *, phone: str, appointment_id: int, now: datetime
) -> Appointment:
    """Cancel an appointment; its time is free at once.

    Raises:
        NotFound: the phone has no such appointment.
        AlreadyCancelled: it was cancelled before.
        InThePast: it has begun.
        KeyReused: the key stands for another change.
    """
    return await _set_state(
        connection, key, "cancel", "cancelled", phone=phone, appointment_id=appointment_id, now=now
    )


async def reschedule(
    connection: Connection,
    key: str,
    *,
    phone: str,
    appointment_id: int,
    start: datetime,
    location: str | None = None,
    now: datetime,
) -> Appointment:
    """Move an appointment; its reference stays, and so does who sees the customer if they can.

    A confirmed appointment is merely booked again: what was confirmed was the other time.

    Args:
        connection: to write with.
        key: of this change.
        phone: whose appointment it is, E.164.
        appointment_id: which one.
        start: when it is to be, aware.
        location: key; None to stay at the same one.
        now: aware.

    Raises:
        NotFound: the phone has no such appointment.
        AlreadyCancelled: it was cancelled.
        InThePast: it has begun, or ``start`` is not after ``now``.
        UnknownLocation: no such location.
        OutsideHours: the location is not open for the whole of it.
        SlotTaken: nobody is free then; carries the nearest free times.
        KeyReused: the key stands for another change.
    """
    catalogue = await load_catalogue(connection)
    before = await _read(connection, phone, appointment_id)
    place = before.location.key if location is None else location

    async def make() -> Appointment:
        old = await _changeable(connection, phone, appointment_id, now)
        where = catalogue.location(place)
        staff = await take_somebody(
            connection,
            catalogue,
            service=old.service,
            location=where,
            start=start,
            now=now,
            moved=old,
        )
        await connection.execute(
            MOVE,
            {
                "id": old.id,
                "location": where.id,
                "staff": staff,
                "start": start,
                "end": start + timedelta(minutes=old.service.minutes),
                "now": now,
            },
        )
        return await _read(connection, phone, appointment_id)

    async def change() -> Appointment:
        return await once(connection, key, "reschedule", phone=phone, now=now, make=make)

    return await _or_nearest(
        connection,
        catalogue,
        change,
        service=before.service.key,
        location=place,
        start=start,
        now=now,
        ignoring=appointment_id,
    )


async def _set_state(
    connection: Connection,
    key: str,
    kind: str,
    state: State,
    *,
    phone: str,
    appointment_id: int,
    now: datetime,
) -> Appointment:
    async def make() -> Appointment:
        await _changeable(connection, phone, appointment_id, now)
        await connection.execute(
            "UPDATE appointment SET state = %(state)s, updated_at = %(now)s WHERE id = %(id)s",
            {"id": appointment_id, "state": state, "now": now},
        )
        return await _read(connection, phone, appointment_id)

    return await once(connection, key, kind, phone=phone, now=now, make=make)


async def _read(
    connection: Connection, phone: str, appointment_id: int, *, lock: bool = False
) -> Appointment:
    found = await connection.execute(
        f"{SELECT} WHERE appointment.id = %(id)s AND customer.phone = %(phone)s"
        f"{' FOR UPDATE OF appointment' if lock else ''}",
        {"id": appointment_id, "phone": phone},
    )
    row = await found.fetchone()
    if row is None:
        raise NotFound(f"appointment {appointment_id} does not exist or is another phone's")
    return from_row(row)


async def _changeable(
    connection: Connection, phone: str, appointment_id: int, now: datetime
) -> Appointment:
    appointment = await _read(connection, phone, appointment_id, lock=True)
    if appointment.state == "cancelled":
        raise AlreadyCancelled(f"{appointment.reference} is cancelled")
    if appointment.start <= now:
        raise InThePast(f"{appointment.reference} began at {appointment.start.isoformat()}")
    return appointment


async def _or_nearest(
    connection: Connection,
    catalogue: Catalogue,
    change: Callable[[], Awaitable[Appointment]],
    *,
    service: str,
    location: str,
    start: datetime,
    now: datetime,
    ignoring: int | None = None,
) -> Appointment:
    """Make a change; if nobody is free, look for the nearest times, there or else anywhere."""
    try:
        return await change()
    except (NobodyFree, ExclusionViolation):
        free = []
        for place in (location, None):
            free = await nearest_slots(
                connection,
                catalogue,
                service=service,
                location=place,
                wanted=start,
                now=now,
                limit=NEAREST,
                ignoring=ignoring,
            )
            if free:
                break
    raise SlotTaken(f"nobody is free at {location} at {start.isoformat()}", free)
