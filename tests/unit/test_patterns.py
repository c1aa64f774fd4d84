import warnings
from typing import Any

import pytest

with warnings.catch_warnings():  # Rasa's own dependencies warn when they are imported
    warnings.simplefilter("ignore")
    import pkg_resources  # noqa: F401  (Rasa imports it late)
    from rasa.shared.exceptions import InvalidConfigException
    from rasa.shared.nlu.training_data.message import Message

    from nlu.patterns import PatternEntityExtractor

REFERENCE = r"\bHEC[- ]?(?=[0-9A-Z]*[0-9])[0-9A-Z]{4}\b"
MEMBER = [{"LOWER": {"IN": ["member", "policy"]}}, {"TEXT": {"REGEX": r"^\d{6,}$"}}]


def _extractor(**options: Any) -> PatternEntityExtractor:
    return PatternEntityExtractor({**PatternEntityExtractor.get_default_config(), **options})


@pytest.fixture(scope="module")
def extractor() -> PatternEntityExtractor:
    return _extractor(patterns={"reference": REFERENCE})


def _found(extractor: PatternEntityExtractor, text: str) -> list[tuple[str, str, str]]:
    message = Message({"text": text})
    extractor.process([message])
    return [
        (one["entity"], text[one["start"] : one["end"]], one["value"])
        for one in message.get("entities", [])
    ]


@pytest.mark.parametrize(
    ("text", "entity", "words", "value"),
    [
        ("call me at (212) 555-0199", "phone", "(212) 555-0199", "+12125550199"),
        ("my # is 212.555.0199 pls", "phone", "212.555.0199", "+12125550199"),
        ("2125550199", "phone", "2125550199", "+12125550199"),
        ("+44 20 7946 0018 is my cell", "phone", "+44 20 7946 0018", "+442079460018"),
        ("order #12345 is late", "order_number", "12345", "12345"),
        ("where is order number 88213-02?", "order_number", "88213-02", "88213-02"),
        ("its order no. a-4471", "order_number", "a-4471", "A-4471"),
        ("#48213", "order_number", "48213", "48213"),
        ("\U0001f600 hec 4k7q", "reference", "hec 4k7q", "HEC 4K7Q"),
        ("Mail A.b+c@Mail.co.uk.", "email", "A.b+c@Mail.co.uk", "a.b+c@mail.co.uk"),
        ("email:joe@x.com", "email", "joe@x.com", "joe@x.com"),
        ("my zip code is 10013.", "postal_code", "10013", "10013"),
        ("10013-1234", "postal_code", "10013-1234", "10013-1234"),
        ("Brooklyn, NY 11201", "postal_code", "11201", "11201"),
        ("i live in 11201", "postal_code", "11201", "11201"),
        ("k1a0b1", "postal_code", "k1a0b1", "K1A 0B1"),
        ("is it $1,200?", "money", "$1,200", "1200 USD"),
        ("45.50 dollars", "money", "45.50 dollars", "45.50 USD"),
        ("\u20ac30", "money", "\u20ac30", "30 EUR"),
        ("50 cents", "money", "50 cents", "0.50 USD"),
    ],
)
def test_each_kind_has_offsets_and_a_value(extractor, text, entity, words, value):
    assert _found(extractor, text) == [(entity, words, value)]


@pytest.mark.parametrize(
    "text",
    [
        "", "10013", "555-0199", "12/10/2026 at 3:30", "2026-12-10", "12-10-2026 10:30",
        "tues 9-11 or 2-4", "11.23.2026 9.30", "order 2 pizzas for 6pm", "911", "1234567890",
        "000-000-0000", "at 10:30 or 11:45 on the 14th", "your code is 483920", "a@b",
        "\u0661\u0662\u0663 @ \U0001f600",
    ],
)  # fmt: skip
def test_other_numbers_are_nothing(extractor, text):
    assert _found(extractor, text) == []


def test_two_in_a_text_stand_in_their_order(extractor):
    text = "order 12345, call 646 555 0134 or joe@x.com"
    assert [entity for entity, _, _ in _found(extractor, text)] == [
        "order_number", "phone", "email",
    ]  # fmt: skip


def test_the_region_reads_numbers_without_a_plus():
    british = _extractor(region="GB", currency="GBP")
    assert _found(british, "020 7946 0018") == [("phone", "020 7946 0018", "+442079460018")]
    assert _found(british, "212-555-0199") == []


def test_only_the_entities_of_config_yml_are_looked_for():
    assert _found(_extractor(entities=["email"]), "212-555-0199 a@b.co") == [
        ("email", "a@b.co", "a@b.co")
    ]


def test_own_patterns_go_first_and_need_no_number():
    own = _extractor(patterns={
        "member_id": MEMBER,
        "size": [{"LOWER": {"IN": ["small", "large"]}}],
        "frame": r"frame (\w+)",
    })  # fmt: skip
    assert _found(own, "policy 123456") == [("member_id", "policy 123456", "policy 123456")]
    assert _found(own, "a large one") == [("size", "large", "large")]
    assert _found(own, "frame ruby") == [("frame", "ruby", "RUBY")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"patterns": {"ticket": "("}}, "pattern 'ticket' is no regular expression"),
        ({"patterns": {"ticket": [{"LOWERS": "x"}]}}, "pattern 'ticket' is no list of spaCy"),
        ({"patterns": {"ticket": 5}}, "pattern 'ticket' is 5"),
        ({"entities": ["colour"]}, "entity 'colour' is not built in"),
    ],
)
def test_a_wrong_option_is_named(options, words):
    with pytest.raises(InvalidConfigException, match=rf"config.yml: {words}"):
        _extractor(**options)


@pytest.mark.parametrize("text", ["1 2 " * 150, "1-" * 300, "(" * 600, "a@" * 300, "$1" * 300])
def test_a_hostile_text_is_read_to_its_end(extractor, text):
    assert all(value for _, _, value in _found(extractor, text))


def test_what_is_found_says_by_whom(extractor):
    message = Message({"text": "order 12345", "entities": [{"entity": "x", "start": 0, "end": 1}]})
    extractor.process([message])
    first, second = message.get("entities")
    assert first["entity"] == "x"
    assert second["extractor"] == "PatternEntityExtractor"
