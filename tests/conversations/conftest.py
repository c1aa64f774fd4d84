"""One stack for all conversations, and what must be true of every text that a phone gets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from messaging.segments import Encoding, encoding_of, segment_count
from tests.conversations.talk import Practice
from tests.stack import free_port_base, until

MOST_SEGMENTS = 2


@pytest.fixture(scope="package")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    """The practice, answered by the real assistant, which waits for YES and for bursts briefly."""
    settings = {
        "LINNET_BURST_SECONDS": "0.3",
        "LINNET_CONFIRMATION_MINUTES": "0.4",
        "LINNET_QUIET_HOURS": "off",  # tests run at night too
    }
    with Practice(tmp_path_factory.mktemp("practice"), free_port_base(), **settings) as up:
        yield up


@pytest.fixture(autouse=True)
def every_text_is_short_and_arrives(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: all that its phones got is GSM-7, short, and delivered; so says the book."""
    yield
    if "practice" in request.fixturenames:
        stack: Practice = request.getfixturevalue("practice")
        for phone in stack.phones:
            for body in phone.received():
                assert encoding_of(body) is Encoding.GSM7, body
                assert segment_count(body) <= MOST_SEGMENTS, body
        until(lambda: _all_delivered(stack), 30, "every text delivered")
        stack.phones.clear()


def _all_delivered(stack: Practice) -> bool:
    at_phones = [
        item["status"]
        for phone in stack.phones
        for item in phone.thread()
        if item["direction"] == "received"
    ]
    in_book = stack.rows(
        "SELECT state FROM outbound_text WHERE recipient = ANY(%(numbers)s)",
        numbers=[phone.number for phone in stack.phones],
    )
    states = {*at_phones, *(row["state"] for row in in_book)}
    return len(at_phones) == len(in_book) and states <= {"delivered"}
