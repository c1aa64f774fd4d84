"""Many texts within a minute, from many phones, while all of them are answered."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.chaos.wishes import answers
from bench.delivery.figures import delays, judged, per_second
from bench.delivery.stack import Assistant, Live, Shape, running
from bench.delivery.used import Used
from bench.turns.account import Account
from bench.turns.load import Carrier as Posting
from bench.turns.measure import milliseconds, percentile
from bench.turns.texts import SEED, SINGLE_TALK, Phones
from simulator.posting import Poster

TEXTS_A_PHONE = 10
APART_SECONDS = 0.35
"""Of the time of a phone's texts, the share by which two of them are apart at least: one that
overtakes another on its way here would be no fault of ours."""
PATIENCE_SECONDS = 60.0
"""Without another answer, before the rest counts as lost."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A text of the load.

    Attributes:
        at: seconds after the beginning.
    """

    at: float
    phone: str
    body: str


def plan(phones: list[str], seconds: float, assistant: Assistant) -> list[Planned]:
    """Ten texts of each phone, spread over the time at random; the same in every run.

    Args:
        phones: that text.
        seconds: within which all arrive.
        assistant: that answers, and so what is written.
    """
    dice = random.Random(SEED)  # noqa: S311 - a load, no secret
    share = seconds / TEXTS_A_PHONE
    return sorted(
        (
            Planned(
                share * (place + (1 - APART_SECONDS) * dice.random()),
                phone,
                f"p{index}.{place} say" if assistant == "echo" else SINGLE_TALK,
            )
            for index, phone in enumerate(phones)
            for place in range(TEXTS_A_PHONE)
        ),
        key=lambda text: text.at,
    )


async def inbound(
    phones: int, seconds: float, assistant: Assistant, told: Callable[[str], None]
) -> dict[str, Any]:
    """The load on one ingress and on two.

    Args:
        phones: that text ten times each.
        seconds: within which all texts arrive.
        assistant: that answers.
        told: progress.
    """
    found: dict[str, Any] = {"assistant": assistant, "phones": phones, "seconds": seconds}
    for ingresses in (1, 2) if assistant == "echo" else (1,):
        shape = Shape(assistants=2, assistant=assistant, ingresses=ingresses)
        name = f"ingresses_{ingresses}"
        numbers = Phones()
        texts = plan([numbers.new() for _ in range(phones)], seconds, assistant)
        async with running(shape) as stack:
            found[name] = await _load(stack, texts, assistant, told)
        told(f"{name}: {json.dumps(found[name])}")
    return found


async def _load(
    stack: Live, texts: list[Planned], assistant: Assistant, told: Callable[[str], None]
) -> dict[str, Any]:
    poster, account = Poster(), Account()
    ways = [Posting(account, address, poster) for address in stack.addresses]
    warm = Phones()
    await asyncio.gather(*(way.post(warm.new(), "p0.0 say") for way in ways for _ in range(8)))
    await stack.carrier.accepted_by(1, PATIENCE_SECONDS)
    await asyncio.sleep(2.0)
    await stack.carrier.reset()
    used = Used(lambda: stack.pids)
    late: list[float] = []
    posts: list[asyncio.Task[float | None]] = []
    began = time.perf_counter()
    for place, text in enumerate(texts):
        due = began + text.at
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        late.append(time.perf_counter() - due)
        posts.append(asyncio.create_task(ways[place % len(ways)].post(text.phone, text.body)))
    seconds = [one for one in await asyncio.gather(*posts) if one is not None]
    posted = time.perf_counter() - began
    told(f"{len(seconds)} of {len(texts)} texts acknowledged")
    accepted = await stack.carrier.accepted_by(len(texts), PATIENCE_SECONDS)
    drained = time.perf_counter() - began
    await asyncio.sleep(2.0)
    poster.close()
    return {
        "texts": len(texts),
        "acknowledged": len(seconds),
        "acknowledged_ms": delays(seconds),
        "generator_late_ms": {"p99": milliseconds(percentile(late, 0.99))},
        "replies": len(accepted),
        "replies_per_second": per_second(accepted),
        "drained_s_after_the_last_text": round(drained - posted, 1),
        **await _answered(stack, texts, assistant),
        "cpu_ms_per_text": used.milliseconds(len(texts)),
        "machine_used_by_others": used.by_others(),
    }


async def _answered(stack: Live, texts: list[Planned], assistant: Assistant) -> dict[str, int]:
    """What is wrong with the answers of all phones."""
    deserved: dict[str, list[str]] = {}
    for text in texts:
        deserved.setdefault(text.phone, []).extend(
            answers(text.body) if assistant == "echo" else [text.body]
        )
    wrong = Counter(lost=0, doubled=0, strange=0, disordered=0)
    for phone, bodies in deserved.items():
        shown = await stack.carrier.bodies(phone)
        if assistant == "echo":
            wrong.update(judged(bodies, shown))
        else:  # every answer is the same, so they are counted
            wrong["lost"] += max(0, len(bodies) - len(shown))
            wrong["doubled"] += max(0, len(shown) - len(bodies))
    return dict(wrong)
