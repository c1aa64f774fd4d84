"""An inbox in memory: stores by vendor id as the database does, and can be away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.gateways.base import Gateway, Inbound, Receipt
from connectors.settings import Settings

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOW


@dataclass
class Inbox:
    texts: dict[tuple[str, str], Inbound] = field(default_factory=dict)
    receipts: dict[tuple[str, str, str], Receipt] = field(default_factory=dict)
    calls: int = 0
    failure: Exception | None = None

    async def store(
        self, gateway: str, events: Sequence[Inbound | Receipt], received_at: datetime
    ) -> None:
        self.calls += 1
        if self.failure is not None:
            raise self.failure
        for event in events:
            if isinstance(event, Inbound):
                self.texts.setdefault((gateway, event.external_id), event)
            else:
                key = (gateway, event.vendor_id, event.vendor_status)
                self.receipts.setdefault(key, event)


def settings_for(*gateways: Gateway, signature: str = "enforce") -> Settings:
    return Settings(
        public_url="https://sms.example.com",
        signature="observe" if signature == "observe" else "enforce",
        delivery="worker",
        burst_seconds=1.2,
        brand="Harbor Eye Care",
        help_contact="(212) 555-0142",
        failure_message="Sorry.",
        gateways={gateway.name: gateway for gateway in gateways},
    )
