"""Who came and who did not, as the front desk notes it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from database.pool import Connection
from practice.catalogue import load_catalogue
from practice.changes import once
from practice.errors import AlreadyCancelled, NotBegun, NotFound
from practice.records import SELECT, Appointment, from_row

Attendance = Literal["kept", "missed"]

MARK = "UPDATE appointment SET state = %(state)s, updated_at = %(now)s WHERE id = %(id)s"


async def mark(
    connection: Connection, key: str, attendance: Attendance, *, reference: str, now: datetime
) -> Appointment:
    """Note whether the customer came; what was noted before may be corrected.

    Args:
        connection: to write with.
        key: of this change.
        attendance: ``kept`` or ``missed``.
        reference: of the appointment, in upper or lower case.
        now: aware.

    Raises:
        NotFound: there is no appointment with this reference.
        AlreadyCancelled: it was cancelled.
        NotBegun: it has not begun.
        KeyReused: the key stands for another change.
    """
    found = await _read(connection, reference)

    async def make() -> Appointment:
        appointment = await _read(connection, reference, lock=True)
        if appointment.state == "cancelled":
            raise AlreadyCancelled(f"{appointment.reference} is cancelled")
        if appointment.start > now:
            raise NotBegun(f"{appointment.reference} begins at {appointment.start.isoformat()}")
        if appointment.state != attendance:
            values = {"id": appointment.id, "state": attendance, "now": now}
            await connection.execute(MARK, values)
        return await _read(connection, reference)

    return await once(connection, key, attendance, phone=found.phone, now=now, make=make)


async def on_day(connection: Connection, day: date) -> list[Appointment]:
    """All appointments of a day on the calendars of their locations, in order of time.

    Args:
        connection: to read with.
        day: which one.
    """
    catalogue = await load_catalogue(connection)
    found: list[Appointment] = []
    for location in catalogue.locations.values():
        begin = datetime.combine(day, time(), ZoneInfo(location.timezone))
        rows = await connection.execute(
            f"{SELECT} WHERE location.id = %(location)s"
            " AND appointment.during && tstzrange(%(begin)s, %(end)s)"
            " AND lower(appointment.during) >= %(begin)s",
            {
                "location": location.id,
                "begin": begin.astimezone(UTC),
                "end": (begin + timedelta(days=1)).astimezone(UTC),
            },
        )
        found += [from_row(row) async for row in rows]
    return sorted(found, key=lambda one: (one.start, one.id))


async def _read(connection: Connection, reference: str, *, lock: bool = False) -> Appointment:
    rows = await connection.execute(
        f"{SELECT} WHERE appointment.reference = %(reference)s"
        f"{' FOR UPDATE OF appointment' if lock else ''}",
        {"reference": reference.upper()},
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound(f"there is no appointment {reference}")
    return from_row(row)
