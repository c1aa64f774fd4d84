"""Keeps the parts of a stack running, and ends them together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cli.failure import NotReady
from cli.service import Part
from database.postgres_binaries import EmbeddedPostgresError

TICK_SECONDS = 0.1
END_SECONDS = 10.0
QUICK_SECONDS = 10.0
"""A part that ends within this time of its start ended quickly."""
LONGEST_PAUSE_SECONDS = 15.0


def pause_before(quick_deaths: int) -> float:
    """Seconds to wait before a part is started again.

    Args:
        quick_deaths: how often in a row it has ended soon after its start.
    """
    if quick_deaths <= 1:
        return 0.0
    return float(min(0.5 * 2.0 ** (quick_deaths - 2), LONGEST_PAUSE_SECONDS))


@dataclass(slots=True)
class _Watch:
    part: Part
    started_at: float
    was_healthy: bool = False
    quick_deaths: int = 0
    start_at: float | None = None


class Supervisor:
    """Starts parts, starts again what ends, and ends them all.

    Args:
        clock: seconds that only grow.

    Attributes:
        changed: called when a part has a new process.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.changed: Callable[[], None] = _nothing
        self._clock = clock
        self._watched: list[_Watch] = []

    @property
    def pids(self) -> dict[str, int | None]:
        """The process of each part."""
        return {watch.part.name: watch.part.pid for watch in self._watched}

    def start(self, part: Part) -> None:
        """Start a part and watch it from now on."""
        watch = _Watch(part, self._clock())
        self._watched.append(watch)
        part.start()

    def wait_until_healthy(
        self,
        seconds: float,
        ready: Callable[[str, float], None],
        waiting: Callable[[list[str]], None],
    ) -> None:
        """Wait for all parts.

        Args:
            seconds: to wait at most.
            ready: told the name of each part that became healthy, and after how many seconds.
            waiting: told often which parts are still awaited.

        Raises:
            NotReady: one ended, or is not healthy in time.
        """
        deadline = self._clock() + seconds
        while awaited := [watch for watch in self._watched if not watch.was_healthy]:
            waiting([watch.part.name for watch in awaited])
            for watch in awaited:
                if watch.part.healthy():
                    watch.was_healthy = True
                    ready(watch.part.name, self._clock() - watch.started_at)
                elif watch.part.pid is None:
                    raise NotReady(_story(watch.part, "ended while it started"))
                elif self._clock() > deadline:
                    raise NotReady(
                        _story(watch.part, f"is not healthy after {seconds:.0f} seconds")
                    )
            self.tick()
            time.sleep(TICK_SECONDS)

    def tick(self) -> None:
        """Start again what has ended after it was healthy once."""
        for watch in self._watched:
            if watch.part.pid is not None or not watch.was_healthy:
                continue
            now = self._clock()
            if watch.start_at is None:
                quick = now - watch.started_at < QUICK_SECONDS
                watch.quick_deaths = watch.quick_deaths + 1 if quick else 0
                watch.start_at = now + pause_before(watch.quick_deaths)
            if now < watch.start_at:
                continue
            watch.start_at = None
            watch.started_at = now
            try:
                watch.part.start()
            except EmbeddedPostgresError:
                continue  # its log says why; the next tick counts it as a quick death
            self.changed()

    def end(self) -> None:
        """End all parts: ours together, the database after them."""
        ours = [watch.part for watch in self._watched if watch.part.name != "postgres"]
        for part in ours:
            part.terminate()
        deadline = time.monotonic() + END_SECONDS
        while any(part.pid for part in ours) and time.monotonic() < deadline:
            time.sleep(TICK_SECONDS / 2)
        for part in ours:
            part.kill()
        for watch in self._watched:
            if watch.part not in ours:
                watch.part.terminate()
        self._watched.clear()


def last_words(log: Path) -> str:
    """The line of a log that best says why the process ended."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    except OSError:
        lines = []
    lines = [line for line in lines[-200:] if line]
    telling = [line for line in lines if "error" in line.lower() or "exception" in line.lower()]
    return (telling or lines or ["it wrote nothing"])[-1][:300]


def _story(part: Part, what: str) -> str:
    return f"{part.name} {what}: {last_words(part.log)} (all of it is in {part.log})"


def _nothing() -> None:
    """Until somebody wants to know."""
