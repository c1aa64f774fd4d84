"""The actions, called as Rasa calls them, on a real database with the sample business in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

import actions.database
from actions.appointments_answer import (
    ActionAnswerNo,
    ActionAnswerYes,
    ActionConfirmAttendance,
    ActionShowAppointments,
    ActionTakeUp,
)
from actions.appointments_book import ActionProposeBooking, ValidateBookForm
from actions.appointments_cancel import ActionProposeCancellation, ValidateCancelForm
from actions.appointments_change import ValidateConfirmForm
from actions.appointments_move import ActionProposeMove, ValidateRescheduleForm
from actions.basics import ActionFallback
from actions.visiting import ActionSayHours, ActionSayWhere
from database.pool import make_pool
from practice.appointments import book, upcoming
from practice.sample import load_sample

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # Monday, 10:00 in New York
NEW, ONE, TWO, KNOWN = "+12125550100", "+12125550101", "+12125550102", "+12125550103"

FORMS = {
    "book_form": (ValidateBookForm(), ActionProposeBooking()),
    "reschedule_form": (ValidateRescheduleForm(), ActionProposeMove()),
    "cancel_form": (ValidateCancelForm(), ActionProposeCancellation()),
    "confirm_form": (ValidateConfirmForm(), ActionConfirmAttendance()),
}


@pytest.fixture(autouse=True)
async def sample(pool, monkeypatch):
    monkeypatch.setattr(actions.database, "_pool", pool)
    monkeypatch.delenv("LINNET_CONFIRMATION_MINUTES", raising=False)
    async with pool.connection() as connection:
        await load_sample(connection, NOW)


def at(start, **more):
    """A time entity as the date component gives it."""
    grain = "minute" if "T" in start else "day"
    start = start if "T" in start else f"{start}T00:00:00"
    value = {"start": start, "end": None, "grain": grain, "role": "offered", "text": "", **more}
    return {"entity": "time", "value": value}


def of(entity, value):
    return {"entity": entity, "value": value}


class Conversation:
    """What Rasa does around actions: keeps slots, events and the active form."""

    def __init__(self, phone=NEW):
        self.phone, self.now = phone, NOW
        self.slots, self.events, self.loop = {}, [], None
        self.said, self.buttons, self.turn_id = [], [], None

    def text(self, intent, *entities, text="", confidence=0.9, minutes=0.0, turn_id=None):
        self.now += timedelta(minutes=minutes, seconds=20)
        self.turn_id = turn_id or str(uuid4())
        self.said, self.buttons, self.rejected = [], [], False
        self.message = {
            "text": text,
            "intent": {"name": intent, "confidence": confidence},
            "entities": list(entities),
            "metadata": {
                "turn_id": self.turn_id,
                "phone": self.phone,
                "received_at": self.now.isoformat(),
            },
        }
        self.events.append({"event": "user", "parse_data": self.message})
        return self

    async def run(self, action, *, follow=True):
        dispatcher = CollectingDispatcher()
        tracker = Tracker(
            "conversation",
            dict(self.slots),
            self.message,
            list(self.events),
            paused=False,
            followup_action=None,
            active_loop={"name": self.loop} if self.loop else {},
            latest_action_name=None,
        )
        events = await action.run(dispatcher, tracker, {})
        for message in dispatcher.messages:
            self.said.append(message)
            self.buttons = message["buttons"] or self.buttons
        for event in events:
            self.events.append(event)
            if event["event"] == "slot":
                self.slots[event["name"]] = event["value"]
            elif event["event"] == "active_loop":
                self.loop = event["name"]
            elif event["event"] == "action_execution_rejected":
                self.rejected = True
            elif event["event"] == "followup" and follow:
                await self.form(event["name"])
        return events

    async def form(self, name):
        if self.loop != name:
            self.loop = name
            self.events.append({"event": "active_loop", "name": name})
            self.slots["requested_slot"] = None
        validate, submit = FORMS[name]
        await self.run(validate)
        if not self.rejected and self.slots.get("requested_slot") is None:
            self.loop = None
            await self.run(submit)
        return self

    def pick(self, number, **more):
        """Choose a line of the last menu, as the channel does."""
        entity, value = next(iter(self.options[number - 1].items()))
        return self.text("inform", of(entity, value), text=str(number), **more)

    @property
    def options(self):
        return [json.loads(one["payload"].removeprefix("/inform")) for one in self.buttons]

    @property
    def responses(self):
        return [one["response"] for one in self.said]

    @property
    def last(self):
        return self.said[-1]

    async def appointments(self, pool):
        async with pool.connection() as connection:
            return await upcoming(connection, self.phone, self.now)


async def summarised(phone=KNOWN, start="2026-12-01T11:00:00"):
    talk = Conversation(phone)
    talk.text("book_appointment", of("service", "eye_exam"), of("location", "downtown"), at(start))
    await talk.form("book_form")
    assert talk.responses == ["utter_confirm_booking"]
    return talk


# --- booking ------------------------------------------------------------------


async def test_a_new_customer_is_asked_for_everything_and_books(pool):
    talk = Conversation(NEW)
    await talk.text("book_appointment").form("book_form")
    assert talk.responses == ["utter_which_service"]
    await talk.pick(1).form("book_form")
    assert talk.responses == ["utter_which_location"]
    await talk.pick(2).form("book_form")
    assert talk.responses == ["utter_offer_times"]
    assert 1 <= len(talk.buttons) <= 3
    chosen = talk.buttons[1]["title"]
    await talk.pick(2).form("book_form")
    assert talk.responses == ["utter_which_name"]
    await talk.text("nlu_fallback", text="my name is dana fox").form("book_form")
    assert talk.responses == ["utter_confirm_booking"]
    assert talk.last["when_text"].replace(" at ", " ") == chosen
    assert talk.last["person"] == "Dana Fox"
    assert await talk.appointments(pool) == []

    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    [made] = await talk.appointments(pool)
    assert talk.responses == ["utter_booked"]
    assert talk.last["reference"] == made.reference
    assert (made.customer_name, made.service.key, made.location.key) == (
        "Dana Fox",
        "eye_exam",
        "lakeside",
    )
    assert talk.slots["pending_change"] is None


async def test_what_the_first_text_says_is_not_asked(pool):
    talk = await summarised()
    assert talk.last["person"] == "Aisha Khan"  # known by her phone
    assert talk.last["when_text"] == "Tue Dec 1 at 11:00am"
    prompt = talk.last["custom"]["linnet"]["prompt"]
    assert prompt["seconds"] == 1800
    assert prompt["expired"]
    assert await talk.appointments(pool) == []


async def test_a_wish_is_kept_while_service_and_place_are_asked():
    talk = Conversation(KNOWN)
    await talk.text("book_appointment", at("2026-12-01T11:00:00")).form("book_form")
    await talk.pick(1).form("book_form")
    await talk.pick(1).form("book_form")
    assert talk.responses == ["utter_confirm_booking"]
    assert talk.last["when_text"] == "Tue Dec 1 at 11:00am"


async def test_either_place_takes_the_first_that_is_free(pool):
    await fill(pool, datetime(2026, 12, 1, 16, 0, tzinfo=UTC))
    talk = Conversation(KNOWN)
    talk.text(
        "book_appointment",
        of("service", "eye_exam"),
        at("2026-12-01T11:00:00"),
        text="eye exam dec 1 at 11, either location",
    )
    await talk.form("book_form")
    assert talk.responses == ["utter_confirm_booking"]
    assert talk.last["place"] == "Lakeside"


@pytest.mark.parametrize(
    ("start", "response"),
    [
        ("2026-11-29T11:00:00", "utter_closed_then"),  # Sunday
        ("2026-11-29", "utter_closed_then"),
        ("2026-11-26", "utter_closed_then"),  # Thanksgiving
        ("2026-11-25T19:00:00", "utter_closed_then"),  # after hours
        ("2026-11-25T17:45:00", "utter_closed_then"),  # would end after hours
        ("2026-11-20T11:00:00", "utter_time_past"),
        ("2026-11-23T10:30:00", "utter_time_too_soon"),
        ("2026-11-24", "utter_offer_times"),
    ],
)
async def test_a_time_that_cannot_be_had_is_explained_and_others_offered(start, response):
    talk = Conversation(KNOWN)
    talk.text("book_appointment", of("service", "eye_exam"), of("location", "downtown"), at(start))
    await talk.form("book_form")
    assert talk.responses == [response]
    assert len(talk.buttons) == 3
    assert talk.slots["requested_slot"] == "start"


async def test_a_long_way_ahead_is_said_with_its_year():
    talk = Conversation(KNOWN)
    for start, said in [
        ("2028-11-24", "Fri Nov 24 2028"),
        ("2028-11-24T11:00:00", "Fri Nov 24 2028 at 11:00am"),
    ]:
        entities = of("service", "eye_exam"), of("location", "downtown"), at(start)
        await talk.text("book_appointment", *entities).form("book_form")
        assert talk.responses == ["utter_too_far"]
        assert talk.last["said"] == said


async def test_the_nearest_to_a_taken_time_are_offered(pool):
    await fill(pool, datetime(2026, 12, 1, 16, 0, tzinfo=UTC))
    talk = Conversation(KNOWN)
    entities = of("service", "eye_exam"), of("location", "downtown"), at("2026-12-01T11:00:00")
    await talk.text("book_appointment", *entities).form("book_form")
    assert talk.responses == ["utter_time_taken"]
    titles = [one["title"] for one in talk.buttons]
    assert titles == ["Tue Dec 1 10:15am", "Tue Dec 1 10:30am", "Tue Dec 1 11:30am"]


async def fill(pool, start):
    """Book a time at Downtown until nobody is free."""
    async with pool.connection() as connection:
        for number in range(3):
            await book(
                connection,
                f"fill:{number}:{start}",
                phone=f"+1212555020{number}",
                name="Somebody Else",
                service="eye_exam",
                location="downtown",
                start=start,
                now=NOW,
            )


@pytest.mark.parametrize(
    ("say", "title"),
    [
        (("inform", "the last one"), "last"),
        (("inform", "2"), "second"),
        (("affirm", "yes"), None),
    ],
)
async def test_offers_are_chosen_in_words(say, title):
    talk = Conversation(KNOWN)
    entities = of("service", "eye_exam"), of("location", "downtown"), at("2026-12-01")
    await talk.text("book_appointment", *entities).form("book_form")
    titles = [one["title"] for one in talk.buttons]
    await talk.text(say[0], text=say[1]).form("book_form")
    if title is None:  # "yes" to three offers chooses none
        assert talk.responses == ["utter_offer_again"]
    else:
        index = {"last": -1, "second": 1}[title]
        assert talk.last["when_text"].replace(" at ", " ") == titles[index]


async def test_a_time_that_fits_one_offer_chooses_it():
    talk = Conversation(KNOWN)
    entities = of("service", "eye_exam"), of("location", "downtown"), at("2026-12-01")
    await talk.text("book_appointment", *entities).form("book_form")
    assert talk.buttons[0]["title"] == "Tue Dec 1 9:00am"
    nine = at("2026-11-23T09:00:00", date_free=True, text="9am")
    await talk.text("inform", nine, text="9am").form("book_form")
    assert talk.last["when_text"] == "Tue Dec 1 at 9:00am"


async def test_anything_earlier_and_none_of_those():
    talk = Conversation(KNOWN)
    friday = at("2026-12-04T13:00:00", end="2026-12-04T17:00:00", grain="daypart")
    entities = of("service", "eye_exam"), of("location", "downtown"), friday
    await talk.text("book_appointment", *entities).form("book_form")
    shown = {one["title"] for one in talk.buttons}
    await talk.text("ask_earlier", text="anything earlier?").form("book_form")
    earlier = [one["title"] for one in talk.buttons]
    assert all(one.startswith("Fri Dec 4") and one not in shown for one in earlier)
    assert all("am" in one or "12:" in one for one in earlier)
    await talk.text("ask_other_times", text="none of those").form("book_form")
    assert not set(earlier) & {one["title"] for one in talk.buttons}


async def test_nothing_earlier_is_said():
    talk = Conversation(KNOWN)
    await talk.text("book_appointment", of("service", "eye_exam"), of("location", "downtown")).form(
        "book_form"
    )
    first = talk.buttons[0]["title"]
    await talk.text("ask_earlier").form("book_form")
    if talk.responses != ["utter_nothing_earlier"]:  # the first offer was a whole half hour
        await talk.text("ask_earlier").form("book_form")
    assert talk.responses == ["utter_nothing_earlier"]
    assert first.startswith("Mon Nov 23")


async def test_not_tuesday():
    talk = Conversation(KNOWN)
    await talk.text("book_appointment", of("service", "eye_exam"), of("location", "downtown")).form(
        "book_form"
    )
    tuesday = at("2026-11-24", role="refused", text="tuesday")
    await talk.text("ask_other_times", tuesday, text="not tuesday").form("book_form")
    assert talk.buttons
    assert not [one for one in talk.buttons if one["title"].startswith("Tue")]


async def test_never_mind_leaves_and_start_over_starts_over():
    talk = Conversation(KNOWN)
    await talk.text("book_appointment", of("service", "eye_exam")).form("book_form")
    await talk.text("nlu_fallback", text="start over").form("book_form")
    assert talk.responses == ["utter_which_service"]
    await talk.text("inform", text="oh never mind").form("book_form")
    assert talk.responses == ["utter_left_form"]
    assert talk.loop is None
    assert talk.slots["service"] is None


@pytest.mark.parametrize(
    "intent", ["help", "human", "ask_appointment", "cancel_appointment", "thanks", "nlu_fallback"]
)
async def test_what_is_no_answer_is_given_to_the_rules_and_asked_again(intent):
    talk = Conversation(KNOWN)
    entities = of("service", "eye_exam"), of("location", "downtown"), at("2026-11-29")
    await talk.text("book_appointment", *entities).form("book_form")
    await talk.text(intent, text="something else").form("book_form")
    assert talk.rejected
    assert talk.said == []
    talk.rejected = False
    await talk.form("book_form")  # as Rasa does after the rule
    assert talk.responses == ["utter_offer_again"]
    assert len(talk.buttons) == 3


async def test_what_an_old_talk_left_is_not_taken_for_a_new_booking():
    talk = Conversation(KNOWN)
    talk.slots = {"service": "eye_exam", "location": "downtown", "customer_name": "X"}
    await talk.text("book_appointment").form("book_form")
    assert talk.responses == ["utter_which_service"]


# --- YES, NO and what lies between ----------------------------------------------


async def test_another_time_instead_of_yes_changes_the_summary(pool):
    talk = await summarised()
    four = at("2026-11-23T16:00:00", date_free=True, text="4pm")
    await talk.text("inform", four, text="make it 4pm").run(ActionTakeUp())
    assert talk.last["when_text"] == "Tue Dec 1 at 4:00pm"
    thursday = at("2026-12-03", text="thurs")
    await talk.text("reschedule_appointment", thursday, text="thurs instead").form(
        "reschedule_form"
    )
    assert talk.responses == ["utter_confirm_booking"]
    assert talk.last["when_text"] == "Thu Dec 3 at 4:00pm"
    assert await talk.appointments(pool) == []


async def test_no_changes_nothing_and_another_time_takes_it_up_again(pool):
    talk = await summarised()
    await talk.text("deny", text="no").run(ActionAnswerNo())
    assert talk.responses == ["utter_declined"]
    assert talk.slots["pending_change"] is None
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert await talk.appointments(pool) == []
    await talk.text("inform", at("2026-12-02T11:00:00"), text="dec 2 at 11").run(ActionTakeUp())
    assert talk.responses == ["utter_confirm_booking"]
    assert talk.last["when_text"] == "Wed Dec 2 at 11:00am"


async def test_yes_too_late_changes_nothing_and_begins_again(pool):
    talk = await summarised()
    await talk.text("affirm", minutes=31, text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_expired_book"]
    assert talk.slots["pending_change"] is None
    assert await talk.appointments(pool) == []
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_confirm_booking"]
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_booked"]
    assert len(await talk.appointments(pool)) == 1


async def test_the_time_for_an_answer_is_a_setting(monkeypatch):
    monkeypatch.setenv("LINNET_CONFIRMATION_MINUTES", "5")
    talk = await summarised()
    assert talk.last["custom"]["linnet"]["prompt"]["seconds"] == 300
    await talk.text("affirm", minutes=6).run(ActionAnswerYes())
    assert talk.responses == ["utter_expired_book"]
    monkeypatch.setenv("LINNET_CONFIRMATION_MINUTES", "soon")
    with pytest.raises(ValueError, match="write a number of minutes"):
        await summarised()


async def test_help_in_between_leaves_the_change_waiting(pool):
    talk = await summarised()
    talk.text("help", text="help me")  # a rule answers; no action runs
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_booked"]


async def test_the_same_turn_again_books_once(pool):
    talk = await summarised()
    talk.text("affirm", text="yes")
    before = dict(talk.slots)
    await talk.run(ActionAnswerYes())
    first = talk.last["reference"]
    talk.slots = before  # the crash: Rasa lost what happened, the turn comes again
    await talk.run(ActionAnswerYes())
    assert talk.responses == ["utter_booked", "utter_booked"]
    assert talk.last["reference"] == first
    assert len(await talk.appointments(pool)) == 1


async def test_taken_meanwhile_offers_the_nearest(pool):
    talk = await summarised()
    await fill(pool, datetime(2026, 12, 1, 16, 0, tzinfo=UTC))
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_time_taken"]
    assert len(talk.buttons) == 3
    await talk.pick(1).form("book_form")
    assert talk.responses == ["utter_confirm_booking"]
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_booked"]


async def test_yes_from_nowhere():
    talk = Conversation(ONE)
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_confirm_attendance"]
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_confirmed"]
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_nothing_pending"]
    several = Conversation(TWO)
    await several.text("affirm", text="yes").run(ActionAnswerYes())
    assert several.responses == ["utter_which_yes"]


async def test_no_from_nowhere():
    talk = Conversation(ONE)
    await talk.text("deny", text="no").run(ActionAnswerNo())
    assert talk.responses == ["utter_anything_else"]


# --- appointments that stand -----------------------------------------------------


async def test_confirm_is_done_at_once_and_twice_is_harmless(pool):
    talk = Conversation(ONE)
    for _ in range(2):
        await talk.text("confirm_appointment", text="confirm").form("confirm_form")
        assert talk.responses == ["utter_confirmed"]
    [one] = await talk.appointments(pool)
    assert one.state == "confirmed"


async def test_confirm_after_a_summary_is_a_yes(pool):
    talk = await summarised()
    await talk.text("confirm_appointment", text="confirm").form("confirm_form")
    assert talk.responses == ["utter_booked"]


async def test_cancel_asks_first(pool):
    talk = Conversation(ONE)
    await talk.text("cancel_appointment", text="cancel my appointment").form("cancel_form")
    assert talk.responses == ["utter_confirm_cancellation"]
    assert len(await talk.appointments(pool)) == 1
    await talk.text("deny", text="no").run(ActionAnswerNo())
    assert talk.responses == ["utter_declined_cancel"]
    await talk.text("cancel_appointment", text="cancel my appointment").form("cancel_form")
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_cancelled"]
    assert await talk.appointments(pool) == []


async def test_a_bare_cancel_after_a_summary_is_a_no(pool):
    talk = await summarised()
    await talk.text("cancel_appointment", text="cancel").form("cancel_form")
    assert talk.responses == ["utter_declined"]
    assert talk.slots["pending_change"] is None


async def test_move_keeps_the_reference(pool):
    talk = Conversation(ONE)
    [before] = await talk.appointments(pool)
    await talk.text("reschedule_appointment", at("2026-12-02T15:00:00")).form("reschedule_form")
    assert talk.responses == ["utter_confirm_move"]
    assert talk.last["new_when"] == "Wed Dec 2 at 3:00pm"
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_moved"]
    [after] = await talk.appointments(pool)
    assert after.reference == before.reference
    assert after.start == datetime(2026, 12, 2, 20, 0, tzinfo=UTC)


async def test_only_a_time_moves_within_the_day_of_the_appointment():
    talk = Conversation(ONE)  # Tue Nov 24 at 10:00
    three = at("2026-11-23T15:00:00", date_free=True, text="3")
    await talk.text("reschedule_appointment", three, text="can i come at 3").form("reschedule_form")
    assert talk.last["new_when"] == "Tue Nov 24 at 3:00pm"


async def test_move_to_the_other_place():
    talk = Conversation(ONE)
    await talk.text(
        "reschedule_appointment", of("location", "lakeside"), at("2026-12-02T15:00:00")
    ).form("reschedule_form")
    assert talk.last["new_place"] == "Lakeside"


async def test_the_time_it_has_is_not_offered():
    talk = Conversation(ONE)
    await talk.text("reschedule_appointment", at("2026-11-24"), text="move it to tuesday").form(
        "reschedule_form"
    )
    assert talk.responses == ["utter_offer_times"]
    assert "Tue Nov 24 10:00am" not in [one["title"] for one in talk.buttons]


async def test_several_are_numbered_and_chosen(pool):
    talk = Conversation(TWO)
    await talk.text("cancel_appointment", text="cancel my appointment").form("cancel_form")
    assert talk.responses == ["utter_which_to_cancel"]
    assert len(talk.buttons) == 2
    await talk.pick(2).form("cancel_form")
    assert talk.responses == ["utter_confirm_cancellation"]
    assert talk.last["service_name"] == "contact lens exam"
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    [left] = await talk.appointments(pool)
    assert left.service.key == "eye_exam"


async def test_one_of_several_is_named_by_what_it_is_for():
    talk = Conversation(TWO)
    await talk.text("confirm_appointment", of("service", "contact_lens_exam")).form("confirm_form")
    assert talk.responses == ["utter_confirmed"]
    assert talk.last["service_name"] == "contact lens exam"


async def test_the_new_time_is_kept_while_one_of_several_is_chosen():
    talk = Conversation(TWO)
    await talk.text("reschedule_appointment", at("2026-12-02T15:00:00")).form("reschedule_form")
    assert talk.responses == ["utter_which_to_move"]
    await talk.pick(1).form("reschedule_form")
    assert talk.responses == ["utter_confirm_move"]
    assert talk.last["new_when"] == "Wed Dec 2 at 3:00pm"


@pytest.mark.parametrize("form", ["reschedule_form", "cancel_form", "confirm_form"])
async def test_without_appointments_a_booking_is_offered(form):
    talk = Conversation(KNOWN)
    await talk.text("cancel_appointment").form(form)
    assert talk.responses == ["utter_none_to_change"]
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_which_service"]
    assert talk.loop == "book_form"


async def test_an_offer_to_book_is_forgotten_after_a_while():
    talk = Conversation(KNOWN)
    await talk.text("ask_appointment").run(ActionShowAppointments())
    assert talk.responses == ["utter_no_appointment_book"]
    await talk.text("affirm", minutes=60 * 24).run(ActionAnswerYes())
    assert talk.responses == ["utter_nothing_pending"]


async def test_when_is_mine():
    one, two = Conversation(ONE), Conversation(TWO)
    await one.text("ask_appointment").run(ActionShowAppointments())
    assert one.responses == ["utter_your_appointment"]
    assert one.last["when_text"] == "Tue Nov 24 at 10:00am"
    await two.text("ask_appointment").run(ActionShowAppointments())
    assert two.responses == ["utter_your_appointments"]
    assert two.last["lines"].count("\n") == 1


async def test_switching_forms_in_the_middle():
    talk = Conversation(ONE)
    await talk.text("book_appointment").form("book_form")
    await talk.text("cancel_appointment", text="actually cancel my appointment").form("book_form")
    assert talk.rejected
    talk.rejected = False
    await talk.form("cancel_form")
    assert talk.responses == ["utter_confirm_cancellation"]


async def test_earlier_without_a_form_moves_what_there_is():
    talk = Conversation(ONE)
    await talk.text("ask_earlier", text="anything sooner?").run(ActionTakeUp())
    assert talk.loop == "reschedule_form"
    new = Conversation(NEW)
    await new.text("ask_earlier", text="anything sooner?").run(ActionTakeUp())
    assert new.loop == "book_form"


# --- failures ----------------------------------------------------------------------


async def test_three_misses_lead_to_a_person():
    talk = Conversation(NEW)
    for response in ("utter_fallback_first", "utter_fallback_second", "utter_hand_over"):
        await talk.text("nlu_fallback", text="asdf").run(ActionFallback())
        assert talk.responses == [response]
    assert talk.slots["handover"] is True
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    await talk.text("nlu_fallback", text="asdf").run(ActionFallback())
    assert talk.responses == ["utter_fallback_first"]


async def test_three_misses_in_a_form_offer_a_person():
    talk = Conversation(NEW)
    await talk.text("book_appointment").form("book_form")
    for response in ("utter_fallback_in_form", "utter_fallback_in_form", "utter_fallback_third"):
        await talk.text("nlu_fallback", text="asdf").run(ActionFallback())
        assert talk.responses == [response]
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert talk.responses == ["utter_hand_over"]
    assert talk.loop is None


async def test_a_database_that_is_away_raises(monkeypatch, database_url):
    async with make_pool(database_url) as broken:
        monkeypatch.setattr(actions.database, "_pool", broken)
        async with broken.connection() as connection:
            await connection.execute("ALTER TABLE service RENAME TO gone")
        talk = Conversation(KNOWN).text("book_appointment")
        with pytest.raises(psycopg.Error):
            await talk.form("book_form")


async def test_reading_changes_nothing(pool):
    async def counts():
        async with pool.connection() as connection:
            rows = await connection.execute(
                "SELECT (SELECT count(*) FROM appointment) AS a, (SELECT count(*) FROM customer)"
                " AS c, (SELECT count(*) FROM practice_change) AS p"
            )
            return await rows.fetchone()

    before = await counts()
    talk = Conversation(NEW)
    entities = of("service", "eye_exam"), of("location", "downtown"), at("2026-12-01T11:00:00")
    await talk.text("book_appointment", *entities, of("person", "Dana Fox")).form("book_form")
    assert talk.responses == ["utter_confirm_booking"]
    await talk.text("ask_appointment").run(ActionShowAppointments())
    await talk.text("deny", text="no").run(ActionAnswerNo())
    assert await counts() == before


async def test_without_metadata_a_practice_phone_texts_now():
    talk = Conversation(NEW).text("ask_appointment")
    talk.message["metadata"] = {}
    await talk.run(ActionShowAppointments())
    assert talk.responses == ["utter_no_appointment_book"]


# --- what customers really text -----------------------------------------------


async def test_later_by_some_minutes_is_counted_from_the_time_talked_about():
    talk = await summarised()
    await talk.text("reschedule_appointment", text="make it 30 min later").form("book_form")
    assert talk.last["when_text"] == "Tue Dec 1 at 11:30am"
    await talk.text("reschedule_appointment", text="can we push it back a week").form("book_form")
    assert talk.last["when_text"] == "Tue Dec 8 at 11:30am"


async def test_yes_but_at_another_time_books_nothing_yet(pool):
    talk = await summarised()
    four = at("2026-11-23T16:00:00", date_free=True, text="4")
    await talk.text("affirm", four, text="yes but make it 4").run(ActionAnswerYes())
    assert talk.last["when_text"] == "Tue Dec 1 at 4:00pm"
    assert await talk.appointments(pool) == []


async def test_a_doubtful_yes_is_asked_again(pool):
    talk = await summarised()
    await talk.text("affirm", text="surprise me", confidence=0.4).run(ActionAnswerYes())
    assert talk.responses == ["utter_yes_or_no"]
    assert await talk.appointments(pool) == []
    await talk.text("nlu_fallback", text="hold on").run(ActionFallback())
    assert talk.responses == ["utter_yes_or_no"]


@pytest.mark.parametrize("say", ["i cant make it", "not sure if i can make it", "I won't be late"])
async def test_what_may_be_no_confirmation_is_asked_first(pool, say):
    talk = Conversation(ONE)
    await talk.text("confirm_appointment", text=say).form("confirm_form")
    assert talk.responses == ["utter_confirm_attendance"]
    assert [one.state for one in await talk.appointments(pool)] == ["booked"]


@pytest.mark.parametrize("ask", [True, False])
async def test_a_day_with_two_readings_is_confirmed_first(pool, ask):
    talk = Conversation(ONE)
    day = at("2026-11-24") | {"additional_info": {"ask": ask}}
    text = "confirm next tuesday"
    await talk.text("confirm_appointment", day, text=text).form("confirm_form")
    asked = talk.responses == ["utter_confirm_attendance"]
    assert asked is ask
    assert [one.state for one in await talk.appointments(pool)] == [
        "booked" if ask else "confirmed"
    ]


async def test_for_my_son_asks_for_his_name(pool):
    talk = Conversation(KNOWN)
    entities = of("service", "eye_exam"), of("location", "downtown"), at("2026-12-01T11:00:00")
    await talk.text("book_appointment", *entities, text="one for my son too").form("book_form")
    assert talk.responses == ["utter_which_name_other"]
    await talk.text("nlu_fallback", text="adam khan").form("book_form")
    await talk.text("affirm", text="yes").run(ActionAnswerYes())
    assert [one.customer_name for one in await talk.appointments(pool)] == ["Adam Khan"]


async def test_a_bare_hour_beyond_the_menu_is_a_time():
    talk = Conversation(KNOWN)
    entities = of("service", "eye_exam"), of("location", "downtown"), at("2026-12-01")
    await talk.text("book_appointment", *entities).form("book_form")
    await talk.text("inform", text="11").form("book_form")
    assert talk.last["when_text"] == "Tue Dec 1 at 11:00am"


async def test_an_exam_at_the_other_place_keeps_its_time():
    talk = Conversation(ONE)
    await talk.text("reschedule_appointment", of("location", "lakeside")).form("reschedule_form")
    assert talk.responses == ["utter_confirm_move"]
    assert talk.last["new_when"] == talk.last["when_text"]
    assert talk.last["new_place"] == "Lakeside"


async def test_hours_and_addresses_are_read_from_the_book():
    talk = Conversation(NEW)
    await talk.text("ask_hours").run(ActionSayHours())
    week = "Mon-Fri 9:00am-6:00pm, Sat 10:00am-2:00pm, Sun closed"
    assert talk.last["lines"] == f"Downtown and Lakeside: {week}"
    await talk.text("ask_hours", at("2026-11-26"), of("location", "lakeside")).run(ActionSayHours())
    assert talk.last["lines"] == "Lakeside: Thu Nov 26 closed"
    await talk.text("ask_location").run(ActionSayWhere())
    assert talk.last["lines"].splitlines()[1] == "Lakeside: 88 Lakeside Ave, New York"
    at_home = Conversation(ONE)
    await at_home.text("ask_location").run(ActionSayWhere())
    assert at_home.responses == ["utter_your_appointment"]
