"""Booking by text, from "book" to the acknowledgement, over Twilio."""

from __future__ import annotations

import re

import pytest

from tests.conversations.talk import (
    DOWNTOWN,
    LAKESIDE,
    REFERENCE,
    Practice,
    at,
    converse,
    said,
    together,
    typed,
)

pytestmark = pytest.mark.stack

JOSE = "Jos\u00e9 N\u00fa\u00f1ez"
SERVICES = r"come in for\?\n1 Eye exam\n2 Contact lens exam$"
PLACES = r"eye exam\?\n1 Downtown\n2 Lakeside\n3 Either one$"
YES = ("Y", "yep", "YES!", "ok", "\U0001f44d", "sure do it")
NO = ("N", "nope", "No thanks", "nah", "never mind", "cancel")
TIMES = r":\n1 (.+)\n2 (.+)\n3 (.+)$"


def test_everything_is_asked_and_menus_are_answered_by_number(practice: Practice) -> None:
    phone, start = practice.phone(), at(practice.day(), 14)
    answers = converse(
        phone,
        ("hi there", "Harbor Eye Care"),
        ("book", SERVICES),
        ("1", PLACES),
        ("option 1", f"^Free times, eye exam at Downtown.*{TIMES}"),
        (f"{typed(start)} at 2pm", "full name"),
        (
            "maria o'neil",
            rf"^Book your eye exam on {said(start)}, Downtown, for Maria O'Neil\? Reply YES",
        ),
        ("yes", rf"^Booked: eye exam, {said(start)}, {DOWNTOWN}. Reference {REFERENCE}\."),
    )
    (made,) = practice.appointments(phone)
    assert made["reference"] in answers[-1]
    assert made == {
        "reference": made["reference"],
        "state": "booked",
        "name": "Maria O'Neil",
        "service": "eye_exam",
        "location": "downtown",
        "start": start,
    }


def test_what_the_first_text_says_is_not_asked(practice: Practice) -> None:
    start = at(practice.day(), 15, 30)
    all_given, place_missing = practice.phone(), practice.phone()
    known = practice.phone(number="+12125550103")  # Aisha Khan
    day = typed(start)
    together(
        lambda: converse(
            all_given,
            (
                f"Hi, I'd like a contact lens exam at lakeside on {day} at 3:30pm, i am {JOSE}",
                rf"^Book your contact lens exam on {said(start)}, Lakeside, for Jose Nunez\?",
            ),
            ("Yes please", f"^Booked: contact lens exam, {said(start)}, {LAKESIDE}"),
        ),
        lambda: converse(
            known,
            (f"eye exam downtown {day} 3:30pm", f"{said(start)}, Downtown, for Aisha Khan"),
            ("y", "^Booked"),
        ),
        lambda: converse(
            place_missing,
            (f"can i get my eyes checked {day} at 3:30? eye exam", PLACES),
            ("either one", "full name"),
            ("lee", f"{said(start)}, (Downtown|Lakeside), for Lee"),
            ("no", "nothing was changed"),
        ),
    )
    assert practice.appointments(all_given)[0]["name"] == JOSE
    assert [made["name"] for made in practice.appointments(known)] == ["Aisha Khan"]
    assert practice.appointments(place_missing) == []


def test_only_free_times_are_offered_and_an_offered_time_can_be_had(practice: Practice) -> None:
    phone, day = practice.phone(), practice.day()
    practice.fill(at(day, 9))
    answers = converse(
        phone,
        (f"eye exam downtown {typed(day)} in the morning", TIMES),
        ("2", "full name"),
        ("Ann Lee", r"^Book your eye exam"),
        ("YES", "^Booked"),
    )
    offered = re.findall(r"^\d (.+)$", answers[0], re.MULTILINE)
    assert all(time.startswith(said(at(day, 9)).split(" at ")[0]) for time in offered)
    assert not any(time.endswith(" 9:00am") for time in offered)
    (made,) = practice.appointments(phone)
    assert said(made["start"]).replace(" at ", " ") == offered[1]


def test_times_are_haggled_over(practice: Practice) -> None:
    day = practice.day()
    weekday = f"{day:%A}".lower()
    earlier, other, picky = practice.phone(), practice.phone(), practice.phone()
    first = said(at(day, 9)).split(" at ")[0]
    together(
        lambda: converse(
            earlier,
            (f"eye exam downtown {typed(day)} at 4pm", "full name"),
            ("anything earlier?", rf"Free times.*\n1 {first} (9|10|11|12|1|2|3):.*\n2"),
            ("the first one", "full name"),
        ),
        lambda: converse(
            other,
            (f"eye exam downtown {typed(day)}", rf"\n1 {first} .*\n3 {first} "),
            ("none of those", rf"\n1 {first} .*\n3 {first} "),
            (f"not {weekday}", rf"Text a number(?!.*\n. {first})"),
        ),
        lambda: converse(
            picky,
            (f"eye exam downtown {typed(day)} after 3", rf"\n1 {first} (3|4|5):.*\n2"),
            ("10am", "full name"),
            ("Kim", said(at(day, 10))),
            ("make it 11", said(at(day, 11))),
            ("yes", f"^Booked: eye exam, {said(at(day, 11))}"),
        ),
    )
    assert len(practice.appointments(picky)) == 1


def test_a_taken_or_impossible_time_is_explained_and_the_nearest_offered(
    practice: Practice,
) -> None:
    taken, sunday, holiday = practice.phone(), practice.phone(), practice.phone()
    start = at(practice.day(), 11)
    practice.fill(start)
    together(
        lambda: converse(
            taken,
            (
                f"eye exam downtown {typed(start)} 11am",
                rf"^{said(start)} at Downtown is not free. The nearest.*{TIMES}",
            ),
            ("1", "full name"),
        ),
        lambda: converse(
            sunday, ("eye exam lakeside sunday 10am", rf"^Lakeside hours on Sun .*closed.*{TIMES}")
        ),
        lambda: converse(
            holiday, ("eye exam downtown on christmas at 10am", rf"Dec 25: closed.*{TIMES}")
        ),
    )


def test_two_customers_race_for_the_last_time(practice: Practice) -> None:
    start = at(practice.day(), 16)
    practice.fill(start, leaving=1)
    phones = [practice.phone(), practice.phone()]
    ask = f"eye exam downtown {typed(start)} 4pm, my name is Sam Roe"
    together(
        *(lambda phone=phone: converse(phone, (ask, f"^Book .*{said(start)}")) for phone in phones)
    )
    answers = together(*(lambda phone=phone: phone.ask("yes") for phone in phones))
    winner = [text.startswith("Booked: eye exam") for text in answers].index(True)
    loser = phones[1 - winner]
    taken = f"^{said(start)} at Downtown is not free. The nearest.*{TIMES}"
    assert re.search(taken, answers[1 - winner], re.DOTALL)
    assert len(practice.appointments(phones[winner])) == 1
    assert practice.appointments(loser) == []
    converse(loser, ("2", "^Book your eye exam"), ("YES", "^Booked"))
    assert practice.appointments(loser)[0]["start"] != start


def test_no_changes_nothing_and_another_time_takes_it_up_again(practice: Practice) -> None:
    phone, day = practice.phone(), practice.day()
    converse(
        phone,
        (f"eye exam downtown {typed(day)} 9:30am, this is Pat Doe", said(at(day, 9, 30))),
        ("no", "nothing was changed"),
    )
    assert practice.appointments(phone) == []
    converse(
        phone,
        ("2:30pm", f"^Book your eye exam on {said(at(day, 14, 30))}, Downtown, for Pat Doe"),
        ("yes", f"^Booked: eye exam, {said(at(day, 14, 30))}"),
        ("thanks!", "welcome"),
        ("yes", "(?i)nothing is waiting|nothing waiting|confirm"),
    )
    assert len(practice.appointments(phone)) == 1


def test_questions_in_the_middle_are_answered_and_the_form_goes_on(practice: Practice) -> None:
    phone, start = practice.phone(), at(practice.day(), 12)
    converse(
        phone,
        ("i need an eye exam", PLACES),
        ("what can you do?", f"to book, confirm, move or cancel.*{PLACES}"),
        ("HELP", "Msg & data rates"),
        ("2", "^Free times, eye exam at Lakeside"),
        ("are you a robot?", "automated assistant.*Which time"),
        (f"{typed(start)} noon", "full name"),
        ("when is my appointment?", "no upcoming appointment.*full name"),
        ("Eve Fox", f"{said(start)}, Lakeside, for Eve Fox"),
        ("what can i text you", "to book, confirm, move or cancel"),
        ("yes", "^Booked"),
    )
    assert len(practice.appointments(phone)) == 1


def test_ways_to_say_yes(practice: Practice) -> None:
    day = practice.day()
    phones = {word: practice.phone() for word in YES}
    together(
        *(
            lambda word=word, phone=phone, hour=hour: converse(
                phone,
                (f"eye exam lakeside {typed(day)} {hour}:00, i'm Ann Poe", "^Book your"),
                (word, "^Booked"),
            )
            for hour, (word, phone) in enumerate(phones.items(), start=10)
        )
    )
    assert all(len(practice.appointments(phone)) == 1 for phone in phones.values())


def test_ways_to_say_no(practice: Practice) -> None:
    day = practice.day()
    phones = {word: practice.phone() for word in NO}
    together(
        *(
            lambda word=word, phone=phone, hour=hour: converse(
                phone,
                (f"eye exam lakeside {typed(day)} {hour}:00, i'm Ann Poe", "^Book your"),
                (word, "(?i)nothing was changed"),
                ("YES", "(?i)nothing is waiting|nothing waiting"),
            )
            for hour, (word, phone) in enumerate(phones.items(), start=10)
        )
    )
    assert not any(practice.appointments(phone) for phone in phones.values())
