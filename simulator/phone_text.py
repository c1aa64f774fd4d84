"""Reads what a phone is told to text."""

from __future__ import annotations

import base64
import binascii
import json
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from messaging.segments import segment_count
from simulator.media import File, Medium
from simulator.numbers import is_phone_number

_FIELDS: Final = frozenset({"to", "body", "media", "id"})
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
# May lie, and may be nonsense, but must fit into a header.
_CONTENT_TYPE: Final = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?", re.ASCII)
_MOST_MEDIA: Final = 10
# Far more than any network carries, so that a limit can be tested.
_MOST_BYTES: Final = 20_000_000
# The header that joins segments counts them in one byte (3GPP TS 23.040, 9.2.3.24.1).
_MOST_SEGMENTS: Final = 255
_MEDIA_FORM: Final = (
    'media is a list of URLs such as "https://example.com/card.jpg", of {"url", "content_type"} '
    'or of {"content_base64", "content_type"}'
)


class BadText(ValueError):
    """The phone cannot send this; says why."""


@dataclass(frozen=True, slots=True)
class PhoneText:
    """What a phone texts.

    Attributes:
        to: the number that is texted.
        body: what is written.
        media: what comes with it.
        id: the vendor's id to use; None for a new one.
    """

    to: str
    body: str
    media: tuple[Medium | File, ...]
    id: str | None


def read_text(body: bytes) -> PhoneText:
    """The text that a JSON object describes.

    Raises:
        BadText: it cannot be sent.
    """
    try:
        order = json.loads(body)
    except (ValueError, RecursionError):
        order = None
    if not isinstance(order, dict):
        raise BadText('send a JSON object such as {"to": "+12125550142", "body": "hello"}')
    unknown = set(order) - _FIELDS
    if unknown:
        raise BadText(f"unknown field {', '.join(sorted(unknown))}: use to, body, media, id")
    to = order.get("to")
    if not isinstance(to, str) or not is_phone_number(to):
        raise BadText(f"to is a phone number like +12125550142, not {to!r}")
    said = _body(order.get("body"))
    media = _media(order.get("media"))
    if not said and not media:
        raise BadText("a text needs a body or media")
    text_id = order.get("id")
    if text_id is not None and not (isinstance(text_id, str) and _ID.fullmatch(text_id)):
        raise BadText("id is 1 to 64 letters, digits, - or _")
    return PhoneText(to, said, media, text_id)


def _body(given: Any) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise BadText("body is a string")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise BadText("body holds half of a character (a lone surrogate)") from None
    if segment_count(given) > _MOST_SEGMENTS:
        raise BadText(f"body is longer than the {_MOST_SEGMENTS} segments that a phone can join")
    return given


def _media(given: Any) -> tuple[Medium | File, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise BadText(_MEDIA_FORM)
    if len(given) > _MOST_MEDIA:
        raise BadText(f"a text has at most {_MOST_MEDIA} media")
    media = tuple(_medium({"url": item} if isinstance(item, str) else item) for item in given)
    if sum(len(item.content) for item in media if isinstance(item, File)) > _MOST_BYTES:
        raise BadText(f"the media of a text have at most {_MOST_BYTES // 1_000_000} MB")
    return media


def _medium(item: Any) -> Medium | File:
    if not isinstance(item, Mapping):
        raise BadText(_MEDIA_FORM)
    content_type = item.get("content_type")
    if content_type is not None and not (
        isinstance(content_type, str) and _CONTENT_TYPE.fullmatch(content_type)
    ):
        raise BadText("content_type is a word such as image/png")
    if set(item) == {"content_base64", "content_type"} and isinstance(content_type, str):
        try:
            content = base64.b64decode(str(item["content_base64"]), validate=True)
        except (binascii.Error, ValueError):
            raise BadText("content_base64 is not base64") from None
        return File(content_type, content)
    url = item.get("url")
    if set(item) - {"url", "content_type"} or not isinstance(url, str) or not _is_url(url):
        raise BadText(_MEDIA_FORM)
    return Medium(url, content_type or guessed_type(url))


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def guessed_type(url: str) -> str:
    """What the file at ``url`` is, going by its name; most of what phones send are photos."""
    return mimetypes.guess_type(urlsplit(url).path)[0] or "image/jpeg"
