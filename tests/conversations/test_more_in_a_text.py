"""Texts that say two things at once: one reply, with the open question last and asked once."""

from __future__ import annotations

import pytest

from tests.conversations.talk import Practice, at, converse, said, together, typed

pytestmark = pytest.mark.stack

HOURS = "Mon-Fri 9:00am-6:00pm"


def test_a_step_and_a_question(practice: Practice) -> None:
    start = at(practice.day(), 9)
    yes, cancels, chooses = practice.phone(), practice.phone(), practice.phone()
    practice.booked(cancels, at(practice.day(), 10))
    together(
        lambda: converse(
            yes,
            (f"eye exam downtown {typed(start)} 9am, this is Joe Roe", said(start)),
            ("yes and what are your hours?", f"^Booked: .*{HOURS}"),
        ),
        lambda: converse(
            cancels,
            ("cancel my appt, also what are your hours?", f"{HOURS}.*\nShall I cancel"),
            ("yes", "^Cancelled"),
        ),
        lambda: converse(
            chooses,
            ("book an eye exam", "Where would you like"),
            ("downtown please. are you open on saturdays?", r"(?i)sat.*\nFree times.*\n3 "),
        ),
    )
    assert [row["state"] for row in practice.appointments(yes)] == ["booked"]
    assert [row["state"] for row in practice.appointments(cancels)] == ["cancelled"]
    for phone in (yes, cancels, chooses):
        for reply in phone.received():
            assert reply.count("?") <= 1, reply
