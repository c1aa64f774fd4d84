"""The phones: text the assistant, see what is on the screen, watch it live."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from messaging.segments import segment_count
from simulator.carrier import Carrier, IdTaken, NoSuchNumber
from simulator.numbers import is_phone_number
from simulator.watchers import Watchers
from simulator.webhooks import Inbound

_FIELDS: Final = frozenset({"to", "body", "media", "id"})
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_MEDIA: Final = 10
# The header that joins segments counts them in one byte (3GPP TS 23.040, 9.2.3.24.1).
_MOST_SEGMENTS: Final = 255
_QUIET_SECONDS: Final = 15.0


class _BadText(ValueError):
    """The phone cannot send this; says why."""


class Phones:
    """The routes.

    Args:
        carrier: keeps the texts.
        inbound: brings them to the assistant.
        watchers: who watches live.
        forget: as if nothing had ever been texted.
    """

    def __init__(
        self,
        carrier: Carrier,
        inbound: Inbound,
        watchers: Watchers,
        forget: Callable[[], None],
    ) -> None:
        self._carrier = carrier
        self._inbound = inbound
        self._watchers = watchers
        self._forget = forget

    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route("/phones/{number}/texts", self.send, methods=["POST"]),
            Route("/phones/{number}/events", self.events, methods=["GET"]),
            Route("/phones/{number}", self.show, methods=["GET"]),
            Route("/phones", self.list_phones, methods=["GET"]),
            Route("/phones", self.forget, methods=["DELETE"]),
        ]

    async def send(self, request: Request) -> Response:
        """Text the assistant; 201 as soon as the carrier has it."""
        number = request.path_params["number"]
        body = await request.body()
        try:
            self._check_phone(number)
            to, said, media, text_id = _read(body)
            self._check_picture(to, media)
            text, new = self._carrier.accept_from_phone(number, to, said, media, text_id)
        except _BadText as problem:
            return _error(400, str(problem))
        except NoSuchNumber:
            owned = ", ".join(
                f"{owned} ({gateway})"
                for gateway, numbers in self._carrier.numbers.items()
                for owned in numbers
            )
            return _error(404, f"no gateway owns {to}; these numbers can be texted: {owned}")
        except IdTaken:
            return _error(409, f"id {text_id} belongs to another text; leave it out for a new one")
        self._inbound.start(text, new=new)
        return JSONResponse({**text.as_shown(), "gateway": text.gateway}, status_code=201)

    async def show(self, request: Request) -> Response:
        """What the phone shows; a phone that was never used shows nothing."""
        number = request.path_params["number"]
        try:
            self._check_phone(number)
        except _BadText as problem:
            return _error(400, str(problem))
        thread = [text.as_shown() for text in self._carrier.thread(number)]
        return JSONResponse({"number": number, "thread": thread})

    async def list_phones(self, _request: Request) -> Response:
        """Every phone that was used, and how many texts it shows."""
        phones = [
            {"number": number, "texts": len(self._carrier.thread(number))}
            for number in self._carrier.phones()
        ]
        return JSONResponse({"phones": phones})

    async def forget(self, _request: Request) -> Response:
        """Forget every text, block and count, and give up what is on its way."""
        self._forget()
        return JSONResponse({"phones": []})

    async def events(self, request: Request) -> Response:
        """Server-sent events: each text that appears or changes, as the thread shows it."""
        number = request.path_params["number"]
        try:
            self._check_phone(number)
        except _BadText as problem:
            return _error(400, str(problem))
        return StreamingResponse(
            self._stream(number),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    async def _stream(self, number: str) -> AsyncIterator[str]:
        with self._watchers.watch(number) as watch:
            # Tells the client that from here on nothing is missed.
            yield ": watching\n\n"
            async for text in watch.news(_QUIET_SECONDS):
                if text is None:
                    yield ": still here\n\n"
                else:
                    yield f"event: text\ndata: {json.dumps(text.as_shown())}\n\n"

    def _check_phone(self, number: str) -> None:
        if not is_phone_number(number):
            raise _BadText(f"{number!r} is not a phone number like +12125550100")
        gateway = self._carrier.owner_of(number)
        if gateway is not None:
            raise _BadText(f"{number} is the assistant's number at {gateway}, not a phone")

    def _check_picture(self, to: str, media: tuple[str, ...]) -> None:
        if media and self._carrier.owner_of(to) == "intelepeer":
            raise _BadText("IntelePeer documents no media in texts to the assistant")


def _read(body: bytes) -> tuple[str, str, tuple[str, ...], str | None]:
    """Recipient, body, media and id of a text.

    Raises:
        _BadText: it cannot be sent.
    """
    try:
        order = json.loads(body)
    except (ValueError, RecursionError):
        order = None
    if not isinstance(order, dict):
        raise _BadText('send a JSON object such as {"to": "+12125550142", "body": "hello"}')
    unknown = set(order) - _FIELDS
    if unknown:
        raise _BadText(f"unknown field {', '.join(sorted(unknown))}: use to, body, media, id")
    to = order.get("to")
    if not isinstance(to, str) or not is_phone_number(to):
        raise _BadText(f"to is a phone number like +12125550142, not {to!r}")
    said = _body(order.get("body"))
    media = _media(order.get("media"))
    if not said and not media:
        raise _BadText("a text needs a body or media")
    text_id = order.get("id")
    if text_id is not None and not (isinstance(text_id, str) and _ID.fullmatch(text_id)):
        raise _BadText("id is 1 to 64 letters, digits, - or _")
    return to, said, media, text_id


def _body(given: Any) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise _BadText("body is a string")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise _BadText("body holds half of a character (a lone surrogate)") from None
    if segment_count(given) > _MOST_SEGMENTS:
        raise _BadText(f"body is longer than the {_MOST_SEGMENTS} segments that a phone can join")
    return given


def _media(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    usable = isinstance(given, list) and all(
        isinstance(url, str) and url.startswith(("http://", "https://")) for url in given
    )
    if not usable:
        raise _BadText('media is a list of URLs such as ["https://example.com/card.jpg"]')
    if len(given) > _MOST_MEDIA:
        raise _BadText(f"a text has at most {_MOST_MEDIA} media")
    return tuple(given)


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)
