"""Questions whose time runs out, and texts that come in a burst."""

from __future__ import annotations

import time

import pytest

from tests.conversations.talk import Practice, at, converse, said, together, typed
from tests.stack import Phone

pytestmark = pytest.mark.stack

QUIET = 3.0  # seconds; a second text would have come by then
TIME_LIMIT = 60.0  # seconds; it is a setting of the fixture


def expire(phone: Phone, ask: tuple[str, str], notice: str, late: tuple[str, str]) -> None:
    """Ask for a change, let its time run out, and say YES when it is too late."""
    converse(phone, ask)
    bodies = phone.await_received(2, TIME_LIMIT)
    assert notice in bodies[1]
    time.sleep(QUIET)
    assert len(phone.received()) == 2
    converse(phone, late)


def test_a_confirmation_that_is_not_answered_expires_once(practice: Practice) -> None:
    start = at(practice.day(), 11)
    book, cancel, move = practice.phone(), practice.phone(), practice.phone()
    practice.booked(cancel, start)
    practice.booked(move, start)
    burst = practice.phone()
    together(
        lambda: expire(
            book,
            (f"eye exam lakeside {typed(start)} 11am, i am Lena Ortiz", f"^Book .*{said(start)}"),
            "nothing was booked",
            ("yes", "expired and nothing was booked"),
        ),
        lambda: expire(
            cancel,
            ("cancel my appointment", "^Shall I cancel"),
            "stays as it was",
            ("YES", "expired and nothing was cancelled"),
        ),
        lambda: expire(
            move,
            ("move my appointment to 3pm", f"to {said(at(start.date(), 15))}"),
            "stays as it was",
            ("ok", "expired and nothing was changed"),
        ),
        lambda: in_a_burst(burst, typed(start)),
    )
    assert practice.appointments(book) == []
    assert [practice.appointments(p)[0]["state"] for p in (cancel, move)] == ["booked", "booked"]
    assert practice.appointments(move)[0]["start"] == start


def in_a_burst(phone: Phone, day: str) -> None:
    """Say in three texts what fits one, and get one answer to all of it."""
    for body in ("hi", "need an eye exam downtown", f"{day} at 10am"):
        phone.text(body)
    assert "full name" in phone.await_received(1)[0]
    time.sleep(QUIET)
    assert len(phone.received()) == 1
