"""Moving an appointment: which one, to when, then a YES."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher

from actions import asking
from actions.appointments_change import ProposeChange, ValidateChangeForm, offer_both
from actions.changes import about, reconsidered
from actions.form_turn import Events, FormTurn, means_this_talk, slots, starts_over
from actions.search import Search
from actions.times import (
    Talk,
    bare_time,
    only_wants_another,
    others,
    read_offers,
    remembered,
    repeat,
    settle,
    speaks_of_time,
)
from actions.turn import Turn
from actions.wishes import Wish
from database.pool import Connection
from practice.catalogue import load_catalogue
from practice.records import Appointment


def _reconsiders_booking(tracker: Tracker, turn: Turn) -> bool:
    return bool(reconsidered(tracker, turn, "book")) and means_this_talk(turn)


class ValidateRescheduleForm(ValidateChangeForm):
    """Which appointment to move, and to when."""

    kind = "reschedule"
    intent = "reschedule_appointment"
    which = "utter_which_to_move"
    none = "utter_none_to_change"

    def name(self) -> str:
        """As Rasa calls it for ``reschedule_form``."""
        return "validate_reschedule_form"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """As for every change, but "thurs instead" after the summary of a booking is about that."""
        turn = Turn.of(tracker)
        if FormTurn(tracker, "reschedule_form").begun:
            if _reconsiders_booking(tracker, turn):
                return [*about(None), *slots(requested_slot=None)]
            if turn.intent == "reschedule_appointment" and not speaks_of_time(turn):
                both = await offer_both(dispatcher, tracker, turn)
                if both is not None:
                    return both
        return await super().run(dispatcher, tracker, domain)

    def _answers(self, tracker: Tracker, turn: Turn, known: Sequence[Appointment]) -> bool:
        offered = tracker.get_slot("offered") or []
        chooses = turn.choice(len(offered)) is not None or turn.intent in ("deny", "affirm")
        return (
            speaks_of_time(turn)
            or turn.value("location") is not None
            or bool(offered and (chooses or bare_time(turn, len(offered))))
            or super()._answers(tracker, turn, known)
        )

    def without_appointment(
        self, turn: Turn, form_turn: FormTurn, tracker: Tracker, example: Appointment
    ) -> Events:
        """Keep the new time that the first text named: "move my appointment to friday"."""
        wish = self._wish(tracker, turn, form_turn)
        if form_turn.begun:
            zone = ZoneInfo(example.location.timezone)
            wish = remembered(turn, wish, zone, booking=False)
        return [
            *about(None),
            *slots(
                start=None,
                offered=None,
                location=turn.value("location"),
                when=wish.to_slot(),
            ),
        ]

    def _wish(self, tracker: Tracker, turn: Turn, form_turn: FormTurn) -> Wish:
        if not form_turn.begun:
            return Wish.from_slot(tracker.get_slot("when"))
        earlier = reconsidered(tracker, turn, "reschedule")
        if earlier is None or earlier.start is None:
            return Wish()
        return Wish(((earlier.start, earlier.start),))

    async def settled(
        self,
        connection: Connection,
        dispatcher: CollectingDispatcher,
        tracker: Tracker,
        form_turn: FormTurn,
        turn: Turn,
        chosen: Appointment,
    ) -> Events:
        """Find the new time."""
        catalogue = await load_catalogue(connection)
        location = self._location(tracker, form_turn, turn)
        if location not in catalogue.locations:
            location = chosen.location.key
        search = Search(
            connection,
            catalogue,
            chosen.service.key,
            location,
            turn.received_at,
            ignoring=chosen.id,
            avoid=((chosen.start, chosen.start),),
        )
        wish = self._wish(tracker, turn, form_turn)
        if starts_over(turn):
            wish = Wish()
        elif not wish.windows and location != chosen.location.key and form_turn.begun:
            wish = Wish(((chosen.start, chosen.start),))  # "to lakeside", at the same time
        offered = read_offers(None if form_turn.begun else tracker.get_slot("offered"))
        talk = Talk(wish, offered, chosen.start)
        which_was_asked = form_turn.asked == "appointment"
        if form_turn.again or which_was_asked:
            result = await repeat(search, talk)
        elif form_turn.begun and only_wants_another(turn, wish):
            result = await others(search, turn, talk)
        else:
            result = await settle(search, turn, talk)
        found = result.found
        if found.chosen == chosen.start and found.location == chosen.location.key:
            # The time that it has already: there is nothing to say YES to.
            found = await search.find(Wish())
        if found.chosen is None:
            shown = asking.offer_times(dispatcher, found, again=form_turn.again)
            return slots(
                start=None,
                location=location,
                when=result.wish.to_slot(),
                offered=shown,
                requested_slot="start",
            )
        return slots(
            start=found.chosen.isoformat(),
            location=found.location,
            when=result.wish.to_slot(),
            offered=[],
            requested_slot=None,
        )

    def _location(self, tracker: Tracker, form_turn: FormTurn, turn: Turn) -> str | None:
        told = turn.value("location")
        if told is not None or not form_turn.begun:
            return told or tracker.get_slot("location")
        earlier = reconsidered(tracker, turn, "reschedule")
        return earlier.location if earlier else None


class ActionProposeMove(ProposeChange):
    """Asks whether to move."""

    kind = "reschedule"
    response = "utter_confirm_move"

    def name(self) -> str:
        """As the rules call it."""
        return "action_propose_move"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Ask; or go back to a booking, where the text was about that."""
        if not tracker.get_slot("appointment") and _reconsiders_booking(tracker, Turn.of(tracker)):
            return [FollowupAction("book_form")]
        return await super().run(dispatcher, tracker, domain)
