"""Who watches a phone live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from simulator.text import Text


class Watch:
    """What happened on a phone and has not been told yet; one stream of events owns it."""

    def __init__(self) -> None:
        self._news: asyncio.Queue[Text | None] = asyncio.Queue()

    def tell(self, text: Text | None) -> None:
        """``text`` appeared or changed; None ends the stream."""
        self._news.put_nowait(text)

    async def news(self, quiet_seconds: float) -> AsyncIterator[Text | None]:
        """Each text that appears or changes, and None after each quiet time.

        Args:
            quiet_seconds: how long nothing happens before None is given.
        """
        while True:
            try:
                async with asyncio.timeout(quiet_seconds):
                    text = await self._news.get()
            except TimeoutError:
                yield None
                continue
            if text is None:
                return
            yield text


class Watchers:
    """All streams of events."""

    def __init__(self) -> None:
        self._watches: dict[str, set[Watch]] = {}

    @contextmanager
    def watch(self, phone: str) -> Iterator[Watch]:
        """Watch ``phone`` for as long as the context lasts."""
        watch = Watch()
        self._watches.setdefault(phone, set()).add(watch)
        try:
            yield watch
        finally:
            watches = self._watches.get(phone, set())
            watches.discard(watch)
            if not watches:
                self._watches.pop(phone, None)

    def tell(self, text: Text) -> None:
        """Tell everybody who watches the phone of ``text``."""
        for watch in self._watches.get(text.phone, ()):
            watch.tell(text)

    def close(self) -> None:
        """End every stream."""
        for watches in self._watches.values():
            for watch in watches:
                watch.tell(None)
