"""What YES, NO and loose words mean outside a form: mostly, an answer to a summary."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, FollowupAction
from rasa_sdk.executor import CollectingDispatcher

from actions.agreeing import accept, answered, ask_to_confirm, asked_again, declined
from actions.appointments_book import ActionProposeBooking, is_for_another
from actions.appointments_change import named
from actions.asking import described, listed
from actions.attendance import (
    doubtful,
    reminded,
)
from actions.changes import (
    asked,
    done,
    left,
    local_start,
    open_question,
    pending,
    talked_about,
)
from actions.clarify import ask_again, ask_in_other_words, menu_before, only_choice
from actions.database import connect
from actions.form_turn import Events, leaves, slots
from actions.mentions import mentions
from actions.pending import PendingChange
from actions.reminding import was_set_lately
from actions.times import is_like_now, speaks_of_time
from actions.turn import Turn
from practice.appointments import upcoming

_SOON = re.compile(r"\b(?:asap|soon(?:est)?|(?:first|next) available)\b", re.IGNORECASE)


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
        change, waits = talked_about(tracker, turn), pending(tracker) is not None
        if menu_before(tracker):
            ask_in_other_words(dispatcher)
            return []
        if leaves(turn):
            if change is None and was_set_lately(tracker, turn):
                return [FollowupAction("action_cancel_reminder")]
            dispatcher.utter_message(response="utter_left_form")
            return done()
        if change is not None:
            return await declined(dispatcher, turn, change, waits=waits)
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
        doubt = doubtful(turn) or not named(turn, [chosen])
        if turn.intent == "confirm_appointment" and doubt:
            return ask_to_confirm(dispatcher, turn, chosen)
        said_so = PendingChange.of("confirm", chosen, turn.received_at)
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
        if change is not None and (
            change.kind in ("book", "reschedule")
            # Another time in answer to "cancel it?" is a wish to move it.
            or speaks_of_time(turn)
        ):
            moves = change.kind in ("cancel", "confirm")
            return [FollowupAction("reschedule_form" if moves else change.form)]
        if (change := pending(tracker)) is not None and await asked_again(dispatcher, turn, change):
            return []
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
        if (about := reminded(known, change)) is not None:
            known = [about]
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
