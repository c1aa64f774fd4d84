"""Hands the texts of running campaigns to the outbox, no more of them than will leave soon.

A batch is one transaction under a lock of the campaign: the recipients' states change together
with the outbox, so that a process that dies at any point loses no text and doubles none, and
whoever pauses the campaign meets no batch half done. How far the campaign's pace is used up is
kept with it, so that several workers are not faster than one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from database.pool import Connection, Pool
from messaging.metrics import CAMPAIGN_TEXTS
from messaging.notice_batches import enqueue_many
from messaging.notices import NoticeDesk, Refused
from messaging.quiet_hours import HORIZON_DAYS, Held
from outreach import campaign_table as table
from outreach.campaign_table import Action
from outreach.campaigns import Campaign, CampaignState

log = structlog.get_logger(__name__)

AHEAD_SECONDS = 10.0
"""Texts of so much time, at the campaign's pace, may wait in the outbox at most."""

BATCH = 500
"""Texts in one transaction: their phones stay locked until it ends."""

EXPIRED = "campaign.expired"
NO_HOUR = "campaign.no-hour"
"""No hour suits all places where the phone may be; ``linnet place`` says where it is."""

RUNNING = "SELECT id, name FROM campaign WHERE state = 'running' ORDER BY id"
CLAIM = "SELECT * FROM campaign WHERE id = %(id)s AND state = 'running' FOR UPDATE SKIP LOCKED"

# Texts leave about in the order in which they were handed over, so what still waits is among the
# last ones. One that is held for a cap holds up nobody.
WAITING = """
SELECT count(*) FILTER (WHERE text.next_attempt_at <= now()) AS due, count(*) AS open
FROM (SELECT text_ids FROM campaign_recipient
      WHERE campaign_id = %(id)s AND state = 'enqueued'
      ORDER BY enqueued_at DESC LIMIT %(ahead)s) AS latest
CROSS JOIN LATERAL unnest(latest.text_ids) AS part (id)
JOIN outbound_text AS text ON text.id = part.id AND text.state = 'pending'
"""
DUE = """
SELECT phone, variables FROM campaign_recipient
WHERE campaign_id = %(id)s AND state = 'pending' AND due_at <= %(now)s
ORDER BY due_at, phone LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
LEFT = """
SELECT EXISTS (SELECT FROM campaign_recipient
    WHERE campaign_id = %(id)s AND state = 'pending') AS pending
"""
ENQUEUED = """
UPDATE campaign_recipient AS one SET state = 'enqueued', enqueued_at = %(now)s,
    text_ids = told.ids::uuid[]
FROM unnest(%(phones)s::text[], %(ids)s::text[]) AS told (phone, ids)
WHERE one.campaign_id = %(id)s AND one.phone = told.phone
"""
REFUSED = """
UPDATE campaign_recipient AS one SET state = 'refused', code = told.code
FROM unnest(%(phones)s::text[], %(codes)s::text[]) AS told (phone, code)
WHERE one.campaign_id = %(id)s AND one.phone = told.phone
"""
POSTPONED = """
UPDATE campaign_recipient AS one SET due_at = told.due_at
FROM unnest(%(phones)s::text[], %(dues)s::timestamptz[]) AS told (phone, due_at)
WHERE one.campaign_id = %(id)s AND one.phone = told.phone
"""
EXPIRE = """
UPDATE campaign_recipient SET state = 'refused', code = %(code)s
WHERE campaign_id = %(id)s AND state = 'pending'
"""
PACED = "UPDATE campaign SET paced_until = %(until)s WHERE id = %(id)s"


async def advance(pool: Pool, desk: NoticeDesk, now: datetime) -> bool:
    """Hand over what is due of all running campaigns; says whether any runs.

    Args:
        pool: of connections.
        desk: takes the texts.
        now: the time, UTC.
    """
    async with pool.connection() as connection:
        rows = await (await connection.execute(RUNNING)).fetchall()
    for row in rows:
        try:
            while await _batch(pool, desk, row["id"], now) == BATCH:
                pass
        except Exception:  # of this campaign: the others go on
            log.exception("campaign.broken", campaign=row["name"])
    return bool(rows)


async def _batch(pool: Pool, desk: NoticeDesk, id: int, now: datetime) -> int:
    """Hand over one batch; says how many recipients were looked at."""
    outcomes: Counter[str] = Counter()
    async with pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(CLAIM, {"id": id})).fetchone()
        if row is None:  # paused meanwhile, or another worker is at it
            return 0
        campaign = table.campaign_of(row)
        if campaign.plan.expires_at and campaign.plan.expires_at <= now:
            await connection.execute(EXPIRE, {"id": id, "code": EXPIRED})
        each = timedelta(minutes=1) / campaign.plan.per_minute
        room, waiting = await _room(connection, campaign, row["paced_until"], each, now)
        values = {"id": id, "now": now, "limit": min(BATCH, room)}
        due = await (await connection.execute(DUE, values)).fetchall() if room > 0 else []
        if due:
            outcomes = await _hand_over(connection, desk, campaign, due, now)
            until = max(row["paced_until"] or now, now) + outcomes["enqueued"] * each
            await connection.execute(PACED, {"id": id, "until": until})
        elif not waiting:
            await _end(connection, campaign, now)
    for outcome, count in outcomes.items():
        CAMPAIGN_TEXTS.labels(campaign.plan.notice_class, outcome).inc(count)
    return len(due)


async def _room(
    connection: Connection,
    campaign: Campaign,
    paced_until: datetime | None,
    each: timedelta,
    now: datetime,
) -> tuple[int, int]:
    """How many texts may be handed over, and how many of those before still wait."""
    ahead = max(1, math.ceil(timedelta(seconds=AHEAD_SECONDS) / each))
    given = {"id": campaign.id, "ahead": ahead}
    row = await (await connection.execute(WAITING, given)).fetchone()
    assert row is not None  # noqa: S101  an aggregate always returns a row
    used = max(timedelta(0), (paced_until or now) - now)
    return min(ahead - math.ceil(used / each), ahead - row["due"]), row["open"]


async def _hand_over(
    connection: Connection,
    desk: NoticeDesk,
    campaign: Campaign,
    due: Sequence[Mapping[str, Any]],
    now: datetime,
) -> Counter[str]:
    """Give recipients to the desk and note what became of each; says how many fared how."""
    notices = [campaign.plan.notice(row["phone"], table.variables_of(row)) for row in due]
    fates = await enqueue_many(desk, connection, notices, now, hold=False)
    enqueued: dict[str, list[UUID]] = {}
    refused: dict[str, str] = {}
    postponed: dict[str, datetime] = {}
    for row, fate in zip(due, fates, strict=True):
        if isinstance(fate, Refused):
            refused[row["phone"]] = fate.code
        elif isinstance(fate, Held):
            why = _never(campaign, fate, now)
            if why is None:
                postponed[row["phone"]] = fate.until
            else:
                refused[row["phone"]] = why
        else:
            enqueued[row["phone"]] = fate
    if enqueued:
        ids = ["{" + ",".join(map(str, ones)) + "}" for ones in enqueued.values()]
        values = {"id": campaign.id, "now": now, "phones": list(enqueued), "ids": ids}
        await connection.execute(ENQUEUED, values)
    if refused:
        codes = {"phones": list(refused), "codes": list(refused.values())}
        await connection.execute(REFUSED, {"id": campaign.id, **codes})
    if postponed:
        dues = {"phones": list(postponed), "dues": list(postponed.values())}
        await connection.execute(POSTPONED, {"id": campaign.id, **dues})
    return Counter({"enqueued": len(enqueued), **Counter(refused.values())})


def _never(campaign: Campaign, held: Held, now: datetime) -> str | None:
    """Why a text that is held never leaves; None where it does."""
    if held.until >= now + timedelta(days=HORIZON_DAYS):
        return NO_HOUR
    expires_at = campaign.plan.expires_at
    return EXPIRED if expires_at is not None and held.until >= expires_at else None


async def _end(connection: Connection, campaign: Campaign, now: datetime) -> None:
    row = await (await connection.execute(LEFT, {"id": campaign.id})).fetchone()
    if row is not None and not row["pending"]:
        done = Action("linnet", now, "done")
        await table.step(connection, campaign, [CampaignState.RUNNING], CampaignState.DONE, done)
        log.info("campaign.done", campaign=campaign.plan.name)
