"""Characters that make a text UCS-2, replaced by what GSM-7 has, and what was replaced.

A curly quote put in by a word processor more than doubles what a text costs, and nobody would
miss it. Vendors replace such characters too ("smart encoding"), each by another table and without
saying what; done here, it is the same everywhere and on record. The table is ``rules/gsm7.yml``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import regex
import yaml

from messaging.segments import Encoding, encoding_of, segment_count
from messaging.text_policy import Level


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of replacement.

    Attributes:
        character: what stood there; several code points where they are one for a reader.
        replacement: what stands there now; empty where nothing does.
        count: how often.
    """

    character: str
    replacement: str
    count: int

    @property
    def name(self) -> str:
        """The Unicode name of the character."""
        return names(self.character)

    def __str__(self) -> str:
        """For a person: ``2 x EM DASH (U+2014) -> '-'``."""
        codes = " ".join(f"U+{ord(one):04X}" for one in self.character)
        return f"{self.count} x {self.name} ({codes}) -> {self.replacement!r}"


@dataclass(frozen=True, slots=True)
class Transliterated:
    """A text that may have been changed, and all that was changed in it."""

    text: str
    changes: tuple[Change, ...] = ()


_TABLE = Path(__file__).parent / "rules" / "gsm7.yml"
_WORDS = re.compile(r"\s+|\S+")
# In such a word a changed character leads elsewhere: a web or mail address.
_ADDRESS = re.compile(r"://|@|www\.|\w\.\w+/", re.IGNORECASE)
_GRAPHEME = regex.compile(r"\X")
_CORE = re.compile(r"\w.*\w|\w", re.DOTALL)


def transliterate(text: str, level: Level) -> Transliterated:
    """``text`` in GSM-7, where that is possible and takes fewer segments.

    It is all or nothing: one character without an equivalent (an emoji, another script, or one
    inside an address) makes the whole text UCS-2, and then it stays as it was written.

    Args:
        text: what is to be sent.
        level: what may be replaced.

    >>> print(*transliterate("Wait\N{EM DASH}" + "more " * 20, Level.SMART).changes)
    1 x EM DASH (U+2014) -> '-'
    """
    untouched = Transliterated(text)
    if level is Level.KEEP or encoding_of(text) is Encoding.GSM7:
        return untouched
    found: Counter[tuple[str, str]] = Counter()
    pieces: list[str] = []
    for word in _WORDS.findall(text):
        if encoding_of(word) is Encoding.GSM7:
            pieces.append(word)
            continue
        core = _CORE.search(word) if _ADDRESS.search(word) else None
        if core is not None and encoding_of(core[0]) is Encoding.UCS2:
            return untouched
        for grapheme in _GRAPHEME.findall(word):
            if encoding_of(grapheme) is Encoding.GSM7:
                pieces.append(grapheme)
                continue
            replacement = _equivalent(grapheme, level)
            if replacement is None:
                return untouched
            found[grapheme, replacement] += 1
            pieces.append(replacement)
    replaced = "".join(pieces)
    if segment_count(replaced) >= segment_count(text):
        return untouched
    return Transliterated(
        replaced, tuple(Change(*change, count) for change, count in found.items())
    )


def names(characters: str) -> str:
    """The Unicode names of ``characters``; the code point of one that has none."""
    return " + ".join(unicodedata.name(one, f"U+{ord(one):04X}") for one in characters)


def _equivalent(grapheme: str, level: Level) -> str | None:
    """The grapheme in GSM-7, or None where there is nothing fair."""
    composed = unicodedata.normalize("NFC", grapheme)  # macOS writes é as e and an accent
    if encoding_of(composed) is Encoding.GSM7:
        return composed
    table, replacement = _table(level), ""
    for character in composed:
        part = table.get(character)
        if part is None and encoding_of(character) is Encoding.GSM7:
            part = character
        if part is None and level is Level.ALL:
            part = _taken_apart(character)
        if part is None:
            return None
        replacement += part
    return replacement


def _taken_apart(character: str) -> str | None:
    """What Unicode takes the character for, without accents, where GSM-7 has that."""
    if unicodedata.combining(character):
        return ""
    kind = unicodedata.decomposition(character).partition(" ")[0]
    apart = [
        one for one in unicodedata.normalize("NFKD", character) if not unicodedata.combining(one)
    ]
    letters = "".join(_table(Level.ALL).get(one, one) for one in apart)
    if not letters.strip() or encoding_of(letters) is Encoding.UCS2:
        return None
    # A raised 2 or a half would run into the digits before it; wide and bold digits are digits.
    if kind not in {"<wide>", "<font>"} and any(one.isdigit() for one in letters):
        return None
    return letters


@cache
def _table(level: Level) -> dict[str, str]:
    sections = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
    table: dict[str, str] = {}
    for name in (Level.SMART, Level.ALL) if level is Level.ALL else (Level.SMART,):
        for replacement, characters in sections[name].items():
            table |= dict.fromkeys(characters, replacement)
    return table
