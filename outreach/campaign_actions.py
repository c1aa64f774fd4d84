"""What people do with campaigns: each action is one transaction, and on record."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from database.pool import Connection, Pool
from messaging.withdrawing import withdraw
from outreach import campaign_table as table
from outreach.alerts import missing_approvals, objection
from outreach.audience import Audience, BadAudience, Report
from outreach.campaign_table import Action
from outreach.campaigns import BadCampaign, Campaign, CampaignState, Plan, WrongStep

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

LOCK = "SELECT FROM campaign WHERE id = %(id)s FOR UPDATE"
EMPTY = "DELETE FROM campaign_recipient WHERE campaign_id = %(id)s"
ANYBODY = "SELECT variables FROM campaign_recipient WHERE campaign_id = %(id)s LIMIT 1"

# A text with a part that is under way or out is left to end: half of it would be worse.
# Who is just claiming one of them is waited for.
WAITING = """
WITH waiting AS (
    SELECT text.id, one.phone, text.state FROM campaign_recipient AS one
    CROSS JOIN LATERAL unnest(one.text_ids) AS part (id)
    JOIN outbound_text AS text ON text.id = part.id
    WHERE one.campaign_id = %(id)s AND one.state = 'enqueued'
    ORDER BY text.id FOR UPDATE OF text
)
SELECT phone, array_agg(id) AS text_ids FROM waiting GROUP BY phone
HAVING bool_and(state = 'pending')
"""
BACK = """
UPDATE campaign_recipient SET state = %(state)s, text_ids = '{}', enqueued_at = NULL
WHERE campaign_id = %(id)s AND phone = ANY(%(phones)s) AND state = 'enqueued'
"""
DROP = """
UPDATE campaign_recipient SET state = 'withdrawn'
WHERE campaign_id = %(id)s AND state = 'pending'
"""

Told = Callable[[Report], None]


async def create(
    pool: Pool, plan: Plan, audience: Audience, actor: str, now: datetime, told: Told
) -> Campaign:
    """Make a campaign with all its recipients, or nothing.

    Args:
        pool: of connections; the audience may use another one meanwhile.
        plan: what it is to be.
        audience: who gets it, as it is now.
        actor: who does this.
        now: the time, UTC.
        told: how many recipients were taken so far.

    Raises:
        BadAudience: recipients cannot be read, or there are none.
        BadCampaign: the name cannot be one.
        WrongStep: there is a campaign of this name.
    """
    _check_name(plan)
    async with pool.connection() as connection, connection.transaction():
        id = await table.insert(connection, plan, Action(actor, now, "created"))
        await _fill(connection, id, plan, audience, now, told)
        draft = await table.find(connection, plan.name)
        ready = Action(actor, now, "ready", _counted(audience.report))
        await table.step(connection, draft, [CampaignState.DRAFT], CampaignState.READY, ready)
        return await table.find(connection, plan.name)


async def draft(pool: Pool, plan: Plan, actor: str, now: datetime) -> Campaign:
    """Make a campaign whose recipients ``edit`` gives it later.

    Args:
        pool: of connections.
        plan: what it is to be.
        actor: who does this.
        now: the time, UTC.

    Raises:
        BadCampaign: the name cannot be one.
        WrongStep: there is a campaign of this name.
    """
    _check_name(plan)
    async with pool.connection() as connection, connection.transaction():
        await table.insert(connection, plan, Action(actor, now, "created"))
        return await table.find(connection, plan.name)


async def edit(
    pool: Pool, plan: Plan, audience: Audience | None, actor: str, now: datetime, told: Told
) -> Campaign:
    """Change a campaign that is not started; what was approved is approved no longer.

    Args:
        pool: as above.
        plan: what it is to be now.
        audience: who gets it now; None for the same as before.
        actor: who does this.
        now: the time, UTC.
        told: as above.

    Raises:
        BadAudience: as above, or the text needs what the recipients do not have.
        UnknownCampaign: there is none of this name.
        WrongStep: it is neither ready nor a draft.
    """
    async with pool.connection() as connection, connection.transaction():
        old = await _locked(connection, plan.name)
        changed = Action(actor, now, "edited", "text" if audience is None else "audience")
        if old.state is CampaignState.DRAFT:
            if audience is None:
                raise BadAudience(f"{plan.name} has no recipients yet; give them too")
            await table.record(connection, old.id, changed)
        else:
            await table.step(connection, old, [CampaignState.READY], CampaignState.DRAFT, changed)
        await table.change(connection, old.id, plan, actor)
        if audience is not None:
            await connection.execute(EMPTY, {"id": old.id})
            await _fill(connection, old.id, plan, audience, now, told)
        else:
            await _check_needs(connection, old, plan)
        ready = Action(actor, now, "ready")
        await table.step(connection, old, [CampaignState.DRAFT], CampaignState.READY, ready)
        return await table.find(connection, plan.name)


async def approve(pool: Pool, name: str, actor: str, now: datetime) -> Campaign:
    """Let a campaign go, as it is now.

    Args:
        pool: of connections.
        name: of the campaign.
        actor: who approves it.
        now: the time, UTC.

    Raises:
        UnknownCampaign: there is none of this name.
        WrongStep: it is not ready, or this person must not approve it.
    """
    async with pool.connection() as connection, connection.transaction():
        campaign = await _locked(connection, name)
        if why := objection(campaign, actor):
            raise WrongStep(why)
        await table.approve(connection, campaign, Action(actor, now, "approved"))
        return await table.find(connection, name)


async def start(pool: Pool, name: str, actor: str, now: datetime) -> Campaign:
    """Let the texts of a campaign go out, each when it is due.

    Raises:
        UnknownCampaign: there is none of this name.
        WrongStep: it is not ready, or too few have approved it.
    """
    async with pool.connection() as connection, connection.transaction():
        campaign = await _locked(connection, name)
        if campaign.state is CampaignState.READY and (more := missing_approvals(campaign)):
            people = "one person" if more == 1 else f"{more} people"
            raise WrongStep(f"{name} is an emergency; {people} must still approve it")
        why = campaign.plan.also_opted_out
        detail = f"also to phones that opted out: {why}" if why else None
        action = Action(actor, now, "started", detail)
        await table.step(connection, campaign, [CampaignState.READY], CampaignState.RUNNING, action)
        return await table.find(connection, name)


async def pause(pool: Pool, name: str, actor: str, now: datetime) -> int:
    """Stop a campaign for now: what has not left comes back, and leaves when it is resumed.

    Returns:
        How many texts were taken back.

    Raises:
        UnknownCampaign: there is none of this name.
        WrongStep: it does not run.
    """
    return await _halt(pool, name, CampaignState.PAUSED, Action(actor, now, "paused"))


async def resume(pool: Pool, name: str, actor: str, now: datetime) -> None:
    """Let a paused campaign go on.

    Raises:
        UnknownCampaign: there is none of this name.
        WrongStep: it is not paused.
    """
    async with pool.connection() as connection, connection.transaction():
        campaign = await _locked(connection, name)
        action = Action(actor, now, "resumed")
        await table.step(
            connection, campaign, [CampaignState.PAUSED], CampaignState.RUNNING, action
        )


async def abort(pool: Pool, name: str, actor: str, now: datetime, why: str | None = None) -> int:
    """End a campaign for good: nobody gets it any more.

    Returns:
        How many texts were taken back.

    Raises:
        UnknownCampaign: there is none of this name.
        WrongStep: it is done or aborted.
    """
    return await _halt(pool, name, CampaignState.ABORTED, Action(actor, now, "aborted", why))


async def _halt(pool: Pool, name: str, to: CampaignState, action: Action) -> int:
    whence = [CampaignState.RUNNING]
    if to is CampaignState.ABORTED:
        whence += [CampaignState.DRAFT, CampaignState.READY, CampaignState.PAUSED]
    async with pool.connection() as connection, connection.transaction():
        # Whoever is just handing texts over is waited for.
        campaign = await _locked(connection, name)
        await table.step(connection, campaign, whence, to, action)
        rows = await (await connection.execute(WAITING, {"id": campaign.id})).fetchall()
        ids = [id for row in rows for id in row["text_ids"]]
        await withdraw(connection, ids, f"the campaign was {action.name}")
        after = "pending" if to is CampaignState.PAUSED else "withdrawn"
        values = {"id": campaign.id, "phones": [row["phone"] for row in rows], "state": after}
        await connection.execute(BACK, values)
        if to is CampaignState.ABORTED:
            await connection.execute(DROP, {"id": campaign.id})
        return len(rows)


def _check_name(plan: Plan) -> None:
    if not _NAME.fullmatch(plan.name):
        raise BadCampaign("a name has a-z, 0-9, dots and hyphens, like spring-recall")


async def _locked(connection: Connection, name: str) -> Campaign:
    campaign = await table.find(connection, name)
    await connection.execute(LOCK, {"id": campaign.id})
    return await table.find(connection, name)


async def _fill(
    connection: Connection,
    id: int,
    plan: Plan,
    audience: Audience,
    now: datetime,
    told: Told,
) -> None:
    async for batch in audience.batches():
        await table.add_recipients(connection, id, plan, batch, now)
        told(audience.report)
    if not audience.report.taken:
        found = "; ".join(f"line {line}: {why}" for line, why in audience.report.rejections[:3])
        raise BadAudience(f"there is nobody to text{': ' if found else ''}{found}")
    content = {**audience.source, **audience.report.as_json()}
    await table.set_audience(connection, id, content)


async def _check_needs(connection: Connection, old: Campaign, plan: Plan) -> None:
    new = (plan.starts_at, plan.starts_on_clock)
    if new != (old.plan.starts_at, old.plan.starts_on_clock):
        raise BadAudience("another start needs the recipients again: --csv or --query")
    # All were read for the same text, so one has the variables that all of them have.
    row = await (await connection.execute(ANYBODY, {"id": old.id})).fetchone()
    if row is not None and not table.variables_of(row).keys() >= set(plan.needed):
        raise BadAudience("the text needs other columns; give the recipients again")


def _counted(report: Report) -> str:
    return f"{report.taken} recipients, {report.duplicates} duplicates, {report.rejected} rejected"
