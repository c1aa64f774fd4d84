"""IntelePeer's REST API: tokens, send, and the record of a message (MDR)."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.carrier import Carrier
from simulator.delivery import Delivery
from simulator.faults import Faults, Kind
from simulator.magic import REFUSED
from simulator.numbers import is_phone_number
from simulator.pace import Pace
from simulator.sending import Answers, Trouble
from simulator.settings import IntelePeerSettings
from simulator.statistics import Counts
from simulator.text import Status, Text

API: Final = "/_rest/v4"
_TOKEN_SECONDS: Final = 24 * 3600.0

# State -> name and number in the record. The number of an undeliverable text is not public;
# this one follows the pattern of the others and must not be relied on.
_QUEUED: Final = ("Queued", 0)
_SENT: Final = ("Sent", 10_000)
_DELIVERED: Final = ("DLR:Delivered", 210_000)
_UNDELIVERABLE: Final = ("DLR:Undeliverable", 210_003)
_FAILED: Final = ("Failed", 6009)

# Recipients that Twilio would refuse with this code -> status and message here.
_REFUSALS: Final[dict[int, tuple[int, str]]] = {
    21211: (400, "bad number format"),
    21408: (403, "international destination is not available"),
    21610: (400, "number is blocked"),
    21612: (404, "number is not available"),
    21614: (400, "number is not SMS-enabled"),
}


class Tokens:
    """Which tokens are good.

    Args:
        lasting: the one of the portal, which has no end of its own.
    """

    def __init__(self, lasting: str) -> None:
        self._lasting = lasting
        self._lasting_expired = False
        self._issued: dict[str, float] = {}

    def issue(self, now: float) -> str:
        """A new token, good for 24 hours."""
        token = secrets.token_urlsafe(32)
        self._issued[token] = now + _TOKEN_SECONDS
        return token

    def trouble(self, token: str, now: float) -> str | None:
        """What is wrong with ``token``, or None."""
        if secrets.compare_digest(token.encode(), self._lasting.encode()):
            return "token has expired" if self._lasting_expired else None
        ends = self._issued.get(token)
        if ends is None:
            return "Unauthorized"
        return None if now < ends else "token has expired"

    def expire(self, token: str) -> None:
        """``token`` is no longer good."""
        if token in self._issued:
            self._issued[token] = 0.0
        else:
            self._lasting_expired = True

    def restore(self) -> None:
        """The lasting token is good again."""
        self._lasting_expired = False


class IntelePeerApi:
    """The routes.

    Args:
        settings: the account.
        carrier: keeps the texts.
        delivery: brings them to the phones.
        faults: what goes wrong.
        counts: what happened.
        pace: of the sender numbers.
        tokens: which are good.
    """

    def __init__(
        self,
        settings: IntelePeerSettings,
        carrier: Carrier,
        delivery: Delivery,
        faults: Faults,
        counts: Counts,
        pace: Pace,
        tokens: Tokens,
    ) -> None:
        self._settings = settings
        self._carrier = carrier
        self._delivery = delivery
        self._faults = faults
        self._counts = counts
        self._pace = pace
        self._tokens = tokens
        self._trouble = Trouble(
            faults,
            "intelepeer",
            Answers(
                too_many=lambda headers: _error(429, "Too Many Requests", headers),
                error=lambda: _error(500, "Internal Server Error"),
                refused=lambda code: _error(*_REFUSALS.get(code, (400, "message refused"))),
            ),
        )

    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route(f"{API}/authenticate", self.authenticate, methods=["POST"]),
            Route(f"{API}/app/sms/send", self.send, methods=["POST"]),
            # One copy of the documentation says POST, another one GET.
            Route(f"{API}/app/sms/mdr", self.record, methods=["GET", "POST"]),
        ]

    async def authenticate(self, request: Request) -> Response:
        """A token for a name and password."""
        given = _json_object(await request.body())
        if given is None:
            return _error(400, "the body is not a JSON object")
        name, password = str(given.get("username", "")), str(given.get("password", ""))
        right_name = secrets.compare_digest(name.encode(), self._settings.username.encode())
        right = secrets.compare_digest(password.encode(), self._settings.password.encode())
        if not (right_name and right):
            return _error(401, "Unauthorized")
        return JSONResponse({"token": self._tokens.issue(_now())})

    async def send(self, request: Request) -> Response:
        """Send a text."""
        order = _json_object(await request.body())
        recipient = str((order or {}).get("to") or "")
        self._expire(request, recipient)
        response = self._turned_away(request) or await self._send(request, order, recipient)
        if response.status_code >= 400:  # noqa: PLR2004 - any error
            self._counts.refused += 1
        return response

    async def record(self, request: Request) -> Response:
        """The state of a text."""
        body = await request.body()
        response = self._turned_away(request)
        if response is not None:
            return response
        asked: Mapping[str, Any] = request.query_params
        if body:
            asked = _json_object(body) or {}
        text = self._carrier.text("intelepeer", str(asked.get("refid")))
        phone = None if text is None else text.phone
        if self._faults.strikes(Kind.LOOK_UP_ERROR, "intelepeer", phone):
            return _error(500, "Internal Server Error")
        if not asked.get("refid"):
            return _error(400, "refid is missing")
        if text is None or text.from_phone:
            return _error(404, "message not found")
        name, number = self._state(text)
        return JSONResponse(
            {"code": 200, "refid": text.id, "guid": text.reference, "RCC_en": name, "RCC": number}
        )

    async def _send(
        self, request: Request, order: dict[str, Any] | None, recipient: str
    ) -> Response:
        if order is None:
            return _error(400, "the body is not a JSON object")
        attempt_at = (order.get("from"), recipient, str(order.get("text")))
        response = await self._trouble.before(request, recipient, attempt_at)
        if response is not None:
            return response
        response = self._refusal(order, recipient)
        if response is not None:
            return response
        text = self._carrier.accept_from_assistant(
            "intelepeer",
            str(order["from"]),
            recipient,
            str(order["text"]),
            reference=None if order.get("guid") is None else str(order["guid"]),
            wants_receipt=order.get("dlr") is True,
        )
        leaves_at = self._pace.slot(text.sender, self._settings.seconds_per_text, _now())
        self._delivery.start(text, leaves_at)
        response = await self._trouble.after(request, recipient, attempt_at)
        return response or JSONResponse({"state": "CREATED", "refid": text.id}, status_code=202)

    def _refusal(self, order: Mapping[str, Any], recipient: str) -> Response | None:
        problem = _problem(order)
        if problem is not None:
            return _error(400, problem)
        if order.get("from") not in self._settings.numbers:
            # The documents give 401 for a number that belongs to somebody else.
            return _error(401, "Unauthorized")
        if recipient in REFUSED:
            status, message = _REFUSALS[REFUSED[recipient]]
            return _error(status, message)
        if not is_phone_number(recipient):
            return _error(400, "bad number format")
        return None

    def _turned_away(self, request: Request) -> Response | None:
        trouble = self._tokens.trouble(_token(request), _now())
        return None if trouble is None else _error(401, trouble)

    def _expire(self, request: Request, recipient: str) -> None:
        token = _token(request)
        good = self._tokens.trouble(token, _now()) is None
        if good and self._faults.strikes(Kind.TOKEN_EXPIRED, "intelepeer", recipient):
            self._tokens.expire(token)

    def _state(self, text: Text) -> tuple[str, int]:
        if text.status is Status.QUEUED or text.status_seen_late is None:
            return _QUEUED
        age = (self._carrier.now() - text.changed_at).total_seconds()
        if age < text.status_seen_late:
            return _QUEUED
        if text.status is Status.FAILED:
            return _FAILED
        if text.status is Status.UNDELIVERABLE:
            return _UNDELIVERABLE if text.wants_receipt else _FAILED
        # The network's word on the handset is only there when it was asked for.
        return _DELIVERED if text.status is Status.DELIVERED and text.wants_receipt else _SENT


def _problem(order: Mapping[str, Any]) -> str | None:
    """What is wrong with the form of a send, if anything."""
    if order.get("media"):
        # It is documented, but those who tried it were told that their numbers have none.
        return "media is not available for this number"
    if not order.get("to"):
        return "to is missing"
    if not order.get("text"):
        return "text is missing"
    try:
        str(order.get("text")).encode()
    except UnicodeEncodeError:
        return "text holds half of a character"
    return None


def _token(request: Request) -> str:
    header = request.headers.get("authorization", "")
    # Some pages of the documents say "Bearer TOKEN", others the bare token.
    return header[7:].strip() if header[:7].lower() == "bearer " else header


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        {"code": status, "error": message}, status_code=status, headers=dict(headers or {})
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
