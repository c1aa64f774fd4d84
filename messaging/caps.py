"""Caps of 10DLC: so many segments a minute for a campaign, so many a day for a brand.

A text over a cap waits for the next minute or the next Pacific day; it never fails for it. AT&T
counts by campaign and minute, T-Mobile by brand and day from midnight Pacific (Twilio 30022,
30023, 30027). Which carrier a phone has is not known, so every text counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal

import psycopg

from connectors.gateways.base import Capabilities
from database.pool import Connection
from messaging.retry import PACIFIC

MINUTE: Literal["minute"] = "minute"
DAY: Literal["day"] = "day"
Cap = Literal["minute", "day"]

USED = """
SELECT cap, used FROM sender_cap WHERE gateway = %(gateway)s
    AND ((cap = 'minute' AND starts_at = %(minute)s) OR (cap = 'day' AND starts_at = %(day)s))
"""

# Nothing is counted where one of the caps would be passed, as another worker was faster.
COUNT = """
INSERT INTO sender_cap AS known (gateway, cap, starts_at, used)
VALUES (%(gateway)s, %(cap)s, %(starts_at)s, %(segments)s)
ON CONFLICT (gateway, cap, starts_at) DO UPDATE SET used = known.used + EXCLUDED.used
    WHERE known.used + EXCLUDED.used <= %(limit)s
RETURNING used
"""


@dataclass(frozen=True, slots=True)
class Windows:
    """The minute and the day that a time falls into.

    Attributes:
        minute: when the minute began.
        day: when the Pacific day began.
    """

    minute: datetime
    day: datetime

    @classmethod
    def at(cls, now: datetime, can: Capabilities) -> Windows:
        """Those of a time; the same instant whatever zone it is written in."""
        if can.per_minute is None and can.per_day is None:
            return cls(now, now)  # nobody asks
        local = now.astimezone(PACIFIC)
        return cls(
            now.replace(second=0, microsecond=0),
            datetime.combine(local.date(), time(), PACIFIC),
        )

    def ends(self, cap: Cap) -> datetime:
        """When the window of a cap is over."""
        if cap == MINUTE:
            return self.minute + timedelta(minutes=1)
        return datetime.combine(self.day.date() + timedelta(days=1), time(), PACIFIC)


@dataclass(frozen=True, slots=True)
class Room:
    """Segments that may still leave, and the cap that says so."""

    segments: float
    cap: Cap


def limits(can: Capabilities) -> dict[Cap, int]:
    """The caps that a gateway has."""
    both: dict[Cap, int | None] = {MINUTE: can.per_minute, DAY: can.per_day}
    return {cap: limit for cap, limit in both.items() if limit is not None}


async def room(connection: Connection, gateway: str, windows: Windows, can: Capabilities) -> Room:
    """How many segments may still leave within the caps of a gateway.

    Args:
        connection: to the database.
        gateway: its name.
        windows: the present ones.
        can: its capabilities.
    """
    caps = limits(can)
    if not caps:
        return Room(math.inf, MINUTE)
    values = {"gateway": gateway, "minute": windows.minute, "day": windows.day}
    rows = await (await connection.execute(USED, values)).fetchall()
    used = {row["cap"]: row["used"] for row in rows}
    return min(
        (Room(limit - used.get(cap, 0), cap) for cap, limit in caps.items()),
        key=lambda left: (left.segments, left.cap),
    )


async def reserve(
    connection: Connection, gateway: str, windows: Windows, can: Capabilities, segments: int
) -> bool:
    """Count segments that are about to leave; False where they no longer fit.

    Args:
        connection: to the database.
        gateway: its name.
        windows: the present ones.
        can: its capabilities.
        segments: of the texts.
    """
    caps = limits(can)
    if not caps:
        return True
    starts = {MINUTE: windows.minute, DAY: windows.day}
    async with connection.transaction() as whole:
        for cap, limit in caps.items():
            values = {
                "gateway": gateway,
                "cap": cap,
                "starts_at": starts[cap],
                "segments": segments,
                "limit": limit,
            }
            counted = await (await connection.execute(COUNT, values)).fetchone()
            if counted is None:
                raise psycopg.Rollback(whole)
        return True
    return False
