"""What is said when a text was not understood, or held no words."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import UserUtteranceReverted
from rasa_sdk.executor import CollectingDispatcher

from actions.agreeing import asked_again
from actions.changes import asked, pending
from actions.clarify import ask_in_other_words, ask_which, misses
from actions.form_turn import Events, slots
from actions.turn import Turn

SECOND = 2


class ActionWithoutWords(Action):
    """Answers what no rule fits: a picture alone, an empty text. Replaces Rasa's own action."""

    def name(self) -> str:
        """As Rasa calls it when nothing else applies."""
        return "action_default_fallback"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Ask for words."""
        metadata = tracker.latest_message.get("metadata") or {}
        pictured = bool(metadata.get("media_types")) and not Turn.of(tracker).text
        dispatcher.utter_message(response="utter_picture" if pictured else "utter_default")
        # As Rasa's own: a text that no rule fits must not be followed by this action again.
        return [UserUtteranceReverted()]


class ActionFallback(Action):
    """Asks what was meant, or for other words; then in other words; then hands to a person."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_fallback"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Answer by how often in a row it happened; anything understood begins the count anew."""
        missed, turn = misses(tracker), Turn.of(tracker)
        change = pending(tracker)
        if change is not None and not change.is_over(turn.received_at):
            if not await asked_again(dispatcher, turn, change):
                dispatcher.utter_message(response="utter_yes_or_no")
            return []
        if tracker.active_loop_name:
            # The form asks its question again right below.
            if missed > SECOND:
                dispatcher.utter_message(response="utter_fallback_third")
                return asked("human", turn)
            dispatcher.utter_message(response="utter_fallback_in_form")
            return []
        if missed > SECOND:
            dispatcher.utter_message(response="utter_hand_over")
            return slots(handover=True)
        if missed == SECOND:
            ask_in_other_words(dispatcher)
        elif not ask_which(dispatcher, tracker, turn, domain):
            dispatcher.utter_message(response="utter_fallback_first")
        return []
