"""What is done to a stack, and what is read off it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.turns import texts
from bench.turns.load import Exchange, Texters
from bench.turns.measure import (
    POSTGRES,
    cpu_of,
    highest_mb,
    milliseconds,
    percentile,
    resident_mb,
)
from bench.turns.stack import RunningStack

TAIL_SECONDS = 2.0
"""After the last reply there are receipts and commits; their processor time counts too."""
IDLE_SECONDS = 5.0
HEAD_START_SECONDS = 0.003
"""Between a text and a kill: its webhook is under way then."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done.

    Attributes:
        texters: at the same time.
        talk_turns: texts of each, without a custom action.
        booking_turns: texts of each, with one.
        waves: how often all texters write at the very same moment.
        alone: texts of a single texter, for the latency of a stack that has time.
        kill_texts: texts around a kill, each from a phone of its own.
        kill_rate: of those, in texts a second.
        settle: seconds after a killed part is healthy again in which replies still count; longer
            than the lease after which an outcome that nobody noted is looked up.
    """

    texters: int = 40
    talk_turns: int = 10
    booking_turns: int = 5
    waves: int = 5
    alone: int = 15
    kill_texts: int = 80
    kill_rate: float = 8.0
    settle: float = 45.0


QUICK = Size(texters=8, talk_turns=3, waves=1, alone=3, kill_texts=0)
"""To see that everything works; the figures say little."""


class Scenarios:
    """Runs all scenarios against one stack.

    Args:
        stack: that runs.
        texters: who text it.
        phones: new numbers.
        size: how much is done.
    """

    def __init__(
        self, stack: RunningStack, texters: Texters, phones: texts.Phones, size: Size
    ) -> None:
        self._stack = stack
        self._texters = texters
        self._phones = phones
        self._size = size
        self._resident: dict[str, float] = {}

    async def warm_up(self) -> None:
        """A few texts that count for nothing: what is made at the first text is made then."""
        await self._texters.talk_together(self._talks(texts.SMALL_TALK, 2, 6))
        await self._texters.talk_together(self._talks(texts.BOOKING, 2, 4))

    async def idle(self) -> dict[str, float]:
        """Processor milliseconds a second of each part while nothing happens."""
        before = cpu_of(self._stack.pids)
        await asyncio.sleep(IDLE_SECONDS)
        return {
            name: round((used - before[name]) / IDLE_SECONDS * 1000, 2)
            for name, used in cpu_of(self._stack.pids).items()
        }

    async def alone(self) -> dict[str, Any]:
        """One texter."""
        return await self._measured(self._talks(texts.SMALL_TALK, 1, self._size.alone))

    async def talking(self) -> dict[str, Any]:
        """All texters, without custom actions, each text as soon as the last is answered."""
        return await self._measured(
            self._talks(texts.SMALL_TALK, self._size.texters, self._size.talk_turns)
        )

    async def booking(self) -> dict[str, Any]:
        """All texters, with a custom action in every turn."""
        return await self._measured(
            self._talks(texts.BOOKING, self._size.texters, self._size.booking_turns)
        )

    async def waves(self) -> dict[str, Any]:
        """All texters at the same moment, several times."""
        exchanges: list[Exchange] = []
        for _ in range(self._size.waves):
            talks = self._talks(texts.SMALL_TALK, self._size.texters, 1)
            exchanges += await self._texters.talk_together(talks)
        return self._answered(exchanges)

    async def killing(self, part: str) -> dict[str, Any]:
        """``kill -9`` of a part in the middle of a load; each text has a phone of its own.

        Args:
            part: by name; the supervisor starts it again.
        """
        usual = await self._usual_replies()
        sent: dict[str, str] = {}
        posts: list[asyncio.Task[float | None]] = []
        begun, recovering = time.perf_counter(), None
        for index in range(self._size.kill_texts):
            body = (texts.SINGLE_TALK, texts.SINGLE_ACTION)[index % 2]
            phone = self._phones.new()
            sent[phone] = body
            posts.append(asyncio.create_task(self._texters.carrier.post(phone, body)))
            if index == self._size.kill_texts // 3:
                await asyncio.sleep(HEAD_START_SECONDS)
                killed = self._stack.kill(part)
                recovering = asyncio.create_task(self._stack.healthy_again(part, killed))
            due = begun + (index + 1) / self._size.kill_rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
        recovered = await recovering if recovering else None
        await asyncio.sleep(self._size.settle)
        acknowledged = [done is not None for done in await asyncio.gather(*posts)]
        return {
            "texts": len(sent),
            "acknowledged": sum(acknowledged),
            **accounted(
                {
                    phone: (
                        usual[body],
                        [reply.body for reply in self._texters.api.replies(phone)],
                    )
                    for phone, body in sent.items()
                },
                self._stack.recipe.failure_message,
            ),
            "healthy_again_s": None if recovered is None else round(recovered, 1),
        }

    def memory(self) -> dict[str, dict[str, float | None]]:
        """Memory by part: the most seen after any scenario, and the most ever."""
        pids = self._stack.pids
        return {
            name: {"serving_mb": round(used, 1), "highest_mb": highest_mb(name, pids[name])}
            for name, used in self._resident.items()
        }

    def _talks(
        self, kind: Sequence[Sequence[str]], texters: int, turns: int
    ) -> list[tuple[str, list[str]]]:
        written = texts.conversations(kind, texters, turns)
        return [(self._phones.new(), talk) for talk in written]

    async def _measured(self, talks: Sequence[tuple[str, Sequence[str]]]) -> dict[str, Any]:
        pids = self._stack.pids
        before, own, began = cpu_of(pids), time.process_time(), time.perf_counter()
        exchanges = await self._texters.talk_together(talks)
        seconds = time.perf_counter() - began
        await asyncio.sleep(TAIL_SECONDS)
        after = cpu_of(pids)
        for name, pid in pids.items():
            self._resident[name] = max(self._resident.get(name, 0.0), resident_mb(name, pid))
        answered = sum(exchange.replied is not None for exchange in exchanges)
        used = {name: after[name] - before[name] for name in pids}
        return {
            **self._answered(exchanges),
            "texts_per_second": round(answered / seconds, 1),
            "cpu_ms_per_text": _per_text(used, len(exchanges)),
            "load_generator_cpu_ms_per_text": round(
                (time.process_time() - own) / len(exchanges) * 1000, 2
            ),
        }

    async def _usual_replies(self) -> dict[str, int]:
        """How many messages each of the single texts is answered with when nothing fails."""
        usual = {}
        for body in (texts.SINGLE_TALK, texts.SINGLE_ACTION):
            phone = self._phones.new()
            await self._texters.ask(phone, body)
            await asyncio.sleep(TAIL_SECONDS)
            usual[body] = len(self._texters.api.replies(phone))
        return usual

    def _answered(self, exchanges: Sequence[Exchange]) -> dict[str, Any]:
        failure = self._stack.recipe.failure_message
        apologies = sum(failure is not None and one.reply == failure for one in exchanges)
        return {**_latencies(exchanges), "answered_with_an_apology": apologies}


def accounted(
    by_phone: Mapping[str, tuple[int, Sequence[str]]], failure: str | None
) -> dict[str, int]:
    """What became of texts that came from a phone each.

    Args:
        by_phone: how many messages usually answer the text, and those that did.
        failure: what the stack says where it could not answer.
    """
    answers = by_phone.values()
    return {
        "lost": sum(not replies for _, replies in answers),
        "doubled": sum(len(replies) > usual for usual, replies in answers),
        "cut_short": sum(0 < len(replies) < usual for usual, replies in answers),
        "answered_with_an_apology": sum(failure in replies for _, replies in answers),
    }


def _per_text(used: Mapping[str, float], count: int) -> dict[str, Any]:
    shares = {name: round(seconds / count * 1000, 2) for name, seconds in used.items()}
    ours = sum(share for name, share in shares.items() if name != POSTGRES)
    return {
        "stack": round(ours, 2),
        "stack_and_postgres": round(ours + shares.get(POSTGRES, 0.0), 2),
        "by_process": shares,
    }


def _latencies(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    acknowledged = [one.acknowledged for one in exchanges if one.acknowledged is not None]
    replied = [one.replied for one in exchanges if one.replied is not None]
    return {
        "texts": len(exchanges),
        "unacknowledged": len(exchanges) - len(acknowledged),
        "unanswered": len(exchanges) - len(replied),
        "acknowledged_ms": {
            "p50": milliseconds(percentile(acknowledged, 0.5)),
            "p99": milliseconds(percentile(acknowledged, 0.99)),
        },
        "replied_ms": {
            "p50": milliseconds(percentile(replied, 0.5)),
            "p95": milliseconds(percentile(replied, 0.95)),
        },
    }
