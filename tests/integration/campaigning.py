"""Parts that tests of campaigns share: a desk on strings, recipients, campaigns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from messaging.clock import TimeOrderedIds
from messaging.consent import ConsentEvent, ConsentPolicy, Direction, Method
from messaging.consent_changes import record
from messaging.notices import NoticeDesk
from messaging.phone_hours import QuietHours
from messaging.routing import Candidate
from messaging.text_policy import TextPolicy
from outreach import campaign_actions
from outreach.audience import Recipient, Report
from outreach.campaigns import Campaign, Plan
from outreach.templates import NoticeClass
from tests.integration.engine import OURS

NOON = datetime(2026, 11, 16, 17, tzinfo=UTC)  # a Monday, in New York


def desk(hours: QuietHours | None = None, **more: Any) -> NoticeDesk:
    usual = {
        "text_policies": {"twilio": TextPolicy(longest=1600)},
        "candidates": [Candidate("twilio", (OURS,), 100, 1600)],
        "consent": ConsentPolicy(),
        "hours": hours,
        "new_id": TimeOrderedIds().new_id,
        "random": lambda: 0.0,
    }
    return NoticeDesk(**(usual | more))


class Listed:
    """An audience of a test's own."""

    source: Mapping[str, Any] = {"csv": "list.csv"}

    def __init__(self, phones: Iterable[str]) -> None:
        self._phones = list(phones)
        self.report = Report(taken=len(self._phones))

    async def batches(self) -> AsyncIterator[list[Recipient]]:
        yield [Recipient(phone, {"name": "Ann"}) for phone in self._phones]


def phones(count: int, first: int = 0) -> list[str]:
    return [f"+1212{2_000_000 + number}" for number in range(first, first + count)]


def plan(name: str = "one", kind: NoticeClass = NoticeClass.TRANSACTIONAL, **more: Any) -> Plan:
    usual = {"text": "We are closed, {name}.", "subject": "closing", "per_minute": 60_000}
    return Plan(name=name, notice_class=kind, **(usual | more))


async def made(pool, wanted: Plan, to: Iterable[str], actor: str = "Ann") -> Campaign:
    return await campaign_actions.create(pool, wanted, Listed(to), actor, NOON, lambda _: None)


async def started(pool, wanted: Plan, to: Iterable[str]) -> Campaign:
    await made(pool, wanted, to)
    return await campaign_actions.start(pool, wanted.name, "Ann", NOON)


def said(phone: str, direction: Direction, scope: str = "all", **more: Any) -> ConsentEvent:
    usual = {
        "method": Method.WEB,
        "actor": "Ann",
        "recorded_at": NOON,
        "captured_at": NOON,
        "disclosure": "We text you offers.",
    }
    return ConsentEvent(phone=phone, direction=direction, scope=scope, **(usual | more))


async def tell(pool, *events: ConsentEvent) -> None:
    async with pool.connection() as connection, connection.transaction():
        await record(connection, events)
