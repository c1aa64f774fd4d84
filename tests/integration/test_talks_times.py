"""Whole talks about times: those that count from an appointment, numbers, doubts, the past."""

from __future__ import annotations

import re

import pytest

from tests.integration.inside import NOW, Talk

NEW, ONE, KNOWN = "+12125550100", "+12125550101", "+12125550103"
MOVES = "i need to reschedule my appointment"
STANDS = "from Tue Nov 24 at 10:00am to"


async def slot(agent, talk: Talk, name: str):
    tracker = await agent.processor.tracker_store.retrieve(str(talk.id))
    return tracker.get_slot(name)


# --- counted from the appointment ----------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "replies"),
    [
        ([MOVES, "same time next week"], f"{STANDS} Tue Dec 1 at 10:00am"),
        ([MOVES, "same time wednesday"], f"{STANDS} Wed Nov 25 at 10:00am"),
        ([MOVES, "same time thursday"], "Downtown hours on Thu Nov 26: closed"),  # Thanksgiving
        ([MOVES, "an hour later"], f"{STANDS} Tue Nov 24 at 11:00am"),
        ([MOVES, "push it back a day"], f"{STANDS} Wed Nov 25 at 10:00am"),
        ([MOVES, "the day after"], "\n1 Wed Nov 25"),
        # The first text already, when nobody has told the reader of the appointment.
        (["push my appointment back a day"], f"{STANDS} Wed Nov 25 at 10:00am"),
        (["can i move my appointment to the same time next week"], f"{STANDS} Tue Dec 1 at 10:00"),
        (["when is my appointment", "same time next week"], f"{STANDS} Tue Dec 1 at 10:00am"),
        # From what was proposed, once something was.
        (
            ["move my appointment to dec 9 at 11am", "same time the week after"],
            f"{STANDS} Wed Dec 16 at 11:00am",
        ),
        # On the day that is talked about by now, which is not that of the appointment.
        ([MOVES, "dec 9", "make it 4"], f"{STANDS} Wed Dec 9 at 4:00pm"),
    ],
)
async def test_times_count_from_the_appointment(agent, texts, replies):
    talk = Talk(agent, ONE, NOW)
    for text in texts:
        reply = await talk.text(text)
    assert replies in reply
    if STANDS in reply:
        assert (await talk.text("yes")).startswith("Moved:")
        assert await slot(agent, talk, "appointment_start") is None


async def test_the_appointment_is_kept_apart_from_the_text(agent):
    talk = Talk(agent, ONE, NOW)
    await talk.text(MOVES)
    assert await slot(agent, talk, "appointment_start") == "2026-11-24T10:00:00"
    await talk.text("same time next week")
    (told,) = (one["metadata"] for one in talk.answer.events if one["event"] == "user")
    assert "appointment" not in told
    assert told["phone"] == ONE


# --- a number after a menu -----------------------------------------------------------


@pytest.mark.parametrize(
    ("asks", "number", "line"),
    [
        ("dec 9", "2 works", 2),
        ("dec 9", "ok 2 is fine", 2),
        ("dec 9", "option 2 works for me", 2),
        ("dec 9", "2", 2),
        ("dec 9 after 2pm", "2 works", 1),  # the line at two o'clock
        ("dec 9 after 2pm", "2", 2),  # the number of a line, as the menu says
    ],
)
async def test_a_number_names_a_line_or_a_time_of_the_menu(agent, asks, number, line):
    talk = Talk(agent, KNOWN, NOW)
    menu = await talk.text(f"book an eye exam downtown {asks}")
    day, time = re.search(rf"\n{line} (.*\d) (\d+:.*)", menu).groups()
    assert f"on {day} at {time}, Downtown" in await talk.text(number)


async def test_a_number_beyond_the_menu_is_a_time(agent):
    talk = Talk(agent, KNOWN, NOW)
    assert "\n3 " in await talk.text("book an eye exam downtown dec 9")
    assert "on Wed Dec 9 at 11:00am" in await talk.text("11")


# --- doubts, the past and closed days -------------------------------------------------


@pytest.mark.parametrize(
    ("asks", "reply"),
    [
        ("next friday", r"\n1 Fri Dec 4 "),
        ("next friday at 3", r"on Fri Dec 4 at 3:00pm.*Reply YES"),
        ("12/3", r"\n1 Thu Dec 3 "),
        ("on sunday", r"hours on Sun Nov 29: closed"),
        ("friday at 7pm", r"hours on Fri Nov 27: 9:00am-6:00pm"),
        ("yesterday at 3", r"^Sun Nov 22 at 3:00pm is over.*\n1 Mon Nov 23"),
        ("last friday", r"^Fri Nov 20 is over"),
        ("nov 16", r"^Mon Nov 16 is over"),
        ("today at 8am", r"^Mon Nov 23 at 8:00am is over"),
        ("in dec 2028", r"^Fri Dec 1 to Sun Dec 31 2028 is too far ahead"),
    ],
)
async def test_the_reply_names_the_day_that_was_understood(agent, asks, reply):
    talk = Talk(agent, KNOWN, NOW)
    assert re.search(reply, await talk.text(f"book an eye exam downtown {asks}"), re.DOTALL)


async def test_what_is_over_is_said_once_the_place_is_known(agent):
    talk = Talk(agent, KNOWN, NOW)
    await talk.text("book an eye exam yesterday at 3")
    assert (await talk.text("downtown")).startswith("Sun Nov 22 at 3:00pm is over")


async def test_a_confirmation_with_a_doubtful_day_is_asked_first(agent):
    talk = Talk(agent, ONE, NOW)
    reply = await talk.text("confirm my appointment next tuesday")
    assert "Do you want to confirm your eye exam on Tue Nov 24 at 10:00am" in reply


async def test_somebody_may_be_called_like_a_time_of_day(agent):
    talk = Talk(agent, NEW, NOW)
    assert "full name" in await talk.text("book an eye exam downtown dec 9 at 11am")
    assert "on Wed Dec 9 at 11:00am, Downtown, for Eve Fox" in await talk.text("Eve Fox")


# --- one thing that may be meant ------------------------------------------------------

ONE_LINE = [{"name": "cancel_appointment", "confidence": 0.34},
            {"name": "greet", "confidence": 0.08}]  # fmt: skip


@pytest.mark.parametrize("answer", ["1", "yes", "cancel"])
async def test_a_single_meaning_is_asked_about(agent, answer):
    talk = Talk(agent, ONE, NOW)
    reply = await talk.text("hmpf", ONE_LINE)
    assert reply.endswith("\n1 Cancel an appointment\n2 Something else")
    assert "Shall I cancel your eye exam" in await talk.text(answer)


@pytest.mark.parametrize("answer", ["2", "no"])
async def test_a_single_meaning_may_be_the_wrong_one(agent, answer):
    talk = Talk(agent, ONE, NOW)
    await talk.text("hmpf", ONE_LINE)
    assert "plain words" in await talk.text(answer)
