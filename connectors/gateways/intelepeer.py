"""IntelePeer: JSON webhooks with a shared secret in the body, texts sent by REST with a token.

From IntelePeer's public pages on sending, receiving, checking and authentication. Where those
pages contradict each other or are silent, there is a setting; ``docs/gateways.md`` lists each.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from connectors.gateways.base import (
    Accepted,
    Capabilities,
    Inbound,
    Listed,
    Outbound,
    Outcome,
    Receipt,
    Refused,
    Status,
    Unknown,
    VendorCode,
    WebhookRequest,
    WebhookResponse,
)
from connectors.gateways.exchange import (
    BAD_REQUEST,
    NOT_FOUND,
    REQUEST_TIMEOUT,
    SERVER_ERROR,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    exchange,
    json_object,
    refused,
    retry_after,
)
from messaging.errors import Forbidden, LookUpFailed, MalformedRequest, WrongMethod
from messaging.retry import SOON

if TYPE_CHECKING:
    import httpx

SEND_PATH = "/_rest/v4/app/sms/send"
RECORD_PATH = "/_rest/v4/app/sms/mdr"
LOGIN_PATH = "/_rest/v4/authenticate"
LOGIN_URL = "https://customer.intelepeer.com"

TOKEN_SECONDS = 24 * 3600 - 600
"""A token lives 24 hours; ours is renewed ten minutes before."""

STATUSES: Mapping[str, Status] = {
    "created": Status.QUEUED,
    "enqueued": Status.QUEUED,
    "queued": Status.QUEUED,
    "0": Status.QUEUED,
    "processing": Status.QUEUED,
    "2031": Status.QUEUED,
    "accepted": Status.SENT,
    "3000": Status.SENT,
    "sent": Status.SENT,
    "10000": Status.SENT,
    "dlr:accepted": Status.SENT,
    "delivered": Status.DELIVERED,
    "dlr:delivered": Status.DELIVERED,
    "210000": Status.DELIVERED,
    "dlr:expired": Status.FAILED,
    "dlr:deleted": Status.FAILED,
    "dlr:undeliverable": Status.FAILED,
    "dlr:rejected": Status.FAILED,
    "failed": Status.FAILED,
    "6009": Status.FAILED,
}
"""What ``RCC_en`` (in small letters), or else ``RCC``, says in a message's record. What is not
here, ``DLR:Unknown`` among it, changes nothing and is kept as it was written."""

CODES: Mapping[str, VendorCode] = {
    "http-400": VendorCode("The phone number cannot be texted, or our number is not set up."),
    "http-401": VendorCode(
        "Tell your engineer: IntelePeer does not accept our token.", unhealthy=True
    ),
    "http-403": VendorCode("Texts to this country are not switched on at IntelePeer."),
    "http-404": VendorCode("IntelePeer does not know this number."),
    "http-429": VendorCode("IntelePeer takes no more texts at the moment.", retry=SOON),
}
"""IntelePeer publishes no codes for its refusals, so they are those of HTTP."""


@dataclass(frozen=True, slots=True)
class IntelepeerSettings:
    """How IntelePeer knows us.

    Attributes:
        secret: what the portal's "Secret Input" holds; while it is being replaced, both.
        numbers: ours, E.164 or ``1-12345`` for a short code.
        token: a long-lived token copied from the portal, where there is no user name.
        username: for tokens that are fetched and renewed.
        password: of that user.
        base_url: of the API; ``https://eu.api.intelepeer.com`` for numbers in Europe.
        login_url: where tokens are fetched; without it IntelePeer's own, or ``base_url`` where
            that is another server (a simulator).
        authorization: whether ``Bearer`` stands before the token (their pages disagree).
        mdr_method: how a message's record is asked for (their pages disagree).
        per_second: texts a second that one number may send; a long code one in two seconds.
    """

    secret: tuple[str, ...] = field(repr=False)
    numbers: tuple[str, ...]
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    base_url: str = "https://api.intelepeer.com"
    login_url: str = ""
    authorization: Literal["bearer", "bare"] = "bearer"
    mdr_method: Literal["POST", "GET"] = "POST"
    per_second: float = 0.5


class IntelepeerGateway:
    """Carries texts over IntelePeer.

    Args:
        settings: of the account.
        monotonic: seconds on a clock that never goes back, for the age of a token.
    """

    name = "intelepeer"
    codes = CODES

    def __init__(
        self, settings: IntelepeerSettings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._token = settings.token
        self._token_until = float("-inf") if settings.username else float("inf")
        own = settings.base_url.endswith(".intelepeer.com")
        self._login_url = settings.login_url or (LOGIN_URL if own else settings.base_url)
        self._logging_in = asyncio.Lock()
        self.numbers: Sequence[str] = settings.numbers
        self.capabilities = Capabilities(
            look_up=False,
            reports_status=False,
            longest_body=1600,
            per_second=settings.per_second,
            paced_by_segment=False,
        )

    def verify(self, request: WebhookRequest) -> None:
        """Compare the body's ``signature`` with the shared secret.

        The secret is the same in every request, so it proves who knows it and nothing about
        the rest of the body: the webhook must be reached over HTTPS only.

        Raises:
            WrongMethod: it is a GET.
            Forbidden: the secret is missing or another.
            MalformedRequest: the body is not a JSON object.
        """
        if request.method != "POST":
            raise WrongMethod("IntelePeer sends its webhooks with POST")
        given = request.json().get("signature")
        if not isinstance(given, str) or not given:
            raise Forbidden("the body has no signature", "signature-missing")
        secret = given.encode(errors="surrogatepass")
        if not any(hmac.compare_digest(secret, ours.encode()) for ours in self._settings.secret):
            raise Forbidden("the signature is not the secret of the portal's Secret Input")

    def parse(self, request: WebhookRequest) -> list[Inbound | Receipt]:
        """A text from a customer.

        How receipts would be posted is not documented, so they are asked for (``ask``).

        Raises:
            MalformedRequest: ``refid``, ``from`` or ``to`` is missing, or a field is not text.
        """
        fields = request.json()
        return [
            Inbound(
                external_id=_needed(fields, "refid"),
                sender=_needed(fields, "from"),
                recipient=_needed(fields, "to"),
                body=_string(fields, "message"),
            )
        ]

    def answer(self, events: Sequence[Inbound | Receipt]) -> WebhookResponse:
        """Status 200 is all that IntelePeer looks at."""
        return WebhookResponse()

    async def send(self, message: Outbound, http: httpx.AsyncClient) -> Outcome:
        """Ask IntelePeer to send ``message``, with our id in its record."""
        content = {
            "from": message.sender,
            "to": message.recipient,
            "text": message.body,
            "guid": message.id,
            "dlr": True,
        }
        response = await self._call(http, "POST", SEND_PATH, content)
        if isinstance(response, (Refused, Unknown)):
            return response
        said = json_object(response)
        if response.is_success and isinstance(said.get("refid"), str):
            return Accepted(said["refid"])
        said_no = BAD_REQUEST <= response.status_code < SERVER_ERROR
        if not said_no or response.status_code == REQUEST_TIMEOUT:
            return Unknown(f"IntelePeer answered {response.status_code}")
        return _refusal(response, renews=bool(self._settings.username))

    async def find(self, message: Outbound, http: httpx.AsyncClient) -> Accepted | None:
        """Never called: records are found by IntelePeer's id only, not by ours.

        Raises:
            LookUpFailed: always.
        """
        raise LookUpFailed("IntelePeer has no search by our id")

    async def texts_between(
        self, since: datetime, until: datetime, http: httpx.AsyncClient
    ) -> AsyncIterator[Listed]:
        """Never called: IntelePeer lists nothing.

        Raises:
            LookUpFailed: always.
        """
        raise LookUpFailed("IntelePeer has no list of texts")
        yield  # what makes it an iterator

    async def forget(self, vendor_id: str, http: httpx.AsyncClient) -> bool:
        """Never called: IntelePeer deletes nothing that it was asked to.

        Raises:
            LookUpFailed: always.
        """
        raise LookUpFailed("IntelePeer has no way to delete a text")

    def media_credentials(self, url: str) -> tuple[str, str] | None:
        """None: pictures do not come in over IntelePeer."""
        return None

    async def ask(self, vendor_id: str, http: httpx.AsyncClient) -> Receipt | None:
        """What the message's record (MDR) says.

        Raises:
            LookUpFailed: IntelePeer could not be asked.
        """
        content = {"refid": vendor_id}
        response = await self._call(http, self._settings.mdr_method, RECORD_PATH, content)
        if isinstance(response, (Refused, Unknown)):
            raise LookUpFailed("IntelePeer gave no answer")
        if response.status_code == NOT_FOUND:
            return None
        if not response.is_success:
            raise LookUpFailed(f"IntelePeer answered {response.status_code}", retry_after(response))
        record = json_object(response)
        word, number = str(record.get("RCC_en") or ""), str(record.get("RCC", ""))
        if not (word or number):
            return None
        status = STATUSES.get(word.lower()) or STATUSES.get(number) or Status.QUEUED
        code = number or word
        return Receipt(
            vendor_id=vendor_id,
            status=status,
            vendor_status=word or number,
            code=code if status is Status.FAILED else None,
            raw=record,
        )

    async def _call(
        self, http: httpx.AsyncClient, method: str, path: str, content: Mapping[str, Any]
    ) -> httpx.Response | Refused | Unknown:
        """A request with a token; with a new one, once, where the token was turned away."""
        for _ in ("the token that we have", "a new one"):
            token = await self._valid_token(http)
            if isinstance(token, Refused):
                return token
            bearer = self._settings.authorization == "bearer"
            response = await exchange(
                http,
                method,
                self._settings.base_url + path,
                "IntelePeer",
                json=content,
                headers={"Authorization": f"Bearer {token}" if bearer else token},
            )
            turned_away = (
                not isinstance(response, (Refused, Unknown))
                and response.status_code == UNAUTHORIZED
            )
            if not (turned_away and self._settings.username):
                break
            if token == self._token:  # else another request has renewed it meanwhile
                self._token_until = float("-inf")
        return response

    async def _valid_token(self, http: httpx.AsyncClient) -> str | Refused:
        async with self._logging_in:
            if self._monotonic() < self._token_until:
                return self._token
            response = await exchange(
                http,
                "POST",
                self._login_url + LOGIN_PATH,
                "IntelePeer",
                json={"username": self._settings.username, "password": self._settings.password},
            )
            if isinstance(response, Unknown):  # only the token is unknown: the text has not left
                return Refused("login", "IntelePeer gave us no token.", retry=SOON, unhealthy=True)
            if isinstance(response, Refused):
                return response
            token = json_object(response).get("token")
            if response.is_success and isinstance(token, str) and token:
                self._token, self._token_until = token, self._monotonic() + TOKEN_SECONDS
                return token
            lasting = BAD_REQUEST <= response.status_code < TOO_MANY_REQUESTS
            return Refused(
                "login",
                "Tell your engineer: IntelePeer does not accept our user name and password."
                if lasting
                else "IntelePeer gave us no token.",
                retry=None if lasting else SOON,
                unhealthy=True,
            )


def _string(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedRequest(f"{name} is not text")
    return value


def _needed(fields: Mapping[str, Any], name: str) -> str:
    value = _string(fields, name).strip()
    if not value:
        raise MalformedRequest(f"{name} is missing")
    return value


def _refusal(response: httpx.Response, *, renews: bool) -> Refused:
    code = f"http-{response.status_code}"
    known = CODES.get(code)
    if known is None:
        said = json_object(response)
        reason = said.get("detail") or said.get("error") or f"status {response.status_code}"
        return Refused(code, f"IntelePeer refused the text: {reason}. Tell your engineer.")
    if renews and response.status_code == UNAUTHORIZED:
        # Another worker may just have fetched a token that ended ours.
        known = replace(known, retry=SOON)
    return refused(code, known, retry_after=retry_after(response))
