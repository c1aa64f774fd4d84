"""Requests over aiohttp's connections are those of httpx, and errors say what had left."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from connectors.transport import AiohttpTransport
from database.embedded import free_port

Answer = bytes | None
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Vendor:
    """A server on this machine that answers each request with what comes next.

    None stands for hanging up; where no answer is left, nothing is said at all.
    """

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.asked = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                named = (line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in named}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.seen.append((head[0], headers, body))
                self.asked.set()
                if not self.answers:
                    await reader.read()  # until the other side gives up
                    break
                if (answer := self.answers.pop(0)) is None:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*answers: Answer) -> AsyncIterator[Vendor]:
    vendor = Vendor(*answers)
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield vendor


def ours(seconds: float = 5.0, most: int = 10) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=AiohttpTransport(most), timeout=seconds)


async def send(http: httpx.AsyncClient, url: str) -> httpx.Response:
    return await http.post(
        f"{url}/Messages.json", data={"To": "+1 2", "Body": "né"}, auth=("name", "secret")
    )


async def list_(http: httpx.AsyncClient, url: str) -> httpx.Response:
    return await http.get(f"{url}/Messages.json?a=%2B1", params={"DateSent>": "2026-11-26 1:0"})


async def post_json(http: httpx.AsyncClient, url: str) -> httpx.Response:
    return await http.post(f"{url}/send", json={"to": [1]}, headers={"Authorization": "abc"})


@pytest.mark.parametrize("ask", [send, list_, post_json])
async def test_requests_are_the_same_as_over_connections_of_httpx(ask: Callable):
    async with serving(OK, OK) as vendor, ours() as http, httpx.AsyncClient() as theirs:
        for client in (http, theirs):
            assert (await ask(client, vendor.url)).json() == {}
    (line, headers, body), expected = vendor.seen
    assert (line, headers, body) == expected


async def test_answers_keep_status_headers_and_packed_bodies():
    packed = gzip.compress(b'{"sid": "SM1"}')
    head = (
        "HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nX-Two: 1\r\nX-Two: 2\r\n"
        f"Set-Cookie: a=1\r\nContent-Length: {len(packed)}\r\n\r\n"
    )
    async with serving(head.encode() + packed) as vendor, ours() as http:
        response = await send(http, vendor.url)
    assert (response.status_code, response.json()) == (201, {"sid": "SM1"})
    assert response.headers.get_list("x-two") == ["1", "2"]


async def test_a_redirect_is_an_answer():
    away = b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with serving(away) as vendor, ours() as http:
        assert (await send(http, vendor.url)).status_code == 307
    assert len(vendor.seen) == 1


async def test_a_connection_is_used_again():
    async with serving(OK, OK, OK) as vendor, ours() as http:
        for _ in range(3):
            await send(http, vendor.url)
    assert vendor.connections == 1


async def test_no_connection_means_that_nothing_left():
    async with ours() as http:
        with pytest.raises(httpx.ConnectError):
            await send(http, f"http://127.0.0.1:{free_port()}")


async def test_no_free_connection_means_that_nothing_left():
    async with serving() as vendor, ours(0.2, most=1) as http:
        waiting = asyncio.create_task(http.post(vendor.url, timeout=5.0))
        await vendor.asked.wait()
        with pytest.raises(httpx.ConnectTimeout):
            await send(http, vendor.url)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert len(vendor.seen) == 1


async def test_no_answer_in_time_is_no_missing_connection():
    async with serving() as vendor, ours(0.2) as http:
        with pytest.raises(httpx.ReadTimeout):
            await send(http, vendor.url)


@pytest.mark.parametrize(
    "answer", [None, b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{", b"nonsense\r\n\r\n"]
)
async def test_a_connection_that_breaks_is_not_one_that_was_not_made(answer: Answer):
    answers = (answer, None) if answer else (None,)
    async with serving(*answers) as vendor, ours(1.0) as http:
        with pytest.raises((httpx.ReadError, httpx.ReadTimeout)):
            await send(http, vendor.url)
    assert len(vendor.seen) == 1


async def test_a_request_is_not_repeated_when_a_kept_connection_ends_under_it():
    async with serving(OK, None, OK) as vendor, ours() as http:
        await send(http, vendor.url)
        with pytest.raises(httpx.ReadError):
            await send(http, vendor.url)
        assert len(vendor.seen) == 2
        assert (await send(http, vendor.url)).is_success


async def test_the_proxies_of_the_environment_are_used(monkeypatch):
    async with serving(OK) as proxy, ours() as http:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert (await send(http, "http://vendor.example")).is_success
    assert proxy.seen[0][0] == "POST http://vendor.example/Messages.json HTTP/1.1"


async def test_a_client_that_was_never_used_is_closed_too():
    async with ours():
        pass
