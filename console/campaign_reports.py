"""What the API tells of campaigns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import Field

from console.model import Model
from console.reports import Cost
from outreach.alerts import missing_approvals
from outreach.campaign_preview import Preview
from outreach.campaign_results import Results
from outreach.campaigns import Campaign, CampaignState
from outreach.templates import NoticeClass


class Rejection(Model):
    """A row of which no recipient could be made."""

    line: int
    why: str


class AudienceReport(Model):
    """Where recipients are from."""

    query: str | None
    """Of audiences.yml; none where they were uploaded."""
    taken: int
    duplicates: int
    """Rows whose phone stood before; the first one counts."""
    rejected: int
    rejections: list[Rejection]
    """The first hundred of the rejected rows."""


class CampaignReport(Model):
    """A campaign as it is now."""

    name: str
    kind: NoticeClass = Field(serialization_alias="class")
    state: CampaignState
    text: str
    subject: str
    starts_at: datetime | None
    """Without an offset on each recipient's own clock; none for at once."""
    expires_at: datetime | None
    per_minute: int
    also_opted_out: str | None
    version: int
    """Of text, audience and times; approvals are for one."""
    created_by: str
    edited_by: str
    approved_by: list[str]
    approvals_missing: int
    audience: AudienceReport | None
    """None while it has no recipients."""


class Step(Model):
    """Something that was done with a campaign."""

    at: datetime
    actor: str
    action: str
    version: int
    detail: str | None


class CampaignStory(CampaignReport):
    """A campaign, how far it is, and all that was done with it."""

    recipients: dict[str, int]
    """How many wait (`pending`), were handed over (`enqueued`) or taken back (`withdrawn`); the
    others by the code of their refusal."""
    history: list[Step]


class CampaignList(Model):
    """All campaigns, the oldest first."""

    campaigns: list[CampaignReport]


class CampaignPreview(Model):
    """What would be sent, by the rules as they are now; nothing is."""

    recipients: int
    sent: int
    """Who would get it."""
    held: int
    """Of these, who would get it later than wanted."""
    refused: dict[str, int]
    """Who would not, by code."""
    first_at: datetime | None
    last_at: datetime | None
    texts: int
    segments: int
    costs: list[Cost]
    unpriced: int
    """Texts whose price is not configured."""
    samples: list[str]


class Halted(Model):
    """A campaign that sends nothing more, or nothing for now."""

    state: CampaignState
    taken_back: int
    """Texts that had not left."""


class CampaignResults(Model):
    """How a campaign did so far."""

    recipients: dict[str, int]
    """By state, or by the code of their refusal."""
    texts: dict[str, int]
    """Those handed over: waiting, sent, delivered, failed, unknown."""
    failures: dict[str, int]
    """Failed ones, by code."""
    replied: int
    """Within three days."""
    opted_out: int
    """Within three days."""
    segments: int
    costs: list[Cost]
    warnings: list[str]


def campaign_report(campaign: Campaign) -> CampaignReport:
    """A campaign as the API tells it."""
    plan, audience = campaign.plan, campaign.audience
    starts_at = plan.starts_on_clock or (plan.starts_at and plan.starts_at.astimezone(UTC))
    return CampaignReport(
        name=plan.name,
        kind=plan.notice_class,
        state=campaign.state,
        text=plan.text,
        subject=plan.subject,
        starts_at=starts_at,
        expires_at=plan.expires_at and plan.expires_at.astimezone(UTC),
        per_minute=plan.per_minute,
        also_opted_out=plan.also_opted_out,
        version=campaign.version,
        created_by=campaign.created_by,
        edited_by=campaign.edited_by,
        approved_by=list(campaign.approved_by),
        approvals_missing=missing_approvals(campaign),
        audience=_audience(audience) if audience else None,
    )


def campaign_story(
    campaign: Campaign, counts: Mapping[str, int], history: Sequence[Mapping[str, Any]]
) -> CampaignStory:
    """A campaign with all that was done with it.

    Args:
        campaign: to be told of.
        counts: of its recipients.
        history: rows, in order.
    """
    steps = [Step(**{**row, "at": row["at"].astimezone(UTC)}) for row in history]
    told = dict(campaign_report(campaign))
    return CampaignStory(**told, recipients=dict(counts), history=steps)


def campaign_preview(found: Preview) -> CampaignPreview:
    """What would be sent, as the API tells it."""
    return CampaignPreview(
        recipients=found.recipients,
        sent=found.sent,
        held=found.held,
        refused=dict(found.refused),
        first_at=found.first_at,
        last_at=found.last_at,
        texts=found.texts,
        segments=found.segments,
        costs=_costs(found.prices),
        unpriced=found.unpriced,
        samples=found.samples,
    )


def campaign_results(found: Results) -> CampaignResults:
    """How a campaign did, as the API tells it."""
    return CampaignResults(
        recipients=dict(found.counts),
        texts=dict(found.fates),
        failures=dict(found.failures),
        replied=found.replied,
        opted_out=found.opted_out,
        segments=found.segments,
        costs=_costs(found.prices),
        warnings=found.warnings,
    )


def _audience(kept: Mapping[str, Any]) -> AudienceReport:
    return AudienceReport(
        query=kept.get("query"),
        taken=kept["taken"],
        duplicates=kept["duplicates"],
        rejected=kept["rejected"],
        rejections=[Rejection(line=line, why=why) for line, why in kept["rejections"]],
    )


def _costs(prices: Mapping[str, Decimal]) -> list[Cost]:
    return [
        Cost(amount=f"{amount.normalize():f}", currency=currency)
        for currency, amount in prices.items()
    ]
