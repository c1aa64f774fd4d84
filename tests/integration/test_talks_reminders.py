"""What customers answer to a reminder, understood by the trained model: that appointment it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from messaging.openings import Opening
from messaging.segments import segment_count
from outreach.reminder_answers import to_missed, to_recall, to_reminder, to_several
from practice.appointments import book, cancel, reschedule, upcoming
from tests.integration.inside import NOW, Talk

PHONE = "+12125550188"
ZONE = ZoneInfo("America/New_York")
REMINDED = "eye exam on Tue Nov 24 at 4:00pm, Downtown"
OTHER = "contact lens exam"
ASKS_BOTH = r"Shall I move it or cancel it? Text a number:"


def at(*parts: int) -> datetime:
    return datetime(2026, *parts, tzinfo=ZONE).astimezone(UTC)


class Reminded:
    """A phone with an eye exam, of which it was reminded, and a later contact lens exam.

    Attributes:
        talk: of the phone.
        exam: of the reminder.
    """

    def __init__(self, agent, pool):
        self.talk, self.pool = Talk(agent, PHONE, NOW), pool

    async def book(self, *, other=True):
        async with self.pool.connection() as connection:
            self.exam = await self._book(connection, "eye_exam", at(11, 24, 16))
            if other:
                await self._book(connection, "contact_lens_exam", at(12, 3, 10), "lakeside")
        return self

    async def _book(self, connection, service, start, location="downtown"):
        return await book(
            connection,
            str(uuid4()),
            phone=PHONE,
            name="Ann Lee",
            service=service,
            location=location,
            start=start,
            now=NOW,
        )

    def begin(self, opening: Opening) -> None:
        self.talk.begin("Reply C to confirm, R to reschedule, X to cancel.", opening)

    def remind(self):
        self.begin(to_reminder(self.exam, self.exam.start))
        return self

    async def text(self, body):
        reply = await self.talk.text(body)
        assert segment_count(reply) <= 2, reply
        return reply

    async def change(self, how, **more):
        async with self.pool.connection() as connection:
            await how(
                connection,
                str(uuid4()),
                phone=PHONE,
                appointment_id=self.exam.id,
                now=NOW,
                **more,
            )

    async def states(self):
        """What the book holds: service, state and local start of each appointment."""
        async with self.pool.connection() as connection:
            known = await upcoming(connection, PHONE, NOW)
        return {one.service.key: (one.state, one.start) for one in known}


@pytest.fixture
async def reminded(agent, pool):
    return (await Reminded(agent, pool).book()).remind()


BOOKED = ("booked", at(11, 24, 16))
CONFIRMED = ("confirmed", at(11, 24, 16))
OTHER_STANDS = ("booked", at(12, 3, 10))

COMES = [
    "C", "c.", "C!", "c pls", "yes", "Yes!", "y", "yep ill be there", "confirmed", "confirm",
    "see you then", "\N{THUMBS UP SIGN}", "ok", "yes thanks", "no problem, see you then",
    "i'll be there at 4", "see you tomorrow at 4", "we'll be there",
]  # fmt: skip
CANNOT = [
    "can't make it", "cant make it", "cant come", "im sick", "something came up", "no", "N", "nope",
    "sorry my kid is sick", "not coming", "wont be able to make it tomorrow", "no i cant",
    "I can't make it tomorrow sorry", "not gonna make it",
]  # fmt: skip
MOVES = [
    "R", "r.", "r pls", "reschedule", "can we do thursday instead", "no, thursday",
    "need a different day", "yes but can we make it 5", "can i come earlier",
    "i have to reschedule", "can you move it to friday",
]  # fmt: skip
CANCELS_AT_ONCE = ["X", "x.", "cancel", "CANCEL"]
ASKS_TO_CANCEL = ["cancel it", "please cancel my appointment", "no, cancel it", "x pls"]


@pytest.mark.parametrize("body", COMES)
async def test_who_comes_is_confirmed(reminded, body):
    reply = await reminded.text(body)
    assert reply.startswith("Confirmed: eye exam, Tue Nov 24 at 4:00pm"), reply
    assert await reminded.states() == {
        "eye_exam": CONFIRMED,
        "contact_lens_exam": OTHER_STANDS,
    }


@pytest.mark.parametrize("body", CANNOT)
async def test_who_cannot_come_is_asked_whether_to_move_or_cancel(reminded, body):
    reply = await reminded.text(body)
    assert f"Your {REMINDED}, is still booked. {ASKS_BOTH}" in reply
    assert reply.endswith("1 Move it\n2 Cancel it\n3 Keep it")
    assert await reminded.states() == {"eye_exam": BOOKED, "contact_lens_exam": OTHER_STANDS}


@pytest.mark.parametrize("body", MOVES)
async def test_who_wants_another_time_is_offered_some_or_asked_for_a_yes(reminded, body):
    reply = await reminded.text(body)
    assert "eye exam" in reply or "nearest" in reply, reply
    assert "Text a number" in reply or "a number or another time" in reply or "Move your" in reply
    assert OTHER not in reply
    assert (await reminded.states())["eye_exam"] == BOOKED


@pytest.mark.parametrize("body", CANCELS_AT_ONCE)
async def test_the_letter_that_cancels_does_it_at_once(reminded, body):
    reply = await reminded.text(body)
    assert reply.startswith("Cancelled: eye exam, Tue Nov 24 at 4:00pm"), reply
    assert "book again" in reply
    assert await reminded.states() == {"contact_lens_exam": OTHER_STANDS}


@pytest.mark.parametrize("body", ASKS_TO_CANCEL)
async def test_words_that_cancel_are_asked_for_a_yes(reminded, body):
    reply = await reminded.text(body)
    assert reply.startswith(f"Shall I cancel your {REMINDED}"), reply
    assert (await reminded.text("yes")).startswith("Cancelled: eye exam")
    assert await reminded.states() == {"contact_lens_exam": OTHER_STANDS}


@pytest.mark.parametrize(
    ("body", "then"),
    [
        ("what time again?", "Your eye exam is on Tue Nov 24 at 4:00pm"),
        ("when is it", "Your eye exam is on Tue Nov 24 at 4:00pm"),
        ("where is it?", "210 Water St"),
        ("where are you located", "210 Water St"),
        ("running late", "Thanks for letting us know"),
        ("can i bring my son", "call (212) 555-0142"),
        ("who is this", "Harbor Eye Care"),
        ("thanks", "please answer my last question"),
    ],
)
async def test_a_question_is_answered_and_the_reminder_stays_open(reminded, body, then):
    reply = await reminded.text(body)
    assert then in reply
    assert OTHER not in reply
    assert (await reminded.states())["eye_exam"] == BOOKED
    assert (await reminded.text("yes")).startswith("Confirmed: eye exam, Tue Nov 24 at 4:00pm")


async def test_what_is_not_understood_is_asked_about_with_the_choices(reminded):
    noise = [{"name": "inform", "confidence": 0.2}]
    reply = await reminded.talk.text("hmpf", noise)
    assert f"What about your {REMINDED}?" in reply
    assert reply.endswith("1 I will come\n2 Move it\n3 Cancel it")
    assert (await reminded.text("1")).startswith("Confirmed: eye exam, Tue Nov 24 at 4:00pm")


@pytest.mark.parametrize(
    ("choice", "then"),
    [
        ("1", "Text a number"),
        ("move it", "Text a number"),
        ("yes", "Text a number"),
        ("2", "Cancelled: eye exam"),
        ("cancel it", f"Shall I cancel your {REMINDED}"),
        ("3", "Confirmed: eye exam"),
        ("friday", "Fri Nov 27"),
    ],
)
async def test_after_a_no_the_choice_is_about_the_same_appointment(reminded, choice, then):
    await reminded.text("can't make it")
    reply = await reminded.text(choice)
    assert then in reply, reply
    assert OTHER not in reply


async def test_moving_on_works_to_its_end(reminded):
    assert "Text a number" in await reminded.text("R")
    assert "Mon Nov 30" in await reminded.text("monday at 10")
    assert (await reminded.text("yes")).startswith("Moved: eye exam, now Mon Nov 30 at 10:00am")
    assert await reminded.states() == {
        "eye_exam": ("booked", at(11, 30, 10)),
        "contact_lens_exam": OTHER_STANDS,
    }


async def test_the_other_appointment_is_meant_where_it_is_named(reminded):
    reply = await reminded.text("cancel the lakeside one please")
    assert reply.startswith("Shall I cancel your contact lens exam"), reply


@pytest.mark.parametrize("body", ["c", "yes", "R", "X", "cancel it", "can't make it", "no"])
async def test_what_was_cancelled_meanwhile_is_said_to_be_gone(reminded, body):
    await reminded.change(cancel)
    reply = await reminded.text(body)
    assert "can't be changed any more" in reply, reply
    assert await reminded.states() == {"contact_lens_exam": OTHER_STANDS}


@pytest.mark.parametrize("body", ["c", "yes", "see you then"])
async def test_what_was_moved_meanwhile_is_not_confirmed_unseen(reminded, body):
    await reminded.change(reschedule, start=at(11, 25, 9))
    reply = await reminded.text(body)
    assert "was moved: it is now on Wed Nov 25 at 9:00am" in reply
    assert (await reminded.states())["eye_exam"] == ("booked", at(11, 25, 9))
    assert (await reminded.text("yes")).startswith("Confirmed: eye exam, Wed Nov 25 at 9:00am")


async def test_what_was_moved_meanwhile_is_not_cancelled_unseen(reminded):
    await reminded.change(reschedule, start=at(11, 25, 9))
    assert (await reminded.text("X")).startswith("Shall I cancel your eye exam on Wed Nov 25")
    assert (await reminded.states())["eye_exam"] == ("booked", at(11, 25, 9))


@pytest.mark.parametrize(
    ("body", "then"),
    [("c", "want to confirm"), ("R", "want to move"), ("X", "want to cancel")],
)
async def test_a_reminder_of_several_asks_which(agent, pool, body, then):
    phone = await Reminded(agent, pool).book()
    phone.begin(to_several(phone.exam.start))
    reply = await phone.text(body)
    assert then in reply
    assert "\n1 Eye exam Tue Nov 24 4:00pm\n2 Contact lens exam" in reply


async def test_a_form_that_was_open_is_left(agent, pool):
    phone = await Reminded(agent, pool).book()
    assert "Where would you like" in await phone.text("book an eye exam")
    assert (await phone.remind().text("C")).startswith("Confirmed: eye exam, Tue Nov 24")


@pytest.mark.parametrize("opening", [to_missed, to_recall])
@pytest.mark.parametrize("body", ["yes", "Y", "sure", "yes please", "ok"])
async def test_a_yes_begins_to_book_the_same_service(agent, pool, opening, body):
    phone = await Reminded(agent, pool).book(other=False)
    phone.begin(opening(phone.exam, NOW + timedelta(days=7)))
    assert (await phone.text(body)).startswith("Free times, eye exam at Downtown.")
    reply = await phone.text("1")
    assert "Book your eye exam" in reply
    assert "for Ann Lee" in reply


@pytest.mark.parametrize(
    ("body", "then"),
    [
        ("monday at 10", "Book your eye exam on Mon Nov 30 at 10:00am, Downtown, for Ann Lee"),
        ("can we do monday at 10am", "Book your eye exam on Mon Nov 30 at 10:00am"),
        ("no thanks", "OK."),
        ("no", "OK."),
    ],
)
async def test_another_answer_to_an_offer_to_book(agent, pool, body, then):
    phone = await Reminded(agent, pool).book(other=False)
    await phone.change(cancel)
    phone.begin(to_recall(phone.exam, NOW + timedelta(days=7)))
    assert then in await phone.text(body)
