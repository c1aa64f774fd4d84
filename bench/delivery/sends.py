"""Texts that leave as fast as they can, beside the stock client at the same carrier."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.delivery.figures import per_second
from bench.delivery.outbox import Outbox
from bench.delivery.stack import Live, Shape, running
from bench.delivery.used import Used
from bench.turns.account import Account
from bench.turns.texts import Phones
from messaging.lanes import Lane

PATIENCE_SECONDS = 20.0
"""Without anything new; a receipt that is not taken in 15 seconds is not repeated."""
WARM_UP = 200
RECEIPTS = 2
"""Of each text: sent, delivered."""
WORKERS, THREADS = 2, 8
STEADY = 310.0
"""Segments a second that the number may send: just above the target."""
FAR_SECONDS = 0.1
"""What a vendor on the internet takes to answer, about."""


async def sends(texts: int, told: Callable[[str], None]) -> dict[str, Any]:
    """Sends a second and processor time a send, with and without receipts; then the stock client.

    Args:
        texts: of each of our runs.
        told: progress.
    """
    account, phones = Account(), Phones()
    found: dict[str, Any] = {"texts": texts, "workers": WORKERS}
    # As fast as they can, sends leave receipts behind that are taken later; steadily, they do not.
    async with running(Shape(workers=WORKERS, per_second=STEADY)) as stack:
        outbox = Outbox(stack.database_url, account)
        await _ours(stack, outbox, phones, WARM_UP, receipts=True)
        await stack.carrier.reset()
        found["steady"] = await _ours(stack, outbox, phones, texts, receipts=True)
        told(f"steady: {json.dumps(found['steady'])}")
    async with running(Shape(workers=WORKERS)) as stack:
        outbox = Outbox(stack.database_url, account)
        await _ours(stack, outbox, phones, WARM_UP, receipts=True)
        for name, receipts, far in (
            ("with_receipts", True, False),
            ("without_receipts", False, False),
            ("without_receipts_from_afar", False, True),
        ):
            await _begin(stack, far=far)
            found[name] = await _ours(stack, outbox, phones, texts, receipts=receipts)
            told(f"{name}: {json.dumps(found[name])}")
        found["stock"] = {"client": "twilio.rest.Client, synchronous, of the project's environment"}
        for name, threads, far, few in (
            ("one_by_one", 1, False, texts // 10),
            ("pool_of_8", THREADS, False, texts // 10),
            ("one_by_one_from_afar", 1, True, texts // 50),
            ("pool_of_8_from_afar", THREADS, True, texts // 50),
        ):
            await _begin(stack, far=far)
            found["stock"][name] = await _stock(stack, account, few, threads)
            told(f"stock, {name}: {json.dumps(found['stock'][name])}")
    return found


async def _begin(stack: Live, *, far: bool) -> None:
    await stack.carrier.reset()
    if far:
        await stack.carrier.fault("latency", seconds=FAR_SECONDS)


async def _ours(
    stack: Live, outbox: Outbox, phones: Phones, texts: int, *, receipts: bool
) -> dict[str, Any]:
    if not receipts:
        await stack.carrier.fault("receipts-missing")
    given = [(phones.new(), f"Your glasses are ready, number {place}.") for place in range(texts)]
    await outbox.put(given, Lane.REPLY)
    used, began = Used(lambda: stack.pids), time.perf_counter()
    accepted = await stack.carrier.accepted_by(texts, PATIENCE_SECONDS)
    taken = {}
    if receipts:
        acknowledged = await stack.carrier.receipts_taken(RECEIPTS * texts, PATIENCE_SECONDS)
        taken = {
            "receipts_acknowledged": acknowledged,
            "sends_per_second_receipts_included": round(texts / (time.perf_counter() - began), 1),
        }
    cpu = used.milliseconds(texts)
    return {
        "accepted": len(accepted),
        "sends_per_second": per_second(accepted),
        **taken,
        "cpu_ms_per_send": cpu,
        "sends_per_second_with_all_cores_to_itself": round(
            1000 * (os.cpu_count() or 1) / cpu["all"], 1
        ),
        "machine_used_by_others": used.by_others(),
    }


async def _stock(stack: Live, account: Account, texts: int, threads: int) -> dict[str, Any]:
    used = Used(lambda: {"simulator": stack.pids["simulator"]})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.delivery.stock_client", stack.carrier.url),
        *(account.number, str(texts), str(threads)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate(f"{account.sid} {account.token}".encode())
    accepted = await stack.carrier.accepted()
    return {
        **json.loads(said),
        "accepted": len(accepted),
        "sends_per_second": per_second(accepted),
        "simulator_cpu_ms_per_send": used.milliseconds(texts)["simulator"],
    }
