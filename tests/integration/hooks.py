"""Parts that tests of outgoing events share: endpoints, things that happen, a clock to turn."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from database.pool import Pool
from events.dispatch import Dispatcher
from events.endpoints import Endpoint, add
from events.posting import Poster
from events.signing import new_secret
from messaging.clock import SystemClock, TimeOrderedIds
from tests.integration.engine import rows


class TurnedClock:
    """The machine's clock, so much further on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def turn(self, **by: float) -> None:
        self.ahead += timedelta(**by)


async def endpoint_at(pool: Pool, url: str, *types: str, **other: Any) -> tuple[UUID, str]:
    """An endpoint in our own network, and its secret."""
    id, secret = TimeOrderedIds().new_id(), new_secret()
    fields = {
        "url": url,
        "types": types or ("*",),
        "conditions": {},
        "includes": frozenset(),
        "allow_private": True,
        "state": "active",
        "reason": None,
        "created_at": SystemClock().now(),
        "failing_since": None,
    }
    async with pool.connection() as connection, connection.transaction():
        await add(connection, Endpoint(id=id, **fields | other), secret)
    return id, secret


async def deliver(pool: Pool, clock: Any = None, **poster: Any) -> None:
    """All that is due now, and what may follow it."""
    clock = clock or SystemClock()
    dispatcher = Dispatcher(pool, Poster(**poster), clock, lambda: 0.0)
    made = -1
    while made < (made := await ended(pool)):
        await dispatcher.run(clock.now())


async def ended(pool: Pool) -> int:
    """Attempts that were made, and deliveries that were skipped."""
    (row,) = await rows(
        pool,
        "SELECT (SELECT count(*) FROM webhook_attempt)"
        " + (SELECT count(*) FROM webhook_delivery WHERE state = 'skipped') AS n",
    )
    return row["n"]


@asynccontextmanager
async def rolled_back(pool: Pool):
    """A transaction of which nothing stays."""
    async with pool.connection() as connection, connection.transaction(force_rollback=True):
        yield connection


EVENTS = "SELECT type, source, source_id, facts FROM outgoing_event ORDER BY at, id"
DELIVERIES = """
SELECT delivery.id, endpoint_id, type, state, attempts, next_attempt_at
FROM webhook_delivery AS delivery JOIN outgoing_event AS event ON event.id = event_id
ORDER BY delivery.id
"""
ATTEMPTS = "SELECT delivery_id, outcome, status, answer FROM webhook_attempt ORDER BY id"


async def types_of(pool: Pool) -> list[str]:
    """Of the events that are stored, in the order in which they happened."""
    return [row["type"] for row in await rows(pool, DELIVERIES)]


async def states(pool: Pool) -> list[tuple[str, int]]:
    return [(row["state"], row["attempts"]) for row in await rows(pool, DELIVERIES)]
