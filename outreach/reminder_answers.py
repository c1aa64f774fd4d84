"""What an answer means to what we text about an appointment."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from messaging.openings import Opening
from practice.records import Appointment

ANSWERS = {
    "c": "/confirm_appointment",
    "r": "/reschedule_appointment",
    "x": "/cancel_appointment",
}
"""What letters mean; with nothing behind it, of several appointments, the assistant asks which."""

WORDS = {"r": ("reschedule",), "x": ("cancel",)}
"""Written out, what letters stand for. CANCEL opts out where nothing of ours offers it. YES and
CONFIRM are not among them: they may answer a question that stood before."""

NOTHING: dict[str, Any] = dict.fromkeys(
    ("appointment", "appointment_start", "pending_change", "shelved_change", "question")
) | {"awaits_answer": False}
"""Nothing of an older talk is meant by an answer to a text of ours."""


def to_reminder(appointment: Appointment, until: datetime) -> Opening:
    """What an answer to a reminder means: that appointment, and no other.

    The answers name it, so that what the customer chose is done to it without another question,
    as long as it is still where the reminder said.

    Args:
        appointment: that the customer is reminded of.
        until: when the reminder is no longer what a text is an answer to, aware.
    """
    zone = ZoneInfo(appointment.location.timezone)
    local = appointment.start.astimezone(zone).replace(tzinfo=None).isoformat()
    slots = NOTHING | {
        "appointment": appointment.reference,
        "appointment_start": local,
        "pending_change": _change("confirm", appointment, until)
        | {
            "start": appointment.start.isoformat(),
            "appointment_id": appointment.id,
            "reference": appointment.reference,
        },
        "awaits_answer": True,
    }
    named = f'{{"appointment": "{appointment.reference}"}}'
    return Opening(until, slots, _answers(named))


def to_several(until: datetime) -> Opening:
    """What an answer to a reminder of several appointments means: the assistant asks of which.

    Args:
        until: when the first of them begins, aware.
    """
    return Opening(until, NOTHING, _answers(""))


def _answers(named: str) -> dict[str, str]:
    answers = {letter: f"{payload}{named}" for letter, payload in ANSWERS.items()}
    return answers | {word: answers[letter] for letter, words in WORDS.items() for word in words}


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
    """The same service for the same person at the same place, unless the answer says otherwise."""
    before = _change("book", appointment, until) | {
        "service": appointment.service.key,
        "name": appointment.customer_name,
    }
    question = {"about": "book", "expires_at": until.isoformat()}
    return Opening(until, NOTHING | {"shelved_change": before, "question": question})


def _change(kind: str, appointment: Appointment, until: datetime) -> dict[str, Any]:
    """A change as the assistant's slots hold it (``actions/pending.py``)."""
    return {
        "kind": kind,
        "expires_at": until.isoformat(),
        "service": None,
        "location": appointment.location.key,
        "start": None,
        "name": None,
        "appointment_id": None,
        "reference": None,
    }
