"""Times before an appointment, as the catalogue writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practice.errors import WrongCatalogue
from practice.leads import months_after, parse_lead, parse_leads, parse_recall

NEW_YORK = "America/New_York"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "start", "before"),
    [
        ("7d", "2026-11-24T10:00-05:00", "2026-11-17T10:00-05:00"),
        ("24h", "2026-11-24T10:00-05:00", "2026-11-23T10:00-05:00"),
        ("2h", "2026-11-24T10:00-05:00", "2026-11-24T08:00-05:00"),
        # Clocks go back on Nov 1, 2026: days keep the wall clock, hours do not.
        ("7d", "2026-11-02T10:00-05:00", "2026-10-26T10:00-04:00"),
        ("1d", "2026-11-01T10:00-05:00", "2026-10-31T10:00-04:00"),
        ("24h", "2026-11-01T10:00-05:00", "2026-10-31T11:00-04:00"),
        # They go forward on Mar 14, 2027.
        ("7d", "2027-03-15T10:00-04:00", "2027-03-08T10:00-05:00"),
        ("24h", "2027-03-14T10:00-04:00", "2027-03-13T09:00-05:00"),
        ("2h", "2027-03-14T03:30-04:00", "2027-03-14T00:30-05:00"),
        # The turn of the year.
        ("7d", "2027-01-04T09:00-05:00", "2026-12-28T09:00-05:00"),
        ("2h", "2027-01-01T01:00-05:00", "2026-12-31T23:00-05:00"),
    ],
)
def test_days_are_of_the_calendar_and_hours_are_hours(key, start, before):
    found = parse_lead(key).before(datetime.fromisoformat(start), NEW_YORK)
    assert found == datetime.fromisoformat(before)
    assert found.tzinfo is UTC


def test_the_plan_of_a_service_is_put_in_order():
    assert parse_leads(["2h", "7d", "24h"], "eye_exam") == ("7d", "24h", "2h")
    assert parse_leads(None, "eye_exam") == parse_leads([], "eye_exam") == ()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["tomorrow"], "eye_exam: 'tomorrow' is no time before an appointment; write 7d or 24h"),
        (["0d"], "eye_exam: '0d' is no time"),
        ([24], "eye_exam: 24 is no time"),
        (["90d"], "eye_exam: 90d is too long before an appointment; 60d is the most"),
        (["1d", "24h"], "eye_exam: two of its reminders are due at the same time"),
        ("24h", "eye_exam: write reminders as a list, like [7d, 24h, 2h]"),
        ({"24h": None}, "eye_exam: write reminders as a list"),
    ],
)
def test_a_plan_that_is_written_wrongly_says_what_to_write(written, said):
    with pytest.raises(WrongCatalogue) as error:
        parse_leads(written, "eye_exam")
    assert error.value.detail.startswith(said)


def test_recalls_are_written_in_months():
    assert parse_recall("12 months", "eye_exam") == 12
    assert parse_recall("1 month", "eye_exam") == 1
    assert parse_recall(None, "eye_exam") is None
    for wrong in ("a year", 12, "121 months", "0 months"):
        with pytest.raises(WrongCatalogue, match="write it like 12 months"):
            parse_recall(wrong, "eye_exam")


@pytest.mark.parametrize(
    ("at", "months", "then"),
    [
        ("2026-11-24", 12, "2027-11-24"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-12-31", 1, "2027-01-31"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-11-30", 13, "2027-12-30"),
    ],
)
def test_months_later(at, months, then):
    found = months_after(datetime.fromisoformat(at), months)
    assert found == datetime.fromisoformat(then)


@given(
    st.integers(0, 10 * 365 * 24 * 60).map(lambda n: FIRST + timedelta(minutes=n)),
    st.sampled_from(["60d", "7d", "1d", "24h", "2h", "1h"]),
)
def test_a_lead_is_as_long_as_it_says_give_or_take_a_changed_clock(start, key):
    lead = parse_lead(key)
    ahead = start - lead.before(start, NEW_YORK)
    assert abs(ahead - lead.length) <= timedelta(hours=1)
    if key.endswith("h"):
        assert ahead == lead.length
