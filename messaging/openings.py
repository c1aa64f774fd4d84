"""Conversations that we begin: what the customer's answer to a text of ours is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Opening:
    """What an answer to a text means, that nobody asked for.

    It counts from the moment the text was accepted by the gateway, until the customer's next
    turn has taken it up or its time has run out.

    Attributes:
        expires_at: until when an answer is understood as one to this text, aware.
        slots: of the assistant, by name, as they are before it reads the answer; JSON.
        answers: what is given to the assistant in place of a text that is one of these words,
            by the word in lower case: ``{"r": "/reschedule_appointment"}``. A word that also
            opts out (CANCEL, END) or in (YES) means this as long as the opening lives.
    """

    expires_at: datetime
    slots: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
