from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.retry import (
    AFTER_BLOCK,
    LATER,
    NEXT_DAY,
    ONCE_LATER,
    SOON,
    Schedule,
    ask_delay,
    check_delay,
    next_delay,
    until_next_day,
)

DICE = st.floats(0, 1, exclude_max=True)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ATTEMPTS, LONGEST_DELAY = SOON.attempts, SOON.longest


def soon(attempt: int, **values) -> float | None:
    return next_delay(SOON, attempt, now=NOW, **values)


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
    assert soon(attempt, retry_after=None, random=lambda: dice) == delay


@given(st.integers(1, ATTEMPTS - 1), DICE)
def test_stays_within_half_and_whole_of_the_doubled_delay(attempt, dice):
    delay = soon(attempt, retry_after=None, random=lambda: dice)
    whole = min(LONGEST_DELAY, 2.0**attempt)
    assert delay is not None
    assert whole / 2 <= delay <= whole


@given(st.integers(1, ATTEMPTS - 1), DICE, st.floats(0, 100_000))
def test_never_earlier_than_the_vendor_asks(attempt, dice, retry_after):
    delay = soon(attempt, retry_after=retry_after, random=lambda: dice)
    assert delay is not None
    assert delay >= retry_after
    assert delay <= max(LONGEST_DELAY, retry_after + 2)


@pytest.mark.parametrize("nonsense", [0.0, -5.0, float("nan")])
def test_nonsense_of_a_vendor_is_not_followed(nonsense):
    assert soon(1, retry_after=nonsense, random=lambda: 0.0) == 1.0


def test_retry_after_gives_no_further_attempt():
    assert soon(ATTEMPTS, retry_after=1.0, random=lambda: 0.0) is None


def test_a_text_is_given_up_after_four_minutes():
    delays = [soon(n, retry_after=None, random=lambda: 0.999999) for n in range(1, ATTEMPTS)]
    assert 240 < sum(delay for delay in delays if delay is not None) < 300


@pytest.mark.parametrize(
    ("schedule", "delays"),
    [
        (SOON, [2, 4, 8, 16, 32, 64, 128, None]),
        (LATER, [600, 1200, 2400, None]),
        (ONCE_LATER, [600, None]),
        (AFTER_BLOCK, [1800, 3600, None]),
        (Schedule(attempts=5, first=200.0, longest=300.0), [200, 300, 300, 300, None]),
    ],
)
def test_schedules_of_codes(schedule, delays):
    said = [
        next_delay(schedule, n + 1, retry_after=None, now=NOW, random=lambda: 1.0)
        for n in range(len(delays))
    ]
    assert said == delays


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ("2026-11-26T12:00+00:00", 20),  # 4 in the morning in Los Angeles
        ("2026-11-26T07:59+00:00", 1 / 60),
        ("2026-11-26T08:00+00:00", 24),
        ("2026-03-08T08:00+00:00", 23),  # clocks go forward
        ("2026-11-01T07:00+00:00", 25),  # clocks go back
    ],
)
def test_daily_caps_end_at_midnight_pacific(now, hours):
    now = datetime.fromisoformat(now)
    assert until_next_day(now) == pytest.approx(hours * 3600)
    delay = next_delay(NEXT_DAY, 1, retry_after=5.0, now=now, random=lambda: 0.5)
    assert delay == pytest.approx(hours * 3600 + 30)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (check_delay, [1, 3, 8, None, None]),
        (partial(ask_delay, reports_status=False), [5, 30, 120, 600, 3600, 21600, None, None]),
        (partial(ask_delay, reports_status=True), [600, 3600, 21600, 86400, None, None]),
    ],
)
def test_schedules(schedule, expected):
    assert [schedule(n) for n in range(len(expected))] == expected
