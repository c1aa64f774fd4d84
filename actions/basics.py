"""What is said when a text was not understood, or held no words."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import UserUtteranceReverted
from rasa_sdk.executor import CollectingDispatcher

from actions.changes import asked, pending
from actions.form_turn import Events
from actions.turn import Turn, misunderstood_in_a_row

FIRST, SECOND = 1, 2


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
    """Apologises and says what can be asked; then in other words; then offers a person."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_fallback"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Answer by how often in a row it happened."""
        misses, turn = misunderstood_in_a_row(tracker), Turn.of(tracker)
        change = pending(tracker)
        if change is not None and not change.is_over(turn.received_at):
            dispatcher.utter_message(response="utter_yes_or_no")
            return []
        if misses > SECOND:
            dispatcher.utter_message(response="utter_fallback_third")
            return asked("human", turn)
        if tracker.active_loop_name:
            # The form asks its question again right below.
            dispatcher.utter_message(response="utter_fallback_in_form")
        else:
            first = misses <= FIRST
            dispatcher.utter_message(
                response="utter_fallback_first" if first else "utter_fallback_second"
            )
        return []
