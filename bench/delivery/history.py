"""What a turn costs with few and with many old texts in the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.chaos.wishes import Wish
from bench.delivery.figures import delays, ratio
from bench.delivery.old_texts import fill
from bench.delivery.stack import Assistant, Live, Shape, running
from bench.delivery.used import Used
from bench.turns.account import Account
from bench.turns.fake_twilio import FakeTwilio
from bench.turns.load import Carrier, Texters
from bench.turns.texts import SINGLE_TALK, Phones
from database.embedded import free_port
from simulator.posting import Poster

FEW = 1_000
TAIL_SECONDS = 1.5
"""After the last reply there are receipts; what they cost counts too."""
IDLE_SECONDS = 10.0
WARM_UP = 30


@dataclass(slots=True)
class _Side:
    """One of the two stacks.

    Attributes:
        seconds: from text to reply, a list for each round.
        cpu: processor milliseconds a turn, of each round.
    """

    stack: Live
    texters: Texters
    seconds: list[list[float]] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)

    def used(self) -> Used:
        """Counts what the stack uses from now on."""
        return Used(lambda: self.stack.pids)

    async def round(self, texts: int, body: Callable[[int], str]) -> None:
        """One text after another, each from the next phone; every phone has old texts."""
        used, phones = self.used(), Phones()
        talked = [await self.texters.ask(phones.new(), body(place)) for place in range(texts)]
        await asyncio.sleep(TAIL_SECONDS)
        self.cpu.append(used.milliseconds(texts))
        replied = [one.replied for one in talked if one.replied is not None]
        if len(replied) < texts:
            raise RuntimeError(f"{texts - len(replied)} of {texts} texts had no reply")
        self.seconds.append(replied)


async def history(
    old: int, rounds: int, texts: int, assistant: Assistant, told: Callable[[str], None]
) -> dict[str, Any]:
    """Two stacks side by side, one with few old texts; they are texted in turns.

    Args:
        old: texts in the database of the other one.
        rounds: of each stack.
        texts: of a round.
        assistant: that answers.
        told: progress.
    """
    counts, sides = (FEW, old), []
    async with AsyncExitStack() as stacks:
        for count in counts:
            sides.append(await _side(stacks, count, assistant))
            told(f"{count} old texts are in the database")

        def body(place: int) -> str:
            return f"h{place} {Wish.SAY}" if assistant == "echo" else SINGLE_TALK

        for side in sides:
            await side.round(WARM_UP, body)
            side.seconds.clear()
            side.cpu.clear()
        for number in range(rounds):
            # Who is first alternates, so that what changes meanwhile strikes both alike.
            for side in sides if number % 2 else reversed(sides):
                await side.round(texts, body)
        idle = []
        for side in sides:
            used = side.used()
            await asyncio.sleep(IDLE_SECONDS)
            idle.append(used.milliseconds(int(IDLE_SECONDS)))
    found = {
        "assistant": assistant,
        "rounds": rounds,
        "texts_a_round": texts,
        **{
            f"{count}_old_texts": {
                "replied_ms": delays([one for some in side.seconds for one in some]),
                "cpu_ms_per_turn": _means(side.cpu),
                "idle_cpu_ms_per_second": quiet,
            }
            for count, side, quiet in zip(counts, sides, idle, strict=True)
        },
        **_ratios(*sides),
    }
    told(json.dumps(found))
    return found


async def _side(stacks: AsyncExitStack, old: int, assistant: Assistant) -> _Side:
    account, poster = Account(), Poster()
    stacks.callback(poster.close)
    fake = FakeTwilio(account, poster)
    api = await stacks.enter_async_context(fake.serving(free_port()))
    shape = Shape(workers=1, assistants=1, assistant=assistant, burst_seconds=0.0, api=api)
    stack = await stacks.enter_async_context(running(shape))
    await asyncio.to_thread(fill, stack.database_url, old)
    return _Side(stack, Texters(Carrier(account, stack.addresses[0], poster), fake))


def _means(rounds: list[dict[str, float]]) -> dict[str, float]:
    kinds = rounds[0].keys()
    return {kind: round(sum(one[kind] for one in rounds) / len(rounds), 3) for kind in kinds}


def _ratios(few: _Side, many: _Side) -> dict[str, float]:
    """Of rounds that followed each other, the middle one."""
    latencies = zip(few.seconds, many.seconds, strict=True)
    costs = zip(few.cpu, many.cpu, strict=True)
    return {
        "latency_ratio": median(ratio(median(one), median(other)) for one, other in latencies),
        "cpu_ratio": median(ratio(one["all"], other["all"]) for one, other in costs),
    }
