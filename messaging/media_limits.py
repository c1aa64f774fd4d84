"""Which files of a text a gateway carries; the others become words and a link. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from connectors.gateways.base import MediaLimits, Outbound
from messaging.errors import MediaRefused
from messaging.media import Attachment
from messaging.segments import utf16_length


@dataclass(frozen=True, slots=True)
class Found:
    """What is at an address.

    Attributes:
        content_type: as its server says, without parameters; "" where it says nothing.
        bytes: how many.
    """

    content_type: str
    bytes: int


@dataclass(frozen=True, slots=True)
class NotCarried:
    """A file that does not go with its text as a file.

    Attributes:
        url: of the file.
        reason: why, a word or two with hyphens; docs/media.md lists them.
        detail: why, a sentence.
        linked: whether its link stands in the text; there is no room for it only where the
            text fills all that the gateway takes.
    """

    url: str
    reason: str
    detail: str
    linked: bool


@dataclass(frozen=True, slots=True)
class Fitted:
    """A text as a gateway carries it.

    Attributes:
        message: to be sent.
        not_carried: what became of the other files.
    """

    message: Outbound
    not_carried: tuple[NotCarried, ...] = ()


def with_link(body: str, file: Attachment, longest: int) -> str | None:
    r"""A text with a file as words and link in place of the file.

    Title and description stand before the link, as far as there is room for them.

    Args:
        body: of the text.
        file: that cannot go with it.
        longest: characters that the gateway takes in one request.

    Returns:
        None where there is no room even for the link.

    >>> with_link("Our new frames:", Attachment("https://x.example/f.mp4", title="A film"), 1600)
    'Our new frames:\nA film\nhttps://x.example/f.mp4'
    """
    for words in ((file.title, file.description), (file.title,), ()):
        text = "\n".join(line for line in (body, *words, file.url) if line)
        if utf16_length(text) <= longest:
            return text
    return None


def room_for_links(media: Sequence[Attachment]) -> int:
    """UTF-16 units to leave free in a body, so that its files can still become links."""
    return sum(utf16_length(file.url) + 1 for file in media)


def largest(limits: MediaLimits, content_type: str) -> int | None:
    """Bytes that a file of this type may have; None where the type is not carried."""
    family = f"{content_type.partition('/')[0]}/*"
    return limits.types.get(content_type, limits.types.get(family))


NO_FILES = MediaLimits(types={}, total=0, most=0, countries=())
"""Of a gateway that carries none."""


def hindrance(limits: MediaLimits, recipient: str) -> MediaRefused | None:
    """Why no file at all can be sent to a phone; then none needs to be asked for.

    Args:
        limits: of the gateway.
        recipient: E.164.
    """
    if not limits.types:
        return MediaRefused("the gateway carries no files", "gateway")
    if not recipient.startswith(limits.countries):
        return MediaRefused("the gateway carries no files to this country", "country")
    return None


def without_files(message: Outbound, why: MediaRefused, longest: int) -> Fitted:
    """A text with links for all its files.

    Args:
        message: with its files.
        why: they cannot go.
        longest: characters that the gateway takes in one request.
    """
    return _fitted(message, [why] * len(message.media), longest)


def fit(
    message: Outbound, found: Sequence[Found | MediaRefused], limits: MediaLimits, longest: int
) -> Fitted:
    """A text with the files that can go, and links for those that cannot.

    Args:
        message: with its files.
        found: what is at the address of each, or why that is not known.
        limits: of the gateway.
        longest: characters that the gateway takes in one request.
    """
    judged: list[Found | MediaRefused] = []
    for file, there in zip(message.media, found, strict=True):
        taken = [one for one in judged if isinstance(one, Found)]
        judged.append(_judged(file, there, limits, taken))
    return _fitted(message, judged, longest)


def _judged(
    file: Attachment, found: Found | MediaRefused, limits: MediaLimits, taken: Sequence[Found]
) -> Found | MediaRefused:
    if isinstance(found, MediaRefused):
        return found
    content_type = found.content_type or file.content_type
    most = largest(limits, content_type)
    if most is None:
        return MediaRefused(f"{content_type or 'unnamed'} files are not carried", "type")
    if found.bytes > most:
        return MediaRefused(f"more than the {most} bytes of {content_type}", "too-large")
    if len(taken) >= limits.most:
        return MediaRefused(f"more than the {limits.most} files of one text", "too-many")
    if sum(one.bytes for one in taken) + found.bytes > limits.total:
        return MediaRefused(f"more than the {limits.total} bytes of one text", "too-large")
    return replace(found, content_type=content_type)


def _fitted(message: Outbound, judged: Sequence[Found | MediaRefused], longest: int) -> Fitted:
    carried: list[Attachment] = []
    others: list[tuple[Attachment, MediaRefused]] = []
    for file, verdict in zip(message.media, judged, strict=True):
        if isinstance(verdict, Found):
            carried.append(replace(file, content_type=verdict.content_type))
        else:
            others.append((file, verdict))
    body = message.body
    not_carried: list[NotCarried] = []
    for place, (file, why) in enumerate(others, 1):
        room = room_for_links([later for later, _ in others[place:]])
        text = with_link(body, file, longest - room)
        body = body if text is None else text
        not_carried.append(NotCarried(file.url, why.reason, why.detail, linked=text is not None))
    return Fitted(replace(message, body=body, media=tuple(carried)), tuple(not_carried))
