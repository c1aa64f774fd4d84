"""A change that was summarised and waits for the customer's YES or NO."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from practice.records import Appointment

Kind = Literal["book", "reschedule", "cancel", "confirm"]

DEFAULT_MINUTES = 30.0
REMEMBERED = timedelta(hours=24)


def confirmation_time() -> timedelta:
    """How long a YES counts: ``LINNET_CONFIRMATION_MINUTES``, else half an hour.

    Raises:
        ValueError: the setting is not a positive number; the sentence says what to write.
    """
    written = os.environ.get("LINNET_CONFIRMATION_MINUTES")
    if not written:
        return timedelta(minutes=DEFAULT_MINUTES)
    try:
        minutes = float(written)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise ValueError(
            f"LINNET_CONFIRMATION_MINUTES is {written!r}; write a number of minutes, such as 30"
        )
    return timedelta(minutes=minutes)


@dataclass(frozen=True, slots=True)
class PendingChange:
    """What a YES would do; the value of the slot ``pending_change``.

    Once it was declined, expired or is being changed, it lies in the slot ``shelved_change``,
    where YES does not reach it: the ground for another time or a fresh start.

    Attributes:
        kind: which change.
        expires_at: aware; a YES that was received later changes nothing.
        service: key; of ``book``.
        location: key; of ``book``.
        start: aware; of ``book`` and ``reschedule``.
        name: the customer's; of ``book``.
        appointment_id: of all but ``book``.
        reference: of the same appointment.
    """

    kind: Kind
    expires_at: datetime
    service: str | None = None
    location: str | None = None
    start: datetime | None = None
    name: str | None = None
    appointment_id: int | None = None
    reference: str | None = None

    @classmethod
    def of(cls, kind: Kind, appointment: Appointment, expires_at: datetime) -> PendingChange:
        """A change of an appointment as it stands, until a moment (aware)."""
        return cls(
            kind=kind,
            expires_at=expires_at,
            location=appointment.location.key,
            start=appointment.start,
            appointment_id=appointment.id,
            reference=appointment.reference,
        )

    @classmethod
    def from_slot(cls, value: dict[str, Any] | None) -> PendingChange | None:
        """The change that the slot holds, or None."""
        if not value:
            return None
        start = value["start"]
        return cls(
            **{
                **value,
                "expires_at": datetime.fromisoformat(value["expires_at"]),
                "start": datetime.fromisoformat(start) if start else None,
            }
        )

    def to_slot(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return {
            **asdict(self),
            "expires_at": self.expires_at.isoformat(),
            "start": self.start.isoformat() if self.start else None,
        }

    def is_over(self, moment: datetime) -> bool:
        """Whether a YES that was received at a moment comes too late."""
        return moment > self.expires_at

    def is_forgotten(self, moment: datetime) -> bool:
        """Whether so much time has passed that a new request is a new request."""
        return moment > self.expires_at + REMEMBERED

    @property
    def form(self) -> str:
        """The form that begins this kind of change."""
        return f"{self.kind}_form"
