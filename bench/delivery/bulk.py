"""Replies while thousands of texts to many wait for the same number."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from typing import Any

from bench.delivery.figures import added, delays
from bench.delivery.outbox import Outbox
from bench.delivery.stack import Live, Shape, running
from bench.delivery.used import Used
from bench.turns.account import Account
from bench.turns.texts import SEED, Phones
from messaging.lanes import Lane

APART_SECONDS: Mapping[float, float] = {1: 3.0, 10: 0.5, 100: 0.5}
"""Between two replies, on average, by segments a second of the number."""
AFTER_SECONDS = 5.0
"""In which the last replies leave, and bulk is well under way."""


async def bulk(texts: int, replies: int, told: Callable[[str], None]) -> dict[str, Any]:
    """How long replies take without and with bulk, at 1, 10 and 100 segments a second.

    Args:
        texts: of bulk that wait.
        replies: of each run.
        told: progress.
    """
    found: dict[str, Any] = {"bulk_texts": texts}
    for rate, apart in APART_SECONDS.items():
        name = f"{rate:g}_per_second"
        found[name] = await _bulk(rate, apart, texts, replies)
        told(f"{name}: {json.dumps(found[name])}")
    return found


async def _bulk(rate: float, apart: float, texts: int, replies: int) -> dict[str, Any]:
    account, phones = Account(), Phones()
    shape = Shape(workers=2, per_second=rate, carrier_per_second=rate, carrier_delay=0.0)
    async with running(shape) as stack:
        outbox = Outbox(stack.database_url, account)
        began_at = await stack.carrier.began_at(account, phones.new())
        await asyncio.sleep(AFTER_SECONDS)
        used = Used(lambda: stack.pids)
        alone = await _replies(stack, outbox, phones, began_at, replies, apart)
        await outbox.put(((phones.new(), "We have moved.") for _ in range(texts)), Lane.BULK)
        await asyncio.sleep(AFTER_SECONDS)
        amid = await _replies(stack, outbox, phones, began_at, replies, apart)
        return {
            "replies": replies,
            **{
                to: {
                    "without_bulk_ms": delays(alone[to]),
                    "with_bulk_ms": delays(amid[to]),
                    "added_ms": added(alone[to], amid[to]),
                }
                for to in ("accepted", "shown")
            },
            "machine_used_by_others": used.by_others(),
        }


async def _replies(
    stack: Live, outbox: Outbox, phones: Phones, began_at: float, count: int, apart: float
) -> dict[str, list[float]]:
    """Seconds until each of some replies was accepted, and until it left the number."""
    dice = random.Random(SEED)  # noqa: S311 - a load, no secret
    put: dict[str, float] = {}
    for _ in range(count):
        phone = phones.new()
        put[phone] = await outbox.put([(phone, "Yes, we are open on Friday.")], Lane.REPLY)
        await asyncio.sleep(apart * dice.uniform(0.7, 1.3))
    await asyncio.sleep(AFTER_SECONDS)
    accepted = {one.phone: began_at + one.at for one in await stack.carrier.accepted()}
    shown = await stack.carrier.shown()
    return {
        "accepted": [accepted[phone] - at for phone, at in put.items()],
        "shown": [shown[phone] - at for phone, at in put.items()],
    }
