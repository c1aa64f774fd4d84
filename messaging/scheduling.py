"""Texts for a later time: they wait in the outbox from the start. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from messaging.errors import LinnetError
from messaging.quiet_hours import Held

FARTHEST = timedelta(days=30)
"""How far ahead a text may be put into the outbox: what it says must still be so then. Ours."""


class WrongTime(LinnetError):
    """A text is to leave when it cannot; the detail says what to change."""

    code = "notice.wrong-time"
    staff = "This text cannot leave at the time that was asked for."


def leaves_at(not_before: datetime | None, not_after: datetime | None, now: datetime) -> datetime:
    """When a text leaves at the earliest, before hours and caps are asked.

    Args:
        not_before: when somebody wants it to leave, aware; None for at once.
        not_after: when it is of no use any more, aware.
        now: the time, aware.

    Raises:
        WrongTime: that is over, too far ahead, or when it is of no use any more.
    """
    if not_before is None:
        return now
    if not_before <= now:
        raise WrongTime("the time to send at is over; leave it out to send at once")
    if not_before > now + FARTHEST:
        raise WrongTime(f"a text may be sent {FARTHEST.days} days ahead at most")
    if not_after is not None and not_before >= not_after:
        raise WrongTime("it would leave when it is of no use any more (not_after)")
    return not_before


def scheduled(not_before: datetime | None) -> Held | None:
    """Why a text waits whose phone's hours allow the time that somebody wants.

    Args:
        not_before: when it is to leave, aware; None where nobody said so.
    """
    if not_before is None:
        return None
    return Held(not_before, "scheduled", f"until {not_before:%Y-%m-%d %H:%M:%S} UTC, as asked")
