"""Named parts of the day: "in the morning", "after school", "end of day"."""

from __future__ import annotations

import re
from datetime import time

from nlu.dates.calendar import MARK

_BEFORE_DAY = r"(?=[ -](?:on )?(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow))"
_AFTER_DAY = rf"(?:(?<=day )|(?<=tomorrow )|(?<={MARK} )|(?<=\dth )|(?<=1st )|(?<=2nd )|(?<=3rd ))"
# Name: the words, begin and end. Public test suites of date parsers agree on 12 for the end of
# the morning; the rest is what a practice that is open by day can offer.
DAYPARTS: dict[str, tuple[str, time, time]] = {
    "early morning": (
        (
            r"early[ -](?:in the |hours of the )?mornings?|first thing(?: in the morning)?|"
            r"breakfast(?: time)?"
            r"|^(?:very )?early(?=\W*$)"
        ),
        time(8),
        time(10),
    ),
    "late morning": (r"later?[ -](?:in the )?mornings?|mid[ -]?mornings?", time(10), time(12)),
    "morning": (
        (
            rf"mornings?|before lunch|early{_BEFORE_DAY}|{_AFTER_DAY}(?:early(?! next| in| this|[ "
            rf"-](?:evening|night|afternoon|morning))|am\b)|in the am\b"
        ),
        time(8),
        time(12),
    ),
    "lunch": (
        r"(?:(?:at|over|during|around) )?(?:my )?lunch(?: ?time| ?hour| break)?",
        time(12),
        time(13),
    ),
    "after lunch": (r"after lunch(?: ?time)?|early[ -](?:in the )?afternoons?", time(13), time(15)),
    "eod": (
        (
            r"(?:the )?end of (?:(?:the |my )?(?:work ?)?day\b|(?=tomorrow\b|today\b|\w+day\b))|"
            r"close of business|cob|eod"
            rf"|{_AFTER_DAY}late(?! next| in|r| for|[ -](?:evening|night|afternoon|morning))|"
            rf"later?[ -](?:in the )?(?:afternoons?|day)|(?<!too )(?<!be )(?<!running )"
            rf"late{_BEFORE_DAY}|last thing{_BEFORE_DAY}"
        ),
        time(16),
        time(18),
    ),
    "afternoon": (
        rf"afternoons?(?:ish)?|mid[ -]?afternoons?|{_AFTER_DAY}pm\b|in the pm\b",
        time(12),
        time(17),
    ),
    "evening": (
        (
            r"(?:early[ -]|late[ -])?evenings?|after ?work|(?:late )?(?:tonight|night)"
            r"|(?<!christmas )(?<!year's )(?<!years )eve"
        ),
        time(17),
        time(20),
    ),
    "after school": (r"after ?school", time(15), time(17)),
}
_ORDER = ("early morning", "late morning", "after lunch", "after school", "lunch", "eod", "morning",
          "afternoon", "evening")  # fmt: skip
_DAYPART = re.compile(
    r"(?<!mid )\b(?:in the |at |this )?(?:"
    + "|".join(f"(?P<{name.replace(' ', '_')}>{DAYPARTS[name][0]})" for name in _ORDER)
    + r")\b(?! (?:care|exam))"
)
_GREETING = re.compile(
    r"\bgood (?:morning|afternoon|evening|night)\b|\b(?:every) night\b|^\W*morning\W*$|"
    r"^\W*(?:morning|afternoon|evening)\b(?=[,!. ]\W*\S)"
    r"(?! (?:works?|is|are|would|of|on|pls|please|or|at|around|best|better|only|if|after|"
    r"before|any|tomorrow|today|\w+day|the \d|\d+[/a-z]))"
)


_NAMED_BETWEEN = re.compile(
    r"\d(?:\s?o'clock)?(?:[\s,]+(?:on|in|the|this|next|tomorrow|today|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|\d\d?(?:st|nd|rd|th)))+\s*$"
)
"""An hour and its day before the part of the day: "8 o'clock tomorrow night"."""
_OTHER = re.compile(r"\||\b(?:or|not|but|instead)\b")


def find_dayparts(text: str) -> list[re.Match[str]]:
    """Every part of a day in a respelled text; :func:`name_of` says which it is."""
    return list(_DAYPART.finditer(text))


def name_of(part: re.Match[str]) -> str:
    """The key in :data:`DAYPARTS`."""
    return (part.lastgroup or "").replace("_", " ")


def halves(text: str, parts: list[re.Match[str]]) -> dict[int, str]:
    """For offsets close to a named part of the day: whether an hour there is am or pm."""
    near: dict[int, str] = {}
    for part in parts:
        if part.lastgroup == "lunch":
            continue  # on both sides of noon
        half = "am" if "morning" in (part.lastgroup or "") else "pm"
        first, last = max(0, part.start() - 12), min(len(text), part.end() + 12)
        named = _NAMED_BETWEEN.search(text, 0, part.start())
        first = min(first, named.start()) if named else first
        for other in _OTHER.finditer(text, first, part.start()):
            first = other.end()
        after = _OTHER.search(text, part.end(), last)
        around = range(first, after.start() if after else last)
        near.update(dict.fromkeys(around, half))
    return near


def hide_greetings(text: str) -> str:
    """The text with "|" over "good morning" and the like."""
    return _GREETING.sub(lambda match: "|" * len(match.group()), text)
