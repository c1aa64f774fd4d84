"""A day of ours and the vendor's list of it: every difference is found and told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from rich.console import Console

import cli.reconcile
from connectors.gateways.base import Listed, Outbound, Receipt, Status
from connectors.gateways.twilio import TwilioGateway, TwilioSettings
from database.alone import alone
from messaging.clock import SystemClock
from messaging.errors import LookUpFailed
from messaging.reconcile import MISSING_MOST, Comparison, Reconciliation
from messaging.reconcile_days import due_days, reconcile_due
from simulator import practice
from tests.integration.engine import OURS, PHONE, ScriptedGateway, rows, until

DAY = date(2026, 11, 25)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
NEXT_MORNING = datetime(2026, 11, 26, 4, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NEXT_MORNING


class Vendor(ScriptedGateway):
    """Lists what a test gives it, and knows one by one what it listed or was given."""

    def __init__(self, *listed: Listed) -> None:
        super().__init__(lists=True)
        self.listed = list(listed)
        self.known: dict[str, Receipt] = {}
        self.breaks = 0

    async def texts_between(self, since, until, http):
        for text in self.listed:
            if since <= text.created_at < until:
                yield text
                if self.breaks:
                    self.breaks -= 1
                    raise LookUpFailed("no")

    async def ask(self, vendor_id, http):
        self.asked.append(vendor_id)
        return self.known.get(vendor_id)


def listed(vendor_id="V1", status=Status.DELIVERED, *, body="hi", at=NOON, recipient=PHONE):
    receipt = Receipt(vendor_id, status, str(status), "30003" if status == "failed" else None)
    return Listed(receipt, OURS, recipient, body, at)


TEXT = """
WITH talk AS (
    INSERT INTO conversation (id, gateway, number, phone, created_at)
    VALUES (gen_random_uuid(), 'twilio', %(ours)s, %(phone)s, now())
    ON CONFLICT (number, phone) DO UPDATE SET gateway = 'twilio' RETURNING id
)
INSERT INTO outbound_text (id, conversation_id, kind, gateway, sender, recipient, body, segments,
    state, attempts, created_at, next_attempt_at, expires_at, first_attempt_at, accepted_at,
    vendor_id, error_code, updated_at)
SELECT gen_random_uuid(), id, 'notice', 'twilio', %(ours)s, %(phone)s, %(body)s, 1, %(state)s, 1,
    %(at)s, %(at)s, %(at)s, %(at)s, CASE WHEN %(vendor_id)s::text IS NOT NULL THEN %(at)s END,
    %(vendor_id)s, %(code)s, %(at)s
FROM talk RETURNING id
"""


async def text(pool, state="sent", vendor_id=None, *, code=None, body="hi", at=NOON):
    values = {"ours": OURS, "phone": PHONE, "state": state, "vendor_id": vendor_id}
    return (await rows(pool, TEXT, body=body, at=at, code=code, **values))[0]["id"]


async def the_text(pool, id):
    query = "SELECT state, vendor_id, error_code FROM outbound_text WHERE id = %(id)s"
    row = (await rows(pool, query, id=id))[0]
    return row["state"], row["vendor_id"], row["error_code"]


async def events(pool, id) -> list[str]:
    query = "SELECT kind FROM text_event WHERE outbound_id = %(id)s ORDER BY id"
    return [row["kind"] for row in await rows(pool, query, id=id)]


async def compare(pool, vendor, day=DAY, **options) -> Comparison | None:
    async with httpx.AsyncClient() as http:
        options.setdefault("pauses", (0.0, 0.0))
        return await Reconciliation(pool, vendor, http, FixedClock(), **options).run(day)


async def test_a_day_without_differences(pool):
    id = await text(pool, "delivered", "V1")
    assert await compare(pool, Vendor(listed())) == Comparison(listed=1)
    assert await the_text(pool, id) == ("delivered", "V1", None)
    (row,) = await rows(pool, "SELECT * FROM reconciliation")
    assert (row["since"], row["until"]) == (
        datetime(2026, 11, 25, tzinfo=UTC),
        datetime(2026, 11, 26, tzinfo=UTC),
    )
    assert (row["finished_at"], row["listed"], row["strange"]) == (NEXT_MORNING, 1, 0)


@pytest.mark.parametrize(
    ("ours", "theirs", "then"),
    [
        ("sent", Status.DELIVERED, "delivered"),
        ("sent", Status.FAILED, "failed"),
        ("sent", Status.QUEUED, "sent"),
        ("delivered", Status.SENT, "delivered"),
        ("delivered", Status.FAILED, "delivered"),
        ("failed", Status.DELIVERED, "failed"),
    ],
)
async def test_a_state_is_put_right_and_never_taken_back(pool, ours, theirs, then):
    id = await text(pool, ours, "V1")
    found = await compare(pool, Vendor(listed(status=theirs)))
    assert found == Comparison(listed=1, corrected=int(ours != then))
    assert (await the_text(pool, id))[:2] == (then, "V1")


async def test_a_day_that_is_compared_twice_changes_nothing_the_second_time(pool):
    await text(pool, "sent", "V1")
    vendor = Vendor(listed())
    await compare(pool, vendor)
    assert await compare(pool, vendor) == Comparison(listed=1)
    assert len(await rows(pool, "SELECT FROM receipt")) == 1
    assert len(await rows(pool, "SELECT FROM reconciliation")) == 1


@pytest.mark.parametrize(
    ("state", "code"),
    [("unknown", "outcome-unknown"), ("checking", None), ("failed", "expired")],
)
async def test_a_text_of_unknown_fate_is_found_by_numbers_words_and_time(pool, state, code):
    id = await text(pool, state, code=code)
    assert await compare(pool, Vendor(listed())) == Comparison(listed=1, corrected=1)
    assert await the_text(pool, id) == ("delivered", "V1", None)
    assert await events(pool, id) == ["reconciled"]
    (receipt,) = await rows(pool, "SELECT outbound_id FROM receipt")
    assert receipt["outbound_id"] == id


@pytest.mark.parametrize(
    "other",
    [
        listed(body="ho"),
        listed(recipient="+12125550199"),
        listed(at=NOON - timedelta(minutes=2)),
        listed(at=NOON + timedelta(days=3)),
    ],
)
async def test_another_text_is_not_taken_for_it(pool, other):
    id = await text(pool, "unknown", code="outcome-unknown")
    day = other.created_at.date()
    assert await compare(pool, Vendor(other), day) == Comparison(listed=1, strange=1)
    assert (await the_text(pool, id))[0] == "unknown"


async def test_a_text_that_was_refused_is_not_taken_for_it(pool):
    id = await text(pool, "failed", code="21610")
    assert await compare(pool, Vendor(listed())) == Comparison(listed=1, strange=1)
    assert await the_text(pool, id) == ("failed", None, "21610")


async def test_two_texts_with_the_same_words_are_matched_one_to_one(pool):
    first = await text(pool, "unknown", code="outcome-unknown")
    second = await text(pool, "unknown", code="outcome-unknown", at=NOON + timedelta(minutes=5))
    vendor = Vendor(listed("V2", at=NOON + timedelta(minutes=5, seconds=2)), listed("V1"))
    assert await compare(pool, vendor) == Comparison(listed=2, corrected=2)
    assert (await the_text(pool, first))[1] == "V1"
    assert (await the_text(pool, second))[1] == "V2"


async def test_an_earlier_attempt_is_not_strange(pool):
    id = await text(pool, "delivered", "V2")
    query = """INSERT INTO receipt
        (gateway, vendor_id, status, vendor_status, received_at, outbound_id)
        VALUES ('twilio', 'V1', 'failed', 'failed', now(), %(id)s) RETURNING 1"""
    await rows(pool, query, id=id)
    vendor = Vendor(listed("V1", Status.FAILED), listed("V2"))
    assert await compare(pool, vendor) == Comparison(listed=2)
    assert (await the_text(pool, id))[0] == "delivered"


async def test_a_text_that_the_vendor_does_not_know_is_told_once_and_stays_sent(pool):
    id = await text(pool, "sent", "V1")
    assert await compare(pool, Vendor()) == Comparison(missing=1)
    assert await compare(pool, Vendor()) == Comparison(missing=1)
    assert (await the_text(pool, id))[0] == "sent"
    assert await events(pool, id) == ["not-at-vendor"]


async def test_a_text_that_is_not_on_the_list_may_be_known_all_the_same(pool):
    id = await text(pool, "sent", "V1", at=NOON.replace(hour=23, minute=59, second=59))
    vendor = Vendor()
    vendor.known["V1"] = Receipt("V1", Status.DELIVERED, "delivered")
    assert await compare(pool, vendor) == Comparison(corrected=1)
    assert (await the_text(pool, id))[0] == "delivered"


async def test_texts_of_other_days_are_not_missed(pool):
    await text(pool, "sent", "V1", at=NOON - timedelta(days=1))
    await text(pool, "sent", "V2", at=NOON + timedelta(days=1))
    assert await compare(pool, Vendor()) == Comparison()


async def test_the_list_of_another_account_is_not_believed(pool):
    await text(pool, "sent", "V0")
    copies = """INSERT INTO outbound_text (id, conversation_id, kind, gateway, sender, recipient,
            body, segments, state, created_at, next_attempt_at, expires_at, accepted_at,
            vendor_id, updated_at)
        SELECT gen_random_uuid(), conversation_id, kind, gateway, sender, recipient, body, 1,
            state, created_at, next_attempt_at, expires_at, accepted_at, 'V' || number, updated_at
        FROM outbound_text, generate_series(1, %(most)s) AS number RETURNING 1"""
    await rows(pool, copies, most=MISSING_MOST - 1)
    vendor = Vendor()
    with pytest.raises(LookUpFailed, match="is this the account"):
        await compare(pool, vendor)
    assert vendor.asked == []
    (row,) = await rows(pool, "SELECT finished_at FROM reconciliation")
    assert row["finished_at"] is None


async def test_a_list_that_breaks_off_is_read_again_and_counted_once(pool):
    id = await text(pool, "unknown", code="outcome-unknown")
    vendor = Vendor(listed("V1"), listed("V2", body="?"))
    vendor.breaks = 2
    found = await compare(pool, vendor)
    assert found == Comparison(listed=2, corrected=1, strange=1)
    assert (await the_text(pool, id))[0] == "delivered"


async def test_a_vendor_that_does_not_answer_leaves_the_day_to_be_done(pool):
    await text(pool, "sent", "V1")
    vendor = Vendor(listed())
    vendor.breaks = 9
    with pytest.raises(LookUpFailed):
        await compare(pool, vendor)
    (row,) = await rows(pool, "SELECT finished_at FROM reconciliation")
    assert row["finished_at"] is None


async def test_only_one_compares_at_a_time(pool):
    async with alone(pool, "reconcile twilio"):
        assert await compare(pool, Vendor()) is None
    assert await compare(pool, Vendor()) == Comparison()


async def test_progress_is_told_every_hour(pool):
    told = []
    await compare(pool, Vendor(), progress=lambda hour, found: told.append(hour.hour))
    assert told == [*range(1, 24), 0]


async def test_a_day_of_many_pages(pool):
    vendor = Vendor(*(listed(f"V{number}", body=str(number)) for number in range(1_201)))
    assert await compare(pool, vendor) == Comparison(listed=1_201, strange=1_201)


@pytest.mark.parametrize(
    ("now", "done", "first", "kept", "days"),
    [
        ("2026-11-26T03:29", [], 1, 400, range(18, 25)),
        ("2026-11-26T03:30", [], 1, 400, range(19, 26)),
        ("2026-11-26T12:00", [19, 20, 21, 22, 23, 24], 1, 400, [25]),
        ("2026-11-26T12:00", [24, 25], 22, 400, [22, 23]),
        ("2026-11-26T12:00", [], 26, 400, []),
        ("2026-11-26T12:00", [], 1, 2, [25]),
    ],
)
def test_due_days(now, done, first, kept, days):
    def november(day):
        return date(2026, 11, day)

    found = due_days(
        datetime.fromisoformat(now).replace(tzinfo=UTC),
        done={november(day) for day in done},
        first=november(first),
        kept_days=kept,
    )
    assert found == [november(day) for day in days]


def test_nothing_is_due_before_the_first_text():
    assert due_days(NEXT_MORNING, done=[], first=None, kept_days=400) == []


async def test_days_are_made_up_and_then_done(pool):
    await text(pool, "sent", "V1", at=NOON - timedelta(days=2))
    vendor = Vendor(listed(at=NOON - timedelta(days=2)))
    async with httpx.AsyncClient() as http:
        for _ in range(2):
            await reconcile_due(pool, {"twilio": vendor}, http, FixedClock(), 400)
    done = await rows(pool, "SELECT since, corrected FROM reconciliation ORDER BY since")
    assert [(row["since"].day, row["corrected"]) for row in done] == [(23, 1), (24, 0), (25, 0)]


async def test_a_vendor_that_lists_nothing_is_passed_over(pool):
    await text(pool, "sent", "V1")
    async with httpx.AsyncClient() as http:
        gateways = {"twilio": ScriptedGateway()}
        await reconcile_due(pool, gateways, http, FixedClock(), 400)
    assert await rows(pool, "SELECT FROM reconciliation") == []


# -- against the simulator, as users run it ------------------------------------------------


@pytest.fixture
def simulator():
    child = subprocess.Popen(
        [
            sys.executable, "-m", "simulator", "--port", "0",
            "--public-url", "http://127.0.0.1:9",
            "--shortest-delay", "0.01", "--longest-delay", "0.02", "--seed", "1",
        ],
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    try:
        yield re.search(r"http://[\d.:]+", child.stderr.readline()).group()
    finally:
        child.terminate()
        child.wait(timeout=10)
        child.stderr.close()


@pytest.fixture
def credentials(simulator, tmp_path):
    written = Path("credentials.yml").read_text(encoding="utf-8")
    changed = tmp_path / "credentials.yml"
    changed.write_text(
        written.replace(f"http://localhost:{practice.PORT}", simulator), encoding="utf-8"
    )
    return changed


async def test_linnet_reconcile(pool, database_url, simulator, credentials):
    gateway = TwilioGateway(
        TwilioSettings(
            practice.TWILIO_ACCOUNT_SID,
            (practice.TWILIO_AUTH_TOKEN,),
            (OURS,),
            "http://127.0.0.1:9",
            simulator,
        )
    )
    async with httpx.AsyncClient() as http:
        now = SystemClock().now()
        known = await text(pool, "sent", "?", at=now)
        unknown = await text(pool, "unknown", body="ho", code="outcome-unknown", at=now)
        vendor_id = (await gateway.send(Outbound(str(known), OURS, PHONE, "hi"), http)).vendor_id
        await rows(
            pool,
            "UPDATE outbound_text SET vendor_id = %(vendor)s, accepted_at = now()"
            " WHERE id = %(id)s RETURNING 1",
            vendor=vendor_id,
            id=known,
        )
        await gateway.send(Outbound(str(unknown), OURS, PHONE, "ho"), http)

        async def delivered():
            texts = gateway.texts_between(now - timedelta(hours=1), now + timedelta(hours=1), http)
            return [one.receipt.status async for one in texts] == [Status.DELIVERED] * 2

        await until(delivered)
    console = Console(record=True, width=100)
    await cli.reconcile.reconcile(
        database_url, console, day=now.date(), gateway=None, credentials=credentials
    )
    (line,) = [line for line in console.export_text().splitlines() if "twilio" in line]
    assert re.findall(r"\d+", line)[-4:] == ["2", "2", "0", "0"]
    assert (await the_text(pool, known))[0] == "delivered"
    assert (await the_text(pool, unknown))[0] == "delivered"
