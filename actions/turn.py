"""What a customer's turn says, read from the tracker that Rasa sends to an action."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from rasa_sdk import Tracker

PRACTICE_PHONE = "+12125550100"
"""Who texts when nobody said so: ``rasa shell`` and ``rasa test`` have no phone."""

_LONE_NUMBER = re.compile(
    r"([1-9])[.)]?|(?:ok |yes |i'?ll take |i want |give me )?(?:option|number|no\.?|#) ?"
    r"([1-9])[.)]?(?: (?:please|pls|works(?: for me)?|is (?:fine|good|ok)))?[.!]?",
    re.IGNORECASE,
)
_ORDINALS = {
    "first": 0,
    "1st": 0,
    "second": 1,
    "2nd": 1,
    "third": 2,
    "3rd": 2,
    "fourth": 3,
    "4th": 3,
    "last": -1,
}
_ORDINAL = re.compile(
    rf"(?:i'?ll take |i want |give me )?(?:the )?({'|'.join(_ORDINALS)})"
    r"(?: (?:one|time|slot|option|appointment|appt))?(?: (?:please|pls|works|is fine))?[.!]?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation, as its actions see it.

    Attributes:
        id: the same on every attempt at this turn; changes in the database are keyed with it.
        phone: the customer's, E.164.
        received_at: when the text came, UTC; "today" is counted from here, never from the
            server's clock, which is later after a crash.
        text: as written.
        intent: as understood.
        confidence: in the intent, 0 to 1.
        entities: as found, in order.
    """

    id: str
    phone: str
    received_at: datetime
    text: str
    intent: str
    confidence: float
    entities: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, tracker: Tracker) -> Turn:
        """The latest turn of a conversation.

        Outside a channel that names the customer (``rasa shell``, ``rasa test``) the phone is a
        practice phone, the text came just now and no other attempt at the turn exists.
        """
        message = tracker.latest_message
        told = message.get("metadata") or {}
        received = told.get("received_at")
        intent = message.get("intent") or {}
        return cls(
            id=told.get("turn_id") or str(uuid4()),
            phone=told.get("phone") or PRACTICE_PHONE,
            received_at=datetime.fromisoformat(received) if received else datetime.now(UTC),
            text=(message.get("text") or "").strip(),
            intent=intent.get("name") or "",
            confidence=float(intent.get("confidence") or 0.0),
            entities=tuple(message.get("entities") or ()),
        )

    def key(self, change: str) -> str:
        """The idempotency key of a change that this turn makes, such as ``book``."""
        return f"{self.id}:{change}"

    def value(self, entity: str) -> str | None:
        """The first value of an entity that is a text, such as a service."""
        for found in self.entities:
            if found.get("entity") == entity and isinstance(found.get("value"), str):
                return str(found["value"])
        return None

    def choice(self, count: int) -> int | None:
        """Which of ``count`` options is named by its place: "2", "option 2", "the last one".

        Returns:
            An index from 0, or None when no place is named or there is no such option.
        """
        text = " ".join(self.text.split())
        if number := _LONE_NUMBER.fullmatch(text):
            index = int(number[1] or number[2]) - 1
        elif ordinal := _ORDINAL.fullmatch(text):
            index = _ORDINALS[ordinal[1].lower()]
            index = count - 1 if index < 0 else index
        else:
            return None
        return index if 0 <= index < count else None


def events_of_turn(tracker: Tracker) -> list[dict[str, Any]]:
    """What happened since the customer's latest text, the newest first."""
    events = []
    for event in reversed(tracker.events):
        if event.get("event") == "user":
            break
        events.append(event)
    return events
