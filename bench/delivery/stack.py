"""The stack that is measured: that of ``bench/chaos``, unharmed, in the shape a scenario wants."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.chaos.stack import LightStack
from bench.delivery.carrier import Carrier
from bench.turns.load import Address
from bench.turns.ours import WEBHOOK
from bench.turns.stack import RunningStack
from cli.project import here
from cli.service import Part, Postgres, Service
from cli.stack import answers, read_section
from cli.training import existing
from database.embedded import EmbeddedPostgres, free_port

UNLIMITED = 1000.0
"""Segments a second at which the pace is nothing that is measured."""
FIXED_PORTS = ("simulator", "ingress", "ingress-2", "actions", "rasa", "postgres")

Assistant = Literal["echo", "rasa"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a stack consists of.

    Attributes:
        workers: that send.
        ingresses: one or two.
        assistants: processes that answer.
        assistant: what they are.
        per_second: segments a second that the workers may hand over for our number.
        carrier_per_second: segments a second that leave the number; the rest waits there. 0 for
            no limit.
        carrier_delay: seconds that a text takes at most on its way, its wait at the number apart.
        burst_seconds: texts this close to each other are one turn.
        api: base URL of another carrier than the simulator; there is no simulator then.
    """

    workers: int = 2
    ingresses: int = 1
    assistants: int = 0
    assistant: Assistant = "echo"
    per_second: float = UNLIMITED
    carrier_per_second: float = 0.0
    carrier_delay: float = 0.2
    burst_seconds: float = 1.2
    api: str | None = None


@dataclass(frozen=True)
class MeasuredStack(LightStack):
    """The stack, told otherwise.

    Attributes:
        shape: what it consists of.
    """

    shape: Shape

    def environment(self) -> dict[str, str]:
        """What every process of the stack is told."""
        told = {
            **super().environment(),
            "LINNET_BURST_SECONDS": str(self.shape.burst_seconds),
            "TWILIO_PER_SECOND": str(self.shape.per_second),
            "LINNET_QUIET_HOURS": "off",  # measured at any time of the day
        }
        del told["LINNET_SEND_TIMEOUT"]
        if self.shape.api is not None:
            told["TWILIO_BASE_URL"] = self.shape.api
        return told

    def parts(self) -> list[Part]:
        """All but the database."""
        shape = self.shape
        names = _copies("ingress", shape.ingresses)
        found: list[Part] = [self._ingress(name) for name in names]
        found += [self._beating(name, "cli", "worker") for name in _copies("worker", shape.workers)]
        if shape.api is None:
            found.append(self._simulator())
        if shape.assistant == "echo":
            copies = _copies("assistant", shape.assistants)
            found += [self._beating(name, "bench.chaos.echo") for name in copies]
        elif shape.assistants:
            services = self.services(existing(self.project))
            found += [one for one in services if one.name in {"rasa", "actions"}]
        return found

    def _ingress(self, name: str) -> Service:
        port, spool = self.ports[name], self.data_dir / f"spool-{name}"
        command = ["connectors.ingress", "--port", str(port), "--spool-dir", str(spool)]
        return self._module(name, command, answers(f"{self.url(name)}/webhooks/sms/", status="ok"))

    def _simulator(self) -> Service:
        command = [
            *("simulator", "--port", str(self.ports["simulator"]), "--seed", "1"),
            *("--twilio-segments-per-second", str(self.shape.carrier_per_second)),
            *("--shortest-delay", str(self.shape.carrier_delay / 4)),
            *("--longest-delay", str(self.shape.carrier_delay)),
        ]
        return self._module("simulator", command, answers(f"{self.url('simulator')}/health"))


class Recipe:
    """What ``RunningStack`` is to start.

    Args:
        shape: of the stack.
        data_dir: all its state.
    """

    name = "delivery"

    def __init__(self, shape: Shape, data_dir: Path) -> None:
        self._shape = shape
        self._data_dir = data_dir
        (data_dir / "logs").mkdir(parents=True)
        self.ports = _ports()
        # As it is shipped: a commit is on the disk before anybody is told.
        self.postgres = Postgres(EmbeddedPostgres(data_dir / "data", self.ports["postgres"]))

    def parts(self) -> list[Part]:
        """Its processes but the database, which is up and migrated."""
        project = here()
        return MeasuredStack(
            project,
            self._data_dir,
            self.ports,
            self.postgres.server.url,
            read_section(project),
            self._shape,
        ).parts()


@dataclass(frozen=True, slots=True)
class Live:
    """A stack that runs.

    Attributes:
        database_url: of its database.
        carrier: the simulator.
        addresses: of each ingress, signed for the first, as behind one public address.
    """

    database_url: str
    carrier: Carrier
    addresses: tuple[Address, ...]
    _stack: RunningStack[Recipe] = field(repr=False)

    @property
    def pids(self) -> dict[str, int | None]:
        """The process of each part at this moment."""
        return self._stack.pids


@contextlib.asynccontextmanager
async def running(shape: Shape) -> AsyncIterator[Live]:
    """A stack on an empty database while the context lasts.

    Args:
        shape: what it consists of.

    Raises:
        NotReady: a part ended or was not healthy in time.
    """
    folder = Path(tempfile.mkdtemp(prefix="linnet-delivery-"))
    recipe = Recipe(shape, folder)
    stack = RunningStack(recipe)
    carrier = Carrier(f"http://127.0.0.1:{recipe.ports['simulator']}")
    urls = [
        f"http://127.0.0.1:{recipe.ports[name]}{WEBHOOK}"
        for name in _copies("ingress", shape.ingresses)
    ]
    try:
        await stack.start()
        yield Live(
            recipe.postgres.server.url,
            carrier,
            tuple(Address(urls[0], (url,)) for url in urls),
            stack,
        )
    finally:
        await carrier.close()
        await stack.end()
        await asyncio.to_thread(recipe.postgres.server.remove)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _copies(name: str, count: int) -> list[str]:
    return [name if copy == 1 else f"{name}-{copy}" for copy in range(1, count + 1)]


def _ports() -> dict[str, int]:
    ports: dict[str, int] = {}
    for name in FIXED_PORTS:
        port = free_port()
        while port in ports.values():
            port = free_port()
        ports[name] = port
    return ports
