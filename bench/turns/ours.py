"""This assistant's stack, as ``linnet up`` runs it but with replies sent to the benchmark."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench.turns.account import Account
from bench.turns.load import Address
from cli import ports as port_plan
from cli.encryption import practice_keys
from cli.project import Project
from cli.service import Part, Postgres, Service
from cli.stack import Stack, answers, read_section
from cli.training import train
from connectors.credentials import load_settings
from database.embedded import EmbeddedPostgres

WEBHOOK = "/webhooks/sms/twilio"
SECOND_INGRESS = 9
"""Port of the second ingress, counted from the first's."""
PER_SECOND = 1000.0
"""Segments a second that our number may send: the pace of a long code, 1, would be all that
there is to see."""


@dataclass(frozen=True)
class MeasuredStack(Stack):
    """The stack of ``linnet up``, told otherwise.

    Attributes:
        account: at the carrier.
        api: base URL of its API.
        burst_seconds: texts this close to each other are one turn; None for the project's own.
    """

    account: Account
    api: str
    burst_seconds: float | None

    def environment(self) -> dict[str, str]:
        """What every process of the stack is told."""
        told = {
            **super().environment(),
            "TWILIO_ACCOUNT_SID": self.account.sid,
            "TWILIO_AUTH_TOKEN": self.account.token,
            "TWILIO_NUMBERS": self.account.number,
            "TWILIO_BASE_URL": self.api,
            "TWILIO_PER_SECOND": str(PER_SECOND),
        }
        if self.burst_seconds is not None:
            told["LINNET_BURST_SECONDS"] = str(self.burst_seconds)
        return told


class Ours:
    """The recipe of our stack: two ingress processes behind one address, the rest once.

    Args:
        name: in the report.
        project: with the model's data.
        data_dir: all state.
        port_base: the ports are those of ``linnet up``.
        account: at the carrier.
        api: base URL of its API.
        burst_seconds: None for the project's own.
        console: shows the training.
    """

    killed: Sequence[str] = ("ingress", "rasa", "actions", "worker", "postgres")

    def __init__(
        self,
        name: str,
        project: Project,
        data_dir: Path,
        port_base: int,
        account: Account,
        api: str,
        burst_seconds: float | None,
        console: Console,
    ) -> None:
        self.name = name
        self._project = project
        self._ports = port_plan.layout(port_base)
        self._second = port_base + SECOND_INGRESS
        port_plan.check({**self._ports, "ingress-2": self._second})
        self._data_dir = data_dir
        (data_dir / "logs").mkdir(parents=True, exist_ok=True)
        self.postgres = Postgres(EmbeddedPostgres(data_dir / "data", self._ports["postgres"]))
        self._account = account
        self._api = api
        self._burst_seconds = burst_seconds
        self._model = train(project, console, data_dir / "logs" / "train.log")
        settings = load_settings(project.root / "credentials.yml")
        self.failure_message: str | None = settings.failure_message
        self.burst_seconds = settings.burst_seconds if burst_seconds is None else burst_seconds
        first = f"http://127.0.0.1:{self._ports['ingress']}{WEBHOOK}"
        self.address = Address(first, (first, f"http://127.0.0.1:{self._second}{WEBHOOK}"))

    def parts(self) -> list[Part]:
        """Its processes but the database, which is up and migrated."""
        stack = MeasuredStack(
            project=self._project,
            data_dir=self._data_dir,
            ports=self._ports,
            database_url=self.postgres.server.url,
            section=read_section(self._project),
            keys=practice_keys(self._data_dir, datetime.now(UTC).date()),
            account=self._account,
            api=self._api,
            burst_seconds=self._burst_seconds,
        )
        services = [part for part in stack.services(self._model) if part.name != "simulator"]
        return [*services, self._second_ingress(stack.environment())]

    def _second_ingress(self, environment: dict[str, str]) -> Service:
        spool = self._data_dir / "spool-2"
        return Service(
            "ingress-2",
            [
                *(sys.executable, "-m", "connectors.ingress", "--port", str(self._second)),
                *("--spool-dir", str(spool)),
            ],
            environment=environment,
            log=self._data_dir / "logs" / "ingress-2.log",
            healthy=answers(f"http://127.0.0.1:{self._second}/webhooks/sms/"),
        )
