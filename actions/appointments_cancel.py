"""Cancelling an appointment: which one, then a YES, unless the customer has been that clear."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher

from actions.agreeing import accept
from actions.appointments_change import ProposeChange, ValidateChangeForm, offer_both
from actions.attendance import was_moved
from actions.changes import about, pending, reconsidered, shelved, waiting
from actions.form_turn import Events, FormTurn, leaves, slots
from actions.pending import PendingChange
from actions.reminding import was_set_lately
from actions.turn import Turn
from database.pool import Connection
from practice.records import Appointment


class ValidateCancelForm(ValidateChangeForm):
    """Which appointment to cancel."""

    kind = "cancel"
    intent = "cancel_appointment"
    which = "utter_which_to_cancel"
    none = "utter_none_to_change"

    def name(self) -> str:
        """As Rasa calls it for ``cancel_form``."""
        return "validate_cancel_form"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """As for every change, but a bare "cancel" after another summary is a NO to that."""
        change, turn = pending(tracker), Turn.of(tracker)
        if FormTurn(tracker, "cancel_form").begun:
            if change and change.kind in ("book", "reschedule") and leaves(turn):
                dispatcher.utter_message(response="utter_declined")
                return [*shelved(change), *about(None), *slots(requested_slot=None)]
            if change is None and leaves(turn) and was_set_lately(tracker, turn):
                return [*about(None), *slots(requested_slot=None)]  # it means that reminder
            if (both := await offer_both(dispatcher, tracker, turn)) is not None:
                return both
        return await super().run(dispatcher, tracker, domain)

    async def settled(
        self,
        connection: Connection,
        dispatcher: CollectingDispatcher,
        tracker: Tracker,
        form_turn: FormTurn,
        turn: Turn,
        chosen: Appointment,
    ) -> Events:
        """Nothing more is needed; who chose to cancel what we named is not asked again.

        Unless it was moved since we named it: then it is not what the customer chose to cancel.
        """
        shown = reconsidered(tracker, turn, "confirm")
        clear = turn.intent == self.intent and turn.value("appointment") == chosen.reference
        asks = not clear or shown is None or was_moved(shown, chosen)
        agreed = () if asks else waiting(PendingChange.of("cancel", chosen, turn.received_at))
        return [*agreed, *slots(requested_slot=None)]


class ActionProposeCancellation(ProposeChange):
    """Asks whether to cancel; cancels at once where a text of ours offered just that.

    Who texts X to "X to cancel", or the number of "Cancel it", has read which appointment it is
    and said what is to become of it: a second question is one that many never answer, and their
    time stays taken. The answer says how to book again.
    """

    kind = "cancel"
    response = "utter_confirm_cancellation"

    def name(self) -> str:
        """As the rules call it."""
        return "action_propose_cancellation"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Cancel what was chosen, or ask; a bare "cancel" may mean a reminder just asked for."""
        turn = Turn.of(tracker)
        reference = tracker.get_slot("appointment")
        if not reference and leaves(turn) and was_set_lately(tracker, turn):
            return [FollowupAction("action_cancel_reminder")]
        change = pending(tracker)
        if change is not None and change.reference == reference:
            return await accept(dispatcher, turn, change)
        return await super().run(dispatcher, tracker, domain)
