"""A person handed out and forgotten: nothing is missing from the one, nothing left by the other."""

from __future__ import annotations

import asyncio
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from rich.console import Console

import cli.consent
import cli.privacy
import privacy.erasure
from cli.failure import Failure
from cli.suppression_key import practice_suppression_key
from connectors.gateways.base import Inbound, Receipt, Status
from database.alone import alone
from database.encryption import DIGEST_KEY, KEYS, cipher
from database.migrate import migrate
from messaging.consent import ConsentEvent, Direction, Method
from messaging.consent_changes import record
from messaging.consent_table import redact, verify
from messaging.errors import SettingsError
from messaging.inbox import store_events
from messaging.lanes import Lane
from messaging.notices import NO_CONSENT, OPTED_OUT, Notice, Refused
from messaging.retention_periods import RetentionPeriods
from messaging.spool import Spool
from messaging.suppression import KEY, KEY_FILE
from messaging.upkeep import prune
from outreach.audience_query import QueryAudience, read_queries
from outreach.campaign_runner import advance
from outreach.requested import send_due
from practice.appointments import book
from practice.requested_reminders import request_reminder
from privacy.erasure import erase, foresee
from privacy.errors import ErasureBusy
from privacy.export import as_text, export
from privacy.places import PERSONAL_PLACES, PLACES
from privacy.retention import forget_unheard, unheard
from tests.integration.campaigning import NOON, plan, started
from tests.integration.campaigning import desk as campaign_desk
from tests.integration.engine import PHONE as OTHER
from tests.integration.engine import Echo, rows, text_in, turn_worker, until
from tests.integration.person import (
    PHONE,
    PICTURE,
    WORDS,
    book_a_visit,
    dump,
    leave_traces,
    say,
    where,
)
from tests.integration.reminding import PHONE as VISITOR
from tests.integration.reminding import TEXTS, Practice, desk, local

QUERIES = read_queries(Path(__file__).parents[2] / "audiences.yml")
NOW = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
SECRET = "a-key-of-thirty-two-characters-or-more"


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """Local state of the test's own, and the key of suppressions."""
    monkeypatch.setenv("LINNET_DATA_DIR", str(tmp_path))
    monkeypatch.setenv(KEY, SECRET)
    return tmp_path


@pytest.fixture
async def person(pool, database_url):
    """Somebody who texted, booked, was texted, and has something in every table."""
    await book_a_visit(pool)
    async with turn_worker(pool, database_url, Echo()):
        await say(pool, "my itchy zebra", "and a quokka")
    await put(pool, said(Direction.GRANT, disclosure="zebra offers", ip="203.0.113.9",
                         user_agent="marmot", subject="Rosalind", source="quokka.html",
                         body="yes, zebra", method=Method.WEB))  # fmt: skip
    await leave_traces(pool)
    return PHONE


def said(direction: Direction, phone: str = PHONE, **given) -> ConsentEvent:
    now = datetime.now(UTC)
    known = {"scope": "all", "method": Method.VERBAL, "actor": "Ana", "captured_at": now}
    return ConsentEvent(
        **known | {"phone": phone, "direction": direction, "recorded_at": now} | given
    )


async def put(pool, *events: ConsentEvent) -> None:
    async with pool.connection() as connection, connection.transaction():
        await record(connection, events)


async def faults(pool) -> list[str]:
    async with pool.connection() as connection:
        return list((await verify(connection)).faults)


async def notice(pool, phone: str = PHONE, lane: Lane = Lane.REMINDER):
    async with pool.connection() as connection, connection.transaction():
        text = Notice(phone, f"Your glasses are ready {uuid4()}", lane)
        return await desk().enqueue(connection, text, datetime.now(UTC))


# -- the map -----------------------------------------------------------------------------------


async def test_the_map_has_every_table_and_column(pool):
    """A new one fails here: say in privacy/places.py what it holds."""
    columns = await rows(
        pool,
        "SELECT table_name, array_agg(column_name::text) AS names FROM information_schema.columns"
        " WHERE table_schema = 'public' GROUP BY 1",
    )
    assert {row["table_name"]: sorted(row["names"]) for row in columns} == {
        place.table: sorted(place.columns) for place in PLACES
    }


def test_what_is_about_nobody_has_no_personal_column():
    named = {place.table for place in PLACES if place.identifier or place.content or place.derived}
    assert named <= {place.table for place in PERSONAL_PLACES}


async def test_the_person_of_these_tests_is_everywhere(pool, person):
    found = await foresee(pool, PHONE)
    assert found.keys() == {place.table for place in PERSONAL_PLACES}
    assert await where(pool) >= {
        place.table for place in PERSONAL_PLACES if place.identifier or place.content
    } - {"receipt", "inbound_text"}


# -- erasure -----------------------------------------------------------------------------------


async def test_nothing_of_an_erased_person_is_found_anywhere(pool, person, data):
    told = await foresee(pool, PHONE)
    erased = await erase(pool, PHONE, "Ana")
    assert erased.rows == told
    assert await where(pool) == set()
    assert await faults(pool) == []
    (slot,) = await rows(pool, "SELECT customer_name, staff_id, during FROM appointment")
    assert slot["customer_name"] == "Erased"
    assert slot["staff_id"]
    (audit,) = await rows(pool, "SELECT * FROM privacy_audit")
    assert (audit["action"], audit["actor"], audit["rows"]) == ("erase", "Ana", dict(told))
    assert len(audit["phone_hash"]) == 32
    assert not [path for path in data.rglob("*") if path.is_file()]


async def test_erasing_again_finds_nothing(pool, person):
    await erase(pool, PHONE, "Ana")
    again = await erase(pool, PHONE, "Ana")
    assert again.rows == {}
    assert await foresee(pool, PHONE) == {}


async def test_other_people_stay(pool, person, database_url):
    async with turn_worker(pool, database_url, Echo()):
        await say(pool, "hello", phone=OTHER)
    await put(pool, said(Direction.GRANT, OTHER, body="yes", source="a form"))
    before = await foresee(pool, OTHER)
    await erase(pool, PHONE, "Ana")
    assert await foresee(pool, OTHER) == before
    assert await faults(pool) == []


async def test_an_erasure_that_breaks_in_the_middle_changes_nothing(pool, person, monkeypatch):
    before = await dump(pool)

    async def killed(*_given, **_named):
        raise ConnectionResetError

    monkeypatch.setattr(privacy.erasure, "write_audit", killed)
    with pytest.raises(ConnectionResetError):
        await erase(pool, PHONE, "Ana")
    assert await dump(pool) == before


async def test_who_opted_out_and_was_erased_gets_nothing_unasked(pool, person, tmp_path):
    await put(pool, said(Direction.REVOKE))
    assert (await erase(pool, PHONE, "Ana")).opted_out
    assert await where(pool) == set()
    assert await notice(pool) == OPTED_OUT
    assert isinstance(await notice(pool, lane=Lane.BULK), Refused)
    old = tmp_path / "old.csv"
    old.write_text(
        "phone,direction,scope,method,captured_at,disclosure\n"
        f"{PHONE},grant,all,web,2026-01-01T10:00:00,I want offers.\n"
    )
    url = pool.conninfo
    await cli.consent.load(url, old, "Ana", datetime.now(UTC), Console(file=StringIO()))
    assert await notice(pool) == OPTED_OUT
    assert isinstance(await notice(pool, lane=Lane.BULK), Refused)
    assert await faults(pool) == []


async def test_who_opted_out_of_advertising_only_still_gets_reminders(pool, person):
    await put(pool, said(Direction.REVOKE, scope="marketing"))
    await erase(pool, PHONE, "Ana")
    assert await notice(pool, lane=Lane.BULK) == NO_CONSENT
    assert isinstance(await notice(pool), list)


async def test_who_did_not_opt_out_needs_new_consent_for_advertising(pool, person):
    assert isinstance(await notice(pool, lane=Lane.BULK), list)
    assert not (await erase(pool, PHONE, "Ana")).opted_out
    assert isinstance(await notice(pool), list)
    assert await notice(pool, lane=Lane.BULK) == NO_CONSENT
    await put(pool, said(Direction.GRANT, disclosure="I want offers.", method=Method.WEB))
    assert isinstance(await notice(pool, lane=Lane.BULK), list)


async def test_who_opted_out_and_texts_again_is_answered_after_start_only(
    pool, person, database_url
):
    await put(pool, said(Direction.REVOKE))
    await erase(pool, PHONE, "Ana")
    assistant = Echo()
    async with turn_worker(pool, database_url, assistant):
        await say(pool, "hello", "are you there")
        assert assistant.turns == []
        assert await rows(pool, "SELECT FROM outbound_text") == []
        assert await notice(pool) == OPTED_OUT
        await say(pool, "START", "hello")
        assert [turn.text for turn in assistant.turns] == ["hello"]
    assert isinstance(await notice(pool), list)
    assert await faults(pool) == []
    # Whose START is erased, too, is somebody who did not opt out.
    assert not (await erase(pool, PHONE, "Ana")).opted_out
    assert await rows(pool, "SELECT FROM suppression") == []


async def test_who_texts_again_is_a_new_person(pool, person, database_url):
    await erase(pool, PHONE, "Ana")
    async with turn_worker(pool, database_url, Echo()):
        await say(pool, "hello")
    (turn,) = await rows(pool, "SELECT number FROM turn")
    assert turn["number"] == 1


async def test_who_was_erased_is_reminded_of_nothing(pool):
    practice, monday = Practice(pool), local(2026, 11, 23, 9)
    await practice.load(monday)
    for start in (local(2026, 11, 24, 9), local(2026, 11, 25, 9)):
        visit = await practice.book(start, monday)
    due = local(2026, 11, 24, 10)
    async with pool.connection() as connection:
        await request_reminder(
            connection, "r1", phone=VISITOR, due_at=due, zone="America/New_York",
            appointment_id=visit.id, now=monday,
        )  # fmt: skip
    assert await practice.remind(monday) == 1
    await erase(pool, VISITOR, "Ana")
    assert await send_due(pool, practice.desk, TEXTS, due) == 0
    assert await practice.remind(local(2026, 11, 24, 9, 30)) == 0
    await rows(
        pool, "UPDATE appointment SET state = 'missed', updated_at = upper(during) RETURNING 1"
    )
    assert await practice.follow_up(local(2026, 11, 25, 12)) == 0
    await rows(pool, "UPDATE appointment SET state = 'kept' RETURNING 1")
    assert await practice.call_back(local(2027, 11, 25, 12)) == 0
    assert await rows(pool, "SELECT FROM outbound_text") == []


@pytest.mark.parametrize("name", QUERIES)
async def test_no_query_that_comes_along_finds_who_was_erased(pool, name):
    practice, monday = Practice(pool), local(2026, 11, 23, 9)
    await practice.load(monday)
    await practice.book(local(2026, 11, 24, 9), monday)
    if name == "away_for_a_year":
        await rows(
            pool,
            "UPDATE appointment SET during = tstzrange(lower(during) - interval '2 years',"
            " upper(during) - interval '2 years') RETURNING 1",
        )

    async def found() -> list[str]:
        values = {"day": "2026-11-24"} if QUERIES[name].parameters else {}
        audience = QueryAudience(pool, QUERIES[name], values, ("name",))
        phones = [one.phone async for batch in audience.batches() for one in batch]
        assert audience.report.rejected == 0
        return phones

    assert await found() == [VISITOR]
    await erase(pool, VISITOR, "Ana")
    assert await found() == []


async def test_a_campaign_goes_on_without_who_was_erased(pool):
    await started(pool, plan(), [VISITOR, OTHER])
    await erase(pool, VISITOR, "Ana")

    await advance(pool, campaign_desk(), NOON)
    texts = await rows(pool, "SELECT recipient FROM outbound_text")
    assert [row["recipient"] for row in texts] == [OTHER]


# -- keys --------------------------------------------------------------------------------------


async def test_without_a_key_who_opted_out_is_not_erased(pool, person, monkeypatch):
    monkeypatch.delenv(KEY)
    await put(pool, said(Direction.REVOKE))
    before = await foresee(pool, PHONE)
    with pytest.raises(SettingsError, match=f"set {KEY} to 32 random characters"):
        await erase(pool, PHONE, "Ana")
    assert await foresee(pool, PHONE) == before


async def test_without_a_key_who_did_not_opt_out_is(pool, person, monkeypatch):
    monkeypatch.delenv(KEY)
    await erase(pool, PHONE, "Ana")
    assert await where(pool) == set()
    (audit,) = await rows(pool, "SELECT phone_hash FROM privacy_audit")
    assert audit["phone_hash"] is None


@pytest.mark.parametrize("key", [None, "another-key-of-thirty-two-characters"])
async def test_nothing_is_sent_where_nobody_can_see_who_was_erased(pool, person, monkeypatch, key):
    await put(pool, said(Direction.REVOKE))
    await erase(pool, PHONE, "Ana")
    monkeypatch.setenv(KEY, key) if key else monkeypatch.delenv(KEY)
    with pytest.raises(SettingsError, match="set it to the value that it had"):
        await notice(pool)


async def test_a_key_that_is_no_secret_is_refused(pool, person, monkeypatch):
    monkeypatch.setenv(KEY, "short")
    with pytest.raises(SettingsError, match="too short"):
        await erase(pool, PHONE, "Ana")


async def test_the_key_that_linnet_up_made_is_found(pool, person, monkeypatch, data):
    monkeypatch.delenv(KEY)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    made = practice_suppression_key(data)
    assert practice_suppression_key(data) == made
    assert (data / KEY_FILE).stat().st_mode & 0o777 == 0o600
    await put(pool, said(Direction.REVOKE))
    await erase(pool, PHONE, "Ana")
    monkeypatch.setenv(KEY, made[KEY])
    assert await notice(pool) == OPTED_OUT


# -- what is under way -------------------------------------------------------------------------


async def test_a_turn_that_runs_is_waited_for(pool, database_url):
    asked, go = asyncio.Event(), asyncio.Event()

    async def slowly(turn):
        asked.set()
        await go.wait()
        return await Echo().respond(turn)

    async with turn_worker(pool, database_url, Echo(slowly)):
        await text_in(pool, "zebra", phone=PHONE)
        await asked.wait()
        with pytest.raises(ErasureBusy, match="is being answered"):
            await erase(pool, PHONE, "Ana", patience=0.3)
        waits: list[str] = []
        erasing = asyncio.create_task(erase(pool, PHONE, "Ana", waiting=waits.append))

        async def waited():
            return waits

        await until(waited)
        go.set()
        erased = await erasing
    assert erased.rows["outbound_text"] == 1
    assert await where(pool) == set()


async def test_a_text_that_is_being_sent_is_waited_for_and_one_that_waits_never_leaves(pool):
    ids = await notice(pool)
    lease = (
        "UPDATE outbound_text SET state = %(state)s, lease_until = now() + %(lease)s RETURNING 1"
    )
    await rows(pool, lease, state="sending", lease=timedelta(minutes=1))
    with pytest.raises(ErasureBusy, match="is being sent"):
        await erase(pool, PHONE, "Ana", patience=0.0)
    assert await rows(pool, "SELECT FROM outbound_text WHERE id = %(id)s", id=ids[0])
    await rows(pool, lease, state="pending", lease=None)
    await erase(pool, PHONE, "Ana", patience=0.0)
    assert await rows(pool, "SELECT FROM outbound_text") == []


async def test_who_is_just_booking_and_is_erased_do_not_wait_for_each_other(pool):
    """A booking holds its customer and takes back what waits to be texted about what was missed."""
    practice, start = Practice(pool), local(2026, 11, 24, 10)
    await practice.load(local(2026, 11, 9, 12))
    made = await practice.book(start, local(2026, 11, 9, 12))
    await practice.mark("missed", made, start)
    assert await practice.follow_up(local(2026, 11, 25, 10)) == 1
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '3s'")
        await connection.execute("SELECT FROM customer FOR UPDATE")
        erasing = asyncio.create_task(erase(pool, VISITOR, "desk"))
        waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await until(lambda: rows(pool, waits))
        later = {"start": local(2026, 12, 1, 10), "now": local(2026, 11, 25, 11)}
        wanted = {"name": "Ann Lee", "service": "eye_exam", "location": "downtown", **later}
        await book(connection, "again", phone=VISITOR, **wanted)
    assert (await erasing).rows["appointment"] == 2
    assert await practice.texts() == []


async def test_one_person_is_erased_at_a_time(pool):
    async with alone(pool, "privacy.erase"):
        with pytest.raises(ErasureBusy, match="another erasure"):
            await erase(pool, PHONE, "Ana")


async def test_a_receipt_that_comes_afterwards_is_forgotten(pool, person):
    (text,) = await rows(pool, "SELECT vendor_id FROM outbound_text ORDER BY seq LIMIT 1")
    await erase(pool, PHONE, "Ana")
    late = Receipt(text["vendor_id"], Status.DELIVERED, "read", raw={"To": PHONE})
    await store_events(pool, "twilio", [late], datetime.now(UTC), burst_seconds=0)
    assert await where(pool) == {"receipt"}
    await prune(pool, RetentionPeriods(), datetime.now(UTC))
    assert await where(pool) == set()


# -- the ledger --------------------------------------------------------------------------------

REDACTION = "UPDATE consent_event SET salt = NULL, phone = NULL, body = NULL, disclosure = NULL"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("UPDATE consent_event SET body = 'START'", psycopg.errors.InsufficientPrivilege),
        ("UPDATE consent_event SET salt = NULL", psycopg.errors.CheckViolation),
        ("UPDATE consent_event SET salt = NULL, phone = NULL", psycopg.errors.CheckViolation),
        ("UPDATE consent_event SET phone = NULL", psycopg.errors.InsufficientPrivilege),
        (f"{REDACTION}, direction = 'grant'", psycopg.errors.InsufficientPrivilege),
        (f"{REDACTION}, hash = commitment", psycopg.errors.InsufficientPrivilege),
        (f"{REDACTION}, commitment = hash", psycopg.errors.InsufficientPrivilege),
        (f"{REDACTION}, captured_at = now()", psycopg.errors.InsufficientPrivilege),
        ("DELETE FROM consent_event", psycopg.errors.InsufficientPrivilege),
    ],
)
async def test_the_ledger_takes_a_redaction_and_nothing_else(pool, statement, error):
    await put(pool, said(Direction.REVOKE, body="stop", disclosure="zebra"))
    with pytest.raises(error):
        await rows(pool, statement)
    assert await faults(pool) == []


async def test_what_was_redacted_stays_as_it_is(pool):
    await put(pool, said(Direction.REVOKE, body="stop"), said(Direction.GRANT, OTHER))
    async with pool.connection() as connection, connection.transaction():
        assert await redact(connection, PHONE) == 1
    assert await faults(pool) == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await rows(pool, f"UPDATE consent_event SET phone = '{PHONE}' WHERE id = 1")


@pytest.fixture
def sealing(monkeypatch):
    """Words are sealed while a test runs."""
    monkeypatch.setenv(KEYS, f"k1:{'A' * 43}=")
    monkeypatch.setenv(DIGEST_KEY, f"{'B' * 42}A=")
    cipher.cache_clear()
    yield
    cipher.cache_clear()


async def test_what_is_sealed_in_the_ledger_is_read_and_proved_as_it_was_said(pool, sealing):
    await put(pool, said(Direction.REVOKE, body="stop it", subject="Rosalind"))
    (row,) = await rows(pool, "SELECT body, subject FROM consent_event")
    assert row["body"].startswith("enc:1:k1:")
    assert row["subject"].startswith("enc:1:k1:")
    assert await faults(pool) == []
    out = Console(record=True, width=200, file=StringIO())
    await cli.consent.show(pool.conninfo, PHONE, datetime.now(UTC), out)
    assert "stop it" in out.export_text()


async def test_the_schema_before_takes_a_ledger_back_unless_somebody_was_erased(pool, database_url):
    await put(pool, said(Direction.REVOKE, body="stop"), said(Direction.REVOKE, OTHER))
    async with pool.connection() as connection, connection.transaction():
        await redact(connection, PHONE)
    with pytest.raises(RuntimeError, match="restore a backup"):
        await asyncio.to_thread(migrate, database_url, "base")
    assert await faults(pool) == []


async def test_a_ledger_that_nobody_was_erased_from_can_be_taken_back(pool, database_url):
    await put(pool, said(Direction.REVOKE, body="stop"), said(Direction.REVOKE, OTHER))
    await asyncio.to_thread(migrate, database_url, "base")
    assert await rows(pool, "SELECT FROM pg_tables WHERE tablename = 'consent_event'") == []


# -- on disk -----------------------------------------------------------------------------------


async def test_texts_that_wait_on_disk_are_waited_for(pool, database_url, data):
    spool = Spool(data / "spool", "test")
    await spool.append("twilio", [Inbound("SM1", PHONE, "+12125550142", "zebra")], NOW)
    out = Console(file=StringIO(), record=True, width=200)
    with pytest.raises(Failure, match=r"wait in .*start the ingress"):
        await cli.privacy.forget(database_url, PHONE, "Ana", out, patience=0.0)
    erasing = asyncio.create_task(cli.privacy.forget(database_url, PHONE, "Ana", out))
    await spool.drain(lambda *given: store_events(pool, *given, burst_seconds=0))
    await erasing
    assert await where(pool) == set()


async def test_what_was_set_aside_on_disk_is_taken_out(database_url, data):
    folder = data / "spool"
    folder.mkdir()
    broken, other = folder / "a.aside", folder / "b.aside"
    broken.write_bytes(b'{"sender": "+13125550177", "body": "zebra"}\nsomebody else\n')
    other.write_bytes(b"half a line of +13125550177 with a zebra")
    out = Console(file=StringIO(), record=True, width=200)
    await cli.privacy.forget(database_url, PHONE, "Ana", out)
    assert broken.read_bytes() == b"somebody else\n"
    assert not other.exists()
    assert [path.name for path in folder.iterdir()] == ["a.aside"]


# -- export ------------------------------------------------------------------------------------


async def test_an_export_has_all_that_is_known(pool, person):
    told = await export(pool, PHONE, "Ana", NOW)
    assert (told["version"], told["phone"]) == (1, PHONE)
    assert told["tables"].keys() == {place.table for place in PERSONAL_PLACES}
    text = as_text(told)
    assert json.loads(text) == told
    assert all(word in text for word in WORDS if word != "wombat")
    (first, *_) = told["tables"]["inbound_text"]
    assert (first["body"], first["gateway"]) == ("my itchy zebra", "twilio")
    (visit,) = told["tables"]["appointment"]
    assert visit["customer_name"] == "Rosalind Ames"
    assert visit["during"].keys() == {"from", "until"}
    (asked_for,) = told["tables"]["requested_reminder"]
    assert (asked_for["words"], asked_for["before"]) == ("the itchy zebra", "PT7200S")
    assert told["tables"]["opening"][0]["answers"] == {"zebra": "/yes"}
    assert told["tables"]["campaign_recipient"][0]["variables"] == {"name": "Rosalind"}
    (audit,) = await rows(pool, "SELECT * FROM privacy_audit")
    assert (audit["action"], audit["actor"]) == ("export", "Ana")
    assert audit["rows"]["inbound_text"] == 2


async def test_the_documentation_has_every_member_of_an_export(pool, person):
    text = (Path(__file__).parents[2] / "docs/privacy.md").read_text(encoding="utf-8")
    _, _, section = text.partition("## Export\n")
    members, _, tables = section.partition("\n## ")[0].partition("| In `tables` |")
    told = await export(pool, PHONE, "Ana", NOW)
    assert first_names(members) == set(told)
    assert first_names(tables) == {place.table for place in PERSONAL_PLACES}


def first_names(table: str) -> set[str]:
    """What is in backquotes in the first column of a table."""
    firsts = re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)
    return {name for first in firsts for name in re.findall(r"`(\w+)`", first)}


async def test_an_export_of_what_is_sealed_can_be_read(pool, sealing, database_url):
    async with turn_worker(pool, database_url, Echo()):
        await say(pool, "my itchy zebra")
    await put(pool, said(Direction.GRANT, body="a quokka"))
    assert await where(pool) == {"conversation", "outbound_text", "consent_event"}  # the number
    told = await export(pool, PHONE, "Ana", NOW)
    assert told["tables"]["inbound_text"][0]["body"] == "my itchy zebra"
    assert told["tables"]["outbound_text"][0]["body"] == "You said: my itchy zebra"
    assert told["tables"]["consent_event"][0]["body"] == "a quokka"


async def test_an_export_with_files_is_a_private_zip(person, database_url, tmp_path):
    out, path = Console(file=StringIO(), record=True, width=200), tmp_path / "out.zip"
    await cli.privacy.hand_out(database_url, PHONE, "Ana", path, with_media=True, console=out)
    assert path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(path) as archive:
        told, picture = archive.namelist()
        assert json.loads(archive.read(told))["version"] == 1
        assert picture.endswith(".png")
        assert archive.read(picture) == PICTURE
    with pytest.raises(Failure, match="is there already"):
        await cli.privacy.hand_out(database_url, PHONE, "Ana", path, with_media=False, console=out)


async def test_who_is_not_known_has_an_empty_export(pool):
    assert (await export(pool, PHONE, "Ana", NOW))["tables"] == {}


# -- the audit ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE privacy_audit SET actor = 'Bob'",
        "DELETE FROM privacy_audit",
        "TRUNCATE privacy_audit",
        "SET session_replication_role = replica; DELETE FROM privacy_audit",
    ],
)
async def test_the_audit_is_append_only(pool, statement):
    await erase(pool, PHONE, "Ana")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        await rows(pool, statement)


# -- retention ---------------------------------------------------------------------------------

LATER = timedelta(days=3653 + 30)


async def test_of_whom_nothing_was_heard_for_ten_years_is_forgotten(pool, person):
    periods, now = RetentionPeriods(), datetime.now(UTC)
    await put(pool, said(Direction.REVOKE))
    await rows(pool, "DELETE FROM outgoing_event RETURNING 1")  # events are kept for days
    assert await unheard(pool, periods, now + LATER) == 0  # there are texts, for upkeep to forget
    await prune(pool, periods, now + LATER)
    assert await unheard(pool, periods, now + timedelta(days=3600)) == 0
    assert await unheard(pool, periods, now + LATER) == 1
    assert await forget_unheard(pool, periods, now + LATER) == 1
    assert await where(pool) == set()
    assert await notice(pool) == OPTED_OUT
    assert await faults(pool) == []


async def test_of_whom_there_is_only_a_name_is_kept(pool):
    await rows(pool, "INSERT INTO customer (phone, name) VALUES ('+12125550123', 'Bo') RETURNING 1")
    assert await unheard(pool, RetentionPeriods(), datetime.now(UTC) + LATER) == 0


async def test_a_last_text_that_is_forgotten_still_counts(pool):
    """Consent is kept for years after the last text, and texts for one."""
    await notice(pool)
    now = datetime.now(UTC)
    ages = {"conversation": "created_at", "outbound_text": "created_at"}
    for table, column in ages.items():
        days = timedelta(days=4000 if table == "conversation" else 500)
        await rows(pool, f"UPDATE {table} SET {column} = %(at)s RETURNING 1", at=now - days)
    await rows(pool, "UPDATE outbound_text SET state = 'failed' RETURNING 1")
    await prune(pool, RetentionPeriods(), now)
    assert await rows(pool, "SELECT FROM outbound_text") == []
    assert await unheard(pool, RetentionPeriods(), now) == 0
    assert await unheard(pool, RetentionPeriods(), now + timedelta(days=3654)) == 1


async def test_files_can_be_kept_for_less_than_their_texts(pool, person):
    kept = RetentionPeriods(media=30)
    await prune(pool, kept, datetime.now(UTC) + timedelta(days=29))
    assert PICTURE in [row["content"] for row in await rows(pool, "SELECT content FROM media_file")]
    gone = await prune(pool, kept, datetime.now(UTC) + timedelta(days=31))
    assert gone["files of customers"] == 1
    (file,) = await rows(pool, "SELECT content, refused FROM media_file")
    assert (file["content"], file["refused"]) == (None, "forgotten")


async def test_the_audit_is_kept_for_its_own_time(pool):
    await erase(pool, PHONE, "Ana")
    now = datetime.now(UTC)
    await prune(pool, RetentionPeriods(), now + timedelta(days=1826))
    assert await rows(pool, "SELECT FROM privacy_audit")
