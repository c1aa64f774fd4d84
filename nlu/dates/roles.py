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
    r"(?:\d|noon|tomorrow|today|\w+day|morning|afternoon|evening|(?:jan|febr)uary|march|april|"
    r"may|june|july|august|"
    r"(?:sept|nov|dec)ember|october))"
)
_NAMES_TIME = re.compile(r"\d|day|noon|tomorrow|morning|afternoon|week")
_OLD_BEFORE = re.compile(
    r"\b(?:cancel\w*|my|our|existing|current|original|old|scheduled|"
    r"(?:i'm|im|i am|we're|was) (?:booked|scheduled|down|set)(?: in)?|appointment)\s*"
    r"(?:(?:appointment|exam|eye|visit|one|slot|checkup|for|on|at|the|is|was|that's|i have|"
    r"contact|lens)\s*)*$"
)
_A_NEW_ONE = re.compile(
    r"(?<!i have )(?<!we have )(?<!'ve )(?<!i got )(?<!had )"
    r"\b(?:an?|any|another|first|last|earliest|latest|next|new|book|schedule|make|get|need|want)"
    r"(?:\s\w+){0,2}?\sappointment\b[^.;!?]*$"
)
_SUPPOSED = re.compile(r"\b(?:supposed|meant) to (?:come|be|see|go)\b[^.,;!?]*$")
_REFUSES = (
    r"(?:not|no|can't|couldn't|won't|don't|doesn't|isn't|never|except|anything but|"
    r"any ?(?:day|time) but|"
    r"other than|besides|unable to|not able to|instead of|rather than|hate|forget|skip|scratch|"
    r"nothing|busy|away|"
    r"out of (?:town|the office|state)|gone|on (?:vacation|holiday)|travel\w*|unavailable|tied up|"
    r"(?<=\bi )work(?= \w+day|$)|work(?:ing)? (?:on|all)|no longer)"
)
_REFUSED_BEFORE = re.compile(rf"\b{_REFUSES}\b[^.;!?|]*$")
_NEW_CLAUSE = re.compile(
    r",?\s*\b(?:(?<!anything )(?<!any day )(?<!anyday )(?<!every day )(?<!everyday )(?<!time "
    r")but|how about|what about|can we|can i|could we|"
    r"could i|can u|can you|could you|"
    r"let's|lets|maybe|i can(?!')|i could(?!')|is there|do you have|do u have|"
    r"any(?! (?:day|time) but\b)|"
    r"anything|would|prefer|rather have|so|(?<!don't )(?<!not )(?<!doesn't )(?:need|want)|got|"
    r"(?<!not )(?<!n't )free|"
    r"move|(?<!can't )(?<!couldn't )(?<!not )(?<!won't )make (?:it|that)|actually|yes|yeah|"
    r"(?<!no )to)\b(?!\s+but\b)|[.;!?]|"
    r",(?=(?:\s*[^\s,]+){1,4}?\s+(?:works?|ok|okay|instead|same time|better|is (?:good|fine|ok|"
    r"better)|are (?:good|fine|ok)))"
    r"|,(?=(?:\s*[^\s,]+){1,3}?\s+(?:yes|does|is|can)\W*$)"
    r"|,(?=[^,.;?!]*\?\W*$)|,\s*(?:do|make it|try|let's)\b"
    # "not the 5th, the 6th" puts one in the place of the other; "not a, b or c" does not
    r"|\b(?:not|no)\s(?:[^\s,.;?!]+\s){0,3}[^\s,.;?!]+,(?=[^,.;?!]*\W*$)(?!.*\b(?:or|and|nor)\b)"
)
_REFUSED_AFTER = re.compile(
    r"^\W*(?:\w+ ){0,2}?(?:doesn't|don't|won't|isn't|can't|not|no longer|didn't|conflicts|no good|"
    r"(?:is|are|looks|was) (?:really |so |super |pretty |kinda )?"
    r"(?:bad|no good|out|taken|too|impossible|crazy|nuts|packed|full|busy|booked|hectic|insane|"
    r"rough|tough|hard|tricky)|"
    r"too (?:late|early|soon|far))\b(?! (?:am|pm)\b)"
    r"|^\W*(?:no|nope|nah)\b(?=\W*(?:$|[.,;]))"
)
_BUT = re.compile(r"\bany ?(?:day|time|thing)\b[^.;!?|]*\bbut\s(?:not\s)?(?:on\s)?(?:the\s)?$")
_WORKS_ON = re.compile(r"\b(?:i|we) work\s(?:(?:on|from|every|all|the)\s)*$")
_QUESTION = re.compile(r"\b(?:why|is)(?:n't)? not\b")
_RATHER_THAN = re.compile(
    r"\b(?:rather|prefer|better)\b.*\b(?:than|over) (?:the |my |this |on |at )*$"
)
_NEXT_ONE = re.compile(r"\s*(?:(?:on|at|the|this|next|my)\s+)*")
_HAVE_BEFORE = re.compile(
    r"\b(?:i have|i've|ive got|we have|i got|have)\s(?:got\s)?(?:(?:a|an|the|my|one|"
    r"appointment|work|class|school|practice|meeting|on|at|for)\s+)*$"
)
_WANTS_OTHER = re.compile(
    r"\b(?:but|can|could|need|want|wanna|move|change|switch|instead|resched\w*|prefer|rather)\b"
)
_ENGAGED = re.compile(
    r"\b(?:(?:i|we) (?:have|got|have got)|i've got) (?:an? )?"
    r"(?:class(?:es)?|work|school|practice|meetings?|training|court)"
    r"(?:\s(?:on|every|all|at|the|from))*\s[^.,;!?|]{0,30}$"
)
_REASON = re.compile(
    r"\b(?:get off|off work|drop|pick ?up|have to|gotta|shift|class|leave|leaving|work)\b"
    r"[^.;!?|]{0,30}$"
)
"""Why another time is named behind, with "so": "i get off at 4 so after 4:30"."""
_SO = re.compile(r"[^.;!?|]{0,12}?\bso\b")
_ASKS_IF = re.compile(r"\b(?:is|would|are|was|if)(?: it| that)?(?: be)?\s+(?:at\s|on\s)?$")
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


def role_of(text: str, start: int, stop: int, previous: int, following: int) -> Role:
    """The role of one mention.

    Args:
        text: the text after :func:`cut_change`.
        start: where the mention begins.
        stop: after its end.
        previous: where the mention before it ends, or 0.
        following: where the next one begins, or the length of the text.
    """
    before, after = text[:start], text[stop:]
    clause = max((m.end() for m in _NEW_CLAUSE.finditer(text) if m.end() <= start), default=0)
    if _is_refused(before, clause):
        return "refused"
    if _HAVE_BEFORE.search(before) and _WANTS_OTHER.search(after):
        return "old"
    reason = _REASON.search(before[previous:]) and following < len(text)
    if _ENGAGED.search(before[clause:]) or (reason and _SO.match(after)):
        return "refused"
    if _is_old(before, after, clause, previous):
        return "old"
    verb = _CLAUSE_ENDS.split(after)[0]
    refused = _REFUSED_AFTER.search(verb)
    asked = _ASKS_IF.search(before) and refused and "too" in refused.group()
    is_last = following >= len(text)
    if (
        refused
        and not asked
        and (is_last or not _NEXT_ONE.fullmatch(text, stop + refused.end(), following))
    ):
        return "refused"
    return "offered"


def _is_refused(before: str, clause: int) -> bool:
    if (
        _BUT.search(before)
        or _WORKS_ON.search(before)
        or _INSTEAD_OF.search(before)
        or _RATHER_THAN.search(before)
    ):
        return True
    return bool(_REFUSED_BEFORE.search(_QUESTION.sub("", before[clause:])))


def _is_old(before: str, after: str, clause: int, previous: int) -> bool:
    if _CHANGE.search(before) and _CUT in after:
        return True
    if _SUPPOSED.search(before[previous:]):
        return True
    known = _OLD_BEFORE.search(before[clause:])
    if known and _A_NEW_ONE.search(before[clause:]):
        return False
    return bool(known) and _CUT not in before[previous:]
