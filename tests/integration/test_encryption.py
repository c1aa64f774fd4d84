"""Words at rest on a real database: sealed, read with any of the keys, sealed anew on the move."""

from __future__ import annotations

import asyncio
import base64
import io
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rich.console import Console
from sqlalchemy import create_engine

from cli import encryption as commands
from cli.failure import Failure
from connectors.gateways.base import Accepted, Media, Unknown
from connectors.tracker_store import TurnTrackerStore
from database import key_rotation
from database.encryption import DIGEST_KEY, KEYS, Cipher, cipher
from database.key_rotation import COLUMNS, rotate
from database.migrate import SCRIPTS, migrate
from messaging.assistant import Answer, Option, Prompt, Reply
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.consent_table import verify
from messaging.duplicates import digest_of
from messaging.long_texts import look_up
from messaging.media_inbox import MediaInbox
from messaging.media_table import read_content
from messaging.notice_texts import enqueue_notice
from messaging.prompts import expire_prompts
from messaging.text_policy import LongTexts, TextPolicy
from messaging.text_story import read_story
from messaging.turn_table import claim
from tests.integration import test_reconcile as reconciling
from tests.integration.engine import (
    COMPANY,
    OURS,
    PHONE,
    QUICK,
    WORDS,
    Echo,
    ScriptedGateway,
    delivery_worker,
    rows,
    text_in,
    turn_worker,
    until,
)
from tests.sites import answer, site

KEY = {name: base64.b64encode(bytes([name]) * 32).decode() for name in (1, 2, 3)}
FIRST, SECOND = f"first:{KEY[1]}", f"second:{KEY[2]}"
COLUMN = {column.purpose: column for column in COLUMNS}
PICTURE = b"\x89PNG\r\n\x1a\n" + b"armadillo" * 20
LINK = TextPolicy(160, long_texts=LongTexts.LINK, page_url="https://sms.example.com/t/")
SAID = {
    "asked": "my aardvark is ill",
    "event": "buffalo",
    "title": "Caribou 9:00am",
    "payload": "/pick_dingo",
    "expired": "The echidna is gone",
    "reply": "Which ferret?",
    "page": "gazelle " * 60,
    "stop": "stop texting me, you hyena",
    "notice": "An ibex waits for you",
}
MARKS = ("aardvark", "buffalo", "Caribou", "dingo", "echidna", "ferret", "gazelle", "hyena", "ibex")


@contextmanager
def keys(*written: str):
    """This process has these keys while inside; the first one seals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEYS, ",".join(written))
        patch.setenv(DIGEST_KEY, KEY[3])
        cipher.cache_clear()
        yield
    cipher.cache_clear()


def dump(url: str) -> str:
    """Every value of every table, as a thief of a dump has it; files as text where they are."""
    everything = []
    with psycopg.connect(url) as connection:
        for (table,) in connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall():
            everything += [str(row) for row in connection.execute(f"SELECT * FROM {table}")]
    return "\n".join(everything)


async def pictures(method, path, writer) -> None:
    head = f"Content-Length: {len(PICTURE)}"
    writer.write(answer("200 OK", head, content=PICTURE))


def answers() -> Echo:
    """Asks something with a menu and a time limit, then says something long."""
    replies = [
        Reply(
            SAID["reply"],
            options=(Option(SAID["title"], SAID["payload"]),),
            prompt=Prompt(0.0, SAID["expired"]),
        ),
        Reply(SAID["page"]),
    ]

    async def respond(turn) -> Answer:
        place = len(echo.turns) - 1
        event = {"event": "user", "text": SAID["event"], "timestamp": 1.5}
        return Answer([replies[place]], [event], place)

    echo = Echo(respond)
    return echo


async def answered(pool, count: int) -> None:
    async def enough() -> bool:
        found = await rows(pool, "SELECT FROM turn WHERE state <> 'running'")
        return len(found) >= count

    await until(enough)


async def notice(pool, body: str, **more) -> list:
    async with pool.connection() as connection:
        return await enqueue_notice(
            connection,
            gateway="twilio",
            number=OURS,
            phone=PHONE,
            body=body,
            policy=WORDS,
            new_id=uuid4,
            now=datetime.now(UTC),
            **more,
        )


async def talked(pool, url: str) -> Echo:
    """A conversation that leaves something in every column that is sealed."""
    echo = answers()
    async with site(pictures) as api:
        limit = timedelta(seconds=5)
        ids = TimeOrderedIds().new_id
        files = MediaInbox(pool, api.fetcher.content, SystemClock(), ids, limit=limit)
        async with turn_worker(pool, url, echo, text_policy=LINK, media=files):
            await text_in(pool, SAID["asked"], media=(Media(f"{api.origin}/a", "image/png"),))
            await answered(pool, 1)
            await text_in(pool, "and another")
            await answered(pool, 2)
            await notice(pool, SAID["notice"])
            await text_in(pool, SAID["stop"])
            await answered(pool, 3)
    await rows(
        pool,
        "UPDATE conversation SET (menu, prompt_expired, prompt_expires_at) ="
        " (%(menu)s, %(expired)s, now()) RETURNING 1",
        **left_by_the_first_turn(),
    )
    return echo


def left_by_the_first_turn() -> dict:
    """The STOP closed menu and question: they are put back as the first answer left them."""
    menu = [{"title": SAID["title"], "payload": SAID["payload"]}]
    return {
        "menu": psycopg.types.json.Jsonb(cipher().seal_json(menu, "conversation.menu")),
        "expired": cipher().seal(SAID["expired"], "conversation.prompt_expired"),
    }


async def test_a_dump_shows_no_word_of_a_conversation(pool, database_url):
    with keys(FIRST):
        await talked(pool, database_url)
        stolen = dump(database_url)
    found = [mark for mark in (*MARKS, "armadillo", PICTURE.hex()) if mark in stolen]
    assert found == []
    for column in COLUMNS:
        async with pool.connection() as connection:
            counts = await key_rotation.count(connection, column)
        assert set(counts) <= {"first"}, column.purpose


async def test_without_keys_a_dump_shows_all_of_it(pool, database_url):
    await talked(pool, database_url)
    stolen = dump(database_url)
    assert [mark for mark in (*MARKS, "armadillo") if mark not in stolen] == []


async def test_menu_and_question_are_sealed_by_the_turn_that_leaves_them(pool, database_url):
    with keys(FIRST):
        async with turn_worker(pool, database_url, answers()):
            await text_in(pool, "hi")
            await answered(pool, 1)
        (talk,) = await rows(pool, "SELECT menu, prompt_expired FROM conversation")
        assert talk["menu"].keys() == {"sealed"}
        assert talk["prompt_expired"].startswith("enc:1:first:")


@pytest.mark.parametrize("written", [(), (FIRST,)], ids=["plain", "sealed"])
async def test_everything_is_read_as_it_was_written(pool, database_url, written):
    with keys(*written):
        echo = await talked(pool, database_url)
        assert [turn.text for turn in echo.turns] == [SAID["asked"], "and another"]
        async with pool.connection() as connection:
            assert (await verify(connection)).faults == []
        # Who opted out is told nothing more.
        await rows(pool, "UPDATE conversation SET opted_out_at = NULL RETURNING 1")
        ids = TimeOrderedIds().new_id
        assert await expire_prompts(pool, {"twilio": WORDS}, datetime.now(UTC), ids) == 1
        gateway = ScriptedGateway()
        async with delivery_worker(pool, database_url, gateway):
            await until(lambda: sent(pool, SAID["expired"], gateway))
        bodies = [message.body for message in gateway.sent]
        assert bodies[0] == SAID["reply"]
        (page,) = await rows(pool, "SELECT token FROM long_text")
        read = await look_up(pool, page["token"], datetime.now(UTC))
        assert read is not None
        assert read.body == SAID["page"].strip()
        (file,) = await rows(pool, "SELECT id FROM media_file")
        (text,) = await rows(pool, "SELECT id FROM outbound_text ORDER BY seq LIMIT 1")
        async with pool.connection() as connection:
            kept = await read_content(connection, file["id"])
            story = await read_story(connection, text["id"])
        assert kept is not None
        assert kept.content == PICTURE
        assert story is not None
        assert story.body == SAID["reply"]


async def sent(pool, body: str, gateway: ScriptedGateway) -> bool:
    return any(message.body == body for message in gateway.sent)


async def test_a_digit_chooses_from_a_sealed_menu(pool, database_url):
    async def respond(turn) -> Answer:
        if turn.payload:
            return Answer([Reply(f"took {turn.payload}")])
        return Answer([Reply("Which?", options=(Option("Mon 9:00am", "/pick_mon"),))])

    with keys(FIRST):
        echo = Echo(respond)
        async with turn_worker(pool, database_url, echo):
            await text_in(pool, "book")
            await answered(pool, 1)
            await text_in(pool, "1")
            await answered(pool, 2)
        assert echo.turns[1].payload == "/pick_mon"


@pytest.mark.parametrize("written", [(), (FIRST,)], ids=["plain", "sealed"])
async def test_rasa_reads_its_tracker_back(pool, database_url, written):
    with keys(*written):
        store = TurnTrackerStore(Domain.empty(), url=database_url)
        said = [UserUttered("my knee hurts", timestamp=1.0), SlotSet("where", "downtown", 2.0)]
        await store.save(DialogueStateTracker.from_events(str(talk := uuid4()), said))
        tracker = await store.retrieve(str(talk))
        assert tracker is not None
        assert [event.as_dict() for event in tracker.events] == [one.as_dict() for one in said]
        (first, _) = await rows(pool, "SELECT event FROM tracker_event ORDER BY position")
        assert ("knee" in str(first)) is (written == ())
        assert first["event"]["timestamp"] == 1.0  # retention goes by it
        await store.close()


async def test_processes_with_their_keys_in_another_order_work_together(pool, database_url):
    with keys(FIRST, SECOND):
        await text_in(pool, "hello")
    with keys(SECOND, FIRST):
        echo = Echo()
        async with turn_worker(pool, database_url, echo):
            await answered(pool, 1)
        assert [turn.text for turn in echo.turns] == ["hello"]
    with keys(FIRST, SECOND):
        gateway = ScriptedGateway()
        async with delivery_worker(pool, database_url, gateway):
            await until(lambda: sent(pool, "You said: hello", gateway))
    assert await stored_keys(pool) == {"inbound_text": "first", "outbound_text": "second"}


async def stored_keys(pool) -> dict[str, str]:
    return {
        table: (await rows(pool, f"SELECT split_part(body, ':', 3) AS id FROM {table}"))[0]["id"]
        for table in ("inbound_text", "outbound_text")
    }


# -- the same words twice, and words at the vendor -------------------------------------------


async def test_the_same_words_are_found_also_after_a_change_of_keys(pool):
    with keys(FIRST):
        await notice(pool, "Your glasses are ready.")
    with keys(SECOND, FIRST):
        await notice(pool, "Your glasses are ready.")
    states = await rows(pool, "SELECT state FROM outbound_text ORDER BY seq")
    assert [text["state"] for text in states] == ["pending", "failed"]
    (held,) = await rows(pool, "SELECT digest FROM sent_body")
    assert held["digest"] != digest_of("Your glasses are ready.", [])


async def test_a_text_of_unknown_fate_is_found_by_its_sealed_words(pool):
    with keys(FIRST):
        other = await reconciling.text(pool, "unknown", code="outcome-unknown", body="ho")
        id = await reconciling.text(
            pool, "unknown", code="outcome-unknown", at=reconciling.NOON - timedelta(minutes=1)
        )
        await sealed_anew(pool, "outbound_text.body")
        vendor = reconciling.Vendor(reconciling.listed())
        found = await reconciling.compare(pool, vendor)
    assert found is not None
    assert found.corrected == 1
    assert (await reconciling.the_text(pool, id))[0] == "delivered"
    assert (await reconciling.the_text(pool, other))[0] == "unknown"


# -- a key that is not here ------------------------------------------------------------------


async def test_a_turn_whose_key_is_missing_is_answered_when_it_is_back(pool, database_url):
    with keys(SECOND):
        await text_in(pool, "hello")
    with keys(FIRST):
        turn = await until(lambda: claim(pool, timedelta(seconds=0.1), QUICK.burst))
        assert turn.unreadable.key_id == "second"
        assert turn.texts[0].body == ""
    with keys(FIRST, SECOND):
        echo = Echo()
        async with turn_worker(pool, database_url, echo):
            await answered(pool, 1)
        assert [turn.text for turn in echo.turns] == ["hello"]


async def test_a_turn_whose_key_stays_away_fails_as_others_do_and_holds_nobody_up(
    pool, database_url
):
    with keys(SECOND):
        await text_in(pool, "hello")
    with keys(FIRST):
        await text_in(pool, "good morning", phone="+12125550101")
        echo = Echo()
        async with turn_worker(pool, database_url, echo):
            await answered(pool, 2)
        assert [turn.text for turn in echo.turns] == ["good morning"]
        (failed,) = await rows(pool, "SELECT failure, attempt FROM turn WHERE state = 'failed'")
        assert failed["attempt"] == QUICK.attempts
        assert failed["failure"]["code"] == "encryption.unknown-key"
        assert "'second'" in cipher().unseal_json(failed["failure"], "turn.failure")["detail"]
        (told,) = await rows(pool, "SELECT body FROM outbound_text WHERE kind = 'failure'")
        body = cipher().unseal(told["body"], "outbound_text.body")
        assert body == COMPANY.failure_message
    with keys(SECOND):  # nothing is lost
        (text,) = await rows(pool, "SELECT body FROM inbound_text ORDER BY id LIMIT 1")
        assert cipher().unseal(text["body"], "inbound_text.body") == "hello"


async def test_what_cannot_be_read_is_decided_by_no_rule(pool, database_url):
    """It may be the START of somebody who opted out, who is told nothing unless it is."""
    with keys(SECOND):
        async with turn_worker(pool, database_url, Echo()):
            await text_in(pool, "STOP")
            await answered(pool, 1)
        await text_in(pool, "START")
    with keys(FIRST):
        patient = replace(QUICK, pauses=(timedelta(seconds=0.1), timedelta(seconds=1)))
        async with turn_worker(pool, database_url, Echo(), patient):
            await until(lambda: rows(pool, "SELECT FROM turn WHERE attempt = 2"))
    with keys(SECOND):
        async with turn_worker(pool, database_url, Echo()):
            await answered(pool, 2)
    (talk,) = await rows(pool, "SELECT opted_out_at FROM conversation")
    assert talk["opted_out_at"] is None


@pytest.mark.parametrize("change", ["opted_out_at = now()", "owner = 'person'"])
async def test_who_is_to_be_told_nothing_is_not_told_that_a_text_cannot_be_read(
    pool, database_url, change
):
    with keys(SECOND):
        await text_in(pool, "hello")
        await rows(pool, f"UPDATE conversation SET {change} RETURNING id")
    with keys(FIRST):
        async with turn_worker(pool, database_url, Echo()):
            await until(lambda: rows(pool, "SELECT FROM turn WHERE state = 'failed'"))
    assert await rows(pool, "SELECT FROM outbound_text") == []


async def test_a_text_whose_key_is_missing_waits_and_leaves_when_it_is_back(pool, database_url):
    gateway = ScriptedGateway()
    with keys(SECOND):
        await notice(pool, "Your glasses are ready.")
    with keys(FIRST):
        async with delivery_worker(pool, database_url, gateway):
            (event,) = await until(
                lambda: rows(pool, "SELECT code FROM text_event WHERE kind = 'refused'")
            )
    assert event["code"] == "encryption.unknown-key"
    assert gateway.sent == []
    (text,) = await rows(pool, "SELECT state, next_attempt_at > now() AS later FROM outbound_text")
    assert text == {"state": "pending", "later": True}
    with keys(FIRST, SECOND):
        await rows(pool, "UPDATE outbound_text SET next_attempt_at = now() RETURNING 1")
        async with delivery_worker(pool, database_url, gateway):
            await until(lambda: sent(pool, "Your glasses are ready.", gateway))


async def test_a_text_of_unknown_fate_is_not_looked_up_without_its_words(pool, database_url):
    gateway = ScriptedGateway(Unknown("read time-out"))
    with keys(SECOND):
        await notice(pool, "Your glasses are ready.")
        async with delivery_worker(pool, database_url, gateway):
            await until(lambda: rows(pool, "SELECT FROM outbound_text WHERE state = 'checking'"))
    looked_up = len(gateway.lookups)
    code = "SELECT FROM outbound_text WHERE error_code = 'encryption.unknown-key'"
    with keys(FIRST):
        async with delivery_worker(pool, database_url, gateway):
            await until(lambda: rows(pool, code))
    assert len(gateway.lookups) == looked_up
    gateway.found = [Accepted("V7")]
    with keys(SECOND):
        await rows(pool, "UPDATE outbound_text SET next_attempt_at = now() RETURNING 1")
        async with delivery_worker(pool, database_url, gateway):
            await until(lambda: rows(pool, "SELECT FROM outbound_text WHERE vendor_id = 'V7'"))


async def test_a_question_nobody_can_read_keeps_no_other_from_being_told(pool, database_url):
    run_out = """INSERT INTO conversation
        (id, gateway, number, phone, created_at, prompt_expired, prompt_expires_at)
        VALUES (gen_random_uuid(), 'twilio', %(ours)s, %(phone)s, now(), %(words)s, now())
        RETURNING id"""
    for phone, key in {PHONE: SECOND, "+12125550101": FIRST}.items():
        with keys(key):
            words = cipher().seal("Too late.", "conversation.prompt_expired")
        await rows(pool, run_out, ours=OURS, phone=phone, words=words)
    with keys(FIRST):
        ids = TimeOrderedIds().new_id
        assert await expire_prompts(pool, {"twilio": WORDS}, datetime.now(UTC), ids) == 2
    texts = await rows(pool, "SELECT recipient FROM outbound_text")
    assert [text["recipient"] for text in texts] == ["+12125550101"]


# -- rotation --------------------------------------------------------------------------------


async def sealed_anew(pool, *purposes: str) -> dict[str, key_rotation.Rotation]:
    done = {}
    async with pool.connection() as connection:
        for purpose in purposes or COLUMN:
            done[purpose] = await rotate(connection, COLUMN[purpose], cipher())
    return done


async def test_after_a_rotation_the_old_key_can_go(pool, database_url):
    await rows(pool, INBOUND, body="aardvark before there were keys", id="P1")
    await rows(pool, INBOUND, body="enc:0:enc:1:aardvark", id="P2")  # escaped
    with keys(FIRST):
        await talked(pool, database_url)
    with keys(SECOND, FIRST):
        done = await sealed_anew(pool)
        assert {name for name, one in done.items() if one.sealed} >= {
            *("inbound_text.body", "outbound_text.body", "long_text.body", "conversation.menu"),
            *("conversation.prompt_expired", "tracker_event.event", "media_file.content"),
            "consent_event.body",
        }
        assert not any(one.held or one.unreadable for one in done.values())
        again = await sealed_anew(pool)
        assert [one.sealed for one in again.values()] == [0] * len(COLUMNS)
    assert "enc:1:first" not in dump(database_url)
    with keys(SECOND):
        async with pool.connection() as connection:
            assert (await verify(connection)).faults == []
        texts = await rows(pool, "SELECT body FROM inbound_text ORDER BY id")
        read = [cipher().unseal(text["body"], "inbound_text.body") for text in texts]
        assert read[:3] == [
            "aardvark before there were keys",
            "enc:1:aardvark",
            SAID["asked"],
        ]
        events = await rows(pool, "SELECT event FROM tracker_event ORDER BY position")
        assert events[0]["event"]["timestamp"] == 1.5
        event = cipher().unseal_json(events[0]["event"], "tracker_event.event")
        assert event["text"] == SAID["event"]


INBOUND = """
WITH talk AS (
    INSERT INTO conversation (id, gateway, number, phone, created_at)
    VALUES (gen_random_uuid(), 'twilio', '+12125550142', '+12125550188', now())
    ON CONFLICT (number, phone) DO UPDATE SET gateway = 'twilio' RETURNING id
)
INSERT INTO inbound_text (conversation_id, gateway, external_id, body, received_at)
SELECT id, 'twilio', %(id)s, %(body)s, now() FROM talk RETURNING id
"""


async def test_a_value_that_changed_meanwhile_is_not_overwritten(pool):
    with keys(FIRST):
        (id,) = await notice(pool, "old words")
    with keys(SECOND, FIRST):
        column, stored = (
            COLUMN["outbound_text.body"],
            await rows(pool, COLUMN["outbound_text.body"].page(first=True), newest="enc:1:second:"),
        )
        newer = cipher().seal("new words", "outbound_text.body")
        await rows(pool, "UPDATE outbound_text SET body = %(newer)s RETURNING 1", newer=newer)
        done = key_rotation.Rotation()
        async with pool.connection() as connection:
            await key_rotation._swap(connection, column, cipher(), stored, done)
        assert (done.sealed, done.held) == (0, 1)
        (text,) = await rows(pool, "SELECT body FROM outbound_text WHERE id = %(id)s", id=id)
        assert text["body"] == newer


async def test_a_row_that_somebody_holds_is_passed_over_and_met_again(pool, database_url):
    with keys(FIRST):
        first, second = await notice(pool, "one"), await notice(pool, "two")
    with keys(SECOND, FIRST):
        async with await psycopg.AsyncConnection.connect(database_url) as holds:
            await holds.execute("SELECT FROM outbound_text WHERE id = %s FOR UPDATE", first)
            async with asyncio.timeout(5):
                done = (await sealed_anew(pool, "outbound_text.body"))["outbound_text.body"]
        assert (done.sealed, done.held) == (1, 1)
        done = (await sealed_anew(pool, "outbound_text.body"))["outbound_text.body"]
        assert (done.sealed, done.held) == (1, 0)
    assert first != second


async def test_more_than_a_batch_is_sealed_while_texts_come_and_go(pool, database_url):
    insert = INBOUND.replace(
        "SELECT id, 'twilio', %(id)s, %(body)s, now() FROM talk RETURNING id",
        "SELECT id, 'twilio', 'N' || n, 'text ' || n, now() FROM talk, generate_series(1, 500) AS n"
        " RETURNING id",
    )
    await rows(pool, insert)
    with keys(SECOND, FIRST):
        echo = Echo()
        async with turn_worker(pool, database_url, echo):
            for number in range(5):
                await text_in(pool, f"hello {number}", phone=f"+1212555010{number}")
            done = await sealed_anew(pool)
            await answered(pool, 5)
        assert done["inbound_text.body"].sealed == 500
        async with pool.connection() as connection:
            counts = await key_rotation.count(connection, COLUMN["inbound_text.body"])
        assert counts == {"second": 505}
        assert sorted(turn.text for turn in echo.turns) == [f"hello {n}" for n in range(5)]


async def test_what_cannot_be_read_stays_and_is_told(pool, database_url, monkeypatch):
    with keys(SECOND):
        await text_in(pool, "hello")
    with keys(FIRST):
        shown = Console(file=io.StringIO(), width=200)
        with pytest.raises(Failure, match="1 values are as they were"):
            await commands.seal_anew(database_url, shown)
        assert "encrypted with the key 'second'" in shown.file.getvalue()
    with keys(SECOND):
        (text,) = await rows(pool, "SELECT body FROM inbound_text")
        assert cipher().unseal(text["body"], "inbound_text.body") == "hello"


async def test_the_command_tells_what_is_sealed_with_which_key(pool, database_url):
    await text_in(pool, "hello")
    with keys(FIRST):
        await text_in(pool, "hello again")
    with keys(SECOND):
        shown = Console(file=io.StringIO(), width=200)
        await commands.status(database_url, shown)
        told = shown.file.getvalue()
        assert "1  plain: not encrypted" in told
        assert "1  first: a key that is not here" in told
        assert "0  second: the newest key" in told
    with keys(SECOND, FIRST):
        await commands.seal_anew(database_url, shown := Console(file=io.StringIO(), width=200))
        assert "Everything is sealed with second." in shown.file.getvalue()
        await commands.status(database_url, shown)
        assert "0  first: an older key, which nothing needs" in shown.file.getvalue()


async def test_nothing_is_sealed_anew_without_keys_or_by_two(pool, database_url):
    with pytest.raises(Failure, match="There is no key"):
        await commands.seal_anew(database_url, Console(quiet=True))
    with keys(FIRST):
        async with commands.alone(pool, "encryption rotate"):
            with pytest.raises(Failure, match="Another process"):
                await commands.seal_anew(database_url, Console(quiet=True))


async def test_an_entry_of_the_ledger_may_only_be_sealed(pool, database_url):
    async with turn_worker(pool, database_url, Echo()):
        await text_in(pool, "STOP")
        await answered(pool, 1)
    changed = "UPDATE consent_event SET body = %(body)s RETURNING 1"
    for body in ("START", None):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            await rows(pool, changed, body=body)
    with keys(FIRST):
        forged = cipher().seal("START", "consent_event.body")
        await rows(pool, changed, body=forged)
        async with pool.connection() as connection:
            assert (await verify(connection)).faults != []
        phone = "UPDATE consent_event SET body = %(body)s, phone = '+12125550199' RETURNING 1"
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await rows(pool, phone, body=forged)


# -- the migration ---------------------------------------------------------------------------


def back_to(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, revision)
    finally:
        engine.dispose()


async def test_what_only_looked_sealed_before_is_read_as_it_was(pool, database_url):
    await asyncio.to_thread(back_to, database_url, "0013")
    await rows(pool, INBOUND, body="enc:1:first:AAAA", id="P1")
    await rows(pool, INBOUND, body="hello", id="P2")
    await asyncio.to_thread(migrate, database_url)
    texts = await rows(pool, "SELECT body FROM inbound_text ORDER BY id")
    plain = [Cipher({}).unseal(text["body"], "inbound_text.body") for text in texts]
    assert plain == ["enc:1:first:AAAA", "hello"]
    await asyncio.to_thread(back_to, database_url, "0013")
    texts = await rows(pool, "SELECT body FROM inbound_text ORDER BY id")
    assert [text["body"] for text in texts] == ["enc:1:first:AAAA", "hello"]


async def test_sealed_texts_keep_the_schema_that_reads_them(pool, database_url):
    with keys(FIRST):
        await text_in(pool, "hello")
    with pytest.raises(RuntimeError, match="encrypted texts"):
        await asyncio.to_thread(back_to, database_url, "0013")
