"""Between which intents a text stands, and how often in a row nothing came of one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.clarify import BEGUN_BY, ask_which, menu_before, misses, near_intents, only_choice
from actions.turn import Turn
from messaging.menus import render
from messaging.segments import segment_count

DOMAIN = yaml.safe_load((Path(__file__).parents[2] / "domain.yml").read_text())
INTENTS = [next(iter(intent)) for intent in DOMAIN["intents"]]
NAMED = {"book", "move", "cancel", "hours", "nlu_fallback"}


def ranked(**confidences):
    return [{"name": name, "confidence": value} for name, value in confidences.items()]


@pytest.mark.parametrize(
    ("ranking", "near"),
    [
        (ranked(move=0.3, cancel=0.28), ("move", "cancel")),
        (ranked(nlu_fallback=0.35, move=0.3, cancel=0.28), ("move", "cancel")),
        (ranked(book=0.25, move=0.22, cancel=0.2, hours=0.19), ("book", "move", "cancel")),
        (ranked(inform=0.3, move=0.25, cancel=0.21), ("move", "cancel")),  # inform has no name
        (ranked(move=0.34, cancel=0.16), ("move",)),  # one stands out alone
        (ranked(move=0.24, cancel=0.1), ()),  # but little speaks for it
        (ranked(move=0.3, inform=0.2), ()),  # something without a name is near
        (ranked(move=0.2, cancel=0.18), ()),  # most likely neither
        (ranked(nlu_fallback=0.35, move=0.34, cancel=0.1), ("move",)),
        (ranked(inform=0.3), ()),
        ([], ()),
    ],
)
def test_near_intents(ranking, near):
    assert near_intents(ranking, NAMED) == near


def tracker(*events, **message):
    return Tracker("talk", {}, message, list(events), False, None, {}, None)


def user(intent):
    return {"event": "user", "parse_data": {"intent": {"name": intent}}}


def bot(response, buttons=None):
    return {"event": "bot", "metadata": {"utter_action": response}, "data": {"buttons": buttons}}


MISS, CLARIFY, WORDS = user("nlu_fallback"), bot("utter_clarify"), bot("utter_fallback_second")


@pytest.mark.parametrize(
    ("events", "count"),
    [
        ([], 0),
        ([MISS], 1),
        ([MISS, CLARIFY, MISS], 2),
        ([MISS, CLARIFY, user("out_of_scope"), bot("utter_out_of_scope"), MISS], 3),
        ([MISS, CLARIFY, user("deny"), WORDS, MISS], 3),  # "neither" is no success
        ([MISS, CLARIFY, user("ask_hours"), bot("utter_hours"), MISS], 1),
        ([MISS, WORDS, user("deny"), bot("utter_anything_else"), MISS], 1),
    ],
)
def test_misses(events, count):
    assert misses(tracker(*events)) == count


def test_the_menu_counts_until_something_else_is_said():
    buttons = [{"title": "Cancel an appointment", "payload": "/cancel_appointment"}]
    asked = [MISS, bot("utter_clarify", buttons)]
    assert menu_before(tracker(*asked, user("deny"))) == buttons
    assert menu_before(tracker(*asked)) == []
    assert menu_before(tracker(*asked, user("help"), bot("utter_help"), user("deny"))) == []
    assert menu_before(tracker(*asked, user("help"), user("deny"))) == []


def test_yes_to_a_menu_of_one_begins_it():
    cancel, move, nothing = (
        {"title": "", "payload": payload}
        for payload in (
            '/cancel_appointment{"time": []}',
            "/reschedule_appointment",
            "/nlu_fallback",
        )
    )
    assert only_choice([cancel, nothing]) == "cancel_form"
    assert only_choice([cancel, move, nothing]) is None


def test_what_a_yes_begins_exists():
    known = {*DOMAIN["actions"], *DOMAIN["forms"]}
    assert set(BEGUN_BY.values()) <= known
    assert {f"utter_meant_{intent}" for intent in BEGUN_BY} <= set(DOMAIN["responses"])


def test_names_are_of_intents():
    named = [name for name in DOMAIN["responses"] if name.startswith("utter_meant_")]
    assert len(named) > 2
    assert {name.removeprefix("utter_meant_") for name in named} <= set(INTENTS)


def test_the_longest_menu_is_one_segment():
    texts = {name: text[0]["text"] for name, text in DOMAIN["responses"].items()}
    titles = sorted((texts[n] for n in texts if n.startswith("utter_meant_")), key=len)
    longest = [*titles[-3:], texts["utter_meant_nlu_fallback"]]
    assert segment_count(render(texts["utter_clarify"], longest)) == 1


def test_values_of_the_text_go_with_each_line():
    message = {
        "text": "my exam at lakeside",
        "intent": {"name": "nlu_fallback", "confidence": 0.35},
        "entities": [{"entity": "location", "value": "lakeside"}],
        "intent_ranking": ranked(reschedule_appointment=0.3, cancel_appointment=0.3),
    }
    dispatcher = CollectingDispatcher()
    talk = tracker(**message)
    assert ask_which(dispatcher, talk, Turn.of(talk), DOMAIN)
    assert [one["payload"] for one in dispatcher.messages[0]["buttons"]] == [
        '/reschedule_appointment{"location": ["lakeside"]}',
        '/cancel_appointment{"location": ["lakeside"]}',
        "/nlu_fallback",
    ]
    assert not ask_which(dispatcher, talk, Turn.of(talk), {})
