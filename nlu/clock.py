"""Times of day in a text: "at 3", "2-4pm", "after 10:30", "half past two".

A business that makes appointments is open by day, so a bare hour has one sensible reading:
1 to 6 is in the afternoon, 7 to 11 in the morning, 12 is noon. A part of the day that is
named beside the hour ("7 in the evening") decides before that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time

from nlu.date_spelling import HOURS, MONTHS

_NOT_IN_NUMBER = r"(?<![\w/$#.:+-])"
_T = r"(?:(?:1[0-2]|0?[1-9]|2[0-3]|1[3-9])(?::[0-5]\d)?(?:\s?(?:am|pm))?|noon)"
_SURE = (
    r"(?:(?:1[0-2]|0?[1-9])(?::[0-5]\d)?\s?(?:am|pm)|(?:2[0-3]|[01]?\d):[0-5]\d"
    r"|(?:1[0-2]|[1-9])[0-5]\d\s?(?:am|pm)|noon)"
)
_HOUR_WORD = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|1[0-2]|[1-9])"
# What may stand after a bare hour. Anything else ("at 5 main street", "about 3 people") counts.
_AFTER_HOUR = (
    "on|or|and|if|is|works?|would|will|pls|plz|please|thx|thanks|ok|okay|good|"
    "great|fine|instead|today|tomorrow|tonight|this|next|for|that|so|u|you|i|"
    "i'm|i'll|we|can|can't|then|too|also|lol|with|w|but|bc|because|to|until|"
    "ish|mon|monday|tuesday|wednesday|thursday|friday|saturday|sunday|the|it|its|"
    "it's|open|available|possible|free|sharp|maybe|at|again|latest|onwards?|later|"
    "earlier|not|n|ty|k|as|has|my|me|us|he|she|they|when|ideally|from|before|"
    "after|since|doesn't|don't|isn't|won't|was|should|could|might|sounds?|looks?|"
    "suits?"
)
_FOLLOWS = (
    r"(?!\s?(?:st|nd|rd|th)\b)(?![\w:/$%])(?!\.\d)"
    rf"(?=\s*(?:$|[.,!?;)|\-&]|(?:in the|{_AFTER_HOUR})\b|[^\x00-\x7f]))"
)
_DAY_WORDS = (
    r"(?:today|tomorrow|tonight|monday|tuesday|wednesday|thursday|friday|saturday|sunday|"
    r"\d{1,2}(?:st|nd|rd|th)|\d{1,2}/\d{1,2}(?:/\d{2,4})?)"
)
_RANGE = re.compile(
    rf"(?:\b(?P<lead>between|from|at)\s+)?{_NOT_IN_NUMBER}(?P<a>{_T})\s*(?P<join>-|to|until|and)\s*"
    rf"(?P<b>{_T})(?:ish)?(?P<unit>\s*(?:hours?|days?|weeks?|months?|minutes?|people|kids|pairs?)\b)?"
    rf"(?!\s?(?:st|nd|rd|th)\b)(?![\w:/-])"
)
_OPEN = re.compile(
    rf"\b(?P<how>after|past|before|by|until)\s+{_NOT_IN_NUMBER}(?:(?P<sure>{_SURE})(?!\w)|"
    rf"(?P<bare>1[0-2]|[1-9])(?:ish|\s?o'?clock)?{_FOLLOWS})"
)
_OR_LATER = re.compile(
    rf"{_NOT_IN_NUMBER}(?P<t>{_T})\s+(?:or (?P<later>later|after)|or (?P<earlier>earlier|before)|"
    r"(?P<on>onwards?|and on))\b"
)
_PAST = re.compile(
    r"(?<![\w/])(?P<part>half|quarter|[1-9]|1[0-9]|20|25)(?: minutes)? "
    r"(?P<side>past|to|till|of|after|before) "
    rf"(?P<hour>{_HOUR_WORD})(?:\s?(?P<half>am|pm))?\b(?!\s?(?:\d|th|days|weeks|people))"
)
_DATE_BEFORE = re.compile(rf"\b(?:{'|'.join(MONTHS)}|the|on)\s+$")
_AT = re.compile(rf"{_NOT_IN_NUMBER}(?P<t>{_SURE})(?!\w)")
_OCLOCK = re.compile(r"(?<![\w/$#.:+-])(?P<t>1[0-2]|[1-9])\s?(?:o'?clock|ish)(?:\s?(?:am|pm))?\b")
_BARE = re.compile(
    r"\b(?:at|around|about|than|like|for|say|actually|"
    r"(?:make|move|change|switch|push) (?:it|that)(?: to)?|i can (?:do|make)|let's do)\s+"
    r"(?:like |about |around )?"
    rf"(?P<t>1[0-2]|[1-9]){_FOLLOWS}"
)
_QUARTERS = r"(?:1[0-7]|[1-9])(?:00|15|30|45)"
_HOUR = r"(?:1[0-2]|[1-9])"
_DIGITS = re.compile(rf"(?:\bat\s+|{_DAY_WORDS}\s+)(?P<t>{_QUARTERS}){_FOLLOWS}")
_DIGITS_BEFORE_DAY = re.compile(
    rf"{_NOT_IN_NUMBER}(?P<t>{_QUARTERS})(?=\s+(?:on |this |next )?{_DAY_WORDS}\b)"
)
_BESIDE_DAY = re.compile(rf"\b{_DAY_WORDS},?\s+(?P<t>{_HOUR}){_FOLLOWS}")
_BEFORE_DAY = re.compile(
    rf"{_NOT_IN_NUMBER}(?P<t>{_HOUR})(?=\s+(?:on |this |next )?{_DAY_WORDS}\b)"
)
_ALSO = re.compile(rf"\s*(?:,|\bor\b|\band\b|/)\s*(?:maybe )?(?:at )?(?P<t>{_HOUR}){_FOLLOWS}")
_ASKED = re.compile(rf"^\W*(?:at |around |about )?(?P<t>{_HOUR}(?:[0-5]\d)?)(?![\w/:])")
NOON = 12
LAST_AFTERNOON_HOUR = 6


@dataclass(frozen=True)
class Clock:
    """A time of day, a range of them (`begin` and `end`), or an open range (one of them).

    `start` and `stop` are offsets in the text, `exact` is false for ranges.
    """

    start: int
    stop: int
    begin: time | None
    end: time | None
    exact: bool


class _Clocks:
    """Times found so far; what overlaps one of them is not added."""

    def __init__(self, half_at: dict[int, str]) -> None:
        self.found: list[Clock] = []
        self._half_at = half_at

    def half(self, match: re.Match[str]) -> str | None:
        return self._half_at.get(match.start())

    def add(
        self, span: tuple[int, int], begin: time | None, end: time | None, *, exact: bool
    ) -> None:
        start, stop = span
        free = all(stop <= other.start or other.stop <= start for other in self.found)
        if free and (begin or end):
            self.found.append(Clock(start, stop, begin, end, exact))

    def add_named(self, match: re.Match[str]) -> None:
        start, stop = match.span("t")
        self.add((start, stop), _time(match["t"], self._half_at.get(start)), None, exact=True)

    def add_more(self, clock: Clock, text: str) -> None:
        """What follows in the same list: "at 3 or 4"."""
        more = _ALSO.match(text, clock.stop) if clock.exact else None
        while more:
            self.add_named(more)
            more = _ALSO.match(text, more.end())

    def add_one_sided(self, match: re.Match[str], text: str, *, after: bool) -> None:
        moment = _time(text, self.half(match))
        begin, end = (moment, None) if after else (None, moment)
        self.add(match.span(), begin, end, exact=False)


def find_clocks(text: str, *, asked: bool, half_at: dict[int, str]) -> list[Clock]:
    """All times of day in a respelled text, in order, without overlaps.

    Args:
        text: from :func:`nlu.date_spelling.respell`.
        asked: the assistant has just asked for a time, so that a bare number is one.
        half_at: "am" or "pm" for offsets near which a part of the day is named.
    """
    clocks = _Clocks(half_at)
    for match in _PAST.finditer(text):
        if match["side"] == "after" and _DATE_BEFORE.search(text[: match.start()]):
            continue  # "dec 10 after 3" is no ten minutes past three
        clocks.add(match.span(), _past(match, clocks.half(match)), None, exact=True)
    for match in filter(_is_range, _RANGE.finditer(text)):
        begin, end = _range(match["a"], match["b"], clocks.half(match))
        clocks.add(match.span(), begin, end, exact=False)
    for match in _OR_LATER.finditer(text):
        clocks.add_one_sided(match, match["t"], after=not match["earlier"])
    for match in _OPEN.finditer(text):
        after = match["how"] in {"after", "past"}
        clocks.add_one_sided(match, match["sure"] or match["bare"], after=after)
    for pattern in (_AT, _OCLOCK, _DIGITS, _DIGITS_BEFORE_DAY, _BARE, _BESIDE_DAY, _BEFORE_DAY):
        for match in pattern.finditer(text):
            clocks.add_named(match)
    alone = _ASKED.match(text)
    if asked and alone and not clocks.found:
        clocks.add_named(alone)
    for clock in tuple(clocks.found):
        clocks.add_more(clock, text)
    return sorted(clocks.found, key=lambda clock: clock.start)


def _is_range(match: re.Match[str]) -> bool:
    """Whether two numbers are hours: not "1-2 weeks", "two and two" or a date with a dash."""
    if match["unit"]:
        return False
    sure = any(mark in match["a"] + match["b"] for mark in ("m", ":", "noon"))
    if match["join"] == "and":
        return match["lead"] == "between"
    if sure or match["lead"] in {"between", "from"}:
        return True
    before, after = match.string[: match.start()], match.string[match.end() :]
    beside = re.search(rf"{_DAY_WORDS}[\s,]*(?:at |around )?$", before) or re.match(
        rf"\s*(?:on |this |next )?{_DAY_WORDS}", after
    )
    return bool(beside) or not (before.strip() or after.strip(" ?.!"))


def _time(text: str, half: str | None) -> time | None:
    """One time; `half` decides where the text itself does not say am or pm."""
    if text == "noon":
        return time(NOON)
    match = re.fullmatch(r"(\d{1,2}?)(?::?(\d\d))?\s?(am|pm)?", text)
    if not match:
        return None
    hour, minute, said = int(match[1]), int(match[2] or 0), match[3]
    if hour > NOON or match[1].startswith("0"):
        return time(hour, minute) if hour < 24 and minute < 60 else None  # noqa: PLR2004
    if said is None and half is None:
        said = "pm" if hour <= LAST_AFTERNOON_HOUR or hour == NOON else "am"
    hour = hour % NOON + (NOON if (said or half) == "pm" else 0)
    return time(hour, minute)


def _range(first: str, second: str, half: str | None) -> tuple[time | None, time | None]:
    end = _time(second, half)
    said = second[-2:] if second[-2:] in {"am", "pm"} else None
    begin = _time(first, half)
    if said and begin and end and first[-2:] not in {"am", "pm"} and first != "noon":
        same = _time(first, said)
        begin = same if same and same < end else _time(first, "am")
    if begin and end and end <= begin and end.hour < NOON:
        end = end.replace(hour=end.hour + NOON)
    return (begin, end) if begin and end and begin < end else (None, None)


def _past(match: re.Match[str], half: str | None) -> time | None:
    word = match["hour"]
    hour = _time(str(HOURS.get(word, word)), match["half"] or half)
    if not hour:
        return None
    minutes = {"half": 30, "quarter": 15}.get(match["part"]) or int(match["part"])
    if match["side"] in {"past", "after"}:
        if match["part"].isdigit() and match["side"] == "after" and minutes < 5:  # noqa: PLR2004
            return None
        return hour.replace(minute=minutes)
    if match["part"] == "half" or (match["part"].isdigit() and minutes % 5):
        return None
    return time((hour.hour - 1) % 24, 60 - minutes)
