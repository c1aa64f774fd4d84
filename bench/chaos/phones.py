"""Customers who text, read what comes, and text again what their carrier could not bring."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.chaos.plan import Scenario
from bench.chaos.wishes import answers
from simulator.posting import Poster, Webhook

REPEAT_SECONDS = 0.3
"""A vendor that repeats a webhook that failed does so after this time, with the same id."""
PATIENCE_SECONDS = 4.0
"""Somebody who waits for an answer texts on after this time."""
ACKNOWLEDGED_SECONDS = 60.0
"""A text that is not taken by then counts as lost."""
STREAM_LIMIT = 1 << 20


@dataclass(slots=True)
class Said:
    """A text that a phone sent.

    Attributes:
        id: the vendor's.
        body: what was written.
        status: as the phone shows it.
        at: when it was sent, on the clock of ``time.monotonic``.
    """

    id: str
    body: str
    status: str
    at: float


@dataclass(slots=True)
class Phone:
    """A phone of a scenario.

    Attributes:
        scenario: what it is to do.
        number: of ours that it texts.
        said: what it sent so far.
        received: ids of the texts that it shows.
        repeats: how often a text had to be brought once more.
        anchored: set when the text just before the blow was sent.
    """

    scenario: Scenario
    number: str
    simulator: str
    poster: Poster
    said: dict[str, Said] = field(default_factory=dict)
    received: set[str] = field(default_factory=set)
    repeats: int = 0
    anchored: asyncio.Event = field(default_factory=asyncio.Event)
    _watched: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def acknowledged(self) -> bool:
        """Whether every text of its reached the assistant."""
        return all(said.status == "delivered" for said in self.said.values())

    @property
    def expects(self) -> int:
        """How many texts must come at least in answer to those that it sent."""
        return sum(len(answers(said.body)) or 1 for said in self.said.values())

    @property
    def midway(self) -> bool:
        """Whether something that it sent is not acknowledged or not answered yet."""
        return not self.acknowledged or len(self.received) < self.expects

    async def live(self) -> None:
        """Send everything that is planned; returns when all of it is acknowledged, or lost."""
        watching = asyncio.create_task(self._watch())
        try:
            await self._watched.wait()
            await self._talk()
            end = time.monotonic() + ACKNOWLEDGED_SECONDS
            while not self.acknowledged and time.monotonic() < end:
                await self._next_news(1.0)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            self.anchored.set()

    async def _talk(self) -> None:
        for place, planned in enumerate(self.scenario.texts):
            if place and self.scenario.waits:
                await self._await_answers()
            await asyncio.sleep(planned.pause)
            prefix = "SM" if self.scenario.gateway == "twilio" else ""
            mark = planned.body.partition(" ")[0].replace(".", "-")
            said = Said(f"{prefix}{mark}", planned.body, "sent", time.monotonic())
            self.said[said.id] = said
            await self._post(said)
            if place == self.scenario.anchor:
                self.anchored.set()

    async def _await_answers(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while self.midway and (left := end - time.monotonic()) > 0:
            await self._next_news(left)

    async def _next_news(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    async def _post(self, said: Said) -> None:
        content = {"to": self.number, "body": said.body, "id": said.id}
        answer = await self.poster.post(
            Webhook(
                f"{self.simulator}/phones/{self.scenario.phone}/texts",
                {"Content-Type": "application/json"},
                json.dumps(content).encode(),
            )
        )
        if not answer.ok:
            raise RuntimeError(f"the simulator did not take a text: {answer} {answer.body!r}")

    async def _watch(self) -> None:
        repeating: set[asyncio.Task[None]] = set()
        async for shown in self._events():
            if shown["direction"] == "received":
                self.received.add(shown["id"])
            elif (said := self.said.get(shown["id"])) is not None:
                said.status = shown["status"]
                if said.status == "undeliverable":
                    repeating.add(asyncio.create_task(self._repeat(said)))
            self._news.set()

    async def _repeat(self, said: Said) -> None:
        """The vendor brings a text once more: it counts once, whether or not it was stored."""
        await asyncio.sleep(REPEAT_SECONDS)
        self.repeats += 1
        await self._post(said)

    async def _events(self) -> AsyncIterator[dict[str, str]]:
        address = urlsplit(self.simulator)
        reader, writer = await asyncio.open_connection(
            address.hostname, address.port, limit=STREAM_LIMIT
        )
        try:
            path = f"/phones/{self.scenario.phone}/events"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
            while line := await reader.readline():
                # Between these lines stand headers and the sizes of chunks.
                if line.startswith(b": watching"):
                    self._watched.set()
                elif line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))
        finally:
            writer.transport.abort()
