"""What YES, NO and loose words mean outside a form: mostly, an answer to a summary."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, FollowupAction
from rasa_sdk.executor import CollectingDispatcher

from actions.appointments_book import ActionProposeBooking, is_for_another
from actions.appointments_change import named
from actions.asking import described, listed
from actions.changes import (
    asked,
    done,
    left,
    local_start,
    open_question,
    pending,
    shelved,
    talked_about,
    waiting,
)
from actions.clarify import ask_again, ask_in_other_words, menu_before, only_choice
from actions.database import connect
from actions.form_turn import Events, leaves, slots
from actions.mentions import mentions
from actions.pending import PendingChange, confirmation_time
from actions.prompts import prompt
from actions.times import is_like_now, speaks_of_time
from actions.turn import Turn
from database.pool import Connection
from practice.appointments import book, cancel, confirm, reschedule, upcoming
from practice.errors import AlreadyCancelled, InThePast, NotFound, OutsideHours, SlotTaken
from practice.records import Appointment

DONE = {
    "book": "utter_booked",
    "reschedule": "utter_moved",
    "cancel": "utter_cancelled",
    "confirm": "utter_confirmed",
}
SURE = 0.6  # confidence in a YES below which nothing is changed without another one

_SOON = re.compile(r"\b(?:asap|soon(?:est)?|(?:first|next) available)\b", re.IGNORECASE)
_DOUBTS = re.compile(
    r"n't\b|\b(?:not|no|can ?not|cant|wont|dont|couldnt|unable|maybe|if|late|miss)\b", re.IGNORECASE
)


def changes_it(turn: Turn, change: PendingChange) -> bool:
    """Whether a YES or NO names something else than what was summarised: "yes but at 4"."""
    if change.kind not in ("book", "reschedule"):
        return False
    return (
        speaks_of_time(turn)
        or turn.value("location") not in (None, change.location)
        or (change.kind == "book" and turn.value("service") not in (None, change.service))
        or (change.kind == "book" and turn.value("person") is not None)
    )


def ask_to_confirm(
    dispatcher: CollectingDispatcher, turn: Turn, appointment: Appointment
) -> Events:
    """Ask for a YES to an appointment."""
    dispatcher.utter_message(
        response="utter_confirm_attendance",
        **described(appointment),
        json_message=prompt("confirm"),
    )
    return waiting(
        PendingChange(
            kind="confirm",
            expires_at=turn.received_at + confirmation_time(),
            location=appointment.location.key,
            start=appointment.start,
            appointment_id=appointment.id,
            reference=appointment.reference,
        )
    )


async def make(connection: Connection, turn: Turn, change: PendingChange) -> Appointment:
    """Make a change; again within the same turn it changes nothing more.

    Raises:
        practice.errors.PracticeError: it cannot be made, and nothing was changed.
    """
    key, now = turn.key(change.kind), turn.received_at
    if change.kind == "book":
        if not (change.name and change.service and change.location and change.start):
            raise ValueError(f"a booking without all its parts: {change.kind}")
        return await book(
            connection,
            key,
            phone=turn.phone,
            name=change.name,
            service=change.service,
            location=change.location,
            start=change.start,
            now=now,
        )
    if change.appointment_id is None or change.start is None:
        raise ValueError(f"no appointment to {change.kind}")
    if change.kind == "reschedule":
        return await reschedule(
            connection,
            key,
            phone=turn.phone,
            appointment_id=change.appointment_id,
            start=change.start,
            location=change.location,
            now=now,
        )
    simply = cancel if change.kind == "cancel" else confirm
    return await simply(
        connection, key, phone=turn.phone, appointment_id=change.appointment_id, now=now
    )


async def accept(dispatcher: CollectingDispatcher, turn: Turn, change: PendingChange) -> Events:
    """A YES to a summary: make the change and acknowledge it, or say why not."""
    if change.is_over(turn.received_at):
        dispatcher.utter_message(response=f"utter_expired_{change.kind}")
        return [*shelved(change), *asked(change.kind, turn)]
    try:
        async with connect() as connection:
            made = await make(connection, turn, change)
    except (SlotTaken, OutsideHours):
        # The form finds that the time is gone, says so and offers the nearest ones.
        return [*shelved(change), FollowupAction(change.form)]
    except InThePast:
        if change.kind in ("book", "reschedule"):
            return [*shelved(change), FollowupAction(change.form)]
        dispatcher.utter_message(response="utter_appointment_gone")
        return done()
    except (NotFound, AlreadyCancelled):
        dispatcher.utter_message(response="utter_appointment_gone")
        return done()
    dispatcher.utter_message(response=DONE[change.kind], **described(made))
    return done()


async def answered(dispatcher: CollectingDispatcher, turn: Turn, change: PendingChange) -> Events:
    """A text that sounds like a YES to a summary: take it for one if it is nothing else."""
    if changes_it(turn, change):
        return [FollowupAction(change.form)]  # "yes but at 4": the summary changes first
    if turn.confidence < SURE:
        dispatcher.utter_message(response="utter_yes_or_no")
        return []
    return await accept(dispatcher, turn, change)


class ActionAnswerYes(Action):
    """YES: to the summary, to the last question, or to nothing that we know of."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_answer_yes"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Make the pending change, or take up what was offered."""
        turn, change = Turn.of(tracker), pending(tracker)
        if change is not None:
            return await answered(dispatcher, turn, change)
        if menu := menu_before(tracker):
            begins = only_choice(menu)
            if begins is not None:
                return [FollowupAction(begins)]
            ask_again(dispatcher, menu)
            return []
        question = open_question(tracker, turn)
        if question == "human":
            dispatcher.utter_message(response="utter_hand_over")
            return [*left(), ActiveLoop(None), *slots(handover=True)]
        if question is not None:
            return [*slots(question=None), FollowupAction(f"{question}_form")]
        return await self._out_of_the_blue(dispatcher, turn)

    async def _out_of_the_blue(self, dispatcher: CollectingDispatcher, turn: Turn) -> Events:
        """A YES to nothing: who has an appointment to confirm most likely means that."""
        async with connect() as connection:
            known = await upcoming(connection, turn.phone, turn.received_at)
        open_ones = [one for one in known if one.state == "booked" and one.start > turn.received_at]
        if len(open_ones) != 1:
            dispatcher.utter_message(
                response="utter_which_yes" if open_ones else "utter_nothing_pending"
            )
            return []
        return ask_to_confirm(dispatcher, turn, open_ones[0])


class ActionAnswerNo(Action):
    """NO: to the summary, to the last question, or to nothing that we know of."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_answer_no"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Drop the pending change and offer to change it."""
        turn = Turn.of(tracker)
        change = talked_about(tracker, turn)
        if menu_before(tracker):
            ask_in_other_words(dispatcher)
            return []
        if leaves(turn):
            dispatcher.utter_message(response="utter_left_form")
            return done()
        if change is not None and change.kind in ("book", "reschedule"):
            if changes_it(turn, change):
                return [FollowupAction(change.form)]
            if pending(tracker) is not None:
                dispatcher.utter_message(response="utter_declined")
                return shelved(change)
        if change is not None and pending(tracker) is not None:
            dispatcher.utter_message(response=f"utter_declined_{change.kind}")
            return done()
        dispatcher.utter_message(response="utter_anything_else")
        return done()


class ActionConfirmAttendance(Action):
    """Notes that the customer will come; no YES is asked for, because that is what they said."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_confirm_attendance"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Confirm. Says nothing when the form was left before its end.

        What sounds like a confirmation but may be none ("cant make it") is asked first.
        """
        turn, change = Turn.of(tracker), pending(tracker)
        if change is not None:
            return await answered(dispatcher, turn, change)
        reference = tracker.get_slot("appointment")
        if not reference:
            return []
        async with connect() as connection:
            known = await upcoming(connection, turn.phone, turn.received_at)
        chosen = next((one for one in known if one.reference == reference), None)
        if chosen is None:
            dispatcher.utter_message(response="utter_appointment_gone")
            return done()
        doubtful = (
            turn.confidence < SURE
            or _DOUBTS.search(turn.text)
            or not named(turn, [chosen])
            or any(mention.ask and not mention.date_free for mention in mentions(turn.entities))
        )
        if turn.intent == "confirm_appointment" and doubtful:
            return ask_to_confirm(dispatcher, turn, chosen)
        said_so = PendingChange(
            kind="confirm",
            expires_at=turn.received_at,
            start=chosen.start,
            appointment_id=chosen.id,
        )
        return await accept(dispatcher, turn, said_so)


class ActionTakeUp(Action):
    """A time, a service or "anything earlier?" outside a form: goes on with what it belongs to."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_take_up"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Begin the form that the text fits; say what can be asked when it fits none."""
        turn = Turn.of(tracker)
        change = talked_about(tracker, turn)
        asks_times = turn.intent in ("ask_earlier", "ask_other_times")
        if (
            turn.intent == "ask_other_times"
            and menu_before(tracker)
            and not mentions(turn.entities)
        ):
            ask_in_other_words(dispatcher)  # "neither", of what was asked about
            return []
        if change is not None:
            if change.kind in ("book", "reschedule"):
                return [FollowupAction(change.form)]
            if speaks_of_time(turn):
                # Another time in answer to "cancel it?" is a wish to move it.
                return [FollowupAction("reschedule_form")]
        if asks_times or is_like_now(turn.text):
            async with connect() as connection:
                known = await upcoming(connection, turn.phone, turn.received_at)
            return [FollowupAction("reschedule_form" if known else "book_form")]
        begins = is_for_another(turn.text) or _SOON.search(turn.text)
        if begins or speaks_of_time(turn) or turn.value("service") or turn.value("location"):
            return [FollowupAction("book_form")]
        dispatcher.utter_message(response="utter_fallback_first")
        return []


class ActionShowAppointments(Action):
    """Answers "when is my appointment?"."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_show_appointments"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Say when and where; offer to book when there is none.

        Where the summary of a booking waits for a YES, the question is most likely about that.
        """
        turn, change = Turn.of(tracker), pending(tracker)
        async with connect() as connection:
            known = await upcoming(connection, turn.phone, turn.received_at)
        if len(known) == 1:
            dispatcher.utter_message(response="utter_your_appointment", **described(known[0]))
            if not tracker.active_loop_name and change is None:
                return slots(appointment_start=local_start(known[0]))
        elif known:
            dispatcher.utter_message(response="utter_your_appointments", lines=listed(known))
        elif change is not None and change.kind == "book" and not change.is_over(turn.received_at):
            return await ActionProposeBooking().run(dispatcher, tracker, domain)
        elif tracker.active_loop_name:
            dispatcher.utter_message(response="utter_no_appointment")
        else:
            dispatcher.utter_message(response="utter_no_appointment_book")
            return asked("book", turn)
        return []
