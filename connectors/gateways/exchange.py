"""One HTTP exchange with a vendor, and what is known when it fails: had the bytes left?"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from connectors.gateways.base import Refused, Unknown, VendorCode
from messaging.retry import SOON

if TYPE_CHECKING:
    import httpx

# httpx logs the address of each request at INFO, and look-ups carry phone numbers there.
logging.getLogger("httpx").setLevel(logging.WARNING)

BAD_REQUEST = 400
UNAUTHORIZED = 401
NOT_FOUND = 404
REQUEST_TIMEOUT = 408
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500


async def exchange(
    http: httpx.AsyncClient, method: str, url: str, vendor: str, **parts: Any
) -> httpx.Response | Refused | Unknown:
    """Send a request and read the answer, whatever its status.

    Args:
        http: the client; its time-outs apply.
        method: of the request.
        url: of the vendor.
        vendor: as staff know it, for the sentence of a refusal.
        parts: ``data``, ``json``, ``params``, ``headers`` or ``auth``, as httpx takes them.

    Returns:
        The answer; Refused where no connection was made, so that nothing left and the request
        can be repeated; Unknown where the connection failed later.
    """
    # Loaded with the first request: receiving texts needs no client and must start at once.
    import httpx  # noqa: PLC0415

    try:
        return await http.request(method, url, **parts)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        reason = f"{vendor} cannot be reached at the moment."
        return Refused("connection", reason, retry=SOON, unhealthy=True)
    except httpx.RequestError as error:
        return Unknown(f"{vendor} gave no answer: {type(error).__name__}")


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in an answer; empty where there is none."""
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the vendor asks us to wait, where it names them as a number (RFC 9110)."""
    written = response.headers.get("retry-after", "").strip()
    return float(written) if written.isascii() and written.isdigit() else None


def refused(code: str, known: VendorCode, *, retry_after: float | None = None) -> Refused:
    """A refusal as the gateway's table of codes has it.

    Args:
        code: the vendor's.
        known: its row of the table.
        retry_after: seconds that the vendor asks us to wait, where it does.
    """
    return Refused(
        code,
        known.staff,
        retry=known.retry,
        retry_after=retry_after,
        suppress=known.suppress,
        unhealthy=known.unhealthy,
    )
