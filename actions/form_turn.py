"""Whether a text inside a form is an answer to it or something else that a rule answers."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import ActionExecutionRejected, SlotSet

from actions.turn import Turn, events_of_turn

Events = list[dict[str, Any]]

OTHER_TOPICS = frozenset({"help", "human", "bot_challenge", "ask_appointment", "cancel_reminder"})
"""Always answered by a rule; the form asks again afterwards."""

SMALL_TALK = frozenset(
    {
        "greet",
        "thanks",
        "goodbye",
        "out_of_scope",
        "nlu_fallback",
        "ask_hours",
        "ask_location",
        "other_language",
        "running_late",
    }
)
"""Answered by a rule unless there is also an answer to the form in the text."""

CHANGES = frozenset(
    {
        "book_appointment",
        "confirm_appointment",
        "reschedule_appointment",
        "cancel_appointment",
        "remind_me",
    }
)
"""Begin a form of their own."""

_LEAVES = re.compile(
    r"\b(?:never ?mind|nvm|nevermind|forget (?:it|that|about it)|leave it|drop it|skip it"
    r"|changed my mind|not now|(?:please )?stop (?:this|it))\b",
    re.IGNORECASE,
)
_EXISTING = re.compile(
    r"\b(?:app(?:oin)?t(?:ment)?s?|apt|booking|another|new one)\b", re.IGNORECASE
)
_BARE_CANCEL = re.compile(r"cancel(?: (?:it|that|this))?[.!]?", re.IGNORECASE)
_ASKS_WHERE = re.compile(
    r"\b(?:where|address|directions|street|located|get (?:to|there)|find)\b", re.IGNORECASE
)
_STARTS_OVER = re.compile(
    r"\b(?:start(?:ing)? (?:over|again)|begin again|from the (?:start|beginning|top))\b",
    re.IGNORECASE,
)


def leaves(turn: Turn) -> bool:
    """Whether the customer wants out: "never mind", or "cancel" with nothing that it could be.

    A bare "cancel" in the middle of a form means the form. "Cancel my appointment" does not.
    """
    return bool(_LEAVES.search(turn.text) or _BARE_CANCEL.fullmatch(turn.text))


def asks_where(turn: Turn) -> bool:
    """Whether a place is named in a question about it, and not chosen."""
    return turn.intent == "ask_location" and bool(_ASKS_WHERE.search(turn.text))


def means_this_talk(turn: Turn) -> bool:
    """Whether "thurs instead" or "change it to 4" is about what is being talked about.

    Said of an appointment that stands, people name it: "move my appointment".
    """
    return not _EXISTING.search(turn.text) and turn.value("reference") is None


def starts_over(turn: Turn) -> bool:
    """Whether the customer wants all of the form's questions again."""
    return bool(_STARTS_OVER.search(turn.text))


class FormTurn:
    """How a form was called: newly begun, answered, or run again after a rule answered.

    Rasa runs a form again once a rule has answered a question in the middle of it. The form then
    only repeats its own question.

    Attributes:
        begun: the form has become active with this text.
        again: the form gave this text away before, and was answered by a rule.
        asked: the slot that the form asked for last.
    """

    def __init__(self, tracker: Tracker, form: str) -> None:
        self._form = form
        happened = {(event.get("event"), event.get("name")) for event in events_of_turn(tracker)}
        self.again = ("action_execution_rejected", form) in happened
        self.begun = not self.again and ("active_loop", form) in happened
        self.asked: str | None = None if self.begun else tracker.get_slot("requested_slot")

    def give_away(self) -> Events:
        """The events that let a rule answer this turn."""
        return [ActionExecutionRejected(self._form)]


def slots(**values: Any) -> Events:
    """Events that set these slots."""
    return [SlotSet(name, value) for name, value in values.items()]
