"""Asks vendors what became of a text: those that post no receipts, and where a receipt is late.

A text whose vendor never says more stays ``sent``: that it arrived is not known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog

from connectors.gateways.base import Gateway
from database.pool import Pool
from messaging.clock import Clock
from messaging.errors import LookUpFailed
from messaging.receipts import store_receipt
from messaging.retry import ask_delay

log = structlog.get_logger(__name__)

BATCH = 50
"""Texts of one gateway that a worker asks about before it claims more."""

CONCURRENCY = 10
"""Questions to one gateway at the same time."""

UNANSWERED_AGAIN = timedelta(minutes=1)
"""When a question is repeated that the vendor did not answer."""

# The next question is put off before this one is asked, so that no other worker asks too; far
# enough for every question of the batch to be answered or to time out before that.
CLAIM = """
UPDATE outbound_text SET asks = asks + 1, ask_at = now() + interval '5 minutes'
WHERE id IN (SELECT id FROM outbound_text WHERE gateway = %(gateway)s AND ask_at <= now()
             ORDER BY ask_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
RETURNING id, vendor_id, asks
"""

AGAIN = """
UPDATE outbound_text SET ask_at = now() + %(delay)s
WHERE id = %(id)s AND vendor_id = %(vendor_id)s AND state = 'sent'
"""

# A question that got no answer is none of those that a text has; but after a week, long after
# the last of those, nobody asks any more.
UNANSWERED = """
UPDATE outbound_text SET asks = asks - 1,
    ask_at = CASE WHEN created_at > now() - interval '7 days' THEN now() + %(delay)s END
WHERE id = %(id)s AND vendor_id = %(vendor_id)s AND state = 'sent'
"""


class Inquiry:
    """Asks the vendors about every text whose time to be asked about has come.

    Args:
        pool: of connections.
        gateways: by name.
        http: the client for the requests.
        clock: for the time of the answers.
    """

    def __init__(
        self, pool: Pool, gateways: Mapping[str, Gateway], http: httpx.AsyncClient, clock: Clock
    ) -> None:
        self._pool = pool
        self._gateways = gateways
        self._http = http
        self._clock = clock
        self._quiet_until: dict[str, datetime] = {}

    async def ask_due(self) -> int:
        """Ask about texts that are due, at most ``BATCH`` of each gateway.

        A vendor that wants to be left alone for a time is left alone by this worker for that
        time; one that answers no question of a batch, for a minute.

        Returns:
            How many were due.
        """
        gateways = [one for one in self._gateways.values() if self._quiet(one.name) is None]
        return sum(await asyncio.gather(*(self._ask_batch(gateway) for gateway in gateways)))

    def _quiet(self, gateway: str) -> timedelta | None:
        """For how long a vendor is to be left alone, if it is."""
        left = self._quiet_until.get(gateway, self._clock.now()) - self._clock.now()
        return left if left > timedelta() else None

    def _leave_alone(self, gateway: str, time: timedelta) -> None:
        until = self._clock.now() + time
        self._quiet_until[gateway] = max(until, self._quiet_until.get(gateway, until))

    async def _ask_batch(self, gateway: Gateway) -> int:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(CLAIM, {"gateway": gateway.name, "batch": BATCH})
            rows = await cursor.fetchall()
        limit = asyncio.Semaphore(CONCURRENCY)

        async def ask(row: Mapping[str, Any]) -> bool:
            async with limit:
                return await self._ask(gateway, row)

        answered = await asyncio.gather(*(ask(row) for row in rows), return_exceptions=True)
        for answer in answered:  # when all are through: none goes on behind the caller's back
            if isinstance(answer, BaseException):
                raise answer
        if rows and not any(answered):
            self._leave_alone(gateway.name, UNANSWERED_AGAIN)
        return len(rows)

    async def _ask(self, gateway: Gateway, row: Mapping[str, Any]) -> bool:
        """Ask about one text; whether the vendor answered."""
        if (quiet := self._quiet(gateway.name)) is not None:
            await self._put_off(UNANSWERED, row, max(quiet, UNANSWERED_AGAIN))
            return False
        try:
            receipt = await gateway.ask(row["vendor_id"], self._http)
        except LookUpFailed as error:
            log.warning("inquiry.unanswered", text_id=str(row["id"]), detail=error.detail)
            if error.retry_after is not None:
                self._leave_alone(gateway.name, timedelta(seconds=error.retry_after))
            wait = self._quiet(gateway.name) or UNANSWERED_AGAIN
            await self._put_off(UNANSWERED, row, max(wait, UNANSWERED_AGAIN))
            return False
        delay = ask_delay(row["asks"], reports_status=gateway.capabilities.reports_status)
        await self._put_off(AGAIN, row, None if delay is None else timedelta(seconds=delay))
        if receipt is not None:
            async with self._pool.connection() as connection:
                await store_receipt(connection, gateway.name, receipt, self._clock.now())
        return True

    async def _put_off(
        self, statement: str, row: Mapping[str, Any], delay: timedelta | None
    ) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(statement, dict(row) | {"delay": delay})
