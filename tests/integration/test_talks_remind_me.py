"""Asking for a reminder, understood by the trained model, up to the row that will be sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from messaging.assistant import TurnInput
from outreach.reminder_answers import to_reminder
from practice.appointments import upcoming
from practice.requested_reminders import MOST_WAITING, waiting_reminders
from tests.integration.engine import rows
from tests.integration.inside import NOW, Talk

NEW, ONE = "+12125550100", "+12125550101"  # ONE has an eye exam, downtown
ZONE = ZoneInfo("America/New_York")
ASKS_WHEN = "When shall I remind you?"


async def kept(pool, phone=ONE):
    async with pool.connection() as connection:
        return await waiting_reminders(connection, phone)


def local(moment: datetime) -> str:
    return moment.astimezone(ZONE).strftime("%a %b %d %H:%M")


async def appointment_of(pool, phone=ONE):
    async with pool.connection() as connection:
        return (await upcoming(connection, phone, NOW))[0]


# It is Monday, November 23, 10:00 in New York.
@pytest.mark.parametrize(
    ("body", "due", "words"),
    [
        ("REMIND ME TOMORROW AT 10 AM", "Tue Nov 24 10:00", None),
        ("remind me on friday at 9am to call about my glasses", "Fri Nov 27 09:00",
         "call about my glasses"),
        ("remind me in 2 hours", "Mon Nov 23 12:00", None),
        ("pls remind me at 8pm", "Mon Nov 23 20:00", None),
        ("remind me at 9am", "Tue Nov 24 09:00", None),
        ("remind me tomorrow morning", "Tue Nov 24 08:00", None),
        ("text me a reminder on 12/3 at noon", "Thu Dec 03 12:00", None),
        ("remind me to pick up my contacts on saturday at 11am", "Sat Nov 28 11:00",
         "pick up my contacts"),
        ("remind me wednesday 6am to take my drops please", "Wed Nov 25 06:00", "take my drops"),
    ],
)  # fmt: skip
async def test_a_time_that_is_named_is_kept(agent, pool, body, due, words):
    talk = Talk(agent, NEW, NOW)
    reply = await talk.text(body)
    (one,) = await kept(pool, NEW)
    assert local(one.due_at) == due, reply
    assert one.words == words
    assert one.zone == "America/New_York"
    said = one.due_at.astimezone(ZONE)
    assert reply.startswith(f"I will remind you {said:%a %b} {said.day} at "), reply


@pytest.mark.parametrize(
    ("body", "before"),
    [
        ("text me 2 hours before my appointment", timedelta(hours=2)),
        ("remind me the day before", timedelta(days=1)),
        ("remind me an hour before", timedelta(hours=1)),
        ("remind me 30 min before my exam", timedelta(minutes=30)),
    ],
)
async def test_before_the_appointment_moves_with_it(agent, pool, body, before):
    exam = await appointment_of(pool)
    talk = Talk(agent, ONE, NOW - timedelta(hours=1))
    assert "I will remind you" in await talk.text(body)
    (one,) = await kept(pool)
    assert one.due_at == exam.start - before
    assert one.appointment_id == exam.id
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE appointment SET during = tstzrange(lower(during) + interval '1 hour',"
            " upper(during) + interval '1 hour') WHERE id = %s",
            [exam.id],
        )
    (one,) = await kept(pool)
    assert one.due_at == exam.start + timedelta(hours=1) - before


async def test_the_night_before_has_a_usual_hour_or_the_one_named(agent, pool):
    exam = await appointment_of(pool)
    day = (exam.start.astimezone(ZONE) - timedelta(days=1)).date()
    assert day >= NOW.astimezone(ZONE).date()
    await Talk(agent, ONE, NOW).text("remind me the night before")
    await Talk(agent, ONE, NOW).text("remind me the night before at 9pm")
    assert [one.due_at.astimezone(ZONE) for one in await kept(pool)] == [
        datetime(day.year, day.month, day.day, hour, tzinfo=ZONE) for hour in (19, 21)
    ]


async def test_without_an_appointment_before_means_nothing(agent, pool):
    talk = Talk(agent, NEW, NOW)
    assert "no upcoming appointment" in await talk.text("remind me 2 hours before my appointment")
    assert "I will remind you Tue Nov 24 at 9:00am" in await talk.text("tomorrow at 9am")


@pytest.mark.parametrize(
    ("texts", "due"),
    [
        (["remind me", "tomorrow at 10am"], "Tue Nov 24 10:00"),
        (["remind me on friday to call about my glasses", "9am"], "Fri Nov 27 09:00"),
        (["remind me on friday to call", "at 4"], "Fri Nov 27 16:00"),
        (["remind me on friday", "10"], "Fri Nov 27 10:00"),
        (["remind me friday", "actually saturday at 9am"], "Sat Nov 28 09:00"),
        (["remind me tomorrow", "what are your hours?", "11am"], "Tue Nov 24 11:00"),
        (["remind me today at 8am", "5pm"], "Mon Nov 23 17:00"),
        (["can you send me a reminder at 9", "yes"], "Mon Nov 23 21:00"),
        (["can you send me a reminder at 9", "tomorrow at 9am"], "Tue Nov 24 09:00"),
    ],
)
async def test_what_is_missing_or_in_doubt_is_asked(agent, pool, texts, due):
    talk = Talk(agent, NEW, NOW)
    for body in texts[:-1]:
        reply = await talk.text(body)
        assert reply.endswith("?") or ASKS_WHEN in reply or "Shall I remind you" in reply, reply
        assert await kept(pool, NEW) == []
    assert "I will remind you" in (reply := await talk.text(texts[-1])), reply
    assert [local(one.due_at) for one in await kept(pool, NEW)] == [due]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("remind me yesterday at 3pm", "is over"),
        ("remind me on november 30 2028 at 9am", "up to a year ahead"),
        ("remind me", ASKS_WHEN),
        ("remind me next week", ASKS_WHEN),
        ("remind me on friday", "At what time on Fri Nov 27"),
    ],
)
async def test_what_cannot_be_kept_is_said(agent, pool, body, says):
    talk = Talk(agent, NEW, NOW)
    assert says in await talk.text(body)
    assert "leave it at that" in await talk.text("never mind")
    assert await kept(pool, NEW) == []


@pytest.mark.parametrize(
    "body",
    ["cancel my reminder", "forget the reminder", "CANCEL", "don't remind me", "nvm",
     "stop reminding me tomorrow"],
)  # fmt: skip
@pytest.mark.parametrize("phone", [NEW, ONE])
async def test_it_is_taken_back(agent, pool, body, phone):
    talk = Talk(agent, phone, NOW)
    await talk.text("REMIND ME TOMORROW AT 10 AM")
    assert "OK, I will not remind you Tue Nov 24 at 10:00am" in await talk.text(body)
    assert await kept(pool, phone) == []
    assert (await appointment_of(pool)).state != "cancelled"


async def test_later_a_bare_cancel_is_about_the_appointment(agent, pool):
    talk = Talk(agent, ONE, NOW)
    await talk.text("REMIND ME TOMORROW AT 10 AM")
    talk._now += timedelta(hours=3)
    assert "Shall I cancel your eye exam" in await talk.text("cancel")


async def test_of_several_the_one_that_is_named_or_chosen_is_taken_back(agent, pool):
    talk = Talk(agent, NEW, NOW)
    for body in ("remind me tomorrow at 10am", "remind me friday at 9am", "remind me at 8pm"):
        await talk.text(body)
    assert "Fri Nov 27 at 9:00am" in await talk.text("cancel the reminder for friday")
    talk._now += timedelta(hours=1)
    reply = await talk.text("cancel my reminder")
    assert reply.endswith("1 Mon Nov 23 8:00pm\n2 Tue Nov 24 10:00am")
    assert "Tue Nov 24 at 10:00am" in await talk.text("2")
    assert [local(one.due_at) for one in await kept(pool, NEW)] == ["Mon Nov 23 20:00"]


async def test_without_one_there_is_none_to_take_back(agent):
    assert "none to cancel" in await Talk(agent, NEW, NOW).text("cancel my reminder")


async def test_a_phone_can_have_so_many(agent, pool):
    talk = Talk(agent, NEW, NOW)
    for hour in range(1, MOST_WAITING + 1):
        assert "I will remind you" in await talk.text(f"remind me tomorrow at {hour}pm")
    reply = await talk.text("remind me tomorrow at 8pm")
    assert f"already keep {MOST_WAITING} reminders" in reply
    assert len(await kept(pool, NEW)) == MOST_WAITING


async def test_a_turn_that_is_done_again_keeps_one(agent, pool):
    talk = Talk(agent, NEW, NOW)
    turn = TurnInput(uuid4(), talk.id, NEW, "REMIND ME TOMORROW AT 10 AM", NOW)
    first = await talk.assistant.respond(turn)
    again = await talk.assistant.respond(turn)
    assert [one.text for one in first.replies] == [one.text for one in again.replies]
    assert len(await rows(pool, "SELECT FROM requested_reminder")) == 1


async def test_it_does_not_disturb_a_booking_that_waits_for_yes(agent, pool):
    talk = Talk(agent, NEW, NOW)
    await talk.text("book an eye exam downtown dec 9 at 10am")
    assert "Reply YES" in await talk.text("my name is Maria Lopez")
    assert "I will remind you" in await talk.text("remind me tomorrow at 10 am")
    assert (await talk.text("yes")).startswith("Booked: eye exam, Wed Dec 9 at 10:00am")


async def test_in_answer_to_a_reminder_it_is_about_that_appointment(agent, pool):
    exam = await appointment_of(pool)
    talk = Talk(agent, ONE, NOW)
    talk.begin("Reply C to confirm.", to_reminder(exam, exam.start))
    assert "I will remind you Mon Nov 23 at 3:00pm" in await talk.text(
        "busy right now, remind me at 3pm"
    )
    (one,) = await kept(pool)
    assert (one.appointment_id, one.words) == (exam.id, None)
    assert (await talk.text("yes")).startswith("Confirmed: eye exam")


@pytest.mark.parametrize("body", ["remind me when my appointment is", "when is my appointment"])
async def test_asking_when_it_is_keeps_nothing(agent, pool, body):
    assert "Your eye exam is on" in await Talk(agent, ONE, NOW).text(body)
    assert await kept(pool) == []


@pytest.mark.parametrize(
    ("now", "body", "due", "said"),
    [
        # Clocks go forward on March 14, 2027, and back on November 1, 2026, both at 2:00.
        (datetime(2027, 3, 13, 15, tzinfo=UTC), "remind me tomorrow at 9am",
         datetime(2027, 3, 14, 13, tzinfo=UTC), "Sun Mar 14 at 9:00am"),
        (datetime(2027, 3, 13, 15, tzinfo=UTC), "remind me tomorrow at 2:30am",
         datetime(2027, 3, 14, 7, 30, tzinfo=UTC), "Sun Mar 14 at 3:30am"),
        (datetime(2026, 10, 31, 15, tzinfo=UTC), "remind me tomorrow at 9am",
         datetime(2026, 11, 1, 14, tzinfo=UTC), "Sun Nov 1 at 9:00am"),
        (datetime(2026, 10, 31, 15, tzinfo=UTC), "remind me tomorrow at 1:30am",
         datetime(2026, 11, 1, 5, 30, tzinfo=UTC), "Sun Nov 1 at 1:30am"),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), "remind me tomorrow at 10 am",
         datetime(2027, 1, 1, 15, tzinfo=UTC), "Fri Jan 1 at 10:00am"),
    ],
)  # fmt: skip
async def test_clocks_that_change_and_years_that_end(agent, pool, now, body, due, said):
    assert f"I will remind you {said}." in await Talk(agent, NEW, now).text(body)
    assert [one.due_at for one in await kept(pool, NEW)] == [due]


async def test_the_zone_is_that_of_the_location(agent, pool):
    async with pool.connection() as connection:
        await connection.execute("UPDATE location SET timezone = 'America/Denver'")
    assert "Tue Nov 24 at 10:00am" in await Talk(agent, ONE, NOW).text(
        "remind me tomorrow at 10 am"
    )
    (one,) = await kept(pool)
    assert one.zone == "America/Denver"
    assert one.due_at == datetime(2026, 11, 24, 17, tzinfo=UTC)
