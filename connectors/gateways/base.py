"""What a gateway is: the types that cross its border, and the interface that it implements.

A gateway translates between a vendor's wire format and these types and does no I/O of its
own: the HTTP client is handed in, the clock is handed in, and what comes out is data.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from messaging.errors import MalformedRequest
from messaging.media import Attachment
from messaging.retry import Schedule

if TYPE_CHECKING:  # a third of the ingress's start, and receiving texts needs no client
    import httpx


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A vendor's request as it reached us.

    Attributes:
        method: ``POST`` or ``GET``.
        url: the public URL that the vendor was given, with the query string as it was sent,
            rebuilt from the configured ``public_url`` and never from the socket, because
            vendors sign the public URL and a proxy changes scheme, host and port.
        headers: names in lower case.
        body: the raw bytes. Signatures are checked on these, never on a parsed form.
        received_at: when it reached us, in UTC.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

    def query(self) -> list[tuple[str, str]]:
        """The query string's fields in order, blank ones included."""
        return parse_qsl(urlsplit(self.url).query, keep_blank_values=True)

    def form(self) -> list[tuple[str, str]]:
        """The body's form fields in order, blank ones included (vendors sign blanks).

        Raises:
            MalformedRequest: the body is not UTF-8.
        """
        try:
            return parse_qsl(self.body.decode(), keep_blank_values=True)
        except UnicodeDecodeError as error:
            raise MalformedRequest("the form is not UTF-8") from error

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            MalformedRequest: it is not one.
        """
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise MalformedRequest("the body is not JSON") from error
        if not isinstance(value, dict):
            raise MalformedRequest("the body is not a JSON object")
        return value


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """What the vendor reads as our answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, sound or film in a text: where it is and what type the vendor says it has."""

    url: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Inbound:
    """A text that a customer sent.

    Attributes:
        external_id: the vendor's id, unique within the gateway.
        sender: the customer's number, E.164.
        recipient: the number of ours that was texted, E.164 or as configured (short code).
        body: what was written; may be empty.
        media: what came with it.
        opt_out_type: ``STOP``, ``START`` or ``HELP`` where the vendor took it as that, did what
            it asks for and answered it.
    """

    external_id: str
    sender: str
    recipient: str
    body: str
    media: tuple[Media, ...] = ()
    opt_out_type: str | None = None


class Status(StrEnum):
    """What a vendor can tell us of a text that it accepted, in our words."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A vendor's word about a text of ours.

    Attributes:
        vendor_id: the vendor's id of the text.
        status: in our words.
        vendor_status: as the vendor wrote it.
        code: the vendor's error code, if it gave one.
        reference: our own id of the text, where the vendor gives it back; it names the text
            even if the answer to its request, and the vendor's id with it, was lost.
        raw: all that came, for the record (without secrets).
    """

    vendor_id: str
    status: Status
    vendor_status: str
    code: str | None = None
    reference: UUID | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outbound:
    """A text of ours, as a gateway needs it to send it or to look for it.

    Attributes:
        id: our own id, which goes to the vendor as reference where there is a field for it.
        sender: the number of ours that it leaves from.
        recipient: the customer's number, E.164.
        body: the text.
        media: files that go with it.
        valid_seconds: how long it is worth delivering, where the vendor can be told.
        first_attempt_at: when a request for this text first left, UTC; ``find`` looks from here.
        known_ids: vendor ids to the same recipient that are other texts of ours, so that
            ``find`` does not take one of them for this text.
    """

    id: str
    sender: str
    recipient: str
    body: str
    media: tuple[Attachment, ...] = ()
    valid_seconds: int | None = None
    first_attempt_at: datetime | None = None
    known_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor took the text and gave it this id."""

    vendor_id: str


class Suppress(StrEnum):
    """Why a phone is sent nothing more.

    Attributes:
        OPTED_OUT: the customer said STOP, to us or to the vendor; only START undoes it.
        UNREACHABLE: it is no phone that gets texts; a text from it shows that it is one.
    """

    OPTED_OUT = "opted-out"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor did not take the text, and said so.

    Attributes:
        code: the vendor's error code, or ``http-<status>`` where it gave none.
        staff: what a person at the front desk should know.
        retry: when to send the same text again, where that can help.
        retry_after: seconds that the vendor asks us to wait.
        suppress: why this phone should get no more texts, if it should not.
        unhealthy: it is the gateway that is in trouble, not this text or this phone.
    """

    code: str
    staff: str
    retry: Schedule | None = None
    retry_after: float | None = None
    suppress: Suppress | None = None
    unhealthy: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Bytes left and no answer came: the text may be on its way or not."""

    reason: str


Outcome = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class VendorCode:
    """One row of a gateway's table of error codes, those of receipts too.

    Attributes:
        staff: what a person at the front desk should know.
        retry: when to send again, where that can help.
        suppress: why the phone should get no more texts, if it should not.
        unhealthy: it is the gateway that is in trouble, not this text or this phone.
    """

    staff: str
    retry: Schedule | None = None
    suppress: Suppress | None = None
    unhealthy: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A text as the vendor's own list has it, for reconciliation.

    Attributes:
        receipt: its vendor id and state.
        sender: number of ours.
        recipient: the customer's.
        body: what it says.
        created_at: when the vendor took it, UTC.
    """

    receipt: Receipt
    sender: str
    recipient: str
    body: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What files a vendor carries.

    Attributes:
        types: bytes of one file at most, by content type, exact or like ``image/*``.
        total: bytes of all files of a text at most.
        most: files in one text at most.
        countries: calling codes that it can be sent to, like ``+1``.
    """

    types: Mapping[str, int]
    total: int
    most: int
    countries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a vendor can do, so that the engine never asks for its name.

    Attributes:
        look_up: ``find`` can tell whether a text was accepted.
        reports_status: the vendor posts receipts by itself; otherwise ``ask`` is called often.
        receipts_name_us: posted receipts carry our own id of the text.
        lists: ``texts_between`` can list what the vendor has.
        forgets: ``forget`` can delete what the vendor has.
        media: files that can be sent; None where there are none.
        longest_body: characters of one request at most.
        per_second: segments (or whole texts) that one number may send in a second.
        paced_by_segment: whether ``per_second`` counts segments rather than texts.
        per_minute: segments that all numbers together may send in a minute (10DLC campaign).
        per_day: segments that all numbers together may send in a Pacific day (10DLC brand).
    """

    look_up: bool
    reports_status: bool
    longest_body: int
    per_second: float
    receipts_name_us: bool = False
    lists: bool = False
    forgets: bool = False
    media: MediaLimits | None = None
    paced_by_segment: bool = True
    per_minute: int | None = None
    per_day: int | None = None


class Gateway(Protocol):
    """A vendor that carries texts."""

    @property
    def name(self) -> str:
        """As in URLs and in credentials.yml."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    @property
    def numbers(self) -> Sequence[str]:
        """Our numbers at this vendor, E.164."""

    @property
    def codes(self) -> Mapping[str, VendorCode]:
        """What its error codes mean for us, at sending and in receipts."""

    def verify(self, request: WebhookRequest) -> None:
        """Check that the vendor sent this request.

        Raises:
            Forbidden: it cannot be shown that it did; the reason says why.
        """

    def parse(self, request: WebhookRequest) -> list[Inbound | Receipt]:
        """What the request says.

        Raises:
            MalformedRequest: it lacks what the vendor documents as always there.
        """

    def answer(self, events: Sequence[Inbound | Receipt]) -> WebhookResponse:
        """What the vendor expects to read once ``events`` are stored."""

    async def send(self, message: Outbound, http: httpx.AsyncClient) -> Outcome:
        """Ask the vendor to send ``message``; never raises for what the network does."""

    async def find(self, message: Outbound, http: httpx.AsyncClient) -> Accepted | None:
        """Whether the vendor has ``message`` already. Only called where ``look_up`` is set.

        Raises:
            LookUpFailed: the vendor could not be asked; nothing is known.
        """

    async def ask(self, vendor_id: str, http: httpx.AsyncClient) -> Receipt | None:
        """The state of an accepted text.

        Returns:
            None where the vendor has nothing to say of it, or does not know it.

        Raises:
            LookUpFailed: the vendor could not be asked.
        """

    def texts_between(
        self, since: datetime, until: datetime, http: httpx.AsyncClient
    ) -> AsyncIterator[Listed]:
        """Every text that left our numbers in a time. Only called where ``lists`` is set.

        Raises:
            LookUpFailed: the vendor could not be asked.
        """

    async def forget(self, vendor_id: str, http: httpx.AsyncClient) -> bool:
        """Delete the vendor's copy of a text of either side, with its files.

        Only called where ``forgets`` is set.

        Returns:
            Whether it is gone, or was not there; False where the vendor keeps it until it has
            done with it.

        Raises:
            LookUpFailed: the vendor could not be asked.
        """

    def media_credentials(self, url: str) -> tuple[str, str] | None:
        """Name and password for a file that came with a text, where it is the vendor's own.

        Never for another host's address: that would hand the password to a stranger.
        """
