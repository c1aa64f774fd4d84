"""More than one thing in a text: "yes and what are your hours?", and one reply to all of it.

The NLU says what step the text takes, and puts the questions that it asks besides (``alongside`` in
config.yml says which) into its parse data, in the order of the text:
``also: [{"intent": {"name", "confidence"}, "text", "start", "end"}]``. The step is handled first,
then the others as if they had been texted after it. Whatever was asked last stays the last thing in
the reply, and is asked once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rasa.core.channels.channel import OutputChannel
from rasa.shared.core.events import Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

MOST = 2
"""Of what else a text holds, so much is answered: a reply is a text message."""

STEPS = frozenset(
    {"book_appointment", "cancel_appointment", "confirm_appointment", "reschedule_appointment"}
)
"""Intents that begin something; taken up only while nothing is open."""

_JOINTS = re.compile(r"[\s,.;!?]+(?:and|also|but|plus|btw)[\s,.;!?]*$", re.IGNORECASE)
"""What is left at the end of a step when the question behind it is taken away."""

ASKING_SLOTS = ("pending_change", "question")
"""Set while the assistant waits for an answer outside a form."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one of the things in a text was answered with.

    Attributes:
        answers: messages.
        question: messages that ask something which the customer is to answer next.
    """

    answers: list[dict[str, Any]]
    question: list[dict[str, Any]]

    def then(self, more: Said, *, still_open: bool) -> Said:
        """This and, before its question, more.

        Args:
            more: what was said after this.
            still_open: whether the question of this can still be answered.
        """
        question = more.question or (self.question if still_open else [])
        new = [message for message in more.answers if message not in question]
        return Said(self.answers + new, question)


class Gathered(OutputChannel):
    """Keeps what is said, and which action said it, instead of sending it.

    Args:
        channel: that it is gathered for.
        asked: a form whose question stands already, so that it need not run to ask again.
    """

    def __init__(self, channel: OutputChannel, asked: str | None = None) -> None:
        self._channel = channel
        self._said: list[tuple[str, dict[str, Any]]] = []
        self.asked = asked
        self.speaker = ""

    def name(self) -> str:  # a class method in Rasa, asked of instances
        """That of the channel, so that its responses apply."""
        return str(self._channel.name())

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Keep a message."""
        self._said.append((self.speaker, message))

    def said(self, tracker: DialogueStateTracker, events: Sequence[Event]) -> Said:
        """What was said, and what of it is a question.

        Args:
            tracker: as it is now.
            events: those in which it was said.
        """
        last = self._said[-1][0] if self._said else ""
        asks = last == tracker.active_loop_name or any(
            isinstance(event, SlotSet) and event.key in ASKING_SLOTS and event.value is not None
            for event in events
        )
        return Said(
            [message for speaker, message in self._said if not (asks and speaker == last)],
            [message for speaker, message in self._said if asks and speaker == last],
        )


def parted(parse: dict[str, Any]) -> dict[str, Any]:
    """Parse data with words and entities where they belong: to the step, or to another question.

    "Downtown, are you open saturdays?" chooses a place, and no Saturday.
    """
    if not parse.get("also"):
        return parse
    also, rest, step, end = [], list(parse["entities"]), "", 0
    for item in parse["also"]:
        within = [
            one for one in rest if item["start"] <= one["start"] and one["end"] <= item["end"]
        ]
        rest = [one for one in rest if one not in within]
        moved = [
            one | {"start": one["start"] - item["start"], "end": one["end"] - item["start"]}
            for one in within
        ]
        also.append({**item, "entities": moved})
        step, end = step + parse["text"][end : item["start"]], item["end"]
    words = _JOINTS.sub("", step + parse["text"][end:]).strip(" \t\n.,;:!?")
    return {**parse, "text": words, "entities": rest, "also": also}


def is_open(tracker: DialogueStateTracker) -> bool:
    """Whether the assistant waits for an answer of the customer's."""
    return bool(tracker.active_loop_name) or any(tracker.get_slot(slot) for slot in ASKING_SLOTS)


def further(tracker: DialogueStateTracker) -> Iterator[UserUttered]:
    """What else the latest text holds, as texts of their own; asked for one after the other.

    Args:
        tracker: of the conversation; what is open in it decides on the next one.
    """
    text = tracker.latest_message
    handled = {text.intent.get("name")} if text else set()
    for item in (text.parse_data.get("also") or []) if text else []:
        name = item["intent"]["name"]
        if name in handled or len(handled) > MOST:
            continue
        if name not in STEPS or not is_open(tracker):
            handled.add(name)
            yield UserUttered(
                item["text"],
                item["intent"],
                item["entities"],
                {**item, "intent_ranking": [item["intent"]]},
                input_channel=text.input_channel,
                message_id=f"{text.message_id}.{len(handled)}",
                metadata=text.metadata,
            )
