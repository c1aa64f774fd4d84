"""Consent on a real database: the ledger, who is silenced by whom, and what the commands do."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import uuid4

import psycopg
import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli import consent as commands
from cli import main
from cli.failure import Failure
from connectors.gateways.base import Accepted, Inbound, Receipt, Refused, Status, Suppress
from database.migrate import migrate
from database.pool import make_pool
from messaging.assistant import Answer, Prompt, Reply
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.consent import (
    ConsentEvent,
    ConsentPolicy,
    Direction,
    Method,
    OptOutScope,
    due_by,
)
from messaging.consent_changes import record
from messaging.consent_table import append, events_of, verify
from messaging.inbox import store_events
from messaging.lanes import Lane
from messaging.notice_texts import enqueue_notice
from messaging.spool import Spool
from messaging.turn import TurnWorker
from messaging.wake import Listener
from tests.conftest import administer, with_database
from tests.integration.engine import (
    COMPANY,
    OURS,
    PHONE,
    QUICK,
    WORDS,
    Echo,
    ScriptedGateway,
    delivery_worker,
    no_media,
    rows,
    text_in,
    until,
)

OURS_TOO = "+12125550144"
NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
LEDGER = "SELECT * FROM consent_event ORDER BY id"
REPLIES = "SELECT body FROM outbound_text WHERE kind <> 'notice' ORDER BY seq"
ASK = (
    "Harbor Eye Care: Do you want no more texts from us? "
    "Reply STOP to end them, or NO to keep them."
)


@asynccontextmanager
async def worker(pool, url, company=COMPANY, assistant=None):
    async with Listener(url, "linnet_inbox") as listener:
        task = asyncio.create_task(
            TurnWorker(
                pool,
                listener,
                assistant or Echo(),
                company,
                {"twilio": WORDS},
                QUICK,
                SystemClock(),
                TimeOrderedIds().new_id,
                no_media(pool),
            ).run()
        )
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def say(pool, body: str, *, kind: str | None = None, number: str = OURS) -> None:
    """Text, and wait until the turn is over."""
    id = f"SM{uuid4().hex}"
    event = Inbound(id, PHONE, number, body, opt_out_type=kind)
    await store_events(pool, "twilio", [event], SystemClock().now(), burst_seconds=0)

    async def over():
        return await rows(
            pool,
            "SELECT 1 FROM inbound_text JOIN turn ON turn.id = turn_id"
            " WHERE external_id = %(id)s AND state <> 'running'",
            id=id,
        )

    await until(over)


async def replies(pool) -> list[str]:
    return [row["body"] for row in await rows(pool, REPLIES)]


async def said(pool) -> list[tuple[str, str]]:
    return [(row["direction"], row["method"]) for row in await rows(pool, LEDGER)]


async def notice(pool, number: str = OURS, phone: str = PHONE, **given) -> list:
    async with pool.connection() as connection:
        return await enqueue_notice(
            connection,
            gateway="twilio",
            number=number,
            phone=phone,
            body=given.pop("body", f"Your glasses are ready {uuid4()}"),
            policy=WORDS,
            new_id=uuid4,
            now=SystemClock().now(),
            **given,
        )


def by_staff(direction: Direction, phone: str = PHONE, **given) -> ConsentEvent:
    now = SystemClock().now()
    known = {"scope": "all", "method": Method.VERBAL, "actor": "Ana", "captured_at": now}
    known |= {"phone": phone, "direction": direction, "recorded_at": now}
    return ConsentEvent(**known | given)


async def put(pool, *events: ConsentEvent) -> None:
    async with pool.connection() as connection, connection.transaction():
        await record(connection, events)


async def found(pool) -> list[str]:
    async with pool.connection() as connection:
        return list((await verify(connection)).faults)


# -- the ledger ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consent_event SET body = 'START'",
        "DELETE FROM consent_event",
        "TRUNCATE consent_event",
        "SET session_replication_role = replica; DELETE FROM consent_event",
    ],
)
async def test_the_ledger_is_append_only(pool, statement):
    await put(pool, by_staff(Direction.REVOKE))
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        await rows(pool, statement)
    assert len(await rows(pool, LEDGER)) == 1


async def test_what_is_read_back_is_what_was_written(pool):
    told = by_staff(Direction.GRANT, disclosure="We may text you.", not_condition_of_purchase=True)
    await put(pool, told)
    async with pool.connection() as connection:
        assert (await events_of(connection, [PHONE]))[PHONE] == [told]


async def test_appends_at_the_same_time_keep_the_chain(database_url):
    async with make_pool(database_url, max_size=20) as pool:

        async def one(number: int) -> None:
            async with pool.connection() as connection, connection.transaction():
                await append(connection, [by_staff(Direction.GRANT, f"+1212555{number:04}")] * 2)

        await asyncio.gather(*(one(number) for number in range(40)))
        assert [row["id"] for row in await rows(pool, LEDGER)] == list(range(1, 81))
        assert await found(pool) == []


async def test_an_append_that_is_undone_leaves_no_gap(pool):
    await put(pool, by_staff(Direction.REVOKE))
    async with pool.connection() as connection, connection.transaction(force_rollback=True):
        await record(connection, [by_staff(Direction.GRANT)])
    await put(pool, by_staff(Direction.GRANT))
    assert await found(pool) == []


@pytest.mark.parametrize(
    ("tampering", "fault"),
    [
        ("UPDATE consent_event SET actor = 'Bob' WHERE id = 2", "entry 2, or what stood before"),
        ("UPDATE consent_event SET ip = '1.2.3.4' WHERE id = 3", "entry 3, or what stood before"),
        ("DELETE FROM consent_event WHERE id = 2", "entry 2 is missing"),
        ("DELETE FROM consent_event WHERE id IN (2, 3)", "entries 2 to 3 are missing"),
        ("DELETE FROM consent_event WHERE id = 4", "entries after 3 are missing: there were 4"),
        (
            "UPDATE consent_event SET id = 105 - id WHERE id IN (2, 3);"  # noqa: ISC004
            "UPDATE consent_event SET id = id - 100 WHERE id > 100",
            "entry 2, or what stood before it, was changed",
        ),
        ("DELETE FROM consent_chain", "the note of the ledger's end is gone"),
    ],
)
async def test_what_a_superuser_tampers_with_is_found(pool, tampering, fault):
    for number in range(4):
        await put(pool, by_staff(Direction.GRANT, f"+1212555000{number}"))
    assert await found(pool) == []
    for statement in ["ALTER TABLE consent_event DISABLE TRIGGER ALL", *tampering.split(";")]:
        async with pool.connection() as connection:
            await connection.execute(statement)
    assert any(one.startswith(fault) for one in await found(pool))


async def test_a_ledger_that_was_written_anew_is_found_by_a_note_from_before(pool):
    await put(pool, by_staff(Direction.REVOKE))
    async with pool.connection() as connection:
        before = await verify(connection)
        for statement in (
            "ALTER TABLE consent_event DISABLE TRIGGER ALL",
            "DELETE FROM consent_event",
            "UPDATE consent_chain SET last_id = 0, hash = decode(repeat('00', 32), 'hex')",
        ):
            await connection.execute(statement)
        async with connection.transaction():
            await append(connection, [by_staff(Direction.GRANT)])
        assert (await verify(connection)).faults == []
        (fault,) = (await verify(connection, (before.entries, before.head))).faults
    assert fault == "entry 1 does not have the hash that was noted"


async def test_a_conversation_that_does_not_agree_is_found(pool, database_url):
    async with worker(pool, database_url):
        await say(pool, "STOP")
    assert await found(pool) == []
    await rows(pool, "UPDATE conversation SET opted_out_at = NULL RETURNING 1")
    (fault,) = await found(pool)
    assert fault.endswith("is opted in, the ledger says opted out")


async def test_who_opted_out_before_there_was_a_ledger_is_in_it(postgres):
    administer(postgres.url, "CREATE DATABASE before_consent")
    url = with_database(postgres.url, "before_consent")
    try:
        await asyncio.to_thread(migrate, url, "0004")
        with psycopg.connect(url, autocommit=True) as connection:
            for number in range(3):
                later = NOW + timedelta(seconds=number)
                connection.execute(
                    "INSERT INTO conversation (id, gateway, number, phone, created_at,"
                    " opted_out_at) VALUES (%s, 'twilio', %s, %s, %s, %s)",
                    [uuid4(), OURS, f"+1212555010{number}", NOW, later if number else None],
                )
        await asyncio.to_thread(migrate, url)
        async with make_pool(url) as pool:
            assert [row["phone"] for row in await rows(pool, LEDGER)] == [
                "+12125550101",
                "+12125550102",
            ]
            assert await found(pool) == []
            assert not await notice(pool, OURS_TOO, "+12125550101")
            await put(pool, by_staff(Direction.GRANT))
            assert await found(pool) == []
    finally:
        administer(postgres.url, "DROP DATABASE before_consent WITH (FORCE)")


@pytest.mark.parametrize("kind", [None, "STOP"])
async def test_what_the_gateway_took_a_text_for_survives_the_disk(pool, tmp_path, kind):
    spool = Spool(tmp_path, "test")
    await spool.append("twilio", [Inbound("SM1", PHONE, OURS, "Basta", opt_out_type=kind)], NOW)
    await spool.drain(lambda *given: store_events(pool, *given, burst_seconds=0))
    (text,) = await rows(pool, "SELECT opt_out_type FROM inbound_text")
    assert text["opt_out_type"] == kind


# -- texts -----------------------------------------------------------------------------------


async def test_stop_and_start_are_in_the_ledger_with_their_texts(pool, database_url):
    async with worker(pool, database_url):
        await say(pool, "Stop!")
        await say(pool, "START")
    stop, start = await rows(pool, LEDGER)
    texts = await rows(pool, "SELECT * FROM inbound_text ORDER BY id")
    for entry, text in zip((stop, start), texts, strict=True):
        assert (entry["phone"], entry["number"], entry["body"]) == (PHONE, OURS, text["body"])
        assert (entry["vendor_id"], entry["captured_at"]) == (
            text["external_id"],
            text["received_at"],
        )
        assert (entry["method"], entry["actor"], entry["seller"]) == (
            "keyword",
            "customer",
            "Harbor Eye Care",
        )
    assert (stop["direction"], start["direction"]) == ("revoke", "grant")
    assert await found(pool) == []


async def test_the_ledger_is_written_in_the_turn_s_own_transaction(pool, database_url):
    """While the ledger cannot be written, neither the state nor the confirmation is."""
    async with worker(pool, database_url):
        async with pool.connection() as blocker, blocker.transaction():
            await blocker.execute("SELECT FROM consent_chain FOR UPDATE")
            await text_in(pool, "STOP")

            async def waits():
                return await rows(pool, "SELECT 1 FROM pg_locks WHERE NOT granted")

            await until(waits)
            assert await replies(pool) == []
            assert not await rows(pool, "SELECT FROM conversation WHERE opted_out_at IS NOT NULL")

        async def done():
            return await said(pool)

        assert await until(done) == [("revoke", "keyword")]
    assert len(await replies(pool)) == 1
    assert await rows(pool, "SELECT FROM conversation WHERE opted_out_at IS NOT NULL")


async def test_the_confirmation_leaves_although_the_phone_has_opted_out(pool, database_url):
    gateway = ScriptedGateway()
    async with worker(pool, database_url), delivery_worker(pool, database_url, gateway):
        await say(pool, "please stop texting me")

        async def sent():
            return gateway.sent

        ((one),) = await until(sent)
        assert one.body.startswith("Harbor Eye Care: you are unsubscribed")
        await say(pool, "hello?")
    assert len(gateway.sent) == 1
    assert await said(pool) == [("revoke", "wording")]
    assert not await notice(pool)


async def test_the_confirmation_is_in_the_language_of_the_text(pool, database_url):
    async with worker(pool, database_url):
        await say(pool, "AYUDA")
        await say(pool, "ne m'écrivez plus")
    first, second = await replies(pool)
    assert "mensajes sobre sus citas" in first
    assert "vous ne recevrez plus" in second


async def test_what_is_only_likely_is_asked_about_once_and_what_is_unasked_waits(
    pool, database_url
):
    waiting = (await notice(pool))[0]
    async with worker(pool, database_url):
        await say(pool, "too many texts")
        assert await replies(pool) == [ASK]
        assert await notice(pool)  # tests/integration/test_consent_questions.py: it is held
        assert await notice(pool, OURS_TOO)
        assert not await notice(pool, lane=Lane.BULK)
        await say(pool, "is it too many texts?")  # asked once, then it is a text like any other
        await say(pool, "when do you open")
        assert await replies(pool) == [
            ASK,
            "You said: is it too many texts?",
            "You said: when do you open",
        ]
        await say(pool, "no")
        assert (await replies(pool))[-1].startswith("Harbor Eye Care: thank you")
    assert await said(pool) == [("pending", "wording"), ("reconfirm", "wording")]
    assert await notice(pool)
    (kept,) = await rows(pool, "SELECT state FROM outbound_text WHERE id = %(id)s", id=waiting)
    assert kept["state"] == "pending"  # tests/integration/test_dropping.py: held meanwhile
    assert await found(pool) == []


@pytest.mark.parametrize("answer", ["STOP", "yes", "Sí"])
async def test_the_answer_to_the_question_opts_out(pool, database_url, answer):
    async with worker(pool, database_url):
        await say(pool, "how do i stop these texts")
        await say(pool, answer)
    assert await said(pool) == [("pending", "wording"), ("revoke", "keyword")]
    assert await found(pool) == []


async def test_what_else_was_said_is_answered_before_the_question(pool, database_url):
    async with worker(pool, database_url):
        for body in ("too many texts", "book an exam"):
            await text_in(pool, body)

        async def answered():
            return len(await replies(pool)) == 2

        await until(answered)
    assert await replies(pool) == ["You said: book an exam", ASK]


async def test_yes_answers_the_appointment_while_its_question_is_open(pool, database_url):
    async def asks(turn):
        return Answer([Reply("Reply YES to book it", prompt=Prompt(600, "Too late"))])

    async with worker(pool, database_url, assistant=Echo(asks)):
        await say(pool, "too many texts")
        await say(pool, "book an exam")
        await say(pool, "yes")
    assert await said(pool) == [("pending", "wording")]


async def test_a_person_who_answers_is_not_interrupted(pool, database_url):
    async with worker(pool, database_url):
        await say(pool, "hi")
        await rows(pool, "UPDATE conversation SET owner = 'person' RETURNING 1")
        await say(pool, "too many texts")
        assert await replies(pool) == ["You said: hi"]
        assert not await notice(pool, lane=Lane.BULK)
        await put(pool, by_staff(Direction.RECONFIRM))
        assert await notice(pool)
        await say(pool, "leave me alone")
    assert [direction for direction, _ in await said(pool)] == ["pending", "reconfirm", "revoke"]


# -- which of our numbers --------------------------------------------------------------------


async def test_stop_to_one_number_silences_all(pool, database_url):
    waiting = (await notice(pool, OURS_TOO))[0]
    async with worker(pool, database_url):
        await say(pool, "STOP")
        assert not await notice(pool)
        assert not await notice(pool, OURS_TOO)
        assert not await notice(pool, OURS_TOO, consent=ConsentPolicy())
        await say(pool, "hi", number=OURS_TOO)  # who texts is answered
        assert (await replies(pool))[-1] == "You said: hi"
        await say(pool, "START", number=OURS_TOO)
        assert await notice(pool, OURS_TOO)
        assert not await notice(pool)  # where the gateway still bars us
    (dropped,) = await rows(pool, "SELECT * FROM outbound_text WHERE id = %(id)s", id=waiting)
    assert dropped["error_code"] == "opted-out"
    (why,) = await rows(pool, "SELECT kind FROM text_event WHERE outbound_id = %(id)s", id=waiting)
    assert why["kind"] == "dropped"


async def test_stop_can_count_for_one_number_only(pool, database_url):
    company = replace(COMPANY, opt_out_scope=OptOutScope.NUMBER)
    here = ConsentPolicy(OptOutScope.NUMBER)
    waiting = (await notice(pool, OURS_TOO, consent=here))[0]
    async with worker(pool, database_url, company):
        await say(pool, "STOP")
    assert not await notice(pool, consent=here)
    assert await notice(pool, OURS_TOO, consent=here)
    (kept,) = await rows(pool, "SELECT state FROM outbound_text WHERE id = %(id)s", id=waiting)
    assert kept["state"] == "pending"


async def test_marketing_needs_consent_with_proof(pool):
    bulk = {"lane": Lane.BULK, "consent": ConsentPolicy()}
    assert not await notice(pool, **bulk)
    await put(pool, by_staff(Direction.GRANT, scope="marketing", method=Method.IMPORT))
    assert not await notice(pool, **bulk)
    shown = {"scope": "marketing", "method": Method.WEB, "disclosure": "I want offers by text."}
    await put(pool, by_staff(Direction.GRANT, **shown))
    assert await notice(pool, **bulk)
    await put(pool, by_staff(Direction.REVOKE, scope="marketing"))
    assert not await notice(pool, **bulk)
    assert await notice(pool)


async def test_a_phone_that_never_texted_can_opt_out(pool):
    await put(pool, by_staff(Direction.REVOKE))
    assert not await notice(pool)


# -- the first text --------------------------------------------------------------------------


async def test_the_first_text_to_a_phone_says_who_we_are_once(pool):
    introduction = "Harbor Eye Care, privacy: https://x.example/p Reply HELP for help, STOP to end."
    policy = ConsentPolicy(introduction=introduction)
    await notice(pool, body="Your glasses are ready", consent=policy)
    await notice(pool, body="Your lenses are ready", consent=policy)
    await notice(pool, OURS_TOO, body="We moved", consent=policy)
    await notice(pool, phone="+12125550177", body="x" * 1590, consent=policy)  # it would be two
    await notice(pool, phone="+12125550178", body="now", consent=policy, lane=Lane.EMERGENCY)
    texts = [row["body"] for row in await rows(pool, "SELECT body FROM outbound_text ORDER BY seq")]
    assert texts == [
        f"Your glasses are ready\n{introduction}",
        "Your lenses are ready",
        "We moved",
        "x" * 1590,
        "now",
    ]


# -- double opt-in ---------------------------------------------------------------------------


async def test_only_yes_makes_a_double_opt_in(pool, database_url):
    async with worker(pool, database_url, replace(COMPANY, double_opt_in=True)):
        await say(pool, "START")
        assert "Reply YES to confirm" in (await replies(pool))[-1]
        assert await said(pool) == [("requested", "keyword")]
        await say(pool, "hi")
        await say(pool, "YES")
        assert "you are subscribed" in (await replies(pool))[-1]
        await say(pool, "STOP")
        await say(pool, "START")  # the phone has consented before
        assert "you are subscribed" in (await replies(pool))[-1]
    asked, granted, *_ = await rows(pool, LEDGER)
    assert granted["direction"] == "grant"
    assert granted["request_id"] == asked["vendor_id"]
    assert "Reply YES to confirm" in granted["disclosure"]
    assert await found(pool) == []


async def test_who_has_opted_out_stays_out_until_yes(pool, database_url):
    async with worker(pool, database_url, replace(COMPANY, double_opt_in=True)):
        await say(pool, "STOP")
        await say(pool, "YES")
        assert "Reply YES to confirm" in (await replies(pool))[-1]
        assert not await notice(pool)
        await say(pool, "YES")
        assert await notice(pool)
    assert await found(pool) == []


# -- gateways --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("company", "kind", "answers"),
    [
        (COMPANY, None, 1),
        (replace(COMPANY, answering=frozenset({"twilio"})), None, 0),
        (replace(COMPANY, answering=frozenset({"intelepeer"})), None, 1),
        (COMPANY, "as it is", 0),  # Advanced Opt-Out has answered
    ],
)
async def test_what_the_gateway_answers_is_recorded_and_not_answered_again(
    pool, database_url, company, kind, answers
):
    async with worker(pool, database_url, company):
        for body in ("HELP", "STOP", "START"):
            await say(pool, body, kind=body if kind else None)
    assert len(await replies(pool)) == 3 * answers
    assert await said(pool) == [("revoke", "keyword"), ("grant", "keyword")]


async def test_a_gateway_that_answers_stop_does_not_answer_other_words(pool, database_url):
    async with worker(pool, database_url, replace(COMPANY, answering=frozenset({"twilio"}))):
        await say(pool, "please stop texting me")
    assert len(await replies(pool)) == 1


async def test_a_word_that_only_the_gateway_knows_opts_out(pool, database_url):
    async with worker(pool, database_url):
        await say(pool, "basta ya con todo", kind="STOP")
    assert await said(pool) == [("revoke", "gateway")]
    assert await replies(pool) == []


async def test_cancel_means_the_appointment_and_the_gateway_s_block_is_recorded(pool, database_url):
    async def asks(turn):
        prompt = Prompt(600, "Too late") if turn.text == "hi" else None
        return Answer([Reply(f"Done: {turn.text}", prompt=prompt)])

    async with worker(pool, database_url, assistant=Echo(asks)):
        await say(pool, "hi")
        await say(pool, "CANCEL", kind="STOP")
    assert await replies(pool) == ["Done: hi", "Done: CANCEL"]
    assert await said(pool) == [("revoke", "gateway")]
    assert not await notice(pool)
    assert await found(pool) == []


async def test_an_opt_out_that_a_refusal_tells_of_is_in_the_ledger(pool, database_url):
    gateway = ScriptedGateway(Refused("21610", "opted out", suppress=Suppress.OPTED_OUT))
    async with delivery_worker(pool, database_url, gateway):
        await notice(pool)

        async def told():
            return await rows(pool, LEDGER)

        (entry,) = await until(told)
    assert (entry["direction"], entry["method"], entry["actor"]) == ("revoke", "gateway", "twilio")
    assert entry["source"] == "refused with 21610"
    assert not await notice(pool, OURS_TOO)
    assert await found(pool) == []


async def test_an_opt_out_that_a_receipt_tells_of_is_in_the_ledger_once(pool, database_url):
    gateway = ScriptedGateway(Accepted("V1"), Accepted("V2"))
    async with delivery_worker(pool, database_url, gateway):
        await notice(pool)
        await notice(pool)

        async def out():
            return len(gateway.sent) == 2 and not await rows(
                pool, "SELECT FROM outbound_text WHERE state <> 'sent'"
            )

        await until(out)
        for vendor_id in ("V1", "V2"):
            receipt = Receipt(vendor_id, Status.FAILED, "failed", "21610")
            await store_events(pool, "twilio", [receipt], SystemClock().now(), burst_seconds=0)

        async def judged():
            return not await rows(
                pool, "SELECT FROM outbound_text WHERE error_staff IS NULL OR state <> 'failed'"
            )

        await until(judged)
    assert await said(pool) == [("revoke", "gateway")]
    assert await found(pool) == []


# -- commands --------------------------------------------------------------------------------


def console() -> Console:
    return Console(record=True, width=200, file=StringIO())


async def test_a_list_is_imported_and_what_has_no_proof_gets_no_marketing(
    pool, database_url, tmp_path
):
    file = tmp_path / "list.csv"
    file.write_text(
        "phone,direction,scope,method,captured_at,zone,disclosure\n"
        "+12125550100,grant,marketing,web,2026-05-01T10:00:00,America/New_York,I want offers.\n"
        "+12125550101,grant,marketing,,,,\n"
        "+12125550102,revoke,,,,,\n"
    )
    out = console()
    await commands.load(database_url, file, "Ana", NOW, out)
    assert "3 recorded, 2 of them unproven" in out.export_text()
    first, second, _ = await rows(pool, LEDGER)
    assert (first["proof"], second["proof"]) == ("proven", "unproven")
    assert first["captured_at"] == datetime(2026, 5, 1, 14, tzinfo=UTC)
    assert (first["source"], first["actor"]) == ("list.csv", "Ana")
    bulk = {"lane": Lane.BULK, "consent": ConsentPolicy()}
    sent = [await notice(pool, phone=f"+1212555010{number}", **bulk) for number in range(3)]
    assert [bool(ids) for ids in sent] == [True, False, False]
    assert not await notice(pool, phone="+12125550102")
    assert await found(pool) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("number\n1\n", "no column number"),
        ("scope\nall\n", "a column phone"),
        ("phone\n+12125550100\n2125550101\n", "line 3: 2125550101 is not a number"),
        ("phone,captured_at\n+12125550100,yesterday\n", "line 2: Invalid isoformat"),
        ("phone,scope\n+12125550100,offers\n", "line 2: offers is not all, marketing"),
        ("phone,method\n+12125550100,erasure\n", "line 2: erasure is no method; use one of keyw"),
        ("phone,method\n+12125550100,carrier pigeon\n", "line 2: carrier pigeon is no method"),
    ],
)
async def test_of_a_list_with_a_fault_nothing_is_recorded(
    pool, database_url, tmp_path, content, told
):
    file = tmp_path / "list.csv"
    file.write_text(content)
    with pytest.raises(Failure, match=told):
        await commands.load(database_url, file, "Ana", NOW, console())
    assert await rows(pool, LEDGER) == []


async def test_a_request_by_voice_counts_at_once_and_has_a_date(pool, database_url):
    async with worker(pool, database_url):
        await say(pool, "hi")
    out = console()
    told = by_staff(Direction.REVOKE)
    await commands.write_down(database_url, told, out)
    assert str(due_by(told.recorded_at.date())) in out.export_text()
    assert not await notice(pool)
    assert await rows(pool, "SELECT FROM conversation WHERE opted_out_at IS NOT NULL")
    assert await found(pool) == []
    with pytest.raises(Failure, match="Say how"):
        await commands.write_down(
            database_url, by_staff(Direction.REVOKE, method=Method.KEYWORD), out
        )


async def test_the_ledger_is_shown_exported_and_verified(pool, database_url):
    await put(pool, by_staff(Direction.GRANT, disclosure="We may text you."))
    await put(pool, by_staff(Direction.REVOKE, "+12125550101"))
    out = console()
    await commands.show(database_url, PHONE, SystemClock().now(), out)
    shown = out.export_text()
    assert "We may text you." in shown
    assert "Notices may be sent, marketing may." in shown
    await commands.export(database_url, "", out)
    lines = [json.loads(line) for line in out.export_text().splitlines()]
    assert [(line["id"], line["direction"]) for line in lines] == [(1, "grant"), (2, "revoke")]
    await commands.export(database_url, PHONE, out)
    assert len(out.export_text().splitlines()) == 1
    await commands.check(database_url, "", out)
    noted = out.export_text().splitlines()[-1]
    await commands.check(database_url, noted, out)
    with pytest.raises(Failure, match="1 finding"):
        await commands.check(database_url, "2:" + "0" * 64, out)
    with pytest.raises(Failure, match="is not what"):
        await commands.check(database_url, "2", out)


async def test_the_command_line(pool, database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)

    async def run(*given: str):
        return await asyncio.to_thread(CliRunner().invoke, main.app, ["consent", *given])

    by_mail = ("record", PHONE, "--method", "email", "--by", "Ana", "--words", "No more, please")
    both = await run(*by_mail, "--grant", "--revoke")
    assert isinstance(both.exception, Failure)
    assert await rows(pool, LEDGER) == []
    assert (await run(*by_mail, "--revoke")).exit_code == 0
    (entry,) = await rows(pool, LEDGER)
    assert (entry["direction"], entry["actor"], entry["method"]) == ("revoke", "Ana", "email")
    assert entry["due_by"] == due_by(entry["recorded_at"].astimezone(UTC).date())
    assert "No more, please" in (await run("show", PHONE)).output
    assert "All is as it was written" in (await run("verify")).output
    assert json.loads((await run("export")).output)["phone"] == PHONE
