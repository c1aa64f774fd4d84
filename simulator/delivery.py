"""Carries what the assistant texts to the phones, and posts the receipts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from simulator.carrier import Carrier
from simulator.faults import Fault, Faults, Kind
from simulator.fetching import Fetcher, NotFetched
from simulator.lanes import Lanes
from simulator.posting import Answer, Poster, Webhook
from simulator.statistics import Counts
from simulator.text import Status, Text


class Reporter(Protocol):
    """How a vendor reports what became of a text."""

    def receipt(self, text: Text, status: Status) -> Webhook | None:
        """The request that reports ``status``, or None where the vendor posts none."""

    def repeat_after(self, webhook: Webhook, attempt: int, answer: Answer) -> float | None:
        """Seconds until the request is repeated after its ``attempt``-th failure, or None."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What becomes of one text, and how its receipts come.

    ``failed`` and ``undelivered`` are the vendor's codes for what goes wrong, if anything does.
    """

    failed: int | None = None
    undelivered: int | None = None
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
        fetcher: fetches the files of a text; None where nothing is fetched.
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
        fetcher: Fetcher | None,
        delay: Callable[[], float],
    ) -> None:
        self._carrier = carrier
        self._poster = poster
        self._faults = faults
        self._reporters = reporters
        self._counts = counts
        self._lanes = lanes
        self._undelivered = undelivered
        self._fetcher = fetcher
        self._delay = delay

    def start(self, text: Text, leaves_at: float) -> None:
        """Bring ``text`` to its phone.

        Args:
            text: which.
            leaves_at: when the pace of its number lets it go, on the event loop's clock.
        """
        plan = self._accepted(text)
        self._lanes.put(
            (text.sender, text.recipient),
            partial(self._send, text, plan, leaves_at + self._delay()),
        )

    def expire(self, text: Text, at: float, code: int) -> None:
        """Never bring ``text`` to its phone, as it would have waited for too long.

        Args:
            text: which.
            at: when it fails, on the event loop's clock.
            code: the vendor's.
        """
        plan = self._accepted(text)
        self._lanes.put(("expire", text), partial(self._expire, text, plan, at, code))

    def _accepted(self, text: Text) -> _Plan:
        self._counts(text.gateway).texts_out += 1
        plan = self._plan(text)
        if text.service is not None:
            # Accepted first; with a plain sender it is queued at once and nothing is reported.
            self._report(text, Status.QUEUED, plan)
        return plan

    def _plan(self, text: Text) -> _Plan:
        def fault(kind: Kind) -> Fault | None:
            return self._faults.strikes(kind, text.gateway, text.phone, text.id)

        late, failed, lost = map(fault, (Kind.RECEIPTS_LATE, Kind.FAILED, Kind.UNDELIVERED))
        plan = _Plan(
            failed=failed.code if failed else None,
            undelivered=lost.code if lost else self._undelivered.get(text.recipient),
            late=late.seconds if late else 0.0,
            doubled=fault(Kind.RECEIPTS_DOUBLED) is not None,
            reversed=fault(Kind.RECEIPTS_REVERSED) is not None,
            missing=fault(Kind.RECEIPTS_MISSING) is not None,
        )
        text.status_seen_late = None if plan.missing else plan.late
        return plan

    async def _send(self, text: Text, plan: _Plan, at: float) -> None:
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        failed = plan.failed
        if failed is None and text.media and self._fetcher is not None:
            try:
                text.media = await self._fetcher.fetch(text.media)
            except NotFetched as problem:
                failed = problem.code
        if failed is not None:
            self._fail(text, plan, failed)
            return
        arrives = plan.undelivered is None
        self._carrier.advance(text, Status.SENT, show=arrives)
        if arrives:
            self._counts(text.gateway).texts_shown += 1
        if not plan.reversed:
            self._report(text, Status.SENT, plan)
        self._lanes.put(("arrive", text), partial(self._arrive, text, plan))

    async def _expire(self, text: Text, plan: _Plan, at: float, code: int) -> None:
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        self._fail(text, plan, code)

    def _fail(self, text: Text, plan: _Plan, code: int) -> None:
        self._carrier.advance(text, Status.FAILED, error_code=code)
        self._report(text, Status.FAILED, plan)

    async def _arrive(self, text: Text, plan: _Plan) -> None:
        await asyncio.sleep(self._delay())
        last = Status.DELIVERED if plan.undelivered is None else Status.UNDELIVERABLE
        self._carrier.advance(text, last, error_code=plan.undelivered)
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
