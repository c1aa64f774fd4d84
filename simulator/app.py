"""Puts the simulator together."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulator.carrier import Carrier
from simulator.control import Control
from simulator.delivery import Delivery, uniform_delay
from simulator.faults import Faults
from simulator.fetching import Fetcher
from simulator.intelepeer import IntelePeerApi, Tokens
from simulator.intelepeer_webhooks import IntelePeerLine
from simulator.lanes import Lanes
from simulator.magic import FAULTY, UNDELIVERED
from simulator.media import Attachments
from simulator.pace import Pace
from simulator.phones import Phones
from simulator.posting import Poster
from simulator.settings import Settings
from simulator.statistics import Counts
from simulator.text import Text
from simulator.twilio import TwilioApi
from simulator.twilio_errors import error_response
from simulator.twilio_resource import API as TWILIO_API
from simulator.twilio_webhooks import TwilioLine
from simulator.watchers import Watchers
from simulator.webhooks import Inbound, Line


class Simulator:
    """Gateways, phones and faults behind one ASGI application.

    Args:
        settings: what it was told.
        own_url: where it is reached, without a slash at the end.

    Attributes:
        app: the application.
        watchers: to be closed before the server waits for its connections to end.
    """

    def __init__(self, settings: Settings, own_url: str) -> None:
        rng = random.Random(settings.seed)  # noqa: S311 - dice, not secrets
        self.watchers = Watchers()
        self._poster = Poster()
        self._fetcher = Fetcher()
        self._attachments = Attachments(own_url)
        self._lanes = Lanes()
        self._faults = Faults(rng, FAULTY)
        self._counts = {"twilio": Counts(), "intelepeer": Counts()}
        self._paces = {"twilio": Pace(), "intelepeer": Pace()}
        self._carrier = Carrier(
            {"twilio": settings.twilio.numbers, "intelepeer": settings.intelepeer.numbers},
            on_change=self.watchers.tell,
        )
        tokens = Tokens(settings.intelepeer.token)
        lines: dict[str, Line] = {
            "twilio": TwilioLine(settings.twilio, own_url, self._carrier, self._text_back),
            "intelepeer": IntelePeerLine(settings.intelepeer),
        }
        self._delivery = Delivery(
            self._carrier,
            self._poster,
            self._faults,
            lines,
            self._counts.__getitem__,
            self._lanes,
            UNDELIVERED,
            self._fetcher if settings.fetch_media else None,
            uniform_delay(rng, settings.shortest_delay, settings.longest_delay),
        )
        inbound = Inbound(
            self._carrier, self._poster, self._faults, lines, self._counts.__getitem__, self._lanes
        )
        twilio = TwilioApi(
            settings.twilio,
            self._carrier,
            self._delivery,
            self._faults,
            self._counts["twilio"],
            self._paces["twilio"],
        )
        intelepeer = IntelePeerApi(
            settings.intelepeer,
            self._carrier,
            self._delivery,
            self._faults,
            self._counts["intelepeer"],
            self._paces["intelepeer"],
            tokens,
        )
        phones = Phones(self._carrier, inbound, self.watchers, self._attachments, self._forget)
        control = Control(
            settings, self._carrier, self._faults, self._counts, tokens.restore, self._forget
        )
        self.app = Starlette(
            routes=[
                *twilio.routes(),
                *intelepeer.routes(),
                *phones.routes(),
                *control.routes(),
                *self._attachments.routes(),
            ],
            exception_handlers={HTTPException: _not_served},
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        await self._lanes.close()
        self._poster.close()
        await self._fetcher.close()

    def _text_back(self, text: Text, body: str) -> None:
        """Twilio answers a text of a phone."""
        answer = self._carrier.accept_from_assistant("twilio", text.number, text.phone, body)
        self._delivery.start(answer, leaves_at=0.0)

    def _forget(self) -> None:
        self._lanes.clear()
        self._carrier.forget()
        self._attachments.forget()
        self._faults.forget_attempts()
        for pace in self._paces.values():
            pace.forget()
        for counts in self._counts.values():
            counts.reset()


async def _not_served(request: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    if request.url.path.startswith(TWILIO_API):
        return error_response(20404)
    message = f"there is no {request.method} {request.url.path} here; see docs/simulator.md"
    return JSONResponse({"error": message}, status_code=status)
