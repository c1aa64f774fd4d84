"""A name in an answer to "what is your full name?"."""

from __future__ import annotations

import pytest

from actions.names import LONGEST, name_in, plain, tidy


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Maria Lopez", "Maria Lopez"),
        ("maria lopez", "Maria Lopez"),
        ("MARIA LOPEZ", "Maria Lopez"),
        ("my name is Dana Fox", "Dana Fox"),
        ("My name's Dana Fox.", "Dana Fox"),
        ("it's  dana   fox", "Dana Fox"),
        ("Hi, this is Dana Fox", "Dana Fox"),
        ("sure, Zoe O'Neill", "Zoe O'Neill"),
        ("Jean-Luc de la Cruz", "Jean-Luc de la Cruz"),
        ("J. R. Smith", "J. R. Smith"),
        ("José Núñez", "José Núñez"),
        ("im Bo", "Bo"),
        ("for Zoe Hart", "Zoe Hart"),
        ("Mrs.", None),
        ("actually Zoe", None),
        ("yes", None),
        ("what do you need it for?", None),
        ("when is my appointment", None),
        ("tomorrow", None),
        ("2", None),
        ("dana@fox.com", None),
        ("", None),
        ("a" * (LONGEST + 1), None),
    ],
)
def test_name_in(text, name):
    assert name_in(text) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Dana Fox", "Dana Fox"), ("José Núñez", "Jose Nunez"), ("Łukasz", "you"), ("王伟", "you")],
)
def test_a_summary_stays_in_gsm7(name, shown):
    assert plain(name) == shown


def test_tidy_keeps_capitals_that_people_chose():
    assert tidy(" Ann  McKay ") == "Ann McKay"
    assert tidy("   ") is None
