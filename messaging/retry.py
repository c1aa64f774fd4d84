"""When to send again, when to look again, when to ask again. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable

ATTEMPTS = 8
FIRST_DELAY = 2.0
LONGEST_DELAY = 300.0
CHECK_DELAYS = (1.0, 3.0, 8.0)
ASK_DELAYS = (5.0, 30.0, 120.0, 600.0, 3_600.0, 21_600.0)


def next_delay(
    attempt: int, *, retry_after: float | None, random: Callable[[], float]
) -> float | None:
    """Seconds until a refused text is sent again.

    The delay doubles from 2 s (2, 4, 8, ... 128 s) and never passes 5 minutes; a text has 8
    attempts, a little over four minutes in all. Half of each delay is random, so that
    texts refused together do not come back together. A vendor that names a time
    is never asked earlier, even past the 5 minutes: the validity of the text, not this
    schedule, ends that wait; up to 2 s are added so that not everybody is back on the second.

    Args:
        attempt: attempts made so far, 1 after the first.
        retry_after: seconds that the vendor asked us to wait, where it did.
        random: gives a number from 0 up to 1.

    Returns:
        Seconds, or None when the attempts are used up.
    """
    if attempt >= ATTEMPTS:
        return None
    doubled = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (max(attempt, 1) - 1))
    delay = doubled / 2 * (1 + random())
    if retry_after is None or retry_after <= 0:
        return delay
    return max(delay, retry_after + FIRST_DELAY * random())


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


def ask_delay(asks: int) -> float | None:
    """Seconds until a vendor that posts no receipts is asked for the state of a text.

    5 s, 30 s, 2 min, 10 min, 1 h, 6 h: most texts are delivered within seconds, a phone that
    is off gets its text within hours. After that the text stays what it is.

    Args:
        asks: questions asked so far.

    Returns:
        Seconds, or None when asking ends.
    """
    return ASK_DELAYS[asks] if asks < len(ASK_DELAYS) else None
