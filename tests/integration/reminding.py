"""Parts that tests of reminders share: a practice, a desk, and what stands in the outbox."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from database.pool import Pool
from messaging.clock import TimeOrderedIds
from messaging.consent import ConsentPolicy
from messaging.notices import NoticeDesk
from messaging.phone_hours import QuietHours
from messaging.routing import candidates_of
from outreach import missed, recall, reminders
from outreach.templates import load_templates
from practice import appointments
from practice.appointments import Appointment
from practice.attendance import Attendance, mark
from practice.customers import remember_customer
from practice.sample import load_sample
from tests.integration.engine import WORDS, ScriptedGateway, rows

NEW_YORK = ZoneInfo("America/New_York")
PHONE = "+12125550190"
TEXTS = load_templates(
    Path(__file__).parents[2] / "notices.yml",
    {"brand": "Harbor Eye Care", "help_contact": "(212) 555-0142"},
)
_keys = count(1)


def local(*parts: int) -> datetime:
    """A moment on the practice's wall clock."""
    return datetime(*parts, tzinfo=NEW_YORK).astimezone(UTC)


def desk(hours: QuietHours | None = None) -> NoticeDesk:
    gateways = {"twilio": ScriptedGateway()}
    candidates = candidates_of(gateways, {"twilio": 100})
    new_id = TimeOrderedIds().new_id
    return NoticeDesk({"twilio": WORDS}, candidates, ConsentPolicy(), hours, new_id, lambda: 0.0)


class Practice:
    """The sample business without its sample customers' appointments, at the times of a test.

    Args:
        pool: of connections.
        hours: of phones; None where texts leave at any.
    """

    def __init__(self, pool: Pool, hours: QuietHours | None = None) -> None:
        self.pool, self.desk = pool, desk(hours)

    async def load(self, now: datetime) -> None:
        async with self.pool.connection() as connection:
            await load_sample(connection, now)
            await connection.execute(
                "DELETE FROM practice_change; DELETE FROM appointment; DELETE FROM customer"
            )
            await remember_customer(connection, PHONE, "Ann Lee")

    async def book(self, start: datetime, now: datetime, **other: str) -> Appointment:
        wanted = {"phone": PHONE, "name": "Ann Lee", "service": "eye_exam", "location": "downtown"}
        async with self.pool.connection() as connection:
            return await appointments.book(
                connection, f"b{next(_keys)}", start=start, now=now, **wanted | other
            )

    async def move(
        self, made: Appointment, start: datetime, now: datetime, location: str | None = None
    ) -> Appointment:
        async with self.pool.connection() as connection:
            return await appointments.reschedule(
                connection,
                f"m{next(_keys)}",
                phone=made.phone,
                appointment_id=made.id,
                start=start,
                location=location,
                now=now,
            )

    async def cancel(self, made: Appointment, now: datetime) -> Appointment:
        return await self._change(appointments.cancel, made, now)

    async def confirm(self, made: Appointment, now: datetime) -> Appointment:
        return await self._change(appointments.confirm, made, now)

    async def _change(self, change, made: Appointment, now: datetime) -> Appointment:
        async with self.pool.connection() as connection:
            return await change(
                connection, f"c{next(_keys)}", phone=made.phone, appointment_id=made.id, now=now
            )

    async def mark(self, attendance: Attendance, made: Appointment, now: datetime) -> Appointment:
        async with self.pool.connection() as connection:
            return await mark(
                connection, f"a{next(_keys)}", attendance, reference=made.reference, now=now
            )

    async def remind(self, now: datetime) -> int:
        async with self.pool.connection() as connection:
            return await reminders.remind(connection, self.desk, TEXTS, now)

    async def follow_up(self, now: datetime) -> int:
        async with self.pool.connection() as connection:
            return await missed.follow_up(connection, self.desk, TEXTS, now)

    async def call_back(self, now: datetime) -> int:
        async with self.pool.connection() as connection:
            return await recall.call_back(connection, self.desk, TEXTS, now)

    async def texts(self) -> list[dict]:
        return await rows(
            self.pool,
            "SELECT id, recipient, body, lane, subject, state, error_code, error_staff"
            " FROM outbound_text ORDER BY seq",
        )

    async def bodies(self, *states: str) -> list[str]:
        """What is said by texts in these states, or by all that did not fail; without the brand."""
        return [
            text["body"].removeprefix("Harbor Eye Care: ")
            for text in await self.texts()
            if text["state"] in (states or ("pending", "sent"))
        ]

    async def leave(self) -> None:
        """All that waits is sent."""
        async with self.pool.connection() as connection:
            await connection.execute(
                "UPDATE outbound_text SET state = 'sent', vendor_id = id WHERE state = 'pending'"
            )

    async def made(self) -> list[dict]:
        return await rows(
            self.pool,
            "SELECT appointment_id, kind, start, due_at, text_ids, refusal,"
            " withdrawn_at IS NOT NULL AS withdrawn FROM reminder ORDER BY id",
        )
