from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.gateways.base import Outbound
from messaging.masking import (
    SECRET,
    hiding,
    mask,
    mask_body,
    mask_number,
    mask_sensitive,
    mask_text,
)


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+12125550142", "+1********42"),
        ("+447700900123", "+4*********23"),
        ("2125550142", "********42"),
        ("12345", "*****"),
        ("", ""),
    ],
)
def test_mask_number(number, masked):
    assert mask_number(number) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [("", "<0 characters>"), ("See you at 9", "<12 characters>"), ("👍", "<1 characters>")],
)
def test_mask_body(text, masked):
    assert mask_body(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "to +12125550142 failed",
        "to %2B12125550142&x=1",
        "to 12125550142.",
        "to 2125550142",
        "to (212) 555-0142",
        "to 212-555-0142, later",
        "to 212.555.0142",
        "to +1 (212) 555-0142",
        "to whatsapp:+12125550142",
        "Key (phone)=(+12125550142) already exists",
    ],
)
def test_numbers_in_sentences(text):
    masked = mask_text(text)
    assert not any(piece in masked for piece in ("2125550", "555-01", "555.01", "5550142"))
    assert "42" in masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "2026-11-22T02:30:48.123456Z",
        "2026-11-22 02:30:48+00:00",
        "01890000-0000-7000-8000-212555014200",
        "SM0123456789abcdef0123456789abcdef",
        "took 12.5550142 s",
        "1763770000",
        "HEC-4K7Q",
        "127.0.0.1:5083",
        "0.0021255501429",
        "error 30003 after 120 of 300",
    ],
)
def test_what_is_no_number_stays(text):
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://linnet:pw@db/linnet", f"postgresql://{SECRET}@db/linnet"),
        ("Authorization: Bearer abc.def-1", f"Authorization: Bearer {SECRET}"),
        ("auth_token=abc&x=1", f"auth_token={SECRET}&x=1"),
        ('{"secret": "abc", "a": 1}', f'{{"secret": "{SECRET}", "a": 1}}'),
        (
            "x\nDETAIL:  Failing row contains (1, hello (you)\nthere, null).\nCONTEXT: y",
            "x\nDETAIL:  Failing row contains <hidden>\nCONTEXT: y",
        ),
    ],
)
def test_secrets_and_rows_in_sentences(text, masked):
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4111111111111111", "<card number>"),
        ("pay with 4111 1111 1111 1111 please", "pay with <card number> please"),
        ("5500-0000-0000-0004.", "<card number>."),
        ("amex 378282246310005 ok", "amex <card number> ok"),
        ("6011000990139424, exp 02/30", "<card number>, exp 02/30"),
        ("ssn 078-05-1120", "ssn <SSN>"),
        ("ssn 078 05 1120.", "ssn <SSN>."),
        # What only looks like one stays.
        ("4111111111111112", "4111111111111112"),
        ("at 1763770000000 ms", "at 1763770000000 ms"),
        ("078-05 1120", "078-05 1120"),
        ("000-12-3456 and 666-12-3456", "000-12-3456 and 666-12-3456"),
        ("2026-11-26", "2026-11-26"),
        ("MM0123456789abcdef", "MM0123456789abcdef"),
    ],
)
def test_cards_and_social_security_numbers(text, masked):
    assert mask_sensitive(text) == masked
    assert mask_sensitive(mask_text(text)) == mask_text(text)


def test_a_card_in_an_error_is_not_logged():
    logged = mask(None, "info", {"event": "x", "error": ValueError("no 4111 1111 1111 1111")})
    assert "4111" not in repr(logged)


def test_values_by_key():
    now = datetime(2026, 11, 22, tzinfo=UTC)
    turn = UUID(int=7)
    event = {
        "event": "text.sent",
        "phone": "+12125550142",
        "sender": "+12125550143",
        "recipient": 12125550142,
        "body": "hello",
        "text": "hello there",
        "message_text": "hello",
        "outbound_text": turn,
        "TWILIO_AUTH_TOKEN": "abc",
        "client_secret": "abc",
        "authorization": "abc",
        "turn": turn,
        "at": now,
        "attempt": 2,
        "seconds": 1.5,
        "retry": False,
        "error": None,
    }
    assert mask(None, "info", event) == {
        "event": "text.sent",
        "phone": "+1********42",
        "sender": "+1********43",
        "recipient": "*********42",
        "body": "<5 characters>",
        "text": "<11 characters>",
        "message_text": "<5 characters>",
        "outbound_text": turn,
        "TWILIO_AUTH_TOKEN": SECRET,
        "client_secret": SECRET,
        "authorization": SECRET,
        "turn": turn,
        "at": now,
        "attempt": 2,
        "seconds": 1.5,
        "retry": False,
        "error": None,
    }


@dataclass
class Wrapped:
    inner: Outbound
    token: str


def test_values_however_deep():
    message = Outbound(id="a", sender="+12125550143", recipient="+12125550142", body="hello you")
    event = {
        "event": "x",
        "message": Wrapped(message, "abc"),
        "many": [{"phone": "+12125550142"}, ("to +12125550142",)],
        "+12125550142": {"body": "hello you"},
        "error": ValueError("no +12125550142"),
        "raw": b"To=%2B12125550142",
    }
    masked = repr(mask(None, "info", {"all": event}))
    assert "2125550" not in masked
    assert "hello" not in masked
    assert "abc" not in masked
    assert "<9 characters>" in masked


@given(st.text(max_size=60), st.from_regex(r"\+1[2-9]\d{2}[2-9]\d{6}", fullmatch=True))
def test_a_number_never_survives(around, number):
    assert number not in mask_text(f"{around} {number} {around}")


def test_words_are_hidden_while_code_works_on_them():
    quoted = "could not read 'are you open\\nat 9?'; ok"
    assert mask_text(quoted) == quoted
    with hiding("are you open\nat 9?", "ok"):
        assert mask_text(quoted) == "could not read '<12 characters>\\n<5 characters>'; ok"
        with hiding("could not read"):
            assert mask_text(quoted).startswith("<14 characters> '<12 ch")
    assert mask_text(quoted) == quoted


def test_the_longer_words_are_hidden_first():
    with hiding("open", "are you open"):
        assert mask_text("are you open") == "<12 characters>"


@given(st.text(min_size=4), st.text(), st.text())
def test_hidden_words_never_survive(words, before, after):
    shown = [line.strip() for line in words.splitlines() if len(line.strip()) >= 4]
    with hiding(words):
        masked = mask_text(f"{before}{words}{after}")
    for line in shown:
        assert line not in masked or line in "<0123456789 characters>"
