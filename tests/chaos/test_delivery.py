"""Everything that goes wrong at the vendors, without a kill: sent once, or labelled unknown."""

from __future__ import annotations

import pytest

from tests.chaos.talks import HELLO, OUT, Talk, check_all
from tests.stack import Stack

pytestmark = [pytest.mark.chaos, pytest.mark.stack]

# The numbers of phones whose replies meet a fault (docs/simulator.md), and the state that each
# reply ends in at Twilio.
TWILIO = {
    "429": ("+15005550429", "delivered"),
    "500": ("+15005550500", "delivered"),
    "reset": ("+15005550104", "delivered"),
    "latency": ("+15005550110", "delivered"),
    "accept-then-hang": ("+15005550200", "delivered"),
    "accept-then-500": ("+15005550201", "delivered"),
    "accept-then-reset": ("+15005550202", "delivered"),
    "receipts-late": ("+15005550601", "delivered"),
    "receipts-doubled": ("+15005550602", "delivered"),
    "receipts-reversed": ("+15005550603", "delivered"),
    "receipts-missing": ("+15005550604", "sent"),
    "webhook-twice": ("+15005550605", "delivered"),
}
# IntelePeer cannot be asked for what it took: whether the outcome is unknown, and whether the
# phone shows the reply all the same.
INTELEPEER = {
    "429": (False, True),
    "500": (True, False),
    "reset": (True, False),
    "accept-then-hang": (True, True),
    "accept-then-500": (True, True),
    "webhook-twice": (False, True),
}


def test_each_fault(stack: Stack) -> None:
    twilio = {fault: Talk(stack.phone("twilio", TWILIO[fault][0])) for fault in TWILIO}
    intelepeer = {
        fault: Talk(stack.phone("intelepeer", TWILIO[fault][0]), unknown=int(unknown))
        for fault, (unknown, _) in INTELEPEER.items()
    }
    for talk in (*twilio.values(), *intelepeer.values()):
        talk.say(*HELLO)
    for fault, (_, shown) in INTELEPEER.items():
        if shown:
            intelepeer[fault].await_answers()
    check_all([*twilio.values(), *intelepeer.values()])
    for fault, (_, state) in TWILIO.items():
        twilio[fault].await_reply_state(state)
    for fault, (unknown, shown) in INTELEPEER.items():
        (reply,) = intelepeer[fault].rows(OUT)
        assert (reply["state"] == "unknown") is unknown, fault
        assert len(intelepeer[fault].phone.received()) == shown, fault
    # A receipt that overtook the answer to its own request found its text all the same.
    assert not stack.rows("SELECT FROM receipt WHERE outbound_id IS NULL")
