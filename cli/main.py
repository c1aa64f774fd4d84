"""The ``linnet`` command: what there is, and its options.

``linnet --help`` must answer at once, so nothing heavy is imported up here; each command
imports the module that does its work.
"""

# ruff: noqa: PLC0415
from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import (
    appointment_commands,
    campaign_commands,
    consent_commands,
    console_commands,
    encryption_commands,
    key_commands,
    notices_commands,
    privacy_commands,
    reminder_commands,
    webhook_commands,
)
from cli.failure import Failure, sentence

app = typer.Typer(
    name="linnet",
    help="An SMS assistant that you train, run and own.",
    no_args_is_help=True,
    add_completion=False,
    # Both would import Rich, which takes three times as long as all the rest.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(appointment_commands.app, name="appointments")
app.add_typer(campaign_commands.app, name="campaign")
app.add_typer(consent_commands.app, name="consent")
app.add_typer(encryption_commands.app, name="encryption")
app.add_typer(privacy_commands.app, name="privacy")
app.add_typer(key_commands.app, name="keys")
app.add_typer(notices_commands.app, name="notices")
app.add_typer(reminder_commands.app, name="reminders")
app.add_typer(webhook_commands.app, name="webhooks")
app.command()(console_commands.console)

DataDir = Annotated[Path, typer.Option(help="Folder of all local state.", envvar="LINNET_DATA_DIR")]
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def main() -> None:
    """Run the command; a failure is one sentence on standard error and exit code 1."""
    try:
        app()
    except Exception as error:
        if os.environ.get("LINNET_DEBUG") == "1":
            raise
        sys.stderr.write(f"linnet: {sentence(error)}\n")
        sys.exit(1)


@app.command()
def up(
    data_dir: DataDir = Path(".linnet"),
    port_base: Annotated[
        int, typer.Option(help="Port of the ingress; the other parts follow it.")
    ] = 5080,
    headless: Annotated[
        bool, typer.Option("--headless", help="No conversation in the terminal.")
    ] = False,
    rasa: Annotated[int, typer.Option(help="Copies of `rasa run`.", min=1, max=16)] = 1,
    train: Annotated[bool, typer.Option(help="Train a model if the training data changed.")] = True,
) -> None:
    """Start everything here, with a practice carrier."""
    from rich.console import Console

    from cli.project import here
    from cli.up import Wish, up

    wish = Wish(
        headless=headless,
        port_base=port_base,
        data_dir=data_dir.absolute(),
        rasa_copies=rasa,
        train=train,
    )
    up(here(), wish, Console())


@app.command()
def text(
    phone: Annotated[str, typer.Argument(help="The phone that you are, like +12125550100.")] = "",
    to: Annotated[str, typer.Option(help="Our number that is texted.")] = "",
    data_dir: DataDir = Path(".linnet"),
) -> None:
    """Be a phone that texts what `linnet up` runs."""
    from rich.console import Console

    from cli.phone import Lines, SimulatedPhone, converse
    from database.url import stack

    running = stack(data_dir)
    if running is None:
        raise Failure(f"Nothing runs in {data_dir}; start `linnet up` in another terminal.")
    if not phone:
        from practice.sample import sample_phones

        phone = sample_phones()[0].phone
    number = to or next(iter(running["sender_numbers"].values()))
    console = Console()
    console.print(f"You are {phone} and text {number}; Ctrl-C or Ctrl-D ends.", highlight=False)
    try:
        converse(SimulatedPhone(running["simulator"], phone), number, Lines(), console)
    except KeyboardInterrupt:
        console.print()


@app.command()
def send(
    to: Annotated[str, typer.Argument(help="The customer's number, like +12125550100.")],
    body: Annotated[str, typer.Argument(help="What to text.")],
    sender: Annotated[str, typer.Option("--from", help="Our number that it leaves from.")] = "",
    media: Annotated[
        str, typer.Option(help="A file that goes with it, like https://example.com/map.png.")
    ] = "",
    at: Annotated[
        str, typer.Option(help="When it leaves at the earliest, like 2026-12-01T09:00-05:00.")
    ] = "",
    wait: Annotated[float, typer.Option(help="Seconds to wait for its delivery.", min=0)] = 30.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing: show the texts and what they cost.")
    ] = False,
) -> None:
    """Text a customer once, and show what becomes of it."""
    import asyncio
    from datetime import timedelta

    from rich.console import Console

    from cli import notice
    from cli.preview import preview, show_hours
    from connectors.credentials import load_settings
    from database.url import database_url

    for number in (to, sender or to):
        if not re.fullmatch(r"\+[1-9]\d{6,14}", number):
            raise Failure(f"{number} is not a number like +12125550100.")
    if media and not re.match(r"https?://[^/]", media):
        raise Failure(f"{media} is not an address like https://example.com/map.png.")
    not_before = notice.moment(at) if at else None
    if dry_run:
        settings = load_settings()
        preview(
            settings,
            to=to,
            body=body,
            sender=sender or None,
            media=media or None,
            console=Console(),
        )
        asyncio.run(show_hours(settings, database_url(), to, not_before, Console()))
        return
    asyncio.run(
        notice.send(
            url=database_url(),
            to=to,
            body=body,
            sender=sender or None,
            media=media or None,
            not_before=not_before,
            wait=timedelta(seconds=wait),
            console=Console(),
        )
    )


@app.command()
def place(
    phone: Annotated[str, typer.Argument(help="The customer's number, like +12125550100.")],
    source: Annotated[str, typer.Option(help="Who says so: address, stated or crm.")],
    state: Annotated[str, typer.Option(help="Two letters, like NY.")] = "",
    zone: Annotated[str, typer.Option(help="Like America/New_York.")] = "",
) -> None:
    """Say where a customer is, so that quiet hours go by more than the area code."""
    import asyncio

    from rich.console import Console

    from cli.place import place
    from database.url import database_url

    asyncio.run(
        place(
            url=database_url(),
            phone=phone,
            source=source,
            state=state or None,
            zone=zone or None,
            console=Console(),
        )
    )


@app.command()
def failed(
    since: Annotated[str, typer.Option(help="How far back, like 30m, 24h or 7d.")] = "24h",
    code: Annotated[str | None, typer.Option(help="Only with this code, like 30007.")] = None,
    limit: Annotated[int, typer.Option(help="So many at most.", min=1)] = 50,
    show_numbers: Annotated[
        bool, typer.Option("--show-numbers", help="Phone numbers in full.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List texts that did not arrive, and why."""
    import asyncio

    from rich.console import Console

    from cli.failed import period, show_failed
    from database.url import database_url

    asyncio.run(
        show_failed(
            url=database_url(),
            within=period(since),
            code=code,
            limit=limit,
            show_numbers=show_numbers,
            as_json=as_json,
            console=Console(),
        )
    )


@app.command()
def retry(
    ids: Annotated[list[str] | None, typer.Argument(help="The texts' ids, or beginnings.")] = None,
    code: Annotated[str | None, typer.Option(help="All that failed with this code.")] = None,
    since: Annotated[str, typer.Option(help="With --code: how far back.")] = "24h",
    although_unknown: Annotated[
        bool, typer.Option("--although-unknown", help="Also texts that may be out already.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, however many it is.")] = False,
) -> None:
    """Send texts that did not arrive once more."""
    import asyncio

    from rich.console import Console

    from cli.failed import period, retry
    from database.url import database_url

    asyncio.run(
        retry(
            url=database_url(),
            beginnings=ids or [],
            code=code,
            within=period(since),
            although_unknown=although_unknown,
            confirmed=lambda count: yes or typer.confirm(f"Send {count} texts once more?"),
            console=Console(),
        )
    )


@app.command()
def story(
    id: Annotated[str, typer.Argument(help="The text's id, or its beginning.")],
    show_numbers: Annotated[
        bool, typer.Option("--show-numbers", help="Phone numbers in full.")
    ] = False,
) -> None:
    """Show all that happened to a text."""
    import asyncio

    from rich.console import Console

    from cli.story import show_story
    from database.url import database_url

    asyncio.run(
        show_story(url=database_url(), beginning=id, show_numbers=show_numbers, console=Console())
    )


@app.command()
def train(
    force: Annotated[bool, typer.Option("--force", help="Even if nothing changed.")] = False,
    data_dir: DataDir = Path(".linnet"),
) -> None:
    """Train the model, if anything changed that it is made from."""
    from rich.console import Console

    from cli.project import here
    from cli.training import train

    project = here()
    project.check()
    train(project, Console(), data_dir / "logs" / "train.log", force=force)


@app.command(context_settings=PASS_ON)
def understand(context: typer.Context) -> None:
    """Show what the assistant makes of a text."""
    # A process of its own: Rasa is not imported by this command, and warns when it is.
    os.environ |= {"PYTHONWARNINGS": "ignore", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
    os.execv(sys.executable, [sys.executable, "-m", "nlu", *context.args])  # noqa: S606


@app.command()
def worker(
    health_file: Annotated[
        Path | None, typer.Option(help="Touched every second while all is well.")
    ] = None,
    metrics_port: Annotated[
        int, typer.Option(help="Serve metrics for Prometheus here; 0 for not at all.", min=0)
    ] = 0,
    metrics_host: Annotated[
        str, typer.Option(help="Address of --metrics-port; 0.0.0.0 for all.")
    ] = "127.0.0.1",
) -> None:
    """Deliver texts: run as many as you like."""
    from cli.worker import run

    run(health_file, (metrics_host, metrics_port) if metrics_port else None)


@app.command()
def gateways() -> None:
    """Show how well each gateway is, and why."""
    import asyncio

    from rich.console import Console

    from cli.gateways import show
    from database.url import database_url

    asyncio.run(show(database_url(), Console()))


@app.command(context_settings=PASS_ON)
def ingress(context: typer.Context) -> None:
    """Take webhooks in: run as many as you like."""
    _run_module("connectors.ingress", context.args)


@app.command(context_settings=PASS_ON)
def simulator(context: typer.Context) -> None:
    """A carrier to practise on."""
    _run_module("simulator", context.args)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from database.migrate import migrate
    from database.url import database_url

    migrate(database_url())
    typer.echo("The database has the newest schema.")


@app.command()
def reconcile(
    day: Annotated[str, typer.Option(help="In UTC, like 2026-11-25; yesterday unless named.")] = "",
    gateway: Annotated[str, typer.Option(help="Its name; all that can be asked otherwise.")] = "",
) -> None:
    """Compare a day's texts with the gateway's own list; a worker does so every night."""
    import asyncio
    from datetime import date

    from rich.console import Console

    from cli.reconcile import reconcile
    from database.url import database_url

    try:
        wanted = date.fromisoformat(day) if day else None
    except ValueError:
        raise Failure(f"{day} is not a day like 2026-11-25.") from None
    asyncio.run(reconcile(database_url(), Console(), day=wanted, gateway=gateway or None))


@app.command()
def upkeep(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go, and change nothing.")
    ] = False,
) -> None:
    """Forget texts that are older than `retention_days`; a worker does so every night."""
    import asyncio

    from rich.console import Console

    from cli.upkeep import upkeep
    from database.url import database_url

    asyncio.run(upkeep(database_url(), Console(), dry_run=dry_run))


@app.command()
def doctor(data_dir: DataDir = Path(".linnet")) -> None:
    """Check everything, and say how to mend it."""
    from rich.console import Console

    from cli.doctor import examine, show
    from cli.project import here

    findings = examine(here(), data_dir.absolute())
    show(findings, Console())
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


def _run_module(name: str, arguments: list[str]) -> None:
    import runpy

    sys.argv = [f"linnet {name.rpartition('.')[2]}", *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
