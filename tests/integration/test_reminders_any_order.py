"""Whatever is booked, moved, cancelled and confirmed in whatever order: once, and of what is so."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outreach.reminder_times import plan
from practice import words
from practice.errors import PracticeError
from tests.integration.engine import rows
from tests.integration.reminding import NEW_YORK, Practice, local

# The clocks go back on Nov 1 and forward on Mar 14.
BEGIN = {"autumn": local(2026, 10, 24, 9), "spring": local(2027, 3, 6, 9)}

DAYS = st.integers(0, 9)
TIMES = st.sampled_from([9, 9.5, 10, 13, 17])
PLACES = st.sampled_from(["downtown", "lakeside"])
WHICH = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("book"), DAYS, TIMES, PLACES),
    st.tuples(st.just("move"), WHICH, DAYS, TIMES, PLACES),
    st.tuples(st.just("cancel"), WHICH),
    st.tuples(st.just("confirm"), WHICH),
    st.tuples(st.just("tick"), st.sampled_from([1, 30, 120, 600, 1380])),
    st.tuples(st.just("tick"), st.sampled_from([1, 30, 120, 600, 1380])),
    st.tuples(st.just("leave")),
)

# Of each text that waits: what it is about, as it was then and as it is now.
WAITS = """
SELECT text.id, text.body, reminder.kind, reminder.start, reminder.due_at, reminder.made_at,
    reminder.appointment_id, reminder.location_id, appointment.state,
    lower(appointment.during) AS start_now, appointment.location_id AS location_now,
    greatest(appointment.created_at, (SELECT max(created_at) FROM practice_change
        WHERE appointment_id = appointment.id AND kind = 'reschedule')) AS placed_at,
    service.reminders
FROM outbound_text AS text
JOIN reminder ON text.id = ANY(text_ids) AND withdrawn_at IS NULL
JOIN appointment ON appointment.id = appointment_id
JOIN service ON service.id = service_id
WHERE text.state = 'pending'
"""
EMPTY = """
DELETE FROM reminder; DELETE FROM opening; DELETE FROM outbound_text; DELETE FROM sent_body;
DELETE FROM practice_change; DELETE FROM appointment;
"""


class Run:
    """One order of things, with a clock of its own."""

    def __init__(self, practice: Practice, begin: datetime) -> None:
        self.practice, self.begin, self.now = practice, begin, begin
        self.made: list = []
        self.left: Counter[tuple] = Counter()

    def _start(self, day: int, hour: float) -> datetime:
        there = self.begin.astimezone(NEW_YORK) + timedelta(days=day)
        return there.replace(hour=int(hour), minute=int(hour % 1 * 60))

    async def do(self, step: tuple) -> None:
        name, *more = step
        with suppress(PracticeError):  # it is taken, closed, over, or cancelled before
            await getattr(self, name)(*more)

    async def book(self, day: int, hour: float, place: str) -> None:
        start = self._start(day, hour)
        self.made.append(await self.practice.book(start, self.now, location=place))

    async def move(self, which: int, day: int, hour: float, place: str) -> None:
        if self.made:
            one = self.made[which % len(self.made)]
            await self.practice.move(one, self._start(day, hour), self.now, place)

    async def cancel(self, which: int) -> None:
        if self.made:
            await self.practice.cancel(self.made[which % len(self.made)], self.now)

    async def confirm(self, which: int) -> None:
        if self.made:
            await self.practice.confirm(self.made[which % len(self.made)], self.now)

    async def tick(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        await self.practice.remind(self.now)

    async def leave(self) -> None:
        """What waits leaves now: it must be so at this moment."""
        for one in await rows(self.practice.pool, WAITS):
            assert one["state"] in {"booked", "confirmed"}
            assert one["start"] == one["start_now"]
            assert one["location_id"] == one["location_now"]
            assert words.when(one["start"], NEW_YORK.key) in one["body"]
            assert ("as agreed" in one["body"]) <= (one["state"] == "confirmed")
            due = {
                due.lead.key: due
                for due in plan(one["reminders"], one["start"], NEW_YORK.key, one["placed_at"])
            }[one["kind"]]
            assert due.at == one["due_at"]
            assert one["made_at"] < one["start"]
            key = (one["appointment_id"], one["kind"], one["start"], one["location_id"])
            self.left[key] += 1
        await self.practice.leave()


async def test_any_order_of_changes_and_ticks(pool):
    practice = Practice(pool)
    await practice.load(BEGIN["autumn"])
    sent: Counter[str] = Counter()

    async def one_order(season: str, steps: list[tuple]) -> None:
        async with pool.connection() as connection:
            await connection.execute(EMPTY)
        run = Run(practice, BEGIN[season])
        for step in [*steps, ("leave",)]:
            await run.do(step)
        assert set(run.left.values()) <= {1}
        sent.update(kind for _, kind, *_ in run.left)

    await every(one_order)
    assert set(sent) == {"7d", "24h", "2h"}, "the orders tried are to reach every reminder"


async def every(one_order) -> None:
    """Hypothesis chooses the orders; it calls no coroutines, so they run in this loop's thread."""
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.sampled_from(sorted(BEGIN)), st.lists(STEPS, min_size=12, max_size=40))
    def orders(season, steps):
        asyncio.run_coroutine_threadsafe(one_order(season, steps), loop).result(60)

    await asyncio.to_thread(orders)
