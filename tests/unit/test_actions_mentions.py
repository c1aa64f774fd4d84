"""Which times of a text count, and how they are said back."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from actions.mentions import mentions, told_in
from actions.search import said
from actions.turn import Turn

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # Monday, 10:00 in New York


def entity(start, text, grain="day", ask=False, **more):
    value = {"start": start, "grain": grain, "text": text, "role": "offered", **more}
    return {"entity": "time", "value": value, "additional_info": {"ask": ask}}


def turn(*entities, text=""):
    return Turn("1", "+12125550100", NOW, text, "inform", 1.0, entities)


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("4", True),
        ("at 4:30 p.m.", True),
        ("between 2 and 4pm", True),
        ("same time", True),
        ("noon", True),
        ("4 on friday", False),
        ("same time next week", False),
        ("an hour later", False),
        ("the 4th at 4", False),
        ("dec 4 at 4", False),
        ("12/4 at 4", False),
        ("12-4 at 4pm", False),
        ("4 at 12.4", False),
        ("", False),
    ],
)
def test_words_that_name_no_day_are_free_of_one(text, free):
    (mention,) = mentions([entity("2026-11-24T16:00:00", text, "minute")])
    assert mention.date_free is free


LAST = entity("2026-11-20T00:00:00", "last friday", role="old")
EARLIER_TODAY = entity("2026-11-23T09:00:00", "my 9am", "minute", role="old")
NOV_16 = entity("2027-11-16T00:00:00", "nov 16", ask=True)


@pytest.mark.parametrize(
    ("entities", "booking", "starts"),
    [
        ([LAST], True, ["2026-11-20"]),  # nothing but a mistake, to be explained
        ([LAST], False, []),  # where the appointment was
        ([EARLIER_TODAY], True, []),
        ([LAST, entity("2026-11-27T00:00:00", "friday")], True, ["2026-11-27"]),
        ([NOV_16], True, ["2026-11-16"]),  # last week, not in a year
        ([NOV_16], False, ["2026-11-16"]),
        ([entity("2027-11-16T00:00:00", "nov 16 2027", ask=True)], True, ["2027-11-16"]),
        ([entity("2027-09-01T00:00:00", "sept 1", ask=True)], True, ["2027-09-01"]),
        ([entity("2027-10-01T00:00:00", "in october", "month", ask=True)], True, ["2027-10-01"]),
    ],
)
def test_the_times_that_count(entities, booking, starts):
    told = told_in(turn(*entities), NEW_YORK, booking=booking)
    assert [mention.start.date().isoformat() for mention in told] == starts
    assert all(mention.role == "offered" for mention in told)


@pytest.mark.parametrize(
    "text", ["i missed my exam last friday, need a new one", "my last visit was last friday"]
)
def test_what_happened_is_no_wish(text):
    assert told_in(turn(LAST, text=text), NEW_YORK, booking=True) == []


def at(year, month, day, hour=0):
    return datetime(year, month, day, hour, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (at(2026, 11, 27, 15), at(2026, 11, 27, 15), "Fri Nov 27 at 3:00pm"),
        (at(2026, 11, 27), at(2026, 11, 28), "Fri Nov 27"),
        (at(2026, 11, 27, 15), at(2026, 11, 28), "Fri Nov 27 from 3:00pm"),
        (at(2026, 11, 27, 13), at(2026, 11, 27, 17), "Fri Nov 27 1:00pm-5:00pm"),
        (at(2026, 11, 30), at(2026, 12, 7), "Mon Nov 30 to Sun Dec 6"),
        (at(2028, 12, 1), at(2029, 1, 1), "Fri Dec 1 to Sun Dec 31 2028"),
        (at(2028, 12, 1, 9), at(2028, 12, 1, 9), "Fri Dec 1 2028 at 9:00am"),
    ],
)
def test_what_was_understood_is_said(first, last, words):
    assert said((first, last), NEW_YORK, NOW) == words
