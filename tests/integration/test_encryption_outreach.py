"""What we say unasked, at rest: openings, recipients of campaigns, reminders, failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

import actions.database
from actions.reminding import ActionRemindMe
from database.encryption import cipher
from database.key_rotation import COLUMNS, count
from messaging.assistant import Answer
from messaging.errors import AssistantFailed
from messaging.openings import Opening
from outreach import campaign_actions, campaign_runner
from outreach.audience import BadAudience, Recipient
from outreach.campaign_preview import preview
from outreach.requested import what_of
from practice.requested_reminders import WORDS, request_reminder, waiting_reminders
from tests.integration import campaigning
from tests.integration.engine import PHONE, QUICK, Echo, rows, text_in, turn_worker
from tests.integration.test_encryption import (
    FIRST,
    SECOND,
    answered,
    dump,
    keys,
    notice,
    sealed_anew,
)

MARKS = ("jackal", "koala", "lemur", "marmot", "narwhal")
OFFERED = Opening(
    datetime.now(UTC) + timedelta(hours=1), {"name": "jackal"}, {"r": '/move{"of": "koala"}'}
)
OUR_COLUMNS = [
    column
    for column in COLUMNS
    if column.purpose
    in {
        *("opening.slots", "opening.answers", "turn.failure", "campaign_recipient.variables"),
        "requested_reminder.words",
    }
]


class Named(campaigning.Listed):
    """An audience whose recipients have a name of the test's own, whatever it is called."""

    def __init__(self, *phones: str, **variables: str) -> None:
        super().__init__(phones)
        self._variables = variables

    async def batches(self):
        yield [Recipient(phone, self._variables) for phone in self._phones]


def fails() -> Echo:
    async def respond(turn) -> Answer:
        raise AssistantFailed("ValueError: cannot read 'narwhal'")

    return Echo(respond)


async def campaign(pool, text: str = "We are closed, {name}.", **variables: str):
    return await campaign_actions.create(
        pool,
        campaigning.plan(text=text),
        Named("+12122000001", **variables),
        "Ann",
        campaigning.NOON,
        lambda _: None,
    )


async def reached_out(pool, url: str) -> None:
    """Something in every column that is about what we say unasked, or that failed."""
    await notice(pool, "Shall we move it?", opening=OFFERED)
    await campaign(pool, name="lemur")
    async with pool.connection() as connection:
        await request_reminder(
            connection,
            "turn:remind",
            phone=PHONE,
            due_at=campaigning.NOON,
            zone="America/New_York",
            now=campaigning.NOON,
            words=cipher().seal("feed the marmot", WORDS),
        )
    async with turn_worker(pool, url, fails()):
        await text_in(pool, "hi")
        await answered(pool, 1)


async def test_a_dump_shows_no_word_of_what_was_said_unasked(pool, database_url):
    with keys(FIRST):
        await reached_out(pool, database_url)
    stolen = dump(database_url)
    assert [mark for mark in MARKS if mark in stolen] == []
    async with pool.connection() as connection:
        counted = [await count(connection, column) for column in OUR_COLUMNS]
    assert counted == [{"first": 1}] * 5
    (turn,) = await rows(pool, "SELECT failure FROM turn")
    assert turn["failure"]["code"] == "assistant.failed"  # for reports in SQL
    assert "staff" in turn["failure"]


async def test_without_keys_a_dump_shows_it(pool, database_url):
    await reached_out(pool, database_url)
    stolen = dump(database_url)
    assert [mark for mark in MARKS if mark not in stolen] == []


@pytest.mark.parametrize("written", [(), (FIRST,)], ids=["plain", "sealed"])
async def test_it_is_read_as_it_was_written_also_after_a_change_of_keys(
    pool, database_url, written
):
    with keys(*written):
        await reached_out(pool, database_url)
    with keys(SECOND, *written):
        done = await sealed_anew(pool, *(column.purpose for column in OUR_COLUMNS))
        assert [one.sealed for one in done.values()] == [1] * 5
        assert not any(one.held or one.unreadable for one in done.values())
    with keys(SECOND):
        (turn,) = await rows(pool, "SELECT failure FROM turn")
        told = cipher().unseal_json(turn["failure"], "turn.failure")
        assert told["detail"] == "ValueError: cannot read 'narwhal'"
        assert (turn["failure"]["code"], told["code"]) == ("assistant.failed",) * 2
        async with pool.connection() as connection:
            (waiting,) = await waiting_reminders(connection, PHONE)
        assert what_of(waiting, None) == "feed the marmot"
        desk, ready = campaigning.desk(), await found(pool)
        shown = await preview(pool, desk, {}, ready, campaigning.NOON, lambda _: None)
        assert shown.samples == ["We are closed, lemur."]
        await campaign_actions.start(pool, "one", "Ann", campaigning.NOON)
        await campaign_runner.advance(pool, desk, campaigning.NOON)
        (text,) = await rows(
            pool, "SELECT body FROM outbound_text WHERE recipient = '+12122000001'"
        )
        assert cipher().unseal(text["body"], "outbound_text.body") == "We are closed, lemur."


async def found(pool):
    async with pool.connection() as connection:
        return await campaign_actions.table.find(connection, "one")


async def test_the_assistant_seals_what_a_customer_asks_to_be_reminded_of(
    pool, database_url, monkeypatch
):
    monkeypatch.setattr(actions.database, "_pool", pool)
    message = {
        "metadata": {"turn_id": "1", "phone": PHONE, "received_at": campaigning.NOON.isoformat()}
    }
    start = campaigning.NOON + timedelta(days=1)
    kept = {"zone": "America/New_York", "words": "water the koala"}
    slots = {
        "start": start.isoformat(),
        "reminder": {**kept, "appointment_id": None, "before": None},
    }
    tracker = Tracker(
        "conversation",
        slots,
        message,
        [],
        paused=False,
        followup_action=None,
        active_loop={},
        latest_action_name=None,
    )
    with keys(FIRST):
        await ActionRemindMe().run(CollectingDispatcher(), tracker, {})
        assert "koala" not in dump(database_url)
        async with pool.connection() as connection:
            (waiting,) = await waiting_reminders(connection, PHONE)
        assert what_of(waiting, None) == "water the koala"


async def test_another_text_may_need_only_what_sealed_recipients_have(pool):
    with keys(FIRST):
        await campaign(pool, name="lemur")
        for text, fits in (("Dear {name}, we are closed.", True), ("Dear {title}", False)):
            changed = campaigning.plan(text=text)
            edit = campaign_actions.edit(
                pool, changed, None, "Ann", campaigning.NOON, lambda _: None
            )
            if fits:
                assert (await edit).plan.text == text
            else:
                with pytest.raises(BadAudience, match="other columns"):
                    await edit


async def test_recipients_of_what_was_approved_may_only_be_sealed_anew(pool):
    await campaign(pool, name="lemur")
    for value in ({"name": "marmot"}, {"sealed": "marmot"}):
        with pytest.raises(psycopg.errors.CheckViolation, match="only a draft"):
            await rows(
                pool,
                "UPDATE campaign_recipient SET variables = %(value)s RETURNING 1",
                value=Jsonb(value),
            )
    with keys(FIRST):
        done = await sealed_anew(pool, "campaign_recipient.variables")
    assert done["campaign_recipient.variables"].sealed == 1


@pytest.mark.parametrize("written", [(), (FIRST,)], ids=["plain", "sealed"])
async def test_a_slot_or_a_column_may_be_called_sealed(pool, database_url, written):
    with keys(*written):
        (id,) = await notice(
            pool, "Shall we?", opening=Opening(OFFERED.expires_at, {"sealed": "enc:1:x"})
        )
        await left(pool, id)
        echo = Echo()
        async with turn_worker(pool, database_url, echo):
            await text_in(pool, "what?")
            await answered(pool, 1)
        assert echo.turns[0].slots == {"sealed": "enc:1:x"}
        await campaign(pool, "We are {sealed}.", sealed="shut")
        shown = await preview(
            pool, campaigning.desk(), {}, await found(pool), campaigning.NOON, lambda _: None
        )
        assert shown.samples == ["We are shut."]


async def left(pool, id) -> None:
    await rows(
        pool,
        "UPDATE outbound_text SET state = 'sent', vendor_id = 'V1',"
        " first_attempt_at = now() - interval '1 minute' WHERE id = %(id)s RETURNING 1",
        id=id,
    )


async def test_a_turn_that_cannot_read_what_we_began_fails_and_leaves_it_to_the_next(
    pool, database_url
):
    with keys(SECOND):
        (id,) = await notice(pool, "Shall we move it?", opening=OFFERED)
        await left(pool, id)
    with keys(FIRST):
        echo = Echo()
        async with turn_worker(pool, database_url, echo):
            await text_in(pool, "r")
            await answered(pool, 1)
        (turn,) = await rows(pool, "SELECT state, attempt, failure FROM turn")
        assert (turn["state"], turn["attempt"]) == ("failed", QUICK.attempts)
        assert turn["failure"]["code"] == "encryption.unknown-key"
        assert echo.turns == []
    with keys(FIRST, SECOND):
        async with turn_worker(pool, database_url, echo):
            await text_in(pool, "r")
            await answered(pool, 2)
        assert echo.turns[0].payload == '/move{"of": "koala"}'
        assert echo.turns[0].begun[0].words == "Shall we move it?"
