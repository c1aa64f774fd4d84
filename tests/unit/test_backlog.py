"""Who is told that the answer takes longer, and how many at a time."""

from __future__ import annotations

import pytest

from messaging.backlog import BATCH, QUEUE_SECONDS, room, waits_for_the_assistant


@pytest.mark.parametrize(
    ("bodies", "waits"),
    [
        (["book an eye exam"], True),
        (["hi", "book an eye exam"], True),
        (["2"], True),
        ([""], True),  # a picture
        (["yes"], True),
        (["book an eye exam", "Liked “See you at 9”"], True),
        (["Liked “See you at 9”"], False),
        (["I'm driving with Do Not Disturb While Driving turned on."], False),
        (["STOP"], False),
        (["book an eye exam", "stop"], False),
        (["book an eye exam", "HELP"], False),
        (["START"], False),
        (["cancel"], False),
        ([], False),
    ],
)
def test_who_waits_for_the_assistant(bodies, waits):
    assert waits_for_the_assistant(bodies) is waits


@pytest.mark.parametrize(
    ("waiting", "cost", "per_second", "customers"),
    [
        (0, 1, 1, 5),
        (3, 1, 1, 2),
        (5, 1, 1, 0),
        (5000, 1, 1, 0),
        (0, 2, 1, 2),
        (0, 1, 3, 15),
        (14.5, 1, 3, 0),
        (0, 1, 100, BATCH),
        (450, 1, 100, 50),
        (0, 1, 0.1, 1),  # slower than the queue is long: one at a time
        (1, 1, 0.1, 0),
        (0, 9, 1, 1),
    ],
)
def test_how_many_a_number_may_tell(waiting, cost, per_second, customers):
    assert room(waiting, cost, per_second) == customers
    assert waiting == 0 or waiting + customers * cost <= max(waiting, QUEUE_SECONDS * per_second)
