from __future__ import annotations

import inspect
import re

import pytest

from messaging import errors
from messaging.errors import Forbidden, LinnetError, UnknownKey, WebhookRefused

ALL = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if value.__module__ == errors.__name__
]


def drawn():
    """The tree of the module's docstring: (name, parent, HTTP status where one is drawn)."""
    assert errors.__doc__ is not None
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^([│ ├└─]*)([A-Z]\w+)(?: +(\d{3}) )?", line)
        if match is None or (not match[1] and match[2] != "LinnetError"):
            continue
        depth = len(match[1]) // 4
        path[depth:] = [match[2]]
        yield match[2], path[depth - 1] if depth else None, match[3]


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    real = {
        (error.__name__, None if error is LinnetError else error.__base__.__name__) for error in ALL
    }
    assert {(name, parent) for name, parent, _ in drawn()} == real


def test_the_statuses_in_the_docstring_are_those_of_the_answers():
    shown = {name: int(status) for name, _, status in drawn() if status}
    real = {
        error.__name__: error.status
        for error in ALL
        if issubclass(error, WebhookRefused) and error is not WebhookRefused
    }
    assert shown == real


def test_codes_are_unique_and_stable_in_form():
    codes = [error.code for error in ALL]
    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z-]+(\.[a-z-]+)*", code)] == []


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_an_error_says_itself(error):
    raised = error("what happened", "k1") if error is UnknownKey else error("what happened")
    assert str(raised) == f"{error.code}: what happened"
    assert raised.detail == "what happened"
    assert raised.staff.endswith(".")
    assert isinstance(raised.retry, bool)


def test_a_refusal_names_its_reason():
    assert Forbidden("x").reason == "signature"
    assert Forbidden("x", reason="number").reason == "number"
    assert Forbidden("x").reason == "signature"
