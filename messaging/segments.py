"""How many segments a text costs, where the network cuts it, and where we cut it ourselves.

A segment carries 140 bytes (3GPP TS 23.040). With the 7-bit alphabet of 3GPP TS 23.038
(GSM 03.38) that is 160 septets, or 153 where a six-byte header joins several segments; with
UCS-2 it is 70 UTF-16 units, or 67. One character outside the alphabet makes the whole text
UCS-2.
"""

from __future__ import annotations

import re
from enum import StrEnum

import regex


class Encoding(StrEnum):
    """How the network writes a text."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


# 3GPP TS 23.038, 6.2.1: the 128 codes of the basic table without ESC, which is no character.
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# 3GPP TS 23.038, 6.2.1.1: written as ESC and a second code, so they cost two septets.
EXTENSION = frozenset("\f^{}\\[~]|€")
_GSM7 = BASIC | EXTENSION

# Encoding -> units in a segment that stands alone, units in a segment that is one of several.
_SIZES = {Encoding.GSM7: (160, 153), Encoding.UCS2: (70, 67)}

_ASTRAL = "\N{LINEAR B SYLLABLE B008 A}"  # U+10000: from here on two UTF-16 units

# A web address with a scheme, "www." or a path. Only ASCII, so that it ends where the next
# word of a script without spaces begins. The look-behind and the bounded counts keep the
# search linear.
_URL = re.compile(
    r"(?<![a-z0-9.-])"
    r"(?:https?://|www\.|[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}/)"
    r"[\x21-\x7e]*",
    re.IGNORECASE,
)
_CLOSING = frozenset("\"')]}»\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}")
_SENTENCE_END = frozenset(".!?…")
# Chinese and Japanese put no space behind a sentence.
_SENTENCE_END_WITHOUT_SPACE = frozenset(
    "\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH EXCLAMATION MARK}\N{FULLWIDTH QUESTION MARK}"
)


def encoding_of(text: str) -> Encoding:
    """The encoding that ``text`` needs."""
    return Encoding.GSM7 if _GSM7.issuperset(text) else Encoding.UCS2


def offending(text: str) -> tuple[str, ...]:
    """The characters that force UCS-2 on the text, each once, in the order of the text."""
    return tuple(character for character in dict.fromkeys(text) if character not in _GSM7)


def unit_count(text: str) -> int:
    """How many units ``text`` takes: septets in GSM-7, UTF-16 units in UCS-2."""
    return _units(text, encoding_of(text))


def units_left(text: str) -> int:
    """How many units can be added to ``text`` before it takes another segment."""
    encoding = encoding_of(text)
    single, multi = _SIZES[encoding]
    cut = parts(text)
    return (single if len(cut) == 1 else multi) - _units(cut[-1], encoding)


def segment_count(text: str) -> int:
    """How many segments ``text`` is charged as; an empty text is sent as one."""
    encoding = encoding_of(text)
    single, multi = _SIZES[encoding]
    units = _units(text, encoding)
    if units <= single:
        return 1
    if units == len(text):
        return -(-units // multi)
    return len(parts(text))


def parts(text: str) -> list[str]:
    """``text`` as the network cuts it: never inside an ESC pair or a surrogate pair.

    Only for counting and for showing what a text costs. The phone joins these parts again, so
    they may end inside a word or an emoji of several characters.
    """
    encoding = encoding_of(text)
    single, multi = _SIZES[encoding]
    if _units(text, encoding) <= single:
        return [text]
    found: list[str] = []
    start = used = 0
    for position, character in enumerate(text):
        wide = character in EXTENSION if encoding is Encoding.GSM7 else character >= _ASTRAL
        width = 2 if wide else 1
        if used + width > multi:
            found.append(text[start:position])
            start, used = position, 0
        used += width
    found.append(text[start:])
    return found


def fit(text: str, longest: int) -> list[str]:
    """Cut a text that is too long for one request into texts that a person reads well.

    The cut is the last end of a line or sentence in the second half of what fits, else the
    last space, else (one word longer than a request) any place between two graphemes that is
    not inside a web address, else between two graphemes. A grapheme is cut only where it is
    itself longer than ``longest``.

    Args:
        text: the whole text.
        longest: UTF-16 units of one part at most, the strictest way in which a vendor can
            count its "characters"; at least 2.

    Returns:
        The parts in order. Nothing is lost but the white space at the cuts; a text that fits
        is returned as it is.

    Raises:
        ValueError: ``longest`` cannot hold every character.
    """
    if longest < 2:  # noqa: PLR2004 - a character takes up to two units
        msg = f"a part of {longest} cannot hold every character: use 2 or more"
        raise ValueError(msg)
    if utf16_length(text) <= longest:
        return [text]
    pieces = [
        piece for grapheme in regex.findall(r"\X", text) for piece in _no_longer(grapheme, longest)
    ]
    in_url = _inside_urls(text, pieces)
    found: list[str] = []
    start = _skip_space(pieces, 0)
    while start < len(pieces):
        cut = _best_cut(pieces, in_url, start, _reach(pieces, start, longest))
        found.append("".join(pieces[start:cut]).rstrip())
        start = _skip_space(pieces, cut)
    return found or [""]


def utf16_length(text: str) -> int:
    """How many UTF-16 units ``text`` takes: an emoji outside the basic plane counts twice."""
    if text.isascii():
        return len(text)
    return len(text) + sum(character >= _ASTRAL for character in text)


def _units(text: str, encoding: Encoding) -> int:
    if encoding is Encoding.UCS2:
        return utf16_length(text)
    return len(text) + sum(map(text.count, EXTENSION))


def _no_longer(grapheme: str, longest: int) -> list[str]:
    """The grapheme, or its code points where it is longer than a part can be."""
    return [grapheme] if utf16_length(grapheme) <= longest else list(grapheme)


def _skip_space(pieces: list[str], position: int) -> int:
    while position < len(pieces) and pieces[position].isspace():
        position += 1
    return position


def _reach(pieces: list[str], start: int, longest: int) -> int:
    """The end of the longest run of pieces from ``start`` that fits."""
    used, end = 0, start
    while end < len(pieces):
        used += utf16_length(pieces[end])
        if used > longest:
            break
        end += 1
    return end


def _inside_urls(text: str, pieces: list[str]) -> list[bool]:
    """Whether a cut before each piece would fall inside a web address."""
    spans = [match.span() for match in _URL.finditer(text)]
    inside: list[bool] = []
    offset = current = 0
    for piece in pieces:
        while current < len(spans) and spans[current][1] <= offset:
            current += 1
        inside.append(current < len(spans) and spans[current][0] < offset)
        offset += len(piece)
    return inside


def _best_cut(pieces: list[str], in_url: list[bool], start: int, end: int) -> int:
    if end == len(pieces):
        return end
    between_words = outside_urls = None
    for cut in range(end, start, -1):
        far_enough = (cut - start) * 2 > end - start
        if far_enough and _ends_sentence(pieces, start, cut):
            return cut
        if between_words is None and (pieces[cut].isspace() or pieces[cut - 1].isspace()):
            between_words = cut
        if outside_urls is None and not in_url[cut]:
            outside_urls = cut
        if not far_enough and between_words is not None:
            break
    return between_words or outside_urls or end


def _ends_sentence(pieces: list[str], start: int, cut: int) -> bool:
    following, before = pieces[cut], pieces[cut - 1]
    if "\n" in following or "\n" in before or before in _SENTENCE_END_WITHOUT_SPACE:
        return True
    if not following.isspace():
        return False
    last = cut - 1
    while last > start and pieces[last] in _CLOSING:
        last -= 1
    return pieces[last] in _SENTENCE_END
