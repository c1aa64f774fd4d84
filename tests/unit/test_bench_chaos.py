"""The plan of the chaos runs and their verdict: what would be wrong is found."""

from __future__ import annotations

from typing import Any

import pytest

from bench.chaos.plan import FAULTS, Blow, Planned, Scenario, every_pair, load
from bench.chaos.tables import cells, covered
from bench.chaos.verdict import Case, judge
from bench.chaos.wishes import Wish, answers, wish_of
from simulator.faults import read_fault

SORRY = "Sorry"


def test_the_same_seed_is_the_same_plan():
    assert every_pair(7) == every_pair(7)
    assert every_pair(7) != every_pair(8)
    assert load(7, 600, 60) == load(7, 600, 60)


def test_every_fault_meets_every_blow():
    plan = every_pair(1)
    assert covered(plan.scenarios).keys() == cells()
    assert len(cells()) == len(plan.scenarios) >= 300
    assert len({scenario.phone for scenario in plan.scenarios}) == len(plan.scenarios)


def test_one_text_of_each_phone_leaves_just_before_the_blow():
    for one in every_pair(3).rounds:
        for scenario in one.scenarios:
            at = sum(text.pause for text in scenario.texts[: scenario.anchor + 1])
            assert one.at - 0.25 <= at <= one.at


def test_a_load_has_as_many_texts_as_are_wanted():
    plan = load(1, 10_000, 1_000)
    assert len(plan.scenarios) == 1_000
    assert sum(len(scenario.texts) for scenario in plan.scenarios) == 10_000
    assert {one.blow for one in plan.rounds} == set(Blow)
    assert {scenario.fault for scenario in plan.scenarios} == {
        name for known in FAULTS.values() for name in known
    }


def test_the_carrier_knows_every_fault():
    for gateway, known in FAULTS.items():
        for faults in known.values():
            for fault in faults:
                read_fault({**fault, "gateway": gateway, "phone": "+16465550000"})


@pytest.mark.parametrize("wish", Wish)
def test_every_answer_repeats_its_mark(wish):
    said = answers(f"t1.2 {wish}")
    assert wish_of(f"t1.2 {wish}") is wish
    assert bool(said) is (wish is not Wish.FAIL)
    assert all(reply.startswith("t1.2") for reply in said)


def reply(body: str, state: str = "delivered", **values: Any) -> dict[str, Any]:
    usual = {"resends": 0, "asks": 0, "error_code": None, "error_staff": None, "number": 1}
    return {"id": body, "body": body, "state": state, **usual, **values}


def case(
    *,
    fault: str = "none",
    bodies: tuple[str, ...] = ("t1 say", "t2 say"),
    stored: tuple[str, ...] | None = None,
    replies: list[dict[str, Any]] | None = None,
    shown: tuple[str, ...] = ("t1 answered", "t2 answered"),
    events: list[dict[str, Any]] | None = None,
    state: str = "done",
    repeats: int = 0,
) -> Case:
    """A phone that sent two texts, answered in one turn; and what is different this time."""
    if replies is None:
        replies = [reply("t1 answered"), reply("t2 answered")]
    planned = tuple(Planned(0.1, body) for body in bodies)
    return Case(
        scenario=Scenario("+16465550000", "twilio", fault, Blow.WORKER, False, planned, 0),
        said={body: body for body in bodies},
        repeats=repeats,
        shown=[{"body": body} for body in shown],
        texts=[
            {"external_id": body, "body": body, "number": 1, "state": state}
            for body in (bodies if stored is None else stored)
        ],
        replies=replies,
        events=events or [],
        failure_message=SORRY,
    )


FIRST, SECOND = "t1 answered", "t2 answered"
REASON = {"error_code": "30007", "error_staff": "a carrier took it for spam"}
UNKNOWN = {"error_code": "outcome-unknown", "error_staff": "nobody knows"}


@pytest.mark.parametrize(
    "fine",
    [
        case(),
        case(shown=("t1 answered, 1 of 3", "t1 answered, 2 of 3", "t1 answered, 3 of 3"),
             bodies=("t1 thrice",),
             replies=[reply(f"t1 answered, {number} of 3") for number in (1, 2, 3)]),
        # The vendor brought the first text again, behind the second.
        case(repeats=1, stored=("t2 say", "t1 say"), shown=(SECOND, FIRST),
             replies=[reply(SECOND), reply(FIRST)]),
        case(fault="refuse", shown=(SECOND,),
             replies=[reply(FIRST, "failed", **REASON), reply(SECOND)]),
        case(fault="receipts-missing", replies=[reply(FIRST, "sent"), reply(SECOND)]),
        case(bodies=("t1 fail", "t2 say"), state="failed", shown=(SORRY,),
             replies=[reply(SORRY)]),
    ],
)  # fmt: skip
def test_what_must_be_is_found_fine(fine):
    verdict = judge(fine)
    assert (verdict.findings, sum(verdict.declared.values())) == ([], 0)


@pytest.mark.parametrize(
    ("wrong", "kinds"),
    [
        (case(shown=(FIRST,)), {"lost"}),
        (case(shown=(FIRST, FIRST, SECOND)), {"doubled"}),
        (case(shown=(SECOND, FIRST)), {"disordered"}),
        (case(stored=("t1 say",), replies=[reply(FIRST)], shown=(FIRST,)), {"lost"}),
        (case(stored=("t2 say", "t1 say"), replies=[reply(SECOND), reply(FIRST)],
              shown=(SECOND, FIRST)), {"disordered"}),
        (case(replies=[reply(FIRST)], shown=(FIRST,)), {"unanswered"}),
        (case(replies=[reply(SECOND), reply(FIRST)], shown=(SECOND, FIRST)), {"unanswered"}),
        (case(state="failed", replies=[reply(SORRY)], shown=(SORRY,)), {"unanswered"}),
        (case(replies=[reply(FIRST), reply(SECOND, "sent")]), {"unexplained"}),
        (case(shown=(FIRST,), replies=[reply(FIRST), reply(SECOND, "pending")]), {"unexplained"}),
        (case(fault="refuse", shown=(FIRST,),
              replies=[reply(FIRST), reply(SECOND, "failed")]), {"unexplained"}),
        (case(shown=(FIRST,), replies=[reply(FIRST), reply(SECOND, "failed", **REASON)]),
         {"lost"}),
        (case(fault="refuse", replies=[reply(FIRST), reply(SECOND, "failed", **REASON)]),
         {"doubled"}),  # shown although it failed
        (case(shown=(FIRST,), replies=[reply(FIRST), reply(SECOND, "unknown", **UNKNOWN)]),
         {"unexplained"}),  # without an event
        (case(replies=[reply(FIRST), reply(SECOND, resends=1)]), {"unexplained"}),
        (case(replies=[reply(FIRST), reply(SECOND, resends=1)], shown=(FIRST, *[SECOND] * 3),
              events=[{"outbound_id": SECOND, "kind": "resent"}]), {"doubled"}),
    ],
)  # fmt: skip
def test_what_must_not_be_is_found(wrong, kinds):
    assert {finding.kind for finding in judge(wrong).findings} == kinds


def test_what_declares_itself_is_counted_apart():
    resent = [{"outbound_id": FIRST, "kind": "resent"}]
    doubled = judge(
        case(
            shown=(FIRST, SECOND, FIRST),  # the first request came late, the second was answered
            replies=[reply(FIRST, resends=1), reply(SECOND)],
            events=resent,
        )
    )
    missing = judge(
        case(
            shown=(SECOND,),
            replies=[reply(FIRST, "unknown", resends=1, **UNKNOWN), reply(SECOND)],
            events=[*resent, {"outbound_id": FIRST, "kind": "left-unknown"}],
        )
    )
    assert (doubled.findings, missing.findings) == ([], [])
    assert list(doubled.declared) == ["doubled: sent again, its fate unknown"]
    assert list(missing.declared) == ["missing: its fate is unknown"]
