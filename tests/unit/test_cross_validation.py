"""Cross-validation scores each example by models that have not seen it."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

with warnings.catch_warnings():  # Rasa's own dependencies warn when they are imported
    warnings.simplefilter("ignore")
    import pkg_resources  # noqa: F401  (Rasa imports it late)
    from rasa.shared.nlu.training_data.message import Message
    from rasa.shared.nlu.training_data.training_data import TrainingData

    from tests.cross_validation import measure

PIPELINE: list[dict[str, Any]] = [
    {"name": "nlu.normaliser.SmsNormaliser", "spelling": False},
    {"name": "nlu.entities.CrfEntityExtractor", "catalogue": {"place": ["lakeside", "downtown"]}},
]
CANCEL = [
    "cancel my visit at lakeside",
    "please cancel it at downtown",
    "cancel it please",
    "i have to cancel",
    "can you cancel lakeside",
    "cancel for downtown",
]
HOURS = [
    "when are you open at lakeside",
    "are you open today",
    "when is downtown open",
    "open on sunday?",
    "is lakeside open now",
    "open late?",
]


def example(text: str, intent: str) -> Message:
    places = [
        {"start": text.find(name), "end": text.find(name) + len(name), "entity": "place",
         "value": name}
        for name in ("lakeside", "downtown")
        if name in text
    ]  # fmt: skip
    return Message.build(text, intent, entities=places)


def figures(*, cancel: list[str], hours: list[str]) -> dict[str, Any]:
    examples = [example(text, "cancel") for text in cancel]
    examples += [example(text, "ask_hours") for text in hours]
    return measure(TrainingData(examples), PIPELINE)


@pytest.fixture(scope="module")
def separable() -> dict[str, Any]:
    return figures(cancel=CANCEL, hours=HOURS)


def test_what_is_easy_is_understood(separable: dict[str, Any]) -> None:
    assert separable["intent_accuracy"]["value"] == 1.0
    assert separable["intent_f1"] == {"ask_hours": 1.0, "cancel": 1.0}
    assert separable["entity_micro_f1"]["value"] > 0.8


def test_what_is_alike_is_not() -> None:
    mixed = figures(cancel=CANCEL[::2] + HOURS[::2], hours=CANCEL[1::2] + HOURS[1::2])
    accuracy = mixed["intent_accuracy"]
    assert accuracy["value"] < 0.75
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]


def test_an_example_in_another_form_counts_once(separable: dict[str, Any]) -> None:
    again = figures(cancel=[*CANCEL, CANCEL[2].upper(), "cancel it plz"], hours=HOURS)
    assert again == separable
