"""A YES or a NO to a summary or a reminder: the change is made, or something else is asked."""

from __future__ import annotations

from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher

from actions.appointments_change import named
from actions.asking import described
from actions.attendance import (
    SURE,
    ask_move_or_cancel,
    ask_what_about,
    doubtful,
    reminded,
    says_to_cancel,
    was_moved,
)
from actions.changes import asked, done, shelved, waiting
from actions.database import connect
from actions.form_turn import Events
from actions.pending import PendingChange, confirmation_time
from actions.prompts import prompt
from actions.times import speaks_of_time
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
    dispatcher: CollectingDispatcher,
    turn: Turn,
    appointment: Appointment,
    response: str = "utter_confirm_attendance",
) -> Events:
    """Ask for a YES to an appointment."""
    dispatcher.utter_message(
        response=response,
        **described(appointment),
        json_message=prompt("confirm"),
    )
    until = turn.received_at + confirmation_time()
    return waiting(PendingChange.of("confirm", appointment, until))


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


async def attends(dispatcher: CollectingDispatcher, turn: Turn, change: PendingChange) -> Events:
    """A text that sounds like a YES to a reminder: confirm, if it can only mean that."""
    async with connect() as connection:
        known = await upcoming(connection, turn.phone, turn.received_at)
    appointment = reminded(known, change)
    if appointment is None:
        dispatcher.utter_message(response="utter_appointment_gone")
        return done()
    if was_moved(change, appointment):
        return ask_to_confirm(dispatcher, turn, appointment, "utter_moved_meanwhile")
    if speaks_of_time(turn) and not named(turn, [appointment]):
        return [FollowupAction("reschedule_form")]  # "yes but at 5"
    if doubtful(turn):
        ask_what_about(dispatcher, appointment)
        return []
    return await accept(dispatcher, turn, change)


async def declines(dispatcher: CollectingDispatcher, turn: Turn, change: PendingChange) -> Events:
    """A NO to a reminder: another time, or none; nothing is cancelled by it alone."""
    if speaks_of_time(turn):
        return [FollowupAction("reschedule_form")]  # "no, thursday"
    if says_to_cancel(turn):
        return [FollowupAction("cancel_form")]
    async with connect() as connection:
        known = await upcoming(connection, turn.phone, turn.received_at)
    appointment = reminded(known, change)
    if appointment is None:
        dispatcher.utter_message(response="utter_appointment_gone")
        return done()
    ask_move_or_cancel(dispatcher, appointment)
    return [*shelved(change), *asked("reschedule", turn)]


async def declined(
    dispatcher: CollectingDispatcher, turn: Turn, change: PendingChange, *, waits: bool
) -> Events:
    """A NO while a change is talked about: to it, where it waits, or to some detail of it."""
    if changes_it(turn, change):
        return [FollowupAction(change.form)]
    if not waits:
        dispatcher.utter_message(response="utter_anything_else")
        return done()
    if change.kind == "confirm":
        return await declines(dispatcher, turn, change)
    if change.kind == "cancel":
        dispatcher.utter_message(response="utter_declined_cancel")
        return done()
    dispatcher.utter_message(response="utter_declined")
    return shelved(change)


async def answered(dispatcher: CollectingDispatcher, turn: Turn, change: PendingChange) -> Events:
    """A text that sounds like a YES to a summary: take it for one if it is nothing else."""
    if change.kind == "confirm":
        return await attends(dispatcher, turn, change)
    if changes_it(turn, change):
        return [FollowupAction(change.form)]  # "yes but at 4": the summary changes first
    if turn.confidence < SURE:
        dispatcher.utter_message(response="utter_yes_or_no")
        return []
    return await accept(dispatcher, turn, change)


async def asked_again(dispatcher: CollectingDispatcher, turn: Turn, change: PendingChange) -> bool:
    """Ask once more whether the customer comes, where a reminder waits for that; else False."""
    if change.kind != "confirm" or change.is_over(turn.received_at):
        return False
    async with connect() as connection:
        known = await upcoming(connection, turn.phone, turn.received_at)
    appointment = reminded(known, change)
    if appointment is not None:
        ask_what_about(dispatcher, appointment)
    return appointment is not None
