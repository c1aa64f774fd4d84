"""What a text means while a text of ours offers words for an answer: compliance B1, rule 2."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from messaging.assistant import Option
from messaging.openings import Begun, Opening, taken
from messaging.screening import Company, screen
from messaging.turn_table import ClaimedTurn, WaitingText

NOW = datetime(2026, 11, 26, 15, tzinfo=UTC)
COMPANY = Company("Harbor Eye Care", "(212) 555-0142", "Sorry.")
LATER = NOW + timedelta(days=1)
REMINDER = Opening(
    LATER,
    {"appointment": "HEC-1"},
    {"c": "/confirm", "r": "/move", "cancel": "/cancel", "end": "/end", "yes": "/yes"},
)
OFFER = Opening(LATER, {"service": "eye_exam"}, {"yes": "/book", "1": "/first"})
FIRST, SECOND = UUID(int=1), UUID(int=2)
MENU = (Option("9:00am", "/nine"), Option("10:00am", "/ten"))
TO_END = "Reply STOP to end texts."


def begun(opening: Opening = REMINDER, id: UUID = FIRST, *, told: bool = False) -> Begun:
    return Begun(id, "Reply C, R or CANCEL.", NOW, opening, told)


def turn(*bodies: str, **changes) -> ClaimedTurn:
    given = {
        "id": uuid4(),
        "number": 1,
        "attempt": 1,
        "conversation_id": uuid4(),
        "gateway": "twilio",
        "our_number": "+12125550142",
        "phone": "+12125550100",
        "owner": "assistant",
        "opted_out": False,
        "prompt_open": False,
        "previous_at": None,
        "menu": (),
        "texts": tuple(
            WaitingText(number, None, body, (), NOW) for number, body in enumerate(bodies, 1)
        ),
        "begun": (begun(),),
    }
    return ClaimedTurn(**given | changes)


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        ("R", "/move"),
        ("r", "/move"),
        (" R. ", "/move"),
        ("(R)", "/move"),
        ('"R"', "/move"),
        ("R \N{THUMBS UP SIGN}", "/move"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER R}", "/move"),
        ("c", "/confirm"),
        ("Cancel", "/cancel"),
        ("CANCEL!", "/cancel"),
        ("END", "/end"),
        ("YES", "/yes"),
        ("R please", None),
        ("are", None),
        ("x", None),
        ("can't make it", None),
        ("cancel my order", None),
    ],
)
def test_an_offered_word_is_given_to_the_assistant_as_what_it_means(body, payload):
    decision = screen(turn(body), COMPANY)
    assert decision.handled_by == "assistant"
    assert decision.input is not None
    assert decision.input.payload == payload
    assert decision.answered == (FIRST if payload else None)
    assert dict(decision.input.slots) == {"appointment": "HEC-1"}


@pytest.mark.parametrize(
    ("body", "offered", "otherwise"),
    [
        ("CANCEL", "assistant", "opt_out"),
        ("Cancel.", "assistant", "opt_out"),
        ("END", "assistant", "opt_out"),
        ("YES", "assistant", "assistant"),
        ("STOP", "opt_out", "opt_out"),
        ("Stop!", "opt_out", "opt_out"),
        ("unsubscribe", "opt_out", "opt_out"),
        ("stop texting me", "opt_out", "opt_out"),
        ("START", "opt_in", "opt_in"),
        ("HELP", "help", "help"),
        ("Liked \u201cReply C, R or CANCEL.\u201d", "not-an-answer", "not-an-answer"),
    ],
)
def test_a_word_that_also_opts_out_means_the_business_where_it_was_offered(
    body, offered, otherwise
):
    for one, expected in ((turn(body), offered), (turn(body, begun=()), otherwise)):
        decision = screen(one, COMPANY)
        assert (decision.rule or decision.handled_by) == expected


@pytest.mark.parametrize("word", ["stop", "start", "help", "info", "unstop"])
def test_words_of_consent_win_also_where_somebody_offered_them(word):
    offers = Opening(LATER, {}, {word: "/something"})
    assert screen(turn(word, begun=(begun(offers),)), COMPANY).handled_by == "rule"


def test_another_word_than_the_offered_one_opts_out_as_before():
    only_r = begun(Opening(LATER, {}, {"r": "/move"}))
    assert screen(turn("CANCEL", begun=(only_r,)), COMPANY).rule == "opt_out"


def test_after_stop_an_offer_is_void():
    assert screen(turn("YES", opted_out=True), COMPANY).rule == "opt_in"
    assert screen(turn("R", opted_out=True), COMPANY).rule == "opted-out"


def test_the_question_whether_texts_are_wanted_came_later_than_the_offer():
    assert screen(turn("YES", consent_question="opt-out"), COMPANY).rule == "opt_out"
    assert screen(turn("YES", consent_question="opt-in"), COMPANY).rule == "opt_in"
    assert screen(turn("R", consent_question="opt-out"), COMPANY).handled_by == "assistant"


@pytest.mark.parametrize(
    ("bodies", "changes", "ending"),
    [
        (("CANCEL",), {}, TO_END),
        (("END",), {}, TO_END),
        (("cancel", "sorry"), {}, TO_END),
        (("R",), {}, None),
        (("YES",), {}, None),
        (("CANCEL",), {"begun": (), "prompt_open": True}, None),
        (("CANCEL",), {"owner": "person"}, None),
    ],
)
def test_who_was_spared_an_opt_out_is_told_how_to_opt_out(bodies, changes, ending):
    assert screen(turn(*bodies, **changes), COMPANY).ending == ending


def test_who_is_barred_by_the_gateway_already_is_not_told_how():
    text = WaitingText(1, None, "CANCEL", (), NOW, opt_out_type="STOP")
    decision = screen(turn(texts=(text,)), COMPANY)
    assert decision.input is not None
    assert (decision.input.payload, decision.ending) == ("/cancel", None)
    assert decision.opted_out


def test_the_latest_offer_of_a_word_is_meant_and_its_slots_with_it():
    both = (begun(), begun(OFFER, SECOND))
    for body, id, payload, slots in (
        ("yes", SECOND, "/book", {"service": "eye_exam"}),
        ("r", FIRST, "/move", {"appointment": "HEC-1"}),
    ):
        decision = screen(turn(body, begun=both), COMPANY)
        assert decision.input is not None
        assert (decision.answered, decision.input.payload) == (id, payload)
        assert dict(decision.input.slots) == slots
    decision = screen(turn("when is it?", begun=both), COMPANY)
    assert decision.input is not None
    assert dict(decision.input.slots) == {"appointment": "HEC-1", "service": "eye_exam"}
    assert [one.text_id for one in decision.input.begun] == [FIRST, SECOND]


def test_what_the_assistant_was_told_is_not_told_again_but_its_answers_count():
    told = (begun(told=True),)
    decision = screen(turn("thanks", begun=told), COMPANY)
    assert decision.input is not None
    assert (decision.input.begun, dict(decision.input.slots)) == ((), {})
    decision = screen(turn("R", begun=told), COMPANY)
    assert decision.input is not None
    assert (decision.input.begun, decision.input.payload) == ((), "/move")
    assert dict(decision.input.slots) == {"appointment": "HEC-1"}


@pytest.mark.parametrize(
    ("body", "changes", "payload", "slots"),
    [
        ("2", {"menu": MENU}, "/ten", {}),
        ("second", {"menu": MENU}, "/ten", {}),
        ("r", {"menu": MENU}, "/move", {"appointment": "HEC-1"}),
        ("3", {"menu": MENU}, None, {"appointment": "HEC-1"}),
        ("sounds good", {"prompt_open": True}, None, {}),
        ("r", {"prompt_open": True}, "/move", {"appointment": "HEC-1"}),
        ("1", {"menu": MENU, "begun": (begun(OFFER),)}, "/first", {"service": "eye_exam"}),
    ],
)
def test_an_answer_to_a_question_before_it_stays_one(body, changes, payload, slots):
    decision = screen(turn(body, **changes), COMPANY)
    assert decision.input is not None
    assert (decision.input.payload, dict(decision.input.slots)) == (payload, slots)
    assert len(decision.input.begun) == 1  # what we said is known in any case


def test_several_texts_are_one_and_no_single_word():
    decision = screen(turn("R", "or maybe not"), COMPANY)
    assert decision.input is not None
    assert (decision.input.payload, decision.answered) == (None, None)


def test_where_a_person_answers_nothing_is_taken_up():
    decision = screen(turn("R", owner="person"), COMPANY)
    assert (decision.handled_by, decision.input, decision.answered) == ("person", None, None)


@pytest.mark.parametrize("word", ["R", " r", "r.", "", "\N{THUMBS UP SIGN}", "(r)"])
def test_a_word_that_no_text_can_be_is_refused(word):
    with pytest.raises(ValueError, match="no text is ever read as"):
        Opening(LATER, {}, {word: "/move"})


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="offset"):
        Opening(datetime(2026, 11, 26))  # noqa: DTZ001  that is the point


def test_nothing_is_taken_where_nothing_was_offered():
    assert taken("r", []) is None
    assert taken("", [begun()]) is None
