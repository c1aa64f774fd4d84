"""Why the business cannot do what was asked, as data.

PracticeError
├── SlotTaken          that time cannot be had; says which ones can
├── OutsideHours       the location is not open then
├── InThePast          the time, or the appointment, is over
├── NotFound           there is no such appointment for this phone
├── AlreadyCancelled   the appointment was cancelled before
├── NotBegun           nobody can have kept or missed it yet
├── UnknownService     there is no such service
├── UnknownLocation    there is no such location
├── RemindersFull      the phone has asked for as many reminders as can wait
├── WrongCatalogue     what the business offers is written down wrongly
└── KeyReused          one idempotency key stands for two changes
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from practice.offers import Slot


class PracticeError(Exception):
    """The root. Nothing was changed when one of these is raised.

    Attributes:
        code: stable, for dashboards and documentation.
        staff: one sentence for the front desk.
        retry: whether trying the same thing again can help.
        detail: one sentence for engineers.
    """

    code: ClassVar[str] = "practice"
    staff: ClassVar[str] = "The appointment book could not do this."
    retry: ClassVar[bool] = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class SlotTaken(PracticeError):
    """That time cannot be had (any more): nobody is free, or no appointment starts then.

    Attributes:
        nearest: free ones, the nearest first; may be empty.
    """

    code = "practice.slot-taken"
    staff = "The time was taken by somebody else; the customer was offered others."

    def __init__(self, detail: str, nearest: Iterable[Slot]) -> None:
        super().__init__(detail)
        self.nearest = list(nearest)


class OutsideHours(PracticeError):
    """The location is not open for the whole of the appointment.

    Attributes:
        hours: when it is open that day, for a text: "9:00am-6:00pm" or "closed".
    """

    code = "practice.outside-hours"
    staff = "The customer asked for a time when the location is closed."

    def __init__(self, detail: str, hours: str) -> None:
        super().__init__(detail)
        self.hours = hours


class InThePast(PracticeError):
    """The time asked for, or the appointment to change, has begun or is over."""

    code = "practice.in-the-past"
    staff = "The customer asked for a time that is over."


class NotFound(PracticeError):
    """There is no such appointment for this phone."""

    code = "practice.not-found"
    staff = "The customer has no such appointment."


class AlreadyCancelled(PracticeError):
    """The appointment was cancelled before."""

    code = "practice.already-cancelled"
    staff = "The appointment was cancelled before."


class NotBegun(PracticeError):
    """The appointment lies ahead, so nobody can have kept or missed it."""

    code = "practice.not-begun"
    staff = "The appointment has not begun."


class UnknownService(PracticeError):
    """There is no service with this key."""

    code = "practice.unknown-service"
    staff = "The assistant asked for a service that is not in the catalogue."


class UnknownLocation(PracticeError):
    """There is no location with this key."""

    code = "practice.unknown-location"
    staff = "The assistant asked for a location that is not in the catalogue."


class RemindersFull(PracticeError):
    """The phone has asked for as many reminders as can wait; one must go before another."""

    code = "practice.reminders-full"
    staff = "The customer has asked for as many reminders as can wait."


class WrongCatalogue(PracticeError):
    """What the business offers is written down wrongly; the detail says what to write."""

    code = "practice.wrong-catalogue"
    staff = "The list of services is written wrongly."


class KeyReused(PracticeError):
    """The idempotency key stands for another change; whoever calls must make keys that differ."""

    code = "practice.key-reused"
    staff = "The assistant mixed up two changes; please check the appointment."
