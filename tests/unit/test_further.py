"""More than one thing in a text: whose words are whose, what is taken up, what comes last."""

from __future__ import annotations

import pytest
from rasa.shared.core.events import ActiveLoop, SlotSet, UserUttered
from rasa.shared.core.slots import AnySlot
from rasa.shared.core.trackers import DialogueStateTracker

from connectors.further import Said, further, parted

MAPPING = [{"type": "custom"}]


def entity(text: str, words: str, name: str) -> dict:
    start = text.index(words)
    return {"entity": name, "start": start, "end": start + len(words), "value": words}


def also(text: str, words: str, intent: str) -> dict:
    start = text.index(words)
    return {"intent": {"name": intent, "confidence": 0.9}, "text": words, "start": start,
            "end": start + len(words)}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "question", "step"),
    [
        ("yes and what are your hours?", "what are your hours", "yes"),
        ("Downtown, also are you open sat?", "are you open sat", "Downtown"),
        ("what are your hours? fri at 3 pls", "what are your hours", "fri at 3 pls"),
        ("2. where are you", "where are you", "2"),
    ],
)
def test_the_words_of_the_step_are_what_the_question_leaves(text, question, step):
    given = {"text": text, "entities": [], "also": [also(text, question, "ask_hours")]}
    assert parted(given)["text"] == step


def test_entities_belong_to_the_words_that_they_are_in():
    text = "downtown works, are you open saturday?"
    given = {
        "text": text,
        "intent": {"name": "inform"},
        "entities": [entity(text, "downtown", "location"), entity(text, "saturday", "time")],
        "also": [also(text, "are you open saturday", "ask_hours")],
    }
    parse = parted(given)
    assert [one["entity"] for one in parse["entities"]] == ["location"]
    (found,) = parse["also"][0]["entities"]
    assert parse["also"][0]["text"][found["start"] : found["end"]] == "saturday"


def test_a_text_with_one_thing_is_as_it_was():
    parse = {"text": "hi, and?", "intent": {"name": "greet"}, "entities": []}
    assert parted(parse) is parse


def tracker(*names: str, main: str = "affirm") -> DialogueStateTracker:
    slots = [AnySlot(name, mappings=MAPPING) for name in ("pending_change", "question")]
    talk = DialogueStateTracker("talk", slots)
    items = [
        {"intent": {"name": name, "confidence": 0.9}, "entities": [], "text": name}
        for name in names
    ]
    talk.update(UserUttered("all", {"name": main}, parse_data={"also": items}, metadata={"a": 1}))
    return talk


def taken(talk: DialogueStateTracker) -> list[str]:
    return [text.intent["name"] for text in further(talk)]


def test_at_most_two_more_are_taken_and_none_twice():
    assert taken(tracker("help", "ask_hours", "ask_location")) == ["help", "ask_hours"]
    assert taken(tracker("ask_hours", "ask_hours", "affirm")) == ["ask_hours"]
    assert taken(tracker()) == []
    assert taken(DialogueStateTracker("new", [])) == []


@pytest.mark.parametrize(
    "event", [ActiveLoop("book_form"), SlotSet("pending_change", {"kind": "book"}),
              SlotSet("question", {"about": "book"})]
)  # fmt: skip
def test_nothing_new_is_begun_while_something_is_open(event):
    talk = tracker("book_appointment", "ask_hours")
    assert taken(talk) == ["book_appointment", "ask_hours"]
    talk.update(event)
    assert taken(talk) == ["ask_hours"]


def test_what_is_taken_up_is_of_the_same_turn():
    (text,) = further(tracker("ask_hours"))
    assert text.metadata == {"a": 1}
    assert text.parse_data["intent_ranking"][0]["name"] == "ask_hours"


ANSWER, QUESTION, OTHER = ({"text": text} for text in ("Our hours", "YES or NO?", "Which time?"))


def test_the_question_comes_last_and_once():
    step = Said([], [QUESTION])
    assert step.then(Said([ANSWER], []), still_open=True) == Said([ANSWER], [QUESTION])
    assert step.then(Said([ANSWER, QUESTION], []), still_open=True) == Said([ANSWER], [QUESTION])
    assert step.then(Said([ANSWER], [OTHER]), still_open=True) == Said([ANSWER], [OTHER])
    assert step.then(Said([ANSWER], []), still_open=False) == Said([ANSWER], [])
