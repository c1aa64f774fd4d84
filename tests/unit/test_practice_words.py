"""How times and appointments read in a text."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from practice import words
from practice.catalogue import Location, Service
from practice.offers import Slot
from practice.records import Appointment, from_json, to_json
from practice.references import ALPHABET, make_reference
from practice.sample import HARBOR, sample_phones

ZONE = "America/New_York"
EXAM = Service(1, "eye_exam", "eye exam", 30)
DOWNTOWN = Location(1, "downtown", "Downtown", "210 Water St, New York", ZONE)
START = datetime(2026, 11, 24, 14, tzinfo=UTC)
END = START + timedelta(minutes=30)
MADE = Appointment(
    7, "HEC-4K7Q", "+12125550101", "Maria", EXAM, DOWNTOWN, START, END, "booked", "Dr. Chen"
)


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (START, "Tue Nov 24 at 9:00am"),
        (datetime(2026, 11, 24, 17, 30, tzinfo=UTC), "Tue Nov 24 at 12:30pm"),
        (datetime(2026, 11, 25, 5, 5, tzinfo=UTC), "Wed Nov 25 at 12:05am"),
        (datetime(2026, 3, 8, 6, 59, tzinfo=UTC), "Sun Mar 8 at 1:59am"),
        (datetime(2026, 3, 8, 7, 0, tzinfo=UTC), "Sun Mar 8 at 3:00am"),
    ],
)
def test_moments(moment, said):
    assert words.when(moment, ZONE) == said


def test_slots_and_appointments():
    slot = Slot(EXAM, DOWNTOWN, START, END, 1)
    assert words.slot(slot) == "Tue Nov 24 9:00am"
    assert words.slot(slot, with_place=True) == "Tue Nov 24 9:00am Downtown"
    assert words.appointment(MADE) == "eye exam Tue Nov 24 at 9:00am, Downtown"
    assert words.appointment(MADE, address=True, reference=True) == (
        "eye exam Tue Nov 24 at 9:00am, Downtown, 210 Water St, New York (HEC-4K7Q)"
    )


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ([], "closed"),
        ([(time(9), time(18))], "9:00am-6:00pm"),
        ([(time(9), time(12)), (time(13, 30), time(17))], "9:00am-12:00pm and 1:30pm-5:00pm"),
    ],
)
def test_hours(hours, said):
    assert words.hours(hours) == said


@given(st.integers(0, 4_000_000_000).map(lambda at: datetime.fromtimestamp(at, UTC)))
def test_every_moment_is_plain_ascii_and_short(moment):
    said = words.when(moment, ZONE)
    assert said.isascii()
    assert said.isprintable()
    assert len(said) <= len("Wed Nov 25 at 12:00am")


@given(st.text(min_size=1), st.integers(0, 5))
def test_references_are_readable_and_repeatable(key, attempt):
    reference = make_reference(key, attempt)
    assert reference == make_reference(key, attempt)
    assert reference[:4] == "HEC-"
    assert len(reference) == 8
    assert set(reference[4:]) <= set(ALPHABET)


def test_references_differ_by_attempt_and_seldom_collide():
    assert make_reference("turn", 0) != make_reference("turn", 1)
    assert len({make_reference(f"turn-{number}") for number in range(1000)}) > 990
    assert not set("01258AEIOLSUZBV") & set(ALPHABET)


def test_a_stored_result_reads_back_equal():
    assert from_json(to_json(MADE)) == MADE


def nth_weekday(year: int, month: int, weekday: int, number: int) -> date:
    """The so-many-th weekday of a month; -1 is the last one."""
    days = [
        day
        for offset in range(31)
        if (day := date(year, month, 1) + timedelta(days=offset)).month == month
        and day.weekday() == weekday
    ]
    return days[number - 1 if number > 0 else number]


@pytest.mark.parametrize("year", [2026, 2027])
def test_holidays_of_the_sample(year):
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 12, 25)]
    kept = {day + timedelta(days=1) if day.weekday() == 6 else day for day in fixed}
    moving = {
        nth_weekday(year, 5, 0, -1),
        nth_weekday(year, 9, 0, 1),
        nth_weekday(year, 11, 3, 4),
    }
    listed = yaml.safe_load(HARBOR.read_text())["closures"]
    assert {day for day in listed if day.year == year} == kept | moving


def test_sample_phones():
    assert {one.phone: one.name for one in sample_phones()} == {
        "+12125550100": None,
        "+12125550101": "Maria Lopez",
        "+12125550102": "James Reed",
        "+12125550103": "Aisha Khan",
    }
