"""``/api/notifications/preview``: what would be read, what it would cost, what would hold it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import uuid4

from fastapi import APIRouter
from pydantic import BaseModel, Field

from console.access import MAY_READ
from console.context import Context, Given
from console.openapi import answers
from console.orders import WordsOrder
from console.reports import Cost, Hold, cost, text_report
from console.trials import trial
from messaging.cost import cost_of
from messaging.notices import Notice, Refused
from messaging.outbox import NewText, texts_for

router = APIRouter(prefix="/api/notifications", tags=["notifications"])


class Wording(BaseModel):
    """One text as it would leave."""

    text: str
    encoding: str
    units: int
    """Septets (GSM-7) or UTF-16 units (UCS-2) that it takes."""
    units_left: int
    """Further units before it takes another segment."""
    segments: int
    cost: Cost | None
    offending: list[str]
    """Characters that make it UCS-2."""
    replaced: list[str]
    """What would be written otherwise to keep it GSM-7."""


class AtGateway(BaseModel):
    """What would leave over one gateway."""

    gateway: str
    segments: int
    cost: Cost | None
    texts: list[Wording]


class Refusal(BaseModel):
    """Why nothing would be sent."""

    code: str
    staff: str


class Preview(BaseModel):
    """What would become of a text."""

    text: str
    """The words with all variables filled in."""
    gateway: str | None
    """That it would leave over now."""
    sender: str | None = Field(serialization_alias="from")
    gateways: list[AtGateway]
    refused: Refusal | None
    held: Hold | None
    warnings: list[str]


@router.post("/preview", response_model=Preview, responses=answers(), dependencies=[MAY_READ])
async def preview(order: WordsOrder, context: Given) -> Preview:
    """Show the words, their segments and price at each gateway, and what would hold or forbid them.

    Nothing is sent, and nothing of it is kept.
    """
    notice, now = order.notice(context.templates), context.clock.now()
    found = await trial(context, notice, now)
    refused, first = None, None
    if isinstance(found, Refused):
        refused = Refusal(code=found.code, staff=found.staff)
    else:
        first = found[0]
    return Preview(
        text=notice.body,
        gateway=first["gateway"] if first else None,
        sender=first["sender"] if first else None,
        gateways=list(_at_gateways(context, notice, now)),
        refused=refused,
        held=text_report(first, context.prices).held if first else None,
        warnings=order.warnings(context.templates),
    )


def _at_gateways(context: Context, notice: Notice, now: datetime) -> Iterator[AtGateway]:
    for name, policy in context.desk.text_policies.items():
        draft = NewText(
            id=uuid4(),
            conversation_id=uuid4(),
            gateway=name,
            sender="",
            recipient=notice.phone,
            body=notice.body,
            kind="notice",
            created_at=now,
            media=notice.media,
        )
        texts, prices = texts_for(draft, policy, uuid4), context.prices[name]
        costs = [cost_of(text.body, prices, media=bool(text.media)) for text in texts]
        yield AtGateway(
            gateway=name,
            segments=sum(one.segments for one in costs),
            cost=cost([one.price for one in costs], prices.currency),
            texts=[
                Wording(
                    text=text.body,
                    encoding=one.encoding.value,
                    units=one.units,
                    units_left=one.units_left,
                    segments=one.segments,
                    cost=cost([one.price], prices.currency),
                    offending=list(one.offending),
                    replaced=list(map(str, text.changes)),
                )
                for text, one in zip(texts, costs, strict=True)
            ],
        )
