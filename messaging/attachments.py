"""Checks the files of a text before it leaves: can this gateway take them to this phone?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from connectors.gateways.base import MediaLimits, Outbound
from messaging.errors import MediaRefused
from messaging.media_limits import NO_FILES, Fitted, Found, fit, hindrance, without_files

KEPT_SECONDS = 300.0
"""How long it is believed that a file is what it was: a campaign asks for its picture once."""

KEPT_MOST = 1000
"""Addresses that are remembered at most."""


class MediaCheck:
    """Asks for type and size of files, and remembers them for a while.

    Args:
        found: asks the server of an address (:meth:`connectors.media_fetch.MediaFetcher.found`);
            raises MediaRefused where there is nothing that a vendor could fetch.
        clock: seconds that only ever grow.
    """

    def __init__(
        self,
        found: Callable[[str], Awaitable[Found]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._found = found
        self._clock = clock
        self._asked: dict[str, tuple[float, asyncio.Task[Found | MediaRefused]]] = {}

    async def fitted(self, message: Outbound, limits: MediaLimits | None, longest: int) -> Fitted:
        """The text as the gateway carries it: what cannot go as a file goes as words and link.

        A text that has been fitted stays as it is. Never raises for what the network does, and
        takes as long as one file at most.

        Args:
            message: to be sent.
            limits: of the gateway; None where it carries no files.
            longest: characters that the gateway takes in one request.
        """
        if not message.media:
            return Fitted(message)
        limits = limits or NO_FILES
        if (hindered := hindrance(limits, message.recipient)) is not None:
            return without_files(message, hindered, longest)
        found = await asyncio.gather(*(self._ask(file.url) for file in message.media))
        return fit(message, found, limits, longest)

    async def _ask(self, url: str) -> Found | MediaRefused:
        now = self._clock()
        since, asked = self._asked.get(url, (now, None))
        if asked is None or now - since > KEPT_SECONDS or asked.cancelled():
            asked = asyncio.create_task(self._answer(url))
            self._asked.pop(url, None)
            self._asked[url] = (now, asked)
            if len(self._asked) > KEPT_MOST:
                del self._asked[next(iter(self._asked))]
        # Several texts may wait for the same answer; one that is given up takes it from nobody.
        return await asyncio.shield(asked)

    async def _answer(self, url: str) -> Found | MediaRefused:
        try:
            return await self._found(url)
        except MediaRefused as refused:
            return refused
