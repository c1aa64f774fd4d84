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
    from rasa.shared.nlu.training_data.formats.rasa_yaml import RasaYAMLReader
    from rasa.shared.nlu.training_data.message import Message
    from rasa.shared.nlu.training_data.training_data import TrainingData

    from nlu.entities import CrfEntityExtractor

from nlu.catalogue import Catalogue
from nlu.crf import features
from nlu.lexicon import USUAL, Lexicon, usual_words
from nlu.variants import Variants
from nlu.words import split_words

# The YAML validator that Rasa uses loads its extensions in an old way.
pytestmark = pytest.mark.filterwarnings(r"ignore:the load_module\(\) method:DeprecationWarning")

CONTEXT = ExecutionContext(GraphSchema({}))
DATA = Path(__file__).parents[2] / "data" / "nlu"
CATALOGUE = {
    "catalogue": {
        "service": ["eye_exam", "contact_lens_exam"],
        "location": ["downtown", "lakeside"],
    }
}


def _trained(data: TrainingData, folder: Path) -> CrfEntityExtractor:
    """Train, persist, and load again, as Rasa does."""
    config = {**CrfEntityExtractor.get_default_config(), **CATALOGUE}
    storage = LocalModelStorage(folder)
    CrfEntityExtractor.create(config, storage, Resource("it"), CONTEXT).train(data)
    return CrfEntityExtractor.load(config, storage, Resource("it"), CONTEXT)


def _of_the_project(folder: Path, changed: Path | None = None) -> CrfEntityExtractor:
    data = TrainingData()
    for path in sorted(DATA.glob("*.yml")):
        part = changed if changed and changed.name == path.name else path
        data = data.merge(RasaYAMLReader().read(str(part)))
    return _trained(data, folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> CrfEntityExtractor:
    return _of_the_project(tmp_path_factory.mktemp("project"))


def _found(extractor: CrfEntityExtractor, text: str, **fields: Any) -> list[tuple[str, str, Any]]:
    message = Message({"text": text, **fields})
    extractor.process([message])
    return [
        (one["entity"], text[one["start"] : one["end"]], one["value"])
        for one in message.get("entities", [])
    ]


@pytest.mark.parametrize(
    ("text", "words", "value"),
    [
        ("im going to lakside on friday", "lakside", "lakeside"),
        ("the lake side office please", "lake side", "lakeside"),
        ("is lakesdie open", "lakesdie", "lakeside"),
        ("can i come to dwntwn", "dwntwn", "downtown"),
        ("DOWN TOWN PLEASE", "DOWN TOWN", "downtown"),
        ("at the dowtown office", "dowtown", "downtown"),
        ("need a contacts exam", "contacts exam", "contact_lens_exam"),
        ("contact exam on monday", "contact exam", "contact_lens_exam"),
        ("book me for a lens fitting", "lens fitting", "contact_lens_exam"),
        ("i want an eye chek", "eye chek", "eye_exam"),
        ("i need an eyeexam", "eyeexam", "eye_exam"),
        ("a glasses check pls", "glasses check", "eye_exam"),
        ("i need an exam", "exam", "eye_exam"),
    ],
)
def test_synonyms_and_typing_errors_are_values_of_the_catalogue(project, text, words, value):
    assert [(had, stands_for) for _, had, stands_for in _found(project, text)] == [(words, value)]


@pytest.mark.parametrize(
    "text",
    [
        "we go to the lake on sunday",
        "ill be down in 5",
        "can you contact me later",
        "i lost my glasses",
        "check please",
        "the town is full today",
    ],
)
def test_ordinary_words_are_no_values(project, text):
    assert _found(project, text) == []


@pytest.mark.parametrize(
    "text",
    ["Yep", "Nope", "Ok", "OK", "Sure Thing", "Friday", "Thank You", "Help", "Cancel", "Later"],
)
def test_short_answers_with_capitals_are_no_names(project, text):
    assert _found(project, text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("this is ravi", "ravi"),
        ("my name is Ifeoma Eze", "Ifeoma Eze"),
        ("its Siobhan O'Neill", "Siobhan O'Neill"),
        ("cancel for minh tran pls", "minh tran"),
        ("my nmae is Svetlana", "Svetlana"),
        ("this is Pat Doe", "Pat Doe"),
        ("Maria Monday works", "Maria"),
        ("maria again", "maria"),
    ],
)
def test_names_of_many_countries_are_found(project, text, name):
    assert _found(project, text) == [("person", name, name)]


def test_a_new_synonym_works_after_training(project, tmp_path):
    text = "book me for a peeper peek at lakeside"
    assert _found(project, text) == [("location", "lakeside", "lakeside")]
    synonyms = tmp_path / "synonyms.yml"
    synonyms.write_text(
        (DATA / "synonyms.yml").read_text().replace(
            "- synonym: eye_exam\n  examples: |\n",
            "- synonym: eye_exam\n  examples: |\n    - peeper peek\n",
        )
    )  # fmt: skip
    (tmp_path / "model").mkdir()
    taught = _of_the_project(tmp_path / "model", synonyms)
    assert _found(taught, text)[0] == ("service", "peeper peek", "eye_exam")


def test_what_a_pattern_found_stays(project):
    text = "eye exam at lakeside"
    earlier = {"entity": "code", "start": 0, "end": 3, "value": "eye"}
    assert _found(project, text, entities=[earlier]) == [
        ("code", "eye", "eye"), ("location", "lakeside", "lakeside"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", " ", "\U0001f600", "\u4f60\u597d", "a " * 5000, "eye exam " * 500, "(" * 900]
)
def test_any_text_is_read(project, text):
    assert all(value for _, _, value in _found(project, text))


def test_the_same_seed_gives_the_same_variants():
    tables = {"given_name": frozenset({"amy", "li"}), "family_name": frozenset({"diaz"})}
    words = split_words("book lakeside for Ann Lee")
    labels = ["O", "B-location", "O", "B-person", "I-person"]
    first, second = (list(Variants(tables, 7).of(words, labels)) for _ in range(2))
    assert first == second
    assert first[0] == (words, labels)
    assert len(first) > 3
    assert all(len(written) == len(marks) for written, marks in first)
    assert all("B-person" in marks and "B-location" in marks for _, marks in first)
    assert len({json.dumps([word.text for word in written]) for written, _ in first}) > 3


def test_without_lists_of_names_nobody_is_renamed():
    words = split_words("Ann Lee")
    assert [
        [word.text for word in written]
        for written, _ in Variants({}, 7).of(words, ["B-person", "I-person"])
    ] == [["Ann", "Lee"]]


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("reschedule", "known"), ("reshedule", "typo"), ("rechsedule", "typo"),
        ("resschedule", "typo"), ("resxhedule", "typo"), ("rxhsedull", "new"),
        ("ravi", "new"), ("9am", "sign"),
        ("only", "new"),
    ],
)  # fmt: skip
def test_lexicon_tells_new_words_from_typing_errors(word, kind):
    lexicon = Lexicon(frozenset({"reschedule", "only"}))
    assert lexicon.kind(word, unseen={"only"}) == kind


def test_usual_english_words_are_no_news_unless_they_are_names():
    lists = {"given_name": frozenset({"maria"})}
    counts = {"parade": USUAL, "maria": USUAL, "zyme": USUAL - 1}
    lexicon = Lexicon(lists=lists, english=usual_words(counts, lists))
    kinds = {word: lexicon.kind(word) for word in ("parade", "maria", "zyme")}
    assert kinds == {"parade": "english", "maria": "new", "zyme": "new"}


def test_phrases_prefer_the_longest_that_is_well_written():
    catalogue = Catalogue(80)
    for written in ("contact lens", "contact lens exam", "eye exam"):
        catalogue.learn("service", written, written)
    words = ["a", "contact", "lens", "exm", "or", "a", "eye", "exam"]
    assert [
        (words[one.first : one.last], one.exact) for one in catalogue.phrases(words)
    ] == [(["contact", "lens", "exm"], False), (["eye", "exam"], True)]  # fmt: skip


def test_features_have_a_row_for_each_word():
    words = split_words("Its Ann.")
    rows = features(words, [], Lexicon(frozenset({"its"})))
    assert len(rows) == len(words)
    assert "u=new" in rows[1]
    assert "before=new|its" in rows[1]
