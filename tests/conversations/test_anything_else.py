"""Texts that are no part of a booking: words of consent, reactions, pictures, nonsense."""

from __future__ import annotations

import time

import pytest

from tests.conversations.talk import Practice, at, converse, said, together, typed
from tests.stack import Phone

pytestmark = pytest.mark.stack

SAYS_WHAT_IT_CAN = r"(?i)book.*(person|staff|appointment|call)"
GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
"""One pixel, Base64."""
NO_MORE_TEXTS = 2.0  # seconds in which an answer would have come

ODDITIES = {
    "\U0001f600\U0001f600": SAYS_WHAT_IT_CAN,
    "   ": SAYS_WHAT_IT_CAN,
    "?": SAYS_WHAT_IT_CAN,
    "/restart": SAYS_WHAT_IT_CAN,
    '/cancel_form{"x": 1}': "(?i)book|appointment",
    "'; DROP TABLE appointment; --": "(?i)book|appointment",
    "Robert'); DELETE FROM customer WHERE ('1'='1": "(?i)book|appointment|staff",
    "quiero pedir una cita por favor": "ingl\u00e9s",
    "will it rain tomorrow": SAYS_WHAT_IT_CAN,
    "how much is an eye exam?": "212\\) 555-0142",
    "do you take vsp insurance": "212\\) 555-0142",
    "what are your hours?": "Mon-Fri 9:00am-6:00pm, Sat 10:00am-2:00pm",
    "whats your address": "210 Water St.*88 Lakeside Ave",
    "can i talk to a real person": "212\\) 555-0142",
    "are you a bot": "automated assistant",
    "a" * 1600: SAYS_WHAT_IT_CAN,
    "I would like to know about many things. " * 40: ".",
}


def sent_without_answer(phone: Phone, *bodies: str) -> None:
    """Text, and see that nothing comes."""
    before = phone.received()
    for body in bodies:
        phone.text(body)
    time.sleep(NO_MORE_TEXTS)
    assert phone.received() == before


def test_whatever_is_texted_gets_one_sensible_answer(practice: Practice) -> None:
    phones = together(
        *(
            lambda body=body, pattern=pattern: converse(practice.phone(), (body, pattern))
            for body, pattern in ODDITIES.items()
        )
    )
    assert len(phones) == len(ODDITIES)
    assert all(len(phone.received()) == 1 for phone in practice.phones)
    for table in ("appointment", "customer"):
        assert practice.rows(f"SELECT 1 FROM {table} LIMIT 1")


def test_a_picture_without_words(practice: Practice) -> None:
    phone = practice.phone()
    in_form = practice.phone()
    converse(in_form, ("book an eye exam", r"\n1 Downtown"))
    for one in (phone, in_form):
        picture = {"content_base64": GIF, "content_type": "image/jpeg"}
        content = {"to": one.ours, "body": "", "media": [picture]}
        url = f"{practice.url('simulator')}/phones/{one.number}/texts"
        practice.http.post(url, json=content).raise_for_status()
    assert "picture" in phone.await_received(1)[0]
    assert r"1 Downtown" in in_form.await_received(2)[1]
    stored = practice.rows("SELECT content_type, refused FROM media_file")
    assert [tuple(row.values()) for row in stored] == [("image/gif", None)] * 2


def test_stop_start_and_help(practice: Practice) -> None:
    phone, start = practice.phone(), at(practice.day(), 9)
    converse(phone, ("HELP", r"Harbor Eye Care.*\(212\) 555-0142.*STOP"))
    converse(phone, (f"eye exam downtown {typed(start)} 9am, this is Joe Roe", said(start)))
    converse(phone, ("Stop.", "unsubscribed"))
    sent_without_answer(phone, "book an eye exam", "hello?")
    converse(
        phone, ("help", "Msg & data rates"), ("START", "subscribed again"), ("hello", "Harbor")
    )
    assert practice.appointments(phone) == []


def test_reactions_and_driving_replies_get_no_answer(practice: Practice) -> None:
    phone, start = practice.phone(), at(practice.day(), 9)
    converse(phone, (f"eye exam downtown {typed(start)} 9am, this is Joe Roe", said(start)))
    sent_without_answer(
        phone,
        "Liked \u201cBook your eye exam\u201d",
        "I'm driving right now - I'll get back to you later",
    )
    converse(phone, ("yes", "^Booked"))


def test_after_a_person_was_asked_for_the_assistant_still_answers(practice: Practice) -> None:
    phone, start = practice.phone(), at(practice.day(), 9)
    converse(
        phone,
        ("book an eye exam", "Downtown"),
        ("let me talk to a human", r"\(212\) 555-0142"),
        ("eye exam", "Downtown"),
        ("downtown", "Free times"),
        (f"{typed(start)} 9am", "full name"),
        ("Ida Moe", "^Book your"),
        ("yes", "^Booked"),
    )
    assert len(practice.appointments(phone)) == 1


def test_three_misses_hand_to_a_person(practice: Practice) -> None:
    converse(
        practice.phone(),
        ("\U0001f600", "did not understand"),
        ("\U0001f643\U0001f643", "plain words"),
        ("\U0001f30d", r"\(212\) 555-0142"),
    )
