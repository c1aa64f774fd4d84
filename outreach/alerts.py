"""Who may let an alert go: two people, neither of whom wrote it (requirement R119). Pure.

An emergency is texted at any hour and past every cap, so a slip of one person must not be enough.
The database proves the same (``campaign_approval_is_anothers``, ``campaign_two_people``).
"""

from __future__ import annotations

from outreach.campaigns import Campaign, CampaignState
from outreach.templates import NoticeClass

APPROVALS = 2
"""How many people let an emergency go."""


def objection(campaign: Campaign, actor: str) -> str | None:
    """Why somebody cannot approve a campaign as it is; None where they can.

    Args:
        campaign: to be let go.
        actor: who wants to.
    """
    name = actor.lower()
    if campaign.state is not CampaignState.READY:
        return f"{campaign.plan.name} is {campaign.state}; what is ready is approved"
    if name in {campaign.created_by.lower(), campaign.edited_by.lower()}:
        return f"{actor} wrote {campaign.plan.name}; somebody else approves it"
    if name in {one.lower() for one in campaign.approved_by}:
        return f"{actor} has approved {campaign.plan.name} already"
    return None


def missing_approvals(campaign: Campaign) -> int:
    """How many people more must approve a campaign before it may start."""
    if campaign.plan.notice_class is not NoticeClass.EMERGENCY:
        return 0
    return max(0, APPROVALS - len(campaign.approved_by))
