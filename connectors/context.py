"""What the reader of dates is told of the conversation in which a text stands.

:mod:`nlu.date_extractor` takes it from the message's metadata. Without it (plain ``rasa run`` or
``rasa shell``) texts are read by themselves.
"""

from __future__ import annotations

from rasa.shared.core.constants import REQUESTED_SLOT
from rasa.shared.core.trackers import DialogueStateTracker

ASKS_TIME = "start"
"""The slot that a form asks for with free times: "8" is a time of day then."""


def context_of(tracker: DialogueStateTracker) -> dict[str, str]:
    """Metadata for the next text.

    Args:
        tracker: of the conversation, before that text.

    Returns:
        ``asked`` ("time") while a form asks for a time of day; ``appointment`` (ISO, when it
        begins), where one is talked about: the one that a summary proposes, else the one that
        stands.
    """
    told = {}
    if tracker.active_loop_name and tracker.get_slot(REQUESTED_SLOT) == ASKS_TIME:
        told["asked"] = "time"
    summarised = tracker.get_slot("pending_change") or {}
    start = summarised.get("start") or tracker.get_slot("appointment_start")
    if start:
        told["appointment"] = start
    return told
