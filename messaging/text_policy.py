"""How words become texts, as the settings say. Light: settings are read before anything else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LONGEST_LABEL = len("Part 99 of 99\n")
TOKEN_LENGTH = 22
"""Characters of a page's token: 22 letters and digits are 130 random bits."""
LEAST_WORDS = 20
"""Characters that must fit beside a label or a link, so that there is something to read."""


class Level(StrEnum):
    """What may be replaced to make a text GSM-7.

    Attributes:
        KEEP: nothing.
        SMART: what word processors and keyboards put in: quotes, dashes, bullets, spaces.
        ALL: also accents and ligatures that GSM-7 lacks, and signs that can be spelled.
    """

    KEEP = "keep"
    SMART = "smart"
    ALL = "all"


class LongTexts(StrEnum):
    """What becomes of words that are too long for one text.

    Attributes:
        PARTS: several texts that begin with "Part 2 of 3".
        LINK: their beginning, and a link to a page with all of them.
    """

    PARTS = "parts"
    LINK = "link"


class Duplicates(StrEnum):
    """Which texts are not sent when they repeat what went to the same phone within half an hour.

    Attributes:
        NOTICES: those that nobody waits for.
        ALL: also replies.
        OFF: none.
    """

    NOTICES = "notices"
    ALL = "all"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class TextPolicy:
    """How words become texts at a gateway.

    Attributes:
        longest: UTF-16 units of one text at most: what the gateway takes, or less by choice.
        encoding: what may be replaced where that saves segments.
        long_texts: what becomes of longer words.
        page_url: address of pages, to which a link adds the token.
        limit_duplicates: which texts are not sent when they repeat another.

    Raises:
        ValueError: nothing that can be read would fit beside a label or a link.
    """

    longest: int
    encoding: Level = Level.SMART
    long_texts: LongTexts = LongTexts.PARTS
    page_url: str = ""
    limit_duplicates: Duplicates = Duplicates.NOTICES

    def __post_init__(self) -> None:
        if self.longest < self.least:
            msg = f"{self.longest} characters are too few: allow {self.least} or more"
            raise ValueError(msg)

    @property
    def least(self) -> int:
        """What ``longest`` must be, so that words fit beside a label or a link."""
        if self.long_texts is LongTexts.LINK:
            return len(self.link(TOKEN_LENGTH * "-")) + LEAST_WORDS
        return LONGEST_LABEL + LEAST_WORDS

    def link(self, token: str) -> str:
        """What the beginning of long words ends with."""
        return f"\nRead on: {self.page_url}{token}"
