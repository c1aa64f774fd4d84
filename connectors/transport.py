"""Requests of httpx over aiohttp's connections.

With 64 requests at the same time, those of httpx itself cost 3.9 ms of processor time each (its
pool looks at every connection for every request), these cost 0.8 ms; a worker does little else
than such requests. The interface stays httpx's, and so does what an error says about whether the
bytes had left: nothing is ever sent a second time here.

The package httpx-aiohttp does the same but for that: a connection that breaks behind a request is a
ConnectTimeout there (0.2.0), as if nothing had left, and the text would be sent twice.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from yarl import URL

MOST_CONNECTIONS = 100
IDLE_SECONDS = 5.0
"""As httpx: a connection that is about to be closed by the other side must not be used."""

# httpx has set what it wants of these, and the rest is not to be sent.
OWN_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class AiohttpTransport(httpx.AsyncBaseTransport):
    """For ``httpx.AsyncClient(transport=...)``. Answers are read as a whole.

    Proxies are those of the environment, as with httpx: HTTPS_PROXY, NO_PROXY and so on.

    Args:
        most: connections at the same time.
    """

    def __init__(self, most: int = MOST_CONNECTIONS) -> None:
        self._most = most
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the answer.

        Raises:
            httpx.ConnectError: no connection could be made; nothing has left.
            httpx.ConnectTimeout: likewise, within the time for it or for a free connection.
            httpx.ReadTimeout: the request may have left, and the answer does not come.
            httpx.ReadError: the request may have left, and the connection broke.
        """
        limits = request.extensions.get("timeout", {})
        try:
            async with self._opened().request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                data=await request.aread() or None,
                allow_redirects=False,  # they are httpx's
                proxy=_proxy(request.url.scheme, request.url.host),
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    connect=limits.get("pool"),
                    sock_connect=limits.get("connect"),
                    sock_read=limits.get("read"),
                ),
            ) as response:
                content = await response.read()
                return httpx.Response(
                    response.status, headers=response.raw_headers, content=content
                )
        except aiohttp.ConnectionTimeoutError as error:
            raise httpx.ConnectTimeout(str(error), request=request) from error
        except aiohttp.ServerTimeoutError as error:
            raise httpx.ReadTimeout(str(error), request=request) from error
        except aiohttp.ClientConnectorError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        except aiohttp.ClientError as error:
            raise httpx.ReadError(repr(error), request=request) from error

    async def aclose(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:  # made here, because it belongs to the running loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._most,
                    keepalive_timeout=IDLE_SECONDS,
                    ssl=httpx.create_ssl_context(),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # that is httpx's, too
                skip_auto_headers=OWN_HEADERS,
            )
        return self._session


@lru_cache(maxsize=64)
def _proxy(scheme: str, host: str) -> str | None:
    if proxy_bypass(host):
        return None
    proxies = getproxies()
    return proxies.get(scheme) or proxies.get("all")
