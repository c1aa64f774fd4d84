"""What a stack on this machine consists of: addresses, processes and what each is told."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import urlsplit

from cli.failure import Failure
from cli.project import Project
from cli.service import Service

SECTION = "connectors.sms.SMSInput"
VARIABLE = re.compile(r"\$\{(\w+)\}")
# Those that the simulator has to know too, and addresses.
GATEWAY_KEYS = (
    *("account_sid", "auth_token", "token", "secret", "username", "password", "numbers"),
    *("base_url", "login_url"),
)
STALE_SECONDS = 15.0
"""A worker that has not touched its health file for so long is not well."""
NICE = 10
"""Of all but the ingress: a gateway's webhook that is not taken is a text that is lost, while an
answer may come a little later."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The addresses of one stack.

    Attributes:
        project: the Rasa project that it runs.
        data_dir: all its state.
        ports: by part.
        database_url: of the database.
        section: of credentials.yml, as it was read.
        keys: variables with the keys of its database; those of the environment win.
    """

    project: Project
    data_dir: Path
    ports: Mapping[str, int]
    database_url: str
    section: Mapping[str, Any]
    keys: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def url(self, part: str) -> str:
        """Where a part answers HTTP."""
        return f"http://127.0.0.1:{self.ports[part]}"

    @property
    def sender_numbers(self) -> dict[str, str]:
        """The first number of each gateway: what a customer texts."""
        values = gateway_values(self.section, os.environ)
        return {name: of["numbers"].split(",")[0] for name, of in values.items()}

    def gateway_environment(self) -> dict[str, str]:
        """The gateways' settings as variables, so that assistant and simulator agree on them.

        The addresses are always the simulator's: a stack on one's own machine texts nobody.
        """
        told: dict[str, str] = {}
        for gateway, values in gateway_values(self.section, os.environ).items():
            values["base_url"] = self.url("simulator")
            if "login_url" in values:
                values["login_url"] = self.url("simulator")
            told |= {f"{gateway}_{key}".upper(): value for key, value in values.items()}
        return told

    def environment(self) -> dict[str, str]:
        """What every process of the stack is told."""
        return {
            **self.keys,
            **os.environ,
            **self.gateway_environment(),
            "DATABASE_URL": self.database_url,
            "LINNET_DATA_DIR": str(self.data_dir),
            "LINNET_PUBLIC_URL": self.url("ingress"),
            "LINNET_ACTION_URL": f"{self.url('actions')}/webhook",
            "LINNET_DELIVERY": "worker",
            "RASA_TELEMETRY_ENABLED": "false",
            "PYTHONUNBUFFERED": "1",
            "SANIC_HOST": "127.0.0.1",  # read by the action server
            # A text is too small to be worth threads, which cost memory and fight for cores.
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
            "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
        }

    def services(self, model: Path) -> list[Service]:
        """All processes but the database, in the order in which they are started."""
        python = sys.executable
        health = self.data_dir / "worker.health"
        health.unlink(missing_ok=True)
        rasa = [name for name in self.ports if name == "rasa" or name.startswith("rasa-")]
        return [
            *(self._rasa(name, model) for name in rasa),
            # The server that `rasa run actions` starts, without the rest of Rasa around it:
            # 1.4 instead of 6.9 CPU seconds to start, 59 instead of 154 MB.
            self._service(
                "actions",
                [
                    python,
                    "-m",
                    "rasa_sdk",
                    "--actions",
                    "actions",
                    "--port",
                    str(self.ports["actions"]),
                ],
                answers(f"{self.url('actions')}/health"),
            ),
            self._service(
                "simulator",
                [python, "-m", "simulator", "--port", str(self.ports["simulator"])],
                answers(f"{self.url('simulator')}/health"),
            ),
            self._service(
                "ingress",
                [python, "-m", "connectors.ingress", "--port", str(self.ports["ingress"])],
                answers(f"{self.url('ingress')}/webhooks/sms/"),
            ),
            self._service(
                "worker",
                [python, "-m", "cli", "worker", "--health-file", str(health)],
                fresh(health),
            ),
            self._service(
                "console",
                [python, "-m", "cli", "console", "--port", str(self.ports["console"])],
                answers(f"{self.url('console')}/api/health"),
            ),
        ]

    def _rasa(self, name: str, model: Path) -> Service:
        return self._service(
            name,
            [
                *(sys.executable, "-m", "rasa", "run", "--model", str(model)),
                *("--interface", "127.0.0.1", "--port", str(self.ports[name])),
                *("--credentials", "credentials.yml", "--endpoints", "endpoints.yml"),
            ],
            answers(f"{self.url(name)}/webhooks/sms/", status="ok"),
        )

    def _service(self, name: str, command: list[str], healthy: Callable[[], bool]) -> Service:
        return Service(
            name,
            command,
            environment=self.environment(),
            log=self.data_dir / "logs" / f"{name}.log",
            healthy=healthy,
            nice=0 if name.startswith("ingress") else NICE,
        )


def read_section(project: Project) -> Mapping[str, Any]:
    """The channel's section of credentials.yml.

    Raises:
        Failure: there is none.
    """
    import yaml  # noqa: PLC0415

    credentials = yaml.load(
        (project.root / "credentials.yml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
    )
    section = credentials.get(SECTION) if isinstance(credentials, dict) else None
    if not isinstance(section, dict) or not isinstance(section.get("gateways"), dict):
        raise Failure(f"credentials.yml has no `{SECTION}:` with `gateways:` in it.")
    return section


def gateway_values(
    section: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Each gateway's settings as texts: those of the environment, else those of the file.

    Args:
        section: of credentials.yml, valid.
        environ: ``<GATEWAY>_<KEY>`` wins over the file.
    """
    found: dict[str, dict[str, str]] = {}
    for gateway, written in section["gateways"].items():
        values = found.setdefault(gateway, {})
        for key in GATEWAY_KEYS:
            value = environ.get(f"{gateway}_{key}".upper()) or (written or {}).get(key)
            if isinstance(value, list):
                # The first of several secrets is the one in use; numbers are all in use.
                value = ",".join(map(str, value)) if key == "numbers" else str(value[0])
            if value:
                values[key] = VARIABLE.sub(lambda name: environ.get(name[1], ""), str(value))
    return found


def answers(url: str, **fields: str) -> Callable[[], bool]:
    """Whether a GET is answered with 200 (and a JSON object with these fields)."""
    address = urlsplit(url)

    def ask() -> bool:
        # Asked ten times a second while everything starts: a client that reads certificates
        # each time would cost more than the start itself.
        connection = HTTPConnection(address.netloc, timeout=2.0)
        try:
            connection.request("GET", address.path)
            answer = connection.getresponse()
            said = json.loads(answer.read()) if fields else {}
            return answer.status == HTTPStatus.OK and fields.items() <= said.items()
        except (HTTPException, OSError, ValueError, AttributeError):
            return False
        finally:
            connection.close()

    return ask


def fresh(file: Path) -> Callable[[], bool]:
    """Whether a file was touched a short time ago."""

    def look() -> bool:
        try:
            return time() - file.stat().st_mtime < STALE_SECONDS
        except OSError:
            return False

    return look
