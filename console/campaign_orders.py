"""What the API takes of campaigns, checked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt

from console.context import Context
from console.orders import Checked, Moment, Name, Value, Words, written_time
from outreach.audience import BadAudience
from outreach.audience_query import QueryAudience
from outreach.campaign_brief import Brief
from outreach.campaigns import CLASSES, Plan
from outreach.templates import NoticeClass

FASTEST_PER_MINUTE = 60_000


def _of_campaigns(kind: NoticeClass) -> NoticeClass:
    if kind not in CLASSES:
        raise ValueError(f"a campaign is {', '.join(CLASSES)}")
    return kind


Start = Annotated[datetime, BeforeValidator(written_time)]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class QueryOrder(Checked):
    """Recipients that a query of audiences.yml finds."""

    query: Name
    parameters: dict[Name, Value] = Field(default_factory=dict, max_length=20)
    region: Region = "US"
    """Country of numbers that name none."""

    def audience(self, context: Context, plan: Plan) -> QueryAudience:
        """Who gets a campaign.

        Raises:
            BadAudience: there is no such query, or its parameters are others.
        """
        if self.query not in context.queries:
            known = ", ".join(context.queries) or "none"
            raise BadAudience(f"audiences.yml has no {self.query}; it has {known}")
        query = context.queries[self.query]
        return QueryAudience(context.pool, query, self.parameters, plan.needed, self.region)


class CampaignOrder(Checked):
    """A campaign to be made."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    text: Words | None = None
    """With `{variables}` of its recipients."""
    kind: Annotated[NoticeClass, AfterValidator(_of_campaigns)] | None = Field(
        default=None, alias="class"
    )
    template: Name | None = None
    """A text of notices.yml instead of `text` and `class`."""
    subject: Name | None = None
    """What it is about, as caps count; by default that of the template, or the name."""
    starts_at: Start | None = None
    """With an offset for all at once; without, on each recipient's own clock."""
    expires_at: Moment | None = None
    """From then on nobody gets it."""
    per_minute: StrictInt = Field(default=600, ge=1, le=FASTEST_PER_MINUTE)
    also_opted_out: Words | None = None
    """Emergency alone: why phones get it that opted out."""
    audience: QueryOrder | None = None
    """Without it, the campaign is a draft until its recipients are put there as CSV."""

    def plan(self, context: Context) -> Plan:
        """What the campaign is to be.

        Raises:
            BadCampaign: it does not fit together.
            UnknownTemplate: there is no text of this name.
        """
        given: dict[str, Any] = {
            "text": self.text,
            "template": self.template,
            "kind": self.kind,
            "subject": self.subject,
            "also_opted_out": self.also_opted_out,
        }
        brief = Brief(
            starts=self.starts_at,
            expires_at=self.expires_at,
            per_minute=self.per_minute,
            **{name: value for name, value in given.items() if value is not None},
        )
        return brief.plan(self.name, context.templates)


class AbortOrder(Checked):
    """Why a campaign is ended."""

    why: Words | None = None
    """For the record."""
