"""The trained model and the real actions, after a text of ours that begins a conversation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from database.pool import Pool
from messaging.openings import Begun, Opening
from messaging.screening import Company, screen
from messaging.turn_table import ClaimedTurn, WaitingText
from outreach.reminder_answers import to_recall, to_reminder
from practice.appointments import upcoming
from practice.records import Appointment
from tests.integration.inside import NOW, Talk

ONE, TWO = "+12125550101", "+12125550102"
COMPANY = Company("Harbor Eye Care", "(212) 555-0142", "Sorry.")
LATER = NOW + timedelta(days=1)


class StartedTalk(Talk):
    """A conversation in which we speak first, screened as the engine does."""

    begun: tuple[Begun, ...] = ()

    def remind(self, words: str, opening: Opening) -> None:
        """We text."""
        self._now += timedelta(seconds=20)
        self.begun += (Begun(uuid4(), words, self._now, opening),)

    async def text(self, body: str, doubt=None) -> str:
        """What is replied."""
        self._now += timedelta(seconds=20)
        prompt = self.answer is not None and any(reply.prompt for reply in self.answer.replies)
        decision = screen(
            ClaimedTurn(
                id=uuid4(),
                number=1,
                attempt=1,
                conversation_id=self.id,
                gateway="twilio",
                our_number="+12125550142",
                phone=self._phone,
                owner="assistant",
                opted_out=False,
                prompt_open=prompt,
                previous_at=None,
                menu=self.menu,
                texts=(WaitingText(1, None, body, (), self._now),),
                begun=self.begun,
            ),
            COMPANY,
        )
        assert decision.input is not None
        self.answer = await self.assistant.respond(decision.input)
        await self._processor.tracker_store._append(str(self.id), list(self.answer.events))
        self.menu = tuple(option for reply in self.answer.replies for option in reply.options)
        self.begun = tuple(
            replace(one, told=True) for one in self.begun if one.text_id != decision.answered
        )
        return "\n".join(reply.text for reply in self.answer.replies)


async def appointments(pool: Pool, phone: str) -> list[Appointment]:
    async with pool.connection() as connection:
        return list(await upcoming(connection, phone, NOW))


async def tracker_of(agent, talk: Talk):
    return await agent.processor.tracker_store.retrieve(str(talk.id))


@pytest.fixture
async def talk(agent) -> StartedTalk:
    return StartedTalk(agent, TWO, NOW)


async def reminded(talk: StartedTalk, pool, which: int) -> Appointment:
    one = (await appointments(pool, TWO))[which]
    talk.remind("Your eye exam is soon. Reply C to confirm, R to move it.", to_reminder(one, LATER))
    return one


@pytest.mark.parametrize("which", [0, 1])
async def test_r_moves_the_appointment_of_the_reminder(agent, pool, talk, which):
    one = await reminded(talk, pool, which)
    reply = await talk.text("R")
    assert "Free times" in reply
    tracker = await tracker_of(agent, talk)
    assert tracker.active_loop_name == "reschedule_form"
    assert tracker.get_slot("appointment") == one.reference
    assert "Move" in await talk.text("1")
    assert (await talk.text("yes")).startswith("Moved:")
    starts = {other.reference: other.start for other in await appointments(pool, TWO)}
    assert starts[one.reference] != one.start


@pytest.mark.parametrize("which", [0, 1])
async def test_c_confirms_the_appointment_of_the_reminder(pool, talk, which):
    one = await reminded(talk, pool, which)
    await talk.text("c")
    states = {other.reference: other.state for other in await appointments(pool, TWO)}
    assert states.pop(one.reference) == "confirmed"
    assert set(states.values()) == {"booked"}


@pytest.mark.parametrize("which", [0, 1])
async def test_words_of_the_customer_s_own_are_about_it_too(agent, pool, talk, which):
    one = await reminded(talk, pool, which)
    await talk.text("i need to reschedule")
    tracker = await tracker_of(agent, talk)
    assert tracker.active_loop_name == "reschedule_form"
    assert tracker.get_slot("appointment") == one.reference


async def test_thanks_when_is_it_again_and_then_r(agent, pool, talk):
    one = await reminded(talk, pool, 1)
    await talk.text("thanks, when is it again?")
    assert talk.begun  # no question was asked
    await talk.text("R")
    tracker = await tracker_of(agent, talk)
    assert (tracker.active_loop_name, tracker.get_slot("appointment")) == (
        "reschedule_form",
        one.reference,
    )


async def test_the_tracker_has_what_was_said_before_the_customer_s_words(agent, pool, talk):
    await reminded(talk, pool, 0)
    await talk.text("R")
    assert talk.answer is not None
    kinds = [event["event"] for event in talk.answer.events]
    assert kinds.index("session_started") < kinds.index("bot") < kinds.index("user")
    bot = talk.answer.events[kinds.index("bot")]
    assert bot["text"] == "Your eye exam is soon. Reply C to confirm, R to move it."
    assert bot["timestamp"] == pytest.approx((NOW + timedelta(seconds=20)).timestamp())


async def test_a_session_that_begins_does_not_wipe_it(agent, pool, talk):
    await talk.text("book an eye exam downtown")
    # Rasa counts a session's day from the customer's last text, by the clock of the machine.
    await pool_execute(
        pool,
        """UPDATE tracker_event SET event = jsonb_set(event, '{timestamp}', '1000')
        WHERE event ->> 'event' = 'user'""",
    )
    one = await reminded(talk, pool, 1)
    await talk.text("R")
    assert talk.answer is not None
    kinds = [event["event"] for event in talk.answer.events]
    assert kinds.index("session_started") < kinds.index("bot") < kinds.index("user")
    tracker = await tracker_of(agent, talk)
    assert (tracker.active_loop_name, tracker.get_slot("appointment")) == (
        "reschedule_form",
        one.reference,
    )


async def pool_execute(pool: Pool, statement: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(statement)


async def test_a_form_about_something_else_is_left(agent, pool, talk):
    await talk.text("book an eye exam")
    assert (await tracker_of(agent, talk)).active_loop_name == "book_form"
    one = await reminded(talk, pool, 1)
    await talk.text("thanks")
    tracker = await tracker_of(agent, talk)
    assert (tracker.active_loop_name, tracker.get_slot("appointment")) == (None, one.reference)


async def test_a_line_of_the_form_s_menu_still_answers_the_form(agent, pool, talk):
    assert "Free times" in await talk.text("book an eye exam downtown")
    await reminded(talk, pool, 1)
    await talk.text("1")
    assert (await tracker_of(agent, talk)).get_slot("pending_change")["kind"] == "book"


async def test_a_form_about_the_same_appointment_goes_on(agent, pool, talk):
    one = await reminded(talk, pool, 1)
    await talk.text("R")
    talk.remind("Your eye exam is tomorrow.", to_reminder(one, LATER))
    await talk.text("thanks")
    tracker = await tracker_of(agent, talk)
    assert (tracker.active_loop_name, tracker.get_slot("appointment")) == (
        "reschedule_form",
        one.reference,
    )


async def test_yes_to_a_question_that_stood_before_is_an_answer_to_that(agent, pool, talk):
    one, other = await appointments(pool, TWO)
    await talk.text(f"cancel my appointment {one.reference}")
    assert (await tracker_of(agent, talk)).get_slot("pending_change")["kind"] == "cancel"
    talk.remind("Your eye exam is soon. Reply C or R.", to_reminder(other, LATER))
    assert (await talk.text("yes")).startswith("Cancelled:")
    assert [left.reference for left in await appointments(pool, TWO)] == [other.reference]


async def test_yes_to_an_offer_begins_to_book(agent, pool, talk):
    one, _ = await appointments(pool, TWO)
    talk.remind("It is time for your next eye exam. Shall I book one?", to_recall(one, LATER))
    await talk.text("yes")
    assert (await tracker_of(agent, talk)).active_loop_name == "book_form"
