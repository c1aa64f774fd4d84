"""The stack of these runs: real processes under the supervisor of ``linnet up``, without a model.

Every process reaches PostgreSQL over a ``Link``; only this one asks it directly.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg.rows import dict_row

from bench.chaos.link import Link
from bench.chaos.plan import STORM, Blow, Fault, Round
from bench.turns.stack import RunningStack
from cli.encryption import practice_keys
from cli.project import Project
from cli.service import Part, Postgres, Service
from cli.stack import Stack, answers, fresh, read_section
from database.embedded import EmbeddedPostgres, free_port
from database.encryption import DIGEST_KEY, KEYS, Cipher, read_keys
from simulator import practice

ROOT = Path(__file__).resolve().parents[2]
BURST_SECONDS = 0.3
SEND_SECONDS = 2
POLL_SECONDS = 0.1
PER_SECOND = 1000
"""Segments a second that a number may send: the pace of a long code, 1, would be all that there
is to see."""

# PostgreSQL is killed, the machine is not: what it wrote is safe without waiting for the disk,
# as long as it has written it when it says so.
POSTGRES = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}

KILLED: Mapping[Blow, Sequence[str]] = {
    Blow.INGRESS: ("ingress",),
    Blow.ASSISTANTS: ("assistant", "assistant-2"),
    Blow.WORKERS: ("worker", "worker-2"),
    Blow.POSTGRES: ("postgres",),
    Blow.EVERYBODY: (*("postgres", "ingress", "worker", "worker-2", "assistant", "assistant-2"),),
}
ONE_OF: Mapping[Blow, Sequence[str]] = {
    Blow.ASSISTANT: KILLED[Blow.ASSISTANTS],
    Blow.WORKER: KILLED[Blow.WORKERS],
}

END_CONNECTIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class LightStack(Stack):
    """The stack of ``linnet up``, told otherwise, and what it consists of here."""

    def environment(self) -> dict[str, str]:
        """What every process of the stack is told."""
        return {
            **super().environment(),
            **self.keys,
            "LINNET_BURST_SECONDS": str(BURST_SECONDS),
            "LINNET_SEND_TIMEOUT": str(SEND_SECONDS),
            "TWILIO_PER_SECOND": str(PER_SECOND),
            "INTELEPEER_PER_SECOND": str(PER_SECOND),
            "INTELEPEER_USERNAME": practice.INTELEPEER_USERNAME,
            "INTELEPEER_PASSWORD": practice.INTELEPEER_PASSWORD,
        }

    def processes(self, seed: int) -> list[Service]:
        """All but the database: the carrier, and the processes that are struck."""
        carrier = [
            *("simulator", "--port", str(self.ports["simulator"]), "--seed", str(seed)),
            *("--intelepeer-seconds-per-text", "0", "--intelepeer-retry-seconds", "0.5"),
        ]
        ingress = ["connectors.ingress", "--port", str(self.ports["ingress"])]
        return [
            self._module("simulator", carrier, answers(f"{self.url('simulator')}/health")),
            self._module("ingress", ingress, answers(f"{self.url('ingress')}/webhooks/sms/")),
            *(self._beating(name, "cli", "worker") for name in KILLED[Blow.WORKERS]),
            *(self._beating(name, "bench.chaos.echo") for name in KILLED[Blow.ASSISTANTS]),
        ]

    def _beating(self, name: str, *module: str) -> Service:
        health = health_file(self.data_dir, name)
        health.unlink(missing_ok=True)
        return self._module(name, [*module, "--health-file", str(health)], fresh(health))

    def _module(self, name: str, module: Sequence[str], healthy: Any) -> Service:
        return self._service(name, [sys.executable, "-m", *module], healthy)


class Recipe:
    """What ``RunningStack`` is to start.

    Args:
        data_dir: all state.
        seed: of the carrier's dice.
    """

    name = "chaos"

    def __init__(self, data_dir: Path, seed: int) -> None:
        self._data_dir = data_dir
        self._seed = seed
        (data_dir / "logs").mkdir(parents=True, exist_ok=True)
        names = ("simulator", "ingress", "actions", "link", "postgres")
        self.ports = dict(zip(names, _free_ports(len(names)), strict=True))
        server = EmbeddedPostgres(data_dir / "data", self.ports["postgres"], settings=POSTGRES)
        self.postgres = Postgres(server)
        self.keys = practice_keys(data_dir, datetime.now(UTC).date())
        self.numbers: dict[str, str] = {}

    def parts(self) -> list[Part]:
        """Its processes but the database, which is up and migrated."""
        project = Project(ROOT)
        url = urlsplit(self.postgres.server.url)
        linked = url._replace(netloc=url.netloc.rpartition(":")[0] + f":{self.ports['link']}")
        stack = LightStack(
            project,
            self._data_dir,
            self.ports,
            urlunsplit(linked),
            read_section(project),
            keys=self.keys,
        )
        self.numbers = stack.sender_numbers
        return [*stack.processes(self._seed)]


class Victims:
    """A running stack, and ways to strike it.

    Args:
        data_dir: all state.
        seed: of the carrier's dice.
    """

    def __init__(self, data_dir: Path, seed: int) -> None:
        self._data_dir = data_dir
        self._ended: dict[str, int] = {}
        self._recipe = Recipe(data_dir, seed)
        self._stack: RunningStack[Recipe] = RunningStack(self._recipe)
        self._link = Link(self._recipe.ports["postgres"])
        self.simulator = f"http://127.0.0.1:{self._recipe.ports['simulator']}"
        self._ingress = f"http://127.0.0.1:{self._recipe.ports['ingress']}"
        self._http = httpx.AsyncClient(base_url=self.simulator, timeout=10.0, trust_env=False)

    async def __aenter__(self) -> Self:
        await self._link.listen(self._recipe.ports["link"])
        try:
            await self._stack.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        await self._link.close()
        await self._stack.end()
        await asyncio.to_thread(self._recipe.postgres.server.remove)

    @property
    def numbers(self) -> Mapping[str, str]:
        """Our number at each gateway."""
        return self._recipe.numbers

    @property
    def cipher(self) -> Cipher:
        """Reads what the processes have sealed."""
        return read_keys(self._recipe.keys[KEYS], self._recipe.keys[DIGEST_KEY])

    async def strike(self, blow: Round) -> None:
        """Do what a round has planned; returns when what takes time is over."""
        match blow.blow:
            case Blow.RESTART:
                self._end("postgres", signal.SIGINT)
            case Blow.CONNECTIONS:
                await self.rows(END_CONNECTIONS)
            case Blow.CUT:
                await self._link.cut(blow.seconds)
            case Blow.FROZEN:
                await self._link.freeze(blow.seconds, drop=bool(blow.copy))
            case Blow.STORM:
                await self.fault(STORM)
            case one if one in ONE_OF:
                self._end(ONE_OF[one][blow.copy])
            case several:
                for name in KILLED[several]:
                    self._end(name)

    async def recovered(self) -> None:
        """Wait until every process runs and takes work, although some may be left of before."""
        while True:
            pids = self._stack.pids
            revived = all(pids[name] not in {None, old} for name, old in self._ended.items())
            if revived and await asyncio.to_thread(self._stack.healthy):
                self._ended.clear()
                return
            await asyncio.sleep(POLL_SECONDS)

    def _end(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        pid = self._stack.pids[name]
        if pid is None:
            raise RuntimeError(f"{name} does not run")
        os.kill(pid, number)
        self._ended[name] = pid
        health_file(self._data_dir, name).unlink(missing_ok=True)

    async def fault(self, fault: Fault, **of: str) -> None:
        """Let the carrier misbehave."""
        (await self._http.put("/faults", json={**fault, **of})).raise_for_status()

    async def thread(self, phone: str) -> list[dict[str, Any]]:
        """What a phone shows."""
        shown = json.loads((await self._http.get(f"/phones/{phone}")).content)
        return list(shown["thread"])

    async def spooled(self) -> int:
        """How many texts and receipts the ingress has on its disk."""
        health = (await self._http.get(f"{self._ingress}/webhooks/sms/")).json()
        return int(health["spool"])

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Ask the database directly."""
        connection = await psycopg.AsyncConnection.connect(
            self._recipe.postgres.server.url, autocommit=True, row_factory=dict_row
        )
        async with connection:
            return await (await connection.execute(query, values or None)).fetchall()


def health_file(data_dir: Path, name: str) -> Path:
    """What a process without a port touches while it is well."""
    return data_dir / f"{name}.health"


def _free_ports(count: int) -> list[int]:
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)
