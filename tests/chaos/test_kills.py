"""``kill -9`` of each process while texts stand at every step of a turn and of a delivery.

The steps, from the last to the first:

    recording   the vendor took a reply, the worker is about to write that down
    latency     a request to send is under way
    hang        the vendor took a reply and its answer does not come
    claiming    the worker is about to take a reply
    replying    a turn that a rule answered is about to put its reply into the outbox
    committing  the booking is committed, its turn is about to be
    booking     the action server is inside the transaction of a booking
    thinking    a worker is about to give the text to a turn
    storing     the ingress is about to store the text
    arriving    the text comes while the process is away
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.chaos.conftest import Customers
from tests.chaos.gates import Gate
from tests.chaos.talks import HELLO, HELP, THANKS, Said, Talk, check_all, propose
from tests.stack import Stack, until

pytestmark = [pytest.mark.chaos, pytest.mark.stack]

REQUEST_SECONDS = 14
"""How long a request hangs: longer than the steps take, less than the worker waits (15 s)."""
# The booking waits before its idempotency key is written, or before the appointment is.
BOOKING_GATE = {"rasa": "practice_change", "worker": "practice_change"}


class Steps:
    """Brings texts of several customers to their steps, one after another.

    The order matters: nobody may wait for a gate that he needs to pass on the way to his own.
    """

    def __init__(
        self, stack: Stack, customers: Customers, hours: Iterator[tuple[str, str]]
    ) -> None:
        self._stack = stack
        self._customers = customers
        self._gates = ExitStack()
        self.talks: dict[str, Talk] = {}
        self.storing: list[tuple[Talk, Said]] = []
        self._yes = {}
        for step in ("committing", "booking"):
            self.talks[step] = customers.talk()
            self._yes[step] = propose(self.talks[step], hours)
        self.talks["thinking"] = customers.talk()
        self.talks["thinking"].say(*HELLO)
        for talk in self.talks.values():
            talk.await_answers()
            talk.await_reply_state("delivered")

    def close(self) -> None:
        """Let everybody through."""
        self._gates.close()

    def gate(self, table: str) -> Gate:
        return self._gates.enter_context(Gate(self._stack, table))

    def talk(self, step: str, gateway: str = "twilio") -> Talk:
        self.talks[step] = self._customers.talk(gateway)
        return self.talks[step]

    def bring_requests(self) -> None:
        """Requests of the worker: recording (its answer comes later), latency, hang."""
        fault = self._stack.fault
        # A receipt would wait at the gates, too, and the ingress has better things to wait for.
        fault("twilio", "receipts-missing")
        fault("twilio", "latency", seconds=6, count=1)
        self._request("recording")
        fault("twilio", "latency", seconds=REQUEST_SECONDS, count=1)
        self._request("latency")
        fault("twilio", "accept-then-hang", seconds=REQUEST_SECONDS, count=1)
        self._request("hang").await_answers()
        fault("intelepeer", "accept-then-hang", seconds=REQUEST_SECONDS, count=1)
        self._request("unknown", "intelepeer").unknown = 1

    def _request(self, step: str, gateway: str = "twilio") -> Talk:
        talk = self.talk(step, gateway)
        talk.say(*HELLO)
        talk.await_reply_state("sending")
        return talk

    def bring_all(self, booking_gate: str) -> None:
        """Everything else; returns while each process stands at its steps."""
        pace = self.gate("sender_pace")
        self.talk("claiming").say(*HELLO)
        pace.await_waiter("worker")

        outbox = self.gate("outbound_text")
        self.talk("replying").say(*HELP)
        outbox.await_waiter("rasa", "INSERT INTO outbound_text")

        events = self.gate("tracker_event")
        self.talks["committing"].say(*self._yes["committing"])
        events.await_waiter("rasa", "INSERT INTO tracker_event")

        book = self.gate(booking_gate)
        self.talks["booking"].say(*self._yes["booking"])
        book.await_waiter("actions", f"INSERT INTO {booking_gate}")

        inbox = self._store_thinking()
        inbox.await_waiter("rasa", "UPDATE inbound_text")

        if "recording" in self.talks:
            outbox.await_waiter("worker", "state = 'sent'")
        for gateway in ("twilio", "intelepeer"):
            talk = self.talk(f"storing, {gateway}", gateway)
            self.storing.append((talk, talk.say(*HELLO)))
        inbox.await_waiter("ingress", "INSERT INTO inbound_text")

    def _store_thinking(self) -> Gate:
        """Hold the conversation with another worker's lease until its text is stored."""
        talk, set_lease = (
            self.talks["thinking"],
            "UPDATE conversation SET lease_until = {} WHERE phone = %(phone)s RETURNING 1",
        )
        self._stack.rows(set_lease.format("now() + interval '1 hour'"), phone=talk.phone.number)
        said = talk.say(*THANKS)
        talk.await_status(said, "delivered")
        gate = self.gate("inbound_text")
        self._stack.rows(set_lease.format("NULL"), phone=talk.phone.number)
        self._stack.rows("SELECT pg_notify('linnet_inbox', '')")
        return gate

    def arrive(self) -> None:
        """Texts that come while somebody is away; the ingress takes them."""
        talk = self.talk("arriving")
        talk.await_status(talk.say(*HELLO), "delivered", 5)


@pytest.mark.parametrize("victim", ["ingress", "rasa", "actions", "worker", "postgres"])
def test_everything_is_answered_once(
    victim: str, stack: Stack, customers: Customers, hours: Iterator[tuple[str, str]]
) -> None:
    steps = Steps(stack, customers, hours)
    try:
        if victim in {"worker", "postgres"}:
            steps.bring_requests()
        steps.bring_all(BOOKING_GATE.get(victim, "appointment"))
        killed = {
            name: stack.kill(name)
            for name in stack.info["pids"]
            if name.partition("-")[0] == victim  # both Rasa processes
        }
    finally:
        steps.close()
        stack.mend()
    if victim != "ingress":
        steps.arrive()
    for name, old in killed.items():
        stack.await_revived(name, old)

    for talk, said in steps.storing:
        _acknowledge(talk, said, lost=victim == "ingress")
    check_all(steps.talks.values())


def _acknowledge(talk: Talk, said: Said, *, lost: bool) -> None:
    """See that a text was acknowledged, or that the carrier knows that it was not.

    Twilio gives such a text up. It may be in the database all the same, because PostgreSQL ends
    what it began; a second delivery with the same id must then do nothing.
    """
    if lost and talk.phone.ours == talk.phone.stack.info["sender_numbers"]["twilio"]:
        talk.await_status(said, "undeliverable")
        talk.repeat(said)
    until(lambda: talk.status(said) == "delivered", 20, f"{said.body!r} acknowledged")
