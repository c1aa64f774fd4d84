"""Short and rarer ways of writing dates, times and lengths, in the words that others read.

"2h30m", "26. march", "half a year", "8.30 - 10", "<6pm", "late this afternoon".
"""

from __future__ import annotations

import re
from functools import partial

from nlu.aligned import Aligned
from nlu.dates.numbers import CARDINALS, one_of
from nlu.dates.words import MONTHS

_YEAR_IN_WORDS = re.compile(rf"\btwo thousand(?: and)? ({one_of(CARDINALS)})\b")
_UNITS = r"(?:hours?|days?|weeks?|months?|years?)"
_AS_WRITTEN = tuple(
    (re.compile(pattern), written)
    for pattern, written in (
        (rf"\b(\d{{1,2}})\.(?=\s?(?:{'|'.join(MONTHS)})\b)", r"\1"),
        (r"\bhalf a year\b", "6 months"),
        (r"\b(?:ca\.?|approx\.?)\s(?=\d)", "around "),
        (r"(?<![\d.$/])(\d{1,2})\.(00|15|30|45)(?=\s?(?:-|to|until)\s?\d{1,2}(?:\D|$))", r"\1:\2"),
        (r"\b(early|late) this (?=(?:morning|afternoon|evening)\b)", r"this \1 "),
        (r"<\s?(?=\d{1,2}(?::\d\d)?\s?[ap]\.?m)", "before "),
        (
            (
                r"(?<!the )\bnext (?=(?:morning|afternoon|evening|night)\b"
                r"(?! (?:appointment|slot|opening|time|available)))"
            ),
            "tomorrow ",
        ),
        (r"(?<=day )([ap])\.\s?m\b\.?", r"\1m"),
        (
            r"\b(\d{1,2})\s?(?:h|hrs?|hours?)\s?(?:and\s)?([0-5]?\d)\s?(?:m|mins?|minutes?)\b",
            r"\1 hours \2 minutes",
        ),
        (r"(?<=\bfor )(\d{1,2})\s?h\s?([0-5]\d)\b", r"\1 hours \2 minutes"),
        (rf"\b(\d{{1,2}}) 1/2 (?={_UNITS}\b)", r"\1.5 "),
        (r"(?<!an )(?<!one )(?<!1 )(?<!\w)hour and a half\b", "1 hour and a half"),
        (rf"\b(a|an|one|1) (?:full|entire|whole) (?={_UNITS}\b)", r"\1 "),
        (r"\bup ?to\b(?= (?:the )?(?:\d|\w+day|noon|tomorrow))", "until"),
        (r"\beow\b", "end of week"),
        (r"\b12 o'clock noon\b", "noon"),
        (r"\b12 o'clock (?:at )?midnight\b", "midnight"),
    )
)


def write_out(aligned: Aligned) -> None:
    """Rewrite what is short; `aligned` holds words of one spelling and is changed in place."""
    aligned.replace(_YEAR_IN_WORDS, lambda match: f"20{CARDINALS[match[1]]:02}")
    for pattern, written in _AS_WRITTEN:
        aligned.replace(pattern, partial(_written, written))


def _written(template: str, match: re.Match[str]) -> str:
    return match.expand(template)
