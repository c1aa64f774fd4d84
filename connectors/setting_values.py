"""Readers of single settings: from what YAML or the environment gives to what we work with."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from urllib.parse import urlsplit

from messaging.errors import SettingsError
from messaging.retention_periods import FEWEST_DAYS, LIMITATION_DAYS

Reader = Callable[[object, str], object]
"""Takes a value and the place where it stands; raises SettingsError with that place."""

SENDER_NUMBER = re.compile(r"\+[1-9]\d{6,14}|(\d{1,3}-)?\d{4,6}")
LONGEST_BURST = 30.0
LARGEST_SHARE = 100


def text(value: object, where: str) -> str:
    """A text that is not empty.

    Raises:
        SettingsError: it is something else.
    """
    if not isinstance(value, str):
        raise SettingsError(f"{where}: expected a text, found {_kind(value)}; put it in quotes")
    if not value.strip():
        raise SettingsError(f"{where}: this is empty")
    return value.strip()


def texts(value: object, where: str) -> tuple[str, ...]:
    """One text or several: a list, or divided by commas.

    Raises:
        SettingsError: it is something else, or there is none.
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise SettingsError(f"{where}: expected a text or a list, found {_kind(value)}")
    if not parts:
        raise SettingsError(f"{where}: the list is empty")
    return tuple(text(part, where) for part in parts)


def sender_numbers(value: object, where: str) -> tuple[str, ...]:
    """Numbers of ours, E.164 or short codes.

    Raises:
        SettingsError: one of them is neither.
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not parts:
        raise SettingsError(f'{where}: expected a list of numbers such as ["+12125550142"]')
    for part in parts:
        if isinstance(part, int):
            raise SettingsError(f'{where}: put {part} in quotes, with its plus: "+{part}"')
        if not isinstance(part, str) or not SENDER_NUMBER.fullmatch(part.strip()):
            raise SettingsError(
                f"{where}: {part!r} is not E.164; write plus, country code and number without "
                'spaces: "+12125550142"'
            )
    return tuple(part.strip() for part in parts)


def address(value: object, where: str) -> str:
    """A URL, without a slash at its end.

    Raises:
        SettingsError: it is none, or has parts that an address of a server cannot have.
    """
    url = text(value, where).rstrip("/")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise SettingsError(f"{where}: {url!r} is not an address such as https://sms.example.com")
    if parts.query or parts.fragment or parts.username is not None:
        raise SettingsError(f"{where}: leave out user name, query and fragment")
    return url


def positive(value: object, where: str) -> float:
    """A number above zero.

    Raises:
        SettingsError: it is something else.
    """
    number = _number(value, where)
    if number <= 0:
        raise SettingsError(f"{where}: {number:g} is not above zero")
    return number


def whole(value: object, where: str) -> int:
    """A whole number above zero.

    Raises:
        SettingsError: it is something else.
    """
    number = positive(value, where)
    if number != int(number):
        raise SettingsError(f"{where}: {number:g} is not a whole number")
    return int(number)


def kept_days(value: object, where: str) -> int:
    """A number of days for which texts are kept.

    Raises:
        SettingsError: it is something else, or so few that a repeated webhook would be news.
    """
    days = whole(value, where)
    if days < FEWEST_DAYS:
        raise SettingsError(
            f"{where}: write {FEWEST_DAYS} days or more; vendors repeat a webhook within a day, "
            "and a text that is forgotten by then would be answered again"
        )
    return days


def limitation_days(value: object, where: str) -> int:
    """A number of days for which consent, or what was done about it, is kept.

    Raises:
        SettingsError: it is something else, or less than the law wants.
    """
    days = whole(value, where)
    if days < LIMITATION_DAYS:
        raise SettingsError(
            f"{where}: write {LIMITATION_DAYS} days or more; consent must be shown for four years "
            "after the last text (28 U.S.C. 1658(a))"
        )
    return days


def hours(value: object, where: str) -> str:
    """Hours of a day, as ``9-20``.

    Raises:
        SettingsError: it is something else.
    """
    from messaging.rule_files import parse_window  # noqa: PLC0415  seldom set

    parse_window(value, where)
    return str(value).strip()


def switch(value: object, where: str) -> bool:
    """True or false.

    Raises:
        SettingsError: it is something else.
    """
    word = str(value).strip().lower()
    if word not in {"true", "false"}:
        raise SettingsError(f"{where}: expected true or false, found {value!r}")
    return word == "true"


def share(value: object, where: str) -> int:
    """A whole number from 0 to 100.

    Raises:
        SettingsError: it is something else.
    """
    number = _number(value, where)
    if number != int(number) or not 0 <= number <= LARGEST_SHARE:
        raise SettingsError(f"{where}: {number:g} is not a whole number from 0 to {LARGEST_SHARE}")
    return int(number)


def not_negative(value: object, where: str) -> float:
    """A number that is zero or above.

    Raises:
        SettingsError: it is something else.
    """
    number = _number(value, where)
    if number < 0:
        raise SettingsError(f"{where}: {number:g} is below zero")
    return number


def price(value: object, where: str) -> Decimal:
    """An amount of money, exactly as it is written.

    Raises:
        SettingsError: it is no number, or below zero.
    """
    not_negative(value, where)
    return Decimal(str(value).strip())


def currency(value: object, where: str) -> str:
    """A currency's code, ISO 4217.

    Raises:
        SettingsError: it does not look like one.
    """
    code = text(value, where)
    if not re.fullmatch("[A-Z]{3}", code):
        raise SettingsError(f"{where}: {code!r} is not a code such as USD")
    return code


def seconds(value: object, where: str) -> float:
    """A time from zero to half a minute.

    Raises:
        SettingsError: it is something else.
    """
    number = _number(value, where)
    if not 0 <= number <= LONGEST_BURST:
        raise SettingsError(f"{where}: {number:g} is not between 0 and {LONGEST_BURST:g} seconds")
    return number


def choice(*options: str) -> Callable[[object, str], str]:
    """A reader of one word of several, in any case.

    Args:
        options: the words as they are kept.
    """
    by_name = {option.lower(): option for option in options}

    def read(value: object, where: str) -> str:
        # YAML reads off, which is a word like any other here, as false.
        word = "off" if value is False else str(value)
        chosen = by_name.get(word.strip().lower())
        if chosen is None:
            raise SettingsError(f"{where}: expected {' or '.join(options)}, found {value!r}")
        return chosen

    return read


def _number(value: object, where: str) -> float:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise SettingsError(f"{where}: expected a number, found {value!r}")


def _kind(value: object) -> str:
    kinds = {bool: "yes or no", int: "a number", float: "a number", list: "a list", dict: "keys"}
    return kinds.get(type(value), "nothing")
