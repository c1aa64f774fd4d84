"""The action server away for a while, and for good."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.chaos.conftest import Customers
from tests.chaos.talks import FAILURE, HELLO, check_all, propose
from tests.stack import Stack

pytestmark = [pytest.mark.chaos, pytest.mark.stack]


@contextmanager
def kept_dead(stack: Stack, name: str) -> Iterator[None]:
    """Kill a process, and every one that is started in its place."""
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.02):
            with suppress(OSError, ValueError, ProcessLookupError, TypeError):
                os.kill(stack.info["pids"][name], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def test_without_action_server_the_failure_is_told_once(
    stack: Stack, customers: Customers, hours: Iterator[tuple[str, str]]
) -> None:
    told, untouched = customers.talk(), customers.talk()
    yes, booked = propose(told, hours)
    told.await_answers()
    with kept_dead(stack, "actions"):
        told.say(yes, FAILURE)
        untouched.say(*HELLO)  # needs no action
        untouched.await_answers(10)
        told.await_answers(60)
    stack.await_healthy()
    # Nothing of the failed turn is left behind, so the question is still open.
    told.say(yes, booked)
    check_all([told, untouched])
    (failed,) = stack.rows(
        "SELECT failure FROM turn JOIN conversation ON conversation.id = conversation_id"
        " WHERE phone = %(phone)s AND state = 'failed'",
        phone=told.phone.number,
    )
    assert failed["failure"]["code"] == "assistant.action-server"
    assert failed["failure"]["staff"]
