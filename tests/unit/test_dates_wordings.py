"""Wordings in classes: each phrase is combined from parts, with an answer from plain arithmetic."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product

import pytest

from nlu.dates.spelling import respell
from tests.unit.date_tables import NOW, read, shorts

TODAY = NOW.replace(hour=0, tzinfo=None)
WEEKDAYS = ("monday", "tues", "weds", "Thursday", "fri", "sat")


def _coming(weekday: int) -> datetime:
    return TODAY + timedelta(days=(weekday - TODAY.weekday() - 1) % 7 + 1)


HOURS = {"9": 9, "ten": 10, "noon": 12, "12:30pm": 12.5, "1": 13, "half past two": 14.5,
         "quarter to four": 15.75, "3 fifteen": 15.25, "1615h": 16.25, "5ish": 17}  # fmt: skip
SIDES = {"after {}": "after", "before {}": "before", "no later than {}": "before",
         "no earlier than {}": "after"}  # fmt: skip


@pytest.mark.parametrize(("day", "said"), list(product(range(len(WEEKDAYS)), HOURS)))
def test_a_weekday_and_a_time_in_either_order(day: int, said: str) -> None:
    wanted = _coming(day) + timedelta(hours=HOURS[said])
    for text in (f"{WEEKDAYS[day]} at {said}", f"at {said} on {WEEKDAYS[day]}"):
        assert [mention.start for mention in read(text)] == [wanted], text


@pytest.mark.parametrize(("side", "said"), list(product(SIDES, HOURS)))
def test_a_time_that_is_open_on_one_side(side: str, said: str) -> None:
    (mention,) = read(side.format(said))
    moment = mention.start if SIDES[side] == "after" else mention.end
    assert mention.open == SIDES[side]
    assert moment == TODAY + timedelta(hours=HOURS[said])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("at 2 on friday or thurs", ["03-13 14:00", "03-12 14:00"]),
        ("in the afternoon on the 17th, 18th or 19th",
         [f"03-{day} 12:00..03-{day} 17:00 afternoon" for day in (17, 18, 19)]),
        ("mornings are best, mon or fri",
         [f"03-{day} 08:00..03-{day} 12:00 morning" for day in (16, 13)]),
        ("9, 10 or 11 on friday", ["03-13 09:00", "03-13 10:00", "03-13 11:00"]),
        ("monday before 10 or after 3", ["..03-16 10:00 before", "03-16 15:00 after"]),
        ("friday, but not before 10", ["03-13 10:00 after"]),
        ("march 19th or 21st at 9", ["03-19 09:00", "03-21 09:00"]),
        ("may 5, 6", ["05-05", "05-06"]),
        ("9-1 day after tomorrow", ["03-13 09:00..03-13 13:00"]),
        ("8.30 - 10 friday", ["03-13 08:30..03-13 10:00"]),
        ("5 april 7-9pm", ["04-05 19:00..04-05 21:00 ?"]),
    ],
)  # fmt: skip
def test_alternatives_and_ranges_share_what_is_said_once(text: str, wanted: list[str]) -> None:
    assert shorts(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("first 10 days of april", ["04-01..04-10"]),
        ("the second half of april", ["04-16..04-30"]),
        ("between now and friday", ["03-11..03-13"]),
        ("now til the 12th", ["03-11..03-12"]),
        ("a week on friday", ["03-20"]),
        ("the closest monday to april 5th", ["04-06"]),
        ("monday 2 weeks after april 1st", ["04-13"]),
        ("come in a week from this thur", ["03-19"]),
        ("for a week starting tomorrow", ["03-12..03-18"]),
        ("april tenth to twelfth", ["04-10..04-12"]),
        ("the 27th to the 3rd of april", ["03-27..04-03"]),
        ("from 5/1/2026-5/7/2027", ["05-01..05-07 ?"]),
        ("21-jul-2026", ["07-21"]),
        ("may 14-16 2026", ["05-14..05-16"]),
        ("2026 april 6", ["04-06"]),
        ("thu 26. mar 18:00", ["03-26 18:00"]),
        ("the 20th next month", ["04-20"]),
        ("may-june", ["05-01..06-30"]),
        ("the day after veterans day", ["11-12 ?"]),
        ("early this afternoon", ["13:00..15:00 after lunch"]),
        ("8 o'clock tomorrow night", ["03-12 20:00 ?"]),
        ("7:20pm", ["19:20 ?"]),
    ],
)
def test_days_periods_and_numbers(text: str, wanted: list[str]) -> None:
    found = [one.replace("03-11 ", "") if text.startswith("early") else one for one in shorts(text)]
    assert found == wanted


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2h30m", 2.5), ("1hr15min", 1.25), ("2 1/2 hours", 2.5), ("hour and a half", 1.5),
        ("a full hour", 1), ("for 1h30", 1.5), ("a half hour", 0.5),
    ],
)  # fmt: skip
def test_lengths(text: str, hours: float) -> None:
    assert [mention.seconds for mention in read(text)] == [hours * 3600]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("i work mon-fri", ["refused 03-16..03-20"]),
        ("friday no, tuesday yes", ["refused 03-13", "03-17"]),
        ("busy friday, free tues", ["refused 03-13", "03-17"]),
        ("any day next week but tuesday", ["03-16 week", "refused 03-17"]),
        ("i have class tues/thurs", ["refused 03-17", "refused 03-12"]),
        ("i have class tuesday can we do wednesday", ["old 03-17", "03-18"]),
        ("i get off at 4 so anything after 430", ["refused 16:00", "16:30 after"]),
        ("can i get an appointment on friday", ["03-13"]),
        ("my appointment on friday", ["old 03-13"]),
    ],
)
def test_blocks_and_reasons_are_not_offered(text: str, wanted: list[str]) -> None:
    assert shorts(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "i leave on the 20th so before then",
        "i'm back on the 25th, anytime after",
        "friday after my class",
        "the 18th, 3 of the afternoon sessions, 11",
    ],
)
def test_what_is_not_all_understood_is_asked(text: str) -> None:
    assert any(mention.ask for mention in read(text))


@pytest.mark.parametrize(("hour", "asked"), [(9, False), (13, True)])
def test_a_part_of_today_that_is_over_is_asked(hour: int, asked: bool) -> None:
    (mention,) = read("this morning", NOW.replace(hour=hour))
    assert mention.ask is asked


def test_a_phrase_that_is_written_out_keeps_its_place() -> None:
    text = "see you <6pm, ok"
    (mention,) = read(text)
    assert text[mention.first : mention.last] == "<6pm"
    assert respell("half a year").text == "6 months"
