"""Counts what the carrier sees, for load tests and for curiosity."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, fields
from typing import Any


def _seconds() -> array[float]:
    return array("d")


@dataclass(slots=True)
class Counts:
    """What happened at one gateway.

    Attributes:
        texts_in: texts of phones to the assistant.
        texts_out: texts of the assistant that were accepted.
        texts_shown: those of ``texts_out`` that reached a phone.
        refused: sends that were answered with an error.
        lost: texts of phones that the assistant never acknowledged.
        webhook_attempts: requests that carried a text of a phone.
        webhooks_acknowledged: of these, answered as the vendor expects.
        receipt_attempts: requests that carried a receipt.
        receipts_acknowledged: of these, answered as the vendor expects.
        acknowledgements: seconds until each webhook with a text was acknowledged.
    """

    texts_in: int = 0
    texts_out: int = 0
    texts_shown: int = 0
    refused: int = 0
    lost: int = 0
    webhook_attempts: int = 0
    webhooks_acknowledged: int = 0
    receipt_attempts: int = 0
    receipts_acknowledged: int = 0
    acknowledgements: array[float] = field(default_factory=_seconds)

    def reset(self) -> None:
        """Count from zero again."""
        for each in fields(self):
            setattr(self, each.name, _seconds() if each.name == "acknowledgements" else 0)

    def as_json(self) -> dict[str, Any]:
        """As the API shows it; times in milliseconds."""
        ordered = sorted(self.acknowledgements)
        return {
            "texts_in": self.texts_in,
            "texts_out": self.texts_out,
            "texts_shown": self.texts_shown,
            "refused": self.refused,
            "lost": self.lost,
            "webhook_attempts": self.webhook_attempts,
            "webhooks_acknowledged": self.webhooks_acknowledged,
            "receipt_attempts": self.receipt_attempts,
            "receipts_acknowledged": self.receipts_acknowledged,
            "acknowledgement_ms": {
                "count": len(ordered),
                "p50": _milliseconds(ordered, 0.50),
                "p95": _milliseconds(ordered, 0.95),
                "p99": _milliseconds(ordered, 0.99),
                "max": _milliseconds(ordered, 1.0),
            },
        }


def _milliseconds(ordered: list[float], quantile: float) -> float | None:
    """The smallest value that at least this share of all values does not exceed."""
    if not ordered:
        return None
    rank = max(1, -int(-quantile * len(ordered) // 1))
    return round(ordered[rank - 1] * 1000, 3)
