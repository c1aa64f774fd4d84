"""From the words of a reply to the texts that leave: cut or linked when too long, then encoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from messaging.gsm7 import Level, Transliterated, transliterate
from messaging.segments import fit, utf16_length

LONGEST_LABEL = len("Part 99 of 99\n")
TOKEN_LENGTH = 22
"""Characters of a page's token: 22 letters and digits are 130 random bits."""
LEAST_WORDS = 20
"""Characters that must fit beside a label or a link, so that there is something to read."""


class LongTexts(StrEnum):
    """What becomes of words that are too long for one text.

    Attributes:
        PARTS: several texts that begin with "Part 2 of 3".
        LINK: their beginning, and a link to a page with all of them.
    """

    PARTS = "parts"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class TextPolicy:
    """How words become texts.

    Attributes:
        longest: UTF-16 units of one text at most: what the gateway takes, or less by choice.
        encoding: what may be replaced where that saves segments.
        long_texts: what becomes of longer words.
        page_url: address of pages; a link is this and a token.

    Raises:
        ValueError: nothing that can be read would fit beside a label or a link.
    """

    longest: int
    encoding: Level = Level.SMART
    long_texts: LongTexts = LongTexts.PARTS
    page_url: str = ""

    def __post_init__(self) -> None:
        beside = LONGEST_LABEL
        if self.long_texts is LongTexts.LINK:
            beside = utf16_length(_link(self.page_url)) + TOKEN_LENGTH
        if self.longest < beside + LEAST_WORDS:
            msg = f"{self.longest} characters are too few: allow {beside + LEAST_WORDS} or more"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Composed:
    """What leaves.

    Attributes:
        bodies: in order, each with what was replaced in it; none where nothing was said.
        token: of the page with all the words, where the text links to one.
    """

    bodies: tuple[Transliterated, ...]
    token: str | None = None


def compose(words: str, policy: TextPolicy, new_token: Callable[[], str]) -> Composed:
    """The texts that say ``words``.

    Args:
        words: what is to be read.
        policy: how.
        new_token: for a page that nobody can guess.
    """
    words = words.strip()
    if utf16_length(words) <= policy.longest:
        bodies, token = [words] if words else [], None
    elif policy.long_texts is LongTexts.PARTS:
        bodies, token = _parts(words, policy.longest), None
    else:
        token = new_token()
        link = _link(policy.page_url) + token
        bodies = [fit(words, policy.longest - utf16_length(link))[0] + link]
    return Composed(tuple(_encoded(body, policy) for body in bodies), token)


def _parts(words: str, longest: int) -> list[str]:
    """Each part says which it is; on a line of its own, so that a menu's lines stay lines."""
    for digits in count(1):  # the label's length depends on how many parts there will be
        most = 10**digits - 1
        cut = fit(words, longest - len(f"Part {most} of {most}\n"))
        if len(cut) <= most:
            break
    return [f"Part {number} of {len(cut)}\n{part}" for number, part in enumerate(cut, 1)]


def _link(page_url: str) -> str:
    return f"\nRead on: {page_url}"


def _encoded(body: str, policy: TextPolicy) -> Transliterated:
    encoded = transliterate(body, policy.encoding)
    # "..." is longer than "…"; a text that would no longer fit stays as it was written.
    return encoded if utf16_length(encoded.text) <= policy.longest else Transliterated(body)
