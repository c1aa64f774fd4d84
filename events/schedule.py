"""When a delivery is attempted again. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable

DELAYS = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds behind each attempt, as Standard Webhooks 1.0.0 proposes: three days in all."""

JITTER = 0.1
"""Share of a delay that is added at random, so that what failed together comes back apart."""

BUSY_SECONDS = 60.0
"""How long an endpoint that answers 429 without naming a time is left alone."""

LONGEST_WAIT_SECONDS = 86_400.0
"""For which an endpoint may ask; a wrong header must not silence it for years."""

BUSY = (429, 503)
"""Statuses with which an endpoint says that it is asked too much."""


def next_delay(attempts: int, wait: float, random: Callable[[], float]) -> float | None:
    """Seconds until the next attempt.

    Args:
        attempts: made so far, 1 after the first.
        wait: seconds for which the endpoint asked to be left alone; never undercut.
        random: gives a number from 0 up to 1.

    Returns:
        Seconds, or None when the attempts are used up.
    """
    if attempts > len(DELAYS):
        return None
    return max(DELAYS[attempts - 1] * (1 + JITTER * random()), wait)


def asked_wait(status: int | None, retry_after: float | None) -> float:
    """Seconds for which an endpoint wants to be left alone; 0 where it did not say so.

    Args:
        status: of its answer, if there was one.
        retry_after: seconds that its answer names.
    """
    if status not in BUSY:
        return 0.0
    if retry_after is None:
        return BUSY_SECONDS if status == 429 else 0.0  # noqa: PLR2004  Too Many Requests
    return min(max(retry_after, 0.0), LONGEST_WAIT_SECONDS)
