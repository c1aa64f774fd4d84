"""Fetches the files of a text before it leaves, as Twilio does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import httpx

from simulator.media import Medium

_SECONDS: Final = 5.0
# https://www.twilio.com/docs/messaging/guides/accepted-mime-types
_MOST_BYTES: Final = 5_000_000
_FAMILIES: Final = ("image/", "audio/", "video/")
_TYPES: Final = frozenset(
    {
        "application/pdf", "application/vcard", "text/calendar", "text/csv", "text/directory",
        "text/richtext", "text/rtf", "text/vcard", "text/x-vcard",
    }
)  # fmt: skip

# The codes of Twilio's that mean this; the documents do not say which one a message gets.
_NOT_FETCHED: Final = 11200
_TOO_LARGE: Final = 11751
_BAD_TYPE: Final = 12300


class NotFetched(Exception):
    """A file cannot be had, or not be sent.

    Attributes:
        code: Twilio's.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"media: {code}")
        self.code = code


class Fetcher:
    """Fetches files of the assistant."""

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        # Made when it is first needed: most simulators never see a picture. Proxies of the
        # environment are ignored, as the assistant is mostly on the same machine.
        return httpx.AsyncClient(timeout=_SECONDS, follow_redirects=True, trust_env=False)

    async def fetch(self, media: Sequence[Medium]) -> tuple[Medium, ...]:
        """The same files with the types that their server gives them.

        Raises:
            NotFetched: one of them cannot be sent.
        """
        fetched = await asyncio.gather(*(self._fetch(medium) for medium in media))
        if sum(size for _, size in fetched) > _MOST_BYTES:
            raise NotFetched(_TOO_LARGE)
        return tuple(medium for medium, _ in fetched)

    async def close(self) -> None:
        """Hang up everywhere."""
        if "_http" in self.__dict__:
            await self._http.aclose()

    async def _fetch(self, medium: Medium) -> tuple[Medium, int]:
        try:
            async with asyncio.timeout(_SECONDS), self._http.stream("GET", medium.url) as response:
                if not response.is_success:
                    raise NotFetched(_NOT_FETCHED)
                content_type = response.headers.get("content-type", "").partition(";")[0].strip()
                if not (content_type.startswith(_FAMILIES) or content_type in _TYPES):
                    raise NotFetched(_BAD_TYPE)
                size = 0
                async for piece in response.aiter_raw():
                    size += len(piece)
                    if size > _MOST_BYTES:
                        raise NotFetched(_TOO_LARGE)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            raise NotFetched(_NOT_FETCHED) from None
        return Medium(medium.url, content_type), size
