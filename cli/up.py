"""``linnet up``: the whole assistant on this machine, with a carrier to practise on."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from types import FrameType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli import ports as port_plan
from cli.encryption import practice_keys
from cli.failure import Failure
from cli.phone import Lines, SimulatedPhone, converse
from cli.project import Project
from cli.service import Postgres
from cli.stack import Stack, read_section
from cli.supervisor import TICK_SECONDS, Supervisor
from cli.suppression_key import practice_suppression_key
from cli.training import existing, train
from connectors.credentials import load_settings
from database.embedded import EmbeddedPostgres, write_private
from database.url import normal, prepare, stack

HEALTHY_SECONDS = 180.0
PARTS = ("ingress", "rasa", "actions", "simulator", "console")
"""Those that answer HTTP."""
ENDED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line.

    Attributes:
        headless: no conversation in the terminal.
        port_base: port of the ingress.
        data_dir: all state.
        rasa_copies: ``rasa run`` processes.
        train: train a model if there is none of the data as it stands.
    """

    headless: bool
    port_base: int
    data_dir: Path
    rasa_copies: int
    train: bool


def up(project: Project, wish: Wish, console: Console) -> None:
    """Start everything, stay until told to end, end everything.

    Raises:
        Failure: something cannot be started.
    """
    ports = port_plan.layout(wish.port_base, wish.rasa_copies)
    named = os.environ.get("DATABASE_URL")
    if named:
        ports.pop("postgres")
    supervisor = Supervisor()
    with _alone(wish.data_dir), _ended_by_signals():
        try:
            port_plan.check(ports)
            project.check()
            load_settings(project.root / "credentials.yml")
            section = read_section(project)
            given = None if wish.train else existing(project)
            url = normal(named) if named else _start_database(supervisor, wish, ports["postgres"])
            prepare(url)
            console.print("[green]✓[/] database  migrated, with the sample business in it")
            log = wish.data_dir / "logs" / "train.log"
            model = given or train(project, console, log)
            keys = {} if named else _keys(wish.data_dir)
            running = Stack(project, wish.data_dir, ports, url, section, keys=keys)
            _start(supervisor, running, model, console)
            supervisor.changed = lambda: _describe(running, supervisor.pids)
            supervisor.changed()
            _show(running, console)
            _stay(supervisor, running, console, talk=not wish.headless)
        except KeyboardInterrupt:
            console.print("\nEnding all processes ...")
        finally:
            _ignore_signals()
            (wish.data_dir / "up.json").unlink(missing_ok=True)
            supervisor.end()


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """One stack at a time works on a folder."""
    logs = data_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (data_dir / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = stack(data_dir)
            who = f" (process {other['pid']})" if other else ""
            raise Failure(
                f"Another `linnet up`{who} already works in {data_dir}; end it, or choose "
                "another folder and other ports with --data-dir and --port-base."
            ) from None
        # An error of the last run must not be taken for one of this run.
        for log in logs.glob("*.log"):
            log.replace(log.with_suffix(".log.before"))
        yield


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in ENDED_BY}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    """While the children end, which has its own time limit."""
    for number in ENDED_BY:
        signal.signal(number, signal.SIG_IGN)


def _keys(data_dir: Path) -> dict[str, str]:
    """What is secret in this folder's database is so by these."""
    today = datetime.now(UTC).date()
    return {**practice_keys(data_dir, today), **practice_suppression_key(data_dir)}


def _start_database(supervisor: Supervisor, wish: Wish, port: int) -> str:
    server = EmbeddedPostgres(wish.data_dir / "data", port)
    supervisor.start(Postgres(server))
    return server.url


def _start(supervisor: Supervisor, running: Stack, model: Path, console: Console) -> None:
    for service in running.services(model):
        supervisor.start(service)

    def ready(name: str, seconds: float) -> None:
        console.print(f"[green]✓[/] {name:<9} ready after {seconds:.1f} s", highlight=False)

    with console.status("starting") as status:
        supervisor.wait_until_healthy(
            HEALTHY_SECONDS, ready, lambda names: status.update(f"waiting for {', '.join(names)}")
        )


def _describe(running: Stack, pids: Mapping[str, int | None]) -> None:
    """Write ``up.json``: where everything is, for other commands and for tests."""
    described: dict[str, Any] = {
        **{part: running.url(part) for part in PARTS},
        "database_url": running.database_url,
        "sender_numbers": running.sender_numbers,
        "pid": os.getpid(),
        "pids": {"postgres": None, **pids},
    }
    write_private(running.data_dir / "up.json", json.dumps(described, indent=2) + "\n")


def _show(running: Stack, console: Console) -> None:
    from practice.sample import sample_phones  # noqa: PLC0415

    addresses = Table(title="Linnet is up", title_justify="left", show_header=False)
    addresses.add_column()
    addresses.add_column(overflow="fold")  # what is cut cannot be copied
    for part in PARTS:
        addresses.add_row(part, running.url(part))
    addresses.add_row("database", running.database_url)
    for gateway, number in running.sender_numbers.items():
        addresses.add_row(f"{gateway} number", number)
    addresses.add_row("logs", str(running.data_dir / "logs"))
    phones = Table(title="Phones to text from", title_justify="left", show_header=False)
    for phone in sample_phones():
        phones.add_row(phone.phone, phone.who)
    console.print(addresses)
    console.print(phones)


def _stay(supervisor: Supervisor, running: Stack, console: Console, *, talk: bool) -> None:
    """Keep everything running until a signal comes, or the conversation is over."""
    over = threading.Event()
    if talk:
        # The main thread supervises: children end with the thread that starts them.
        threading.Thread(target=_talk, args=(running, console, over), daemon=True).start()
    try:
        while not over.is_set():
            supervisor.tick()
            sleep(TICK_SECONDS)
    finally:
        over.set()


def _talk(running: Stack, console: Console, over: threading.Event) -> None:
    from practice.sample import sample_phones  # noqa: PLC0415

    number = next(iter(running.sender_numbers.values()))
    phone = SimulatedPhone(running.url("simulator"), sample_phones()[0].phone)
    console.print(
        f"\nYou are {phone.number} and text {number}. Type a text and press Enter; "
        "Ctrl-C ends everything.\n",
        highlight=False,
    )
    lines = Lines()
    typed = False
    while not over.is_set():
        try:
            typed = converse(phone, number, lines, console, over.is_set) or typed
        except Failure as failure:  # it is being restarted
            if not over.is_set():
                console.print(f"[yellow]{escape(str(failure))}[/]", highlight=False)
            sleep(1.0)
        else:
            break
    # Started without a terminal, for example by an init system: there was nothing to read.
    if typed or sys.stdin.isatty():
        over.set()
