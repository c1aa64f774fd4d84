"""What the engine needs of an assistant: a turn in, an answer out.

The Rasa assistant (``connectors/assistant.py``) is one; tests bring their own. The engine
stores an answer's events without knowing what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from messaging.media import Attachment, MediaFile
from messaging.openings import Begun


@dataclass(frozen=True, slots=True)
class Option:
    """One line of a numbered menu: what the customer reads and what choosing it means.

    Attributes:
        title: shown behind the number.
        payload: given to the assistant in place of the digit that the customer texted.
    """

    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question with a time limit.

    Attributes:
        seconds: how long an answer is waited for.
        expired: texted when none came.
    """

    seconds: float
    expired: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One text to send.

    Attributes:
        text: the body, options included as they will be read.
        media: files that go with it.
        options: what digits mean until the next turn.
        prompt: the question that this reply asks, if it asks one with a time limit.
    """

    text: str
    media: tuple[Attachment, ...] = ()
    options: tuple[Option, ...] = ()
    prompt: Prompt | None = None


@dataclass(frozen=True, slots=True)
class TurnInput:
    """What the customer said, and all that must not depend on when it is worked on.

    Attributes:
        turn_id: the same on every attempt at this turn; side effects are keyed with it.
        conversation_id: the assistant's sender id; never a phone number.
        phone: the customer's number, E.164, for the action server to know who it is.
        text: the texts of the turn joined by line breaks, or "" where only media came.
        payload: a menu option's payload, chosen by number; then ``text`` is not to be parsed.
        media_types: content types of the media that came, as claimed.
        begun: conversations that we began since the last turn, the oldest first: what we said.
        slots: to be set before ``text`` is read, because it answers one of those.
        files: the media that came, fetched or with the reason why not.
        received_at: when the last text of the turn was received, UTC; dates are read from here.
    """

    turn_id: UUID
    conversation_id: UUID
    phone: str
    text: str
    received_at: datetime
    payload: str | None = None
    media_types: tuple[str, ...] = ()
    begun: tuple[Begun, ...] = ()
    slots: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[MediaFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the assistant wants said and remembered.

    Attributes:
        replies: in the order in which they are to be sent.
        events: what is to be appended to the conversation's tracker.
        first_position: the place of the first of ``events`` in the tracker.
        intent: what was understood.
        confidence: between 0 and 1.
        policy: what chose the last action.
        timings: milliseconds by stage.
        keeps_prompt: whether the question that was open before this turn is still open.
    """

    replies: Sequence[Reply]
    events: Sequence[Mapping[str, Any]] = ()
    first_position: int = 0
    intent: str | None = None
    confidence: float | None = None
    policy: str | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    keeps_prompt: bool = False


class Assistant(Protocol):
    """Answers turns."""

    async def respond(self, turn: TurnInput) -> Answer:
        """The answer to a turn, without any trace of it outside the answer.

        Raises:
            AssistantFailed: there is none; the turn may be tried again.
        """
