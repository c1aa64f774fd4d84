"""Compares a day of ours with the vendor's own list, so that no difference stays unseen.

What the list says is taken as a receipt: it is kept, counted once and takes no state back. Days
are in UTC, as vendors count them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

import httpx
import structlog

from connectors.gateways.base import Gateway, Listed, Receipt
from database.alone import alone
from database.encryption import cipher
from database.pool import Connection, Pool
from messaging.clock import Clock
from messaging.errors import LookUpFailed, Unreadable
from messaging.outcomes import Event, write_event
from messaging.receipts import store_receipt
from messaging.sealed import OUTBOUND_BODY
from messaging.states import TextState, after_receipt

log = structlog.get_logger(__name__)

DAY = timedelta(days=1)

WINDOW = timedelta(hours=1)
"""Of the list in one go; what is read anew when the vendor stops answering in its middle."""

PAUSES = (5.0, 30.0, 120.0)
"""Seconds before a window is read again."""

BATCH = 500
"""Texts of the list that are compared with ours at once."""

MISSING_MOST = 1_000
"""Texts that the vendor is asked about one by one because they are not on its list."""

CLOCKS_APART = timedelta(minutes=1)
"""How far the vendor's clock may be from ours."""

BEGIN = """
INSERT INTO reconciliation (gateway, since, until) VALUES (%(gateway)s, %(since)s, %(until)s)
ON CONFLICT (gateway, since) DO UPDATE SET finished_at = NULL
"""

FINISH = """
UPDATE reconciliation SET finished_at = %(now)s, listed = %(listed)s, corrected = %(corrected)s,
    missing = %(missing)s, strange = %(strange)s
WHERE gateway = %(gateway)s AND since = %(since)s
"""

# Also ids of earlier attempts: a text that failed and was sent again has two at the vendor.
OURS = """
SELECT vendor_id, id, state FROM outbound_text
WHERE gateway = %(gateway)s AND vendor_id = ANY(%(vendor_ids)s)
UNION ALL
SELECT DISTINCT vendor_id, outbound_id, NULL FROM receipt
WHERE gateway = %(gateway)s AND vendor_id = ANY(%(vendor_ids)s) AND outbound_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM outbound_text AS text
        WHERE text.gateway = receipt.gateway AND text.vendor_id = receipt.vendor_id)
"""

# Texts whose fate is not known, or was not when they were given up; their words are compared when
# they are unsealed. The one that was first tried last before the vendor took its own is the
# likeliest.
UNRESOLVED = """
SELECT id, state, body FROM outbound_text
WHERE gateway = %(gateway)s AND recipient = %(recipient)s AND sender = %(sender)s
    AND vendor_id IS NULL
    AND created_at BETWEEN %(at)s - interval '2 days' AND %(at)s + %(apart)s
    AND first_attempt_at <= %(at)s + %(apart)s
    AND (state IN ('unknown', 'checking')
        OR state = 'failed' AND error_code IN ('expired', 'outcome-unknown'))
ORDER BY first_attempt_at DESC
"""

SEEN = "CREATE TEMPORARY TABLE IF NOT EXISTS reconciled_text (id uuid PRIMARY KEY)"
FORGET = "DROP TABLE IF EXISTS pg_temp.reconciled_text"
REMEMBER = """
INSERT INTO reconciled_text SELECT unnest(%(ids)s::uuid[]) ON CONFLICT DO NOTHING
"""

MISSING = """
SELECT id, vendor_id FROM outbound_text AS text
WHERE gateway = %(gateway)s AND state = 'sent' AND accepted_at >= %(since)s
    AND accepted_at < %(until)s
    AND NOT EXISTS (SELECT FROM reconciled_text WHERE reconciled_text.id = text.id)
ORDER BY accepted_at LIMIT %(limit)s
"""

NOT_AT_VENDOR = """
INSERT INTO text_event (outbound_id, at, kind, detail)
SELECT %(id)s, %(now)s, 'not-at-vendor', 'the vendor does not know ' || %(vendor_id)s
WHERE NOT EXISTS (SELECT FROM text_event WHERE outbound_id = %(id)s AND kind = 'not-at-vendor')
"""


@dataclass(slots=True)
class Comparison:
    """What comparing a day came to.

    Attributes:
        listed: texts that the vendor has of that day.
        corrected: texts of ours whose state was behind or not known, and is right now.
        missing: texts that are sent for us and that the vendor does not have.
        strange: texts of the vendor's that we do not know.
    """

    listed: int = 0
    corrected: int = 0
    missing: int = 0
    strange: int = 0

    def add(self, other: Comparison) -> None:
        """Count what another part of the day came to."""
        self.listed += other.listed
        self.corrected += other.corrected
        self.missing += other.missing
        self.strange += other.strange


class Reconciliation:
    """Compares days of one gateway.

    Args:
        pool: of connections; two are needed.
        gateway: that can list its texts.
        http: the client for the requests.
        clock: for the time.
        progress: told after each hour of the day's list, with what was found so far.
        pauses: seconds before the list is read on after the vendor did not answer.
    """

    def __init__(
        self,
        pool: Pool,
        gateway: Gateway,
        http: httpx.AsyncClient,
        clock: Clock,
        *,
        progress: Callable[[datetime, Comparison], None] | None = None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._pool = pool
        self._gateway = gateway
        self._http = http
        self._clock = clock
        self._progress = progress
        self._pauses = pauses

    async def run(self, day: date) -> Comparison | None:
        """Compare a day, in memory that does not grow with its texts.

        Args:
            day: in UTC.

        Returns:
            What it came to; None where another process is comparing with this gateway.

        Raises:
            LookUpFailed: the vendor could not be asked, or it knows so few of our texts that it
                must be another account.
        """
        since = datetime.combine(day, time(), UTC)
        key = {"gateway": self._gateway.name, "since": since, "until": since + DAY}
        async with alone(self._pool, f"reconcile {self._gateway.name}") as connection:
            if connection is None:
                return None
            await connection.execute(BEGIN, key)
            await connection.execute(FORGET)
            await connection.execute(SEEN)
            found, hour = Comparison(), since
            while hour < since + DAY:
                await self._patiently(found, partial(self._compare, connection, hour))
                hour += WINDOW
                if self._progress is not None:
                    self._progress(hour, found)
            for row in await self._unlisted(connection, key):
                await self._patiently(found, partial(self._ask, connection, row))
            counts = asdict(found)
            await connection.execute(FINISH, key | counts | {"now": self._clock.now()})
            await connection.execute(FORGET)
        log.info("reconcile.done", gateway=self._gateway.name, day=day, **counts)
        return found

    async def _patiently(
        self, total: Comparison, work: Callable[[Comparison], Awaitable[None]]
    ) -> None:
        """Do a part of the day's work; anew when the vendor stops answering in its middle."""
        for pause in (*self._pauses, None):
            part = Comparison()
            try:
                await work(part)
            except LookUpFailed as error:
                total.corrected += part.corrected  # all else is counted again
                if pause is None:
                    raise
                log.warning("reconcile.unanswered", detail=error.detail)
                await asyncio.sleep(max(pause, error.retry_after or 0.0))
            else:
                total.add(part)
                return

    async def _compare(self, connection: Connection, since: datetime, found: Comparison) -> None:
        texts = self._gateway.texts_between(since, since + WINDOW, self._http)
        async for batch in _batches(texts):
            await self._compare_batch(connection, batch, found)

    async def _compare_batch(
        self, connection: Connection, batch: Sequence[Listed], found: Comparison
    ) -> None:
        vendor_ids = [one.receipt.vendor_id for one in batch]
        values = {"gateway": self._gateway.name, "vendor_ids": vendor_ids}
        rows = await (await connection.execute(OURS, values)).fetchall()
        ours = {row["vendor_id"]: row for row in rows}
        await connection.execute(REMEMBER, {"ids": [row["id"] for row in rows]})
        found.listed += len(batch)
        for one in batch:
            row = ours.get(one.receipt.vendor_id)
            if row is None:
                await self._resolve(connection, one, found)
            elif row["state"] is not None:
                await self._apply(connection, row["state"], one.receipt, found)

    async def _apply(
        self, connection: Connection, state: str, receipt: Receipt, found: Comparison
    ) -> None:
        """Take what the list says as a receipt, where it says more than we know."""
        ours = TextState(state)
        if after_receipt(ours, receipt.status) is not ours:
            await store_receipt(connection, self._gateway.name, receipt, self._clock.now())
            found.corrected += 1

    async def _resolve(self, connection: Connection, one: Listed, found: Comparison) -> None:
        """Find the text of ours whose outcome was not known; by numbers, words and time."""
        gateway, vendor_id = self._gateway.name, one.receipt.vendor_id
        values = {
            "gateway": gateway,
            "recipient": one.recipient,
            "sender": one.sender,
            "at": one.created_at,
            "apart": CLOCKS_APART,
        }
        rows = await (await connection.execute(UNRESOLVED, values)).fetchall()
        row = next((row for row in rows if _says(row, one.body)), None)
        if row is None:
            found.strange += 1
            numbers = {"sender": one.sender, "recipient": one.recipient}
            log.warning("reconcile.strange", gateway=gateway, vendor_id=vendor_id, **numbers)
            return
        receipt = replace(one.receipt, reference=row["id"])
        async with connection.transaction():
            await store_receipt(connection, gateway, receipt, self._clock.now())
            detail = f"it was {row['state']}; the vendor has it as {vendor_id}"
            event = Event("reconciled", detail, one.receipt.vendor_status)
            await write_event(connection, row["id"], event)
        await connection.execute(REMEMBER, {"ids": [row["id"]]})
        found.corrected += 1

    async def _unlisted(
        self, connection: Connection, key: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Texts that are sent for us and not on the list.

        Raises:
            LookUpFailed: they are so many that it must be the list of somebody else.
        """
        cursor = await connection.execute(MISSING, dict(key) | {"limit": MISSING_MOST})
        rows = await cursor.fetchall()
        if len(rows) == MISSING_MOST:
            raise LookUpFailed(
                f"{MISSING_MOST} or more texts of {key['since']:%Y-%m-%d} are not on the list of "
                f"{self._gateway.name}; is this the account that sent them?"
            )
        return rows

    async def _ask(self, connection: Connection, row: Mapping[str, Any], found: Comparison) -> None:
        """Ask about a text that is not on the list.

        It may have left after midnight, or never, and is then known all the same.
        """
        receipt = await self._gateway.ask(row["vendor_id"], self._http)
        if receipt is not None:
            await self._apply(connection, "sent", receipt, found)
            return
        found.missing += 1
        await connection.execute(NOT_AT_VENDOR, dict(row) | {"now": self._clock.now()})


def _says(row: Mapping[str, Any], body: str) -> bool:
    try:
        return cipher().unseal(row["body"], OUTBOUND_BODY) == body
    except Unreadable as error:
        log.warning(
            "reconcile.unreadable", text_id=str(row["id"]), code=error.code, detail=error.detail
        )
        return False


async def _batches(texts: AsyncIterator[Listed]) -> AsyncIterator[list[Listed]]:
    batch: list[Listed] = []
    async for text in texts:
        batch.append(text)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
