"""Fetches the files of customers' texts at the beginning of their turn, each once.

A file is stored as soon as it is here, or with the reason why it is not, and is not asked for
again when the turn is repeated. A text never waits longer for its files than the limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

import structlog

from connectors.gateways.base import Media
from database.pool import Pool
from messaging.clock import Clock
from messaging.errors import MediaRefused
from messaging.media import LARGEST, MediaFile
from messaging.media_table import Content, files_of, store_file
from messaging.media_types import type_of
from messaging.turn_table import WaitingText

log = structlog.get_logger(__name__)

MOST = 10
"""Files of one text that are taken; vendors carry no more."""

AT_A_TIME = 4
"""Files of one turn in memory at most."""

PAUSE = 0.5
"""Seconds before a server that did not answer is asked again, once."""

Fetch = Callable[[str, int], Awaitable[bytes]]


class MediaInbox:
    """Fetches and stores what came with texts.

    Args:
        pool: of connections.
        fetch: the bytes at an address, at most so many; raises MediaRefused.
        clock: for the time at which a file was stored.
        new_id: for the ids of files.
        limit: how long all files of a turn may take together.
    """

    def __init__(
        self,
        pool: Pool,
        fetch: Fetch,
        clock: Clock,
        new_id: Callable[[], UUID],
        limit: timedelta = timedelta(seconds=10),
    ) -> None:
        self._pool = pool
        self._fetch = fetch
        self._clock = clock
        self._new_id = new_id
        self._limit = limit

    async def files_of(self, texts: Sequence[WaitingText]) -> tuple[MediaFile, ...]:
        """The files of a turn in order, fetched if they have not been.

        Args:
            texts: of the turn.
        """
        ids = [text.id for text in texts if text.media]
        if not ids:
            return ()
        async with self._pool.connection() as connection:
            stored = await files_of(connection, ids)
        missing = [
            (text.id, place, file)
            for text in texts
            for place, file in enumerate(text.media)
            if (text.id, place) not in stored
        ]
        if missing:
            deadline = asyncio.get_running_loop().time() + self._limit.total_seconds()
            slots = asyncio.Semaphore(AT_A_TIME)
            await asyncio.gather(
                *(self._store(id, place, file, slots, deadline) for id, place, file in missing)
            )
            async with self._pool.connection() as connection:
                stored = await files_of(connection, ids)
        return tuple(stored.values())

    async def _store(
        self, inbound_id: int, place: int, file: Media, slots: asyncio.Semaphore, deadline: float
    ) -> None:
        async with slots:
            kept = refused = None
            try:
                kept = await self._kept(file.url, place, deadline)
            except MediaRefused as error:
                refused = error.reason
                log.warning(
                    "media.refused",
                    inbound_id=inbound_id,
                    place=place,
                    reason=refused,
                    detail=error.detail,
                )
            async with self._pool.connection() as connection:
                await store_file(
                    connection,
                    id=self._new_id(),
                    inbound_id=inbound_id,
                    place=place,
                    url=file.url,
                    claimed_type=file.content_type,
                    kept=kept,
                    refused=refused,
                    now=self._clock.now(),
                )

    async def _kept(self, url: str, place: int, deadline: float) -> Content:
        if place >= MOST:
            raise MediaRefused(f"more than {MOST} files", "too-many")
        try:
            async with asyncio.timeout_at(deadline):
                content = await self._fetched(url)
        except TimeoutError as error:
            raise MediaRefused("not here when the turn had to go on", "too-slow") from error
        content_type = type_of(content)
        if content_type is None:
            raise MediaRefused("no type of file that a text carries", "type")
        return Content(content_type, content)

    async def _fetched(self, url: str) -> bytes:
        try:
            return await self._fetch(url, LARGEST)
        except MediaRefused as error:
            if error.reason != "unreachable":
                raise
        await asyncio.sleep(PAUSE)
        return await self._fetch(url, LARGEST)
