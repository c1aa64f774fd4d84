"""The page with words that were too long for a text: for whoever has the link, for a week.

It is HTML that needs nothing else and can fetch nothing, is kept by no cache, found by no search
engine, and tells no other site where it was read.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from messaging.clock import Clock
from messaging.errors import DatabaseUnavailable
from messaging.text_policy import TOKEN_LENGTH

if TYPE_CHECKING:  # the ingress starts without the database's client
    from messaging.long_texts import Page

STYLE = """
:root { color-scheme: light dark }
body { max-width: 38rem; margin: 2rem auto; padding: 0 1rem }
body { font: 1.1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.2rem }
p { white-space: pre-wrap; overflow-wrap: anywhere }
"""
HTML = """\
<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{brand}</title>
<style>{style}</style>
</head>
<body>
<h1>{brand}</h1>
<p dir="auto">{text}</p>
</body>
</html>
"""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_TOKEN = re.compile(f"[0-9A-Za-z]{{{TOKEN_LENGTH}}}")

UNKNOWN = "There is nothing here. Please check that the whole link was opened."
EXPIRED = "This has expired. Please text us, and we will answer again."
AWAY = "This cannot be shown at the moment. Please try again in a minute."


@dataclass(frozen=True, slots=True)
class PageResponse:
    """What a browser is answered with: HTML."""

    status: int
    body: str
    headers: Mapping[str, str]


class Pages:
    """Answers requests for pages.

    Args:
        brand: the business as customers know it.
        look_up: finds the page of a token; raises DatabaseUnavailable.
        clock: decides what has expired.
    """

    def __init__(
        self,
        brand: str,
        look_up: Callable[[str, datetime], Awaitable[Page | None]],
        clock: Clock,
    ) -> None:
        self._brand = brand
        self._look_up = look_up
        self._clock = clock

    async def answer(self, token: str) -> PageResponse:
        """The page of a token: 200, 404 unknown, 410 expired, 503 without the database."""
        if not _TOKEN.fullmatch(token):  # made up: no work for the database
            return self._says(404, UNKNOWN)
        try:
            page = await self._look_up(token, self._clock.now())
        except DatabaseUnavailable:
            return self._says(503, AWAY, {"Retry-After": "60"})
        if page is None:
            return self._says(404, UNKNOWN)
        if page.expired:
            return self._says(410, EXPIRED)
        return self._says(200, page.body)

    def _says(
        self, status: int, text: str, further: Mapping[str, str] | None = None
    ) -> PageResponse:
        body = HTML.format(brand=escape(self._brand), style=STYLE, text=escape(text))
        return PageResponse(status, body, {**HEADERS, **(further or {})})
