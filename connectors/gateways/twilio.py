"""Twilio: form webhooks signed with HMAC-SHA1, texts sent by REST with a form.

Facts and codes are from Twilio's API specification (api v2010), its list of error codes and
its guides on webhooks, message status and media.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator

from connectors.gateways.base import (
    Accepted,
    Capabilities,
    Inbound,
    Listed,
    MediaLimits,
    Outbound,
    Outcome,
    Receipt,
    Refused,
    Status,
    Unknown,
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
from connectors.gateways.twilio_codes import CODES
from connectors.gateways.twilio_records import STATUSES, date_of, is_this, receipt_of
from connectors.gateways.twilio_webhooks import (
    Form,
    fields_of,
    is_json,
    media_of,
    needed,
    opt_out_type_of,
    text_of,
    uuid_of,
)
from messaging.errors import Forbidden, LookUpFailed

if TYPE_CHECKING:
    import httpx

API = "https://api.twilio.com"

PORTS = {"http": 80, "https": 443}

SKEW = timedelta(seconds=60)
"""How far Twilio's clock may be behind ours when a text is looked for. Earlier texts with the
same words are not mistaken for it, because their ids are known."""

REFERENCE = "text"
"""Where our own id of a text stands in the address that its receipts are posted to. Twilio keeps
no reference of ours, but signs and posts to the address as it was given."""

VALIDITY_LONGEST = 36_000
"""Seconds that ``ValidityPeriod`` can be at most."""

MEDIA = MediaLimits(
    types={
        "image/jpeg": 5_000_000,
        "image/png": 5_000_000,
        "image/gif": 5_000_000,
        "image/*": 500_000,
        "audio/*": 500_000,
        "video/*": 500_000,
        "text/vcard": 500_000,
        "text/calendar": 500_000,
        "application/pdf": 500_000,
    },
    total=5_000_000,
    most=10,
    countries=("+1",),
)
"""Twilio resizes JPEG, PNG and GIF; other types are carried up to 500 KB. MMS exists in the
United States and Canada (and for numbers of Australia, which we leave out)."""

PAGE_SIZE = 200
PAGES_MOST = 10
LONGEST_PAGE = 1_000

UNFINISHED = 20009
"""Twilio deletes a text once it has done with it: a minute after its end as a rule, and 14 days
at most (https://www.twilio.com/docs/api/errors/20009)."""

BUSY_SECONDS = 30.0
"""How long Twilio is left alone after a 429 that names no time."""


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """How Twilio knows us.

    Attributes:
        account_sid: ``AC`` and 32 digits; the subaccount's where the numbers are in one.
        auth_token: all that are valid at the moment, the primary one first. While a token is
            being replaced there are two: either may sign a webhook.
        numbers: ours, E.164 or short codes.
        public_url: where Twilio reaches us; receipts are asked for below it.
        base_url: of the REST API.
        per_second: segments a second that one number may send: a long code 1, toll-free 3,
            a short code 10 to 100.
        per_minute: segments a minute of all numbers, where a 10DLC campaign has such a cap.
        per_day: segments in a Pacific day of all numbers, where a 10DLC brand has such a cap.
    """

    account_sid: str
    auth_token: tuple[str, ...] = field(repr=False)
    numbers: tuple[str, ...]
    public_url: str
    base_url: str = API
    per_second: float = 1.0
    per_minute: int | None = None
    per_day: int | None = None


class TwilioGateway:
    """Carries texts over Twilio.

    Args:
        settings: of the account.
    """

    name = "twilio"
    codes = CODES

    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings
        self._validators = [RequestValidator(token) for token in settings.auth_token]
        self._account = f"{settings.base_url}/2010-04-01/Accounts/{settings.account_sid}"
        self._status_callback = f"{settings.public_url}/webhooks/sms/{self.name}/status"
        self.numbers: Sequence[str] = settings.numbers
        self.capabilities = Capabilities(
            look_up=True,
            reports_status=True,
            receipts_name_us=True,
            lists=True,
            forgets=True,
            media=MEDIA,
            longest_body=1600,
            per_second=settings.per_second,
            per_minute=settings.per_minute,
            per_day=settings.per_day,
        )

    def verify(self, request: WebhookRequest) -> None:
        """Check ``X-Twilio-Signature`` with Twilio's own validator.

        A form is signed field by field, blank ones included. A JSON body is not signed itself:
        the signed URL carries its hash, so a request without that hash proves nothing about
        its body. The validator tries the URL with and without its port, because Twilio signs
        now one, now the other.

        Raises:
            Forbidden: no signature, no hash of a JSON body, or a signature that does not match.
            MalformedRequest: the body is not UTF-8.
        """
        signature = request.headers.get("x-twilio-signature", "")
        if not signature:
            raise Forbidden("there is no X-Twilio-Signature header", "signature-missing")
        signed: Form | str
        if request.method == "GET":
            signed = Form()
        elif is_json(request):
            if not dict(request.query()).get("bodySHA256"):
                raise Forbidden("a JSON body without bodySHA256 in the URL", "body-hash-missing")
            signed = text_of(request.body)
        else:
            signed = Form.of(request.form())
        if not any(check.validate(request.url, signed, signature) for check in self._validators):
            raise Forbidden(
                f"the signature is not ours for {request.url}; compare this address with the "
                "one at Twilio and auth_token with the account's primary token"
            )

    def parse(self, request: WebhookRequest) -> list[Inbound | Receipt]:
        """A text from a customer, or what became of one of ours.

        Raises:
            Forbidden: it is from another account.
            MalformedRequest: it has no ``MessageSid``, ``From`` or ``To``, or ``NumMedia`` is
                not a number.
        """
        fields = fields_of(request)
        account = fields.get("AccountSid", self._settings.account_sid)
        if account != self._settings.account_sid:
            raise Forbidden(
                f"this is from account {account}, expected {self._settings.account_sid}", "account"
            )
        sid = needed(fields, "MessageSid")
        status = fields.get("MessageStatus")
        reference = uuid_of(dict(request.query()).get(REFERENCE, ""))
        if status:
            return [
                Receipt(
                    vendor_id=sid,
                    status=STATUSES.get(status.lower(), Status.QUEUED),
                    vendor_status=status,
                    code=fields.get("ErrorCode") or None,
                    reference=reference,
                    raw=fields,
                )
            ]
        return [
            Inbound(
                external_id=sid,
                sender=needed(fields, "From"),
                recipient=needed(fields, "To"),
                body=fields.get("Body", ""),
                media=media_of(fields),
                opt_out_type=opt_out_type_of(fields),
            )
        ]

    def answer(self, events: Sequence[Inbound | Receipt]) -> WebhookResponse:
        """TwiML that asks for nothing: replies are sent by REST, with status and order."""
        return WebhookResponse(200, b"<Response/>", "text/xml")

    async def send(self, message: Outbound, http: httpx.AsyncClient) -> Outcome:
        """Ask Twilio to send ``message``."""
        form: dict[str, Any] = {
            "To": message.recipient,
            "From": message.sender,
            "StatusCallback": f"{self._status_callback}?{REFERENCE}={message.id}",
        }
        if message.body:
            form["Body"] = message.body
        if message.media:
            form["MediaUrl"] = [file.url for file in message.media]
        if message.valid_seconds is not None:
            form["ValidityPeriod"] = max(1, min(message.valid_seconds, VALIDITY_LONGEST))
        response = await self._request(http, "POST", f"{self._account}/Messages.json", data=form)
        if isinstance(response, (Refused, Unknown)):
            return response
        said = json_object(response)
        if response.is_success and isinstance(said.get("sid"), str):
            return Accepted(said["sid"])
        if response.status_code == TOO_MANY_REQUESTS:
            # Never worked on, says Twilio, so it is always safe to send again.
            code, wait = str(said.get("code", "20429")), retry_after(response)
            return refused(code, CODES["20429"], retry_after=wait)
        said_no = BAD_REQUEST <= response.status_code < SERVER_ERROR
        if not said_no or response.status_code == REQUEST_TIMEOUT:
            return Unknown(f"Twilio answered {response.status_code}")
        return _refusal(response.status_code, said)

    async def find(self, message: Outbound, http: httpx.AsyncClient) -> Accepted | None:
        """Look for ``message`` among the account's texts by numbers, words and time.

        Twilio keeps no reference of ours. A text that has not left yet may have no date of
        sending, so the newest texts are also listed without a date.

        Raises:
            LookUpFailed: Twilio could not be asked.
        """
        between = {"To": message.recipient, "From": message.sender, "PageSize": str(PAGE_SIZE)}
        since = None
        lists = [(between, 1)]
        if message.first_attempt_at is not None:
            since = (message.first_attempt_at - SKEW).astimezone(UTC)
            lists.insert(0, ({**between, "DateSent>": f"{since:%Y-%m-%d}"}, PAGES_MOST))
        for params, most in lists:
            read = 0
            async for rows in self._pages(http, params):
                for row in rows:
                    if is_this(row, message, since):
                        return Accepted(str(row["sid"]))
                read += 1
                if read == most:
                    break
        return None

    async def ask(self, vendor_id: str, http: httpx.AsyncClient) -> Receipt | None:
        """The state of a text that Twilio took.

        Raises:
            LookUpFailed: Twilio could not be asked.
        """
        response = await self._request(http, "GET", f"{self._account}/Messages/{vendor_id}.json")
        if not isinstance(response, (Refused, Unknown)) and response.status_code == NOT_FOUND:
            return None
        row = _said(response)
        if row.get("sid") != vendor_id:
            raise LookUpFailed("Twilio answered with something else than the text")
        return receipt_of(row)

    async def texts_between(
        self, since: datetime, until: datetime, http: httpx.AsyncClient
    ) -> AsyncIterator[Listed]:
        """Every text that left our numbers from ``since`` up to, not including, ``until``.

        A text that never left, because it failed before, may have no date of sending and is
        then not listed.

        Raises:
            LookUpFailed: Twilio could not be asked, also in the middle of the list.
        """
        params = {
            "DateSent>": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "DateSent<": f"{until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "PageSize": str(LONGEST_PAGE),
        }
        async for rows in self._pages(http, params):
            for row in rows:
                ours = row.get("direction") != "inbound" and row.get("from") in self.numbers
                # Twilio counts both ends in.
                if ours and since <= date_of(row, "date_sent") < until:
                    yield Listed(
                        receipt=receipt_of(row),
                        sender=str(row["from"]),
                        recipient=str(row.get("to")),
                        body=str(row.get("body") or ""),
                        created_at=date_of(row, "date_created"),
                    )

    async def forget(self, vendor_id: str, http: httpx.AsyncClient) -> bool:
        """Delete Twilio's record of a text; the files that came with it go with it.

        Twilio's backups have the words for another 30 days (its Messages resource).

        Raises:
            LookUpFailed: Twilio could not be asked.
        """
        response = await self._request(http, "DELETE", f"{self._account}/Messages/{vendor_id}.json")
        if not isinstance(response, (Refused, Unknown)):
            if response.status_code == NOT_FOUND:
                return True
            if json_object(response).get("code") == UNFINISHED:
                return False
        _said(response)
        return True

    def media_credentials(self, url: str) -> tuple[str, str] | None:
        """Account and primary token, for files on the API's own host: Twilio asks for them.

        The address that Twilio redirects to, on another host, must get neither.
        """
        if _origin(url) not in {_origin(self._settings.base_url), _origin(API)}:
            return None
        return self._settings.account_sid, self._settings.auth_token[0]

    async def _pages(
        self, http: httpx.AsyncClient, params: Mapping[str, str]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        url, query = f"{self._account}/Messages.json", dict(params)
        while True:
            response = await self._request(http, "GET", url, **({"params": query} if query else {}))
            said = _said(response)
            if not isinstance(said.get("messages"), list):
                raise LookUpFailed("Twilio answered with something else than a list")
            yield said["messages"]
            if not said.get("next_page_uri"):
                return
            # The next page's address has the search in it already.
            url, query = f"{self._settings.base_url}{said['next_page_uri']}", {}

    async def _request(
        self, http: httpx.AsyncClient, method: str, url: str, **parts: Any
    ) -> httpx.Response | Refused | Unknown:
        """A request with the primary token; with the next one where it is refused for that.

        A request that was turned away for its token was not worked on, so it can be repeated.
        """
        for token in self._settings.auth_token:
            auth = (self._settings.account_sid, token)
            response = await exchange(http, method, url, "Twilio", auth=auth, **parts)
            if isinstance(response, (Refused, Unknown)) or response.status_code != UNAUTHORIZED:
                break
        return response


def _said(response: httpx.Response | Refused | Unknown) -> dict[str, Any]:
    if isinstance(response, (Refused, Unknown)):
        raise LookUpFailed("Twilio gave no answer")
    if not response.is_success:
        wait = retry_after(response)
        if wait is None and response.status_code == TOO_MANY_REQUESTS:
            wait = BUSY_SECONDS
        raise LookUpFailed(f"Twilio answered {response.status_code}", wait)
    return json_object(response)


def _refusal(status: int, said: Mapping[str, Any]) -> Refused:
    code = str(said["code"]) if said.get("code") else f"http-{status}"
    known = CODES.get(code)
    if known is not None:
        return refused(code, known)
    reason = str(said.get("message") or f"status {status}")
    return Refused(code, f"Twilio refused the text: {reason} ({code}). Tell your engineer.")


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:  # no such port, or no such IPv6 address
        return None
