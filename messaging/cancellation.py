"""Cancellations that Python 3.11 loses.

``asyncio.wait_for`` swallows a cancellation that comes in the moment in which what it waits for
is there, and psycopg's pool waits for connections with it. The task remembers the cancellation
all the same, so what runs until it is cancelled asks after each round.
"""

from __future__ import annotations

import asyncio


def cancelled() -> bool:
    """Whether the running task was told to end, even if it never heard of it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
