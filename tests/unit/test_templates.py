"""Texts by name: what can be written, what is refused with its line, what is warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from messaging.errors import SettingsError
from messaging.lanes import Lane
from outreach.template_check import warnings_of
from outreach.templates import (
    NoticeClass,
    Template,
    UnknownTemplate,
    WrongVariables,
    load_templates,
)

PROJECT = Path(__file__).parents[2]
GOOD = """
# a comment
order_ready:
  class: transactional
  subject: orders
  text: "{brand}: your {item} is at {location}, {item}!"
sale:
  class: marketing
  conversation: true
  text: >-
    {brand}: lenses are
    cheap. Interested?
"""


@pytest.fixture
def load(tmp_path):
    def write(content, **common):
        path = tmp_path / "notices.yml"
        path.write_text(content, encoding="utf-8")
        return load_templates(path, common)

    return write


def test_a_text_is_filled_in(load):
    templates = load(GOOD, brand="Harbor Eye Care")
    assert templates.render("order_ready", {"item": "glasses", "location": "Lakeside"}) == (
        "Harbor Eye Care: your glasses is at Lakeside, glasses!"
    )
    ready, sale = templates
    assert (ready.subject, ready.conversation, ready.notice_class.lane) == (
        *("orders", False),
        Lane.REMINDER,
    )
    assert (sale.subject, sale.conversation, sale.notice_class.lane) == ("sale", True, Lane.BULK)
    assert sale.text == "{brand}: lenses are cheap. Interested?"
    assert ready.variables == ("brand", "item", "location")
    assert templates.needed("order_ready") == ("item", "location")


def test_what_is_filled_in_is_not_read_again(load):
    templates = load(GOOD, brand="{item}")
    said = templates.render("order_ready", {"item": "{location}", "location": "\\1"})
    assert said == "{item}: your {location} is at \\1, {location}!"


def test_a_value_may_replace_a_common_one(load):
    templates = load(GOOD, brand="Harbor Eye Care")
    assert templates.render("sale", {"brand": "HEC"}).startswith("HEC: ")


def test_what_does_not_fit_is_named(load):
    templates = load(GOOD, brand="Harbor Eye Care")
    with pytest.raises(WrongVariables) as wrong:
        templates.render("order_ready", {"item": "glasses", "place": "Lakeside", "x": "y"})
    assert (wrong.value.missing, wrong.value.unknown) == (["location"], ["place", "x"])
    assert wrong.value.detail == ("template order_ready needs location and does not know place, x")
    with pytest.raises(UnknownTemplate, match="did you mean order_ready"):
        templates.render("order_redy", {})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "line 1: "),
        ("- a", "notices.yml: expected lines"),
        ("a: b", "line 1: expected lines"),
        ("Order: {class: reminder, text: x}", "line 1: write the name 'Order'"),
        ("a:\n  class: reminder", "line 1: a has no 'text'"),
        ("a:\n  text: hello", "line 1: a has no 'class'"),
        ("a:\n  class: spam\n  text: x", "line 2: write transactional, reminder"),
        ("a:\n  class: reminder\n  txt: x", "line 3: there is no key 'txt'"),
        ("a:\n  class: reminder\n  text: []", "line 3: expected a word or a text"),
        ("a:\n  class: reminder\n  text: ''", "line 3: expected a word or a text"),
        ("a:\n  class: reminder\n  text: 'hi {First}'", "line 3: a brace stands"),
        ("a:\n  class: reminder\n  text: 'hi } you'", "line 3: a brace stands"),
        ("a:\n  class: reminder\n  conversation: maybe\n  text: x", "line 3: write true or"),
        (
            "a: {class: reminder, text: x}\nb: {class: reminder, text: x}\na: {}",
            "line 3: 'a' stands twice",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(load, content, said):
    with pytest.raises(SettingsError) as error:
        load(content)
    assert "notices.yml" in error.value.detail
    assert said in error.value.detail


def test_a_file_that_is_not_there_or_is_no_text(tmp_path):
    with pytest.raises(SettingsError, match="there is no"):
        load_templates(tmp_path / "none.yml")
    (tmp_path / "bytes.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_templates(tmp_path / "bytes.yml")
    (tmp_path / "empty.yml").write_text("")
    assert list(load_templates(tmp_path / "empty.yml")) == []


def warned(text, *, conversation=False):
    template = Template("a", text, NoticeClass.REMINDER, "a", conversation)
    return " | ".join(warnings_of(template))


@pytest.mark.parametrize("word", "CANCEL END QUIT INFO YES START".split())
@pytest.mark.parametrize(
    "offer", ["Reply {} to change it.", "Reply {} or X.", "Text '{}'.", "(R, {})", "reply with {}"]
)
def test_words_with_two_meanings_are_not_offered(word, offer):
    assert f"offers {word}" in warned("{brand}: " + offer.format(word), conversation=True)
    asked = "{brand}: " + offer.format(word.lower())
    if offer not in {"Reply {} or X.", "(R, {})"} and "Text" not in offer:
        assert f"offers {word}" in warned(asked, conversation=True)


@pytest.mark.parametrize(
    "text",
    [
        "{brand}: Reply HELP for help, STOP to end.",
        "{brand}: we start at 9 and end at 6. You cannot cancel this information.",
        "{brand}: see https://example.com/?q=YES",
        "{brand}: WEEKEND hours, RESTART, {CANCEL_BY}",
        "{brand}: We will never ask you to send your password by text.",
        "{brand}: your new credit card can be picked up.",
    ],
)
def test_what_is_well_is_not_warned_of(text):
    assert warned(text) == ""


@pytest.mark.parametrize(
    "text",
    ["{brand}: can you come?", "{brand}: Reply C to confirm.", "{brand}: reply 1 or 2"],
)
def test_an_answer_is_only_asked_for_where_something_waits_for_it(text):
    assert "begins no conversation" in warned(text)
    assert warned(text, conversation=True) == ""


@pytest.mark.parametrize(
    "text",
    [
        "{brand}: Send us your password.",
        "{brand}: please verify your account number.",
        "{brand}: Confirm your PIN and SSN.",
        "{brand}: Update the credit card on file.",
    ],
)
def test_nobody_is_asked_for_passwords_or_money(text):
    assert "asks for a password" in warned(text)


def test_length_and_sender_are_looked_at():
    assert "takes 3 segments" in warned("{brand}: " + "a" * 300)
    assert "takes 3 segments" in warned("{brand}: " + "я" * 130)
    assert "does not say who texts" in warned("Hello {name}.")


def test_the_texts_that_come_with_linnet_are_well():
    for template in load_templates(PROJECT / "notices.yml", {"brand": "", "help_contact": ""}):
        assert not list(warnings_of(template)), template.name
