"""Numbered menus: the lines under a text, and which of them an answer names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ORDINALS = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
)
_VALUES = {
    **{word: value for value, word in enumerate(_NUMBERS, start=1)},
    **{word: value for value, word in enumerate(_ORDINALS, start=1)},
}

_NUMBER = rf"(?P<number>\d{{1,2}}|{'|'.join(_NUMBERS)})"
_ORDINAL = rf"(?P<ordinal>{'|'.join(_ORDINALS)})"
_DIGIT_ORDINAL = r"(?P<digits>\d{1,2}) ?(?:st|nd|rd|th)"
_TAKE = r"(?:(?:i ?want|i'll take|i'll have|i'll go with|let's do|pick|choose|take) )?"
_LABEL = r"(?:#|no\.|(?:option|number|choice|nr)\.? ?#?)"
_THING = r"(?:one|option|choice)"
_PLEASE = r"(?:,? (?:please|pls|plz|thanks|thank you|thx))?"

# A number alone is the number of a line. With any other word it may be a time or a count
# ("at 2", "2 kids"), unless that word says that it is a choice. "The 2nd" alone is left out,
# because it is also a date.
_ANSWERS = tuple(
    re.compile(shape + _PLEASE)
    for shape in (
        _NUMBER,
        f"{_TAKE}(?:the )?{_LABEL} ?{_NUMBER}",
        f"{_TAKE}(?:the )?{_ORDINAL}(?: {_THING})?",
        _DIGIT_ORDINAL,
        f"{_TAKE}(?:the )?{_DIGIT_ORDINAL} {_THING}",
    )
)
_AROUND = " \t\r\n.,!:;*()[]\"'"


def choose(body: str, count: int) -> int | None:
    """The option that ``body`` names.

    Understood are a number alone (``2``, ``2.``, ``(2)``, ``two``, a keycap emoji), a number
    that is called one (``#2``, ``option 2``) and a place in the list (``second``, ``the 2nd
    one``). Anything that could also be a time, a date, a count or a question is not.

    Args:
        body: the whole text.
        count: how many options there were.

    Returns:
        The index of the option, from 0; None where the text names none of them.
    """
    answer = answer_of(body)
    for shape in _ANSWERS:
        match = shape.fullmatch(answer)
        if match is None:
            continue
        named = next(value for value in match.groups() if value is not None)
        value = _VALUES.get(named) or int(named)
        return value - 1 if 1 <= value <= count else None
    return None


def render(text: str, titles: Sequence[str]) -> str:
    """``text`` with the options as numbered lines under it, as the customer reads them.

    >>> print(render("Which time?", ["Tue Nov 24 9:00am", "Wed Nov 25 2:30pm"]))
    Which time?
    1 Tue Nov 24 9:00am
    2 Wed Nov 25 2:30pm
    """
    lines = [f"{number} {title}" for number, title in enumerate(titles, start=1)]
    return "\n".join([text, *lines] if text else lines)


def answer_of(body: str) -> str:
    """An answer in lower case, apostrophes straight, without emoji and what stands around it.

    >>> answer_of(" R! \N{THUMBS UP SIGN}")
    'r'
    """
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKC", body).casefold()
        if unicodedata.category(character) not in {"Mn", "Me", "Cf", "So", "Sk"}
    ).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    for mark in "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}":
        plain = plain.replace(mark, '"')
    return " ".join(plain.split()).strip(_AROUND)
