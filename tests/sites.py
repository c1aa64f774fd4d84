"""Web servers on this machine that behave as each test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from connectors.gateways.twilio import TwilioGateway, TwilioSettings
from connectors.media_fetch import MediaFetcher


def gateway(base_url: str = "https://api.twilio.com") -> TwilioGateway:
    settings = TwilioSettings(
        "AC1", ("secret",), ("+12125550142",), "https://x.example", base_url=base_url
    )
    return TwilioGateway(settings)


@dataclass
class Site:
    """A server on this machine, and what it was asked."""

    origin: str
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def fetcher(self) -> MediaFetcher:
        return MediaFetcher([gateway(self.origin)], seconds=0.5)


Say = Callable[[str, str, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def site(say: Say) -> AsyncIterator[Site]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = lines[0].split(" ")
            token = [line[15:] for line in lines if line.lower().startswith("authorization: ")]
            here.seen.append((method, path, *token))
            await say(method, path, writer)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    here = Site(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server:
        yield here


def answer(status: str, *headers: str, content: bytes = b"") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + content
