"""An appointment as it is read from the database, and as it is kept as a change's result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from practice.catalogue import Location, Service

State = Literal["booked", "confirmed", "cancelled", "kept", "missed"]


@dataclass(frozen=True, slots=True)
class Appointment:
    """Somebody comes for a service, to a place, at a time.

    Attributes:
        id: in the database.
        reference: for people: ``HEC-4K7Q``; stays when the appointment is moved.
        phone: E.164; whose appointment it is.
        customer_name: who comes.
        service: what for.
        location: where.
        start: aware, UTC.
        end: aware, UTC.
        state: ``booked``, ``confirmed`` by the customer, or ``cancelled``; once it has begun also
            ``kept`` or ``missed``, where that was noted.
        staff: the name of who sees the customer.
    """

    id: int
    reference: str
    phone: str
    customer_name: str
    service: Service
    location: Location
    start: datetime
    end: datetime
    state: State
    staff: str


# Every statement that reads appointments begins with this.
SELECT = """
SELECT appointment.id, appointment.reference, customer.phone, appointment.customer_name,
    lower(appointment.during) AS start, upper(appointment.during) AS end, appointment.state,
    staff.name AS staff, to_jsonb(service) AS service, to_jsonb(location) AS location
FROM appointment
JOIN customer ON customer.id = appointment.customer_id
JOIN service ON service.id = appointment.service_id
JOIN location ON location.id = appointment.location_id
JOIN staff ON staff.id = appointment.staff_id
"""


def from_row(row: dict[str, Any]) -> Appointment:
    """The appointment of a row of ``SELECT``."""
    return Appointment(
        **row
        | {
            "service": Service.from_json(row["service"]),
            "location": Location(**row["location"]),
            "start": row["start"].astimezone(UTC),
            "end": row["end"].astimezone(UTC),
        }
    )


def to_json(appointment: Appointment) -> dict[str, Any]:
    """All of an appointment as JSON."""
    return asdict(appointment) | {
        "start": appointment.start.isoformat(),
        "end": appointment.end.isoformat(),
    }


def from_json(stored: dict[str, Any]) -> Appointment:
    """The appointment that ``to_json`` was given."""
    return from_row(
        stored
        | {
            "start": datetime.fromisoformat(stored["start"]),
            "end": datetime.fromisoformat(stored["end"]),
        }
    )
