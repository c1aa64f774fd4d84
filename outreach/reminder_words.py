"""How appointments are named in what is texted about them, and which text of notices.yml it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from outreach.templates import Templates
from practice import words
from practice.leads import Lead
from practice.records import Appointment

WEEK, DAY, HOURS = "reminder_7d", "reminder_24h", "reminder_2h"
CONFIRMED, SEVERAL = "reminder_confirmed", "reminder_several"
MISSED, RECALL = "missed", "recall"
NAMES = (WEEK, DAY, HOURS, CONFIRMED, SEVERAL, MISSED, RECALL)
"""Of all texts that are needed here."""


def template_for(lead: Lead, appointments: Sequence[Appointment]) -> str:
    """The name of the text that reminds of appointments.

    Args:
        lead: how long before; 48 h and more are worded as a week, 12 h and more as a day.
        appointments: at least one.
    """
    if all(one.state == "confirmed" for one in appointments):
        return CONFIRMED
    if len(appointments) > 1:
        return SEVERAL
    if lead.length >= timedelta(hours=48):
        return WEEK
    return DAY if lead.length >= timedelta(hours=12) else HOURS


def reminder(templates: Templates, name: str, appointments: Sequence[Appointment], who: str) -> str:
    """The words of what is texted about certain appointments.

    Times stand on the clocks of their locations, and are such that they stay true while a text
    is held: no "tomorrow" and no "in two hours".

    Args:
        templates: of notices.yml.
        name: of the text.
        appointments: at least one.
        who: the customer's name; who else comes is named.

    Raises:
        UnknownTemplate: there is no such text.
        WrongVariables: it has a variable that is not one of ``appointments``, ``name``,
            ``reference`` and ``address``.
    """
    values = {
        "appointments": "; ".join(_named(one, who) for one in appointments),
        "name": who,
        "reference": ", ".join(one.reference for one in appointments),
        "address": "; ".join(dict.fromkeys(one.location.address for one in appointments)),
    }
    return _rendered(templates, name, values)


def recall(templates: Templates, appointments: Sequence[Appointment], who: str) -> str:
    """The words of a recall.

    Args:
        templates: of notices.yml.
        appointments: the last ones of one service, each of somebody else.
        who: the customer's name; who else is meant is named.

    Raises:
        UnknownTemplate: there is no such text.
        WrongVariables: it has a variable that is not one of ``service``, ``name`` and ``people``.
    """
    people = " and ".join(one.customer_name for one in appointments)
    others = any(_is_other(one, who) for one in appointments)
    service = appointments[0].service.name
    values = {
        "service": f"{service} for {people}" if others else service,
        "name": who,
        "people": people,
    }
    return _rendered(templates, RECALL, values)


def _named(appointment: Appointment, who: str) -> str:
    if not _is_other(appointment, who):
        return words.appointment(appointment)
    moment = words.when(appointment.start, appointment.location.timezone)
    person = appointment.customer_name
    return f"{appointment.service.name} for {person}, {moment}, {appointment.location.name}"


def _is_other(appointment: Appointment, who: str) -> bool:
    return appointment.customer_name.casefold() != who.casefold()


def _rendered(templates: Templates, name: str, values: dict[str, str]) -> str:
    """A text takes what it mentions; what else there is to say it leaves out."""
    needed = templates.needed(name)
    return templates.render(name, {key: value for key, value in values.items() if key in needed})
