"""Reminders at the phone, what customers answer to them, and what other programs hear of it."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from database.pool import make_pool
from tests.conversations.talk import Practice, at, converse, said, together
from tests.integration.hooks import endpoint_at
from tests.receiver import Receiver, receiver
from tests.stack import Phone, until

pytestmark = pytest.mark.stack

RUN = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
VALUES ('default', %(task)s, jsonb_build_object('timestamp', %(at)s)) RETURNING 1
"""
REPLY = r"Reply C to confirm, R to reschedule, X to cancel\."


@pytest.fixture
def hook(practice: Practice) -> Iterator[Receiver]:
    """A program on this machine that is told of events."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(receiver()) as opened,
    ):
        yield opened
    practice.rows("DELETE FROM webhook_endpoint RETURNING 1")


@pytest.fixture
def remind(practice: Practice) -> Iterator[Callable[[datetime], None]]:
    """Remind of what begins at a time now; nobody else has an appointment on that day."""

    def now(start: datetime) -> None:
        hours = math.ceil((start - datetime.now(UTC)) / timedelta(hours=1))
        practice.set_reminders(f"{hours}h")
        run(practice, "linnet.reminders")

    yield now
    practice.set_reminders()


def run(practice: Practice, task: str) -> None:
    """Do now what is done each minute."""
    practice.rows(RUN, task=task, at=int(time.time()))


def tell(practice: Practice, hook: Receiver) -> str:
    """Tell a program of confirmed appointments; the secret that it verifies with."""

    async def make() -> str:
        async with make_pool(practice.info["database_url"]) as pool:
            return (await endpoint_at(pool, hook.url, "appointment.confirmed"))[1]

    return asyncio.run(make())


def test_a_reminder_is_answered(
    practice: Practice, hook: Receiver, remind: Callable[[datetime], None]
) -> None:
    secret, day = tell(practice, hook), practice.day(near=True)
    start, later = at(day, 10), at(practice.day(near=True), 10)
    comes, moves, stops = practice.phone(), practice.phone("intelepeer"), practice.phone()
    phones = (comes, moves, stops)
    # So that the number is known that the reminder comes from.
    together(*(lambda phone=phone: converse(phone, ("hi", "Harbor")) for phone in phones))
    mine = {phone.number: practice.booked(phone, start) for phone in phones}
    other = practice.booked(moves, later)
    remind(start)

    def reminded(phone: Phone) -> None:
        body = phone.await_received(2)[1]
        assert re.search(rf"seeing you: eye exam {said(start)}, Downtown\. {REPLY}", body), body

    together(*(lambda phone=phone: reminded(phone) for phone in phones))
    run(practice, "linnet.events")
    together(
        lambda: converse(comes, ("C", f"^Confirmed: eye exam, {said(start)}")),
        lambda: converse(
            moves,
            ("R", r"Text a number(?s:.*)\n1 "),
            ("1", r"^Move your eye exam"),
            ("yes", "^Moved: eye exam, now "),
        ),
        lambda: converse(stops, ("STOP", "(?i)unsubscribed|no more")),
    )
    (confirmed,) = practice.appointments(comes)
    assert (confirmed["state"], confirmed["start"]) == ("confirmed", start)
    moved, kept = practice.appointments(moves)
    assert (moved["reference"], moved["state"]) == (mine[moves.number].reference, "booked")
    assert moved["start"] != start
    assert (kept["reference"], kept["start"]) == (other.reference, later)

    (told,) = until(lambda: hook.came, 20, "the event")
    event: Any = told.verify(secret)
    assert event["type"] == "appointment.confirmed"
    assert event["data"]["reference"] == mine[comes.number].reference

    soon = at(practice.day(near=True), 10)
    made = practice.booked(stops, soon)
    remind(soon)
    refused = "SELECT refusal FROM reminder WHERE appointment_id = %(id)s"
    (row,) = until(lambda: practice.rows(refused, id=made.id), 20, "the refusal")
    assert row["refusal"] == "notice.opted-out"
    assert len(stops.received()) == 3
