"""Which slots hold a change on its way from a form to the customer's YES."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from rasa_sdk import Tracker

from actions.form_turn import (
    CHANGES,
    OTHER_TOPICS,
    SMALL_TALK,
    Events,
    asks_where,
    means_this_talk,
    slots,
)
from actions.pending import Kind, PendingChange, confirmation_time
from actions.turn import Turn
from practice.records import Appointment


def waiting(change: PendingChange) -> Events:
    """The change was summarised and waits for YES or NO."""
    return slots(
        pending_change=change.to_slot(), shelved_change=None, question=None, awaits_answer=True
    )


def shelved(change: PendingChange | None) -> Events:
    """The change no longer waits, but what was said of it still counts."""
    return slots(
        pending_change=None,
        shelved_change=change.to_slot() if change else None,
        question=None,
        awaits_answer=False,
    )


def about(appointment: Appointment | None) -> Events:
    """The talk is about this appointment, or about none.

    The reader of dates counts "an hour later" from ``appointment_start``.
    """
    return slots(
        appointment=appointment.reference if appointment else None,
        appointment_start=local_start(appointment) if appointment else None,
    )


def local_start(appointment: Appointment) -> str:
    """When an appointment begins: naive ISO time on the clock of its location."""
    zone = ZoneInfo(appointment.location.timezone)
    return appointment.start.astimezone(zone).replace(tzinfo=None).isoformat()


def done() -> Events:
    """The change was made, or dropped for good: nothing of it is left for the next one."""
    return slots(
        pending_change=None,
        shelved_change=None,
        question=None,
        awaits_answer=False,
        service=None,
        location=None,
        customer_name=None,
        for_another=None,
        start=None,
        when=None,
        offered=None,
        appointment=None,
        appointment_start=None,
    )


def left() -> Events:
    """A form was left: as after a change, and the form asks for nothing any more."""
    return [*done(), *slots(requested_slot=None)]


def asked(question: str, turn: Turn) -> Events:
    """A YES to the text of this turn begins something: a form by its kind, or ``human``."""
    until = turn.received_at + confirmation_time()
    return slots(question={"about": question, "expires_at": until.isoformat()})


def open_question(tracker: Tracker, turn: Turn) -> str | None:
    """What a YES would begin, if anything was asked a short while ago."""
    question = tracker.get_slot("question")
    if not question or turn.received_at > datetime.fromisoformat(question["expires_at"]):
        return None
    return str(question["about"])


def pending(tracker: Tracker) -> PendingChange | None:
    """The change that waits for YES or NO, whether or not its time has run out."""
    return PendingChange.from_slot(tracker.get_slot("pending_change"))


def talked_about(tracker: Tracker, turn: Turn) -> PendingChange | None:
    """The change that waits, or that was shelved last, unless that was long ago."""
    change = pending(tracker) or PendingChange.from_slot(tracker.get_slot("shelved_change"))
    return None if change is None or change.is_forgotten(turn.received_at) else change


def reconsidered(tracker: Tracker, turn: Turn, *kinds: Kind) -> PendingChange | None:
    """The change that the talk is about, if it is one of these kinds."""
    change = talked_about(tracker, turn)
    return change if change is not None and change.kind in kinds else None


def is_for_others(tracker: Tracker, turn: Turn, *, own: str, answers: bool) -> bool:
    """Whether a form should give the turn to the rules.

    Args:
        tracker: of the conversation.
        turn: this one.
        own: the intent that begins the form; it never leaves it.
        answers: whether the text holds an answer to the form.
    """
    if turn.intent in OTHER_TOPICS or asks_where(turn):
        return True
    if turn.intent in CHANGES and turn.intent != own:
        # "Thurs instead" changes the answer, "move my appointment" the subject.
        about_times = turn.intent in ("book_appointment", "reschedule_appointment")
        return not (about_times and answers and means_this_talk(turn))
    if turn.intent == "affirm" and open_question(tracker, turn):
        return True
    return not answers and turn.intent in SMALL_TALK
