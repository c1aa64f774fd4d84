"""A customer's name in a text that answers "what is your name?"."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 40  # longer names would push a summary into a third segment

_LEAD_IN = re.compile(
    r"(?:(?:hi|hey|hello|sure|ok|okay|yes|yep|yeah)\b[\s,!.]*)?"
    r"(?:(?:(?:my|the|her|his) (?:full )?name(?:'?s| is)?|name(?:'?s| is|:)?|i am|i'?m|this is|"
    r"it'?s|it is|call me|put it under|under|for)\s+)?",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"[^\W\d_][^\W\d_.'\u2019-]*\.?(?:[ '\u2019-]+[^\W\d_][^\W\d_.'\u2019-]*\.?){0,4}"
)
_NOT_A_NAME = re.compile(
    r"\b(?:yes|yep|yeah|no|nope|ok|okay|hi|hello|hey|thanks?|please|what|why|who|when|where|how|help"
    r"|stop|never|sorry|none|cancel|book|appointment|appt|time|today|tomorrow|later|maybe|idk"
    r"|exam|available|you|your|actually|wait|change|same|spell\w*)\b",
    re.IGNORECASE,
)


_ONLY_A_TITLE = re.compile(r"(?:mr|mrs|ms|miss|dr|doctor|prof)\.?", re.IGNORECASE)


def name_in(text: str) -> str | None:
    """The name in a text such as "maria lopez" or "My name is Maria Lopez", or None.

    Names that were typed in small letters get capitals, for they are shown to people.
    """
    rest = _LEAD_IN.sub("", text.strip(), count=1).strip(" ,.!")
    if not _NAME.fullmatch(rest):
        return None
    if _NOT_A_NAME.search(rest):
        return None
    return tidy(rest)


def tidy(name: str) -> str | None:
    """A name with single spaces and capitals, or None when it is blank or too long to be one."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST or _ONLY_A_TITLE.fullmatch(name):
        return None
    return name.title() if name.islower() or name.isupper() else name


def plain(name: str) -> str:
    """A name as a summary shows it: in GSM-7, for one other letter would double the segments."""
    if name.isascii():
        return name
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    # Where letters have no plain twin, what is left over is no name.
    return folded if len(folded) == len(unicodedata.normalize("NFC", name)) else "you"
