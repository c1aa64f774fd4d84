"""For how long things are kept, by class, and what the law wants at least."""

from __future__ import annotations

from dataclasses import dataclass

FEWEST_DAYS = 2
"""A vendor repeats a webhook within a day; its text must still be known then."""

LIMITATION_DAYS = 1462
"""Four years and a day: until then a suit about a text can be brought (28 U.S.C. 1658(a)), which
consent, its end and what was done with both must be shown for."""


@dataclass(frozen=True, slots=True)
class RetentionPeriods:
    """Days for which each class is kept.

    Attributes:
        texts: texts of both sides with their turns, receipts and events, and what the assistant
            remembers of earlier sessions; 13 months and a few days.
        media: the contents of files that customers sent; at most as long as their texts.
        raw: all fields of a receipt, and jobs that ended badly.
        people: a phone with its name, its consent and what else there is, from the last that was
            heard of it on: text, consent or appointment. Ten years, as Virginia has an opt-out
            honoured for ten; that it is not wanted is remembered for ever.
        audit: who exported or erased whom.
    """

    texts: int = 400
    media: int = 400
    raw: int = 30
    people: int = 3653
    audit: int = 1827
