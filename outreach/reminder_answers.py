"""What an answer means to what we text about an appointment."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from messaging.openings import Opening
from practice.records import Appointment

ANSWERS = {
    "c": "/confirm_appointment",
    "r": "/reschedule_appointment",
    "x": "/cancel_appointment",
}


def to_reminder(appointment: Appointment, until: datetime) -> Opening:
    """What an answer to a reminder means: that appointment, and no other.

    Args:
        appointment: that the customer is reminded of.
        until: when the reminder is no longer what a text is an answer to, aware.
    """
    zone = ZoneInfo(appointment.location.timezone)
    local = appointment.start.astimezone(zone).replace(tzinfo=None).isoformat()
    pending = {
        "kind": "confirm",
        "expires_at": until.isoformat(),
        "service": None,
        "location": appointment.location.key,
        "start": appointment.start.isoformat(),
        "name": None,
        "appointment_id": appointment.id,
        "reference": appointment.reference,
    }
    slots = {
        "appointment": appointment.reference,
        "appointment_start": local,
        "pending_change": pending,
        "shelved_change": None,
        "question": None,
        "awaits_answer": True,
    }
    return Opening(until, slots, ANSWERS)


def to_missed(appointment: Appointment, until: datetime) -> Opening:
    """What an answer to "you missed your appointment" means: YES begins a new booking.

    Args:
        appointment: that was missed.
        until: as above.
    """
    return _offer_to_book(appointment, until)


def to_recall(appointment: Appointment, until: datetime) -> Opening:
    """What an answer to "it is time for the next one" means: YES begins a booking.

    Args:
        appointment: the last one that the customer came to.
        until: as above.
    """
    return _offer_to_book(appointment, until)


def _offer_to_book(appointment: Appointment, until: datetime) -> Opening:
    question = {"about": "book", "expires_at": until.isoformat()}
    return Opening(until, {"question": question, "service": appointment.service.key})
