"""What we said unasked, as events of the conversation: the assistant's words, and its slots.

What was said last is what an answer is about. So a form is left whose question stands before a
text of ours about something else; one that is about the same goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rasa.shared.core.constants import REQUESTED_SLOT
from rasa.shared.core.events import ActiveLoop, BotUttered, Event, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker

from messaging.openings import Begun


def events_of_beginning(
    begun: Sequence[Begun], slots: Mapping[str, Any], tracker: DialogueStateTracker
) -> list[Event]:
    """The events that come before the customer's text.

    Args:
        begun: conversations that we began, the oldest first.
        slots: what the text is an answer to; none where it answers something else.
        tracker: of the conversation so far.
    """
    said = [
        BotUttered(
            one.words,
            metadata={"text_id": str(one.text_id)},
            timestamp=one.at.timestamp(),
        )
        for one in begun
        if one.words
    ]
    form = tracker.active_loop_name
    if not slots or (form and _same_subject(slots, tracker)):
        return [*said]
    left = [ActiveLoop(None), SlotSet(REQUESTED_SLOT, None)] if form else []
    return [*said, *left, *(SlotSet(name, value) for name, value in slots.items())]


def _same_subject(slots: Mapping[str, Any], tracker: DialogueStateTracker) -> bool:
    """Whether the words in slots, as an appointment's reference, are those of the conversation."""
    words = {name: value for name, value in slots.items() if isinstance(value, str)}
    return bool(words) and all(tracker.get_slot(name) == value for name, value in words.items())
