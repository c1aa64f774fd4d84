"""Conversations that we begin: what the customer's answer to a text of ours is about. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from messaging.menus import answer_of


@dataclass(frozen=True, slots=True)
class Opening:
    """What an answer to a text means, that nobody asked for.

    It counts from the moment the text left for the gateway, until the customer's next turn has
    taken it up or its time has run out. Its answers count longer: until one of them was used or
    the assistant has asked something itself.

    Attributes:
        expires_at: until when an answer is understood as one to this text, aware.
        slots: of the assistant, by name, as they are before it reads the answer; JSON.
        answers: what is given to the assistant in place of a text that is one of these words,
            by the word in lower case: ``{"r": "/reschedule_appointment"}``. A word that also
            opts out (CANCEL, END) means this as long as they count; STOP, START and HELP never
            do.

    Raises:
        ValueError: ``expires_at`` has no offset, or a text can never be one of the words.
    """

    expires_at: datetime
    slots: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what would never be found, before it is stored."""
        if self.expires_at.tzinfo is None:
            raise ValueError("expires_at needs an offset from UTC")
        for word in self.answers:
            if not word or answer_of(word) != word:
                raise ValueError(
                    f"no text is ever read as {word!r}; write the word in lower case, "
                    "without marks around it"
                )


@dataclass(frozen=True, slots=True)
class Begun:
    """A conversation that we began, as a turn finds it.

    Attributes:
        text_id: of the text that began it, or of the first of its parts.
        words: what it said.
        at: when it left.
        opening: what an answer to it means.
        told: whether the assistant learnt of it in an earlier turn.
    """

    text_id: UUID
    words: str
    at: datetime
    opening: Opening
    told: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """An answer that a text of ours had offered.

    Attributes:
        begun: the conversation that the text began.
        payload: what the answer means, for the assistant.
    """

    begun: Begun
    payload: str


def taken(body: str, begun: Sequence[Begun]) -> Taken | None:
    """The answer that ``body`` is; None where it is none that was offered.

    Args:
        body: the whole text.
        begun: conversations whose answers count, the oldest first. Of several that offer the
            same word, the last one is meant.
    """
    word = answer_of(body)
    for one in reversed(begun):
        payload = one.opening.answers.get(word)
        if payload is not None:
            return Taken(one, payload)
    return None
