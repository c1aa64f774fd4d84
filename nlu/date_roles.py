"""What a date in a text is for: offered, refused, or the old one that is to be changed."""

from __future__ import annotations

import re
from typing import Literal

Role = Literal["offered", "refused", "old"]

_CHANGE = re.compile(
    r"\b(?:move|moving|switch|switching|change|changing|reschedul\w*|resched|push|bump|swap|shift|"
    r"rebook|transfer)\b"
)
_TO_NEW = re.compile(
    r"\b(?:to|for|until)\b"
    r"(?=\s+(?:(?:the|this|next|about|around|after|before|between|at|on) )*"
    r"(?:\d|noon|tomorrow|today|\w+day|(?:jan|febr)uary|march|april|may|june|july|august|"
    r"(?:sept|nov|dec)ember|october))"
)
_NAMES_TIME = re.compile(r"\d|day|noon|tomorrow|morning|afternoon|week")
_OLD_BEFORE = re.compile(
    r"\b(?:cancel\w*|my|our|existing|current|original|old|scheduled|"
    r"(?:i'm|im|i am|we're|was) (?:booked|scheduled|down|set)(?: in)?|appointment)\s*"
    r"(?:(?:appointment|exam|eye|visit|one|slot|checkup|for|on|at|the|is|was|that's|i have|"
    r"contact|lens)\s*)*$"
)
_SUPPOSED = re.compile(r"\b(?:supposed|meant) to (?:come|be|see|go)\b[^.,;!?]*$")
_REFUSES = (
    r"(?:not|no|can't|couldn't|won't|don't|doesn't|isn't|never|except|anything but|"
    r"any ?(?:day|time) but|"
    r"other than|besides|unable to|not able to|instead of|rather than|hate|nothing|busy|away|"
    r"out of town|work(?:ing)? (?:on|all)|no longer)"
)
_REFUSED_BEFORE = re.compile(rf"\b{_REFUSES}\b[^.;!?|]*$")
_NEW_CLAUSE = re.compile(
    r",?\s*\b(?:(?<!anything )(?<!day )(?<!time )but|how about|what about|can we|can i|could we|"
    r"could i|can u|can you|could you|"
    r"let's|lets|maybe|i can(?!')|i could(?!')|is there|do you have|do u have|"
    r"any(?! (?:day|time) but\b)|"
    r"anything|would|prefer|rather have|so|need|want|got|move|to)\b(?!\s+but\b)|[.;!?]|"
    r",(?=\s*\S+ (?:works?|is (?:good|fine|ok)))"
)
_REFUSED_AFTER = re.compile(
    r"^\W*(?:\w+ ){0,2}?(?:doesn't|don't|won't|isn't|can't|not|no longer|didn't|conflicts|no good|"
    r"is (?:bad|no good|out|taken|too|impossible)|are (?:bad|no good|out)|"
    r"too (?:late|early|soon|far))\b"
)
_QUESTION = re.compile(r"\b(?:why|is)(?:n't)? not\b")
_RATHER_THAN = re.compile(r"\b(?:rather|prefer|better)\b.*\bthan (?:the |my |this |on |at )*$")
_CUT = "||"
_CLAUSE_ENDS = re.compile(r"[.;!?]|\b(?:but|how about|can we|so)\b")
_INSTEAD_OF = re.compile(r"\b(?:instead of|rather than)\s+(?:the |my |this |on |at )*$")


def cut_change(text: str) -> str:
    """Mark the "to" between the old and the new date, so that nobody reads a range.

    Args:
        text: respelled text.

    Returns:
        The text, of the same length, with "|" over the word that leads to the new date.
    """
    verb = _CHANGE.search(text)
    if not verb:
        return text
    for match in _TO_NEW.finditer(text, verb.end()):
        if _NAMES_TIME.search(text, verb.end(), match.start()):
            start, stop = match.span()
            return text[:start] + "|" * (stop - start) + text[stop:]
    return text


def role_of(text: str, start: int, stop: int, previous: int) -> Role:
    """The role of one mention.

    Args:
        text: the text after :func:`cut_change`.
        start: where the mention begins.
        stop: after its end.
        previous: where the mention before it ends, or 0.
    """
    before, after = text[:start], text[stop:]
    clause = max((match.end() for match in _NEW_CLAUSE.finditer(before)), default=0)
    if _is_refused(before, clause):
        return "refused"
    if _is_old(before, after, clause, previous):
        return "old"
    following = _CLAUSE_ENDS.split(after)[0]
    return "refused" if _REFUSED_AFTER.search(following) else "offered"


def _is_refused(before: str, clause: int) -> bool:
    if _INSTEAD_OF.search(before) or _RATHER_THAN.search(before):
        return True
    return bool(_REFUSED_BEFORE.search(_QUESTION.sub("", before[clause:])))


def _is_old(before: str, after: str, clause: int, previous: int) -> bool:
    if _CHANGE.search(before) and _CUT in after:
        return True
    if _SUPPOSED.search(before[previous:]):
        return True
    return bool(_OLD_BEFORE.search(before[clause:])) and _CUT not in before[previous:]
