"""Parts that engine tests share: texts that come in, an assistant and a gateway on strings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx

from connectors.gateways.base import Accepted, Capabilities, Inbound, Media, Outcome, Receipt
from connectors.gateways.twilio_codes import CODES
from connectors.media_fetch import MediaFetcher
from database.pool import Pool
from messaging.assistant import Answer, Reply, TurnInput
from messaging.attachments import MediaCheck
from messaging.clock import Clock, SystemClock, TimeOrderedIds
from messaging.consent import ConsentPolicy
from messaging.delivery import DeliveryWorker
from messaging.failover import Failover
from messaging.health_table import SendCounts
from messaging.inbox import store_events
from messaging.judgement import judge
from messaging.media_inbox import MediaInbox
from messaging.outcomes import expire
from messaging.phone_hours import QuietHours
from messaging.routing import candidates_of
from messaging.screening import Company
from messaging.sending import DeliveryPolicy, Desk
from messaging.text_policy import TextPolicy
from messaging.turn import TurnPolicy, TurnWorker
from messaging.wake import Listener

OURS, PHONE = "+12125550142", "+12125550100"
COMPANY = Company("Harbor Eye Care", "(212) 555-0142", "Sorry, something went wrong.")
QUICK = TurnPolicy(
    burst=timedelta(seconds=0.15),
    lease=timedelta(seconds=1.5),
    pauses=(timedelta(seconds=0.1), timedelta(seconds=0.1)),
    limit=timedelta(seconds=2),
    idle=timedelta(seconds=0.3),
)
WORDS = TextPolicy(longest=1600)
_ids = count(1)


async def text_in(
    pool: Pool,
    body: str,
    *,
    phone: str = PHONE,
    id: str | None = None,
    media: tuple[Media, ...] = (),
) -> str:
    external_id = id or f"SM{next(_ids)}"
    event = Inbound(external_id, phone, OURS, body, media)
    await store_events(
        pool, "twilio", [event], datetime.now(UTC), burst_seconds=QUICK.burst.total_seconds()
    )
    return external_id


def no_media(pool: Pool) -> MediaInbox:
    """For texts without files."""
    return MediaInbox(pool, MediaFetcher([]).content, SystemClock(), TimeOrderedIds().new_id)


class Echo:
    """Answers with what it was given; what it was given is kept."""

    def __init__(self, respond: Callable[[TurnInput], Awaitable[Answer]] | None = None) -> None:
        self.turns: list[TurnInput] = []
        self._respond = respond

    async def respond(self, turn: TurnInput) -> Answer:
        self.turns.append(turn)
        if self._respond is not None:
            return await self._respond(turn)
        return Answer([Reply(f"You said: {turn.payload or turn.text}")])


@asynccontextmanager
async def turn_worker(
    pool: Pool,
    url: str,
    assistant: Any,
    policy: TurnPolicy = QUICK,
    text_policy: TextPolicy = WORDS,
    media: MediaInbox | None = None,
):
    async with Listener(url, "linnet_inbox") as listener:
        worker = TurnWorker(
            pool,
            listener,
            assistant,
            COMPANY,
            {"twilio": text_policy},
            policy,
            SystemClock(),
            TimeOrderedIds().new_id,
            media or no_media(pool),
        )
        task = asyncio.create_task(worker.run())
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


class ScriptedGateway:
    """A vendor that does as each test says; what was sent to it is kept."""

    codes = CODES

    def __init__(
        self,
        *outcomes: Outcome,
        name: str = "twilio",
        numbers: tuple[str, ...] = (OURS,),
        look_up: bool = True,
        per_second: float = 1000,
        **can: Any,
    ) -> None:
        self.name, self.numbers = name, numbers
        self.outcomes = list(outcomes)
        self.capabilities = Capabilities(
            look_up=look_up,
            reports_status=look_up,
            longest_body=1600,
            per_second=per_second,
            **can,
        )
        self.sent: list[Any] = []
        self.found: list[Accepted | Exception | None] = []
        self.lookups: list[Any] = []
        self.asked: list[str] = []
        self.receipts: list[Receipt | None] = []

    async def send(self, message: Any, http: httpx.AsyncClient) -> Outcome:
        self.sent.append(message)
        if self.outcomes:
            return self.outcomes.pop(0)
        return Accepted(f"V{len(self.sent)}")

    async def find(self, message: Any, http: httpx.AsyncClient) -> Accepted | None:
        self.lookups.append(message)
        found = self.found.pop(0) if self.found else None
        if isinstance(found, Exception):
            raise found
        return found

    def media_credentials(self, url: str) -> tuple[str, str] | None:
        return None

    async def ask(self, vendor_id: str, http: httpx.AsyncClient) -> Receipt | None:
        self.asked.append(vendor_id)
        return self.receipts.pop(0) if self.receipts else None


@asynccontextmanager
async def delivery_worker(
    pool: Pool,
    url: str,
    *carriers: Any,
    policy: DeliveryPolicy | None = None,
    hours: QuietHours | None = None,
    consent: ConsentPolicy | None = None,
    clock: Clock | None = None,
):
    policy = policy or DeliveryPolicy(lease=timedelta(seconds=1), idle=timedelta(seconds=0.3))
    gateways = {carrier.name: carrier for carrier in carriers}
    async with Listener(url, "linnet_outbox") as listener, httpx.AsyncClient() as http:
        clock = clock or SystemClock()
        desk = Desk(
            gateways,
            http,
            MediaCheck(MediaFetcher(gateways.values()).found),
            Failover(pool, candidates_of(gateways, dict.fromkeys(gateways, 100)), lambda: 0.0),
            SendCounts(clock),
            hours,
            consent,
        )
        worker = DeliveryWorker(pool, listener, desk, policy, clock)
        task = asyncio.create_task(worker.run())
        upkeep = asyncio.create_task(_upkeep(pool, gateways, desk.counts))
        try:
            yield task
        finally:
            for one in (task, upkeep):
                one.cancel()
                with suppress(asyncio.CancelledError):
                    await one


async def _upkeep(pool: Pool, gateways: Any, counts: SendCounts) -> None:
    """What the worker process does beside sending, faster."""
    while True:
        await judge(pool, gateways, lambda: 0.0)
        await expire(pool)
        await counts.flush(pool)
        await asyncio.sleep(0.05)


async def rows(pool: Pool, query: str, **values: Any) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        return await (await connection.execute(query, values)).fetchall()


async def until(check: Callable[[], Awaitable[Any]], seconds: float = 8.0) -> Any:
    """The first true value of ``check``; fails with the last one after ``seconds``."""
    for _ in range(int(seconds / 0.03)):
        value = await check()
        if value:
            return value
        await asyncio.sleep(0.03)
    raise AssertionError(f"not within {seconds} s; last: {value!r}")
