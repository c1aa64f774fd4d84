"""The states of a text of ours, and which may follow which.

    pending ─▶ sending ─▶ sent ─▶ delivered
                  │         └───▶ failed
                  └─▶ checking ─▶ sent | pending | unknown

A receipt only ever moves a text to a higher rank, so receipts may come late, twice or in the
wrong order. ``delivered`` and ``failed`` have the same rank: whichever comes first stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from connectors.gateways.base import Status


class TextState(StrEnum):
    """Where a text of ours is.

    Attributes:
        PENDING: it waits for its turn.
        SENDING: a request is under way.
        CHECKING: the outcome of a request is being looked up.
        UNKNOWN: whether the vendor has it cannot be known.
        SENT: the vendor took it.
        DELIVERED: the phone has it.
        FAILED: it will not be delivered.
    """

    PENDING = "pending"
    SENDING = "sending"
    CHECKING = "checking"
    UNKNOWN = "unknown"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


_RANKS = {
    TextState.PENDING: 0,
    TextState.SENDING: 1,
    TextState.CHECKING: 1,
    TextState.UNKNOWN: 2,
    TextState.SENT: 3,
    TextState.DELIVERED: 4,
    TextState.FAILED: 4,
}

# A queued text is in the vendor's hands, which is all that "sent" says.
_AFTER = {
    Status.QUEUED: TextState.SENT,
    Status.SENT: TextState.SENT,
    Status.DELIVERED: TextState.DELIVERED,
    Status.FAILED: TextState.FAILED,
}

# From worst to best, for a message of several parts.
_WORST_FIRST = (
    TextState.FAILED,
    TextState.UNKNOWN,
    TextState.PENDING,
    TextState.SENDING,
    TextState.CHECKING,
    TextState.SENT,
    TextState.DELIVERED,
)

_WORDS = {
    TextState.PENDING: "pending",
    TextState.SENDING: "pending",
    TextState.CHECKING: "pending",
    TextState.UNKNOWN: "unknown",
    TextState.SENT: "sent",
    TextState.DELIVERED: "delivered",
    TextState.FAILED: "failed",
}


def ranks() -> Mapping[TextState, int]:
    """The rank of every state, as the database function ``text_state_rank`` has it."""
    return MappingProxyType(_RANKS)


def rank(state: TextState) -> int:
    """How far a text is; a receipt may only raise it."""
    return _RANKS[state]


def after_receipt(state: TextState, status: Status) -> TextState:
    """The state of a text once the vendor has said ``status`` of it; never a step back."""
    told = _AFTER[status]
    return told if _RANKS[told] > _RANKS[state] else state


def worst(states: Iterable[TextState]) -> TextState:
    """The state of a message of several parts: that of its worst part.

    Raises:
        ValueError: there is no part.
    """
    return min(states, key=_WORST_FIRST.index)


def worst_first() -> tuple[TextState, ...]:
    """All states, the worst that a part of a message can be in first."""
    return _WORST_FIRST


def word(state: TextState) -> str:
    """What people read: pending, sent, delivered, failed or unknown."""
    return _WORDS[state]
