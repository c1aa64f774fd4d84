"""One request to an endpoint, and what came back.

An endpoint's address is written by whoever runs Linnet, and may still be wrong or change its
meaning: so a name is resolved once, each of its addresses must be public, and the connection is
made to exactly that address (as ``connectors/media_fetch.py`` does with files). An endpoint in
one's own network says so (``allow_private``); only there plain http is allowed, so that nothing
crosses the internet unencrypted. Redirects are not followed, and of an answer only the beginning
is read (Standard Webhooks 1.0.0, "Operational considerations").
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from connectors.media_fetch import PORTS, Resolve, is_public, resolve

SECONDS = 15.0
"""How long an endpoint may take; the specification says 15 to 30."""

ANSWER_BYTES = 200
"""Of an answer, for the record of attempts."""

GONE = 410
"""The endpoint wants nothing any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

    Attributes:
        outcome: ``delivered``, ``gone``, ``status``, ``timeout``, ``unreachable``, ``address``
            (not where an endpoint may be) or ``broken`` (a fault of ours).
        milliseconds: that it took.
        status: of HTTP, if there was an answer.
        text: its beginning, or why there is none.
        retry_after: seconds for which the endpoint wants to be left alone, where it says so.
    """

    outcome: str
    milliseconds: int = 0
    status: int | None = None
    text: str = ""
    retry_after: float | None = None


class AddressRefused(Exception):
    """An endpoint may not be there; the message says why."""


class Poster:
    """Makes requests to endpoints.

    Args:
        seconds: that an endpoint may take.
        resolve: how names become addresses.
        transport: what makes the connections.
    """

    def __init__(
        self,
        *,
        seconds: float = SECONDS,
        resolve: Resolve = resolve,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._seconds = seconds
        self._resolve = resolve
        # A connection is used once: kept open, it would be found by its IP address, and so be
        # used for another name that nobody checked the certificate for.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._transport = transport or httpx.AsyncHTTPTransport(limits=limits)

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool
    ) -> Answer:
        """Make one request; whatever the network does is an answer.

        Args:
            url: of the endpoint.
            headers: that are signed.
            body: JSON.
            allow_private: whether the endpoint may be in our own network.
        """
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._answer(url, headers, body, allow_private=allow_private)
        except (TimeoutError, httpx.TimeoutException):
            answer = Answer("timeout", text=f"no answer within {self._seconds:g} s")
        except (AddressRefused, httpx.InvalidURL) as error:
            answer = Answer("address", text=str(error))
        except (httpx.TransportError, OSError, UnicodeError) as error:
            answer = Answer("unreachable", text=type(error).__name__)
        took = int((time.monotonic() - begun) * 1000)
        return Answer(answer.outcome, took, answer.status, answer.text, answer.retry_after)

    async def _answer(
        self, url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool
    ) -> Answer:
        target = checked_url(url, allow_private=allow_private)
        addresses = await self._addresses(target, allow_private=allow_private)
        response = await self._send(target, addresses, headers, body)
        try:
            beginning = await _beginning(response)
        finally:
            await response.aclose()
        outcome = "delivered" if response.is_success else "status"
        if response.status_code == GONE:
            outcome = "gone"
        return Answer(
            outcome,
            status=response.status_code,
            text=beginning,
            retry_after=_retry_after(response, datetime.now(UTC)),
        )

    async def _addresses(self, target: httpx.URL, *, allow_private: bool) -> list[str]:
        port = target.port or PORTS[target.scheme]
        addresses = list(await self._resolve(target.raw_host.decode("ascii"), port))
        public = [is_public(address) for address in addresses]
        if not allow_private and not all(public):
            raise AddressRefused("the address is not public; --allow-private permits it")
        if target.scheme == "http" and any(public):
            raise AddressRefused("plain http stays in a private network; use https")
        return addresses

    async def _send(
        self, target: httpx.URL, addresses: list[str], headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        given = {
            "Host": target.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Accept-Encoding": "identity",
            "User-Agent": "Linnet",
            **headers,
        }
        extensions = {
            "sni_hostname": target.raw_host.decode("ascii"),
            "timeout": httpx.Timeout(self._seconds).as_dict(),
        }
        failure: httpx.TransportError = httpx.ConnectError("the name has no address")
        for address in addresses:
            at = target.copy_with(host=address, fragment=None)
            request = httpx.Request("POST", at, headers=given, content=body, extensions=extensions)
            try:
                return await self._transport.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure


def checked_url(url: str, *, allow_private: bool) -> httpx.URL:
    """The address of an endpoint, as far as it can be judged by its looks.

    Args:
        url: as it was written.
        allow_private: whether the endpoint may be in our own network.

    Raises:
        AddressRefused: no endpoint may be there.
    """
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AddressRefused("that is no address like https://example.com/hook") from error
    if target.scheme not in PORTS or not target.host or target.userinfo:
        raise AddressRefused("an endpoint is https://..., without a name and password")
    if target.scheme == "http" and not allow_private:
        raise AddressRefused("an endpoint needs https")
    return target


async def _beginning(response: httpx.Response) -> str:
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) >= ANSWER_BYTES:
            break
    # PostgreSQL takes no zero bytes in a text.
    return bytes(content[:ANSWER_BYTES]).decode("utf-8", "replace").replace("\0", " ")


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Seconds from now, also where a time is named (RFC 9110, 10.2.3)."""
    written: str = response.headers.get("retry-after", "").strip()
    if written.isascii() and written.isdigit():
        return float(written)
    try:
        at = parsedate_to_datetime(written)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp()
