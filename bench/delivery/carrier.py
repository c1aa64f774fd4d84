"""What the simulator is asked: what it accepted, what phones show, what goes wrong."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx

from bench.turns.account import Account

POLL_SECONDS = 0.25
CLOCK_LOOKS = 20


@dataclass(frozen=True, slots=True, order=True)
class Accepted:
    """A send that the carrier accepted.

    Attributes:
        at: seconds since the carrier started.
        phone: that it is for.
        segments: of the text.
    """

    at: float
    phone: str
    segments: int


class Carrier:
    """The simulator's own interface.

    Args:
        url: of the simulator.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.AsyncClient(base_url=url, timeout=60.0, trust_env=False)
        self._accepted: list[Accepted] = []

    async def accepted(self) -> list[Accepted]:
        """Everything that was accepted since the last reset, in order; only news are fetched."""
        said = await self._get(f"/accepted?since={len(self._accepted)}")
        self._accepted += [Accepted(at, phone, size) for at, phone, size, _ in said["accepted"]]
        return self._accepted

    async def accepted_by(self, count: int, patience: float) -> list[Accepted]:
        """The same once there are so many, or once no more come.

        Args:
            count: texts to wait for.
            patience: seconds to wait for the next one at most.
        """
        seen, since = -1, time.monotonic()
        while len(found := await self.accepted()) < count and time.monotonic() < since + patience:
            if len(found) > seen:
                seen, since = len(found), time.monotonic()
            await asyncio.sleep(POLL_SECONDS)
        return found

    async def shown(self) -> dict[str, float]:
        """When the last text left our number for each phone, in seconds since 1970."""
        rows = (await self._get("/shown"))["shown"]
        return {phone: at for at, phone, direction, _ in rows if direction == "received"}

    async def bodies(self, phone: str) -> list[str]:
        """What a phone received, in order."""
        thread = (await self._get(f"/phones/{phone}"))["thread"]
        return [text["body"] for text in thread if text["direction"] == "received"]

    async def receipts_taken(self, count: int, patience: float) -> int:
        """Receipts that the assistant acknowledged, once there are so many or no more come.

        Args:
            count: to wait for.
            patience: seconds to wait for the next one at most.
        """
        seen, since = -1, time.monotonic()
        while True:
            said = await self._get("/statistics")
            taken = int(said["gateways"]["twilio"]["receipts_acknowledged"])
            if taken > seen:
                seen, since = taken, time.monotonic()
            if taken >= count or time.monotonic() > since + patience:
                return taken
            await asyncio.sleep(POLL_SECONDS)

    async def reset(self) -> None:
        """As if it had just been started."""
        (await self._http.post("/reset")).raise_for_status()
        self._accepted = []

    async def fault(self, kind: str, **fields: Any) -> None:
        """Turn a fault on."""
        (await self._http.put("/faults", json={"kind": kind, **fields})).raise_for_status()

    async def began_at(self, account: Account, phone: str) -> float:
        """When the carrier started, in seconds since 1970, to a few milliseconds.

        It is told by texts that are sent for this alone, and forgotten again: the one that was
        answered soonest tells it best.

        Args:
            account: that sends them.
            phone: that they are for.
        """
        form = {"To": phone, "From": account.number, "Body": "what time is it"}
        path = f"/2010-04-01/Accounts/{account.sid}/Messages.json"
        told: list[tuple[float, float]] = []
        for _ in range(CLOCK_LOOKS):
            before = time.time()
            answer = await self._http.post(path, data=form, auth=(account.sid, account.token))
            after = time.time()
            answer.raise_for_status()
            told.append((after - before, (before + after) / 2))
        texts = await self.accepted()
        await self.reset()
        _, at, text = min((*look, text) for look, text in zip(told, texts, strict=True))
        return at - text.at

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def _get(self, path: str) -> dict[str, Any]:
        answer = await self._http.get(path)
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        return said
