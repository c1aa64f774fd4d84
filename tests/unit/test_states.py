from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.gateways.base import Status
from messaging.states import TextState, after_receipt, rank, ranks, word, worst

STATES = st.sampled_from(TextState)
STATUSES = st.sampled_from(Status)


@pytest.mark.parametrize(
    ("state", "status", "then"),
    [
        ("pending", "sent", "sent"),
        ("sending", "queued", "sent"),
        ("sending", "delivered", "delivered"),
        ("checking", "sent", "sent"),
        ("unknown", "queued", "sent"),
        ("unknown", "failed", "failed"),
        ("sent", "queued", "sent"),
        ("sent", "sent", "sent"),
        ("sent", "delivered", "delivered"),
        ("sent", "failed", "failed"),
        ("delivered", "sent", "delivered"),
        ("delivered", "queued", "delivered"),
        ("delivered", "failed", "delivered"),
        ("failed", "delivered", "failed"),
        ("failed", "sent", "failed"),
    ],
)
def test_after_receipt(state, status, then):
    assert after_receipt(TextState(state), Status(status)) is TextState(then)


@given(STATES, STATUSES)
def test_a_receipt_never_moves_a_text_back(state, status):
    after = after_receipt(state, status)
    assert after is state or rank(after) > rank(state)


@given(STATES, st.lists(STATUSES, max_size=6))
def test_repeated_receipts_change_nothing(state, statuses):
    once = twice = state
    for status in statuses:
        once = after_receipt(once, status)
        twice = after_receipt(after_receipt(twice, status), status)
    assert once is twice


@given(STATES, st.permutations([Status.QUEUED, Status.SENT, Status.DELIVERED]))
def test_the_order_of_receipts_does_not_matter(state, statuses):
    after = state
    for status in statuses:
        after = after_receipt(after, status)
    assert after is (TextState.FAILED if state is TextState.FAILED else TextState.DELIVERED)


def test_every_state_has_a_rank_and_the_map_cannot_be_changed():
    assert set(ranks()) == set(TextState)
    with pytest.raises(TypeError):
        ranks()[TextState.SENT] = 9  # type: ignore[index]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["delivered"], "delivered"),
        (["delivered", "sent"], "sent"),
        (["sent", "pending"], "pending"),
        (["sending", "pending"], "pending"),
        (["delivered", "unknown", "pending"], "unknown"),
        (["delivered", "failed", "unknown"], "failed"),
    ],
)
def test_worst(states, expected):
    assert worst(map(TextState, states)) is TextState(expected)


def test_worst_of_nothing():
    with pytest.raises(ValueError, match="empty"):
        worst([])


def test_words():
    assert {state.value: word(state) for state in TextState} == {
        "pending": "pending",
        "sending": "pending",
        "checking": "pending",
        "unknown": "unknown",
        "sent": "sent",
        "delivered": "delivered",
        "failed": "failed",
    }
