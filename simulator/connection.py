"""Breaks connections on purpose, which no ASGI message can ask for."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_EXTENSION: Final = "simulator.transport"
# Lingering for zero seconds makes close() send a reset instead of a polite end.
_RESET: Final = struct.pack("ii", 1, 0)


class BreakableProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which lets a handler reach its own connection."""

    def on_message_begin(self) -> None:
        """Put the connection where `reset` finds it."""
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"transport": self.transport}}


async def reset(request: Request) -> Response:
    """Reset the connection of ``request``; what is returned reaches nobody."""
    transport: asyncio.Transport = request.scope["extensions"][_EXTENSION]["transport"]
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    return await _drop(request, transport)


async def hang(request: Request, seconds: float) -> Response:
    """Answer nothing, then end the connection; what is returned reaches nobody."""
    transport: asyncio.Transport = request.scope["extensions"][_EXTENSION]["transport"]
    try:
        async with asyncio.timeout(seconds):
            await _gone(request)
    except TimeoutError:
        pass
    return await _drop(request, transport)


async def _drop(request: Request, transport: asyncio.Transport) -> Response:
    if not transport.is_closing():
        transport.abort()
    await _gone(request)
    return Response()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
