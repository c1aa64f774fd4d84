"""``/api/campaigns``: the same text to many, made, released and followed by other systems.

Who does something is the name of the key. Names and states make each step safe to ask for twice:
what was done already is answered 409, and ``GET`` tells how far the campaign is.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query, Request

from console.access import MAY_READ_CAMPAIGNS, MayApproveCampaigns, MayWriteCampaigns
from console.campaign_orders import AbortOrder, CampaignOrder, Region
from console.campaign_reports import (
    CampaignList,
    CampaignPreview,
    CampaignReport,
    CampaignResults,
    CampaignStory,
    Halted,
    campaign_preview,
    campaign_report,
    campaign_results,
    campaign_story,
)
from console.context import CONNECT_SECONDS, Given
from console.openapi import answers
from console.orders import Name
from console.problems import WrongType
from console.request_guard import CSV, LARGEST_CSV, media_type
from outreach import campaign_actions as actions
from outreach import campaign_table as table
from outreach.audience import CsvAudience
from outreach.audience import Report as Counted
from outreach.campaign_preview import preview
from outreach.campaign_results import counts, results
from outreach.campaigns import CampaignState

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/api/campaigns", tags=["campaigns"])

UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"UTF-8 with a heading, {LARGEST_CSV} bytes at most.",
        "content": {CSV: {"schema": {"type": "string"}}},
    }
}


@router.get("", response_model=CampaignList, responses=answers(), dependencies=[MAY_READ_CAMPAIGNS])
async def list_campaigns(context: Given) -> CampaignList:
    """All campaigns, the oldest first."""
    async with context.pool.connection(timeout=CONNECT_SECONDS) as connection:
        found = await table.find_all(connection)
    return CampaignList(campaigns=[campaign_report(one) for one in found])


@router.post("", status_code=201, response_model=CampaignReport, responses=answers(409))
async def create_campaign(
    order: CampaignOrder, caller: MayWriteCampaigns, context: Given
) -> CampaignReport:
    """Make a campaign; nothing is sent until it is started."""
    plan, now = order.plan(context), context.clock.now()
    if order.audience is None:
        campaign = await actions.draft(context.pool, plan, caller.name, now)
    else:
        audience = order.audience.audience(context, plan)
        campaign = await actions.create(context.pool, plan, audience, caller.name, now, _untold)
    _log("created", plan.name, caller.name)
    return campaign_report(campaign)


@router.get(
    "/{name}",
    response_model=CampaignStory,
    responses=answers(404),
    dependencies=[MAY_READ_CAMPAIGNS],
)
async def show_campaign(name: str, context: Given) -> CampaignStory:
    """A campaign, how far it is, and who did what with it."""
    async with context.pool.connection(timeout=CONNECT_SECONDS) as connection:
        campaign = await table.find(connection, name)
        return campaign_story(
            campaign,
            await counts(connection, campaign),
            await table.history(connection, campaign.id),
        )


@router.put(
    "/{name}/recipients",
    response_model=CampaignReport,
    responses=answers(404, 409),
    openapi_extra=UPLOAD,
)
async def put_recipients(
    name: str,
    request: Request,
    caller: MayWriteCampaigns,
    context: Given,
    phone_column: Annotated[Name, Query(description="The column with the phones.")] = "phone",
    region: Annotated[Region, Query(description="Country of numbers that name none.")] = "US",
) -> CampaignReport:
    """Give a campaign its recipients, in place of those it had; approvals of it are void.

    The other columns are the variables of the text. A row that cannot be taken is reported.
    """
    if media_type(request.scope) != CSV:
        raise WrongType(f"send Content-Type: {CSV}")
    async with context.pool.connection(timeout=CONNECT_SECONDS) as connection:
        plan = (await table.find(connection, name)).plan
    with TemporaryDirectory() as folder:
        path = Path(folder) / "recipients.csv"
        await asyncio.to_thread(path.write_bytes, await request.body())
        audience = CsvAudience(path, plan.needed, phone_column, region)
        now = context.clock.now()
        campaign = await actions.edit(context.pool, plan, audience, caller.name, now, _untold)
    _log("addressed", name, caller.name)
    return campaign_report(campaign)


@router.post(
    "/{name}/preview",
    response_model=CampaignPreview,
    responses=answers(404),
    dependencies=[MAY_READ_CAMPAIGNS],
)
async def preview_campaign(name: str, context: Given) -> CampaignPreview:
    """Who would get it and who would not, when, and what it costs; looks at each recipient."""
    async with context.pool.connection(timeout=CONNECT_SECONDS) as connection:
        campaign = await table.find(connection, name)
    now = context.clock.now()
    found = await preview(context.pool, context.desk, context.prices, campaign, now, _untold)
    return campaign_preview(found)


@router.post("/{name}/approve", response_model=CampaignReport, responses=answers(404, 409))
async def approve_campaign(
    name: str, caller: MayApproveCampaigns, context: Given
) -> CampaignReport:
    """Let a campaign go, as it is; an emergency needs two keys of others than its authors."""
    campaign = await actions.approve(context.pool, name, caller.name, context.clock.now())
    _log("approved", name, caller.name)
    return campaign_report(campaign)


@router.post("/{name}/start", response_model=CampaignReport, responses=answers(404, 409))
async def start_campaign(name: str, caller: MayWriteCampaigns, context: Given) -> CampaignReport:
    """Send it, to each when it is due."""
    campaign = await actions.start(context.pool, name, caller.name, context.clock.now())
    _log("started", name, caller.name)
    return campaign_report(campaign)


@router.post("/{name}/pause", response_model=Halted, responses=answers(404, 409))
async def pause_campaign(name: str, caller: MayWriteCampaigns, context: Given) -> Halted:
    """Stop for now; what has not left comes back."""
    back = await actions.pause(context.pool, name, caller.name, context.clock.now())
    _log("paused", name, caller.name)
    return Halted(state=CampaignState.PAUSED, taken_back=back)


@router.post("/{name}/resume", response_model=CampaignReport, responses=answers(404, 409))
async def resume_campaign(name: str, caller: MayWriteCampaigns, context: Given) -> CampaignReport:
    """Go on after a pause."""
    await actions.resume(context.pool, name, caller.name, context.clock.now())
    _log("resumed", name, caller.name)
    async with context.pool.connection(timeout=CONNECT_SECONDS) as connection:
        return campaign_report(await table.find(connection, name))


@router.post("/{name}/abort", response_model=Halted, responses=answers(404, 409))
async def abort_campaign(
    name: str, caller: MayWriteCampaigns, context: Given, order: AbortOrder | None = None
) -> Halted:
    """End it for good."""
    why = order.why if order else None
    back = await actions.abort(context.pool, name, caller.name, context.clock.now(), why)
    _log("aborted", name, caller.name)
    return Halted(state=CampaignState.ABORTED, taken_back=back)


@router.get(
    "/{name}/results",
    response_model=CampaignResults,
    responses=answers(404),
    dependencies=[MAY_READ_CAMPAIGNS],
)
async def show_results(name: str, context: Given) -> CampaignResults:
    """What became of its texts, who wrote back, who opted out, what it cost."""
    async with context.pool.connection(timeout=CONNECT_SECONDS) as connection:
        campaign = await table.find(connection, name)
        return campaign_results(await results(connection, campaign, context.prices))


def _log(step: str, name: str, caller: str) -> None:
    log.info("api.campaign-step", step=step, campaign=name, caller=caller)


def _untold(_: Counted | int) -> None:
    """Nobody watches: one answer tells all."""
