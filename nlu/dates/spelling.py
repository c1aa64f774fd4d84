"""How people spell dates and times in texts: abbreviations, typing errors, phrases.

Everything becomes lower case and one spelling, so that the patterns that read dates see
"tomorrow" for "tmrw" and "tuesday" for "tuesdy".
"""

from __future__ import annotations

import re
from functools import lru_cache, partial

from rapidfuzz import process
from rapidfuzz.distance import OSA

from nlu.aligned import Aligned
from nlu.dates.numbers import CARDINALS, HOURS, digits, one_of
from nlu.dates.shorthand import write_out
from nlu.dates.words import ABBREVIATIONS, MONTHS, WEEKDAYS

_SPELLED = {word: long for long, words in ABBREVIATIONS.items() for word in words.split()}
DATE_WORDS = frozenset(
    word
    for long in (*WEEKDAYS, *MONTHS, "tomorrow", "today", "tonight")
    for word in (long, *ABBREVIATIONS.get(long, "").split())
    if word != "may"
)
"""Words that name a day or a month, in every spelling that is known."""
_LONG_WORDS = (
    *WEEKDAYS,
    *(m for m in MONTHS if len(m) > len("march")),
    "tomorrow",
    "afternoon",
    "following",
)
_KNOWN = {*_LONG_WORDS, *(day + "s" for day in WEEKDAYS), "sundry", "mondays", "something"}

_APOSTROPHE = re.compile("[\u2018\u2019\u02bc`]")
_DASH = re.compile("[\u2013\u2014]")
_WORD = re.compile(r"(?<![\w/])[0-9]?[a-z]+(?:-ish)?(?![\w/])")
_SAT_DOWN = re.compile(
    r"\b(?:(?:i|we|he|she|they|just) (?:sat|sun|wed)|the sun)\b(?! (?:at|the|after|before|of|or)\b)"
)
_ADDRESS = re.compile(r"\S+@\S+\.\w+|\bapt\.?\s?#?\s?\d+[a-z]?\b(?!\s?[ap]\.?m|:)")
_B4 = re.compile(r"\bb4\b")
_B_SLASH_W = re.compile(r"\bb/w\b")
_AT = re.compile(r"\s*@\s*(?=\w)")
_TIME_ENDS = (
    r"(?=\s*(?:$|[.,!?-]|(?:am|pm|a\.?m|p\.? ?m|on|or|and|to|until|o'?clock|please|pls|today|"
    r"tomorrow|"
    r"tonight|works?|in the|for|this|next|is|instead|possible|available|good|ok|would|onwards?|"
    r"(?:the )?day after|coming|the \d\w+|\w+day|\d{1,2}/\d{1,2})\b))"
)
_DAY_HOURS = {word: number for word, number in CARDINALS.items() if number < 24}  # noqa: PLR2004
_MINUTES = {
    **{word: f"{number:02}" for word, number in CARDINALS.items() if 10 <= number < 60},  # noqa: PLR2004
    **{
        f"{zero} {word}": f"{CARDINALS[word]:02}"
        for zero in ("zero", "o", "ou")
        for word in tuple(CARDINALS)[:9]
    },
    **{f"oh {word}": f"{CARDINALS[word]:02}" for word in tuple(CARDINALS)[:9]},
    **{f"oh-{word}": f"{CARDINALS[word]:02}" for word in tuple(CARDINALS)[:9]},
}
_SPOKEN_QUARTER = re.compile(
    rf"\b({'|'.join(HOURS)})[ -](fifteen|thirty(?![ -]five)|forty[ -]five|o'?clock)\b", re.ASCII
)
_SPOKEN_TIME = re.compile(
    rf"\b({'|'.join(_DAY_HOURS)})[ -]({'|'.join(sorted(_MINUTES, key=len, reverse=True))})\b"
    rf"{_TIME_ENDS}"
)
_TENS_OF_MINUTES = [word for word, written in _MINUTES.items() if not written.startswith("0")]
_SPOKEN_MINUTES = re.compile(
    rf"(?<![\w:/.-])(1[0-2]|[1-9]) ({'|'.join(sorted(_TENS_OF_MINUTES, key=len, reverse=True))})\b"
    rf"{_TIME_ENDS}"
)
_SPOKEN_HOUR = re.compile(
    rf"\b(at|after|before|by|until|around|past|to|and|or|from|between|than) ({'|'.join(HOURS)})\b"
    rf"{_TIME_ENDS}"
)
_SPOKEN_BESIDE = re.compile(
    rf"\b({'|'.join(word for word in HOURS if word != 'one')})"
    r"(?=(?:[ -]?ish\b|,? (?:works|is (?:good|fine|ok|great|perfect|better)|today|tonight|"
    r"tomorrow|on (?:the \d|\w+day)|\w+sday|friday|monday|sunday|"
    r"saturday|(?:to|until) (?:\d|"
    + "|".join(HOURS)
    + r")(?=.*(?:am|pm|in the|today|tomorrow))|in the (?:morning|afternoon|evening))\b))"
)
_ISH = re.compile(r"(?<=:\d\d)\s?-?ish\b")
_SPOKEN_MERIDIEM = re.compile(rf"\b({one_of(HOURS)})(?=(?:\s?[ap]\.?m\b| [ap] m\b| o'?clock\b))")
_MERIDIEM = re.compile(r"(?<=\d)\s*(?:(a|p)\.?\s?m\.?(?![a-z])|(a|p)(?![a-z']))")
_PM_OF_24 = re.compile(r"(?<![:\d])((?:1[3-9]|2[0-3])(?::[0-5]\d)?)\s?pm\b")
_POINT = re.compile(r"\b(\d{1,2})\.([0-5]\d)(?=\s*(?:am|pm)\b)")
_APART = re.compile(r"(?<![\w:/.-])(1[0-2]|[1-9]) ([0-5]\d)(?=\s?[ap]m\b)")
_HALF_HOUR = re.compile(
    rf"\bhalf (?=(?:1[0-2]|[1-9]|{one_of(HOURS)})\b(?!:|-| (?:hours?|minutes?|days?|weeks?)))"
)
_POINT_AT = re.compile(
    r"(?:(?<=\bat )(\d{1,2})\.([0-5]\d)|(?:(?<=\bfrom )|(?<=\bto )|(?<=\buntil )|(?<=\baround "
    r")|(?<=day )|"
    r"(?<=, ))(\d{1,2})\.(00|15|30|45))\b(?!\.?\d)"
)
_CLOCK_HALF = re.compile(r"\b(\d{1,2}(?::[0-5]\d)?) ?o'?clock (?:in the )?([ap])\.?\s?m\b\.?")
_TH_RANGE = re.compile(
    r"(?<![\w:/.$#-])([1-9]|[12]\d|3[01])(?=\s?(?:-|to|until)\s?(?:the )?[1-3]?\d(?:st|nd|rd|th)\b)"
)
_HOURS_LETTER = re.compile(
    r"\b(\d{1,2})\s?h\s?([0-5]\d)\b|\b([01]\d|2[0-3]):?([0-5]\d)\s?(?:hours?|hrs|h)\b"
)
_AT_HOUR_LETTER = re.compile(r"(?<=\bat )(\d{1,2})\s?h\b")
_SECONDS = re.compile(r"(?<![\d:])(\d{1,2}:[0-5]\d):[0-5]\d(?:\.\d+)?z?(?!\d|:)")
_SLIPS = re.compile(r"\b(\d{1,2})(?:;([0-5]\d)\b| o clock\b|-(?=ish\b))")
_SPACED = re.compile(
    r"(?:(?<=^)|(?<=\bat )|(?<=day )|(?<=tomorrow ))(1[0-2]|[1-9]) (00|15|30|45)"
    r"(?=\s*(?:$|[.,!?]|(?:on|works?|pls|please)\b))"
)
_MID = re.compile(r"\bmid[ -](?=night\b|day\b)")
_DAY_DASH = re.compile(rf"\b({'|'.join(WEEKDAYS)})\s?-\s?(?=\d{{1,2}}(?::\d\d)?\s?[ap]\.?m?\b)")
_ISO_T = re.compile(r"\b(\d{4}-\d\d-\d\d)t(?=\d\d:\d\d)")
_CANNOT = r"can't (?:do |come |make it |be there )?"
_NO_EARLIER = re.compile(
    rf"\b(?:no(?:t)? (?:any )?(?:earlier|sooner) than|not (?:available |free |there "
    rf")?before|{_CANNOT}(?:before|until)|"
    r"(?:nothing|none|no one) (?:before|until|earlier than)|not (?:available |free )?until(?: "
    r"after)?|"
    r"any ?time (?:after|from)|from(?= \d{1,2}(?::\d\d)? ?(?:am|pm)? on(?:wards?\b|\W*$|[,.!?])))"
    r"(?!\w)"
)
_NO_LATER = re.compile(
    rf"\b(?:no(?:t)? (?:any )?later than|not (?:available |free )?(?:after|past)|(?:nothing|"
    rf"none) (?:after|past|later than)|{_CANNOT}(?:after|past))\b"
)
_TOM = re.compile(
    r"\btom\b(?=\s*(?:$|[?!.,]|@|(?:at|around|morning|afternoon|after|before|or|evening)\b))"
)
_WORK_UNTIL = re.compile(
    r"\b(?:work|busy|class|working|school|booked|tied up|out of town|away|gone|unavailable|on "
    r"vacation|in meetings|"
    r"in a meeting|out)(?: (?:tomorrow|today|\w+day))? until\b"
)
_SOONER_THAN = re.compile(r"\b(?:sooner|earlier|prior) (?:than|to)\b")
_LATER_THAN = re.compile(r"\blater than\b")
_ANY_MONTH = "|".join(MONTHS)
_ANY_DAY = "|".join(
    word for day in WEEKDAYS for word in (day, *ABBREVIATIONS[day].split()) if word.isalpha()
)
_DAY_SLASH = re.compile(rf"\b({_ANY_DAY})\s?/\s?(?=(?:{_ANY_DAY})\b)")
_M_TO_F = re.compile(r"\bm ?- ?f\b")
_OR_NEXT = re.compile(r"\b(this (week|month|weekend) or (?:the )?next)\b(?! \w*(?:week|month|day))")
_MONTHS_SHORT = {
    word: _SPELLED.get(word, word) for word in DATE_WORDS if _SPELLED.get(word) in MONTHS
}
_MONTH_BESIDE_DIGITS = re.compile(
    rf"(?:(?<=\d[/-])|(?<![\w/-]))({'|'.join((*_MONTHS_SHORT, *MONTHS))})(?:(?=[/-]\d)|"
    rf"(?=\d{{1,2}}(?:\D|$)))"
)
_MONTH_POINT = re.compile(rf"\b({_ANY_MONTH})\.(?=[\s\d])")
_IN_WORDS = re.compile(rf"\b(?:{'|'.join(CARDINALS)}|\w*(?:th|st|rd|second|ish)|a quarter)\b")
_PHRASES = (
    (re.compile(r"\b1st thing\b"), "first thing"),
    (_TOM, "tomorrow"),
    (_NO_EARLIER, "after"),
    (_NO_LATER, "before"),
    (_SOONER_THAN, "before"),
    (_LATER_THAN, "after"),
    (_WORK_UNTIL, "after"),
)


def respell(text: str) -> Aligned:
    """One spelling for every way of writing dates and times.

    Args:
        text: as received, already without control characters.

    Returns:
        The lower-case rewritten text, which knows the offsets of the original.
    """
    aligned = Aligned(text)
    aligned.text = "".join(low if len(low := char.lower()) == 1 else char for char in text)
    aligned.replace(_APOSTROPHE, lambda _: "'")
    aligned.replace(_DASH, lambda _: "-")
    aligned.replace(_ADDRESS, lambda match: "|" * len(match.group()))
    aligned.replace(_SAT_DOWN, lambda match: "|" * len(match.group()))
    aligned.replace(_B4, lambda _: "before")
    aligned.replace(_B_SLASH_W, lambda _: "between")
    aligned.replace(_DAY_SLASH, lambda match: f"{match[1]} / ")
    aligned.replace(_M_TO_F, lambda _: "monday-friday")
    aligned.replace(_MID, lambda _: "mid")
    aligned.replace(_WORD, lambda match: _word(match.group()))
    aligned.replace(_MONTH_BESIDE_DIGITS, lambda match: _SPELLED.get(match[1], match[1]))
    aligned.replace(_AT, lambda _: " at ")
    aligned.replace(_MONTH_POINT, lambda match: match[1])
    aligned.replace(_ISO_T, lambda match: f"{match[1]} ")
    aligned.replace(_SLIPS, lambda match: f"{match[1]}:{match[2]}" if match[2] else
                    f"{match[1]} o'clock" if "clock" in match.group() else match[1])  # fmt: skip
    aligned.replace(_SPACED, lambda match: f"{match[1]}:{match[2]}")
    aligned.replace(_DAY_DASH, lambda match: f"{match[1]} ")
    write_out(aligned)
    aligned.replace(_HOURS_LETTER, lambda match: f"{match[1] or match[3]}:{match[2] or match[4]}")
    aligned.replace(_AT_HOUR_LETTER, lambda match: f"{match[1]}:00")
    aligned.replace(_SECONDS, lambda match: match[1])
    if _IN_WORDS.search(aligned.text):
        digits(aligned, _ANY_MONTH)
        aligned.replace(_SPOKEN_QUARTER, _spoken_time)
        aligned.replace(_SPOKEN_TIME, _spoken_time)
        aligned.replace(_SPOKEN_MINUTES, lambda match: f"{match[1]}:{_MINUTES[match[2]]}")
        aligned.replace(_SPOKEN_HOUR, lambda match: f"{match[1]} {HOURS[match[2]]}")
        aligned.replace(_SPOKEN_BESIDE, lambda match: str(HOURS[match[1]]))
        aligned.replace(_SPOKEN_MERIDIEM, lambda match: str(HOURS[match[1]]))
    aligned.replace(_CLOCK_HALF, lambda match: f"{match[1]}{match[2]}m")
    aligned.replace(_MERIDIEM, lambda match: f"{match[1] or match[2]}m")
    aligned.replace(_ISH, lambda match: " " * len(match.group()))
    aligned.replace(_POINT, lambda match: f"{match[1]}:{match[2]}")
    aligned.replace(_APART, lambda match: f"{match[1]}:{match[2]}")
    aligned.replace(_PM_OF_24, lambda match: match[1])
    aligned.replace(_HALF_HOUR, lambda _: "half past ")
    aligned.replace(_POINT_AT, lambda match: f"{match[1] or match[3]}:{match[2] or match[4]}")
    aligned.replace(_TH_RANGE, lambda match: f"{match[1]}th")
    aligned.replace(_OR_NEXT, lambda match: f"{match[1]} {match[2]}")
    for pattern, phrase in _PHRASES:
        aligned.replace(pattern, partial(_always, phrase))
    return aligned


def _always(phrase: str, _: re.Match[str]) -> str:
    return phrase


_TOMORROW = re.compile(r"t[ou]?m+[aeou]*r+[aeou]*w+")


@lru_cache(maxsize=4096)
def _word(word: str) -> str:
    if word in _SPELLED:
        return _SPELLED[word]
    if _TOMORROW.fullmatch(word):
        return "tomorrow"
    if len(word) < 5 or word in _KNOWN:  # noqa: PLR2004  (short words have too many neighbours)
        return word
    # One slip of the finger, or two letters swapped; the first letter is rarely wrong.
    found = process.extractOne(word, _LONG_WORDS, scorer=OSA.distance, score_cutoff=2)
    if found and found[0][0] == word[0] and (found[1] < 2 or len(word) > 7):  # noqa: PLR2004
        return found[0]
    return word


def _spoken_time(match: re.Match[str]) -> str:
    hour = CARDINALS[match[1]]
    minutes = _MINUTES.get(match[2])
    return f"{hour}:{minutes}" if minutes else f"{hour} o'clock"
