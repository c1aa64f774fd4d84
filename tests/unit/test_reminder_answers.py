"""What a short answer to a reminder means, of one appointment and of several."""

from __future__ import annotations

from datetime import UTC, datetime

from outreach.reminder_answers import NOTHING, to_several

UNTIL = datetime(2026, 11, 24, 15, tzinfo=UTC)


def test_several_appointments_leave_nothing_of_an_older_talk_to_be_answered():
    opening = to_several(UNTIL)
    assert opening.slots == NOTHING
    assert opening.slots["shelved_change"] is None
    assert opening.slots["awaits_answer"] is False


def test_cancel_is_about_the_appointments_and_opts_nobody_out():
    answers = to_several(UNTIL).answers
    assert answers["cancel"] == answers["x"] == "/cancel_appointment"
    assert answers["reschedule"] == answers["r"] == "/reschedule_appointment"
