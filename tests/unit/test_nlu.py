import json
import warnings
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():  # Rasa's own dependencies warn when they are imported
    warnings.simplefilter("ignore")
    import pkg_resources  # noqa: F401  (Rasa imports it late)
    from rasa.engine.graph import ExecutionContext, GraphSchema
    from rasa.engine.storage.local_model_storage import LocalModelStorage
    from rasa.engine.storage.resource import Resource
    from rasa.shared.exceptions import InvalidConfigException
    from rasa.shared.nlu.training_data.formats.rasa_yaml import RasaYAMLReader
    from rasa.shared.nlu.training_data.message import Message
    from rasa.shared.nlu.training_data.training_data import TrainingData

    from nlu.date_extractor import DateExtractor, shared_duckling
    from nlu.entities import CrfEntityExtractor
    from nlu.intents import LinearIntentClassifier

from nlu.catalogue import Catalogue
from nlu.ngrams import Vocabulary, skeleton
from nlu.words import split_words

# The YAML validator that Rasa uses loads its extensions in an old way.
pytestmark = pytest.mark.filterwarnings(r"ignore:the load_module\(\) method:DeprecationWarning")

CONTEXT = ExecutionContext(GraphSchema({}))
DATA = """
version: "3.1"
nlu:
- intent: book
  examples: |
    - can i book an [eye exam](service)
    - book me at [lakeside](location) please
    - id like an appointment
    - need a [contacts exam](service) [downtown](location)
    - schedule me for an [eye exam](service) at [downtown](location)
    - i want to book an appointment
- intent: cancel
  examples: |
    - cancel my appointment
    - please cancel
    - cancel it, i cant come
    - i have to cancel my [eye exam](service)
    - take me off the list
    - cancel for [Maria Lopez](person)
- intent: inform
  examples: |
    - its [Maria Lopez](person)
    - this is [Dan](person)
    - my name is [Ann Lee](person)
    - [lakeside](location)
    - [eye exam](service)
    - [contacts exam](service) at [lakeside](location)
- synonym: eye_exam
  examples: |
    - eye exam
    - vision test
- synonym: contact_lens_exam
  examples: |
    - contacts exam
    - contact lenses
"""
ENTITIES = {
    "catalogue": {
        "service": ["eye_exam", "contact_lens_exam"],
        "location": ["downtown", "lakeside"],
    },
    "patterns": {"reference": r"\bHEC-[0-9A-Z]{4}\b"},
}


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return RasaYAMLReader().reads(DATA)


@pytest.fixture
def storage(tmp_path: Path) -> LocalModelStorage:
    return LocalModelStorage(tmp_path)


def _trained(
    kind: Any, config: dict[str, Any], data: TrainingData, storage: LocalModelStorage
) -> Any:
    """Train, persist, and load again, as Rasa does."""
    whole = {**kind.get_default_config(), **config}
    kind.create(whole, storage, Resource("it"), CONTEXT).train(data)
    return kind.load(whole, storage, Resource("it"), CONTEXT)


def _parsed(component: Any, text: str, **fields: Any) -> Message:
    message = Message({"text": text, **fields})
    component.process([message])
    return message


def test_intents_are_learned_persisted_and_ranked(data, storage):
    component = _trained(LinearIntentClassifier, {"threshold": 0.0}, data, storage)
    message = _parsed(component, "pls cancel my appt")
    ranking = message.get("intent_ranking")
    assert message.get("intent") == ranking[0]
    assert ranking[0]["name"] == "cancel"
    assert [one["name"] for one in ranking[1:]] != []
    assert sum(one["confidence"] for one in ranking) == pytest.approx(1)
    assert ranking == sorted(ranking, key=lambda one: -one["confidence"])
    assert len(_parsed(
        _trained(LinearIntentClassifier, {"ranking_length": 2, "threshold": 0.0}, data, storage),
        "cancel").get("intent_ranking")) == 2  # fmt: skip


def test_the_same_data_gives_the_same_model_without_pickle(data, tmp_path):
    answers, files = [], []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        storage = LocalModelStorage(tmp_path / name)
        component = _trained(LinearIntentClassifier, {"threshold": 0.0}, data, storage)
        answers.append(_parsed(component, "book an exam").get("intent_ranking"))
        files.append(
            {p.suffix: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        )
    assert answers[0] == answers[1]
    assert set(files[0]) == {".npz", ".json"}
    assert files[0][".json"] == files[1][".json"]


def test_a_doubtful_text_is_a_fallback_that_rasa_can_undo(data, storage):
    component = _trained(LinearIntentClassifier, {"threshold": 0.99}, data, storage)
    message = _parsed(component, "hmm the exam")
    assert message.get("intent") == {"name": "nlu_fallback", "confidence": 0.99}
    assert message.get("intent_ranking")[1]["name"] in {"book", "cancel", "inform"}


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_no_text_has_no_intent(data, storage, text):
    component = _trained(LinearIntentClassifier, {}, data, storage)
    message = _parsed(component, text)
    assert message.get("intent") == {"name": None, "confidence": 0.0}
    assert message.get("intent_ranking") == []


@pytest.mark.parametrize(
    "text", ["\u4f60\u597d", "\U0001f600\U0001f600", "\u0645\u0631\u062d\u0628\u0627"]
)
def test_what_was_never_seen_is_a_fallback(data, storage, text):
    component = _trained(LinearIntentClassifier, {}, data, storage)
    assert _parsed(component, text).get("intent")["name"] == "nlu_fallback"


def test_a_very_long_text_is_answered_by_its_beginning(data, storage):
    component = _trained(LinearIntentClassifier, {"threshold": 0.0}, data, storage)
    assert (
        _parsed(component, "please cancel my appointment " * 400).get("intent")["name"] == "cancel"
    )


def test_tokens_are_there_for_rasa_test(data, storage):
    component = _trained(LinearIntentClassifier, {}, data, storage)
    tokens = _parsed(component, "can't do 3pm!").get("text_tokens")
    assert [(token.text, token.start, token.end) for token in tokens] == [
        ("can't", 0, 5), ("do", 6, 8), ("3pm", 9, 12), ("!", 12, 13),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("book an eye exam at lakeside", [("service", "eye exam", "eye_exam"),
                                          ("location", "lakeside", "lakeside")]),
        ("need an EYE EXM at lakside", [("service", "EYE EXM", "eye_exam"),
                                        ("location", "lakside", "lakeside")]),
        ("\U0001f600 its Ann Lee", [("person", "Ann Lee", "Ann Lee")]),
        ("cancel hec-4k7q", [("reference", "hec-4k7q", "HEC-4K7Q")]),
        ("hello", []),
        ("", []),
    ],
)  # fmt: skip
def test_entities_have_offsets_and_catalogue_values(data, storage, text, wanted):
    component = _trained(CrfEntityExtractor, ENTITIES, data, storage)
    found = _parsed(component, text).get("entities", [])
    assert [(e["entity"], text[e["start"] : e["end"]], e["value"]) for e in found] == wanted
    assert all(entity["extractor"] == "CrfEntityExtractor" for entity in found)


def test_training_data_without_entities_finds_patterns_only(storage):
    head = 'version: "3.1"\nnlu:\n'
    plain = RasaYAMLReader().reads(
        head + "- intent: a\n  examples: |\n    - hi\n- intent: b\n  examples: |\n    - bye\n"
    )
    component = _trained(CrfEntityExtractor, ENTITIES, plain, storage)
    assert [e["entity"] for e in _parsed(component, "hi HEC-1234 lakeside").get("entities")] == [
        "reference"
    ]


def test_an_annotation_that_the_catalogue_does_not_know_is_named(storage):
    odd = RasaYAMLReader().reads(
        'version: "3.1"\nnlu:\n- intent: a\n  examples: |\n    - a [foot massage](service)\n'
    )
    whole = {**CrfEntityExtractor.get_default_config(), **ENTITIES}
    with pytest.warns(UserWarning, match="'foot massage' in the training data is no service"):
        CrfEntityExtractor.create(whole, storage, Resource("it"), CONTEXT).train(odd)


def test_dates_count_from_the_receipt(storage):
    component = DateExtractor.create(
        {"timezone": "America/New_York"}, storage, Resource("it"), CONTEXT
    )
    text = "\0 tmrw after 3 or in 2 weeks"
    earlier = {"entity": "service", "start": 0, "end": 1, "value": "x"}
    message = _parsed(
        component, text, metadata={"received_at": "2026-03-12T02:00:00+00:00"}, entities=[earlier]
    )
    kept, first, second = message.get("entities")
    shared_duckling().close()
    assert kept == earlier
    assert text[first["start"] : first["end"]] == "tmrw after 3"
    assert (first["value"]["start"], first["value"]["open"]) == ("2026-03-12T15:00:00", "after")
    assert second["value"]["start"] == "2026-03-25T00:00:00"
    assert json.loads(json.dumps(first)) == first


def test_a_text_that_hangs_duckling_has_no_dates_and_is_answered(storage):
    component = DateExtractor.create(
        {"timezone": "America/New_York"}, storage, Resource("it"), CONTEXT
    )
    _parsed(component, "in 2 weeks")
    message = _parsed(component, "in 1 week from 2 weeks " + "2 days to 3 days from " * 12)
    shared_duckling().close()
    assert isinstance(message.get("entities", []), list)


def test_a_wrong_zone_says_where_and_what(storage):
    with pytest.raises(
        InvalidConfigException, match=r"config.yml: timezone 'Mars' .* America/New_York"
    ):
        DateExtractor.create({"timezone": "Mars"}, storage, Resource("it"), CONTEXT)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("Lakeside", "lakeside"),
        ("lakside", "lakeside"),
        ("down-town", "downtown"),
        ("uptown", None),
    ],
)
def test_catalogue_forgives_typing_errors_and_nothing_else(written, value):
    catalogue = Catalogue(80)
    for name in ("lakeside", "downtown"):
        catalogue.learn("location", name, name)
    catalogue.learn("location", "down town", "downtown")
    assert catalogue.find("location", written) == value
    assert catalogue.find("service", written) is None


def test_skeleton_names_classes():
    text = "its Ann Lee for Wed the 9th"
    assert skeleton(text, [(4, 11, "person")]) == [
        "^", "its", "<person>", "for", "<date>", "the", "<number>", "$",
    ]  # fmt: skip


def test_look_up_gives_the_same_row_as_the_matrix():
    texts = [("book an exam", ()), ("cancel", ())]
    vocabulary = Vocabulary.learn(texts)
    columns, weights = vocabulary.weigh("book exam unseen")
    row = vocabulary.matrix([("book exam unseen", ())]).toarray()[0]
    assert row[columns] == pytest.approx(weights)
    assert (row != 0).sum() == len(columns)


def test_words_keep_their_offsets():
    text = "Hi O'Connor,\u4f60 10:30"
    assert [text[word.start : word.end] for word in split_words(text)] == [
        "Hi", "O'Connor", ",", "\u4f60", "10", ":", "30",
    ]  # fmt: skip
