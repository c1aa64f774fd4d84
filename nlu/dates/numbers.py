"""Numbers in words: "twenty-first", "eight forty", "a couple of", "two and a half"."""

from __future__ import annotations

import re

from nlu.aligned import Aligned

_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)  # fmt: skip
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90}
CARDINALS = {
    **{word: number for number, word in enumerate((*_ONES, *_TEENS), start=1)},
    **_TENS,
    **{f"{ten}{gap}{one}": value + number
       for ten, value in _TENS.items() for gap in " -"
       for number, one in enumerate(_ONES, start=1)},
}  # fmt: skip
"""Every number in words up to 99 that a duration or a time of day may need."""
HOURS = {word: CARDINALS[word] for word in (*_ONES, *_TEENS[:3])}
_ORDINAL_ONES = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
)  # fmt: skip
_ORDINAL_TEENS = (
    "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth",
    "seventeenth", "eighteenth", "nineteenth",
)  # fmt: skip
ORDINALS = {
    **{word: number for number, word in enumerate((*_ORDINAL_ONES, *_ORDINAL_TEENS), start=1)},
    "twentieth": 20, "thirtieth": 30, "thirty-first": 31, "thirty first": 31,
    **{f"twenty{gap}{word}": 20 + number
       for gap in " -" for number, word in enumerate(_ORDINAL_ONES, start=1)},
}  # fmt: skip


def one_of(words: dict[str, int]) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(sorted(words, key=len, reverse=True))


def digits(aligned: Aligned, months: str) -> None:
    """Write ordinals, days of a month and times of day that are spelled out as digits.

    Args:
        aligned: respelled words; changed in place.
        months: a pattern for the names of months.
    """
    ordinal = rf"(?:{one_of(ORDINALS)})"
    named = rf"(?:of |in )?(?:{months})"
    late = "|".join(word for word, number in ORDINALS.items() if number > len(_ORDINAL_ONES) + 3)
    aligned.replace(
        re.compile(
            rf"\b(?P<a>{ordinal})(?P<join> (?:to|until|and|or) (?:the )?| ?- ?)(?P<b>{ordinal})"
            rf"(?= {named}\b)"
        ),
        lambda match: f"{_th(match['a'])}{match['join']}{_th(match['b'])}",
    )
    aligned.replace(
        re.compile(
            rf"(?:(?<=\bon the )|(?<=\bthe )(?=(?:{late})\b)|\b(?=(?:{late})\b))(?P<a>{ordinal})\b"
            rf"(?! (?:one|option|slot|time|choice|floor|street|ave|opening|thing|week|\w+day)\b)"
        ),
        lambda match: _th(match["a"]),
    )
    aligned.replace(
        re.compile(
            rf"\b(?P<a>{ordinal})(?= (?:day )?(?:{named}|of (?:the |next |this |the next )month)\b)"
        ),
        lambda match: _th(match["a"]),
    )
    aligned.replace(
        re.compile(
            rf"\b(?P<month>{months})(?P<the>,? (?:the )?)(?P<a>{ordinal})"
            rf"(?P<join> (?:to|until|and|or) (?:the )?| ?- ?)(?P<b>{ordinal})\b"
        ),
        lambda match: (
            f"{match['month']}{match['the']}{_th(match['a'])}{match['join']}{_th(match['b'])}"
        ),
    )
    aligned.replace(
        re.compile(rf"\b(?P<month>{months})(?P<the>,? (?:the )?)(?P<a>{ordinal})\b"),
        lambda match: f"{match['month']}{match['the']}{_th(match['a'])}",
    )
    aligned.replace(
        re.compile(rf"\b(?P<month>{months}) (?P<a>{one_of(CARDINALS)})\b(?! ?(?:people|of us))"),
        lambda match: f"{match['month']} {CARDINALS[match['a']]}",
    )


def _th(word: str) -> str:
    number = ORDINALS[word]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number // 10 == 1 else ending}"
