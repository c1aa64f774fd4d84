"""What is said when a text was not understood."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.changes import asked
from actions.form_turn import Events
from actions.turn import Turn, misunderstood_in_a_row

FIRST, SECOND = 1, 2


class ActionFallback(Action):
    """Apologises and says what can be asked; then in other words; then offers a person."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_fallback"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Answer by how often in a row it happened."""
        misses = misunderstood_in_a_row(tracker)
        if misses > SECOND:
            dispatcher.utter_message(response="utter_fallback_third")
            return asked("human", Turn.of(tracker))
        if tracker.active_loop_name:
            # The form asks its question again right below.
            dispatcher.utter_message(response="utter_fallback_in_form")
        else:
            first = misses <= FIRST
            dispatcher.utter_message(
                response="utter_fallback_first" if first else "utter_fallback_second"
            )
        return []
