"""What the assistant said in one turn becomes one text."""

from __future__ import annotations

import pytest

from connectors.assistant import as_reply
from messaging.assistant import Option, Prompt, Reply
from messaging.media import Attachment

BUTTONS = [{"title": "Mon", "payload": "/pick_mon"}, {"title": "Tue", "payload": "/pick_tue"}]
PROMPT = {"linnet": {"prompt": {"seconds": 1800, "expired": "Too late."}}}


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ([], None),
        ([{"text": ""}], None),
        ([{"custom": {"linnet": {"handover": True}}}], None),
        ([{"text": "Hi."}], Reply("Hi.")),
        ([{"text": "We open at 9. "}, {"text": "Which day?"}], Reply("We open at 9.\nWhich day?")),
        (
            [{"text": "Which?", "buttons": BUTTONS}],
            Reply(
                "Which?\n1 Mon\n2 Tue",
                options=(Option("Mon", "/pick_mon"), Option("Tue", "/pick_tue")),
            ),
        ),
        (
            [{"text": "Sure?", "custom": PROMPT}],
            Reply("Sure?", prompt=Prompt(1800, "Too late.")),
        ),
        ([{"image": "https://x/y.png"}], Reply("", media=(Attachment("https://x/y.png"),))),
    ],
)
def test_a_turn_is_one_text(said, reply):
    assert as_reply(said) == reply
