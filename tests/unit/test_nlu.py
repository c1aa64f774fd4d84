import copy
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
    from nlu.normaliser import SmsNormaliser
    from nlu.sentence_encoder import SentenceEncoder

from nlu.catalogue import Catalogue
from nlu.ngrams import Vocabulary, count_ngrams, skeleton
from nlu.normal import Normaliser
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
- intent: hours
  examples: |
    - what are your hours
    - when are you open
    - are you open on sundays
    - what time do you close
    - opening times?
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


class Pipeline:
    """Normaliser, encoder and classifier, trained and loaded again as Rasa does it."""

    def __init__(self, config: dict[str, Any], data: TrainingData, folder: Path, encoder=True):
        data = copy.deepcopy(data)
        self.parts = []
        kinds: list[tuple[Any, dict[str, Any]]] = [(SmsNormaliser, {})]
        kinds += [(SentenceEncoder, {})] if encoder else []
        for kind, options in [*kinds, (LinearIntentClassifier, config)]:
            (folder / kind.__name__).mkdir(parents=True)
            storage = LocalModelStorage(folder / kind.__name__)
            if kind is SentenceEncoder:
                part = kind.create({}, storage, Resource("it"), CONTEXT)
            else:
                part = _trained(kind, options, data, storage)
            if hasattr(part, "process_training_data"):
                part.process_training_data(data)
            self.parts.append(part)

    def __call__(self, text: str) -> Message:
        message = Message({"text": text})
        for part in self.parts:
            part.process([message])
        return message


@pytest.fixture(scope="module")
def pipeline(data, tmp_path_factory):
    return Pipeline({"alongside": ["hours"]}, data, tmp_path_factory.mktemp("pipeline"))


@pytest.mark.parametrize("encoder", [True, False])
def test_intents_are_learned_persisted_and_ranked(data, tmp_path, encoder):
    parsed = Pipeline({"threshold": 0.0, "strange": 0.0}, data, tmp_path, encoder)
    message = parsed("pls cancel my appt")
    ranking = message.get("intent_ranking")
    assert message.get("intent") == ranking[0]
    assert ranking[0]["name"] == "cancel"
    assert len(ranking) == 4
    assert sum(one["confidence"] for one in ranking) == pytest.approx(1)
    assert ranking == sorted(ranking, key=lambda one: -one["confidence"])


def test_the_ranking_is_as_long_as_configured(data, tmp_path):
    parsed = Pipeline({"ranking_length": 2, "threshold": 0.0, "strange": 0.0}, data, tmp_path)
    assert len(parsed("cancel").get("intent_ranking")) == 2


def test_the_same_data_gives_the_same_model_without_pickle(data, tmp_path):
    answers, files = [], []
    for name in ("one", "two"):
        parsed = Pipeline({"threshold": 0.0}, data, tmp_path / name)
        answers.append(parsed("book an exam").get("intent_ranking"))
        folder = tmp_path / name / "LinearIntentClassifier"
        files.append({p.suffix: p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert answers[0] == answers[1]
    assert set(files[0]) == {".npz", ".json"}
    assert files[0][".json"] == files[1][".json"]


def test_a_doubtful_text_is_a_fallback_that_rasa_can_undo(data, tmp_path):
    parsed = Pipeline({"threshold": 0.999, "strange": 0.0}, data, tmp_path)
    message = parsed("hmm the exam")
    assert message.get("intent") == {"name": "nlu_fallback", "confidence": 0.999}
    assert message.get("intent_ranking")[1]["name"] in {"book", "cancel", "inform", "hours"}


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_no_text_has_no_intent(pipeline, text):
    message = pipeline(text)
    assert message.get("intent") == {"name": None, "confidence": 0.0}
    assert message.get("intent_ranking") == []


@pytest.mark.parametrize(
    "text", ["\u4f60\u597d", "\U0001f600\U0001f600", "\u0645\u0631\u062d\u0628\u0627"]
)
def test_what_was_never_seen_is_a_fallback(data, tmp_path, text):
    parsed = Pipeline({}, data, tmp_path, encoder=False)
    assert parsed(text).get("intent")["name"] == "nlu_fallback"


def test_a_text_about_something_else_is_out_of_scope_and_a_short_one_is_asked_again(data, tmp_path):
    parsed = Pipeline({"strange": 0.1, "threshold": 0.0}, data, tmp_path)
    message = parsed("the volcano on that island has been erupting since last century")
    assert message.get("intent")["name"] == "out_of_scope"
    assert message.get("scope")["as_strange"] < 0.1
    assert parsed("erupting volcano").get("intent")["name"] == "nlu_fallback"
    usual = parsed("could you cancel my appointment").get("scope")
    assert usual["score"] > message.get("scope")["score"] + 2
    assert usual["as_strange"] > 0.1


def test_a_question_beside_the_rest_is_answered_too(pipeline):
    message = pipeline("cancel my appt, and what are your hours?")
    assert message.get("intent")["name"] == "cancel"
    (also,) = message.get("also")
    assert (also["intent"]["name"], also["text"]) == ("hours", "what are your hours")
    assert pipeline("cancel my appointment").get("also") is None
    assert pipeline("what are your hours").get("also") is None


def test_a_very_long_text_is_answered_by_its_beginning(pipeline):
    assert pipeline("please cancel my appointment " * 400).get("intent")["name"] == "cancel"


def test_without_a_normaliser_the_classifier_says_what_to_do(pipeline):
    with pytest.raises(InvalidConfigException, match=r"SmsNormaliser` first in the pipeline"):
        pipeline.parts[-1].process([Message({"text": "hi"})])


def test_one_intent_alone_cannot_be_told_apart(tmp_path):
    head = 'version: "3.1"\nnlu:\n- intent: a\n  examples: |\n    - hi\n    - hello\n'
    with pytest.raises(ValueError, match="add examples to data/nlu"):
        Pipeline({}, RasaYAMLReader().reads(head), tmp_path, encoder=False)


def test_tokens_keep_the_words_and_carry_their_normal_form(pipeline):
    tokens = pipeline("can't do 3pm tmrw!").get("text_tokens")
    assert [(token.text, token.start, token.end, token.lemma) for token in tokens] == [
        ("can't", 0, 5, "can't"), ("do", 6, 8, "do"), ("3pm", 9, 12, "3pm"),
        ("tmrw", 13, 17, "tomorrow"), ("!", 17, 18, "!"),
    ]  # fmt: skip


def test_an_abbreviation_of_the_business_is_understood(data, storage):
    config = {**SmsNormaliser.get_default_config(), "abbreviations": {"CXL": "cancel"}}
    normaliser = _trained(SmsNormaliser, config, data, storage)
    assert _parsed(normaliser, "cxl it").get("text_tokens")[0].lemma == "cancel"


@pytest.mark.parametrize("wrong", [["cl"], {"cl": None}, {2: "two"}, {"": "x"}])
def test_a_wrong_abbreviation_says_where_and_how(wrong, storage):
    config = {**SmsNormaliser.get_default_config(), "abbreviations": wrong}
    with pytest.raises(InvalidConfigException, match=r"config.yml: write each short form with"):
        SmsNormaliser.create(config, storage, Resource("it"), CONTEXT)


def test_a_changed_list_of_abbreviations_or_encoder_is_a_reason_to_train():
    assert len(SmsNormaliser.fingerprint_addon({})) == 64
    assert SentenceEncoder.fingerprint_addon({}).startswith("8199be6f")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("book an eye exam at lakeside", [("service", "eye exam", "eye_exam"),
                                          ("location", "lakeside", "lakeside")]),
        ("need an EYE EXM at lakside", [("service", "EYE EXM", "eye_exam"),
                                        ("location", "lakside", "lakeside")]),
        ("\U0001f600 its Ann Lee", [("person", "Ann Lee", "Ann Lee")]),
        ("hello", []),
        ("", []),
    ],
)  # fmt: skip
def test_entities_have_offsets_and_catalogue_values(data, storage, text, wanted):
    component = _trained(CrfEntityExtractor, ENTITIES, data, storage)
    found = _parsed(component, text).get("entities", [])
    assert [(e["entity"], text[e["start"] : e["end"]], e["value"]) for e in found] == wanted
    assert all(entity["extractor"] == "CrfEntityExtractor" for entity in found)


def test_an_annotation_that_the_catalogue_does_not_know_is_named(storage):
    odd = RasaYAMLReader().reads(
        'version: "3.1"\nnlu:\n- intent: a\n  examples: |\n    - a [foot massage](service)\n'
    )
    whole = {**CrfEntityExtractor.get_default_config(), **ENTITIES}
    with pytest.warns(UserWarning, match="'foot massage' in the training data is no service"):
        CrfEntityExtractor.create(whole, storage, Resource("it"), CONTEXT).train(odd)


def _date_extractor(storage, **config):
    whole = {**DateExtractor.get_default_config(), **config}
    return DateExtractor.create(whole, storage, Resource("it"), CONTEXT)


def test_dates_count_from_the_receipt(storage):
    component = _date_extractor(storage)
    text = "\0 tmrw after 3 or in 2 weeks"
    earlier = {"entity": "service", "start": 0, "end": 1, "value": "x"}
    message = _parsed(
        component, text, metadata={"received_at": "2026-03-12T02:00:00+00:00"}, entities=[earlier]
    )
    kept, first, second = message.get("entities")
    shared_duckling(None).close()
    assert kept == earlier
    assert text[first["start"] : first["end"]] == "tmrw after 3"
    assert (first["value"]["start"], first["value"]["open"]) == ("2026-03-12T15:00:00", "after")
    assert second["value"]["start"] == "2026-03-25T00:00:00"
    assert json.loads(json.dumps(first)) == first


def test_a_text_that_hangs_duckling_has_no_dates_and_is_answered(storage):
    component = _date_extractor(storage)
    _parsed(component, "in 2 weeks")
    message = _parsed(component, "in 1 week from 2 weeks " + "2 days to 3 days from " * 12)
    shared_duckling(None).close()
    assert isinstance(message.get("entities", []), list)


def test_a_wrong_zone_says_where_and_what(storage):
    with pytest.raises(
        InvalidConfigException, match=r"config.yml: timezone 'Mars' .* America/New_York"
    ):
        _date_extractor(storage, timezone="Mars")


def test_a_wrong_address_of_duckling_says_where_and_what(storage):
    with pytest.raises(
        InvalidConfigException, match=r"config.yml: duckling_url: 'here' .* http://127.0.0.1:8000"
    ):
        _date_extractor(storage, duckling_url="here")


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
    assert skeleton(Normaliser({}, None).words(text), [(4, 11, "person")]) == [
        "^", "its", "<person>", "for", "<date>", "the", "<number>", "$",
    ]  # fmt: skip


def test_look_up_gives_the_same_row_as_the_matrix():
    words = Normaliser({}, None).words
    texts = ("book an exam", "cancel", "book exam unseen")
    *known, unseen = (count_ngrams((words(text), ())) for text in texts)
    vocabulary = Vocabulary.learn(known)
    columns, weights = vocabulary.weigh(unseen)
    row = vocabulary.matrix([unseen]).toarray()[0]
    assert row[columns] == pytest.approx(weights)
    assert (row != 0).sum() == len(columns)


def test_words_keep_their_offsets():
    text = "Hi O'Connor,\u4f60 10:30"
    assert [text[word.start : word.end] for word in split_words(text)] == [
        "Hi", "O'Connor", ",", "\u4f60", "10", ":", "30",
    ]  # fmt: skip
