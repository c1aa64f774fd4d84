"""The stock stack: Rasa with its own pins, its suggested pipeline and its own Twilio channel.

The environment and the trained model are made once, under the benchmark's folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg.conninfo
import yaml
from rich.console import Console

from bench.turns.account import Account
from bench.turns.load import Address
from cli import ports as port_plan
from cli.failure import Failure
from cli.project import Project
from cli.service import Part, Postgres, Service
from cli.stack import answers
from cli.supervisor import last_words
from database.embedded import EmbeddedPostgres, write_private

HERE = Path(__file__).parent / "stock_project"
REQUIREMENTS = HERE / "requirements.txt"
CONFIG = HERE / "config.yml"
CHANNEL = "stock_channel.RedirectedInput"
PYTHON = "3.11"
WEBHOOK = "/webhooks/twilio/webhook"


class StockEnvironment:
    """The second environment.

    Args:
        folder: of the benchmark's state.
        console: shows what takes long.
    """

    def __init__(self, folder: Path, console: Console) -> None:
        self._folder = folder
        self._home = folder / "stock-env"
        self._console = console

    def program(self, name: str) -> str:
        """The path of a program in it."""
        return str(self._home / "bin" / name)

    def ensure(self) -> None:
        """Make it, unless it is there as the requirements say.

        Raises:
            Failure: uv is not there, or cannot install.
        """
        stamp = self._home / "requirements.sha256"
        wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        uv = shutil.which("uv") or shutil.which("uv", path=".tools/uv/bin")
        if uv is None:
            raise Failure("The benchmark makes a second environment with uv; install uv first.")
        # Without the project's own settings, whose overrides are meant for its environment.
        self._run([uv, "venv", "--no-config", "--clear", "--python", PYTHON, str(self._home)])
        self._run(
            [
                *(uv, "pip", "sync", "--no-config", "--python", self.program("python")),
                str(REQUIREMENTS),
            ]
        )
        stamp.write_text(wanted)

    def ensure_model(self, project: Project) -> Path:
        """The stock model of the project's data, trained unless it is there.

        Raises:
            Failure: it cannot be trained.
        """
        model = self._folder / "stock-models" / f"stock-{_fingerprint(project)}.tar.gz"
        if not model.exists():
            self._console.print("training the stock model: some minutes of processor time")
            draft = model.parent / "draft"
            shutil.rmtree(draft, ignore_errors=True)
            self._run(
                [
                    *("nice", "-n", "19", self.program("rasa"), "train", "--config", str(CONFIG)),
                    *("--domain", str(project.root / "domain.yml")),
                    *("--data", str(project.root / "data"), "--out", str(draft)),
                    *("--fixed-model-name", model.name.removesuffix(".tar.gz")),
                ]
            )
            (draft / model.name).replace(model)
        return model

    def _run(self, command: list[str]) -> None:
        log = self._folder / "logs" / "stock-environment.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        what = " ".join(Path(word).name for word in command if not word.startswith("-"))[:70]
        with log.open("a") as written, self._console.status(what):
            environment = {**os.environ, "RASA_TELEMETRY_ENABLED": "false"}
            done = subprocess.run(
                command, stdout=written, stderr=written, check=False, env=environment
            )
        if done.returncode:
            raise Failure(f"{what} failed: {last_words(log)} (all of it is in {log})")


def _fingerprint(project: Project) -> str:
    digest = hashlib.sha256()
    for path in _trained_from(project):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _trained_from(project: Project) -> Iterator[Path]:
    yield from (REQUIREMENTS, CONFIG, project.root / "domain.yml")
    yield from sorted(path for path in (project.root / "data").rglob("*.yml"))


class Stock:
    """The recipe of the stock stack.

    The action server is ours, in our environment: both stacks do the same business.

    Args:
        project: with the data, the domain and the actions.
        environment: with a model.
        folder: of the benchmark's state.
        port_base: as for ``linnet up``; the Rasa process takes the place of the ingress.
        account: at the carrier.
        api: base URL of its API.
    """

    name = "stock"
    killed: Sequence[str] = ("actions", "rasa")
    failure_message: str | None = None

    def __init__(
        self,
        project: Project,
        environment: StockEnvironment,
        folder: Path,
        port_base: int,
        account: Account,
        api: str,
    ) -> None:
        self._environment = environment
        self._model = environment.ensure_model(project)
        self._home = folder / "stock"
        (self._home / "logs").mkdir(parents=True, exist_ok=True)
        self._ports = port_plan.layout(port_base)
        port_plan.check({name: self._ports[name] for name in ("rasa", "actions", "postgres")})
        self.postgres = Postgres(EmbeddedPostgres(self._home / "data", self._ports["postgres"]))
        self._account = account
        self._api = api
        url = f"http://127.0.0.1:{self._ports['rasa']}{WEBHOOK}"
        self.address = Address(url, (url,))

    def parts(self) -> list[Part]:
        """Its processes but the database, which is up and migrated."""
        self._configure()
        quiet = {"RASA_TELEMETRY_ENABLED": "false", "PYTHONUNBUFFERED": "1"}
        url = self.postgres.server.url
        rasa = Service(
            "rasa",
            [
                *(self._environment.program("rasa"), "run", "--model", str(self._model)),
                *("--interface", "127.0.0.1", "--port", str(self._ports["rasa"])),
                *("--credentials", str(self._home / "credentials.yml")),
                *("--endpoints", str(self._home / "endpoints.yml")),
            ],
            environment={**os.environ, **quiet, "PYTHONPATH": str(HERE)},
            log=self._home / "logs" / "rasa.log",
            healthy=answers(f"http://127.0.0.1:{self._ports['rasa']}/webhooks/twilio/"),
        )
        actions = Service(
            "actions",
            [
                *(sys.executable, "-m", "rasa", "run", "actions"),
                *("--port", str(self._ports["actions"])),
            ],
            environment={**os.environ, **quiet, "DATABASE_URL": url, "SANIC_HOST": "127.0.0.1"},
            log=self._home / "logs" / "actions.log",
            healthy=answers(f"http://127.0.0.1:{self._ports['actions']}/health"),
        )
        return [rasa, actions]

    def _configure(self) -> None:
        database = psycopg.conninfo.conninfo_to_dict(self.postgres.server.url)
        credentials = {
            CHANNEL: {
                "account_sid": self._account.sid,
                "auth_token": self._account.token,
                "twilio_number": self._account.number,
                "base_url": self._api,
            }
        }
        endpoints = {
            "action_endpoint": {"url": f"http://127.0.0.1:{self._ports['actions']}/webhook"},
            "tracker_store": {
                "type": "SQL",
                "dialect": "postgresql",
                "url": database["host"],
                "port": int(str(database["port"])),
                "db": database["dbname"],
                "username": database["user"],
                "password": database["password"],
            },
        }
        for name, content in {"credentials": credentials, "endpoints": endpoints}.items():
            write_private(self._home / f"{name}.yml", yaml.safe_dump(content))
