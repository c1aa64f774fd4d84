"""The arithmetic of the delivery benchmark, and what it plans."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bench.chaos.wishes import answers
from bench.delivery.carrier import Accepted
from bench.delivery.figures import added, delays, judged, pace, parked, per_second, ratio
from bench.delivery.inbound import TEXTS_A_PHONE, plan
from bench.delivery.targets import targets


def sent(*times: float, segments: int = 1) -> list[Accepted]:
    return [Accepted(at, "+13325000001", segments) for at in times]


def test_sends_a_second_are_counted_between_the_first_and_the_last():
    assert per_second(sent(5.0, 5.1, 5.2, 5.3, 5.4)) == 10.0
    assert per_second(sent(5.0)) is None


@pytest.mark.parametrize("bunch", [1, 10, 50])
@pytest.mark.parametrize("end", [30.0, 30.3, 30.7])
def test_pace_does_not_depend_on_where_in_a_bunch_the_time_ends(bunch, end):
    times = [index // bunch * bunch / 10.0 for index in range(400)]
    assert pace(sent(*times), 2.0, end) == pytest.approx(10.0, rel=0.02 if bunch < 50 else 0.06)


def test_pace_counts_segments():
    assert pace(sent(*range(40), segments=3), 2.0, 32.0) == pytest.approx(3.0, rel=0.01)


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_wrong_pace_is_seen(factor):
    times = [index / (10 * factor) for index in range(500)]
    assert pace(sent(*times), 2.0, 30.0) == pytest.approx(10.0 * factor, rel=0.005)


def test_what_is_parked_leaves_at_the_pace_of_the_number():
    assert parked(sent(0.0, 0.0, 0.0), 1.0) == 3.0
    assert parked(sent(0.0, 1.0, 2.0), 1.0) == 1.0
    # After a pause the number has nothing saved up.
    assert parked(sent(0.0, 10.0, 10.5), 1.0) == 1.5
    assert parked(sent(0.0, segments=4), 2.0) == 2.0


def test_delays_are_in_milliseconds():
    assert delays([0.001, 0.002, 0.1]) == {"p50": 2.0, "p99": 100.0, "max": 100.0}
    assert delays([]) == {"p50": None, "p99": None, "max": None}


def test_each_reply_amid_bulk_is_held_against_the_usual_one():
    assert added([0.1, 0.2, 0.9], [0.3, 0.7, 1.3]) == {"p50": 500.0, "max": 1100.0}


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        (["a", "b", "c"], {}),
        (["a", "c"], {"lost": 1}),
        (["a", "b", "b", "c"], {"doubled": 1}),
        (["b", "a", "c"], {"disordered": 1}),
        (["a", "b", "c", "x"], {"strange": 1}),
        ([], {"lost": 3}),
    ],
)
def test_a_phone_is_judged_by_what_it_shows(shown, wrong):
    assert +judged(["a", "b", "c"], shown) == wrong


def test_times_as_much():
    assert ratio(2.0, 3.0) == 1.5


def test_the_load_is_the_same_in_every_run_and_each_phone_texts_in_order():
    phones = [f"+1332500000{index}" for index in range(5)]
    texts = plan(phones, 60.0, "echo")
    assert texts == plan(phones, 60.0, "echo")
    assert len(texts) == 5 * TEXTS_A_PHONE
    assert max(text.at for text in texts) < 60.0
    for index, phone in enumerate(phones):
        own = [text for text in texts if text.phone == phone]
        assert [answers(text.body) for text in own] == [
            [f"p{index}.{place} answered"] for place in range(TEXTS_A_PHONE)
        ]
        apart = [after.at - before.at for before, after in pairwise(own)]
        assert min(apart) >= 2.0


def run(**changed: object) -> dict[str, object]:
    return {
        "texts": 10,
        "acknowledged": 10,
        "acknowledged_ms": {"p99": 12.0},
        **dict.fromkeys(("lost", "doubled", "strange", "disordered"), 0),
        **changed,
    }


def test_the_worst_run_counts():
    found = targets(
        {
            "inbound": {"assistant": "echo", "one": run(), "two": run(doubled=1, acknowledged=9)},
            "pace": {
                "1": {"error_percent": -3.0, "most_parked_s": 1.9},
                "10": {"error_percent": 1.0, "most_parked_s": 2.0},
            },
            "history": {"latency_ratio": 1.1, "cpu_ratio": 1.3},
        }
    )
    assert [(one["measured"], one["met"]) for one in found] == [
        (1, False),
        (12.0, True),
        (1, False),
        (3.0, False),
        (2.0, True),
        (1.1, True),
        (1.3, False),
    ]


def test_targets_of_scenarios_that_did_not_run_are_left_out():
    assert targets({}) == []
    sends = {"sends": {"with_receipts": {"sends_per_second": 301.0}}}
    bulk = {"bulk": {"bulk_texts": 9, "1": {"shown": {"added_ms": {"max": 1001.0}}}}}
    assert [one["met"] for one in targets(sends | bulk)] == [True, False]
