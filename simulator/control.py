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
    """

    def __init__(
        self,
        settings: Settings,
        carrier: Carrier,
        faults: Faults,
        counts: Mapping[str, Counts],
        on_clear: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._carrier = carrier
        self._faults = faults
        self._counts = counts
        self._on_clear = on_clear

    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route("/health", self.health, methods=["GET"]),
            Route("/statistics", self.statistics, methods=["GET"]),
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
    given = request.query_params.get("phone")
    # A plus that was not escaped in a query string has become a space.
    return read_phone(None if given is None else given.replace(" ", "+"))


def _as_json(faults: list[Fault]) -> list[dict[str, Any]]:
    return [fault.as_json() for fault in faults]


def _error(message: str) -> Response:
    return JSONResponse({"error": message}, status_code=400)
