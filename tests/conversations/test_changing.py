"""Confirming, moving and cancelling an appointment, and asking when it is, over Twilio."""

from __future__ import annotations

import pytest

from tests.conversations.talk import DOWNTOWN, Practice, at, converse, said, together, typed

pytestmark = pytest.mark.stack


def test_confirm(practice: Practice) -> None:
    start = at(practice.day(), 9)
    by_word, by_yes, wavering = practice.phone(), practice.phone(), practice.phone()
    made = [practice.booked(phone, start) for phone in (by_word, by_yes, wavering)]
    acknowledged = f"^Confirmed: eye exam, {said(start)}, {DOWNTOWN}. Reference "
    together(
        lambda: converse(
            by_word,
            ("confirm", acknowledged + made[0].reference),
            ("ok thanks", "See you"),
            ("Confirm.", acknowledged),
        ),
        lambda: converse(
            by_yes,
            ("Y", f"confirm your eye exam on {said(start)}.*{made[1].reference}.*YES or NO"),
            ("yes", acknowledged + made[1].reference),
        ),
        lambda: converse(
            wavering,
            ("yes", "Do you want to confirm"),
            ("no", "is still booked. Shall I move it or cancel it"),
        ),
    )
    states = [practice.appointments(phone)[0]["state"] for phone in (by_word, by_yes, wavering)]
    assert states == ["confirmed", "confirmed", "booked"]


def test_move(practice: Practice) -> None:
    day, other = practice.day(), practice.day()
    asked, at_once, place, keeps = (practice.phone() for _ in range(4))
    for hour, phone in enumerate((asked, at_once, place, keeps), start=9):
        practice.booked(phone, at(day, hour))
    references = {p.number: practice.appointments(p)[0]["reference"] for p in practice.phones}
    together(
        lambda: converse(
            asked,
            ("i need to reschedule my appointment", r"Text a number.*\n3 "),
            (f"{typed(other)} after 3", r"\n1 .* (3|4|5):\d\dpm"),
            ("anything earlier?", r"\n1 .*\n2 .*\n3 "),
            (
                "2pm",
                f"^Move your eye exam from {said(at(day, 9))} to {said(at(other, 14))}, Downtown",
            ),
            ("yes", f"^Moved: eye exam, now {said(at(other, 14))}, {DOWNTOWN}. Reference HEC"),
        ),
        lambda: converse(
            at_once,
            (f"can you move my appt to {typed(other)} at 3pm", f"to {said(at(other, 15))}"),
            ("actually 4", f"to {said(at(other, 16))}"),
            ("Yep", f"^Moved: eye exam, now {said(at(other, 16))}"),
        ),
        lambda: converse(
            place,
            ("can i move my appointment to lakeside", f"to {said(at(day, 11))}, Lakeside"),
            ("y", "^Moved.*Lakeside"),
        ),
        lambda: converse(
            keeps,
            (f"move my appointment to {typed(other)} 10am", f"to {said(at(other, 10))}"),
            ("no", "nothing was changed"),
        ),
    )
    now = {phone.number: practice.appointments(phone) for phone in practice.phones}
    assert {number: made[0]["reference"] for number, made in now.items()} == references
    assert all(len(made) == 1 for made in now.values())
    assert [now[p.number][0]["start"] for p in (asked, at_once, place, keeps)] == [
        at(other, 14),
        at(other, 16),
        at(day, 11),
        at(day, 12),
    ]
    assert now[place.number][0]["location"] == "lakeside"


def test_cancel(practice: Practice) -> None:
    start = at(practice.day(), 13)
    word, sentence, keeps = practice.phone(), practice.phone(), practice.phone()
    reference = [practice.booked(p, start).reference for p in (word, sentence, keeps)]
    together(
        lambda: converse(
            word,
            ("hi", "Harbor Eye Care"),
            ("CANCEL", f"^Shall I cancel your eye exam on {said(start)}.*{reference[0]}.*YES"),
            ("Yes", f"(?i)cancelled.*{said(start)}.*{reference[0]}"),
            ("when is my appointment", "no upcoming appointment"),
        ),
        lambda: converse(
            sentence,
            ("sorry cant make my appointment pls cancel it", "^Shall I cancel"),
            ("yes", "(?i)cancelled"),
        ),
        lambda: converse(
            keeps,
            ("cancel my appointment", "^Shall I cancel"),
            ("what can i text you?", "to book, confirm, move or cancel"),
            ("No", "stays as it is"),
            ("when is my appointment", said(start)),
        ),
    )
    states = [practice.appointments(phone)[0]["state"] for phone in (word, sentence, keeps)]
    assert states == ["cancelled", "cancelled", "booked"]


def test_when_is_my_appointment(practice: Practice) -> None:
    start = at(practice.day(), 10)
    one, two, none = practice.phone(), practice.phone(), practice.phone()
    made = practice.booked(one, start)
    practice.booked(two, start)
    practice.booked(two, at(start.date(), 15), "contact_lens_exam", "lakeside")
    together(
        lambda: converse(
            one,
            (
                "when is my appointment?",
                f"eye exam is on {said(start)} at {DOWNTOWN}. Reference {made.reference}",
            ),
            ("where is it", DOWNTOWN),
        ),
        lambda: converse(
            two,
            ("whens my appt", f"eye exam {said(start)}, Downtown.*\n.*contact lens.*Lakeside"),
        ),
        lambda: converse(
            none,
            ("do i have an appointment?", "no upcoming appointment.*Shall I book one"),
            ("yes", "come in for"),
        ),
    )


def test_one_of_several_is_chosen(practice: Practice) -> None:
    day, other = practice.day(), practice.day()
    phones = move, cancel, confirm = practice.phone(), practice.phone(), practice.phone()
    for hour, phone in enumerate(phones, start=9):
        practice.booked(phone, at(day, hour))
        practice.booked(phone, at(day, hour + 4), "contact_lens_exam", "lakeside")
    together(
        lambda: converse(
            move,
            (f"move my appointment to {typed(other)} at 11am", r"want to move.*\n1 Eye.*\n2 Cont"),
            ("2", f"^Move your contact lens exam .* to {said(at(other, 11))}, Lakeside"),
            ("yes", "^Moved: contact lens exam"),
        ),
        lambda: converse(
            cancel,
            ("cancel the lakeside one please", "^Shall I cancel your contact lens exam"),
            ("yes", "(?i)cancelled"),
        ),
        lambda: converse(
            confirm, ("confirm", r"want to confirm.*\n2 Contact"), ("1", "^Confirmed: eye exam")
        ),
    )
    assert [made["start"] for made in practice.appointments(move)] == [at(day, 9), at(other, 11)]
    assert [made["state"] for made in practice.appointments(cancel)] == ["booked", "cancelled"]
    assert [made["state"] for made in practice.appointments(confirm)] == ["confirmed", "booked"]


def test_without_appointments_there_is_nothing_to_change(practice: Practice) -> None:
    texts = ("cancel my appointment", "i have to reschedule", "i want to confirm my appointment")
    together(
        *(
            lambda text=text: converse(
                practice.phone(),
                (text, "no upcoming appointment.*Shall I book one"),
                ("no thanks", "^OK"),
            )
            for text in texts
        )
    )
