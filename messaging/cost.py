"""What a text costs, exactly: before it is sent, and as the gateway will charge it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from messaging.prices import Prices
from messaging.segments import (
    Encoding,
    encoding_of,
    offending,
    segment_count,
    unit_count,
    units_left,
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one text costs.

    Attributes:
        encoding: how the network writes it.
        units: septets (GSM-7) or UTF-16 units (UCS-2) that it takes.
        units_left: further units before it takes another segment.
        segments: that are charged.
        offending: the characters that make it UCS-2, each once.
        price: in the currency of the prices; None where they are not known.
    """

    encoding: Encoding
    units: int
    units_left: int
    segments: int
    offending: tuple[str, ...]
    price: Decimal | None


def cost_of(body: str, prices: Prices, *, media: bool = False) -> Cost:
    """What ``body`` costs.

    Args:
        body: one text as it leaves.
        prices: of the gateway.
        media: it leaves with files, as one MMS whatever its length.

    >>> cost_of("Hi", Prices(per_segment=Decimal("0.0079"))).price
    Decimal('0.0079')
    """
    segments = 1 if media else segment_count(body)
    price = prices.per_media if media else prices.per_segment
    return Cost(
        encoding=encoding_of(body),
        units=unit_count(body),
        units_left=units_left(body),
        segments=segments,
        offending=offending(body),
        price=None if price is None else price * segments,
    )
