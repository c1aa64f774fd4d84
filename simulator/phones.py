"""The phones: text the assistant, see what is on the screen, watch it live."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from simulator.carrier import Carrier, IdTaken, NoSuchNumber
from simulator.media import Attachments, Medium
from simulator.numbers import is_phone_number
from simulator.phone_text import BadText, PhoneText, read_text
from simulator.watchers import Watchers
from simulator.webhooks import Inbound

_QUIET_SECONDS: Final = 15.0


class Phones:
    """The routes.

    Args:
        carrier: keeps the texts.
        inbound: brings them to the assistant.
        watchers: who watches live.
        attachments: keeps files.
        forget: as if nothing had ever been texted.
    """

    def __init__(
        self,
        carrier: Carrier,
        inbound: Inbound,
        watchers: Watchers,
        attachments: Attachments,
        forget: Callable[[], None],
    ) -> None:
        self._carrier = carrier
        self._inbound = inbound
        self._watchers = watchers
        self._attachments = attachments
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
            order = read_text(body)
            self._check_picture(order)
        except BadText as problem:
            return _error(400, str(problem))
        media = [
            item if isinstance(item, Medium) else self._attachments.keep(item)
            for item in order.media
        ]
        to = order.to
        try:
            text, new = self._carrier.accept_from_phone(number, to, order.body, media, order.id)
        except NoSuchNumber:
            owned = ", ".join(
                f"{owned} ({gateway})"
                for gateway, numbers in self._carrier.numbers.items()
                for owned in numbers
            )
            return _error(404, f"no gateway owns {to}; these numbers can be texted: {owned}")
        except IdTaken:
            return _error(409, f"id {order.id} belongs to another text; leave it out for a new one")
        self._inbound.start(text, new=new)
        return JSONResponse({**text.as_shown(), "gateway": text.gateway}, status_code=201)

    async def show(self, request: Request) -> Response:
        """What the phone shows; a phone that was never used shows nothing."""
        number = request.path_params["number"]
        try:
            self._check_phone(number)
        except BadText as problem:
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
        except BadText as problem:
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
            raise BadText(f"{number!r} is not a phone number like +12125550100")
        gateway = self._carrier.owner_of(number)
        if gateway is not None:
            raise BadText(f"{number} is the assistant's number at {gateway}, not a phone")

    def _check_picture(self, order: PhoneText) -> None:
        if order.media and self._carrier.owner_of(order.to) == "intelepeer":
            raise BadText("IntelePeer documents no media in texts to the assistant")


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)
