"""What a log may say: no phone number, no card, no text of a customer, no secret.

``mask`` is a structlog processor and stands just before the renderer, behind whatever turns
exceptions into text, so that tracebacks are masked too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any
from uuid import UUID

_NUMBER_KEYS = frozenset({"phone", "sender", "recipient"})
# Matched at the end of a key: libraries write "message_text" and "parse_data_text".
_BODY_KEY = re.compile(r"(?:^|_)(?:body|text)$")
# Matched within a key, so that "twilio_auth_token" and "client_secret" are covered.
_SECRET_KEY = re.compile(
    r"token|secret|password|passwd|authorization|api_?key|signature|cookie|credential",
    re.IGNORECASE,
)
SECRET = "<secret>"  # noqa: S105 - what stands in the place of one

# +1 (212) 555-0142 and +12125550142, the plus also as %2B; else ten digits in the grouping of
# the North American plan, or alone with or without the leading 1. Ids, times and dates are left
# alone: they have letters, hyphens or dots at their sides, or begin with another digit.
_PHONE = re.compile(
    r"(?:\+|%2B)\d(?:[ ().-]{0,2}\d){6,14}"
    r"|(?<![\w.-])\(?[2-9]\d{2}\)?[ .-]?[2-9]\d{2}[ .-]\d{4}(?![\w-])"
    r"|(?<![\w.-])1?[2-9]\d{2}[2-9]\d{6}(?![\w-])",
    re.IGNORECASE,
)
# Thirteen to nineteen digits, in groups or not, as cards have them (ISO/IEC 7812); a number that
# only looks like one seldom passes its check digit. SSNs are known by their groups alone.
_CARD = re.compile(r"(?<![\w.-])[2-6](?:[ -]?\d){12,18}(?![\w-])")
_SSN = re.compile(r"(?<![\w.-])(?!000|666|9)\d{3}([ -])(?!00)\d\d\1(?!0000)\d{4}(?![\w-])")
# A UUID, or a time in ISO 8601: nothing in them is a number to call.
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z")
_IN_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"""\b(\w*(?:token|secret|password|api_?key))(["']?\s*[=:]\s*["']?)[^\s"'&,;})]+""",
    re.IGNORECASE,
)
# PostgreSQL quotes the row that breaks a constraint, texts included.
_ROW = re.compile(r"(Failing row contains )\(.*?\)\.(?=\n|$)", re.DOTALL)

# Words that customers wrote or will read, while code works on them (:func:`hiding`).
_hidden: ContextVar[tuple[str, ...]] = ContextVar("hidden", default=())
_SHORTEST_HIDDEN = 4

_CLEAR = (type(None), bool, float, UUID, date)
_CLEAR_AT_END = 2
_SHORTEST_MASKED_IN_PART = 7


def mask_number(number: str) -> str:
    """A phone number of which staff can tell two apart, and nobody can call either.

    >>> mask_number("+12125550142")
    '+1********42'
    """
    if len(number) < _SHORTEST_MASKED_IN_PART:
        return "*" * len(number)
    head = number[:2] if number.startswith("+") else ""
    hidden = len(number) - len(head) - _CLEAR_AT_END
    return f"{head}{'*' * hidden}{number[-_CLEAR_AT_END:]}"


def mask_body(text: str) -> str:
    """How long a text is, in place of what it says.

    >>> mask_body("See you at 9")
    '<12 characters>'
    """
    return f"<{len(text)} characters>"


def mask_sensitive(text: str) -> str:
    """A text without card numbers and Social Security numbers (requirement R156).

    >>> mask_sensitive("charge 4111 1111 1111 1111, my SSN is 078-05-1120")
    'charge <card number>, my SSN is <SSN>'
    """
    text = _CARD.sub(lambda match: "<card number>" if _checks(match[0]) else match[0], text)
    return _SSN.sub("<SSN>", text)


def _checks(number: str) -> bool:
    """Whether the last digit is the check digit of the others (Luhn, ISO/IEC 7812-1)."""
    digits = [int(one) for one in reversed(number) if one.isdigit()]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[1::2]]  # noqa: PLR2004
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


@contextmanager
def hiding(*texts: str) -> Iterator[None]:
    """Keep ``texts`` out of every line that is logged within the ``with`` block.

    A library's exception may quote what it was given, under any key or none. A line of fewer
    than four characters, like "yes", is left: it would hide half of the log and says nothing.
    """
    lines = {line.strip() for text in texts for line in text.splitlines()}
    found = {line for line in lines if len(line) >= _SHORTEST_HIDDEN}
    token = _hidden.set((*_hidden.get(), *sorted(found, key=len, reverse=True)))
    try:
        yield
    finally:
        _hidden.reset(token)


def mask_text(text: str) -> str:
    """A sentence, a URL or a traceback without phone numbers, secrets and quoted rows."""
    for words in _hidden.get():
        text = text.replace(words, mask_body(words))
    # Most values are ids and names; each search is made only where it can find anything.
    if " " in text:
        text = _BEARER.sub(rf"\1 {SECRET}", _ROW.sub(r"\1<hidden>", text))
    if "://" in text:
        text = _IN_URL.sub(SECRET, text)
    if "=" in text or ":" in text:
        text = _ASSIGNED.sub(rf"\1\2{SECRET}", text)
    if _ID.fullmatch(text):
        return text
    text = mask_sensitive(text)
    return _PHONE.sub(lambda match: mask_number(match.group()), text)


def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor that masks every value of ``event``, however deep.

    Args:
        _logger: not used; structlog hands it in.
        _method: not used; structlog hands it in.
        event: what is to be logged.
    """
    for key, value in event.items():
        event[key] = _masked(key, value)
    return event


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, _CLEAR):
        return value
    if _SECRET_KEY.search(key):
        return SECRET
    if isinstance(value, (str, int)):
        return _masked_scalar(key, value)
    return _masked_within(key, value)


def _masked_within(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {mask_text(str(name)): _masked(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(key, inner) for inner in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _masked(field.name, getattr(value, field.name)) for field in fields(value)
        }
    return _masked_scalar(key, value)


def _masked_scalar(key: str, value: Any) -> Any:
    if key in _NUMBER_KEYS:
        return mask_number(str(value))
    if isinstance(value, int):
        return value
    if _BODY_KEY.search(key):
        return mask_body(value if isinstance(value, str) else str(value))
    return mask_text(value if isinstance(value, str) else repr(value))
