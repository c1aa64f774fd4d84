"""What a campaign is, when its texts are due, and who lets it go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from messaging.area_codes import KnownPlace, Source
from messaging.lanes import Lane
from outreach.alerts import missing_approvals, objection
from outreach.campaigns import BadCampaign, Campaign, CampaignState, Plan, moment_in
from outreach.templates import NoticeClass

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
PLAN = Plan("alert", NoticeClass.EMERGENCY, "Stay inside, {name}.", "storm")


def at(*written: int) -> datetime:
    return datetime(*written)  # noqa: DTZ001  a wall clock


def utc(*written: int) -> datetime:
    return datetime(*written, tzinfo=UTC)


@pytest.mark.parametrize(
    ("phone", "due"),
    [
        ("+12125550100", utc(2026, 11, 1, 15)),  # New York, standard time since 2:00
        ("+13125550100", utc(2026, 11, 1, 16)),  # Chicago
        ("+13035550100", utc(2026, 11, 1, 17)),  # Denver
        ("+16025550100", utc(2026, 11, 1, 17)),  # Phoenix has no summer time
        ("+13105550100", utc(2026, 11, 1, 18)),  # Los Angeles
        ("+18085550100", utc(2026, 11, 1, 20)),  # Honolulu
        ("+442079460958", utc(2026, 11, 1, 10)),  # London
        ("+18505550100", utc(2026, 11, 1, 16)),  # half of Florida: both clocks show 10
        ("+18005550100", utc(2026, 11, 1, 18)),  # anywhere: the last clock
    ],
)
def test_ten_o_clock_on_the_sunday_on_which_clocks_change(phone, due):
    plan = replace(PLAN, starts_on_clock=at(2026, 11, 1, 10))
    assert plan.due_at(phone, None, NOW) == due


@pytest.mark.parametrize(
    ("clock", "zone", "moment"),
    [
        (at(2026, 3, 8, 10), "America/New_York", utc(2026, 3, 8, 14)),
        (at(2026, 3, 8, 2, 30), "America/New_York", utc(2026, 3, 8, 7, 30)),  # does not exist
        (at(2026, 11, 1, 1, 30), "America/New_York", utc(2026, 11, 1, 5, 30)),  # exists twice
        (at(2026, 12, 31, 20), "America/Los_Angeles", utc(2027, 1, 1, 4)),
        (at(2027, 1, 1, 0), "Pacific/Auckland", utc(2026, 12, 31, 11)),
    ],
)
def test_moments_of_wall_clocks(clock, zone, moment):
    assert moment_in(clock, zone) == moment


def test_what_is_known_of_a_place_counts_before_the_number():
    plan = replace(PLAN, starts_on_clock=at(2026, 11, 1, 10))
    moved = KnownPlace(Source.STATED, zone="America/Los_Angeles")
    assert plan.due_at("+12125550100", moved, NOW) == utc(2026, 11, 1, 18)


def test_one_time_for_all_and_none_at_all():
    assert PLAN.due_at("+12125550100", None, NOW) == NOW
    moment = utc(2026, 11, 1, 3)
    assert replace(PLAN, starts_at=moment).due_at("+18085550100", None, NOW) == moment


def test_the_notice():
    notice = PLAN.notice("+12125550100", {"name": "{name}"})
    assert (notice.body, notice.subject, notice.lane) == (
        "Stay inside, {name}.",
        "storm",
        Lane.EMERGENCY,
    )
    assert not notice.although_opted_out
    assert replace(PLAN, also_opted_out="gas leak").notice("+1", {"name": ""}).although_opted_out


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"notice_class": NoticeClass.REMINDER}, "not reminder"),
        ({"notice_class": NoticeClass.MARKETING, "also_opted_out": "because"}, "only an emergency"),
        ({"starts_at": NOW, "starts_on_clock": at(2026, 1, 1)}, "not both"),
        ({"text": "Hello {First Name}"}, "a brace stands alone"),
    ],
)
def test_a_plan_that_does_not_fit_together(changed, why):
    with pytest.raises(BadCampaign, match=why):
        replace(PLAN, **changed)


def campaign(**more) -> Campaign:
    usual = {"created_by": "Ann", "edited_by": "Bo", "state": CampaignState.READY}
    return Campaign(id=1, plan=PLAN, version=2, audience={}, **(usual | more))


@pytest.mark.parametrize(
    ("actor", "approved", "why"),
    [
        ("Ann", (), "wrote"),
        ("ANN", (), "wrote"),
        ("Bo", (), "wrote"),
        ("Cy", (), None),
        ("Cy", ("Cy",), "already"),
        ("cy", ("Cy",), "already"),
        ("Di", ("Cy",), None),
    ],
)
def test_who_may_approve(actor, approved, why):
    told = objection(campaign(approved_by=approved), actor)
    assert (told is None) if why is None else (told is not None and why in told)


@pytest.mark.parametrize("state", [one for one in CampaignState if one != "ready"])
def test_only_what_is_ready_is_approved(state):
    assert "what is ready is approved" in (objection(campaign(state=state), "Cy") or "")


@pytest.mark.parametrize(
    ("kind", "approvals"),
    list(product([NoticeClass.EMERGENCY, NoticeClass.MARKETING], range(4))),
)
def test_two_people_let_an_emergency_go(kind, approvals):
    plan = replace(PLAN, notice_class=kind)
    one = replace(campaign(approved_by=("Cy", "Di", "Ed")[:approvals]), plan=plan)
    expected = max(0, 2 - approvals) if kind is NoticeClass.EMERGENCY else 0
    assert missing_approvals(one) == expected
