"""A text on its way, as everything in the simulator hands it on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from messaging.segments import segment_count
from simulator.media import Medium


class Status(StrEnum):
    """How far a text has come, in the words that a phone shows."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    FAILED = "failed"


@dataclass(slots=True, eq=False)
class Text:
    """A text on its way.

    Attributes:
        id: the vendor's.
        gateway: whose.
        from_phone: a customer sent it; otherwise the assistant did.
        sender: E.164.
        recipient: E.164.
        body: what is written.
        media: what comes with it.
        created_at: when the carrier accepted it.
        accepted_at: the same, in seconds since the carrier began.
        position: among all texts at its gateway, in the order in which they were accepted.
        changed_at: when its status last changed.
        sent_at: when it left for the handset.
        status: how far it is.
        shown: it is on the phone.
        error_code: the vendor's, where it failed.
        callback: where its receipts are posted.
        service: the messaging service that it was sent through.
        reference: the assistant's own id, where the vendor takes one.
        wants_receipt: the assistant asked to know when it arrives.
        deleted: the account has deleted its record; the phone still shows it.
        status_seen_late: seconds by which the vendor's record lags; None for ever.
        segments: what it costs on the network; a text with media is one message.
    """

    id: str
    gateway: str
    from_phone: bool
    sender: str
    recipient: str
    body: str
    media: tuple[Medium, ...]
    created_at: datetime
    accepted_at: float
    position: int
    changed_at: datetime
    sent_at: datetime | None = None
    status: Status = Status.QUEUED
    shown: bool = False
    error_code: int | None = None
    callback: str | None = None
    service: str | None = None
    reference: str | None = None
    wants_receipt: bool = False
    deleted: bool = False
    status_seen_late: float | None = 0.0
    segments: int = field(init=False)

    def __post_init__(self) -> None:
        """Count segments once: answers, pace and benchmarks all ask for them."""
        self.segments = 1 if self.media else segment_count(self.body)

    @property
    def phone(self) -> str:
        """The customer's number."""
        return self.sender if self.from_phone else self.recipient

    @property
    def number(self) -> str:
        """The assistant's number."""
        return self.recipient if self.from_phone else self.sender

    def as_shown(self) -> dict[str, Any]:
        """As the phone shows it."""
        return {
            "id": self.id,
            "direction": "sent" if self.from_phone else "received",
            "from": self.sender,
            "to": self.recipient,
            "body": self.body,
            "media": [medium.url for medium in self.media],
            "media_types": [medium.content_type for medium in self.media],
            "status": self.status.value,
            "at": (self.sent_at or self.created_at).isoformat(timespec="milliseconds"),
        }
