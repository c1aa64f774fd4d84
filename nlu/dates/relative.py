"""How long and how long from now: "for 2 hours", "in 3 weeks", "2 days after friday".

A length alone is a duration. With "in", "from now" or "later" it is the instant (hours,
minutes) or the day (days, weeks, months) that far away. In front of a date or time, with
"after", "from" or "before", it moves that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from nlu.dates.numbers import CARDINALS, one_of
from nlu.dates.span import DAY, FAR, WEEK, Days, add_months

_UNITS = (
    ("second", r"sec(?:ond)?s?", 1),
    ("minute", r"min(?:ute)?s?", 60),
    ("hour", r"hours?|hrs?|h", 3600),
    ("business", r"(?:business|working|work)\s?days?", 86_400),
    ("day", r"days?|d", 86_400),
    ("fortnight", r"fortnights?", 14 * 86_400),
    ("week", r"weeks?|wks?", 7 * 86_400),
    ("month", r"months?", 30 * 86_400),
    ("year", r"years?|yrs?", 365 * 86_400),
)
_SECONDS = {name: seconds for name, _, seconds in _UNITS}
_UNIT = "|".join(rf"(?P<{name}>{words})" for name, words, _ in _UNITS)
_ANY_UNIT = "|".join(words for _, words, _ in _UNITS)
_VAGUE = {
    "a": 1.0,
    "an": 1.0,
    "another": 1.0,
    "couple": 2.0,
    "few": 3.0,
    "some": 3.0,
    "several": 3.0,
}
_NUMBER = (
    rf"(?:\d{{1,3}}(?:\.\d{{1,2}})?|\d/\d(?:\sof\san?)?|(?:a\s)?(?:couple|few)(?:\sof)?|several|some|another|an?"
    rf"|{one_of(CARDINALS)})"
)
_HALF = r"(?:a\s)?half(?:\san?)?|(?:a\s)?quarter(?:\sof\san?)?|three[ -]quarters?(?:\sof\san?)?"
_GAP = r"(?:(?<=\d)[\s-]?|(?<!\d)[\s-])"
_ONE = (
    rf"(?:(?:{_HALF})\s(?:hour)\b"
    rf"|{_NUMBER}{_GAP}(?:more\s|and\sa\shalf\s)?(?:{_ANY_UNIT})\b(?:\sand\sa\shalf)?)"
)
LENGTH = rf"{_ONE}(?:(?:,?\s|,?\sand\s|,)?(?:{_ONE}))*"
"""A pattern for one length: "2 hours", "a week and 3 days"."""
_SUM = re.compile(
    rf"(?:(?P<half>{_HALF})\s(?:hour)\b|(?P<number>{_NUMBER}){_GAP}"
    rf"(?:more\s|(?P<half_before>and\sa\shalf)\s)?(?:{_UNIT})\b(?P<half_after>\sand\sa\shalf)?)"
)
_ABOUT = r"(?:(?:about|around|like|approximately|~|only|just|exactly|at least)\s?)*"
_IN = re.compile(
    rf"(?:(?<![\w+])\+|\b(?:in|another|"
    rf"(?P<after>after))\s(?P<about>{_ABOUT}))(?P<length>{LENGTH})(?P<time>\stime|'s "
    rf"time)?(?!\w|\s(?:early|late|before|ahead)\b|\s(?:after|from)\s(?!\d{{1,2}}(?:[:\s,?!]|\s?[ap]m|$)|noon|the\b))"
)
_NOW = re.compile(
    r"(?:^|\b(?:come|come in|go|back|in|over|be seen|see me|is)\s)(?P<now>(?:right |just )?now|"
    r"at the moment|atm)"
    r"(?=\W*(?:please|pls|if possible)?\W*$)"
)
"""Only where it is when somebody comes: "I need to cancel now" names no time."""
_FROM_NOW = re.compile(
    rf"(?<![\w/.$-])(?P<length>{LENGTH})\s(?:from\s(?:now|today|this point)|hence|out|in the "
    rf"future|"
    r"(?P<later>later))\b(?! of\b)"
)
_SHIFTS = re.compile(
    rf"(?<![\w/.$-])(?<!\bfor )(?P<length>{LENGTH})\s(?P<side>after|from|following|before|"
    rf"prior to|past)\s"
    r"(?:(?:the|next|on|my)\s)*$"
)
_WEEKS_ON = re.compile(
    r"(?<!\bfor )(?<!\bin )\b(?P<length>(?:a|one|two|1|2) (?:weeks?|fortnight)) on\s$"
)
"""As some say for "from": "a week on friday"."""
_DAY_BESIDE = re.compile(r"\b(?:the\s)?day\s(?P<side>after|before)\s(?:the\s|my\s)?$")
_NEXT_FEW = re.compile(
    rf"\b(?:the\s)?(?:(?:next|coming|upcoming|following)\s(?P<length>{LENGTH})|"
    rf"(?P<number>{_NUMBER})\s(?:next|coming|upcoming|following)\s(?P<unit>{_ANY_UNIT}))\b"
)
_ALONE = re.compile(
    rf"(?<![\w/.$#:+-])(?:(?P<lead>within|for|every|each|per)\s(?:only\s|about\s|the next\s)?)?"
    rf"(?P<length>{LENGTH})(?!\s(?:old|ago|off|supply|lens\w*|contacts?)\b|[\w-])"
)
_WHOLE = re.compile(
    rf"\bfor\s(?:a\s|the\s|an\s)?(?:full|whole|entire|all)[\s-](?:the\s)?(?P<unit>{_ANY_UNIT})\b"
    r"|\bfor\sthe\s(?P<whole>hour|week|month|year)\b(?!\s(?:of|after|before))"
)
_LASTED = re.compile(
    r"\b(?:had|have|has|been|worn|wore|wearing|was|were|hurt\w*|since|using|used|lasted|"
    r"waiting|waited|"
    r"known|every|once|twice|times|per|'ve)\b[^.,;!?]*$"
)


@dataclass(frozen=True)
class Length:
    """A stretch of time without a place: so many months, days and seconds."""

    months: int = 0
    days: float = 0.0
    seconds: float = 0.0
    working: int = 0

    @property
    def whole_days(self) -> bool:
        """Whether it was counted in days or more, so that the time of day does not matter."""
        return not self.seconds

    @property
    def weeks(self) -> bool:
        """Whether it was counted in weeks, so that a weekday beside it is one of that week."""
        return self.days >= WEEK / DAY and not (self.days % 7 or self.months or self.seconds)

    def total(self) -> int:
        """In seconds; a month counts thirty days."""
        days = 30 * self.months + self.days + self.working
        return round(days * _SECONDS["day"] + self.seconds)

    def after(self, moment: datetime, sign: int = 1) -> datetime:
        """The moment that lies so much later, or earlier where `sign` is -1."""
        moved = add_months(moment, sign * self.months) if self.months else moment
        for _ in range(self.working):
            moved += sign * DAY
            while moved.weekday() > 4:  # noqa: PLR2004  (Saturday and Sunday)
                moved += sign * DAY
        if self.days:  # adding nothing would forget which of two equal hours it is
            moved += sign * timedelta(days=self.days)
        apart = sign * timedelta(seconds=self.seconds)
        if moved.tzinfo is None or not apart:
            return moved + apart
        # Hours are real ones, also where the clocks change in between.
        return (moved.astimezone(UTC) + apart).astimezone(moved.tzinfo)


def read_length(text: str) -> Length:
    """The sum of the lengths that a text names: "1 day 2 hours"."""
    months, days, seconds, working = 0.0, 0.0, 0.0, 0
    for match in _SUM.finditer(text):
        if match["half"]:
            word = match["half"].removeprefix("a ")
            part = 0.75 if word.startswith("three") else 0.5 if word.startswith("half") else 0.25
            seconds += part * _SECONDS["hour"]
            continue
        count = _count(match["number"])
        if match["half_before"] or match["half_after"]:
            count += 0.5
        unit = next(name for name, _, _ in _UNITS if match[name])
        if unit in {"month", "year"}:
            months += count * (12 if unit == "year" else 1)
        elif unit == "business":
            working += int(count)
        elif unit in {"day", "week", "fortnight"}:
            days += count * _SECONDS[unit] / _SECONDS["day"]
        else:
            seconds += count * _SECONDS[unit]
    return Length(int(months), days + 30 * (months - int(months)), seconds, working)


def _count(words: str) -> float:
    if words in CARDINALS:
        return CARDINALS[words]
    if "/" in words:
        over, under = words.partition(" ")[0].split("/")
        return int(over) / max(1, int(under))
    if words[0].isdigit():
        return float(words)
    return next(value for word, value in reversed(_VAGUE.items()) if word in words.split())


def find_relative(text: str, now: datetime) -> list[Days]:
    """Instants and days that are counted from now: "in 2 hours", "3 weeks from now".

    Args:
        text: from :func:`nlu.dates.spelling.respell`.
        now: when it was received, in the zone of the business.
    """
    found = [
        Days(*match.span("now"), now.replace(tzinfo=None), grain="minute")
        for match in _NOW.finditer(text)
    ]
    for match in (*_IN.finditer(text), *_FROM_NOW.finditer(text)):
        length = read_length(match["length"])
        later = bool(match.groupdict().get("later") or match.groupdict().get("after"))
        days = _from(now, length, *match.span())
        if days and all(days.stop <= other.start or other.stop <= days.start for other in found):
            # "later" than what was not said
            found.append(replace(days, ask=days.ask or later))
    for match in _NEXT_FEW.finditer(text):
        if match["number"] and not match["unit"].endswith("s"):
            continue  # "9 or 10 next week"
        length = read_length(match["length"] or f"{match['number']} {match['unit']}")
        begin = now + DAY if length.whole_days else now
        end = length.after(now).replace(tzinfo=None)
        if not 0 < length.total() < 2 * FAR.total_seconds():
            continue
        days = Days(*match.span(), begin.replace(tzinfo=None), end, grain="minute")
        if length.whole_days:
            days = replace(days, begin=_midnight(days.begin), end=_midnight(end), grain="day")
        if all(days.stop <= other.start or other.stop <= days.start for other in found):
            found.append(days)
    return found


def _midnight(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _from(now: datetime, length: Length, start: int, stop: int) -> Days | None:
    if abs(length.total()) > 4 * FAR.total_seconds():
        return None
    begin = length.after(now).replace(tzinfo=None)
    if not length.whole_days:
        return Days(start, stop, begin, grain="minute")
    day = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    in_weeks = length.days >= WEEK / DAY and not length.days % 7
    return Days(
        start,
        stop,
        day,
        ask=length.total() > FAR.total_seconds(),
        vague=in_weeks or bool(length.months),
    )


def shift_before(text: str, start: int) -> tuple[int, Length, int] | None:
    """What moves the date or time that begins at `start`: "2 days after", "an hour before".

    Returns:
        Where the words begin, the length, and 1 or -1; None where there is no such thing.
    """
    match = _SHIFTS.search(text[max(0, start - 60) : start])
    on = _WEEKS_ON.search(text[:start])
    if not match and on:
        return on.start(), read_length(on["length"]), 1
    if not match:
        day = _DAY_BESIDE.search(text[:start])
        sign = -1 if day and day["side"] == "before" else 1
        return (day.start(), Length(days=1), sign) if day else None
    sign = -1 if match["side"] in {"before", "prior to"} else 1
    return max(0, start - 60) + match.start(), read_length(match["length"]), sign


def find_lengths(text: str, now: datetime) -> list[Days]:
    """Durations ("15 min", "for a week") and what is within one from now ("within 2 weeks").

    What has lasted so long already ("had them for 2 weeks") has `seconds` 0.

    Args:
        text: respelled, with everything masked that is read already.
        now: when it was received, in the zone of the business.
    """
    found = [
        Days(
            *match.span(), None, seconds=read_length(f"1 {match['unit'] or match['whole']}").total()
        )
        for match in _WHOLE.finditer(text)
    ]
    for match in _ALONE.finditer(text):
        length = read_length(match["length"])
        over = match["lead"] in {"every", "each", "per"} or _LASTED.search(text[: match.start()])
        if over or match["lead"] != "within":
            seconds = 0 if over else length.total()
            found.append(Days(*match.span(), None, seconds=seconds))
        elif length.total() <= FAR.total_seconds():
            begin = now.replace(hour=0, minute=0, second=0) if length.whole_days else now
            grain = "day" if length.whole_days else "minute"
            end = length.after(begin).replace(tzinfo=None)
            found.append(Days(*match.span(), begin.replace(tzinfo=None), end, grain=grain))
    return found
