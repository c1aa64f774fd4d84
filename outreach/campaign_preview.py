"""What would become of a campaign, by the rules that hold as it runs; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from database.pool import Pool
from messaging.cost import cost_of
from messaging.notice_batches import foresee
from messaging.notices import NoticeDesk, Refused
from messaging.prices import Prices
from outreach.campaign_table import variables_of
from outreach.campaigns import Campaign

BATCH = 500
SAMPLES = 3

PAGE = """
SELECT phone, variables, due_at FROM campaign_recipient
WHERE campaign_id = %(id)s AND state = 'pending' AND phone > %(after)s
ORDER BY phone LIMIT %(limit)s
"""


@dataclass(slots=True)
class Preview:
    """What would be sent.

    Attributes:
        recipients: that were looked at.
        sent: who would get it.
        held: of these, who would get it later than wanted, because of the hours where they are.
        refused: who would not, by code.
        first_at: when the first one leaves.
        last_at: when the last one does, at the campaign's pace.
        texts: parts, where one text is too short for the words.
        segments: that are charged.
        prices: together, by currency.
        unpriced: texts whose price is not configured.
        samples: the words of the first texts.
    """

    recipients: int = 0
    sent: int = 0
    held: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None
    texts: int = 0
    segments: int = 0
    prices: dict[str, Decimal] = field(default_factory=dict)
    unpriced: int = 0
    samples: list[str] = field(default_factory=list)

    def leaves(self, at: datetime) -> None:
        """Count somebody who gets it, and when."""
        self.sent += 1
        self.first_at = min(self.first_at or at, at)
        self.last_at = max(self.last_at or at, at)


async def preview(
    pool: Pool,
    desk: NoticeDesk,
    prices: Mapping[str, Prices],
    campaign: Campaign,
    now: datetime,
    told: Callable[[int], None],
) -> Preview:
    """Look at each recipient who waits, as the campaign would.

    Caps, and words that a phone was told half an hour ago, are not foreseen.

    Args:
        pool: of connections.
        desk: that would take the texts.
        prices: of the gateways, by name.
        campaign: to be looked at.
        now: the time, UTC.
        told: how many recipients were looked at so far.
    """
    found, after = Preview(), ""
    async with pool.connection() as connection:
        while True:
            given = {"id": campaign.id, "after": after, "limit": BATCH}
            rows = await (await connection.execute(PAGE, given)).fetchall()
            if not rows:
                break
            after = rows[-1]["phone"]
            notices = [campaign.plan.notice(row["phone"], variables_of(row)) for row in rows]
            times = [max(now, row["due_at"]) for row in rows]
            for at, fate in zip(
                times, await foresee(desk, connection, notices, times), strict=True
            ):
                found.recipients += 1
                if isinstance(fate, Refused):
                    found.refused[fate.code] += 1
                    continue
                found.held += fate.held is not None
                found.leaves(fate.held.until if fate.held else at)
                for text in fate.texts:
                    _charge(found, text.body, prices.get(text.gateway))
                if len(found.samples) < SAMPLES:
                    found.samples.append("\n".join(text.body for text in fate.texts))
            told(found.recipients)
    if found.first_at and found.last_at:
        paced = found.first_at + timedelta(minutes=found.sent / campaign.plan.per_minute)
        found.last_at = max(found.last_at, paced)
    return found


def _charge(found: Preview, body: str, prices: Prices | None) -> None:
    cost = cost_of(body, prices or Prices())
    found.texts += 1
    found.segments += cost.segments
    if cost.price is None or prices is None:
        found.unpriced += 1
    else:
        known = found.prices.get(prices.currency, Decimal(0))
        found.prices[prices.currency] = known + cost.price
