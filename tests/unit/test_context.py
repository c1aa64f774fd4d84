"""What the reader of dates is told of a conversation."""

from __future__ import annotations

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActiveLoop, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker

from connectors.context import context_of

STANDS, PROPOSED = "2026-11-24T10:00:00", "2026-12-09T15:00:00+00:00"
DOMAIN = Domain.from_yaml(
    """
    version: "3.1"
    slots:
      requested_slot: {type: any, influence_conversation: false, mappings: [{type: custom}]}
      pending_change: {type: any, mappings: [{type: custom}]}
      appointment_start: {type: any, mappings: [{type: custom}]}
    """
)


@pytest.mark.parametrize(
    ("form", "slots", "told"),
    [
        (None, {}, {}),
        ("book_form", {"requested_slot": "start"}, {"asked": "time"}),
        ("book_form", {"requested_slot": "location"}, {}),
        (None, {"requested_slot": "start"}, {}),  # of a form that was left
        (
            "reschedule_form",
            {"requested_slot": "start", "appointment_start": STANDS},
            {"asked": "time", "appointment": STANDS},
        ),
        (
            None,
            {"pending_change": {"start": PROPOSED}, "appointment_start": STANDS},
            {"appointment": PROPOSED},  # "an hour later" than what was proposed
        ),
        (None, {"pending_change": {"start": None}}, {}),
    ],
)
def test_context(form, slots, told):
    events = [ActiveLoop(form), *(SlotSet(name, value) for name, value in slots.items())]
    tracker = DialogueStateTracker.from_events("talk", events, DOMAIN.slots)
    assert context_of(tracker) == told


def test_without_these_slots_nothing_is_told():
    tracker = DialogueStateTracker.from_events("talk", [ActiveLoop("book_form")])
    assert context_of(tracker) == {}
