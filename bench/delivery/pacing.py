"""Whether a number sends as fast as it may, and never faster than the vendor can hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from bench.delivery.figures import pace, parked
from bench.delivery.outbox import Outbox
from bench.delivery.stack import Shape, running
from bench.delivery.used import Used
from bench.turns.account import Account
from bench.turns.texts import Phones
from messaging.lanes import Lane

SECONDS: Mapping[float, float] = {1: 60.0, 10: 40.0, 100: 30.0}
"""How long is watched, by segments a second."""
PARKED_SECONDS = 2.0
"""At the beginning a number takes over so much at once."""
SURPLUS = 1.5


async def pacing(share: float, told: Callable[[str], None]) -> dict[str, Any]:
    """The pace of one number with two workers, at 1, 10 and 100 segments a second.

    Args:
        share: of the usual time.
        told: progress.
    """
    found = {}
    for rate, seconds in SECONDS.items():
        found[f"{rate:g}_per_second"] = await _pace(rate, seconds * share)
        told(f"{rate:g} segments a second: {json.dumps(found[f'{rate:g}_per_second'])}")
    return found


async def _pace(rate: float, seconds: float) -> dict[str, Any]:
    phones = Phones()
    async with running(Shape(workers=2, per_second=rate, carrier_per_second=rate)) as stack:
        count = int(rate * (seconds + PARKED_SECONDS) * SURPLUS) + 5
        used = Used(lambda: stack.pids)
        texts = [(phones.new(), "Your glasses are ready.") for _ in range(count)]
        await Outbox(stack.database_url, Account()).put(texts, Lane.REPLY)
        (first, *_) = await stack.carrier.accepted_by(1, 10.0)
        await asyncio.sleep(seconds)
        accepted = await stack.carrier.accepted()
        begin = first.at + PARKED_SECONDS
        end = first.at + seconds - 0.5
        third = (end - begin) / 3
        measured = pace(accepted, begin, end)
        return {
            "seconds": round(end - begin, 1),
            "segments": sum(one.segments for one in accepted if begin <= one.at < end),
            "measured_per_second": round(measured, 4),
            "error_percent": round((measured / rate - 1) * 100, 2),
            "measured_per_second_by_thirds": [
                round(pace(accepted, begin + k * third, begin + (k + 1) * third), 3)
                for k in range(3)
            ],
            "most_parked_s": round(parked(accepted, rate), 3),
            "machine_used_by_others": used.by_others(),
        }
