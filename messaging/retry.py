"""When to send again, when to look again, when to ask again. No clock, no I/O.

A schedule is data: the table of a gateway's codes names one for each code (requirement R016).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

CHECK_DELAYS = (1.0, 3.0, 8.0)
POLL_DELAYS = (5.0, 30.0, 120.0, 600.0, 3_600.0, 21_600.0)
STALE_DELAYS = (600.0, 3_600.0, 21_600.0, 86_400.0)

PACIFIC = ZoneInfo("America/Los_Angeles")
"""Where the day of 10DLC's daily caps begins and ends (Twilio 30023, 30027)."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often and when a refused text is sent again.

    The delay doubles from ``first`` and never passes ``longest``. Half of each delay is random,
    so that texts refused together do not come back together.

    Attributes:
        attempts: requests for one text at most, the first one included.
        first: seconds before the second attempt.
        longest: seconds between two attempts at most.
        next_day: wait for the next day in Pacific time instead, when daily caps begin anew.
    """

    attempts: int
    first: float = 0.0
    longest: float = 300.0
    next_day: bool = False


SOON = Schedule(attempts=8, first=2.0)
"""2, 4, 8, ... 128 s, a little over four minutes in all: for what passes by itself."""

LATER = Schedule(attempts=4, first=600.0, longest=3_600.0)
"""10, 20, 40 min: for a phone that is off, a network that is full."""

ONCE_LATER = Schedule(attempts=2, first=600.0, longest=600.0)
"""Once, after 10 min: for a failure without a known reason."""

AFTER_BLOCK = Schedule(attempts=3, first=1_800.0, longest=3_600.0)
"""30 min, 1 h: for a vendor's block, which lasts 15 to 30 min (Twilio 30450)."""

NEXT_DAY = Schedule(attempts=4, next_day=True)
"""After midnight Pacific: for daily caps. Such a text is parked, it does not fail."""


def next_delay(
    schedule: Schedule,
    attempt: int,
    *,
    retry_after: float | None,
    now: datetime,
    random: Callable[[], float],
) -> float | None:
    """Seconds until a refused text is sent again.

    A vendor that names a time is never asked earlier, even past the schedule: the validity of
    the text ends that wait; up to 2 s are added so that not everybody is back on the second.

    Args:
        schedule: of the vendor's code.
        attempt: attempts made so far, 1 after the first.
        retry_after: seconds that the vendor asked us to wait, where it did.
        now: the time, aware.
        random: gives a number from 0 up to 1.

    Returns:
        Seconds, or None when the attempts are used up.
    """
    if attempt >= schedule.attempts:
        return None
    if schedule.next_day:
        return until_next_day(now) + 60.0 * random()
    doubled = min(schedule.longest, schedule.first * 2.0 ** (max(attempt, 1) - 1))
    delay = doubled / 2 * (1 + random())
    if retry_after is None or retry_after <= 0:
        return delay
    return max(delay, retry_after + 2.0 * random())


def until_next_day(now: datetime) -> float:
    """Seconds until midnight Pacific.

    Args:
        now: the time, aware.
    """
    tomorrow = now.astimezone(PACIFIC).date() + timedelta(days=1)
    return (datetime.combine(tomorrow, time(), PACIFIC) - now).total_seconds()


def check_delay(checks: int) -> float | None:
    """Seconds until a text of unknown outcome is looked up at the vendor (again).

    1, 3 and 8 s: a vendor's list shows a new text within a second or two, and a customer who
    waits for an answer should not wait much longer than 12 s for us to be sure.

    Args:
        checks: look-ups made so far.

    Returns:
        Seconds, or None when the vendor was asked often enough.
    """
    return CHECK_DELAYS[checks] if checks < len(CHECK_DELAYS) else None


def ask_delay(asks: int, *, reports_status: bool) -> float | None:
    """Seconds until a vendor is asked for the state of a text that it accepted.

    Where receipts are not posted: 5 s, 30 s, 2 min, 10 min, 1 h, 6 h, because most texts are
    delivered within seconds and a phone that is off gets its text within hours. Where they are
    posted, only a text whose receipts are overdue is asked about: after 10 min, 1 h, 6 h, a day.
    After that the text stays what it is.

    Args:
        asks: questions asked so far.
        reports_status: whether the vendor posts receipts by itself.

    Returns:
        Seconds, or None when asking ends.
    """
    delays = STALE_DELAYS if reports_status else POLL_DELAYS
    return delays[asks] if asks < len(delays) else None
