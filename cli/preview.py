"""``linnet send --dry-run``: what would leave, when, and what it would cost."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row
from rich.console import Console

from connectors.settings import Settings
from messaging.clock import SystemClock
from messaging.cost import Cost, cost_of
from messaging.gsm7 import names
from messaging.lanes import Lane
from messaging.media import Attachment
from messaging.outbox import NewText, texts_for
from messaging.prices import Prices
from messaging.scheduling import leaves_at, scheduled
from messaging.segments import Encoding

ALPHABETS = {Encoding.GSM7: "GSM-7", Encoding.UCS2: "UCS-2"}


def preview(
    settings: Settings,
    *,
    to: str,
    body: str,
    sender: str | None,
    media: str | None,
    console: Console,
) -> None:
    """Show the texts that would leave; sends nothing and asks nobody.

    Args:
        settings: with prices and how words become texts.
        to: the customer's number, E.164.
        body: what to text.
        sender: the number of ours that it would leave from; the first one when None.
        media: address of a file that would go with it.
        console: where it is shown.

    Raises:
        SettingsError: ``sender`` is none of our numbers.
    """
    number = sender or next(iter(next(iter(settings.gateways.values())).numbers))
    gateway = settings.gateway_for_number(number).name
    draft = NewText(
        id=uuid4(),
        conversation_id=uuid4(),
        gateway=gateway,
        sender=number,
        recipient=to,
        body=body,
        kind="notice",
        created_at=SystemClock().now(),
        media=(Attachment(media),) if media else (),
    )
    texts, prices = (
        texts_for(draft, settings.text_policies[gateway], uuid4),
        settings.prices[gateway],
    )
    costs = [cost_of(text.body, prices, media=bool(text.media)) for text in texts]
    lines = [f"From {number} ({gateway}) to {to}. Nothing is sent."]
    for text, cost in zip(texts, costs, strict=True):
        lines += ["", _title(text, cost, prices), *_reasons(text, cost), text.body]
    if len(texts) > 1:
        lines += [
            "",
            f"Together: {_charge(sum(cost.segments for cost in costs), _sum(costs), prices)}",
        ]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


async def show_hours(
    settings: Settings, url: str, to: str, not_before: datetime | None, console: Console
) -> None:
    """Show whether a notice would leave now or when it is to, and else until when it is held.

    Args:
        settings: with the hours.
        url: of the database, which knows where the phone is.
        to: the customer's number, E.164.
        not_before: when it is to leave, UTC; None for now.
        console: where it is shown.

    Raises:
        WrongTime: it cannot leave when it is to.
    """
    at = leaves_at(not_before, None, SystemClock().now())
    wished = scheduled(not_before)
    if wished is not None:
        console.print(f"\nIt would wait {wished.detail}.", highlight=False, markup=False)
    if (hours := settings.hours) is None:
        return
    async with await psycopg.AsyncConnection.connect(
        url, autocommit=True, row_factory=dict_row
    ) as connection:
        decision = await hours.decide(connection, to, Lane.REMINDER, at)
    if decision is not None:
        held = hours.held(decision, Lane.REMINDER, uuid4(), at)
        allowed = f"Allowed {'then' if wished else 'now'}: {decision.reason}"
        line = f"It would be held {held.detail}" if held else allowed
        console.print(f"\n{line}", highlight=False, markup=False, soft_wrap=True)


def _title(text: NewText, cost: Cost, prices: Prices) -> str:
    title = f"Text {text.part} of {text.parts}: " if text.parts > 1 else ""
    if text.media:
        return f"{title}one MMS, {_charge(1, cost.price, prices)}"
    used = f"{cost.units} units used, {cost.units_left} left"
    return (
        f"{title}{ALPHABETS[cost.encoding]}, {used}, {_charge(cost.segments, cost.price, prices)}"
    )


def _reasons(text: NewText, cost: Cost) -> list[str]:
    """Why it costs what it costs."""
    wide = [f"UCS-2 because of {one!r}, {names(one)}" for one in cost.offending]
    page = ["links to a page with all of it; this page is not kept"] if text.page else []
    return [*(f"replaced: {change}" for change in text.changes), *wide, *page]


def _charge(segments: int, price: Decimal | None, prices: Prices) -> str:
    counted = f"{segments} segment{'s' if segments > 1 else ''}"
    if price is None:
        return f"{counted} (its price is not configured)"
    return f"{counted}, {price.normalize():f} {prices.currency}"


def _sum(costs: list[Cost]) -> Decimal | None:
    known = [cost.price for cost in costs if cost.price is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None
