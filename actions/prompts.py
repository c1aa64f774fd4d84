"""What goes with a question that has a time limit, for the channel that watches the clock."""

from __future__ import annotations

from typing import Any

from actions.pending import Kind, confirmation_time

EXPIRED: dict[Kind, str] = {
    "book": "I did not hear back, so nothing was booked. Text me again when you are ready.",
    "reschedule": "I did not hear back, so your appointment stays as it was. Text me again to move"
    " it.",
    "cancel": "I did not hear back, so your appointment stays as it was. Text me again to change"
    " it.",
    "confirm": "I did not hear back, so your appointment is not confirmed yet. It stays booked.",
}
"""Texted when no answer came. Here and not in domain.yml, because the channel, and not a rule or
an action, sends it when nobody is talking."""


def prompt(kind: Kind) -> dict[str, Any]:
    """The channel's part of a message that asks for YES or NO."""
    seconds = confirmation_time().total_seconds()
    return {"linnet": {"prompt": {"seconds": seconds, "expired": EXPIRED[kind]}}}
