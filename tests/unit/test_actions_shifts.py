"""Times that are named by their distance from another."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions.shifts import shift_in

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)


@pytest.mark.parametrize(
    ("text", "shift"),
    [
        ("make it 30 min later", 30 * MINUTE),
        ("Can I come an hour later?", HOUR),
        ("half an hour earlier pls", -30 * MINUTE),
        ("2 hrs sooner", -2 * HOUR),
        ("push my appt back a week", WEEK),
        ("can you move it up an hour", -HOUR),
        ("push it by 15 minutes", 15 * MINUTE),
        ("postpone it two weeks", 2 * WEEK),
        ("a week later would be better", WEEK),
        ("something later", None),
        ("in 30 minutes", None),
        ("running 10 min late", None),
        ("move my appointment to friday", None),
        ("", None),
    ],
)
def test_shift_in(text, shift):
    assert shift_in(text) == shift
