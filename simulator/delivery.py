"""Carries what the assistant texts to the phones, and posts the receipts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from simulator.carrier import Carrier, Status, Text
from simulator.faults import Faults, Kind
from simulator.lanes import Lanes
from simulator.posting import Answer, Poster, Webhook
from simulator.statistics import Counts


class Reporter(Protocol):
    """How a vendor reports what became of a text."""

    def receipt(self, text: Text, status: Status) -> Webhook | None:
        """The request that reports ``status``, or None where the vendor posts none."""

    def repeat_after(self, webhook: Webhook, attempt: int, answer: Answer) -> float | None:
        """Seconds until the request is repeated after its ``attempt``-th failure, or None."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the receipts of one text come."""

    late: float = 0.0
    doubled: bool = False
    reversed: bool = False
    missing: bool = False


class Delivery:
    """Brings texts to phones, in order between the same two numbers.

    Args:
        carrier: keeps the texts.
        poster: posts receipts.
        faults: what goes wrong.
        reporters: by gateway.
        counts: by gateway.
        lanes: the queues.
        undelivered: phones that nothing arrives at, with the vendor's code.
        delay: the seconds that the next step of a text takes.
    """

    def __init__(
        self,
        carrier: Carrier,
        poster: Poster,
        faults: Faults,
        reporters: Mapping[str, Reporter],
        counts: Callable[[str], Counts],
        lanes: Lanes,
        undelivered: Mapping[str, int],
        delay: Callable[[], float],
    ) -> None:
        self._carrier = carrier
        self._poster = poster
        self._faults = faults
        self._reporters = reporters
        self._counts = counts
        self._lanes = lanes
        self._undelivered = undelivered
        self._delay = delay

    def start(self, text: Text, leaves_at: float) -> None:
        """Bring ``text`` to its phone.

        Args:
            text: which.
            leaves_at: when the pace of its number lets it go, on the event loop's clock.
        """
        self._counts(text.gateway).texts_out += 1
        plan = self._plan(text)
        if text.service is not None:
            # Accepted first; with a plain sender it is queued at once and nothing is reported.
            self._report(text, Status.QUEUED, plan)
        self._lanes.put(
            (text.sender, text.recipient),
            partial(self._send, text, plan, leaves_at + self._delay()),
        )

    def _plan(self, text: Text) -> _Plan:
        def strikes(kind: Kind) -> bool:
            return self._faults.strikes(kind, text.gateway, text.phone, text.id) is not None

        late = self._faults.strikes(Kind.RECEIPTS_LATE, text.gateway, text.phone, text.id)
        plan = _Plan(
            late=late.seconds if late else 0.0,
            doubled=strikes(Kind.RECEIPTS_DOUBLED),
            reversed=strikes(Kind.RECEIPTS_REVERSED),
            missing=strikes(Kind.RECEIPTS_MISSING),
        )
        text.status_seen_late = None if plan.missing else plan.late
        return plan

    async def _send(self, text: Text, plan: _Plan, at: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(at - loop.time())
        arrives = text.recipient not in self._undelivered
        self._carrier.advance(text, Status.SENT, show=arrives)
        if arrives:
            self._counts(text.gateway).texts_shown += 1
        if not plan.reversed:
            self._report(text, Status.SENT, plan)
        self._lanes.put(("arrive", text), partial(self._arrive, text, plan))

    async def _arrive(self, text: Text, plan: _Plan) -> None:
        await asyncio.sleep(self._delay())
        code = self._undelivered.get(text.recipient)
        last = Status.DELIVERED if code is None else Status.UNDELIVERABLE
        self._carrier.advance(text, last, error_code=code)
        self._report(text, last, plan)
        if plan.reversed:
            self._report(text, Status.SENT, plan)

    def _report(self, text: Text, status: Status, plan: _Plan) -> None:
        if plan.missing:
            return
        vendor = self._reporters[text.gateway]
        webhook = vendor.receipt(text, status)
        if webhook is None:
            return
        due = asyncio.get_running_loop().time() + plan.late
        for _ in range(2 if plan.doubled else 1):
            self._lanes.put(("receipts", text), partial(self._post, text, vendor, webhook, due))

    async def _post(self, text: Text, vendor: Reporter, webhook: Webhook, due: float) -> None:
        wait = due - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)
        counts = self._counts(text.gateway)
        attempt = 0
        while True:
            attempt += 1
            counts.receipt_attempts += 1
            answer = await self._poster.post(webhook)
            if answer.ok:
                counts.receipts_acknowledged += 1
                return
            again = vendor.repeat_after(webhook, attempt, answer)
            if again is None:
                return
            await asyncio.sleep(again)


def uniform_delay(rng: random.Random, shortest: float, longest: float) -> Callable[[], float]:
    """Gives delays between two bounds, in seconds."""
    return partial(rng.uniform, shortest, longest)
