"""Times of day in a text: "at 3", "2-4pm", "after 10:30", "half past two".

A business that makes appointments is open by day, so a bare hour has one sensible reading:
1 to 6 is in the afternoon, 7 to 11 in the morning, 12 is noon. A part of the day that is
named beside the hour ("7 in the evening") decides before that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import time

from nlu.dates.calendar import MARK
from nlu.dates.hours import HALF_HOUR, is_range_instead, open_side, past_of, range_of, time_of
from nlu.dates.numbers import CARDINALS
from nlu.dates.words import MONTHS

_NOT_IN_NUMBER = r"(?<![\w/$#.:+-])"
_T = r"(?:(?:2[0-3]|1\d|0?\d)(?::?[0-5]\d)?(?:\s?(?:am|pm))?|noon|midnight)"
_SURE = (
    r"(?:(?:1[0-2]|0?[1-9])(?::[0-5]\d)?\s?(?:am|pm)|(?:2[0-3]|[01]?\d):[0-5]\d"
    r"|(?:1[0-2]|0?[1-9])[0-5]\d\s?(?:am|pm)|(?:12 )?noon|(?:12 )?midnight)"
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
    rf"\d{{1,2}}(?:st|nd|rd|th)|\d{{1,2}}/\d{{1,2}}(?:/\d{{2,4}})?|{MARK}+)"
)
_TO_DAY = r"(?:(?:on|this|next|coming|the|week|wk|of|day after)\s)*"
"""What may stand between an hour and the day behind it."""
_EDGE = rf"(?:\b|(?={MARK}))"
_RANGE = re.compile(
    rf"(?:\b(?P<lead>between|from|at)\s+)?{_NOT_IN_NUMBER}(?P<a>{_T})\s*(?P<join>-|to|until|and)\s*"
    rf"(?P<b>{_T})(?:ish)?(?P<unit>\s*(?:hours?|days?(?! after tomorrow)|weeks?|months?|minutes?|"
    rf"people|kids|pairs?)\b)?"
    rf"(?!\s?(?:st|nd|rd|th)\b)(?![\w:/-])"
)
_OPEN = re.compile(
    rf"\b(?P<how>after|past|before|by|until)\s+(?:about\s|around\s|"
    rf"like\s)?{_NOT_IN_NUMBER}(?:(?P<sure>{_SURE})(?!\w)|"
    rf"(?P<bare>(?:1[0-2]|[1-9])(?:00|15|30|45)?)(?:ish|\s?o'?clock)?{_FOLLOWS})"
)
_OR_LATER = re.compile(
    rf"{_NOT_IN_NUMBER}(?P<t>{_T})\s+(?:or (?P<later>later|after)(?!\s\d)|"
    r"or (?P<earlier>earlier|before)(?!\s\d)|"
    r"(?P<on>onwards?|and on)|at the (?:(?P<latest>latest)|earliest))\b"
)
_WORDS = "|".join(word for word, number in CARDINALS.items() if number <= HALF_HOUR)
_PAST = re.compile(
    rf"(?<![\w/:])(?P<part>half|(?:a )?quarter|{_WORDS}|[1-9]|1[0-9]|20|25)(?P<unit> minutes?)? "
    r"(?P<side>past|to|until|till|of|after|before) "
    rf"(?P<hour>{_HOUR_WORD}|noon|midnight)(?:\s?(?P<half>am|pm))?\b(?!\s?(?:\d|th\b|days|weeks|"
    rf"people))"
)
_DATE_BEFORE = re.compile(rf"\b(?:{'|'.join(MONTHS)}|the|on)\s+$")
_AT = re.compile(rf"{_NOT_IN_NUMBER}(?P<t>{_SURE})(?!\w)")
_OCLOCK = re.compile(r"(?<![\w/$#.:+-])(?P<t>1[0-2]|[1-9])\s?(?:o'?clock|ish)(?:\s?(?:am|pm))?\b")
_BARE = re.compile(
    r"\b(?:at|around|about|than|like|for|say|actually|"
    r"(?:make|move|change|switch|push|bump|reschedule)(?: (?:it|that|this|me|us))?(?: to|\s\|\|)?|"
    r"(?:move|change|switch|push|bump|reschedule|moved|changed)\b[^.?!|]{0,25}?(?:\bto|\|\|)|"
    r"(?:i|we|you|u) (?:can )?(?:do|make)|let's do|"
    r"can't (?:do|make)|(?:prefer|rather)(?: have| do| come)?(?: at)?|need|want|instead of|"
    r"meant|mean|said|not)\s+"
    r"(?:like |about |around )?"
    rf"(?P<t>(?:1[0-2]|[1-9])(?:00|15|30|45)?){_FOLLOWS}"
)
_QUARTERS = r"(?:1[0-7]|[1-9])(?:00|15|30|45)"
_MILITARY = r"(?:[01]\d|2[0-3])[0-5]\d"
_BESIDE_PART = re.compile(
    rf"{_NOT_IN_NUMBER}(?P<t>1[0-2]|[1-9])(?=,?\s(?:(?:in the|this) (?:am|pm|morning|afternoon|"
    rf"evening|night)"
    r"|at night|tonight|very late morning|late morning)\b)"
)
_SUITS = re.compile(
    rf"{_NOT_IN_NUMBER}(?P<t>(?:1[0-2]|[1-9])(?:00|15|30|45)?)(?=\s(?:would|will|might|could|"
    rf"should) work\b"
    r"|\s(?:is|was|would be) "
    r"(?:too|ok|okay|fine|good|great|perfect|better|best)\b|\s(?:instead|works?|not (?:at )?\d)\b)"
)
_IS_IT = re.compile(
    r"\b(?:is|would|does|will|are) (?P<t>(?:1[0-2]|[1-9])(?:00|15|30|45)?)(?=\s(?:too|ok|okay|"
    r"good|fine|"
    r"possible|available|open|works?|free|taken|still|doable|be|alright)\b)"
)
_OR_BEFORE = re.compile(
    rf"{_NOT_IN_NUMBER}(?P<t>(?:1[0-2]|[1-9])(?:00|15|30|45)?)\s*(?:,|/|or)\s*(?:at\s)?$"
)
_LATE_HOUR = re.compile(
    rf"\b(?:at|around)\s(?P<t>1[3-9]|2[0-3])(?:\sor\s(?:1[3-9]|2[0-3]))?{_FOLLOWS}"
)
_ALONE = re.compile(rf"^\W*(?P<t>{_MILITARY}|{_QUARTERS})\W*$")
_MILITARY_BESIDE_DAY = re.compile(
    rf"{_EDGE}(?:{_DAY_WORDS}|morning|afternoon|evening),?\s+(?:at )?(?P<t>{_MILITARY}){_FOLLOWS}"
)
_HOUR = r"(?:1[0-2]|[1-9])"
_DIGITS = re.compile(
    rf"(?:\bat\s+(?=0?\d{{3}}|1[0-2]\d\d)(?P<at>{_MILITARY}|(?:1[0-2]|[1-9])[0-5][05])"
    rf"|(?:{_DAY_WORDS}|morning|afternoon|evening)\s+(?P<t>{_QUARTERS})){_FOLLOWS}"
)
_DIGITS_BEFORE_DAY = re.compile(rf"{_NOT_IN_NUMBER}(?P<t>{_QUARTERS})(?=\s+{_TO_DAY}{_DAY_WORDS})")
_BESIDE_DAY = re.compile(rf"\b{_DAY_WORDS},?\s+(?P<t>{_HOUR}){_FOLLOWS}")
_BEFORE_DAY = re.compile(
    rf"{_NOT_IN_NUMBER}(?P<t>{_HOUR})(?=\s+{_TO_DAY}{_DAY_WORDS}(?!s\b| (?:from now|later|out)\b))"
)
_ALSO = re.compile(
    rf"\s*(?:,(?:\s*(?:or|and)\b)?|\bor\b|\band\b|/)\s*(?:maybe )?(?:at )?(?P<t>{_HOUR}(?:00|"
    rf"15|30|45)?){_FOLLOWS}"
)
_ASKED = re.compile(rf"^\W*(?:at |around |about )?(?P<t>{_HOUR}(?:[0-5]\d)?)(?![\w/:])")


_SINGLE = (
    _AT,
    _OCLOCK,
    _MILITARY_BESIDE_DAY,
    _DIGITS,
    _DIGITS_BEFORE_DAY,
    _BESIDE_PART,
    _BARE,
    _BESIDE_DAY,
    _BEFORE_DAY,
    _SUITS,
    _IS_IT,
    _LATE_HOUR,
    _ALONE,
)
"""One time each; earlier ones win where two overlap."""


@dataclass(frozen=True)
class Clock:
    """A time of day, a range of them (`begin` and `end`), or an open range (one of them).

    `start` and `stop` are offsets in the text, `exact` is false for ranges, `sure` is false
    where it may be no time at all.
    """

    start: int
    stop: int
    begin: time | None
    end: time | None
    exact: bool
    sure: bool = True


class _Clocks:
    """Times found so far; what overlaps one of them is not added."""

    def __init__(self, half_at: dict[int, str]) -> None:
        self.found: list[Clock] = []
        self._half_at = half_at

    def half(self, match: re.Match[str]) -> str | None:
        return self._half_at.get(match.start()) or self._half_at.get(match.end() - 1)

    def add(
        self,
        span: tuple[int, int],
        begin: time | None,
        end: time | None,
        *,
        exact: bool,
        sure: bool = True,
    ) -> None:
        start, stop = span
        free = all(stop <= other.start or other.stop <= start for other in self.found)
        if free and (begin or end):
            self.found.append(Clock(start, stop, begin, end, exact, sure))

    def add_named(self, match: re.Match[str]) -> None:
        group = "t" if match["t"] else "at"
        start, stop = match.span(group)
        half = self._half_at.get(start) or self._half_at.get(stop - 1)
        moment = time_of(match[group], half)
        works = match.re is _SUITS and match.string.startswith(" work", stop)
        sure = (
            match.re not in {_ALONE, _LATE_HOUR} and not works
        )  # the number of an option works too
        self.add((start, stop), moment, None, exact=True, sure=sure)

    def add_more(self, clock: Clock, text: str) -> None:
        """What follows in the same list: "at 3 or 4"."""
        more = _ALSO.match(text, clock.stop) if clock.exact else None
        while more:
            self.add_named(more)
            more = _ALSO.match(text, more.end())

    def add_before(self, clock: Clock, text: str) -> None:
        """What leads the same list: "9 or 9:30"."""
        before = _OR_BEFORE.search(text[: clock.start]) if clock.exact else None
        if before:
            self.add_named(before)

    def add_one_sided(self, match: re.Match[str], text: str, *, after: bool) -> None:
        moment = time_of(text, self.half(match))
        begin, end = (moment, None) if after else (None, moment)
        self.add(match.span(), begin, end, exact=False)


def find_clocks(text: str, *, asked: bool, half_at: dict[int, str]) -> list[Clock]:
    """All times of day in a respelled text, in order, without overlaps.

    Args:
        text: from :func:`nlu.dates.spelling.respell`.
        asked: the assistant has just asked for a time, so that a bare number is one.
        half_at: "am" or "pm" for offsets near which a part of the day is named.
    """
    clocks = _Clocks(half_at)
    _add_spoken_and_ranges(clocks, text)
    for pattern in _SINGLE:
        for match in pattern.finditer(text):
            clocks.add_named(match)
    alone = _ASKED.match(text)
    if asked and alone and not clocks.found:
        clocks.add_named(alone)
    for clock in clocks.found:  # which grows
        clocks.add_more(clock, text)
        clocks.add_before(clock, text)
    found = sorted(clocks.found, key=lambda clock: clock.start)
    ends = {clock.stop for clock in found}
    return [_opened(clock, text, ends) for clock in found]


def _opened(clock: Clock, text: str, ends: set[int]) -> Clock:
    side = open_side(text, clock.start, clock.stop, ends) if clock.exact else None
    if not side:
        return clock
    begin, end = (None, clock.begin) if side.before else (clock.begin, None)
    return replace(clock, start=side.start, stop=side.stop, begin=begin, end=end, exact=False)


def _add_spoken_and_ranges(clocks: _Clocks, text: str) -> None:
    for match in _PAST.finditer(text):
        if is_range_instead(match):
            continue
        if match["side"] == "after" and _DATE_BEFORE.search(text[: match.start()]):
            continue  # "dec 10 after 3" is no ten minutes past three
        clocks.add(match.span(), past_of(match, clocks.half(match)), None, exact=True)
    for match in filter(_is_range, _RANGE.finditer(text)):
        begin, end = range_of(match["a"], match["b"], clocks.half(match))
        clocks.add(match.span(), begin, end, exact=False)
    for match in _OR_LATER.finditer(text):
        clocks.add_one_sided(match, match["t"], after=not (match["earlier"] or match["latest"]))
    for match in _OPEN.finditer(text):
        after = match["how"] in {"after", "past"}
        clocks.add_one_sided(match, match["sure"] or match["bare"], after=after)


def _is_range(match: re.Match[str]) -> bool:
    """Whether two numbers are hours: not "1-2 weeks", "two and two" or a date with a dash."""
    if match["unit"]:
        return False
    both = match["a"] + match["b"]
    sure = any(mark in both for mark in ("m", ":", "noon"))
    military = len(match["a"]) == len(match["b"]) == 4  # noqa: PLR2004
    if match["join"] == "and":
        return match["lead"] == "between"
    if sure or military or match["lead"] in {"between", "from"}:
        return True
    before, after = match.string[: match.start()], match.string[match.end() :]
    beside = re.search(
        rf"{_DAY_WORDS}(?: (?:of )?next week)?[\s,.]*(?:at |around )?$", before
    ) or re.match(rf"\s*{_TO_DAY}{_DAY_WORDS}", after)
    named = re.match(
        r",?\s(?:in the (?:morning|afternoon|evening)|at night|tonight|any ?(?:day|time)|"
        r"works?|only|"
        r"is (?:good|ok|fine|best))\b",
        after,
    )
    return bool(beside or named) or not (before.strip() or after.strip(" ?.!"))
