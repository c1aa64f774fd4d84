"""The way from our processes to PostgreSQL, which can be cut and frozen."""

from __future__ import annotations

import asyncio
from contextlib import suppress

CHUNK = 1 << 16


class Link:
    """Hands on bytes between clients and a server on this machine.

    Args:
        to: port of the server.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self._open: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._cut = False
        self._server: asyncio.Server | None = None

    async def listen(self, port: int) -> None:
        """Take clients on ``port``."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", port)

    async def cut(self, seconds: float) -> None:
        """End every connection, and take no other for some seconds."""
        self._cut = True
        self._drop()
        await asyncio.sleep(seconds)
        self._cut = False

    async def freeze(self, seconds: float, *, drop: bool) -> None:
        """Hand nothing on for some seconds, as if the network had lost its way.

        Args:
            seconds: how long.
            drop: whether the connections that stood still then break.
        """
        self._passing.clear()
        await asyncio.sleep(seconds)
        if drop:
            self._drop()
        self._passing.set()

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        self._drop()
        await asyncio.sleep(0)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, forth}
        self._open |= ends
        await asyncio.gather(self._hand_on(reader, forth), self._hand_on(back, writer))
        self._open -= ends

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self._passing.wait()
                if writer.is_closing():
                    break
                writer.write(chunk)
                await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    def _drop(self) -> None:
        for writer in self._open:
            writer.transport.abort()
