"""What the conversation tests share: a stack that watches its phones, and talks in step."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, cycle
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from database.pool import make_pool
from practice.appointments import Appointment, book
from practice.words import when
from tests.stack import Phone, Stack

NEW_YORK = "America/New_York"
DOWNTOWN = "Harbor Eye Care Downtown, 210 Water St, New York"
LAKESIDE = "Harbor Eye Care Lakeside, 88 Lakeside Ave, New York"
REFERENCE = r"HEC-[0-9A-Z]{4}"
FRIDAY = 4
NEAR_DAY, FIRST_DAY = 11, 21  # after the appointments of the sample business
# A number sends one text a second (IntelePeer: one in two), so the phones share out several.
NUMBERS = {
    "twilio": [f"+1212555014{digit}" for digit in (2, 4, 5, 6, 7, 8, 9)],
    "intelepeer": ["+12125550143", "+12125550153"],
}

_APPOINTMENTS = """
SELECT reference, state, customer_name AS name, service.key AS service, location.key AS location,
    lower(during) AS start
FROM appointment JOIN customer ON customer.id = customer_id
    JOIN service ON service.id = service_id JOIN location ON location.id = location_id
WHERE phone = %(phone)s ORDER BY appointment.id
"""


class Practice(Stack):
    """A stack that knows its phones, and a practice in which every test has days of its own."""

    def __init__(self, data_dir: Path, port_base: int, **environ: str) -> None:
        ours = {f"{name.upper()}_NUMBERS": ",".join(numbers) for name, numbers in NUMBERS.items()}
        super().__init__(data_dir, port_base, **(ours | environ))
        self.phones: list[Phone] = []
        self._ours = {name: cycle(numbers) for name, numbers in NUMBERS.items()}
        self._near, self._ahead = count(NEAR_DAY), count(FIRST_DAY)

    def phone(self, gateway: str = "twilio", number: str | None = None) -> Phone:
        """A phone; its texts are checked after the test."""
        phone = super().phone(gateway, number)
        phone.ours = next(self._ours[gateway])
        self.phones.append(phone)
        return phone

    def day(self, *, near: bool = False) -> date:
        """A working day, Monday to Friday, on which nobody has booked anything.

        Args:
            near: within what a reminder may lie ahead.
        """
        ahead = self._near if near else self._ahead
        closed = {row["day"] for row in self.rows("SELECT day FROM closure")}
        today = datetime.now(ZoneInfo(NEW_YORK)).date()
        while True:
            day = today + timedelta(days=next(ahead))
            if day.weekday() <= FRIDAY and day not in closed:
                return day

    def booked(
        self,
        phone: Phone,
        start: datetime,
        service: str = "eye_exam",
        location: str = "downtown",
    ) -> Appointment:
        """Book as the front desk did two hours ago, without a text."""

        async def make() -> Appointment:
            async with make_pool(self.info["database_url"]) as pool, pool.connection() as opened:
                return await book(
                    opened,
                    str(uuid4()),
                    phone=phone.number,
                    name="Rosa Diaz",
                    service=service,
                    location=location,
                    start=start,
                    now=datetime.now(UTC) - timedelta(hours=2),
                )

        return asyncio.run(make())

    def fill(self, start: datetime, *, leaving: int = 0) -> None:
        """Book everybody who does eye exams downtown then, but for a few."""
        row = self.rows(
            "SELECT count(*) AS staff FROM staff JOIN location ON location.id = location_id"
            " JOIN staff_service ON staff_service.staff_id = staff.id"
            " JOIN service ON service.id = service_id"
            " WHERE location.key = 'downtown' AND service.key = 'eye_exam'"
        )[0]
        for number in range(row["staff"] - leaving):
            self.booked(Phone(self, f"+1212555019{number}", ""), start)

    def appointments(self, phone: Phone) -> list[dict[str, Any]]:
        """What the book holds for a phone, the first booked first."""
        return self.rows(_APPOINTMENTS, phone=phone.number)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """A moment on the wall clock of the practice."""
    return datetime.combine(day, time(hour, minute), ZoneInfo(NEW_YORK))


def said(moment: datetime) -> str:
    """A moment as the assistant writes it: ``Tue Nov 24 at 9:00am``."""
    return when(moment, NEW_YORK)


def typed(day: date) -> str:
    """A day as customers write it: ``11/24``."""
    return f"{day.month}/{day.day}"


def converse(phone: Phone, *steps: tuple[str, str]) -> list[str]:
    """Text, wait for the answer, and go on if it is the right one.

    Args:
        phone: that texts.
        steps: what is texted, and a pattern that the whole answer must contain.

    Returns:
        The answers.
    """
    answers: list[str] = []
    for body, pattern in steps:
        answers.append(phone.ask(body))
        if not re.search(pattern, answers[-1], re.DOTALL):
            thread = "\n".join(f"{item['direction']:8} {item['body']}" for item in phone.thread())
            raise AssertionError(f"{body!r} was not answered with {pattern!r}:\n{thread}")
    return answers


def together(*talks: Callable[[], Any]) -> list[Any]:
    """Hold several conversations at the same time; what each of them returns."""
    with ThreadPoolExecutor(len(talks)) as threads:
        return [talk.result() for talk in [threads.submit(talk) for talk in talks]]
