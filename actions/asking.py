"""Questions with numbered answers. The words stand in domain.yml under ``responses``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rasa_sdk.executor import CollectingDispatcher

from actions.search import Found
from actions.times import Offer
from practice import words
from practice.catalogue import Catalogue
from practice.records import Appointment

ANY_PLACE = "any"
MOST_APPOINTMENTS = 4  # lines that still make two segments


def button(title: str, entity: str, value: str) -> dict[str, str]:
    """A line of a menu; choosing it is like a text that names this value."""
    return {"title": title, "payload": f"/inform{json.dumps({entity: value})}"}


def ask_service(dispatcher: CollectingDispatcher, catalogue: Catalogue) -> None:
    """Ask what the appointment is for."""
    dispatcher.utter_message(
        response="utter_which_service",
        buttons=[
            button(service.name.capitalize(), "service", service.key)
            for service in catalogue.services.values()
        ],
    )


def ask_location(dispatcher: CollectingDispatcher, catalogue: Catalogue, service: str) -> None:
    """Ask where."""
    dispatcher.utter_message(
        response="utter_which_location",
        service_name=catalogue.service(service).name,
        buttons=[
            button(place.name, "location", place.key) for place in catalogue.locations.values()
        ]
        + [button("Either one", "location", ANY_PLACE)],
    )


def offer_times(
    dispatcher: CollectingDispatcher, found: Found, *, again: bool = False
) -> list[str]:
    """Offer free times; returns what the slot ``offered`` is to hold.

    Args:
        dispatcher: to speak with.
        found: the times, and the text that goes with them.
        again: they were offered before and something else was answered in between, so few words
            must do for both to fit a text.
    """
    places = {slot.location.key for slot in found.offers}
    offers = [(slot, str(Offer(slot.start, slot.location.key))) for slot in found.offers]
    dispatcher.utter_message(
        response="utter_offer_again" if again and found.offers else found.response,
        buttons=[
            button(words.slot(slot, with_place=len(places) > 1), "offer", written)
            for slot, written in offers
        ],
        **found.values,
    )
    return [written for _, written in offers]


def ask_which(
    dispatcher: CollectingDispatcher, response: str, appointments: Sequence[Appointment]
) -> None:
    """Ask which of several appointments is meant."""
    dispatcher.utter_message(
        response=response,
        buttons=[
            button(
                f"{one.service.name.capitalize()} "
                f"{words.when(one.start, one.location.timezone, joined=' ')}",
                "appointment",
                one.reference,
            )
            for one in appointments[:MOST_APPOINTMENTS]
        ],
    )


def described(appointment: Appointment) -> dict[str, Any]:
    """What texts about an appointment may name: what, when, where and its reference."""
    return {
        "service_name": appointment.service.name,
        "when_text": words.when(appointment.start, appointment.location.timezone),
        "place": appointment.location.name,
        "address": appointment.location.address,
        "reference": appointment.reference,
        "person": appointment.customer_name,
    }


def listed(appointments: Iterable[Appointment]) -> str:
    """Several appointments, one a line."""
    return "\n".join(
        f"{words.appointment(one)} {one.reference}"
        for one in list(appointments)[:MOST_APPOINTMENTS]
    )
