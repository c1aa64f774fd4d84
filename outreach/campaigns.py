"""Campaigns: the same text to many, with steps that somebody answers for. Pure.

    draft ─▶ ready ─▶ running ⇄ paused
      ▲────────┘         └▶ done          any of them before done ─▶ aborted

``migrations/versions/0011_campaigns.py`` proves the steps; here is what they are for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from messaging.area_codes import KnownPlace, place_of
from messaging.errors import LinnetError
from messaging.notices import Notice
from outreach.templates import NoticeClass, Template, Templates

CLASSES = (NoticeClass.MARKETING, NoticeClass.TRANSACTIONAL, NoticeClass.EMERGENCY)


class CampaignState(StrEnum):
    """How far a campaign is.

    Attributes:
        DRAFT: its recipients are being read, or it is being changed.
        READY: complete; it may be looked at, approved and started.
        RUNNING: its texts go out.
        PAUSED: none goes out.
        DONE: all have gone out.
        ABORTED: ended before that, for good.
    """

    DRAFT = "draft"
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    ABORTED = "aborted"


class UnknownCampaign(LinnetError):
    """There is no campaign of this name."""

    code = "campaign.unknown"
    staff = "There is no campaign of this name."


class WrongStep(LinnetError):
    """A campaign does not take this step from where it is; the detail says why."""

    code = "campaign.step"
    staff = "The campaign cannot do that now."


class BadCampaign(LinnetError):
    """What a campaign is to be does not fit together; the detail says what to change."""

    code = "campaign.plan"
    staff = "The campaign is not complete."


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody wants to be texted.

    Attributes:
        name: of the campaign.
        notice_class: marketing, transactional or emergency; decides which rules hold.
        text: with ``{variables}`` of its recipients.
        subject: what it is about, as caps count.
        starts_at: when, aware; None where the clock of each recipient counts, or for at once.
        starts_on_clock: when on the wall clock of each recipient, naive.
        expires_at: from when on nobody gets it any more, aware.
        per_minute: texts at most.
        also_opted_out: why phones get it that opted out; an emergency's alone, None for no.
    """

    name: str
    notice_class: NoticeClass
    text: str
    subject: str
    starts_at: datetime | None = None
    starts_on_clock: datetime | None = None
    expires_at: datetime | None = None
    per_minute: int = 600
    also_opted_out: str | None = None

    def __post_init__(self) -> None:
        """Check that it fits together."""
        if self.notice_class not in CLASSES:
            raise BadCampaign(f"a campaign is {', '.join(CLASSES)}, not {self.notice_class}")
        if self.also_opted_out and self.notice_class is not NoticeClass.EMERGENCY:
            raise BadCampaign("only an emergency goes to phones that opted out")
        if self.starts_at and self.starts_on_clock:
            raise BadCampaign("it starts at one time for all, or by each clock, not both")
        bare = self.text
        for name in self.needed:
            bare = bare.replace(f"{{{name}}}", "")
        if "{" in bare or "}" in bare:
            raise BadCampaign("a brace stands alone; variables are written as {first_name}")

    @property
    def needed(self) -> tuple[str, ...]:
        """The variables that each recipient must have."""
        return Template(self.name, self.text, self.notice_class, self.subject).variables

    def notice(self, phone: str, variables: Mapping[str, str]) -> Notice:
        """The text for one recipient.

        Args:
            phone: E.164.
            variables: a value for each that is needed.
        """
        template = Template(self.name, self.text, self.notice_class, self.subject)
        # A text that was changed may need less than its recipients were given.
        needed = {name: variables[name] for name in template.variables}
        return Notice(
            phone=phone,
            body=Templates({self.name: template}).render(self.name, needed),
            lane=self.notice_class.lane,
            subject=self.subject,
            not_after=self.expires_at,
            although_opted_out=self.also_opted_out is not None,
        )

    def due_at(self, phone: str, known: KnownPlace | None, now: datetime) -> datetime:
        """When a recipient's text leaves at the earliest, UTC.

        A phone that may be in several zones is due when the clocks of all of them have come to
        the time. A time that summer time leaves out is taken as if clocks were changed later.

        Args:
            phone: E.164.
            known: what is known of where it is, beyond its number.
            now: for what starts at once, UTC.
        """
        if self.starts_on_clock is None:
            return self.starts_at or now
        zones = place_of(phone, known).zones
        return max(moment_in(self.starts_on_clock, zone) for zone in zones)


def moment_in(clock: datetime, zone: str) -> datetime:
    """When a wall clock shows a time, UTC; the first time where it does so twice.

    Args:
        clock: naive.
        zone: IANA.

    >>> moment_in(datetime(2026, 11, 1, 10), "America/New_York").isoformat()
    '2026-11-01T15:00:00+00:00'
    """
    return clock.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it is kept.

    Attributes:
        id: of the row.
        plan: what it is to be.
        state: how far it is.
        version: of its plan and recipients; approvals are for one.
        created_by: who made it.
        edited_by: who changed it last.
        audience: where its recipients are from, and which rows were not taken.
        approved_by: who let this version go.
    """

    id: int
    plan: Plan
    state: CampaignState
    version: int
    created_by: str
    edited_by: str
    audience: Mapping[str, Any]
    approved_by: tuple[str, ...] = ()
