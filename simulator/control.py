"""What a test or a person turns on the simulator itself: faults, health, statistics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.carrier import Carrier
from simulator.faults import MEANING, BadFault, Faults, read_fault
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

    async def show(self, _request: Request) -> Response:
        """The faults that are on, and the kinds that there are."""
        return self._answer()

    async def put(self, request: Request) -> Response:
        """Turn a fault on."""
        try:
            self._faults.put(read_fault(json.loads(await request.body())))
        except BadFault as problem:
            return JSONResponse({"error": str(problem)}, status_code=400)
        except (ValueError, RecursionError):
            return JSONResponse({"error": "the body is not JSON"}, status_code=400)
        return self._answer()

    async def clear(self, _request: Request) -> Response:
        """Turn all faults off."""
        self._faults.clear()
        self._on_clear()
        return self._answer()

    def _answer(self) -> Response:
        return JSONResponse(
            {
                "faults": [fault.as_json() for fault in self._faults.active],
                "kinds": {kind.value: meaning for kind, meaning in MEANING.items()},
            }
        )
