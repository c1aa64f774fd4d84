"""Asking for a reminder over SMS, and taking it back with words that also opt out."""

from __future__ import annotations

import pytest

from practice.requested_reminders import WORDS
from tests.conversations.talk import Practice, converse, together

pytestmark = pytest.mark.stack


def test_remind_me(practice: Practice) -> None:
    kept, undone, asked = practice.phone(), practice.phone("intelepeer"), practice.phone()
    together(
        lambda: converse(
            kept,
            ("REMIND ME TOMORROW AT 10 AM", r"^I will remind you \w{3} \w{3} \d+ at 10:00am\."),
            ("thanks", "welcome"),
        ),
        lambda: converse(
            undone,
            ("REMIND ME TOMORROW AT 10 AM", "^I will remind you"),
            ("CANCEL", r"^OK, I will not remind you .* at 10:00am\. For another time text"),
            ("what are your hours?", "Mon-Fri"),
        ),
        lambda: converse(
            asked,
            ("can you remind me tomorrow to call you", "^At what time on .* shall I remind you"),
            ("noon", "^I will remind you .* at 12:00pm"),
        ),
    )
    made = practice.rows("SELECT phone, state, words FROM requested_reminder")
    read = practice.cipher.unseal
    assert {
        row["phone"]: (row["state"], row["words"] and read(row["words"], WORDS)) for row in made
    } == {
        kept.number: ("waiting", None),
        undone.number: ("withdrawn", None),
        asked.number: ("waiting", "call you"),
    }
    revoked = "SELECT FROM consent_event WHERE direction = 'revoke' AND phone = ANY(%(phones)s)"
    assert practice.rows(revoked, phones=[kept.number, undone.number, asked.number]) == []
