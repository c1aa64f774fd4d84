"""What is sealed: the columns that hold what customers say, and what we say to them.

Each constant is both the column and the purpose that is authenticated with its values. Numbers
are not sealed, because texts are found by them (docs/encryption.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from database.encryption import cipher

INBOUND_BODY = "inbound_text.body"
OUTBOUND_BODY = "outbound_text.body"
PAGE_BODY = "long_text.body"
PROMPT = "conversation.prompt_expired"
MENU = "conversation.menu"
FILE = "media_file.content"
SLOTS = "opening.slots"
ANSWERS = "opening.answers"
FAILURE = "turn.failure"
EVENT = "tracker_event.event"
SPOOLED = "spool"
"""Lines of files, not a column."""


def seal_event(event: Mapping[str, Any]) -> Any:
    """An event of a conversation as it is stored; its time stays readable, as retention needs it.

    Args:
        event: as Rasa writes it.
    """
    return cipher().seal_json(dict(event), EVENT, {"timestamp": event.get("timestamp")})


def is_session_start(event: Mapping[str, Any]) -> bool:
    """Whether a session begins with an event, as its own column says."""
    return event.get("event") == "session_started"


def unseal_event(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The event that was stored.

    Raises:
        Unreadable: it is sealed and cannot be read.
    """
    return dict(cipher().unseal_json(stored, EVENT))
