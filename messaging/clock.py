"""Where the time and new ids come from, so that tests can hand in their own."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        return datetime.now(UTC)


class TimeOrderedIds:
    """UUID version 7 (RFC 9562, 5.7): later ids sort behind earlier ones.

    Rows with such keys land beside each other in an index, which random ids do not. The
    twelve bits behind the millisecond count 244 ns steps (RFC 9562, 6.2, method 3), so order
    holds within a millisecond too, as well as the machine's clock does.

    >>> TimeOrderedIds().new_id().version
    7
    """

    def new_id(self) -> UUID:
        """A new id."""
        milliseconds, rest = divmod(time.time_ns(), 1_000_000)
        fraction = (rest << 12) // 1_000_000
        value = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62
        return UUID(int=value | secrets.randbits(62))
