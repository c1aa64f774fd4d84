"""``linnet doctor``: what is wrong, and how to mend it."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from cli.failure import Failure, first_line
from cli.project import Project
from cli.stack import gateway_values, read_section
from connectors.credentials import load_settings
from connectors.gateways.intelepeer import LOGIN_PATH, LOGIN_URL, RECORD_PATH
from connectors.settings import Settings
from database.encryption import cipher
from database.url import normal, stack
from messaging.errors import LinnetError, SettingsError
from outreach.template_check import warnings_of
from outreach.templates import NOTICES, load_templates

SUPPORTED = (3, 11)
SECONDS = 5.0
MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warning[/]", "fail": "[red]fail[/]"}
PRACTICE = ("practice", "AC00000000000000000000000000000142")
OWN_MACHINE = ("localhost", "127.0.0.1")
UNKNOWN_SID = "SM" + "0" * 32


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: was looked at.
        state: whether it works; a warning does not stop anything.
        found: in a few words.
        fix: what to do; empty where all is well.
    """

    what: str
    state: Literal["ok", "warn", "fail"]
    found: str
    fix: str = ""


def examine(project: Project, data_dir: Path) -> list[Finding]:
    """Look at everything, in the order in which one thing needs the other."""
    findings = [*_environment(), *_files(project), *_notices(project)]
    running = stack(data_dir)
    findings += _database(running)
    if any(finding.state == "fail" and finding.what == "YAML" for finding in findings):
        return findings
    findings.append(_encryption())
    findings += _model(project)
    environ = {**os.environ, **_as_started(running, project)}
    try:
        settings = load_settings(project.root / "credentials.yml", environ)
        values = gateway_values(read_section(project), environ)
    except (LinnetError, Failure) as error:
        return [*findings, Finding("credentials", "fail", str(error), "Correct credentials.yml.")]
    findings.append(Finding("credentials", "ok", f"{', '.join(settings.gateways)}"))
    findings += _practice_values(settings, values)
    with httpx.Client(timeout=SECONDS) as http:
        for gateway, of in values.items():
            findings.append(_gateway(gateway, of, http))
        findings += _round_trip(settings, values, http)
    return findings


def show(findings: list[Finding], console: Console) -> None:
    """Print a table of them."""
    table = Table("", "what", "found", "fix")
    for finding in findings:
        table.add_row(MARKS[finding.state], finding.what, finding.found, finding.fix)
    console.print(table)


def _as_started(running: dict[str, Any] | None, project: Project) -> dict[str, str]:
    """What ``linnet up`` told its processes, where one runs: its addresses, not the file's."""
    if running is None:
        return {}
    told = {"LINNET_PUBLIC_URL": str(running["ingress"])}
    try:
        gateways = read_section(project)["gateways"]
    except Failure:
        return told
    return told | {f"{name.upper()}_BASE_URL": str(running["simulator"]) for name in gateways}


def _environment() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == SUPPORTED:
        yield Finding("Python", "ok", version)
    else:
        yield Finding("Python", "fail", version, "Rasa 3.6 runs on 3.11 here: use Python 3.11.")
    wrong = list(_wrong_packages())
    if wrong:
        yield Finding("packages", "fail", "; ".join(wrong), "Run `make sync`.")
    else:
        yield Finding("packages", "ok", f"rasa {importlib.metadata.version('rasa')}")


def _wrong_packages() -> Iterator[str]:
    from packaging.requirements import Requirement  # noqa: PLC0415

    for written in importlib.metadata.requires("linnet") or []:
        requirement = Requirement(written)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield f"{requirement.name} is not installed"
            continue
        if found not in requirement.specifier:
            yield f"{requirement.name} is {found}, wanted {requirement.specifier}"


def _files(project: Project) -> Iterator[Finding]:
    try:
        project.check()
    except Failure as failure:
        yield Finding("YAML", "fail", str(failure), "Correct that line.")
    else:
        yield Finding("YAML", "ok", f"{len(project.yaml_files())} files can be read")


def _notices(project: Project) -> Iterator[Finding]:
    if not (project.root / NOTICES).exists():
        return
    try:
        templates = load_templates(project.root / NOTICES)
    except SettingsError as error:
        yield Finding("notices", "fail", error.detail, "Correct that line.")
        return
    doubtful = [one.name for one in templates if any(warnings_of(one))]
    if doubtful:
        yield Finding(
            "notices", "warn", f"better written otherwise: {', '.join(doubtful)}",
            "`linnet notices check` says why.",
        )  # fmt: skip
    else:
        yield Finding("notices", "ok", f"{len(templates.by_name)} texts")


def _database(running: dict[str, Any] | None) -> Iterator[Finding]:
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    from database.migrate import SCRIPTS  # noqa: PLC0415

    named = os.environ.get("DATABASE_URL")
    url = normal(named) if named else (running or {}).get("database_url")
    if not url:
        yield Finding(
            "database", "warn", "none runs, DATABASE_URL is not set", "`linnet up` starts one."
        )
        return
    try:
        with psycopg.connect(url, connect_timeout=int(SECONDS)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        found = None
    except psycopg.Error as error:
        yield Finding("database", "fail", first_line(str(error)), "Correct DATABASE_URL.")
        return
    newest = ScriptDirectory(str(SCRIPTS)).get_current_head()
    schema = found[0] if found else "empty"
    if schema == newest:
        yield Finding("database", "ok", f"schema {schema}, the newest")
    else:
        yield Finding("database", "fail", f"schema {schema}, not {newest}", "`linnet migrate`")


def _encryption() -> Finding:
    try:
        keys = cipher().key_ids
    except LinnetError as error:
        return Finding("encryption", "fail", str(error), "docs/encryption.md")
    if not keys:
        return Finding(
            "encryption",
            "warn",
            "texts are stored as they are",
            "Set what `linnet encryption new-key` prints; docs/encryption.md.",
        )
    others = f"; {', '.join(keys[1:])} only read" if keys[1:] else ""
    return Finding("encryption", "ok", f"texts are sealed with {keys[0]}{others}")


def _model(project: Project) -> Iterator[Finding]:
    wanted, newest = project.model_path(), project.newest_model()
    if newest is None:
        yield Finding("model", "fail", "there is none", "`linnet train`")
        return
    shown = wanted if wanted.exists() else newest
    age = datetime.now(UTC) - datetime.fromtimestamp(shown.stat().st_mtime, UTC)
    found = f"{shown.name}, trained {age.days} days and {age.seconds // 3600} hours ago"
    if wanted.exists():
        yield Finding("model", "ok", found)
    else:
        yield Finding("model", "fail", f"{found}; the data changed since", "`linnet train`")


def _practice_values(settings: Settings, values: dict[str, dict[str, str]]) -> Iterator[Finding]:
    """The repository's values open nothing; with a real gateway or in public they are a mistake."""
    for gateway, of in values.items():
        practice = [key for key, value in of.items() if value.startswith(PRACTICE)]
        address = httpx.URL(of.get("base_url", ""))
        if practice and address.host not in OWN_MACHINE:
            yield Finding(
                gateway,
                "warn",
                f"practice values of {', '.join(practice)} with a real gateway",
                f"Set {', '.join(f'{gateway}_{key}'.upper() for key in practice)}.",
            )
        elif practice and httpx.URL(settings.public_url).host not in OWN_MACHINE:
            yield Finding(
                gateway,
                "warn",
                "practice values and the simulator behind a public address",
                "Set the gateway's own values, and take out base_url.",
            )


def _gateway(gateway: str, values: dict[str, str], http: httpx.Client) -> Finding:
    """Ask something that changes nothing and needs the credentials."""
    what = f"{gateway} account"
    try:
        answer = ASK[gateway](values, http)
    except KeyError:
        return Finding(what, "warn", "there is no harmless call to try", "")
    except httpx.HTTPError as error:
        return Finding(what, "fail", f"no answer ({type(error).__name__})", "Look at base_url.")
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return Finding(
            what,
            "fail",
            f"the credentials are refused ({answer.status_code})",
            f"Copy them from the gateway's portal into {gateway.upper()}_... variables.",
        )
    if answer.is_server_error:
        return Finding(what, "fail", f"it answers {answer.status_code}", "Try again later.")
    return Finding(what, "ok", "the credentials are accepted")


def _ask_twilio(values: dict[str, str], http: httpx.Client) -> httpx.Response:
    base = values.get("base_url") or "https://api.twilio.com"
    sid = values["account_sid"]
    return http.get(f"{base}/2010-04-01/Accounts/{sid}.json", auth=(sid, values["auth_token"]))


def _ask_intelepeer(values: dict[str, str], http: httpx.Client) -> httpx.Response:
    base = values.get("base_url") or "https://api.intelepeer.com"
    if "username" in values:
        login = {"username": values["username"], "password": values.get("password", "")}
        own = base if not base.endswith(".intelepeer.com") else LOGIN_URL
        return http.post(f"{values.get('login_url') or own}{LOGIN_PATH}", json=login)
    headers = {"Authorization": f"Bearer {values['token']}"}
    return http.post(f"{base}{RECORD_PATH}", json={"refid": "doctor"}, headers=headers)


ASK = {"twilio": _ask_twilio, "intelepeer": _ask_intelepeer}


def _round_trip(
    settings: Settings, values: dict[str, dict[str, str]], http: httpx.Client
) -> Iterator[Finding]:
    """Call our own webhooks as the gateway would: through the public address."""
    base = f"{settings.public_url}/webhooks/sms"
    what = "public address"
    try:
        answer = http.get(f"{base}/")
    except httpx.HTTPError as error:
        yield Finding(
            what,
            "fail",
            f"{base}/ does not answer ({type(error).__name__})",
            "Start `linnet up` or `linnet ingress`; look at public_url, DNS and the proxy.",
        )
        return
    if answer.status_code != httpx.codes.OK:
        fix = "Let the proxy pass /webhooks/sms/ on to the ingress."
        yield Finding(what, "fail", f"{base}/ answers {answer.status_code}", fix)
        return
    yield Finding(what, "ok", f"{base}/ answers")
    if "twilio" in values:
        yield _signed_receipt(f"{base}/twilio/status", values["twilio"], http)


def _signed_receipt(url: str, values: dict[str, str], http: httpx.Client) -> Finding:
    """A receipt of a text that never was, signed as Twilio signs; it changes no text."""
    from twilio.request_validator import RequestValidator  # noqa: PLC0415

    form = {
        "AccountSid": values["account_sid"],
        "MessageSid": UNKNOWN_SID,
        "MessageStatus": "sent",
        "From": values["numbers"].split(",")[0],
        "To": "+12125550100",
    }
    signature = RequestValidator(values["auth_token"]).compute_signature(url, form)
    try:
        signed = http.post(url, data=form, headers={"X-Twilio-Signature": signature})
        forged = http.post(url, data=form, headers={"X-Twilio-Signature": "forged"})
    except httpx.HTTPError as error:
        return Finding("webhook", "fail", f"no answer ({type(error).__name__})", "See above.")
    if not signed.is_success:
        return Finding(
            "webhook",
            "fail",
            f"a signed receipt is answered with {signed.status_code}: {signed.text[:100]}",
            "public_url must be exactly the address that the gateway calls.",
        )
    if forged.is_success:
        return Finding(
            "webhook", "warn", "a forged receipt is taken", "Set signature: enforce when ready."
        )
    return Finding("webhook", "ok", "a signed receipt is taken, a forged one refused")
