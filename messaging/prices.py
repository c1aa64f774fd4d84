"""What a gateway charges, as the settings say. Light: settings are read before anything else."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Prices:
    """What one gateway charges; None where the settings do not say.

    Attributes:
        per_segment: for each segment of a text.
        per_media: for a text with files, whatever it says (an MMS).
        currency: ISO 4217.
    """

    per_segment: Decimal | None = None
    per_media: Decimal | None = None
    currency: str = "USD"
