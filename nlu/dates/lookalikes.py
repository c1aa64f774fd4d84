"""What looks like a date or a time and is none: phone numbers, prices, ages, rooms, eyesight."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nlu.aligned import Aligned

_COUNTED = (
    r"(?:people|persons?|kids?|children|boys|girls|sons|daughters|adults|pairs?|patients|of us|"
    r"boxes|box|"
    r"bottles|glasses|contacts|lenses|lens|frames|exams|appointments|questions|times|miles?|"
    r"blocks|bucks|dollars|"
    r"cents|percent|spots?|slots?|openings|things|ppl|pounds|lbs|feet|ft|mm|cm|mg|"
    r"yo|y/o|years? old|yr old|months? old|weeks? old|days? old|stars?|cups?)"
)
_WHO = (
    r"(?:i'm|im|i am|he's|hes|he is|she's|shes|she is|who's|who is|they're|(?:son|daughter|kid|"
    r"child|boy|girl|"
    r"baby|mom|mother|dad|father|husband|wife|brother|sister|grandson|granddaughter|niece|"
    r"nephew)(?:'s| is)|"
    r"turned|turning|turns|aged?)"
)
_PLACE = (
    r"(?:room|rm|apt|apartment|unit|suite|ste|floor|bldg|building|exit|route|rt|highway|hwy|"
    r"gate|door|bay|box|"
    r"bus|lot|space|level|window|station|line|step|option|number|no\.|size|version|press|reply|"
    r"text|code|pin|"
    r"zip|chapter|plan|grade|covid|type|group|hep|vitamin|b|iphone|channel)"
)
_THINGS = (
    "(?:one|option|slot|time|choice|street|st|ave|avenue|floor|opening|thing|visit|person|"
    "exam|pair)"
)
_COUNTED, _WHO, _PLACE = (words.replace(" ", r"\s") for words in (_COUNTED, _WHO, _PLACE))
_EVER = re.compile(
    rf"""
    # addresses of the net, phone numbers (but not dates with dashes)
    \S+@\S+\.\w+ | https?://\S+ | www\.\S+
  | (?<![\w/:])(?!\d{{4}}[.-]\d\d?[.-]\d\d?\b|\d\d?\s?-\s?\d\d?,?\s20\d\d\b
        |\d\d?-\d\d?-\d\d|\d\d?\.\d\d?\.\d\d|\d{{4}}-\d{{4}}\b
        |20\d\d\s)\+?[\d(][\d()\s.-]{{8,}}\d(?![\w/:])
  | \b(?:call|phone|text|tel|cell|number\sis|reach\sme\sat)\s(?:me\s(?:at\s
        |on\s)?)?\(?\d{{3}}[\d()\s.-]{{3,}}\d\b
  | \b\d{{3}}[-.]\d{{4}}\b(?!\d)
    # the numbers of a list
  | (?<![^\s])(?<!\bto\s)(?<!\bat\s)(?<!\bor\s)(?<!\bby\s)(?<!\band\s)(?<!\buntil\s)(?<!\bafter\s)
      (?<!\bbefore\s)(?<!\baround\s)(?<!-\s)(?<!day\s)(?<!tomorrow\s)\d[.)]\s(?=[a-z])
    # orders, references, postal codes
  | (?:\#|\b(?:order|invoice|ref\w*|confirmation|conf|ticket|case|member|policy|claim|account
        |acct)\b
       \s?(?:number|no\.?|id|code|is|\#|:)?)\s*[:\#]?\s*[a-z]*-?\d[\w-]*
  | \b(?!may-|june-|july-)[a-z]{{2,4}}-(?=[a-z]*\d)[a-z0-9]{{3,}}\b | (?<![\d:])\b\d{{5,}}\b(?!:)
    # money, shares, eyesight, prescriptions
  | [$\u20ac\u00a3]\s?\d[\d.,]* | \b\d+(?:\.\d+)?\s?(?:%|percent\b|bucks\b|dollars\b|usd\b)
  | \b20/\d+(?=\s(?:vision|eyesight|sight|in\b)) | (?<=\bsee\s)20/\d+ | (?<![\d/])20/(?:[2-9]\d
        |1[3-9]|\d\d\d)\b(?!/)
  | \b(?:24/7|24x7|50/50)\b
  | (?<![\w.])[+-]\s?\d{{1,2}}\.\d{{1,2}}\b | \b\d{{1,2}}\.\d{{1,2}}(?=\s(?:contacts?|lens
        |lenses|base|bc|diameter)\b)
    # rooms, ages, amounts, versions
  | \b{_PLACE}[\s-]?\#?\s?\d+[a-z]?\b(?![:/]\d)(?!\s?(?:am|pm)\b)
  | \b{_WHO}\s(?:almost\s|nearly\s|now\s|only\s|just\s)?\d{{1,3}}\b
      (?!\s?(?:am|pm|:|minutes?|hours?|days?|weeks?|blocks|too\b))(?![:/\d])
  | (?<![:/\d.-])\b\d{{1,3}}\s?{_COUNTED}\b
  | \b(?:{_COUNTED})\s(?:of|x)\s\d+\b
    # streets, choices from a list
  | (?<!\d\s)\b(?:at\s)?\d{{2,5}}\s(?!(?:on|or|and|is|works?|the|today|tomorrow|this|next|please
        |pls|for|am|pm)\b)
      [a-z]+\s(?:st|street|ave|avenue|rd|road|blvd|dr|drive|lane|ln|way|court|ct|place|pl|hwy)\b
  | \b\d+(?:st|nd|rd|th)\s{_THINGS}\b
  | \b(?:first|second|third|fourth|fifth)\s{_THINGS}\b
  | \bon\s(?:first|second|third|fourth|fifth|sixth|seventh)\b(?!\sof|\s(?:and|to)\s|\s\w+day\b
      |\sweek)
    """,
    re.VERBOSE,
)
_NO_DAY = re.compile(
    r"""
    \bmarch\b(?=\s+(?:in|over|into)\b)
  | \b(?:wait|give\sme|gimme|gonna\sbe|just|hang\son|hold\son|hold|got)\s(?:a|one|1)\s(?:quick\s)?
      (?:seconds?|sec|minutes?|moment)\b | ^\W*(?:one|a|1)\s(?:seconds?|sec|moment)\b
  | \b(?:right\s)?now\b | \basap\b
  | \bthe\s(?:first|second|third|fourth|fifth)\b(?!\sof)
    # no day in particular, ages, how long something has lasted
  | \b(?:all|every|each|what|which|any|other|same|good|nice|great|sick|bad|per|
        (?<!of\s)(?<!after\s)(?<!before\s)(?<!rest\s)the)
    \s(?:days?|weeks?|year|month|hour)\b
  | \b(?:one|some)\sday\b
  | \b\d+\s?(?:years?|yrs?|months?|days?|weeks?)\s(?:old|ago|supply)\b
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"\d|#|@")


def hide(text: str) -> str:
    """The respelled text with "|" over what is never a date or a time of day."""
    if not _NUMBER.search(text) and " on " not in text:
        return text
    return _EVER.sub(_cover, text)


def hide_no_day(text: str) -> str:
    """The same with "|" over what names no day; for what is left after times were read."""
    return _NO_DAY.sub(_cover, text)


def hide_taken(aligned: Aligned, taken: Sequence[tuple[int, int]]) -> str:
    """The text with "|" over what is known to be something else.

    Args:
        aligned: the respelled text.
        taken: begin and end (exclusive) of each such thing, in the original.
    """
    if not taken:
        return aligned.text
    characters = list(aligned.text)
    for index in range(len(characters)):
        first, last = aligned.span(index, index + 1)
        if any(first < end and start < last for start, end in taken):
            characters[index] = "|"
    return "".join(characters)


def _cover(match: re.Match[str]) -> str:
    return "|" * len(match.group())
