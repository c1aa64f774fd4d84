"""Whole talks with the trained model and the real actions: more in a text, and what was meant."""

from __future__ import annotations

import json
import re

import pytest

from messaging.segments import segment_count
from tests.integration.inside import NOW, Talk

NEW, ONE, KNOWN = "+12125550100", "+12125550101", "+12125550103"
HOURS = "Mon-Fri 9:00am-6:00pm"
LAST_RESORT = r"call \(212\) 555-0142"


def asked_once(reply: str, question: str) -> bool:
    """Whether the question stands in the reply once, with nothing but its menu after it."""
    lines = [line for line in reply.split("\n") if not re.match(r"\d ", line)]
    return reply.count(question) == 1 and question in lines[-1]


# --- more than one thing in a text ---------------------------------------------------


async def test_yes_and_a_question(agent):
    talk = Talk(agent, KNOWN, NOW)
    assert "Reply YES" in await talk.text("book an eye exam downtown dec 9 at 10am")
    reply = await talk.text("yes | and what are your hours?")
    assert reply.startswith("Booked:")
    assert HOURS in reply.partition("\n")[2]
    assert talk.answer.intent == "affirm"
    texts = [event["text"] for event in talk.answer.events if event["event"] == "user"]
    assert texts == ["yes and what are your hours?", "and what are your hours?"]


async def test_a_question_with_a_step_that_asks_for_yes(agent):
    talk = Talk(agent, ONE, NOW)
    reply = await talk.text("cancel my appointment | what are your hours?")
    assert HOURS in reply.partition("Shall I cancel")[0]
    assert asked_once(reply, "Shall I cancel")
    assert segment_count(reply) <= 2
    assert talk.answer.keeps_prompt
    assert talk.answer.replies[0].prompt is not None
    assert (await talk.text("yes")).startswith("Cancelled:")


async def test_a_question_in_the_middle_of_a_form(agent):
    talk = Talk(agent, NEW, NOW)
    await talk.text("book an eye exam")
    reply = await talk.text("downtown | are you open saturdays?")
    assert reply.index("Downtown and Lakeside" if "Downtown and" in reply else "Sat") < reply.index(
        "Free times"
    )
    assert asked_once(reply, "Free times")
    assert re.search(r"\n3 \w{3} ", reply)
    # The Saturday of the question is no wish, and the form was not run to ask again.
    tracker = await agent.processor.tracker_store.retrieve(str(talk.id))
    assert not (tracker.get_slot("when") or {}).get("windows")
    assert talk.actions.asked.count("validate_book_form") == 2
    assert tracker.active_loop_name == "book_form"
    assert "full name" in await talk.text("1")


async def test_what_came_from_the_side_reads_like_a_story(agent):
    talk = Talk(agent, NEW, NOW)
    await talk.text("book an eye exam")
    await talk.text("downtown | what are your hours?")
    done = [event["name"] for event in talk.answer.events if event["event"] == "action"]
    assert done == ["book_form", "action_listen", "action_say_hours", "book_form", "action_listen"]


async def test_two_questions_are_answered_and_a_third_is_not(agent):
    talk = Talk(agent, ONE, NOW)
    reply = await talk.text("cancel my appointment | what are your hours? | are you a bot? | help")
    assert HOURS in reply
    assert "automated assistant" in reply
    assert "Example:" not in reply
    assert asked_once(reply, "Shall I cancel")


async def test_a_second_step_waits_while_the_first_asks(agent):
    talk = Talk(agent, ONE, NOW)
    reply = await talk.text("cancel my appointment | i want to book an eye exam")
    assert "Shall I cancel" in reply
    assert "Where would you like" not in reply
    reply = await talk.text("yes | i want to book an eye exam")
    assert reply.startswith("Cancelled:")
    assert asked_once(reply, "Where would you like")


async def test_asking_for_a_person_from_the_side_leaves_the_form(agent):
    talk = Talk(agent, NEW, NOW)
    await talk.text("book an eye exam")
    reply = await talk.text("downtown | can i talk to a real person")
    assert re.search(LAST_RESORT, reply)
    assert "Free times" not in reply
    tracker = await agent.processor.tracker_store.retrieve(str(talk.id))
    assert tracker.active_loop_name is None


# --- what was meant -------------------------------------------------------------------

TORN = [{"name": "reschedule_appointment", "confidence": 0.3},
        {"name": "cancel_appointment", "confidence": 0.28},
        {"name": "human", "confidence": 0.04}]  # fmt: skip
NOISE = [{"name": "inform", "confidence": 0.2}, {"name": "human", "confidence": 0.1}]


@pytest.mark.parametrize(
    ("answer", "then"),
    [
        ("2", "Shall I cancel your eye exam"),
        ("the second one", "Shall I cancel your eye exam"),
        ("cancel", "Shall I cancel your eye exam"),
        ("1", "Free times"),
        ("move it please", "Free times"),
        ("3", "plain words"),
        ("neither", "plain words"),
        ("no", "plain words"),
        ("yes", "1 Move an appointment\n2 Cancel an appointment\n3 Something else"),
        ("what are your hours?", HOURS),
    ],
)
async def test_a_doubt_is_asked_about(agent, answer, then):
    talk = Talk(agent, ONE, NOW)
    reply = await talk.text("hmpf my visit", TORN)
    assert reply.endswith("1 Move an appointment\n2 Cancel an appointment\n3 Something else")
    assert segment_count(reply) == 1
    assert then in await talk.text(answer)


async def test_what_the_text_named_goes_with_the_choice(agent):
    talk = Talk(agent, ONE, NOW)
    await talk.text("hmpf dec 9 at 10am", TORN)
    reply = await talk.text("1")
    assert "Wed Dec 9 at 10:00am" in reply
    assert "Reply YES to move it" in reply


@pytest.mark.parametrize(
    ("second", "doubt"), [("hmpf", TORN), ("neither", None), ("no", None), ("3", None)]
)
async def test_three_misses_hand_to_a_person(agent, second, doubt):
    talk = Talk(agent, ONE, NOW)
    assert "did you mean" in await talk.text("hmpf", TORN)
    assert "plain words" in await talk.text(second, doubt)
    assert re.search(LAST_RESORT, await talk.text("hmpf", TORN))


async def test_without_near_intents_other_words_are_asked_for(agent):
    talk = Talk(agent, ONE, NOW)
    assert "You can say" in await talk.text("hmpf", NOISE)
    assert "plain words" in await talk.text("hmpf", NOISE)
    await talk.text("what are your hours?")
    assert "You can say" in await talk.text("hmpf", NOISE)  # something was understood in between


async def test_in_a_form_the_form_asks_again(agent):
    talk = Talk(agent, NEW, NOW)
    await talk.text("book an eye exam")
    reply = await talk.text("hmpf", TORN)
    assert "did not get that" in reply
    assert "\n1 Downtown" in reply
    assert "did you mean" not in reply


async def test_the_choices_are_texts_that_rasa_reads(agent):
    talk = Talk(agent, ONE, NOW)
    await talk.text("hmpf lakeside thursday", TORN)
    payload = talk.menu[0].payload
    name, _, told = payload.partition("{")
    assert name == "/reschedule_appointment"
    assert json.loads("{" + told)["location"] == ["lakeside"]
