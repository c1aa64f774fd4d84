from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.failover import Standing, may_move
from messaging.health import (
    FULL,
    LEAST,
    QUIET,
    RISE_EVERY,
    STEP_EVERY,
    Judgement,
    Seen,
    Sends,
    choose,
    draw,
    judge,
    well,
)

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LONG_AGO = timedelta(days=1)
WELL = Sends(100)


def seen(
    lately: Sends = WELL,
    *,
    weight: int = FULL,
    changed: timedelta = LONG_AGO,
    trouble: timedelta | None = None,
    in_row: int = 0,
) -> Seen:
    trouble_at = None if trouble is None else NOW - trouble
    return Seen(weight, NOW - changed, trouble_at, in_row, lately)


def judged(one: Seen) -> Judgement:
    """Beside a gateway that is well."""
    return judge({"a": one, "b": seen()}, NOW)["a"]


@pytest.mark.parametrize(
    ("lately", "in_row", "weight", "trouble"),
    [
        (Sends(), 0, 100, False),
        (WELL, 0, 100, False),
        # five in a row, whatever the share
        (Sends(1000, 5), 5, 0, True),
        (Sends(1000, 5), 4, 100, False),
        (Sends(5, 5), 5, 0, True),
        # ... the last of them in these minutes
        (Sends(), 9, 100, False),
        (Sends(1, 1), 9, 0, True),
        # over a fifth of five sends or more are errors
        (Sends(5, 2), 0, 50, True),
        (Sends(5, 1), 1, 100, False),
        (Sends(4, 3), 3, 100, False),
        (Sends(100, 20), 0, 100, False),
        (Sends(100, 21), 0, 50, True),
        # the same of slow ones
        (Sends(5, 0, 2), 0, 80, True),
        (Sends(5, 0, 1), 0, 100, False),
        (Sends(4, 0, 4), 0, 100, False),
        (Sends(100, 0, 20), 0, 100, False),
        (Sends(100, 0, 21), 0, 80, True),
        # errors count for more than slowness, and are not added to it
        (Sends(100, 30, 30), 0, 50, True),
        (Sends(100, 15, 15), 0, 100, False),
    ],
)
def test_thresholds(lately, in_row, weight, trouble):
    judgement = judged(seen(lately, in_row=in_row))
    assert (judgement.weight, judgement.trouble) == (weight, trouble)
    assert bool(judgement.reason) == (weight != FULL)


@pytest.mark.parametrize(
    ("lately", "weight", "changed", "after"),
    [
        (Sends(10, 5), 100, STEP_EVERY, 50),
        (Sends(10, 5), 50, STEP_EVERY, 0),
        (Sends(10, 5), 50, STEP_EVERY - SECOND, 50),
        (Sends(10, 5), 30, STEP_EVERY, 0),
        (Sends(10, 5), 0, STEP_EVERY, 0),
        (Sends(10, 0, 5), 80, STEP_EVERY, 60),
        (Sends(10, 0, 5), 80, STEP_EVERY - SECOND, 80),
        (Sends(10, 0, 5), 10, STEP_EVERY, 0),
    ],
)
def test_steps_down_are_apart_and_end_at_0(lately, weight, changed, after):
    assert judged(seen(lately, weight=weight, changed=changed)).weight == after


def test_an_outage_does_not_wait_for_the_next_step():
    down = seen(Sends(10, 10), weight=50, changed=SECOND, in_row=10)
    assert judged(down) == Judgement(0, "10 errors in a row", trouble=True)


@pytest.mark.parametrize(
    ("weight", "changed", "trouble", "after"),
    [
        (0, QUIET, QUIET, 10),
        (0, QUIET, QUIET - SECOND, 0),
        (10, RISE_EVERY, QUIET + RISE_EVERY, 20),
        (10, RISE_EVERY - SECOND, QUIET + RISE_EVERY, 10),
        (50, QUIET, QUIET, 60),
        (95, QUIET, QUIET, 100),
        (100, LONG_AGO, None, 100),
        (40, LONG_AGO, None, 50),
    ],
)
def test_drifts_back(weight, changed, trouble, after):
    judgement = judged(seen(Sends(), weight=weight, changed=changed, trouble=trouble))
    assert (judgement.weight, judgement.trouble) == (after, False)


def test_a_gateway_that_is_back_goes_at_the_first_error():
    probing = seen(Sends(1, 1), weight=10, changed=RISE_EVERY, trouble=QUIET, in_row=6)
    assert judged(probing).weight == 0


def test_how_a_gateway_falls_and_comes_back():
    """A gateway that fails wholly from 12:00 to 12:10, judged every ten seconds."""
    weight, changed, trouble = FULL, NOW - LONG_AGO, None
    course = []
    for tick in range(6 * 40):
        now = NOW + 10 * SECOND * tick
        broken = now < NOW + timedelta(minutes=10)
        lately = Sends(20, 20) if broken else Sends()
        one = Seen(weight, changed, trouble, 20, lately)
        judgement = judge({"a": one, "b": seen()}, now)["a"]
        trouble = now if judgement.trouble else trouble
        if judgement.weight != weight:
            weight, changed = judgement.weight, now
            course.append(((now - NOW) // timedelta(minutes=1), weight))
    assert course == [(0, 0), *((13 + n, 10 * n) for n in range(1, 11))]


@pytest.mark.parametrize("weight", [100, 50, 0])
def test_nothing_changes_where_all_are_in_trouble(weight):
    down, slow = seen(Sends(9, 9), in_row=9, weight=weight), seen(Sends(9, 0, 9))
    judgements = judge({"a": down, "b": slow}, NOW)
    assert judgements == {
        "a": Judgement(weight, trouble=True),
        "b": Judgement(100, trouble=True),
    }


def test_nothing_changes_where_there_is_no_other():
    assert judge({"a": seen(Sends(9, 9), in_row=9)}, NOW)["a"].weight == FULL


def test_the_last_that_is_well_falls_too_when_the_other_is_only_empty():
    gone = seen(Sends(), weight=0, changed=SECOND, trouble=SECOND)
    judgements = judge({"a": gone, "b": seen(Sends(9, 9), in_row=9)}, NOW)
    assert {name: one.weight for name, one in judgements.items()} == {"a": 0, "b": 0}


SENDS = st.builds(
    lambda sends, errors, slow: Sends(
        sends, min(errors, sends), min(slow, sends - min(errors, sends))
    ),
    *[st.integers(0, 50)] * 3,
)
SEEN = st.builds(
    seen,
    SENDS,
    weight=st.integers(0, 100),
    changed=st.timedeltas(timedelta(0), LONG_AGO),
    trouble=st.none() | st.timedeltas(timedelta(0), LONG_AGO),
    in_row=st.integers(0, 10),
)


@given(st.dictionaries(st.sampled_from("abc"), SEEN))
def test_a_weight_stays_within_0_and_100_and_each_change_has_a_reason(gateways):
    for name, judgement in judge(gateways, NOW).items():
        assert 0 <= judgement.weight <= FULL
        assert bool(judgement.reason) == (judgement.weight != gateways[name].weight)
        if gateways[name].lately.sends < LEAST and gateways[name].failures_in_row == 0:
            assert judgement.weight >= gateways[name].weight


@pytest.mark.parametrize(
    ("shares", "weights", "chances"),
    [
        ({"a": 100, "b": 100}, {}, {"a": 0.5, "b": 0.5}),
        ({"a": 75, "b": 25}, {}, {"a": 0.75, "b": 0.25}),
        ({"a": 100, "b": 100}, {"a": 0}, {"b": 1.0}),
        ({"a": 100, "b": 100}, {"a": 50, "b": 100}, {"a": 1 / 3, "b": 2 / 3}),
        ({"a": 100, "b": 100}, {"a": 0, "b": 0}, {"a": 0.5, "b": 0.5}),
        ({"a": 100, "b": 0}, {}, {"a": 1.0}),
        ({"a": 100, "b": 0}, {"a": 0, "b": 100}, {"a": 1.0}),
    ],
)
def test_the_gateway_of_a_new_conversation(shares, weights, chances):
    random = Random(7).random
    drawn = Counter(choose(shares, weights, random) for _ in range(4000))
    assert drawn.keys() == chances.keys()
    for name, chance in chances.items():
        assert drawn[name] / 4000 == pytest.approx(chance, abs=0.03)


def test_only_those_with_a_share_and_a_weight_are_well():
    assert well({"a": 50, "b": 50, "c": 0}, {"a": 0, "b": 40}) == {"b": 2000}


@pytest.mark.parametrize(("random", "name"), [(0.0, "a"), (0.74, "a"), (0.76, "b"), (0.9999, "b")])
def test_draw(random, name):
    assert draw({"a": 3, "b": 1}, lambda: random) == name


# -- which texts may change their gateway -----------------------------------------------------


def standing(state: str = "pending", **changes) -> Standing:
    fields = {
        "gateway": "a",
        "kind": "notice",
        "attempts": 0,
        "length": 100,
        "maybe_out": False,
        "left_there": False,
    }
    return Standing(state=state, **{**fields, **changes})


def may(text: Standing, *others: Standing, **changes) -> bool:
    situation = {
        "origin": "a",
        "attempt": None,
        "heard": False,
        "suppressed": False,
        "longest_body": 1600,
    }
    return may_move(text, others, **{**situation, **changes})


@pytest.mark.parametrize(
    ("text", "situation"),
    [
        (standing(), {}),
        (standing(attempts=1), {}),
        (standing("sending", attempts=1), {"attempt": 1}),
        (standing("checking", attempts=2), {"attempt": 2}),
        (standing(length=1600), {}),
    ],
)
def test_a_first_text_that_nobody_has_may_move(text, situation):
    assert may(text, **situation)
    assert may(text, standing("failed"), standing(), **situation)


@pytest.mark.parametrize(
    ("text", "situation"),
    [
        (standing("sending", attempts=1), {}),
        (standing("checking", attempts=1), {}),
        (standing("sending", attempts=2), {"attempt": 1}),
        (standing(attempts=1), {"attempt": 1}),
        (standing("unknown"), {}),
        (standing("unknown", attempts=1), {"attempt": 1}),
        (standing("sent"), {}),
        (standing("delivered"), {}),
        (standing("failed"), {}),
        (standing(maybe_out=True), {}),
        (standing(kind="reply"), {}),
        (standing(left_there=True), {}),
        (standing(gateway="b"), {}),
        (standing(length=1601), {}),
        (standing(), {"heard": True}),
        (standing(), {"suppressed": True}),
    ],
)
def test_any_other_stays(text, situation):
    assert not may(text, **situation)


@pytest.mark.parametrize(
    "other",
    [
        standing("sending", attempts=1),
        standing("checking", attempts=1),
        standing("unknown"),
        standing("sent"),
        standing("delivered"),
        standing("failed", maybe_out=True),
        standing(kind="reply"),
        standing(length=1601),
        standing(left_there=True),
        standing(gateway="b"),
    ],
)
def test_a_text_stays_with_another_that_must_stay(other):
    assert not may(standing(), other)
