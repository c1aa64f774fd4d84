"""Twilio's REST API: send, look up, list, and the account."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
import secrets
from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from simulator.carrier import Carrier
from simulator.delivery import Delivery
from simulator.faults import Faults, Kind
from simulator.media import Medium
from simulator.pace import Pace, RequestLimit
from simulator.phone_text import guessed_type
from simulator.sending import Answers, Trouble
from simulator.settings import TwilioSettings
from simulator.statistics import Counts
from simulator.text import Status, Text
from simulator.twilio_errors import Refused, error_response
from simulator.twilio_order import Order, form_fields, read_order
from simulator.twilio_resource import API, list_page, media_sid, message_resource

# A sender's queue holds ten hours of its pace (https://www.twilio.com/docs/api/errors/21611).
_LONGEST_QUEUE: Final = 36_000.0
_EXPIRED: Final = 30036


class TwilioApi:
    """The routes.

    Args:
        settings: the account.
        carrier: keeps the texts.
        delivery: brings them to the phones.
        faults: what goes wrong.
        counts: what happened.
        pace: of the sender numbers.
    """

    def __init__(
        self,
        settings: TwilioSettings,
        carrier: Carrier,
        delivery: Delivery,
        faults: Faults,
        counts: Counts,
        pace: Pace,
    ) -> None:
        self._settings = settings
        self._carrier = carrier
        self._delivery = delivery
        self._faults = faults
        self._counts = counts
        self._pace = pace
        self._limit = RequestLimit(settings.requests_per_second)
        self._trouble = Trouble(
            faults,
            "twilio",
            Answers(
                too_many=lambda headers: error_response(20429, dict(headers)),
                error=lambda: error_response(20500),
                refused=error_response,
            ),
        )

    def routes(self) -> list[Route]:
        """What is served."""
        account = f"{API}/Accounts/{{account_sid}}"
        return [
            Route(f"{account}/Messages.json", self.create, methods=["POST"]),
            Route(f"{account}/Messages.json", self.list_messages, methods=["GET"]),
            Route(f"{account}/Messages/{{sid}}.json", self.fetch, methods=["GET"]),
            Route(f"{account}/Messages/{{sid}}.json", self.delete, methods=["DELETE"]),
            Route(f"{account}/Messages/{{sid}}/Media/{{file}}", self.medium, methods=["GET"]),
            Route(f"{account}.json", self.account, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Send a message."""
        body = await request.body()
        response = self._turned_away(request) or await self._create(request, body)
        if response.status_code >= 400:  # noqa: PLR2004 - any error
            self._counts.refused += 1
        return response

    async def fetch(self, request: Request) -> Response:
        """One message."""
        text = self._named(request)
        phone = None if text is None else text.phone
        response = self._turned_away(request) or self._look_up_trouble(phone)
        if response is not None:
            return response
        if text is None:
            return error_response(20404)
        return JSONResponse(message_resource(text, self._settings.account_sid))

    async def delete(self, request: Request) -> Response:
        """Forget one message, and that files came with it; phones keep what they show."""
        text = self._named(request)
        phone = None if text is None else text.phone
        too_many = self._faults.strikes(Kind.TOO_MANY, "twilio", phone)
        response = self._turned_away(request) or self._look_up_trouble(phone)
        if response is not None:
            return response
        if too_many:
            return error_response(20429, {"Retry-After": str(math.ceil(too_many.seconds))})
        if text is None:
            return error_response(20404)
        if not text.from_phone and text.status in {Status.QUEUED, Status.SENT}:
            return error_response(20009)
        text.deleted = True
        return Response(status_code=204)

    async def medium(self, request: Request) -> Response:
        """A file that came with a message: where its bytes are, for a while and for anybody."""
        response = self._turned_away(request)
        if response is not None:
            return response
        text = self._named(request)
        for position, medium in enumerate(() if text is None else text.media):
            if request.path_params["file"] == media_sid(request.path_params["sid"], position):
                return RedirectResponse(medium.url, status_code=307)
        return error_response(20404)

    async def list_messages(self, request: Request) -> Response:
        """A page of messages."""
        query = parse_qsl(request.url.query, keep_blank_values=True)
        phone = _customer(self._carrier, dict(query))
        response = self._turned_away(request) or self._look_up_trouble(phone)
        if response is not None:
            return response
        texts = self._carrier.texts("twilio", phone)
        token = dict(query).get("PageToken", "")
        last = self._carrier.text("twilio", token.removeprefix("PA"))
        try:
            return JSONResponse(list_page(texts, query, last, self._settings.account_sid))
        except Refused as refusal:
            return error_response(refusal.code)

    async def account(self, request: Request) -> Response:
        """The account, without its token."""
        response = self._turned_away(request)
        if response is not None:
            return response
        sid = self._settings.account_sid
        created = format_datetime(self._carrier.now())
        return JSONResponse(
            {
                "sid": sid,
                "owner_account_sid": sid,
                "friendly_name": "Practice account",
                "status": "active",
                "type": "Full",
                "date_created": created,
                "date_updated": created,
                "subresource_uris": {"messages": f"{API}/Accounts/{sid}/Messages.json"},
                "uri": f"{API}/Accounts/{sid}.json",
            }
        )

    async def _create(self, request: Request, body: bytes) -> Response:
        if not self._limit.allows(_now()):
            return error_response(20429, {"Retry-After": "1"})
        form = form_fields(body)
        fields = dict(form)
        recipient = fields.get("To", "")
        attempt_at = (fields.get("From"), recipient, fields.get("Body"))
        response = await self._trouble.before(request, recipient, attempt_at)
        if response is not None:
            return response
        try:
            order = read_order(form, self._settings.numbers)
            self._check(order)
        except Refused as refusal:
            return error_response(refusal.code)
        resource = self._accept(order)
        response = await self._trouble.after(request, recipient, attempt_at)
        return response or JSONResponse(resource, status_code=201)

    def _check(self, order: Order) -> None:
        if self._carrier.is_blocked(order.sender, order.recipient):
            raise Refused(21610)
        if self._pace.backlog(order.sender, _now()) > _LONGEST_QUEUE:
            raise Refused(21611)

    def _accept(self, order: Order) -> dict[str, Any]:
        text = self._carrier.accept_from_assistant(
            "twilio",
            order.sender,
            order.recipient,
            order.body,
            [Medium(url, guessed_type(url)) for url in order.media],
            callback=order.callback,
            service=order.service,
        )
        resource = message_resource(text, self._settings.account_sid)
        now = _now()
        if self._pace.backlog(text.sender, now) > order.validity:
            # It takes no time of the number from those behind it, as it never leaves.
            self._delivery.expire(text, now + order.validity, _EXPIRED)
        else:
            rate = self._settings.segments_per_second
            seconds = text.segments / rate if rate > 0 else 0.0
            self._delivery.start(text, self._pace.slot(text.sender, seconds, now))
        return resource

    def _named(self, request: Request) -> Text | None:
        """The message that a path is about, if the account still has it."""
        text = self._carrier.text("twilio", request.path_params["sid"])
        return None if text is None or text.deleted else text

    def _turned_away(self, request: Request) -> JSONResponse | None:
        username, password = _basic_credentials(request.headers.get("authorization", ""))
        known = self._settings
        # Both are compared, so that the time taken does not tell which one was wrong.
        right_name = secrets.compare_digest(username, known.account_sid.encode())
        right_password = secrets.compare_digest(password, known.auth_token.encode())
        if not (right_name and right_password):
            return error_response(20003, {"WWW-Authenticate": 'Basic realm="Twilio API"'})
        if request.path_params["account_sid"] != known.account_sid:
            return error_response(20404)
        return None

    def _look_up_trouble(self, phone: str | None) -> JSONResponse | None:
        if self._faults.strikes(Kind.LOOK_UP_ERROR, "twilio", phone):
            return error_response(20500)
        return None


def _customer(carrier: Carrier, fields: Mapping[str, str]) -> str | None:
    """The customer that a list is limited to, whose texts can be found without a search."""
    for name in ("To", "From"):
        number = fields.get(name)
        if number and carrier.owner_of(number) is None:
            return number
    return None


def _basic_credentials(header: str) -> tuple[bytes, bytes]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return b"", b""
    try:
        username, _, password = base64.b64decode(encoded, validate=True).partition(b":")
    except binascii.Error:
        return b"", b""
    return username, password


def _now() -> float:
    return asyncio.get_running_loop().time()
