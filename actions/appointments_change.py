"""Changing an appointment: which one, then a YES. Confirming needs no more."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import asking
from actions.attendance import ask_move_or_cancel, only_cannot_come, reminded
from actions.changes import (
    about,
    asked,
    done,
    is_for_others,
    left,
    pending,
    reconsidered,
    shelved,
    talked_about,
    waiting,
)
from actions.database import connect
from actions.form_turn import Events, FormTurn, leaves, slots, starts_over
from actions.mentions import mentions
from actions.pending import Kind, PendingChange, confirmation_time
from actions.prompts import prompt
from actions.turn import Turn
from database.pool import Connection
from practice import words
from practice.appointments import upcoming
from practice.catalogue import load_catalogue
from practice.records import Appointment


def named(turn: Turn, appointments: Sequence[Appointment]) -> Appointment | None:
    """The one appointment that a text names: by number, reference, old time, service or place."""
    reference = turn.value("appointment") or turn.value("reference")
    if reference is not None:
        wanted = reference.upper().replace(" ", "-")
        return next((one for one in appointments if one.reference == wanted), None)
    index = turn.choice(min(len(appointments), asking.MOST_APPOINTMENTS))
    if index is not None:
        return appointments[index]
    fitting = [one for one in appointments if _fits(turn, one)]
    return fitting[0] if len(fitting) == 1 else None


def names_one(turn: Turn) -> bool:
    """Whether a text tells its appointment from others: "the lakeside one", "my 3pm"."""
    moves = turn.intent == "reschedule_appointment"
    roles = ("old",) if moves else ("old", "offered")
    told = ["appointment", "reference", "service", *(() if moves else ("location",))]
    return any(map(turn.value, told)) or any(
        mention.role in roles for mention in mentions(turn.entities)
    )


def _fits(turn: Turn, appointment: Appointment) -> bool:
    if turn.value("service") not in (None, appointment.service.key):
        return False
    # "Move my eye exam to lakeside" names where to, "the lakeside one" names which.
    moves = turn.intent == "reschedule_appointment"
    if not moves and turn.value("location") not in (None, appointment.location.key):
        return False
    zone = ZoneInfo(appointment.location.timezone)
    local = appointment.start.astimezone(zone).replace(tzinfo=None)
    roles = ("old",) if moves else ("old", "offered")
    now = turn.received_at.astimezone(zone).replace(tzinfo=None)
    # "Next week at 3" is a time on each of its days: one of them must fit.
    fits: dict[str, bool] = {}
    for mention in mentions(turn.entities):
        if mention.role in roles:
            first, last = (mention.on(local.date()) if mention.date_free else mention).span(now)
            here = first <= local < last or local == first
            fits[mention.text] = fits.get(mention.text, False) or here
    return all(fits.values())


class ValidateChangeForm(Action, ABC):
    """Finds out which appointment is meant; the base of the forms that change one.

    Attributes:
        kind: of the change.
        intent: that begins the form.
        which: the response that asks which of several.
        none: the response for a customer without appointments.
    """

    kind: ClassVar[Kind]
    intent: ClassVar[str]
    which: ClassVar[str]
    none: ClassVar[str]

    @abstractmethod
    def name(self) -> str:
        """As Rasa calls it for the form. Abstract, so that the base itself is not registered."""

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Fill the form's slots; end it when nothing is missing."""
        turn, form_turn = Turn.of(tracker), FormTurn(tracker, f"{self.kind}_form")
        async with connect() as connection:
            known = await upcoming(connection, turn.phone, turn.received_at)
            chosen = self._chosen(tracker, form_turn, turn, known)
            if not form_turn.begun and not form_turn.again:
                answers = self._answers(tracker, turn, known)
                if leaves(turn) or (turn.intent == "deny" and not answers):
                    dispatcher.utter_message(response="utter_left_form")
                    return left()
                if starts_over(turn):
                    chosen = known[0] if len(known) == 1 else None
                elif is_for_others(tracker, turn, own=self.intent, answers=answers):
                    return form_turn.give_away()
            if form_turn.begun and _is_gone(tracker, turn, known):
                dispatcher.utter_message(response="utter_appointment_gone")
                return left()
            if not known:
                dispatcher.utter_message(response=self.none)
                return [*left(), *asked("book", turn)]
            if chosen is None:
                asking.ask_which(dispatcher, self.which, known)
                return [
                    *(shelved(None) if form_turn.begun else ()),
                    *self.without_appointment(turn, form_turn, tracker, known[0]),
                    *slots(requested_slot="appointment"),
                ]
            return [
                *self._set_aside(tracker, turn, form_turn),
                *about(chosen),
                *await self.settled(connection, dispatcher, tracker, form_turn, turn, chosen),
            ]

    def _chosen(
        self, tracker: Tracker, form_turn: FormTurn, turn: Turn, known: Sequence[Appointment]
    ) -> Appointment | None:
        if len(known) == 1:
            return known[0]
        if form_turn.begun and names_one(turn) and (told := named(turn, known)) is not None:
            return told
        before = tracker.get_slot("appointment") if not form_turn.begun else None
        if form_turn.begun and (earlier := talked_about(tracker, turn)) is not None:
            before = earlier.reference
        settled_before = next((one for one in known if one.reference == before), None)
        if form_turn.again or (settled_before and form_turn.asked != "appointment"):
            by_name = None if form_turn.again else turn.value("reference")
            return settled_before if by_name is None else named(turn, known)
        return named(turn, known) or settled_before

    def _answers(self, tracker: Tracker, turn: Turn, known: Sequence[Appointment]) -> bool:
        return bool(mentions(turn.entities)) or (
            named(turn, known) is not None and (len(known) > 1 or turn.intent == "inform")
        )

    def _set_aside(self, tracker: Tracker, turn: Turn, form_turn: FormTurn) -> Events:
        return shelved(reconsidered(tracker, turn, self.kind)) if form_turn.begun else []

    def without_appointment(
        self, turn: Turn, form_turn: FormTurn, tracker: Tracker, example: Appointment
    ) -> Events:
        """What to remember of a text while it is not known which appointment is meant."""
        return about(None)

    async def settled(
        self,
        connection: Connection,
        dispatcher: CollectingDispatcher,
        tracker: Tracker,
        form_turn: FormTurn,
        turn: Turn,
        chosen: Appointment,
    ) -> Events:
        """What follows once it is known which appointment is meant."""
        return slots(requested_slot=None)


def _is_gone(tracker: Tracker, turn: Turn, known: Sequence[Appointment]) -> bool:
    """Whether the appointment that we asked about stands no more, and no other one is named."""
    change = pending(tracker)
    wanted = turn.value("appointment") or (change.reference if change is not None else None)
    if wanted is None or any(one.reference == wanted for one in known):
        return False
    return not (names_one(turn) and named(turn, known))


async def offer_both(
    dispatcher: CollectingDispatcher, tracker: Tracker, turn: Turn
) -> Events | None:
    """Ask who cannot come, in answer to a reminder, whether to move it or to cancel it.

    Returns:
        None where there is nothing to ask.
    """
    change = reconsidered(tracker, turn, "confirm")
    if change is None or not only_cannot_come(turn):
        return None
    async with connect() as connection:
        known = await upcoming(connection, turn.phone, turn.received_at)
    appointment = reminded(known, change)
    if appointment is None or (names_one(turn) and named(turn, known) not in (None, appointment)):
        return None
    ask_move_or_cancel(dispatcher, appointment)
    return [
        *shelved(change),
        *asked("reschedule", turn),
        *about(None),
        *slots(requested_slot=None),
    ]


class ValidateConfirmForm(ValidateChangeForm):
    """Which appointment to confirm."""

    kind = "confirm"
    intent = "confirm_appointment"
    which = "utter_which_to_confirm"
    none = "utter_none_to_change"

    def name(self) -> str:
        """As Rasa calls it for ``confirm_form``."""
        return "validate_confirm_form"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """As for every change, but "confirm" after a summary is a YES to that."""
        if FormTurn(tracker, "confirm_form").begun and pending(tracker):
            return [*about(None), *slots(requested_slot=None)]
        return await super().run(dispatcher, tracker, domain)


class ProposeChange(Action, ABC):
    """Says what is to be changed and asks for YES or NO; the base of the two that ask."""

    kind: ClassVar[Kind]
    response: ClassVar[str]

    @abstractmethod
    def name(self) -> str:
        """As the rules call it."""

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Ask; nothing is changed yet. Says nothing when the form was left before its end."""
        reference = tracker.get_slot("appointment")
        if not reference:
            return []
        turn = Turn.of(tracker)
        async with connect() as connection:
            catalogue = await load_catalogue(connection)
            known = await upcoming(connection, turn.phone, turn.received_at)
        chosen = next((one for one in known if one.reference == reference), None)
        if chosen is None:
            dispatcher.utter_message(response="utter_appointment_gone")
            return done()
        written, location = tracker.get_slot("start"), tracker.get_slot("location")
        start = datetime.fromisoformat(written) if written else chosen.start
        place = catalogue.location(location) if self.kind == "reschedule" else chosen.location
        dispatcher.utter_message(
            response=self.response,
            **asking.described(chosen),
            new_when=words.when(start, place.timezone),
            new_place=place.name,
            json_message=prompt(self.kind),
        )
        until = turn.received_at + confirmation_time()
        change = PendingChange.of(self.kind, chosen, until)
        return waiting(replace(change, location=place.key, start=start))
