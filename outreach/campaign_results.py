"""What became of a campaign: how far it is, and how its recipients took it (requirement R173)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import IO

from database.pool import Connection
from messaging.prices import Prices
from outreach.campaigns import Campaign

OPT_OUT_SHARE = 0.02
"""Of those who got it; where more opt out, carriers begin to take a sender for spam. Ours."""

FILTERED_CODE = "30007"
"""Twilio and others: a carrier has filtered the text as spam."""

WITHIN = "72 hours"
"""For how long an answer or an opt-out counts as one to the campaign."""

COUNTS = """
SELECT coalesce(code, state) AS what, count(*) AS recipients FROM campaign_recipient
WHERE campaign_id = %(id)s GROUP BY 1 ORDER BY 1
"""

# A message of several parts is where its worst part is.
FATES = f"""
SELECT one.phone, one.state, one.code, one.enqueued_at, fate.*,
    EXISTS (SELECT FROM inbound_text AS said WHERE said.conversation_id = fate.talk
        AND said.received_at BETWEEN fate.accepted_at
            AND fate.accepted_at + interval '{WITHIN}') AS replied,
    EXISTS (SELECT FROM consent_event AS said WHERE said.phone = one.phone
        AND said.direction = 'revoke' AND said.recorded_at BETWEEN fate.accepted_at
            AND fate.accepted_at + interval '{WITHIN}') AS opted_out
FROM campaign_recipient AS one
CROSS JOIN LATERAL (
    SELECT CASE WHEN bool_or(text.state = 'failed') THEN 'failed'
            WHEN bool_or(text.state = 'unknown') THEN 'unknown'
            WHEN bool_or(text.state IN ('pending', 'sending', 'checking')) THEN 'waiting'
            WHEN bool_and(text.state = 'delivered') THEN 'delivered'
            WHEN count(*) > 0 THEN 'sent' END AS fate,
        max(text.error_code) FILTER (WHERE text.state = 'failed') AS error_code,
        (array_agg(text.conversation_id))[1] AS talk, max(text.gateway) AS gateway,
        min(text.accepted_at) AS accepted_at,
        coalesce(sum(text.segments) FILTER (WHERE text.accepted_at IS NOT NULL), 0) AS segments
    FROM unnest(one.text_ids) AS part (id) JOIN outbound_text AS text ON text.id = part.id
) AS fate
WHERE one.campaign_id = %(id)s
"""
SUMMARY = f"""
SELECT fate, error_code, gateway, count(*) AS recipients, sum(segments)::bigint AS segments,
    count(*) FILTER (WHERE replied) AS replied, count(*) FILTER (WHERE opted_out) AS opted_out
FROM ({FATES}) AS fates WHERE fate IS NOT NULL GROUP BY 1, 2, 3
"""
COLUMNS = "phone state code fate error_code enqueued_at accepted_at segments replied opted_out"


@dataclass(frozen=True, slots=True)
class Results:
    """How a campaign did.

    Attributes:
        counts: recipients by state, or by the code of their refusal.
        fates: recipients whose text was handed over: waiting, sent, delivered, failed, unknown.
        failures: failed ones, by code.
        replied: who wrote back within three days.
        opted_out: who opted out within three days.
        segments: that gateways took.
        prices: of these, by currency; without what has no price configured.
    """

    counts: Mapping[str, int]
    fates: Mapping[str, int]
    failures: Mapping[str, int]
    replied: int
    opted_out: int
    segments: int
    prices: Mapping[str, Decimal]

    @property
    def reached(self) -> int:
        """How many texts a gateway took and nobody refused."""
        return self.fates.get("sent", 0) + self.fates.get("delivered", 0)

    @property
    def warnings(self) -> list[str]:
        """What endangers our numbers' good name, a sentence each."""
        told = []
        if self.reached and self.opted_out / self.reached >= OPT_OUT_SHARE:
            share = self.opted_out / self.reached
            told.append(
                f"{share:.1%} opted out; from {OPT_OUT_SHARE:.0%} on, carriers may take us for spam"
            )
        if filtered := self.failures.get(FILTERED_CODE):
            told.append(f"carriers filtered {filtered} texts as spam ({FILTERED_CODE})")
        return told


async def counts(connection: Connection, campaign: Campaign) -> Mapping[str, int]:
    """Recipients by state, or by the code of their refusal; quick, for progress."""
    rows = await (await connection.execute(COUNTS, {"id": campaign.id})).fetchall()
    return {row["what"]: row["recipients"] for row in rows}


async def results(
    connection: Connection, campaign: Campaign, prices: Mapping[str, Prices]
) -> Results:
    """How a campaign did so far; of texts that are kept no longer, nothing is known.

    Args:
        connection: to the database.
        campaign: to be looked at.
        prices: of the gateways, by name.
    """
    rows = await (await connection.execute(SUMMARY, {"id": campaign.id})).fetchall()
    fates: dict[str, int] = {}
    failures: dict[str, int] = {}
    charged: dict[str, Decimal] = {}
    for row in rows:
        fates[row["fate"]] = fates.get(row["fate"], 0) + row["recipients"]
        if row["fate"] == "failed":
            code = row["error_code"] or "none"
            failures[code] = failures.get(code, 0) + row["recipients"]
        price = prices.get(row["gateway"])
        if price is not None and price.per_segment is not None:
            known = charged.get(price.currency, Decimal(0))
            charged[price.currency] = known + price.per_segment * row["segments"]
    return Results(
        counts=await counts(connection, campaign),
        fates=fates,
        failures=failures,
        replied=sum(row["replied"] for row in rows),
        opted_out=sum(row["opted_out"] for row in rows),
        segments=sum(row["segments"] for row in rows),
        prices=charged,
    )


async def export(connection: Connection, campaign: Campaign, file: IO[str]) -> int:
    """Write a line for each recipient, as CSV that a spreadsheet takes for text alone.

    Args:
        connection: to the database.
        campaign: whose recipients.
        file: open for writing, with ``newline=""``.

    Returns:
        How many lines.
    """
    names, lines = COLUMNS.split(), 0
    written = csv.writer(file)
    written.writerow(names)
    async with connection.transaction(), connection.cursor(name="recipients") as cursor:
        await cursor.execute(f"{FATES} ORDER BY one.phone", {"id": campaign.id})
        async for row in cursor:
            written.writerow([harmless(row[name]) for name in names])
            lines += 1
    return lines


def harmless(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless(None), harmless("Ann")
    ("'=1+1", '', 'Ann')
    """
    written = "" if value is None else str(value)
    return f"'{written}" if written.startswith(("=", "+", "-", "@", "\t", "\r")) else written
