"""Fetches files from addresses that strangers name, and nothing that is not public.

An address in a text may point anywhere: at the database, at a cloud's metadata, at the router.
So a name is resolved once, each address that it has must be public, and the connection is made
to exactly that address (a second look at the name could give another one). Host header and
certificate are those of the name. A redirect is a new address with the same rules. Only the
gateway's own API, for which it has credentials, may be anywhere: the practice carrier is on this
machine. Credentials go nowhere else, wherever a redirect leads.

Nothing here reads the environment: through a proxy, the address could not be checked.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

import httpx

from connectors.gateways.base import Gateway
from messaging.errors import MediaRefused
from messaging.media import LARGEST
from messaging.media_limits import Found

PORTS = {"http": 80, "https": 443}
REDIRECTS_MOST = 5
NOT_HEAD = frozenset({"status", "unreachable"})
"""Reasons for which a file is asked for with GET too: not every server answers HEAD."""

SECONDS = 5.0
"""How long one file may take, redirects included."""

GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
AZURE_HOST = ipaddress.ip_address("168.63.129.16")
"""The host of an Azure machine: it looks public and is only seen from inside (learn.microsoft.com,
"What is IP address 168.63.129.16?")."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


def is_public(address: str) -> bool:
    """Whether an IP address is on the internet and nowhere else.

    IPv6 addresses that hold an IPv4 address (mapped, 6to4, Teredo, NAT64) count as not public:
    where they end is for others to decide.

    Args:
        address: as the resolver gives it, with a zone at its end or without.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        holds_other = ip.sixtofour is not None or ip.teredo is not None
        return ip in GLOBAL_UNICAST and ip.is_global and not holds_other
    return ip.is_global and not ip.is_multicast and ip != AZURE_HOST


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order in which they should be tried.

    Raises:
        OSError: it has none.
    """
    entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


class MediaFetcher:
    """Fetches files, or only asks what they are.

    Args:
        gateways: whose own files are fetched with their credentials.
        seconds: how long one file may take.
        resolve: how names become addresses.
        transport: what makes the connections.
    """

    def __init__(
        self,
        gateways: Iterable[Gateway],
        *,
        seconds: float = SECONDS,
        resolve: Resolve = resolve,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._gateways = list(gateways)
        self._seconds = seconds
        self._resolve = resolve
        # A connection is used once: kept open, it would be found by its IP address, and so be
        # used for another name that nobody checked the certificate for.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._transport = transport or httpx.AsyncHTTPTransport(limits=limits)

    async def content(self, url: str, longest: int) -> bytes:
        """The bytes of a file that came with a text.

        Args:
            url: of the file.
            longest: bytes that it may have.

        Raises:
            MediaRefused: there is none, or it may not be fetched.
        """
        async with self._limits(), self._answer("GET", url, authorized=True) as response:
            if (_length(response) or 0) > longest:
                raise _too_large(longest)
            content = bytearray()
            async for piece in response.aiter_raw():
                content += piece
                if len(content) > longest:
                    raise _too_large(longest)
        return bytes(content)

    async def found(self, url: str) -> Found:
        """What is at an address that a text of ours names, without fetching it if possible.

        Args:
            url: of the file.

        Raises:
            MediaRefused: nothing that a vendor could fetch.
        """
        async with self._limits():
            try:
                async with self._answer("HEAD", url) as response:
                    size = _length(response)
                    if size is not None and _content_type(response):
                        return Found(_content_type(response), size)
            except MediaRefused as refused:
                if refused.reason not in NOT_HEAD:
                    raise
            async with self._answer("GET", url) as response:
                size = _length(response)
                return Found(
                    _content_type(response), await _count(response) if size is None else size
                )

    @asynccontextmanager
    async def _answer(
        self, method: str, url: str, *, authorized: bool = False
    ) -> AsyncIterator[httpx.Response]:
        """The answer at the end of all redirects."""
        target = httpx.URL(url)
        for _ in range(REDIRECTS_MOST + 1):
            response = await self._request(method, target, authorized=authorized)
            try:
                if response.has_redirect_location:
                    target = target.join(response.headers["location"])
                    continue
                if not response.is_success:
                    reason = "unreachable" if response.is_server_error else "status"
                    raise MediaRefused(f"status {response.status_code}", reason)
                yield response
                return
            finally:
                await response.aclose()
        raise MediaRefused("redirected too often", "status")

    @asynccontextmanager
    async def _limits(self) -> AsyncIterator[None]:
        """All that the network does becomes a reason, and nothing takes longer than it may."""
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except (TimeoutError, httpx.TimeoutException) as error:
            raise MediaRefused(f"took more than {self._seconds:g} s", "too-slow") from error
        except httpx.InvalidURL as error:
            raise MediaRefused("the address is not one", "address") from error
        except (httpx.TransportError, OSError, UnicodeError) as error:
            raise MediaRefused(type(error).__name__, "unreachable") from error

    async def _request(self, method: str, url: httpx.URL, *, authorized: bool) -> httpx.Response:
        if url.scheme not in PORTS or not url.host or url.userinfo:
            raise MediaRefused("only http and https, without a name and password", "address")
        host, port = url.raw_host.decode("ascii"), url.port or PORTS[url.scheme]
        headers = {
            "Host": url.netloc.decode("ascii"),
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": "Linnet",
        }
        credentials = self._credentials(url)
        if credentials is None and port != PORTS[url.scheme]:
            raise MediaRefused(f"port {port} is not a public web server's", "address")
        addresses = await self._resolve(host, port)
        if credentials is None and not all(is_public(address) for address in addresses):
            raise MediaRefused("the address is not public", "address")
        if credentials is not None and authorized:
            named = base64.b64encode(":".join(credentials).encode()).decode()
            headers["Authorization"] = f"Basic {named}"
        extensions = {"sni_hostname": host, "timeout": httpx.Timeout(self._seconds).as_dict()}
        failure: httpx.TransportError = httpx.ConnectError("the name has no address")
        for address in addresses:
            at = url.copy_with(host=address, fragment=None)
            request = httpx.Request(method, at, headers=headers, extensions=extensions)
            try:
                return await self._transport.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure

    def _credentials(self, url: httpx.URL) -> tuple[str, str] | None:
        for gateway in self._gateways:
            if (credentials := gateway.media_credentials(str(url))) is not None:
                return credentials
        return None


def _content_type(response: httpx.Response) -> str:
    written: str = response.headers.get("content-type", "")
    return written.partition(";")[0].strip().lower()


def _length(response: httpx.Response) -> int | None:
    written = response.headers.get("content-length", "")
    return int(written) if written.isascii() and written.isdigit() else None


async def _count(response: httpx.Response) -> int:
    """Bytes until the end, or until they are more than any gateway carries."""
    count = 0
    async for piece in response.aiter_raw():
        count += len(piece)
        if count > LARGEST:
            break
    return count


def _too_large(longest: int) -> MediaRefused:
    return MediaRefused(f"more than {longest} bytes", "too-large")
