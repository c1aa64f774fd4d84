"""Reminders that customers ask for: when, of what, and none after all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.appointments_change import named, names_one
from actions.changes import is_for_others, talked_about
from actions.database import connect
from actions.form_turn import Events, FormTurn, leaves, slots
from actions.mentions import mentions
from actions.pending import confirmation_time
from actions.remind_times import Reading, is_about_appointment, read_when, words_in
from actions.turn import Turn
from database.encryption import cipher
from database.pool import Connection
from practice import words
from practice.appointments import upcoming
from practice.catalogue import load_catalogue
from practice.errors import RemindersFull
from practice.records import Appointment
from practice.requested_reminders import (
    MOST_WAITING,
    WORDS,
    RequestedReminder,
    request_reminder,
    waiting_reminders,
    withdraw_reminder,
)

FORM = "remind_form"
FARTHEST = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Request:
    """A reminder that is being asked for; the value of the slot ``reminder`` meanwhile.

    Attributes:
        words: what of, in the customer's words.
        about: their appointment is named.
        day: that was named without a time.
        proposed: a moment (naive) that a YES is awaited to.
    """

    words: str | None = None
    about: bool = False
    day: date | None = None
    proposed: datetime | None = None

    @classmethod
    def from_slot(cls, value: Mapping[str, Any] | None) -> Request:
        """What the slot holds."""
        held: Mapping[str, Any] = value or {}
        day, proposed = held.get("day"), held.get("proposed")
        return cls(
            words=held.get("words"),
            about=bool(held.get("about")),
            day=date.fromisoformat(day) if day else None,
            proposed=datetime.fromisoformat(proposed) if proposed else None,
        )

    def to_slot(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return {
            "words": self.words,
            "about": self.about,
            "day": self.day and self.day.isoformat(),
            "proposed": self.proposed and self.proposed.isoformat(),
        }


def was_set_lately(tracker: Tracker, turn: Turn) -> bool:
    """Whether a reminder was set a moment ago, so that a bare "cancel" means that."""
    set_at = (tracker.get_slot("reminder") or {}).get("set_at")
    if not set_at:
        return False
    return turn.received_at <= datetime.fromisoformat(set_at) + confirmation_time()


class ValidateRemindForm(Action):
    """Finds out when to remind, and of what."""

    def name(self) -> str:
        """As Rasa calls it for ``remind_form``."""
        return f"validate_{FORM}"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Fill the form's slot, or ask for the time."""
        turn, form_turn = Turn.of(tracker), FormTurn(tracker, FORM)
        begun = form_turn.begun
        asked = Request() if begun else Request.from_slot(tracker.get_slot("reminder"))
        async with connect() as connection:
            meant, zone = await _appointment_and_zone(connection, tracker, turn)
        now = _local(turn.received_at, zone)
        start = _local(meant.start, zone) if meant else None
        reading = read_when(turn, now, day=asked.day, start=start, asked=not begun)
        if turn.intent == "affirm" and asked.proposed is not None and reading.due is None:
            reading = Reading(due=asked.proposed)
        if not begun and not form_turn.again:
            answers = bool(mentions(turn.entities)) or reading.due is not None
            if leaves(turn) or turn.intent == "cancel_reminder":
                answers, turn_down = False, True
            else:
                turn_down = turn.intent == "deny" and not answers
            if turn_down:
                dispatcher.utter_message(response="utter_left_form")
                return slots(reminder=None, start=None, requested_slot=None)
            if is_for_others(tracker, turn, own="remind_me", answers=answers):
                return form_turn.give_away()
        if form_turn.again:
            reading = Reading(asked.proposed, day=asked.day, sure=False)
        about = asked.about or is_about_appointment(turn) or reading.before is not None
        request = Request(asked.words or words_in(turn), about, reading.day)
        return _settled(dispatcher, request, reading, now, zone, meant)


def _settled(
    dispatcher: CollectingDispatcher,
    request: Request,
    reading: Reading,
    now: datetime,
    zone: ZoneInfo,
    meant: Appointment | None,
) -> Events:
    """The moment, where there is one to keep; else a question."""
    due = reading.due
    question, values = _question(reading, now, zone)
    if question is not None or due is None:
        dispatcher.utter_message(response=question, **values)
        keeps = question == "utter_remind_then"
        asked = Request(request.words, request.about, request.day, due if keeps else None)
        return slots(reminder=asked.to_slot(), start=None, requested_slot="start")
    moment = due.replace(tzinfo=zone).astimezone(UTC)
    wanted = request.about or request.words is None
    appointment = meant if meant and wanted and meant.start > moment else None
    kept = {
        **request.to_slot(),
        "zone": str(zone),
        "appointment_id": appointment and appointment.id,
        "before": (appointment.start - moment).total_seconds()
        if appointment and reading.before
        else None,
    }
    return slots(start=moment.isoformat(), reminder=kept, requested_slot=None)


def _question(reading: Reading, now: datetime, zone: ZoneInfo) -> tuple[str | None, dict[str, str]]:
    """What is still to be asked, and what the text needs; None where nothing is."""
    due = reading.due
    if reading.needs_appointment:
        return "utter_remind_before_nothing", {}
    if due is None and reading.day is not None and reading.day >= now.date():
        return "utter_what_time_to_remind", {"day": words.day(reading.day)}
    if due is None:
        return "utter_when_to_remind", {}
    said = words.when(due.replace(tzinfo=zone), str(zone))
    if due <= now:
        return "utter_remind_past", {"said": said}
    if due > now + FARTHEST:
        return "utter_remind_too_far", {}
    return (None, {}) if reading.sure else ("utter_remind_then", {"when_text": said})


class ActionRemindMe(Action):
    """Keeps the reminder, and says when it will come."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_remind_me"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Keep it. Says nothing when the form was left before its end."""
        start, kept = tracker.get_slot("start"), tracker.get_slot("reminder")
        if not start or not kept:
            return []
        turn, due, before = Turn.of(tracker), datetime.fromisoformat(start), kept["before"]
        key = turn.key("remind")
        try:
            async with connect() as connection:
                await request_reminder(
                    connection,
                    key,
                    phone=turn.phone,
                    due_at=due,
                    zone=kept["zone"],
                    now=turn.received_at,
                    words=kept["words"] and cipher().seal(kept["words"], WORDS),
                    appointment_id=kept["appointment_id"],
                    before=None if before is None else timedelta(seconds=before),
                )
        except RemindersFull:
            dispatcher.utter_message(response="utter_reminders_full", count=MOST_WAITING)
            return slots(reminder=None, start=None)
        dispatcher.utter_message(
            response="utter_will_remind", when_text=words.when(due, kept["zone"])
        )
        set_at = turn.received_at.isoformat()
        return slots(reminder={"set_at": set_at, "key": key}, start=None)


class ActionCancelReminder(Action):
    """Takes back a reminder that was asked for."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_cancel_reminder"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Take it back; ask which, where several wait and none is named."""
        turn = Turn.of(tracker)
        async with connect() as connection:
            waiting = await waiting_reminders(connection, turn.phone)
            chosen = _chosen(tracker, turn, waiting)
            if chosen is not None:
                await withdraw_reminder(connection, chosen.key, turn.received_at)
        if chosen is not None:
            when = words.when(chosen.due_at, chosen.zone)
            dispatcher.utter_message(response="utter_reminder_cancelled", when_text=when)
            return slots(reminder=None)
        if not waiting:
            dispatcher.utter_message(response="utter_no_reminder")
            return []
        dispatcher.utter_message(
            response="utter_which_reminder",
            buttons=[
                {
                    "title": words.when(one.due_at, one.zone, joined=" "),
                    "payload": f'/cancel_reminder{{"reminder": "{one.key}"}}',
                }
                for one in waiting
            ],
        )
        return []


async def _appointment_and_zone(
    connection: Connection, tracker: Tracker, turn: Turn
) -> tuple[Appointment | None, ZoneInfo]:
    """The appointment that a reminder may be about, and the zone that the customer speaks in.

    The zone is that of the appointment's location; without an appointment, of the first location.
    """
    known = await upcoming(connection, turn.phone, turn.received_at)
    ahead = [one for one in known if one.start > turn.received_at]
    change = talked_about(tracker, turn)
    about = (change.reference if change else None) or tracker.get_slot("appointment")
    meant = named(turn, ahead) if names_one(turn) else None
    meant = meant or next((one for one in ahead if one.reference == about), None)
    meant = meant or next(iter(ahead), None)
    if meant is not None:
        return meant, ZoneInfo(meant.location.timezone)
    catalogue = await load_catalogue(connection)
    return None, ZoneInfo(next(iter(catalogue.locations.values())).timezone)


def _chosen(
    tracker: Tracker, turn: Turn, waiting: Sequence[RequestedReminder]
) -> RequestedReminder | None:
    if (key := turn.value("reminder")) is not None:
        return next((one for one in waiting if one.key == key), None)
    named_ones = [one for one in waiting if _fits(turn, one)]
    if len(named_ones) == 1:
        return named_ones[0]
    last = (tracker.get_slot("reminder") or {}).get("key")
    lately = was_set_lately(tracker, turn) and not mentions(turn.entities)
    return next((one for one in waiting if lately and one.key == last), None)


def _fits(turn: Turn, reminder: RequestedReminder) -> bool:
    """Whether the times that a text names, if any, are those of a reminder."""
    zone = ZoneInfo(reminder.zone)
    local, now = _local(reminder.due_at, zone), _local(turn.received_at, zone)
    for mention in mentions(turn.entities):
        first, last = (mention.on(local.date()) if mention.date_free else mention).span(now)
        if not (first <= local < last or local == first):
            return False
    return True


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
