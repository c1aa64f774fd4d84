"""A time that is named by how far it lies from another: "30 min later", "push it back a week"."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {
    "min": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "hr": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "wk": timedelta(weeks=1),
}
_NUMBERS = {
    "half an": 0.5,
    "half a": 0.5,
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "a couple": 2,
    "a couple of": 2,
    "three": 3,
}
AMOUNT = (
    rf"(?P<number>\d{{1,3}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))}) ?"
    rf"(?P<unit>{'|'.join(_UNITS)})(?:ute)?s?"
)
"""A stretch of time, as its number and its unit: "half an hour", "2 days"."""
_LATER = re.compile(rf"\b{AMOUNT} (?P<way>later|earlier|sooner)\b", re.IGNORECASE)
_PUSHED = re.compile(
    r"\b(?:push|move|bump|put|bring|shift)\b[\w' ]*?\b(?P<way>back|up|forward)\b"
    rf"(?: by)? (?:about )?{AMOUNT}\b",
    re.IGNORECASE,
)
_PUSHED_BY = re.compile(
    rf"\b(?P<way>push|delay|postpone)\b[\w' ]*? (?:back )?(?:by |about )?{AMOUNT}"
    r"(?: back)?(?! (?:later|earlier|sooner))\b",
    re.IGNORECASE,
)
_EARLIER = frozenset({"earlier", "sooner", "up", "forward"})


def amount_of(match: re.Match[str]) -> timedelta:
    """The stretch of time that a match of ``AMOUNT`` names."""
    number = match["number"].lower()
    return (int(number) if number.isdigit() else _NUMBERS[number]) * _UNITS[match["unit"].lower()]


def shift_in(text: str) -> timedelta | None:
    """How much later (or earlier, then it is negative) a text asks to come, or None."""
    plain = " ".join(text.split())
    match = _LATER.search(plain) or _PUSHED.search(plain) or _PUSHED_BY.search(plain)
    if match is None:
        return None
    amount = amount_of(match)
    return -amount if match["way"].lower() in _EARLIER else amount
