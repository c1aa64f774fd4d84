"""Which text leaves first when several wait for the same number."""

from __future__ import annotations

from enum import IntEnum


class Lane(IntEnum):
    """The urgency of a text of ours; a lower one overtakes a higher one (requirement R145).

    Attributes:
        EMERGENCY: safety comes before everything.
        REPLY: somebody waits for it.
        REMINDER: about something of the customer's own, due at a certain time.
        BULK: the same to many.
    """

    EMERGENCY = 0
    REPLY = 1
    REMINDER = 2
    BULK = 3
