"""When the reading of a text is not to be trusted although each date in it is clear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from nlu.dates.mention import Mention
from nlu.dates.words import MONTHS, WEEKDAYS

_LEFT = re.compile(
    rf"\b(?:{'|'.join(WEEKDAYS)}|{'|'.join(month for month in MONTHS if len(month) > 5)}"  # noqa: PLR2004
    r"|today|tomorrow|tonight|weekends?|noon|midnight)\b"
    r"|(?<![\w/$.:-])(?:1[0-2]|0?[1-9])(?::[0-5]\d)?\s?[ap]m\b|\b(?:2[0-3]|1?\d):[0-5]\d\b"
    r"|(?<![\w/$.:#+-])(?:1[0-2]|[1-9])(?![\w/%-]|[.:]\d)"
    r"|\b(?:weeks?|months?|hours?|minutes?)\b"
    r"|(?<![\w/$.:-])(?:3[01]|[12]?\d)(?:st|nd|rd|th)\b|\b(?:morning|afternoon|evening)s?\b"
)
"""Words that name a day or a time of day and nothing else."""
_OF_OTHERS = re.compile(
    r"\b(?:before|after|until|since)(?: (?:then|that)\b|\W*$| (?:i|i'm|we|my|he|she|they)\b)"
)
"""A side of what is named elsewhere, or not at all: "i leave on the 20th so before then"."""
_REFUSAL = re.compile(r"\b(?:not|can't|cannot|won't|doesn't|except|unless|instead|but)\b")


def doubted(mentions: list[Mention], rest: str, text: str) -> list[Mention]:
    """The mentions; those offered are asked where something in the text was not understood.

    Four signs: a day or time of day that no mention took up, a "before" or "after" of something
    that is no date, times without a day beside several
    days, and a word of refusal that refused nothing although there is a choice.

    Args:
        mentions: in order.
        rest: the respelled text, with "|" over all that is read or known to be no date.
        text: the respelled text.
    """
    offered = [mention for mention in mentions if mention.role == "offered"]
    if not offered:
        return mentions
    if not (
        _LEFT.search(rest)
        or _OF_OTHERS.search(rest)
        or _is_loose(offered)
        or _is_unrefused(mentions, text)
    ):
        return mentions
    return [replace(one, ask=True) if one.role == "offered" else one for one in mentions]


def _is_loose(offered: Sequence[Mention]) -> bool:
    """Whether one has a day and no time, and another a time and no day or another day."""
    moments = [one for one in offered if one.seconds is None]
    free = [one for one in moments if one.date_free]
    return bool(free) and len(free) < len(moments)


def _is_unrefused(mentions: Sequence[Mention], text: str) -> bool:
    alone = all(mention.role == "offered" for mention in mentions)
    return alone and len({(m.first, m.last) for m in mentions}) > 1 and bool(_REFUSAL.search(text))
