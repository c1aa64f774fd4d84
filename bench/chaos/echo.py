"""The turn workers of these runs: those of the engine, with an assistant that does as it is told.

python -m bench.chaos.echo --health-file FILE
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import uvloop

from bench.chaos.wishes import Wish, answers, wish_of
from connectors.credentials import load_settings
from connectors.settings import Settings
from database.pool import make_pool
from database.url import database_url
from messaging.assistant import Answer, Reply, TurnInput
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.errors import AssistantFailed
from messaging.logs import configure_logging
from messaging.media_inbox import MediaInbox
from messaging.turn import TurnPolicy, TurnWorker
from messaging.wake import Listener

SLOW_SECONDS = 1.0


class Echo:
    """Answers each text of a turn as the text itself wishes."""

    def __init__(self) -> None:
        self._stumbled: set[UUID] = set()

    async def respond(self, turn: TurnInput) -> Answer:
        """The answers to all texts of the turn, in order.

        Raises:
            AssistantFailed: a text wishes it, the first time or always.
        """
        bodies = turn.text.splitlines()
        wishes = {wish_of(body) for body in bodies}
        if Wish.SLOW in wishes:
            await asyncio.sleep(SLOW_SECONDS)
        if Wish.FAIL in wishes:
            raise AssistantFailed("a text wished it")
        if Wish.STUMBLE in wishes and turn.turn_id not in self._stumbled:
            self._stumbled.add(turn.turn_id)
            raise AssistantFailed("a text wished it once")
        return Answer([Reply(said) for body in bodies for said in answers(body)])


async def work(settings: Settings, health_file: Path) -> None:
    """Answer turns until killed."""
    url, clock, ids = database_url(), SystemClock(), TimeOrderedIds()
    policy = TurnPolicy(
        burst=timedelta(seconds=settings.burst_seconds),
        lease=timedelta(seconds=1.5),
        # A turn that is killed counts as an attempt, and only those that wish it are to fail.
        pauses=tuple(timedelta(seconds=pause) for pause in (0.2, *[0.4] * 7)),
    )
    async with make_pool(url) as pool, Listener(url, "linnet_inbox") as listener:
        worker = TurnWorker(
            pool,
            listener,
            Echo(),
            settings.company,
            settings.text_policies,
            policy,
            clock,
            ids.new_id,
            MediaInbox(pool, _no_files, clock, ids.new_id),
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(worker.run())
            tasks.create_task(_beat(health_file))


async def _no_files(url: str, longest: int) -> bytes:
    raise NotImplementedError("no phone of these runs sends a picture")


async def _beat(health_file: Path) -> None:
    while True:
        await asyncio.to_thread(health_file.touch)
        await asyncio.sleep(1.0)


def main() -> None:
    """Run until killed."""
    arguments = argparse.ArgumentParser(prog="python -m bench.chaos.echo", description=__doc__)
    arguments.add_argument("--health-file", type=Path, required=True)
    options = arguments.parse_args()
    configure_logging("assistant")
    uvloop.run(work(load_settings(), options.health_file))


if __name__ == "__main__":
    main()
