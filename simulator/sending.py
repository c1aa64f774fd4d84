"""What goes wrong with a send, at any gateway, before and after the text is accepted."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from simulator.connection import hang, reset
from simulator.faults import Faults, Kind


@dataclass(frozen=True, slots=True)
class Answers:
    """How a vendor words its trouble.

    Attributes:
        too_many: 429 with these headers.
        error: 500.
        refused: the answer that means this code of Twilio's.
    """

    too_many: Callable[[Mapping[str, str]], Response]
    error: Callable[[], Response]
    refused: Callable[[int], Response]


class Trouble:
    """Carries out the faults of sends at one gateway.

    Args:
        faults: what is to go wrong.
        gateway: where.
        answers: how the vendor words it.
    """

    def __init__(self, faults: Faults, gateway: str, answers: Answers) -> None:
        self._faults = faults
        self._gateway = gateway
        self._answers = answers

    async def before(self, request: Request, recipient: str, attempt_at: object) -> Response | None:
        """What happens instead of accepting the text, if anything does.

        Args:
            request: its body is read.
            recipient: the customer's number.
            attempt_at: what stays the same when the same text is tried again.
        """
        latency = self._faults.strikes(Kind.LATENCY, self._gateway, recipient, attempt_at)
        if latency:
            await asyncio.sleep(latency.seconds)
        too_many = self._faults.strikes(Kind.TOO_MANY, self._gateway, recipient, attempt_at)
        if too_many:
            return self._answers.too_many({"Retry-After": str(math.ceil(too_many.seconds))})
        if self._faults.strikes(Kind.ERROR, self._gateway, recipient, attempt_at):
            return self._answers.error()
        if self._faults.strikes(Kind.RESET, self._gateway, recipient, attempt_at):
            return await reset(request)
        refusal = self._faults.strikes(Kind.REFUSE, self._gateway, recipient, attempt_at)
        if refusal and refusal.code is not None:
            return self._answers.refused(refusal.code)
        return None

    async def after(self, request: Request, recipient: str, attempt_at: object) -> Response | None:
        """What happens instead of saying that the text was accepted, if anything does.

        See `before` for the arguments.
        """
        hanging = self._faults.strikes(Kind.ACCEPT_HANG, self._gateway, recipient, attempt_at)
        if hanging:
            return await hang(request, hanging.seconds)
        if self._faults.strikes(Kind.ACCEPT_ERROR, self._gateway, recipient, attempt_at):
            return self._answers.error()
        if self._faults.strikes(Kind.ACCEPT_RESET, self._gateway, recipient, attempt_at):
            return await reset(request)
        return None
