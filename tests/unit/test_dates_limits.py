"""Odd times of receipt, odd texts, and the limit of time."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.date_tables import read, shorts

LIMIT_SECONDS = 0.6
NEW_YORK, LONDON = "America/New_York", "Europe/London"


@pytest.mark.parametrize(
    ("received", "zone", "text", "wanted"),
    [
        # 2026-03-08: the clocks go forward in New York; 2026-11-01: back
        (datetime(2026, 3, 8, 4, 59, tzinfo=UTC), NEW_YORK, "tomorrow at 9", "03-08 09:00 ?"),
        (datetime(2026, 3, 8, 5, 1, tzinfo=UTC), NEW_YORK, "tomorrow at 9", "03-09 09:00"),
        (datetime(2026, 3, 8, 6, 30, tzinfo=UTC), NEW_YORK, "in 1 hour", "03-08 03:30 ?"),
        (datetime(2026, 3, 7, 15, tzinfo=UTC), NEW_YORK, "in 24 hours", "03-08 11:00 ?"),
        (datetime(2026, 3, 6, 15, tzinfo=UTC), NEW_YORK, "in 3 days", "03-09"),
        (datetime(2026, 3, 6, 15, tzinfo=UTC), NEW_YORK, "monday at 9", "03-09 09:00"),
        (datetime(2026, 3, 8, 6, 30, tzinfo=UTC), NEW_YORK, "tomorrow", "03-09"),
        (datetime(2026, 11, 1, 3, 59, tzinfo=UTC), NEW_YORK, "tomorrow", "11-01 ?"),
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), NEW_YORK, "in 1 hour", "11-01 01:30 ?"),
        (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), NEW_YORK, "in 1 hour", "11-01 02:30 ?"),
        (datetime(2026, 10, 31, 16, tzinfo=UTC), NEW_YORK, "in 2 days", "11-02"),
        (datetime(2026, 10, 31, 16, tzinfo=UTC), NEW_YORK, "mon at 1:30pm", "11-02 13:30"),
        # London: forward on 2026-03-29, back on 2026-10-25
        (datetime(2026, 3, 28, 23, 59, tzinfo=UTC), LONDON, "tomorrow", "03-29 ?"),
        (datetime(2026, 3, 29, 23, 30, tzinfo=UTC), LONDON, "tomorrow", "03-31"),
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), LONDON, "in 1 hour", "03-29 02:30 ?"),
        (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), LONDON, "tomorrow", "10-26"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), LONDON, "in 2 hours", "10-25 02:30 ?"),
        (datetime(2026, 10, 25, 12, tzinfo=UTC), LONDON, "4/11", "04-11 ?"),
        # the same on the day on which the clocks change across the sea
        (datetime(2026, 3, 8, 12, tzinfo=UTC), LONDON, "tomorrow at 9", "03-09 09:00"),
        (datetime(2026, 11, 1, 12, tzinfo=UTC), LONDON, "in 2 hours", "11-01 14:00 ?"),
    ],
)
def test_days_are_those_of_the_zone(received: datetime, zone: str, text: str, wanted: str) -> None:
    assert shorts(text, received, zone) == [wanted]


@pytest.mark.parametrize(
    "text",
    [
        "3-4pm " * 50,
        "from 1 to 2 " * 25,
        "1" * 300,
        "1 " * 150,
        "monday or " * 30,
        "1 day and " * 30,
        "twenty " * 43,
        "half past " * 30,
        "not mon, " * 33,
        "a@b." * 75,
        "from 10.00am on Friday 15th April 2016 until 10.00am on Tuesday 19th April 2016",
        "\0" * 5000,
        "\U0001f600" * 5000,
        "\ud83d tomorrow",
    ],
)
def test_long_and_hostile_texts_are_read_in_time(text: str) -> None:
    read("thanksgiving")  # Duckling is up
    begun = time.monotonic()
    read(text)
    assert time.monotonic() - begun < LIMIT_SECONDS


WORDS = (
    "mon tues fri next week 3 4pm 3-4 10:30 from to until between and or after before the 12th "
    "march 5 2 weeks in now for an hour day half past quarter noon tonight morning not instead of "
    "move my same time later rest end first last christmas , . ? / - @ 3/4 24/11 2026-03-14 \0 "
    "\U0001f600 \u00e9 \u4f60 $5 20/20 +15 '"
).split(" ")


@given(
    st.one_of(st.text(max_size=300), st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)),
    st.sampled_from([None, datetime(2026, 3, 19, 14)]),  # noqa: DTZ001
)
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_in_time(text: str, appointment: datetime | None) -> None:
    begun = time.monotonic()
    mentions = read(text, appointment=appointment)
    assert time.monotonic() - begun < LIMIT_SECONDS
    assert all(0 <= mention.first < mention.last <= len(text) for mention in mentions)
