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

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)

ABBREVIATIONS = {
    "tomorrow": "tmrw tmr tmw tmmrw tmrrw tmrow tomo tomoz tomoro tomoroww 2moro 2morrow 2mrw 2mro "
    "tomm tomor tommorrow tommorow tomorow tommorw tomorro tomrw tomrrow tomorrrow",
    "today": "2day tday todai",
    "tonight": "2nite 2night tonite tnite",
    "monday": "mon mondy munday",
    "tuesday": "tue tues tus tusday",
    "wednesday": "wed weds wensday wendsday wedsday wednsday",
    "thursday": "thu thur thurs thr thrs thirsday",
    "friday": "fri fryday",
    "saturday": "sat",
    "sunday": "sun",
    "january": "jan",
    "february": "feb",
    "march": "mar",
    "april": "apr",
    "june": "jun",
    "july": "jul",
    "august": "aug",
    "september": "sep sept",
    "october": "oct",
    "november": "nov",
    "december": "dec",
    "next": "nxt nex",
    "week": "wk",
    "weeks": "wks",
    "weekend": "wknd wkend weekand",
    "month": "mth mnth",
    "minutes": "mins min",
    "hours": "hrs",
    "hour": "hr",
    "morning": "morn mornin mornings am-ish mrng morng",
    "afternoon": "aft afternoons aftrnoon afternon arvo aftn afternn",
    "evening": "evenings evng",
    "between": "btwn btw btween betwn betwen",
    "before": "b4 bfore",
    "after": "aftr afta",
    "around": "arnd arond",
    "until": "til till untill",
    "to": "thru through",
    "and": "n",
    "noon": "midday noonish",
    "appointment": "appt apt appts aptmt appmt appointmnt",
    "can't": "cant cannot cnt",
    "don't": "dont",
    "won't": "wont",
    "isn't": "isnt",
    "doesn't": "doesnt",
    "instead": "insted",
}
_SPELLED = {word: long for long, words in ABBREVIATIONS.items() for word in words.split()}
DATE_WORDS = frozenset(
    word
    for long in (*WEEKDAYS, *MONTHS, "tomorrow", "today", "tonight")
    for word in (long, *ABBREVIATIONS.get(long, "").split())
    if word != "may"
)
"""Words that name a day or a month, in every spelling that is known."""
_LONG_WORDS = (*WEEKDAYS, *(m for m in MONTHS if len(m) > len("march")), "tomorrow", "afternoon")
_KNOWN = {*_LONG_WORDS, *(day + "s" for day in WEEKDAYS), "sundry", "mondays", "something"}
HOURS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_MINUTES = {"fifteen": "15", "thirty": "30", "forty five": "45", "forty-five": "45"}

_APOSTROPHE = re.compile("[\u2018\u2019\u02bc`]")
_DASH = re.compile("[\u2013\u2014]")
_WORD = re.compile(r"(?<![\w/])[0-9]?[a-z]+(?:-ish)?(?![\w/])")
_SAT_DOWN = re.compile(r"\b(?:i|we|he|she|they|just|the) (?:sat|sun|wed)\b(?! (?:at|the))")
_B_SLASH_W = re.compile(r"\bb/w\b")
_AT = re.compile(r"\s*@\s*(?=\w)")
_SPOKEN_TIME = re.compile(
    rf"\b({'|'.join(HOURS)})[ -](fifteen|thirty|forty[ -]five|o'?clock)\b", re.ASCII
)
_SPOKEN_HOUR = re.compile(
    rf"\b(at|after|before|by|until|around|past|to|and|or) ({'|'.join(HOURS)})\b"
    r"(?=\s*(?:$|[.,!?]|(?:am|pm|on|or|and|o'?clock|please|pls|today|tomorrow|works|in the|"
    r"this|next)\b))"
)
_MERIDIEM = re.compile(r"(?<=\d)\s*(?:(a|p)\.?\s?m\.?(?![a-z])|(a|p)(?![a-z']))")
_POINT = re.compile(r"\b(\d{1,2})\.([0-5]\d)(?=\s*(?:am|pm)\b)")
_CANNOT = r"can't (?:do |come |make it |be there )?"
_NO_EARLIER = re.compile(
    rf"\b(?:no(?:t)? (?:any )?earlier than|not before|{_CANNOT}(?:before|until)|"
    r"any ?time (?:after|from)|from (?=\d{1,2}(?::\d\d)? ?(?:am|pm)? on(?:wards?)?\b))\b"
)
_NO_LATER = re.compile(
    rf"\b(?:no(?:t)? (?:any )?later than|not after|not past|{_CANNOT}(?:after|past))\b"
)
_TOM = re.compile(
    r"\btom\b(?=\s*(?:$|[?!.,]|@|(?:at|around|morning|afternoon|after|before|or|evening)\b))"
)
_WORK_UNTIL = re.compile(r"(?:(?<=\bwork )|(?<=\bbusy )|(?<=\bclass )|(?<=\bworking ))until\b")
_SOONER_THAN = re.compile(r"\b(?:sooner|earlier|prior) (?:than|to)\b")
_LATER_THAN = re.compile(r"\blater than\b")
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
    aligned.replace(_SAT_DOWN, lambda match: "|" * len(match.group()))
    aligned.replace(_B_SLASH_W, lambda _: "between")
    aligned.replace(_WORD, lambda match: _word(match.group()))
    aligned.replace(_AT, lambda _: " at ")
    aligned.replace(_SPOKEN_TIME, _spoken_time)
    aligned.replace(_SPOKEN_HOUR, lambda match: f"{match[1]} {HOURS[match[2]]}")
    aligned.replace(_MERIDIEM, lambda match: f"{match[1] or match[2]}m")
    aligned.replace(_POINT, lambda match: f"{match[1]}:{match[2]}")
    for pattern, phrase in _PHRASES:
        aligned.replace(pattern, partial(_always, phrase))
    return aligned


def _always(phrase: str, _: re.Match[str]) -> str:
    return phrase


@lru_cache(maxsize=4096)
def _word(word: str) -> str:
    if word in _SPELLED:
        return _SPELLED[word]
    if len(word) < 6 or word in _KNOWN:  # noqa: PLR2004  (short words have too many neighbours)
        return word
    # One slip of the finger, or two letters swapped; the first letter is rarely wrong.
    found = process.extractOne(word, _LONG_WORDS, scorer=OSA.distance, score_cutoff=2)
    if found and found[0][0] == word[0] and (found[1] < 2 or len(word) > 7):  # noqa: PLR2004
        return found[0]
    return word


def _spoken_time(match: re.Match[str]) -> str:
    hour = HOURS[match[1]]
    minutes = _MINUTES.get(match[2])
    return f"{hour}:{minutes}" if minutes else f"{hour} o'clock"
