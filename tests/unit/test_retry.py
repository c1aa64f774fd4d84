from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.retry import (
    ATTEMPTS,
    LONGEST_DELAY,
    ask_delay,
    check_delay,
    next_delay,
)

DICE = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("attempt", "dice", "delay"),
    [
        (0, 0.0, 1.0),
        (1, 0.0, 1.0),
        (1, 0.5, 1.5),
        (2, 0.0, 2.0),
        (3, 0.0, 4.0),
        (7, 0.0, 64.0),
        (8, 0.0, None),
        (9, 0.0, None),
    ],
)
def test_doubles_until_attempts_are_used_up(attempt, dice, delay):
    assert next_delay(attempt, retry_after=None, random=lambda: dice) == delay


@given(st.integers(1, ATTEMPTS - 1), DICE)
def test_stays_within_half_and_whole_of_the_doubled_delay(attempt, dice):
    delay = next_delay(attempt, retry_after=None, random=lambda: dice)
    whole = min(LONGEST_DELAY, 2.0**attempt)
    assert delay is not None
    assert whole / 2 <= delay <= whole


@given(st.integers(1, ATTEMPTS - 1), DICE, st.floats(0, 100_000))
def test_never_earlier_than_the_vendor_asks(attempt, dice, retry_after):
    delay = next_delay(attempt, retry_after=retry_after, random=lambda: dice)
    assert delay is not None
    assert delay >= retry_after
    assert delay <= max(LONGEST_DELAY, retry_after + 2)


@pytest.mark.parametrize("nonsense", [0.0, -5.0, float("nan")])
def test_nonsense_of_a_vendor_is_not_followed(nonsense):
    assert next_delay(1, retry_after=nonsense, random=lambda: 0.0) == 1.0


def test_retry_after_gives_no_further_attempt():
    assert next_delay(ATTEMPTS, retry_after=1.0, random=lambda: 0.0) is None


def test_a_text_is_given_up_after_four_minutes():
    delays = [next_delay(n, retry_after=None, random=lambda: 0.999999) for n in range(1, ATTEMPTS)]
    assert 240 < sum(delay for delay in delays if delay is not None) < 300


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (check_delay, [1, 3, 8, None, None]),
        (ask_delay, [5, 30, 120, 600, 3600, 21600, None, None]),
    ],
)
def test_schedules(schedule, expected):
    assert [schedule(n) for n in range(len(expected))] == expected
