"""Carries what phones text to the assistant, and repeats it as each vendor does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from simulator.carrier import Carrier
from simulator.delivery import Reporter
from simulator.faults import Faults, Kind
from simulator.lanes import Lanes
from simulator.numbers import masked
from simulator.posting import Answer, Poster, Webhook
from simulator.statistics import Counts
from simulator.text import Status, Text

_log = logging.getLogger(__name__)


class Line(Reporter, Protocol):
    """How a vendor brings texts and receipts to the assistant."""

    def received(self, text: Text) -> None:
        """Do what the vendor does by itself when ``text`` comes in."""

    def inbound(self, text: Text) -> Webhook:
        """The request that carries ``text``."""

    def acknowledged(self, answer: Answer) -> bool:
        """Whether the vendor takes ``answer`` for a receipt of the text."""

    def read_answer(self, text: Text, answer: Answer) -> None:
        """Do what the answer asks for, such as texting back."""


class Inbound:
    """Posts texts of phones, one after another between the same two numbers.

    Args:
        carrier: keeps the texts.
        poster: posts.
        faults: what goes wrong.
        lines: by gateway.
        counts: by gateway.
        lanes: the queues.
    """

    def __init__(
        self,
        carrier: Carrier,
        poster: Poster,
        faults: Faults,
        lines: Mapping[str, Line],
        counts: Callable[[str], Counts],
        lanes: Lanes,
    ) -> None:
        self._carrier = carrier
        self._poster = poster
        self._faults = faults
        self._lines = lines
        self._counts = counts
        self._lanes = lanes

    def start(self, text: Text, *, new: bool) -> None:
        """Bring ``text`` to the assistant, behind the earlier ones between these numbers.

        Args:
            text: which.
            new: the phone has just sent it; otherwise the vendor brings it once more.
        """
        if new:
            self._counts(text.gateway).texts_in += 1
            self._lines[text.gateway].received(text)
        self._lanes.put((text.sender, text.recipient), partial(self._bring, text))

    async def _bring(self, text: Text) -> None:
        line = self._lines[text.gateway]
        if self._faults.strikes(Kind.WEBHOOK_TWICE, text.gateway, text.phone, text.id):
            # At the same moment: the hardest case for whoever has to notice it.
            both = await asyncio.gather(self._deliver(line, text), self._deliver(line, text))
            answers = list(both)
        else:
            answers = [await self._deliver(line, text)]
        good = [answer for answer in answers if line.acknowledged(answer)]
        if good:
            self._carrier.advance(text, Status.DELIVERED)
            for answer in good:
                line.read_answer(text, answer)
        elif text.status is not Status.DELIVERED:
            self._counts(text.gateway).lost += 1
            self._carrier.advance(text, Status.UNDELIVERABLE)
            _log.warning(
                "%s: text %s from %s is lost: %s",
                text.gateway, text.id, masked(text.sender), answers[-1],
            )  # fmt: skip

    async def _deliver(self, line: Line, text: Text) -> Answer:
        webhook = line.inbound(text)
        counts = self._counts(text.gateway)
        attempt = 0
        while True:
            attempt += 1
            counts.webhook_attempts += 1
            answer = await self._poster.post(webhook)
            if line.acknowledged(answer):
                counts.webhooks_acknowledged += 1
                counts.acknowledgements.append(answer.seconds)
                return answer
            wait = line.repeat_after(webhook, attempt, answer)
            if wait is None:
                return answer
            await asyncio.sleep(wait)
