"""What a test or a person turns on the simulator itself: faults, health, statistics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.carrier import Carrier
from simulator.faults import MEANING, BadFault, Fault, Faults, read_fault, read_phone
from simulator.settings import Settings
from simulator.statistics import Counts


class Control:
    """The routes.

    Args:
        settings: shown by the health check, without secrets.
        carrier: how many phones there are.
        faults: what goes wrong.
        counts: what happened, by gateway.
        on_clear: called when all faults are switched off.
        forget: as if nothing had ever been texted.
    """

    def __init__(
        self,
        settings: Settings,
        carrier: Carrier,
        faults: Faults,
        counts: Mapping[str, Counts],
        on_clear: Callable[[], None],
        forget: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._carrier = carrier
        self._faults = faults
        self._counts = counts
        self._on_clear = on_clear
        self._forget = forget

    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route("/health", self.health, methods=["GET"]),
            Route("/statistics", self.statistics, methods=["GET"]),
            Route("/accepted", self.accepted, methods=["GET"]),
            Route("/shown", self.shown, methods=["GET"]),
            Route("/reset", self.reset, methods=["POST"]),
            Route("/faults", self.show, methods=["GET"]),
            Route("/faults", self.put, methods=["PUT"]),
            Route("/faults", self.clear, methods=["DELETE"]),
        ]

    async def health(self, _request: Request) -> Response:
        """That it runs, whose numbers it carries and where it posts."""
        twilio, intelepeer = self._settings.twilio, self._settings.intelepeer
        return JSONResponse(
            {
                "status": "ok",
                "gateways": {
                    "twilio": {"numbers": list(twilio.numbers), "webhook": twilio.webhook},
                    "intelepeer": {
                        "numbers": list(intelepeer.numbers),
                        "webhook": intelepeer.webhook,
                    },
                },
            }
        )

    async def statistics(self, _request: Request) -> Response:
        """Counts and latencies as measured at the carrier."""
        gateways = {gateway: counts.as_json() for gateway, counts in self._counts.items()}
        return JSONResponse({"phones": len(self._carrier.phones()), "gateways": gateways})

    async def accepted(self, request: Request) -> Response:
        """What the assistant texted, in the order of acceptance, one short array each."""
        since = _since(request)
        gateway, number = request.query_params.get("gateway"), _number(request, "number")
        texts = self._carrier.accepted(since)
        rows = [
            [round(text.accepted_at, 6), text.recipient, text.segments, text.id]
            for text in texts
            if gateway in {None, text.gateway} and number in {None, text.sender}
        ]
        return JSONResponse({"accepted": rows, "next": since + len(texts)})

    async def shown(self, request: Request) -> Response:
        """What appeared on the phones, in that order, one short array each."""
        since = _since(request)
        texts = self._carrier.shown(since)
        rows = [
            [
                (text.sent_at or text.created_at).timestamp(),
                text.phone,
                "sent" if text.from_phone else "received",
                len(text.body),
            ]
            for text in texts
        ]
        return JSONResponse({"shown": rows, "next": since + len(texts)})

    async def reset(self, _request: Request) -> Response:
        """As if it had just been started: no texts, no counts, no faults."""
        self._forget()
        self._faults.clear()
        self._on_clear()
        return JSONResponse({"status": "ok"})

    async def show(self, request: Request) -> Response:
        """The faults that are on, for one phone or all of them, and the kinds that there are."""
        try:
            phone = _phone(request)
        except BadFault as problem:
            return _error(str(problem))
        faults = self._faults.active() if phone is None else self._faults.of(phone)
        kinds = {kind.value: meaning for kind, meaning in MEANING.items()}
        return JSONResponse({"faults": _as_json(faults), "kinds": kinds})

    async def put(self, request: Request) -> Response:
        """Turn a fault on; answers what is on for its phone, or for everybody's."""
        try:
            fault = read_fault(json.loads(await request.body()))
        except BadFault as problem:
            return _error(str(problem))
        except (ValueError, RecursionError):
            return _error("the body is not JSON")
        self._faults.put(fault)
        return JSONResponse({"faults": _as_json(self._faults.of(fault.phone))})

    async def clear(self, request: Request) -> Response:
        """Turn off all faults, or those of one phone alone; answers the same as `put`."""
        try:
            phone = _phone(request)
        except BadFault as problem:
            return _error(str(problem))
        self._faults.clear(phone)
        if phone is None:
            self._on_clear()
        return JSONResponse({"faults": _as_json(self._faults.of(phone))})


def _phone(request: Request) -> str | None:
    return read_phone(_number(request, "phone"))


def _number(request: Request, name: str) -> str | None:
    given = request.query_params.get(name)
    # A plus that was not escaped in a query string has become a space.
    return None if given is None else given.replace(" ", "+")


def _since(request: Request) -> int:
    given = request.query_params.get("since", "")
    return int(given) if given.isascii() and given.isdecimal() else 0


def _as_json(faults: list[Fault]) -> list[dict[str, Any]]:
    return [fault.as_json() for fault in faults]


def _error(message: str) -> Response:
    return JSONResponse({"error": message}, status_code=400)
