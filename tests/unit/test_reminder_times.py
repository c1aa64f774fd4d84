"""When reminders are due and when it is too late, over changed clocks and the turn of the year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.reminder_times import (
    due,
    is_missed_due,
    is_recall_due,
    missed_due,
    plan,
    recall_due,
    together,
)
from practice.leads import parse_lead

ZONE = "America/New_York"
PLAN = ("7d", "24h", "2h")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


TUESDAY_10 = local(2026, 11, 24, 10)


def kind(now: datetime, start: datetime = TUESDAY_10, placed_at: datetime = LONG_AGO):
    found = due(PLAN, start, ZONE, placed_at, now)
    return found and found.lead.key


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (local(2026, 11, 17, 9, 59, 59), None),
        (local(2026, 11, 17, 10), "7d"),
        (local(2026, 11, 20, 9, 59), "7d"),  # down for days: not yet half of the way
        (local(2026, 11, 20, 10), None),  # the next one says it better
        (local(2026, 11, 23, 9, 59, 59), None),
        (local(2026, 11, 23, 10), "24h"),
        (local(2026, 11, 23, 20, 59), "24h"),
        (local(2026, 11, 23, 21), None),
        (local(2026, 11, 24, 8), "2h"),
        (local(2026, 11, 24, 8, 59, 59), "2h"),
        (local(2026, 11, 24, 9), None),
        (local(2026, 11, 24, 10), None),
        (local(2026, 11, 25, 10), None),
    ],
)
def test_a_reminder_is_due_until_half_of_the_way_to_the_next_one(now, expected):
    assert kind(now) == expected


@pytest.mark.parametrize(
    ("placed_at", "left"),
    [
        (local(2026, 11, 17, 9), ["7d", "24h", "2h"]),
        (local(2026, 11, 17, 11), ["24h", "2h"]),
        (local(2026, 11, 23, 14), ["2h"]),  # booked 20 hours ahead
        (local(2026, 11, 24, 9), []),
    ],
)
def test_who_books_late_is_not_reminded_of_what_was_just_said(placed_at, left):
    assert [one.lead.key for one in plan(PLAN, TUESDAY_10, ZONE, placed_at)] == left
    assert kind(local(2026, 11, 23, 14), placed_at=placed_at) in {None, "24h"}


@pytest.mark.parametrize(
    ("start", "week", "day", "hours"),
    [
        # Clocks go back in the night to Nov 1: a week before is 10:00, 24 hours before is 11:00.
        (local(2026, 11, 1, 10), local(2026, 10, 25, 10), local(2026, 10, 31, 11),
         local(2026, 11, 1, 8)),
        (local(2026, 11, 4, 10), local(2026, 10, 28, 10), local(2026, 11, 3, 10),
         local(2026, 11, 4, 8)),
        # They go forward in the night to Mar 14: a week before is 10:00, 24 hours before is 9:00.
        (local(2027, 3, 14, 10), local(2027, 3, 7, 10), local(2027, 3, 13, 9),
         local(2027, 3, 14, 8)),
        (local(2027, 1, 4, 9), local(2026, 12, 28, 9), local(2027, 1, 3, 9), local(2027, 1, 4, 7)),
    ],
)  # fmt: skip
def test_changed_clocks_and_the_turn_of_the_year(start, week, day, hours):
    assert [one.at for one in plan(PLAN, start, ZONE, LONG_AGO)] == [week, day, hours]


@given(
    st.integers(0, 5 * 365 * 24 * 60).map(lambda minutes: LONG_AGO + timedelta(minutes=minutes)),
    st.integers(-10, 11 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(0, 20 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_at_any_moment_at_most_one_reminder_is_due_and_never_of_the_past(start, ahead, age):
    now, placed_at = start - ahead, start - age
    due_now = [one for one in plan(PLAN, start, ZONE, placed_at) if one.at <= now < one.late_at]
    assert len(due_now) <= 1
    for one in due_now:
        assert placed_at <= one.at <= now < one.late_at < start


@pytest.mark.parametrize(
    ("first", "other", "key", "expected"),
    [
        ((10, 0), (10, 30), "2h", True),
        ((10, 0), (12, 0), "2h", True),
        ((10, 0), (17, 0), "2h", False),
        ((10, 0), (17, 0), "24h", True),
        ((10, 0), (17, 0), "7d", True),
    ],
)
def test_appointments_of_a_day_are_one_text_where_they_are_near(first, other, key, expected):
    a, b = local(2026, 11, 24, *first), local(2026, 11, 24, *other)
    assert together(a, b, ZONE, parse_lead(key)) is expected


def test_appointments_of_two_days_are_two_texts():
    lead = parse_lead("24h")
    assert not together(TUESDAY_10, TUESDAY_10 + timedelta(days=1), ZONE, lead)
    assert not together(local(2026, 11, 24, 23, 45), local(2026, 11, 25, 0, 15), ZONE, lead)


@pytest.mark.parametrize(
    ("marked_at", "then"),
    [
        (local(2026, 11, 24, 10, 20), local(2026, 11, 25, 10)),
        (local(2026, 11, 24, 23), local(2026, 11, 25, 10)),
        (local(2026, 11, 25, 9), local(2026, 11, 25, 10)),
        (local(2026, 11, 25, 11), local(2026, 11, 26, 10)),
        (local(2026, 11, 27, 8), local(2026, 11, 27, 10)),
    ],
)
def test_who_did_not_come_hears_of_it_the_next_morning(marked_at, then):
    assert missed_due(TUESDAY_10, marked_at, ZONE) == then
    just_before, late = then - timedelta(seconds=1), then + timedelta(days=2)
    assert not is_missed_due(TUESDAY_10, marked_at, ZONE, just_before)
    assert is_missed_due(TUESDAY_10, marked_at, ZONE, then)
    assert not is_missed_due(TUESDAY_10, marked_at, ZONE, late)


def test_what_is_noted_a_week_later_is_told_to_nobody():
    marked_at = TUESDAY_10 + timedelta(days=8)
    assert not is_missed_due(TUESDAY_10, marked_at, ZONE, missed_due(TUESDAY_10, marked_at, ZONE))


@pytest.mark.parametrize(
    ("start", "then"),
    [
        (local(2026, 11, 24, 16), local(2027, 11, 24, 10)),
        (local(2027, 3, 14, 16), local(2028, 3, 14, 10)),
        (local(2028, 2, 29, 9), local(2029, 2, 28, 10)),
        (local(2026, 12, 31, 23, 30), local(2027, 12, 31, 10)),
    ],
)
def test_a_recall_comes_a_year_later_at_ten(start, then):
    assert recall_due(start, 12, ZONE) == then
    assert not is_recall_due(start, 12, ZONE, then - timedelta(seconds=1))
    assert is_recall_due(start, 12, ZONE, then + timedelta(days=29))
    assert not is_recall_due(start, 12, ZONE, then + timedelta(days=30))
