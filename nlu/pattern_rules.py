"""Numbers and addresses that follow a pattern: what they look like and what they stand for.

Each rule is a list of spaCy token patterns (https://spacy.io/usage/rule-based-matching) and a
function that reads the value. A pattern proposes; the function may still say no, as a phone
number of ten digits is none when no such area code exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import phonenumbers

TokenPattern = list[dict[str, Any]]

_STATE = (
    r"^(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI"
    r"|S[CD]|T[NX]|UT|V[AT]|W[AIVY])$"
)
_CURRENCIES = {
    "\u20ac": "EUR", "euro": "EUR", "euros": "EUR", "eur": "EUR",
    "\u00a3": "GBP", "gbp": "GBP",
    "\u00a5": "JPY", "yen": "JPY", "jpy": "JPY",
    "usd": "USD", "cad": "CAD",
}  # fmt: skip
_HUNDREDTHS = ("cent", "cents")
_OWN_CURRENCY = ("$", "dollar", "dollars", "bucks", *_HUNDREDTHS)
"""Words for the money of the country that the business is in."""

_SIGN = {"TEXT": {"REGEX": r"^[$\u20ac\u00a3\u00a5]$"}}
_AMOUNT = {"TEXT": {"REGEX": r"^\d{1,9}(?:,\d{3})*(?:\.\d{1,2})?$"}}
_CURRENCY_WORD = {"LOWER": {"IN": [*_CURRENCIES, *_OWN_CURRENCY]}}

_NUMBER_WORD = {"LOWER": {"IN": ["number", "num", "no", "nr", "id", "#", ".", ":", "is", "was"]}}
_ORDER_WORD = {"LOWER": {"IN": ["order", "orders", "ord", "invoice", "tracking", "ticket", "po"]}}
_ORDER = {"TEXT": {"REGEX": r"^(?:[A-Za-z]{1,4}-?)?\d{4,14}(?:-\d{1,8})?$"}}
_SHORT_ORDER = {"TEXT": {"REGEX": r"^(?:[A-Za-z]{1,4}-?)?\d{3,14}(?:-\d{1,8})?$"}}
_DASH = {"TEXT": "-"}
_PART = {"TEXT": {"REGEX": r"^\d{2,8}$"}}

_ZIP = {"TEXT": {"REGEX": r"^\d{5}$"}}
_ZIP_WORD = {"LOWER": {"IN": ["zip", "zipcode", "postcode", "postal"]}}
_CANADIAN_LETTERS = "[ABCEGHJ-NPRSTVXYabceghj-nprstvxy]"
_CANADIAN_AREA = rf"{_CANADIAN_LETTERS}\d[A-Za-z]"
_CANADIAN_UNIT = r"\d[A-Za-z]\d"

_PHONE_START = {"TEXT": {"REGEX": r"^(?:\+?\d[\d.]*|\+?\()$"}}
_PHONE_PART = {"TEXT": {"REGEX": r"^[\d.()/-]+$"}, "OP": "{0,9}"}
_SHORTEST_PHONE = 8  # digits; shorter ones are dialled within a town only


_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_LAST_NUMBER = re.compile(r"[A-Za-z]{0,4}-?\d[\d-]*(?=\D*$)")
_ZIP_CODE = re.compile(rf"\b\d{{5}}(?:-\d{{4}})?\b|\b{_CANADIAN_AREA}[ -]?{_CANADIAN_UNIT}\b")

Part = tuple[int, int, str]
"""An entity in the words that a pattern matched: begin, end, value."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What finds one kind of entity.

    Attributes:
        patterns: spaCy token patterns.
        find: the entities in words that match; the number without "order number is", or
            nothing when it is no such thing after all.
    """

    patterns: list[TokenPattern]
    find: Callable[[str], Iterable[Part]]


def _by(expression: re.Pattern[str], value: Callable[[str], str]) -> Callable[[str], list[Part]]:
    """Entities by a regular expression."""
    return lambda text: [
        (*match.span(), value(match.group())) for match in expression.finditer(text)
    ]


def _postal_value(text: str) -> str:
    code = text.upper()
    return code if code[0].isdigit() else f"{code[:3]} {code[-3:]}"


def _phone_finder(region: str) -> Callable[[str], Iterator[Part]]:
    def find(text: str) -> Iterator[Part]:
        if sum(map(str.isdigit, text)) < _SHORTEST_PHONE:
            return
        # The matcher knows which groups of digits are a date or a price.
        for match in phonenumbers.PhoneNumberMatcher(text, region):
            form = phonenumbers.PhoneNumberFormat.E164
            yield match.start, match.end, phonenumbers.format_number(match.number, form)

    return find


def _money_finder(currency: str) -> Callable[[str], Iterator[Part]]:
    def find(text: str) -> Iterator[Part]:
        amount = re.sub(r"[^\d.]", "", text)
        unit = re.sub(r"[\d,.\s]", "", text).casefold()
        if unit in _HUNDREDTHS:
            amount = f"{float(amount) / 100:.2f}"
        yield 0, len(text), f"{amount} {_CURRENCIES.get(unit, currency)}"

    return find


def built_in_rules(region: str, currency: str) -> dict[str, Rule]:
    """The entities that need no configuration, by name.

    Args:
        region: ISO 3166 code of the country whose phone numbers need no "+", such as US.
        currency: ISO 4217 code of what "$" and "dollars" mean there, such as USD.
    """
    return {
        "email": Rule([[{"TEXT": {"REGEX": _EMAIL.pattern}}]], _by(_EMAIL, str.casefold)),
        "phone": Rule([[_PHONE_START, _PHONE_PART]], _phone_finder(region)),
        "order_number": Rule(
            [
                [_ORDER_WORD, _ORDER],
                [_ORDER_WORD, {**_NUMBER_WORD, "OP": "{1,3}"}, _SHORT_ORDER],
                [_ORDER_WORD, {**_NUMBER_WORD, "OP": "{0,3}"}, _PART, _DASH, _PART],
                [{"TEXT": "#"}, _ORDER],
                [{"TEXT": "#"}, _PART, _DASH, _PART],
            ],
            _by(_LAST_NUMBER, str.upper),
        ),
        "postal_code": Rule(
            [
                [_ZIP, _DASH, {"TEXT": {"REGEX": r"^\d{4}$"}}],
                [_ZIP_WORD, {"LOWER": "code", "OP": "?"},
                 {"LOWER": {"IN": ["is", ":", "#", "its", "it's"]}, "OP": "?"}, _ZIP],
                [_ZIP, {"LOWER": {"IN": ["zip", "zipcode", "area"]}}],
                [{"TEXT": {"REGEX": _STATE}}, {"TEXT": ",", "OP": "?"}, _ZIP],
                [{"LOWER": {"IN": ["live", "living", "located", "based"]}},
                 {"LOWER": {"IN": ["in", "at", "near"]}}, _ZIP],
                [{"TEXT": {"REGEX": rf"^{_CANADIAN_AREA}$"}},
                 {"TEXT": {"REGEX": rf"^{_CANADIAN_UNIT}$"}}],
                [{"TEXT": {"REGEX": rf"^{_CANADIAN_AREA}-?{_CANADIAN_UNIT}$"}}],
            ],
            _by(_ZIP_CODE, _postal_value),
        ),
        "money": Rule(
            [[_SIGN, _AMOUNT], [_AMOUNT, _SIGN], [_AMOUNT, _CURRENCY_WORD],
             [{"LOWER": {"IN": ["usd", "cad", "eur", "gbp"]}}, _AMOUNT]],
            _money_finder(currency),
        ),
    }  # fmt: skip
