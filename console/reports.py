"""What the API tells of texts: how far they are, what they cost, what holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from messaging.prices import Prices
from messaging.states import TextState, word, worst

State = Literal["pending", "sent", "delivered", "failed", "unknown"]


class Cost(BaseModel):
    """What the gateway will charge, as far as prices are configured."""

    amount: str
    """Exactly, as a decimal number."""
    currency: str


class Hold(BaseModel):
    """Why a text waits."""

    until: datetime
    code: str
    reason: str


class Fault(BaseModel):
    """Why a text was not delivered."""

    code: str
    staff: str


class Event(BaseModel):
    """Something that happened to a text."""

    at: datetime
    what: str
    code: str | None
    detail: str


class TextReport(BaseModel):
    """One text of a notification; a long one has several."""

    id: UUID
    part: int
    state: State
    segments: int
    cost: Cost | None
    held: Hold | None
    error: Fault | None


class TextStory(TextReport):
    """One text with what happened to it."""

    events: list[Event]


class Taken(BaseModel):
    """A notification that was put into the outbox; or would be, in a dry run."""

    id: UUID | None
    """None in a dry run."""
    state: State
    segments: int
    cost: Cost | None
    held: Hold | None
    texts: list[TextReport]
    warnings: list[str]
    dry_run: bool


class Report(BaseModel):
    """A notification and how far it is: as far as the worst of its texts."""

    id: UUID
    to: str
    sender: str = Field(serialization_alias="from")
    gateway: str
    template: str | None
    created_at: datetime
    expires_at: datetime
    state: State
    segments: int
    cost: Cost | None
    held: Hold | None
    texts: list[TextReport]


class ReportWithEvents(Report):
    """A notification with all that happened to its texts."""

    texts: list[TextStory]  # type: ignore[assignment]


class Page(BaseModel):
    """Some notifications, the newest first."""

    notifications: list[Report]
    next: UUID | None
    """What to hand in as `after` to go on; none at the end."""


class Withdrawn(BaseModel):
    """What became of a wish to take a notification back."""

    withdrawn: list[UUID]
    """Texts that will not be sent."""
    stays: list[UUID]
    """Texts that are under way, out, or had failed before."""


def text_report(row: Mapping[str, Any], prices: Mapping[str, Prices]) -> TextReport:
    """A text as the API tells it.

    Args:
        row: of the table.
        prices: by gateway.
    """
    held, fault = None, None
    if row["held_code"] is not None:
        held = Hold(
            until=_utc(row["next_attempt_at"]), code=row["held_code"], reason=row["held_detail"]
        )
    if row["error_code"] is not None and row["state"] in {TextState.FAILED, TextState.UNKNOWN}:
        fault = Fault(code=row["error_code"], staff=row["error_staff"] or "")
    return TextReport(
        id=row["id"],
        part=row["part"],
        state=_word([row]),
        segments=row["segments"],
        cost=_cost([row], prices),
        held=held,
        error=fault,
    )


def taken(
    rows: Sequence[Mapping[str, Any]],
    prices: Mapping[str, Prices],
    *,
    warnings: list[str],
    dry_run: bool,
) -> Taken:
    """What was just put into the outbox.

    Args:
        rows: of the table, in order.
        prices: by gateway.
        warnings: what is better said otherwise.
        dry_run: whether it was undone.
    """
    texts = [text_report(row, prices) for row in rows]
    return Taken(
        id=None if dry_run else texts[0].id,
        state=_word(rows),
        segments=sum(row["segments"] for row in rows),
        cost=_cost(rows, prices),
        held=texts[0].held,
        texts=texts,
        warnings=warnings,
        dry_run=dry_run,
    )


def report(rows: Sequence[Mapping[str, Any]], prices: Mapping[str, Prices]) -> Report:
    """A notification as the API tells it.

    Args:
        rows: of its texts, in order.
        prices: by gateway.
    """
    first = rows[0]
    return Report(
        id=first["notification"],
        to=first["recipient"],
        sender=first["sender"],
        gateway=first["gateway"],
        template=first["template"],
        created_at=_utc(first["created_at"]),
        expires_at=_utc(max(row["expires_at"] for row in rows)),
        state=_word(rows),
        segments=sum(row["segments"] for row in rows),
        cost=_cost(rows, prices),
        held=text_report(first, prices).held,
        texts=[text_report(row, prices) for row in rows],
    )


def price_of(segments: int, prices: Prices, *, media: bool) -> Decimal | None:
    """What one text costs; None where prices are not configured.

    Args:
        segments: of the text.
        prices: of its gateway.
        media: whether files go with it, which makes it one MMS.
    """
    if media:
        return prices.per_media
    return None if prices.per_segment is None else prices.per_segment * segments


def cost(amounts: Sequence[Decimal | None], currency: str) -> Cost | None:
    """What several texts cost together; None where one price is not known.

    Args:
        amounts: of each.
        currency: of all.
    """
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        return None
    return Cost(amount=f"{sum(known, Decimal(0)).normalize():f}", currency=currency)


def _cost(rows: Sequence[Mapping[str, Any]], prices: Mapping[str, Prices]) -> Cost | None:
    # A gateway that is not configured any more has no prices.
    of = [prices.get(row["gateway"], Prices()) for row in rows]
    amounts = [
        price_of(row["segments"], one, media=row["media"])
        for row, one in zip(rows, of, strict=True)
    ]
    return cost(amounts, of[0].currency)


def _word(rows: Sequence[Mapping[str, Any]]) -> State:
    return word(worst(TextState(row["state"]) for row in rows))  # type: ignore[return-value]


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
