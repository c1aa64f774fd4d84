"""What events there are: their types, their data, and patterns of types. Pure.

A type's data always has the same fields; what an endpoint is not told is null in it. Fields may be
added to a type, and types may be added; what is there keeps its meaning (docs/webhooks.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MESSAGE = ("id", "conversation_id", "direction", "gateway", "number", "phone", "body", "files")
OUTBOUND = (*MESSAGE, "kind", "lane", "segments", "part", "parts", "code", "reason")
CONSENT = ("id", "phone", "number", "scope", "method", "proof", "captured_at", "body")
APPOINTMENT = (
    *("id", "reference", "phone", "name", "service", "location", "timezone", "start", "end"),
    "previous_start",
)
CONVERSATION = ("conversation_id", "gateway", "number", "phone")

TYPES: Mapping[str, tuple[str, ...]] = {
    "message.received": MESSAGE,
    "message.sent": OUTBOUND,
    "message.delivered": OUTBOUND,
    "message.failed": OUTBOUND,
    "message.unknown": OUTBOUND,
    "consent.granted": CONSENT,
    "consent.revoked": CONSENT,
    "consent.reconfirmed": CONSENT,
    "consent.questioned": CONSENT,
    "consent.requested": CONSENT,
    "appointment.booked": APPOINTMENT,
    "appointment.confirmed": APPOINTMENT,
    "appointment.moved": APPOINTMENT,
    "appointment.cancelled": APPOINTMENT,
    "appointment.kept": APPOINTMENT,
    "appointment.missed": APPOINTMENT,
    "conversation.handed_over": CONVERSATION,
    "conversation.returned": CONVERSATION,
    "survey.answered": (*CONVERSATION, "survey", "question", "answer"),
}
"""Fields of the data, by type."""

PING = "test.ping"
"""What an endpoint is sent to try it out; it wants nothing and is never stored."""


def matching(patterns: Iterable[str]) -> tuple[str, ...]:
    """The types that any of some patterns names.

    Args:
        patterns: a type, all of a kind like ``message.*``, or ``*``.

    Raises:
        ValueError: one of them names no type.

    >>> matching(["conversation.*"])
    ('conversation.handed_over', 'conversation.returned')
    """
    found: set[str] = set()
    for pattern in patterns:
        named = {
            type
            for type in TYPES
            if pattern in {"*", type} or pattern == type.partition(".")[0] + ".*"
        }
        if not named:
            raise ValueError(f"{pattern} is no type of event; there are {', '.join(TYPES)}")
        found |= named
    return tuple(type for type in TYPES if type in found)
