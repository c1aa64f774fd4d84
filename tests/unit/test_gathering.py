"""Many things in one commit, and what each of those who wait is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import psycopg

from messaging import gathering
from messaging.gathering import MOST, Gathering


class Table:
    """Takes things when it is told to, and refuses some."""

    def __init__(self, *, refused: Sequence[int] = (), away: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.refused = set(refused)
        self.away = away
        self.things = Gathering(self.write)

    async def write(self, things: Sequence[int]) -> list[int]:
        self.batches.append(list(things))
        await self.open.wait()
        if self.away:
            raise psycopg.OperationalError("away")
        if self.refused & set(things):
            raise psycopg.errors.UniqueViolation("there is one")
        return [thing * 10 for thing in things]

    async def put(self, *things: int) -> list[asyncio.Task[int]]:
        tasks = [asyncio.create_task(self.things.put(thing)) for thing in things]
        await asyncio.sleep(0)  # each has said what it wants
        await asyncio.sleep(0)  # and the writer has begun
        return tasks


async def results(tasks: Sequence[asyncio.Task[int]]) -> list[int | str]:
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    return [type(end).__name__ if isinstance(end, BaseException) else end for end in ends]


async def test_a_lone_thing_does_not_wait():
    table = Table()
    table.open.set()
    assert await table.things.put(1) == 10
    assert await table.things.put(2) == 20
    assert table.batches == [[1], [2]]


async def test_what_comes_while_a_commit_is_under_way_is_the_next_one():
    table = Table()
    tasks = await table.put(1)
    tasks += await table.put(2, 3)
    tasks += await table.put(4)
    assert table.batches == [[1]]
    table.open.set()
    assert await results(tasks) == [10, 20, 30, 40]
    assert table.batches == [[1], [2, 3, 4]]


async def test_a_commit_has_an_end():
    table = Table()
    tasks = await table.put(*range(2 * MOST + 1))
    table.open.set()
    assert len(await results(tasks)) == 2 * MOST + 1
    assert [len(batch) for batch in table.batches] == [MOST, MOST, 1]


async def test_one_that_cannot_be_written_harms_no_other():
    table = Table(refused=[3])
    tasks = await table.put(1)
    tasks += await table.put(2, 3, 4)
    table.open.set()
    assert await results(tasks) == [10, 20, "UniqueViolation", 40]
    assert table.batches == [[1], [2, 3, 4], [2], [3], [4]]


async def test_with_the_database_away_nothing_is_tried_one_by_one():
    table = Table(away=True)
    tasks = await table.put(1)
    tasks += await table.put(2, 3)
    table.open.set()
    assert await results(tasks) == ["OperationalError"] * 3
    assert table.batches == [[1], [2, 3]]


async def test_one_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(gathering, "COMMIT_SECONDS", 0.05)
    table = Table()
    first = await table.put(1)
    later = await table.put(2)
    assert await results(first) == ["OperationalError"]
    table.open.set()
    assert await results(later) == [20]


async def test_nobody_waits_for_what_was_cancelled():
    table = Table()
    (gone, stays) = await table.put(1, 2)
    gone.cancel()
    table.open.set()
    assert await results([gone, stays]) == ["CancelledError", 20]
    assert await table.things.put(3) == 30


about = ContextVar("about", default="nothing")


async def test_a_commit_is_not_about_the_first_of_its_things():
    seen: list[str] = []

    async def write(things: Sequence[str]) -> Sequence[str]:
        seen.append(about.get())
        return things

    about.set("the first")
    assert await Gathering(write).put("one") == "one"
    assert seen == ["nothing"]
