from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.menus import choose, render
from messaging.segments import Encoding, encoding_of

SECOND = [
    "2",
    " 2 ",
    "2.",
    "2)",
    "(2)",
    "[2]",
    '"2"',
    "\u201c2\u201d",
    "2!",
    "2:",
    "02",
    "#2",
    "# 2",
    "no. 2",
    "2\ufe0f\u20e3",
    "2 👍",
    "👍🏽 2",
    "\uff12",
    "②",
    "two",
    "Two",
    "TWO.",
    "second",
    "The second",
    "the second one",
    "second option please",
    "2nd",
    "2 nd one",
    "2nd one",
    "the 2nd one",
    "the 2nd option",
    "option 2",
    "Option #2",
    "option two",
    "number 2",
    "number two",
    "choice 2",
    "2 please",
    "2, please",
    "2 thanks",
    "two pls",
    "I'll take option 2",
    "I\u2019ll take the second one",
    "let's do number 2",
]

NONE = [
    "",
    " ",
    "👍",
    "2pm",
    "2 pm",
    "2:30",
    "2.30",
    "at 2",
    "@2",
    "2 kids",
    "2 or 3",
    "2 and 3",
    "2,3",
    "2-3",
    "2/3",
    "2 2",
    "2?",
    "second?",
    "$2",
    "2%",
    "+2",
    "-2",
    "½",
    "not 2",
    "no 2",
    "two people",
    "too",
    "to",
    "the 2nd",
    "on the 2nd",
    "2nd of december",
    "the one",
    "a second",
    "wait a second",
    "one moment",
    "book 2",
    "i want 2",
    "let's do 2",
    "option",
    "option b",
    "HEC-2",
    "222222222222",
]


@pytest.mark.parametrize("body", SECOND)
def test_names_the_second(body):
    assert choose(body, 3) == 1


@pytest.mark.parametrize("body", NONE)
def test_names_none(body):
    assert choose(body, 3) is None


@pytest.mark.parametrize("body", ["0", "4", "#4", "four", "fourth", "4th", "99"])
def test_out_of_range(body):
    assert choose(body, 3) is None


@pytest.mark.parametrize("body", ["1", "one", "first"])
def test_no_menu_no_choice(body):
    assert choose(body, 0) is None


@given(st.integers(1, 12), st.sampled_from(["{}", "{}.", "({})", "#{}", "option {}", "number {}"]))
def test_every_number_of_a_menu(number, shape):
    assert choose(shape.format(number), 12) == number - 1
    assert choose(shape.format(number), number - 1) is None


@given(st.text(max_size=40), st.integers(0, 12))
def test_any_text_names_an_option_or_none(body, count):
    chosen = choose(body, count)
    assert chosen is None or 0 <= chosen < count


def test_render():
    text = render("Which?", ["Tue Nov 24 9:00am", "Wed Nov 25 2:30pm"])
    assert text == "Which?\n1 Tue Nov 24 9:00am\n2 Wed Nov 25 2:30pm"
    assert encoding_of(text) is Encoding.GSM7


@pytest.mark.parametrize(
    ("text", "titles", "expected"),
    [("Hello", [], "Hello"), ("", ["A"], "1 A"), ("", [], "")],
)
def test_render_with_nothing(text, titles, expected):
    assert render(text, titles) == expected
