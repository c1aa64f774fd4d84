"""Which texts may be sent once more by hand, and how people name and read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from cli.failed import period
from cli.failure import Failure
from cli.story import now
from messaging.dead_texts import OutboxText, refusal
from messaging.lanes import Lane
from messaging.states import TextState
from messaging.text_ids import SHORT, short, span
from messaging.text_story import Moment, Story, timeline

ID = UUID("0198c7d2-3b1a-7f3c-8f00-c0ffee000000")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def text(**changes: Any) -> OutboxText:
    return OutboxText(
        **{
            "id": ID,
            "at": NOON,
            "kind": "reply",
            "recipient": "+12125550100",
            "gateway": "twilio",
            "state": TextState.FAILED,
            "code": "30007",
            "staff": "A carrier took the text for spam.",
            "attempts": 1,
            "opted_out": False,
            "unreachable_code": None,
            "over": False,
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("changes", "although_unknown", "told"),
    [
        ({}, False, None),
        ({"kind": "notice"}, False, None),
        ({"state": TextState.UNKNOWN}, False, "--although-unknown"),
        ({"state": TextState.UNKNOWN}, True, None),
        ({"state": TextState.UNKNOWN, "opted_out": True}, True, "opted out"),
        ({"state": TextState.DELIVERED}, True, "has it"),
        ({"state": TextState.SENT}, True, "has not said yet"),
        ({"state": TextState.PENDING}, True, "on its way"),
        ({"state": TextState.SENDING}, True, "on its way"),
        ({"state": TextState.CHECKING}, True, "on its way"),
        ({"opted_out": True}, True, "START"),
        ({"unreachable_code": "30006"}, True, "(30006)"),
        ({"kind": "delay"}, True, "longer"),
        ({"kind": "notice", "over": True}, True, "make a new text"),
        ({"kind": "notice", "over": True, "code": "withdrawn"}, True, "taken back"),
    ],
)
def test_which_are_sent_once_more(changes, although_unknown, told):
    reason = refusal(text(**changes), although_unknown=although_unknown)
    assert reason is None if told is None else told in (reason or "")


@pytest.mark.parametrize("beginning", [short(ID), "0198", "0198C7D23B1A", f" {ID} ", "0198c7d2-3"])
def test_the_beginning_of_an_id_names_it(beginning):
    first, last = span(beginning)
    assert first <= ID <= last
    assert (first == last) == (len(beginning.strip()) == 36)


def test_a_short_id_tells_texts_apart_that_were_made_one_after_the_other():
    later = UUID(int=ID.int + (1 << 64))  # 244 ns
    assert len(short(ID)) == SHORT
    assert short(later) != short(ID)


@pytest.mark.parametrize("wrong", ["", "  ", "xyz", "0198%", f"{ID}0", "SM1"])
def test_what_is_no_id(wrong):
    with pytest.raises(ValueError, match="not the beginning of an id"):
        span(wrong)


@pytest.mark.parametrize(
    ("written", "long"),
    [
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        (" 7d ", timedelta(days=7)),
    ],
)
def test_periods(written, long):
    assert period(written) == long


@pytest.mark.parametrize("written", ["", "24", "h", "-1h", "1.5h", "1w", "9999999d"])
def test_what_is_no_period(written):
    with pytest.raises(Failure, match="30m, 24h or 7d"):
        period(written)


def after(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_life_is_told_in_order():
    row = {
        "created_at": NOON,
        "first_attempt_at": after(1),
        "accepted_at": after(5),
        "vendor_id": "SM1",
    }
    events = [
        {"at": after(2), "kind": "refused", "code": "20429", "detail": "attempt 1; again in 2 s"}
    ]
    receipts = [
        {
            "received_at": after(9),
            "vendor_id": "SM1",
            "vendor_status": "undelivered",
            "status": "failed",
            "code": "30007",
        }
    ]
    assert timeline(row, events, receipts) == [
        Moment(NOON, "created", None, ""),
        Moment(after(1), "first-request", None, ""),
        Moment(after(2), "refused", "20429", "attempt 1; again in 2 s"),
        Moment(after(5), "accepted", None, "as SM1"),
        Moment(after(9), "receipt", "30007", "undelivered of SM1: failed"),
    ]


def test_a_text_that_was_never_tried_has_only_been_made():
    row = {"created_at": NOON, "first_attempt_at": None, "accepted_at": None, "vendor_id": None}
    assert timeline(row, [], []) == [Moment(NOON, "created", None, "")]


def story(**changes: Any) -> Story:
    return Story(
        **{
            "id": ID,
            "kind": "reply",
            "lane": Lane.REPLY,
            "gateway": "twilio",
            "sender": "+12125550142",
            "recipient": "+12125550100",
            "body": "hi",
            "segments": 1,
            "part": 1,
            "parts": 1,
            "state": "delivered",
            "code": None,
            "staff": None,
            "attempts": 1,
            "resends": 0,
            "next_attempt_at": NOON,
            "expires_at": NOON,
            "moments": (),
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "Now delivered after 1 attempt(s)."),
        (
            {"state": "failed", "code": "30007", "staff": "Spam.", "resends": 1},
            "Now failed (30007) after 1 attempt(s), 1 resend(s). Spam.",
        ),
    ],
)
def test_where_a_text_is(changes, told):
    assert now(story(**changes)) == told


def test_a_text_that_waits_says_until_when():
    told = now(story(state="pending", attempts=0))
    assert "It leaves at" in told
    assert "not at all after" in told
