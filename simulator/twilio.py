"""Twilio's REST API: send, look up, list, and the account."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.carrier import Carrier
from simulator.delivery import Delivery
from simulator.faults import Faults, Kind
from simulator.magic import REFUSED
from simulator.numbers import is_phone_number
from simulator.pace import Pace, RequestLimit
from simulator.sending import Answers, Trouble
from simulator.settings import TwilioSettings
from simulator.statistics import Counts
from simulator.twilio_errors import Refused, error_response
from simulator.twilio_resource import API, list_page, message_resource

_LONGEST_BODY: Final = 1600
_MOST_MEDIA: Final = 10
# A sender's queue holds ten hours of its pace (https://www.twilio.com/docs/api/errors/21611).
_LONGEST_QUEUE: Final = 36_000.0
_SERVICE_SID: Final = re.compile(r"MG[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class _Order:
    """A text that can be accepted."""

    sender: str
    recipient: str
    body: str
    media: tuple[str, ...]
    callback: str | None
    service: str | None


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
        text = self._carrier.text("twilio", request.path_params["sid"])
        phone = None if text is None else text.phone
        response = self._turned_away(request) or self._look_up_trouble(phone)
        if response is not None:
            return response
        if text is None:
            return error_response(20404)
        return JSONResponse(message_resource(text, self._settings.account_sid))

    async def list_messages(self, request: Request) -> Response:
        """A page of messages."""
        query = parse_qsl(request.url.query, keep_blank_values=True)
        phone = _customer(self._carrier, dict(query))
        response = self._turned_away(request) or self._look_up_trouble(phone)
        if response is not None:
            return response
        texts = self._carrier.texts("twilio", phone)
        try:
            return JSONResponse(list_page(texts, query, self._settings.account_sid))
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
        if not self._limit.allows(asyncio.get_running_loop().time()):
            return error_response(20429, {"Retry-After": "1"})
        form = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
        fields = dict(form)
        recipient = fields.get("To", "")
        attempt_at = (fields.get("From"), recipient, fields.get("Body"))
        response = await self._trouble.before(request, recipient, attempt_at)
        if response is not None:
            return response
        try:
            order = self._read(fields, tuple(url for name, url in form if name == "MediaUrl"))
        except Refused as refusal:
            return error_response(refusal.code)
        resource = self._accept(order)
        response = await self._trouble.after(request, recipient, attempt_at)
        return response or JSONResponse(resource, status_code=201)

    def _accept(self, order: _Order) -> dict[str, Any]:
        text = self._carrier.accept_from_assistant(
            "twilio",
            order.sender,
            order.recipient,
            order.body,
            order.media,
            callback=order.callback,
            service=order.service,
        )
        now = asyncio.get_running_loop().time()
        rate = self._settings.segments_per_second
        seconds = text.segments / rate if rate > 0 else 0.0
        resource = message_resource(text, self._settings.account_sid)
        self._delivery.start(text, self._pace.slot(text.sender, seconds, now))
        return resource

    def _read(self, fields: Mapping[str, str], media: tuple[str, ...]) -> _Order:
        sender = self._sender(fields)
        recipient = _recipient(fields, sender)
        body = fields.get("Body", "")
        if not body and not media:
            raise Refused(21602)
        if len(body) > _LONGEST_BODY:
            raise Refused(21617)
        if len(media) > _MOST_MEDIA:
            raise Refused(21623)
        if not all(_is_url(url) for url in media):
            raise Refused(21620)
        callback = fields.get("StatusCallback") or None
        # Twilio refuses host names with an underscore.
        if callback and (not _is_url(callback) or "_" in (urlsplit(callback).hostname or "")):
            raise Refused(21609)
        if self._carrier.is_blocked(sender, recipient):
            raise Refused(21610)
        if self._pace.backlog(sender, asyncio.get_running_loop().time()) > _LONGEST_QUEUE:
            raise Refused(21611)
        return _Order(
            sender, recipient, body, media, callback, fields.get("MessagingServiceSid") or None
        )

    def _sender(self, fields: Mapping[str, str]) -> str:
        sender = fields.get("From", "")
        service = fields.get("MessagingServiceSid", "")
        if not sender and not service:
            raise Refused(21603)
        if service and not _SERVICE_SID.fullmatch(service):
            raise Refused(21701)
        if not sender:
            # Every service has all numbers of the account in its pool.
            return self._settings.numbers[0]
        if sender not in self._settings.numbers:
            raise Refused(21606)
        return sender

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


def _recipient(fields: Mapping[str, str], sender: str) -> str:
    recipient = fields.get("To", "")
    if not recipient:
        raise Refused(21604)
    if recipient in REFUSED:
        raise Refused(REFUSED[recipient])
    if not is_phone_number(recipient) or recipient == sender:
        raise Refused(21211)
    return recipient


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


def _is_url(text: str) -> bool:
    if not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
