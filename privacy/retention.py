"""Forgets people of whom nothing was heard for years, as if they had asked for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from database.pool import Pool
from messaging.errors import SettingsError
from messaging.retention_periods import RetentionPeriods
from privacy.erasure import erase
from privacy.errors import ErasureBusy

log = structlog.get_logger(__name__)

ACTOR = "retention"
BATCH = 100

# Since when somebody is known of whom there is nothing but a name, nobody can tell: they stay.
# Phones in order, so that one that cannot be erased yet does not stop those behind it.
UNHEARD = """
SELECT phone FROM (
    SELECT phone FROM conversation UNION SELECT phone FROM consent_event WHERE phone IS NOT NULL
    UNION SELECT phone FROM customer JOIN appointment ON customer_id = customer.id
        WHERE phone LIKE '+%%'
) AS known (phone)
WHERE phone > %(after)s
    AND NOT EXISTS (SELECT FROM conversation AS talk WHERE talk.phone = known.phone AND (
        talk.created_at >= %(cutoff)s OR talk.last_text_at >= %(cutoff)s
        OR EXISTS (SELECT FROM inbound_text WHERE conversation_id = talk.id)
        OR EXISTS (SELECT FROM outbound_text WHERE conversation_id = talk.id)))
    AND NOT EXISTS (SELECT FROM consent_event AS event WHERE event.phone = known.phone
        AND greatest(event.recorded_at, event.captured_at) >= %(cutoff)s)
    AND NOT EXISTS (SELECT FROM customer JOIN appointment ON customer_id = customer.id
        WHERE customer.phone = known.phone
            AND greatest(upper(during), appointment.updated_at) >= %(cutoff)s)
ORDER BY phone LIMIT %(batch)s
"""


async def unheard(pool: Pool, periods: RetentionPeriods, now: datetime) -> int:
    """How many people ``forget_unheard`` would forget at this moment.

    Args:
        pool: of connections.
        periods: for how long each class is kept.
        now: the time, UTC.
    """
    count, after = 0, ""
    while phones := await _page(pool, after, periods, now):
        count, after = count + len(phones), phones[-1]
    return count


async def forget_unheard(
    pool: Pool,
    periods: RetentionPeriods,
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Erase people of whom nothing was heard for as long as they are kept.

    Who has opted out stays where there is no key to remember that by, and is tried again.

    Args:
        pool: of connections.
        periods: for how long each class is kept.
        now: the time, UTC.
        progress: told after each, how many are erased.

    Returns:
        How many were erased.
    """
    erased, after = 0, ""
    while phones := await _page(pool, after, periods, now):
        for after in phones:
            try:
                await erase(pool, after, ACTOR, patience=0.0)
            except (ErasureBusy, SettingsError) as error:
                log.warning("privacy.kept", code=error.code, reason=error.detail)
                continue
            erased += 1
            if progress is not None:
                progress(erased)
    return erased


async def _page(pool: Pool, after: str, periods: RetentionPeriods, now: datetime) -> list[str]:
    values = {"after": after, "cutoff": now - timedelta(days=periods.people), "batch": BATCH}
    async with pool.connection() as connection:
        rows = await (await connection.execute(UNHEARD, values)).fetchall()
    return [row["phone"] for row in rows]
