"""Reads and checks what a client asks Twilio to send."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_plus, urlsplit

from simulator.magic import REFUSED
from simulator.numbers import is_phone_number
from simulator.twilio_errors import Refused

_LONGEST_BODY: Final = 1600
_MOST_MEDIA: Final = 10
_LONGEST_VALIDITY: Final = 36_000
_SERVICE_SID: Final = re.compile(r"MG[0-9a-f]{32}")

# Most names and values of a form are the same in the next one.
_unquoted = lru_cache(maxsize=1024)(unquote_plus)


@dataclass(frozen=True, slots=True)
class Order:
    """A text that can be accepted.

    Attributes:
        sender: a number of the account.
        recipient: a phone.
        body: what is written.
        media: URLs.
        callback: where receipts are posted.
        service: the messaging service that was named.
        validity: seconds that it may wait before it leaves.
    """

    sender: str
    recipient: str
    body: str
    media: tuple[str, ...]
    callback: str | None
    service: str | None
    validity: float


def form_fields(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form, blank ones included, in their order."""
    fields = []
    for pair in body.decode(errors="replace").split("&"):
        name, _, value = pair.partition("=")
        fields.append((_unquoted(name), _unquoted(value)))
    return fields


def read_order(form: Sequence[tuple[str, str]], numbers: Sequence[str]) -> Order:
    """What ``form`` asks for.

    Args:
        form: its fields.
        numbers: of the account.

    Raises:
        Refused: it cannot be sent.
    """
    fields = dict(form)
    sender = _sender(fields, numbers)
    recipient = _recipient(fields, sender)
    body = fields.get("Body", "")
    media = tuple(url for name, url in form if name == "MediaUrl")
    if not body and not media:
        raise Refused(21602)
    if len(body) > _LONGEST_BODY:
        raise Refused(21617)
    if len(media) > _MOST_MEDIA:
        raise Refused(21623)
    if not all(_is_url(url) for url in media):
        raise Refused(21620)
    callback = fields.get("StatusCallback") or None
    # Twilio refuses host names with an underscore.
    if callback and (not _is_url(callback) or "_" in (_host(_place(callback)) or "")):
        raise Refused(21609)
    return Order(
        sender=sender,
        recipient=recipient,
        body=body,
        media=media,
        callback=callback,
        service=fields.get("MessagingServiceSid") or None,
        validity=_validity(fields.get("ValidityPeriod", "")),
    )


def _sender(fields: Mapping[str, str], numbers: Sequence[str]) -> str:
    sender = fields.get("From", "")
    service = fields.get("MessagingServiceSid", "")
    if not sender and not service:
        raise Refused(21603)
    if service and not _SERVICE_SID.fullmatch(service):
        raise Refused(21701)
    if not sender:
        # Every service has all numbers of the account in its pool.
        return numbers[0]
    if sender not in numbers:
        raise Refused(21606)
    return sender


def _recipient(fields: Mapping[str, str], sender: str) -> str:
    recipient = fields.get("To", "")
    if not recipient:
        raise Refused(21604)
    if recipient in REFUSED:
        raise Refused(REFUSED[recipient])
    if not is_phone_number(recipient) or recipient == sender:
        raise Refused(21211)
    return recipient


def _validity(given: str) -> int:
    if not given:
        return _LONGEST_VALIDITY
    if not (given.isascii() and given.isdecimal() and 1 <= int(given) <= _LONGEST_VALIDITY):
        raise Refused(21624)
    return int(given)


def _is_url(text: str) -> bool:
    clean = text.isascii() and text.isprintable() and " " not in text
    return clean and _host(_place(text)) is not None


def _place(url: str) -> str:
    """``url`` without its query, which is another one for every text."""
    return url.partition("?")[0]


@lru_cache(maxsize=1024)
def _host(url: str) -> str | None:
    """The host of a URL for HTTP; None where it is not one."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return (parts.hostname or None) if parts.scheme in {"http", "https"} else None
