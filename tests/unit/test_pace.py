"""Who may leave a number now: pace, what is parked at the vendor, lanes, and nobody starved."""

from __future__ import annotations

from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.lanes import Lane
from messaging.pace import BULK_STRETCH, CATCH_UP_SECONDS, PARK_SECONDS, SHARE, Waiting, admit

EMERGENCY, REPLY, REMINDER, BULK = Lane
_ids = count(1)


def waiting(lane: Lane, cost: float, number: int = 1) -> list[Waiting]:
    return [Waiting(UUID(int=next(_ids)), lane, cost) for _ in range(number)]


def taken_by(text: Waiting) -> float:
    return text.cost * (BULK_STRETCH if text.lane is BULK else 1.0)


@pytest.mark.parametrize(
    ("busy", "lane", "cost", "leave"),
    [
        (0.0, REPLY, 0.8, 2),
        (0.9, REPLY, 0.8, 1),
        (1.0, REPLY, 0.8, 0),
        (0.0, REPLY, 1.0, 1),  # a long code: with two, more than two seconds could be parked
        (0.0, REPLY, 0.0625, 28),
        (0.0, REPLY, 5.0, 1),  # longer than may be parked, but nothing else is there
        (0.1, REPLY, 5.0, 0),
        (0.0, REMINDER, 1.0, 1),
        (0.5, REMINDER, 1.0, 0),
        (0.0, BULK, 0.1, 4),  # half a second, and bulk is a little slower than its number
        (0.5, BULK, 0.1, 0),
        (0.0, BULK, 1.0, 1),
        (0.001, BULK, 1.0, 0),  # a long code has one bulk text at the vendor, never two
        (-0.05, BULK, 1.0, 1),  # the number is late: nothing is lost
    ],
)
def test_what_may_be_parked(busy, lane, cost, leave):
    texts = waiting(lane, cost, 500)
    allowed = admit(busy, 0, texts, 1000)
    assert allowed.ids == tuple(text.id for text in texts[:leave])
    assert allowed.seconds == pytest.approx(leave * cost, rel=0.011)
    assert allowed.next_in is not None
    assert 0.01 <= allowed.next_in <= max(0.01, busy + allowed.seconds)


@pytest.mark.parametrize(
    ("busy", "lane", "cost", "next_in"),
    [
        (1.75, REPLY, 0.1, 0.975),  # half of it is left, and this text fits in there
        (1.75, REPLY, 0.875, 1.75),
        (1.0, REPLY, 1.0, 0.25),  # behind one bulk text of a long code
        (1.0, REPLY, 3.0, 1.0),  # more than may be parked: when nothing else is there
        (1.0, BULK, 1.0, 1.0),
        (0.5, BULK, 0.01, 0.26),
    ],
)
def test_when_it_is_worth_looking_again(busy, lane, cost, next_in):
    assert admit(busy, 0, waiting(lane, cost), 9).next_in == pytest.approx(next_in)


def test_the_urgent_goes_first_and_order_is_kept_within_a_lane():
    lanes = [BULK, REPLY, REMINDER, REPLY, EMERGENCY, BULK]
    texts = [text for lane in lanes for text in waiting(lane, 0.01)]
    allowed = admit(0.0, 0, texts, 1000)
    assert allowed.ids == tuple(texts[index].id for index in (4, 1, 3, 2, 0, 5))
    assert allowed.next_in is None


def test_no_more_than_asked_for():
    texts = waiting(REPLY, 0.01, 10)
    allowed = admit(0.0, 0, texts, 3)
    assert allowed.ids == tuple(text.id for text in texts[:3])
    assert allowed.next_in is not None


def test_nobody_starves():
    """Replies enough to fill the number for ever: one in ten places goes to what is below."""
    passed, order = 0, []
    queues = {lane: waiting(lane, 0.5, 400) for lane in (REPLY, REMINDER, BULK)}
    for _ in range(300):
        allowed = admit(1.25, passed, [text for queue in queues.values() for text in queue], 1000)
        passed = allowed.passed
        for lane, queue in queues.items():
            order += [lane for text in queue if text.id in allowed.ids]
            queues[lane] = [text for text in queue if text.id not in allowed.ids]
    assert [order.count(lane) for lane in (REPLY, REMINDER, BULK)] == [270, 27, 3]


@pytest.mark.parametrize("between", [1, 2, 9])
def test_a_reply_now_and_then_always_goes_before_bulk(between):
    """However many texts of bulk leave between two replies, and whatever had left before."""
    passed = SHARE - 2
    for _ in range(50):
        for _ in range(between):
            passed = admit(0.0, passed, waiting(BULK, 0.5), 1).passed
        reply, *bulk = waiting(REPLY, 1.0) + waiting(BULK, 1.0, 5)
        allowed = admit(0.0, passed, [*bulk, reply], 1)
        assert allowed.ids == (reply.id,)
        passed = allowed.passed


def test_where_only_bulk_waits_it_has_all_places():
    passed = 0
    for _ in range(100):
        allowed = admit(0.0, passed, waiting(BULK, 0.5), 10)
        assert len(allowed.ids) == 1
        passed = allowed.passed


@given(
    st.floats(-0.1, 4.0),
    st.integers(0, 99),
    st.lists(st.tuples(st.sampled_from(Lane), st.floats(0.005, 6.0)), max_size=60),
)
def test_never_more_than_two_seconds_are_parked_less_what_a_late_number_makes_up(
    busy, passed, given_texts
):
    texts = [Waiting(UUID(int=next(_ids)), lane, cost) for lane, cost in given_texts]
    allowed = admit(busy, passed, texts, 1000)
    leaving = [text for text in texts if text.id in allowed.ids]
    assert allowed.seconds == pytest.approx(sum(map(taken_by, leaving)))
    after = busy + allowed.seconds
    last = next((taken_by(text) for text in texts if text.id == (allowed.ids or [None])[-1]), 0.0)
    nothing_else_there = after - last <= 1e-9
    assert not leaving or after <= 1.75 + 1e-9 or nothing_else_there
    assert (allowed.next_in is None) == (len(leaving) == len(texts))
    for lane in Lane:  # in order within a lane, none skipped
        own = [text.id for text in texts if text.lane is lane]
        taken = [id for id in allowed.ids if id in own]
        assert taken == own[: len(taken)]


def late_once(lane: Lane, late: float, texts: int) -> float:
    """Seconds that a long code holds when the last of some texts comes; the first one was late."""
    free_at = reserved = 0.0
    for number in range(texts):
        at = reserved + (late if number == 0 else 0.0)
        reserved += admit(0.0, 0, waiting(lane, 1.0), 1).seconds
        held = max(0.0, free_at - at)
        free_at = max(free_at, at) + 1.0
    return held


def test_what_a_slow_request_of_bulk_piled_up_at_the_vendor_leaves_again():
    assert late_once(BULK, 0.5, 20) > 0.3
    assert late_once(BULK, 0.5, 60) == 0.0
    assert late_once(REPLY, 0.5, 60) == pytest.approx(0.5)


def test_a_lane_parks_no_more_than_the_ones_before_it():
    limits = [PARK_SECONDS[lane] for lane in Lane]
    assert limits == sorted(limits, reverse=True)
    assert max(limits) + CATCH_UP_SECONDS < 2.0
