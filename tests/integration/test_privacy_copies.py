"""What gateways have of people who were erased: listed, and deleted there by request."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

import cli.copies
import cli.privacy
from cli import main
from cli.failure import Failure
from connectors.gateways.base import Accepted, Inbound, Outbound
from connectors.gateways.twilio import TwilioGateway, TwilioSettings
from database.alone import alone
from messaging.clock import SystemClock
from messaging.errors import SettingsError
from messaging.inbox import store_text
from messaging.jobs import Tools, jobs_app
from messaging.retention_periods import RetentionPeriods
from messaging.suppression import KEY
from messaging.upkeep import prune
from privacy.copies import ask, copies, delete_asked
from privacy.erasure import erase
from privacy.jobs import register
from simulator import practice
from simulator.server import in_background
from simulator.settings import Settings
from simulator.settings import TwilioSettings as SimulatedTwilio
from tests.integration.engine import rows, until
from tests.integration.person import PHONE

SID, TOKEN = practice.TWILIO_ACCOUNT_SID, practice.TWILIO_AUTH_TOKEN
OURS = practice.TWILIO_NUMBERS[0]
MESSAGES = f"/2010-04-01/Accounts/{SID}/Messages"
NOWHERE = "http://127.0.0.1:9"  # nobody listens on the discard port
COUNT = 25

TEXT = """
INSERT INTO outbound_text (id, conversation_id, kind, gateway, sender, recipient, body, segments,
    state, created_at, next_attempt_at, expires_at, vendor_id, updated_at)
SELECT gen_random_uuid(), id, 'reply', %(gateway)s, number, phone, 'an itchy zebra', 1, 'delivered',
    now(), now(), now(), %(vendor_id)s, now()
FROM conversation RETURNING 1
"""


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("LINNET_DATA_DIR", str(tmp_path))
    monkeypatch.setenv(KEY, "a-key-of-thirty-two-characters-or-more")


@pytest.fixture
def carrier():
    """Where our texts and the customer's are, and the way to ask."""
    settings = Settings(
        twilio=SimulatedTwilio(webhook=NOWHERE), shortest_delay=0.0, longest_delay=0.01
    )
    with in_background(settings) as url, httpx.Client(base_url=url, auth=(SID, TOKEN)) as http:
        yield http


def twilio(carrier) -> TwilioGateway:
    base = str(carrier.base_url).rstrip("/")
    return TwilioGateway(TwilioSettings(SID, (TOKEN,), (OURS,), NOWHERE, base_url=base))


def shown(carrier) -> int:
    """How many texts the account has."""
    return len(carrier.get(f"{MESSAGES}.json", params={"PageSize": 1000}).json()["messages"])


async def exchanged(pool, carrier, count: int = COUNT) -> list[str]:
    """A text of the customer's and texts of ours, at Twilio and here; their SIDs."""
    came = carrier.post(f"/phones/{PHONE}/texts", json={"to": OURS, "body": "an itchy zebra"})
    sids = [came.json()["id"]]
    gateway = twilio(carrier)
    async with httpx.AsyncClient() as http:
        for number in range(count - 1):
            message = Outbound(str(number), OURS, PHONE, f"a zebra {number}")
            sent = await gateway.send(message, http)
            assert isinstance(sent, Accepted)
            sids.append(sent.vendor_id)

    async with pool.connection() as connection:
        text = Inbound(sids[0], PHONE, OURS, "an itchy zebra")
        await store_text(connection, "twilio", text, datetime.now(UTC), burst_seconds=0)
    for sid in sids[1:]:
        await rows(pool, TEXT, gateway="twilio", vendor_id=sid)

    async def delivered():
        listed = carrier.get(f"{MESSAGES}.json", params={"PageSize": 1000}).json()["messages"]
        return all(one["status"] in {"delivered", "received"} for one in listed)

    await until(delivered)
    return sids


async def delete(pool, *gateways, progress=None):
    async with httpx.AsyncClient() as http:
        by_name = {one.name: one for one in gateways}
        return await delete_asked(pool, by_name, http, SystemClock(), progress)


async def audited(pool) -> list[tuple[str, int]]:
    found = await rows(
        pool,
        "SELECT actor, rows FROM privacy_audit WHERE action = 'erase-at-gateway' ORDER BY id",
    )
    return [(row["actor"], row["rows"]["vendor_copy"]) for row in found]


def put_fault(carrier, **fault) -> None:
    carrier.put("/faults", json={"gateway": "twilio", **fault}).raise_for_status()


async def test_what_was_asked_for_is_deleted_at_the_gateway(pool, carrier):
    sids = await exchanged(pool, carrier)
    assert (await erase(pool, PHONE, "Ana", at_gateways=True)).copies == COUNT
    told: list[int] = []
    done = await delete(pool, twilio(carrier), progress=lambda so_far: told.append(so_far.deleted))
    assert (done.deleted, done.unfinished, done.failed) == (COUNT, 0, {})
    assert told == [10, 20, 25]
    assert shown(carrier) == 0
    assert carrier.get(f"{MESSAGES}/{sids[-1]}.json").status_code == 404
    assert await copies(pool) == []
    assert await audited(pool) == [("Ana", 10), ("Ana", 10), ("Ana", 5)]
    again = await delete(pool, twilio(carrier))
    assert (again.deleted, again.failed) == (0, {})
    await prune(pool, RetentionPeriods(), datetime.now(UTC) + timedelta(days=31))
    assert await rows(pool, "SELECT FROM vendor_copy") == []


async def test_nothing_is_deleted_there_that_nobody_asked_for(pool, carrier):
    sids = await exchanged(pool, carrier, 3)
    await erase(pool, PHONE, "Ana")
    assert (await delete(pool, twilio(carrier))).deleted == 0
    assert shown(carrier) == 3
    assert {copy.vendor_id for copy in await copies(pool)} == set(sids)
    assert await ask(pool, "Bea") == 3
    assert await ask(pool, "Cid") == 0
    assert (await delete(pool, twilio(carrier))).deleted == 3
    assert await audited(pool) == [("Bea", 3)]


@pytest.mark.parametrize(("kind", "reason"), [("429", "429"), ("look-up-500", "500")])
async def test_what_a_busy_gateway_does_not_delete_a_worker_does_later(pool, carrier, kind, reason):
    await exchanged(pool, carrier)
    await erase(pool, PHONE, "Ana", at_gateways=True)
    put_fault(carrier, kind=kind, count=1)
    done = await delete(pool, twilio(carrier))
    assert (done.deleted, done.failed) == (9, {"twilio": f"Twilio answered {reason}"})
    assert len(await copies(pool)) == COUNT - 9
    async with httpx.AsyncClient() as http:
        gateways = {"twilio": twilio(carrier)}
        app = jobs_app(pool, Tools(gateways, http, SystemClock(), RetentionPeriods()), [register])
        await app.tasks["privacy.delete-copies"](timestamp=0)
    assert await copies(pool) == []
    assert shown(carrier) == 0
    assert sum(count for _, count in await audited(pool)) == COUNT


async def test_a_gateway_that_is_away_is_left_alone(pool, carrier):
    await exchanged(pool, carrier)
    await erase(pool, PHONE, "Ana", at_gateways=True)
    away = TwilioGateway(TwilioSettings(SID, (TOKEN,), (OURS,), NOWHERE, base_url=NOWHERE))
    done = await delete(pool, away)
    assert (done.deleted, done.failed) == (0, {"twilio": "Twilio gave no answer"})
    assert len(await copies(pool)) == COUNT


async def test_a_text_with_which_the_gateway_has_not_done_is_deleted_later(pool, carrier):
    await exchanged(pool, carrier, 2)
    gateway = twilio(carrier)
    with in_background(Settings(shortest_delay=3000.0, longest_delay=3000.0)) as url:
        slow = TwilioGateway(TwilioSettings(SID, (TOKEN,), (OURS,), NOWHERE, base_url=url))
        async with httpx.AsyncClient() as http:
            queued = await slow.send(Outbound("9", OURS, PHONE, "later"), http)
            assert await slow.forget(queued.vendor_id, http) is False
            assert (await slow.ask(queued.vendor_id, http)).vendor_id == queued.vendor_id
        await rows(pool, TEXT, gateway="twilio", vendor_id=queued.vendor_id)
        await erase(pool, PHONE, "Ana", at_gateways=True)
        done = await delete(pool, slow)  # knows only the one text; the others are not there
        assert (done.deleted, done.unfinished, done.failed) == (2, 1, {})
        assert [copy.vendor_id for copy in await copies(pool)] == [queued.vendor_id]
    assert (await delete(pool, gateway)).deleted == 1  # not there: gone


async def test_it_goes_on_where_it_was_killed(pool, carrier):
    await exchanged(pool, carrier)
    await erase(pool, PHONE, "Ana", at_gateways=True)

    def killed(so_far):
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await delete(pool, twilio(carrier), progress=killed)
    assert shown(carrier) == COUNT - 10
    assert (await delete(pool, twilio(carrier))).deleted == COUNT - 10
    assert await audited(pool) == [("Ana", 10), ("Ana", 10), ("Ana", 5)]


async def test_no_transaction_is_open_while_a_gateway_is_asked(pool, carrier):
    await exchanged(pool, carrier, 3)
    await erase(pool, PHONE, "Ana", at_gateways=True)
    seen: list[int] = []

    class Looking(TwilioGateway):
        async def forget(self, vendor_id, http):
            (open_ones,) = await rows(
                pool,
                "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'idle in transaction'"
                " AND datname = current_database()",
            )
            seen.append(open_ones["n"])
            return await super().forget(vendor_id, http)

    gateway = Looking(twilio(carrier)._settings)
    assert (await delete(pool, gateway)).deleted == 3
    assert seen == [0, 0, 0]


async def test_one_process_at_a_time_asks(pool, carrier):
    async with alone(pool, "privacy.copies"):
        assert await delete(pool, twilio(carrier)) is None


# -- the commands ------------------------------------------------------------------------------


@pytest.fixture
def console():
    return Console(file=StringIO(), record=True, width=200)


@pytest.fixture
def credentials(carrier, monkeypatch):
    """Those of the practice, whose Twilio is this one."""
    monkeypatch.setenv("TWILIO_BASE_URL", str(carrier.base_url).rstrip("/"))
    return Path(__file__).parents[2] / "credentials.yml"


async def test_somebody_is_erased_here_and_there(pool, database_url, carrier, console, credentials):
    await exchanged(pool, carrier, 3)
    await cli.privacy.forget(
        database_url, PHONE, "Ana", console, at_gateways=True, credentials=credentials
    )
    assert "3 copies were deleted at gateways." in console.export_text()
    assert shown(carrier) == 0


async def test_the_command_line(pool, database_url, carrier, credentials, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)

    async def linnet(*given: str):
        return await asyncio.to_thread(CliRunner().invoke, main.app, ["privacy", *given])

    await exchanged(pool, carrier, 3)
    erased = await linnet("erase", PHONE, "--as", "Ana", "--yes")
    assert "Gateways have copies of 3 texts" in erased.output
    both = await linnet("copies", "--at-gateway", "--erased", "twilio")
    assert isinstance(both.exception, Failure)
    assert shown(carrier) == 3
    assert len((await linnet("copies")).output.splitlines()) == 3
    told = await linnet("copies", "--at-gateway", "--as", "Bea")
    assert "3 copies were deleted at gateways." in told.output
    assert shown(carrier) == 0
    assert await audited(pool) == [("Bea", 3)]


async def test_what_is_wrong_in_the_settings_is_told_before_anything_is_erased(
    pool, database_url, carrier, console, tmp_path
):
    await exchanged(pool, carrier, 3)
    with pytest.raises(SettingsError):
        await cli.privacy.forget(
            database_url, PHONE, "Ana", console, at_gateways=True, credentials=tmp_path / "no.yml"
        )
    assert len(await rows(pool, "SELECT FROM outbound_text")) == 2


async def test_copies_are_listed_until_they_are_deleted(
    pool, database_url, carrier, console, credentials
):
    sids = await exchanged(pool, carrier, 3)
    await rows(pool, TEXT, gateway="intelepeer", vendor_id="SMI")
    await cli.privacy.forget(database_url, PHONE, "Ana", console)
    assert "Gateways have copies of 4 texts" in console.export_text()
    await cli.copies.show(database_url, console)
    listed = [json.loads(line) for line in console.export_text().splitlines()]
    assert listed == [
        {"gateway": "intelepeer", "vendor_id": "SMI"},
        *({"gateway": "twilio", "vendor_id": sid} for sid in sorted(sids)),
    ]
    put_fault(carrier, kind="429", count=1)
    await cli.copies.ask_and_delete(database_url, "Ana", console, credentials=credentials)
    told = console.export_text()
    assert "2 copies were deleted" in told
    assert "Twilio answered 429; the rest there is left." in told
    assert "A worker (`linnet worker`) tries again every 10 minutes." in told
    assert "1 are at intelepeer, which deletes nothing when asked by a program" in told
    await cli.copies.ask_and_delete(database_url, "Ana", console, credentials=credentials)
    assert "tries again" not in console.export_text()
    await cli.copies.note_deleted(database_url, "intelepeer", "Ana", console)
    console.export_text()
    await cli.copies.show(database_url, console)
    assert console.export_text() == ""
