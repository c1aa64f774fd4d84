"""A stack of processes under the supervisor that also keeps ``linnet up`` running."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import psycopg

from bench.turns.load import Address
from bench.turns.measure import cpu_of
from cli.service import Part, Postgres
from cli.supervisor import TICK_SECONDS, Supervisor
from database.url import prepare

HEALTHY_SECONDS = 900.0
"""The stock stack builds its networks anew at each start; on a busy machine that takes minutes."""
END_SECONDS = 60.0

NO_REMINDERS = "UPDATE service SET reminders = '{}', recall_months = NULL"
"""Nobody is texted but who texts: what is measured must not depend on the hour."""


class Processes(Protocol):
    """What a stack consists of.

    Attributes:
        name: in the report.
        postgres: its database, started before all else.
    """

    name: str
    postgres: Postgres

    def parts(self) -> list[Part]:
        """Its processes but the database, which is up and migrated."""


class Recipe(Processes, Protocol):
    """A stack that is measured.

    Attributes:
        address: where it receives texts.
        killed: the parts that are killed under load.
        failure_message: what it says when it could not answer; None where it says nothing.
    """

    address: Address
    killed: Sequence[str]
    failure_message: str | None


R = TypeVar("R", bound=Processes)


@dataclass(frozen=True, slots=True)
class StartUp:
    """How a stack came up; the database ran already.

    Attributes:
        seconds: from the first process until all were healthy.
        by_part: seconds until each was healthy.
        cpu: processor seconds that each had used then.
    """

    seconds: float
    by_part: dict[str, float]
    cpu: dict[str, float]


class RunningStack(Generic[R]):
    """Starts a stack, kills parts of it, ends it.

    The supervisor has a thread of its own, because children end with the thread that starts
    them and because starting waits.

    Args:
        recipe: what to start.
    """

    def __init__(self, recipe: R) -> None:
        self.recipe = recipe
        self._supervisor = Supervisor()
        self._parts: dict[str, Part] = {}
        self._started: Future[StartUp] = Future()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"supervisor of {recipe.name}")

    async def start(self) -> StartUp:
        """Start everything on an empty database and wait until it is healthy.

        Raises:
            NotReady: a part ended or was not healthy in time.
        """
        self._thread.start()
        return await asyncio.wrap_future(self._started)

    async def end(self) -> None:
        """End every process."""
        self._ending.set()
        await asyncio.to_thread(self._thread.join, END_SECONDS)

    @property
    def pids(self) -> dict[str, int | None]:
        """The process of each part at this moment."""
        return {name: part.pid for name, part in self._parts.items()}

    def healthy(self) -> bool:
        """Whether every part runs and does its work."""
        return all(part.healthy() for part in list(self._parts.values()))

    def kill(self, name: str) -> int:
        """``kill -9`` a part; its process id. The supervisor starts it again."""
        pid = self._parts[name].pid
        if pid is None:
            raise RuntimeError(f"{name} of {self.recipe.name} does not run")
        os.kill(pid, signal.SIGKILL)
        return pid

    async def healthy_again(self, name: str, killed: int) -> float | None:
        """Wait for a part that was killed.

        Args:
            name: of the part.
            killed: the process that is gone.

        Returns:
            Seconds until it was healthy; None where it was not within ``HEALTHY_SECONDS``.
        """
        part, began = self._parts[name], time.perf_counter()
        while time.perf_counter() - began < HEALTHY_SECONDS:
            if part.pid not in {None, killed} and await asyncio.to_thread(part.healthy):
                return time.perf_counter() - began
            await asyncio.sleep(TICK_SECONDS)
        return None

    def _run(self) -> None:
        try:
            self._started.set_result(self._start())
        except BaseException as error:  # noqa: BLE001 - it is raised where start() is awaited
            self._supervisor.end()
            self._started.set_exception(error)
            return
        try:
            while not self._ending.wait(TICK_SECONDS):
                self._supervisor.tick()
        finally:
            self._supervisor.end()

    def _start(self) -> StartUp:
        postgres, by_part = self.recipe.postgres, {}
        postgres.server.remove()
        self._add(postgres)
        prepare(postgres.server.url)
        with psycopg.connect(postgres.server.url) as connection:
            connection.execute(NO_REMINDERS)
        parts = self.recipe.parts()
        began = time.perf_counter()
        for part in parts:
            self._add(part)

        def ready(name: str, _: float) -> None:
            by_part[name] = round(time.perf_counter() - began, 2)

        self._supervisor.wait_until_healthy(HEALTHY_SECONDS, ready, lambda _: None)
        seconds = time.perf_counter() - began
        by_part.pop(postgres.name)
        cpu = cpu_of({part.name: part.pid for part in parts})
        return StartUp(
            seconds=round(seconds, 2),
            by_part=by_part,
            cpu={name: round(used, 2) for name, used in cpu.items()},
        )

    def _add(self, part: Part) -> None:
        self._parts[part.name] = part
        self._supervisor.start(part)
