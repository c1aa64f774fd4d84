"""Every text is answered once, in order, whatever workers do, on a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

import messaging.turn
from connectors.gateways.base import Inbound
from messaging.assistant import Answer, Option, Prompt, Reply, TurnInput
from messaging.clock import TimeOrderedIds
from messaging.errors import AssistantFailed, TurnLost
from messaging.inbox import store_text
from messaging.prompts import expire_prompts
from messaging.turn import TurnPolicy
from messaging.turn_outcome import Outcome, finish
from messaging.turn_table import claim
from tests.integration.engine import (
    COMPANY,
    OURS,
    PHONE,
    QUICK,
    WORDS,
    Echo,
    rows,
    text_in,
    turn_worker,
    until,
)

BODIES = "SELECT body, kind FROM outbound_text ORDER BY seq"


async def replies(pool, count: int) -> list[str]:
    await until(lambda: _at_least(pool, count))
    return [row["body"] for row in await rows(pool, BODIES)]


async def _at_least(pool, count: int) -> bool:
    return len(await rows(pool, BODIES)) >= count


async def idle(pool) -> bool:
    due = await rows(pool, "SELECT FROM conversation WHERE turn_due_at IS NOT NULL")
    return not due


async def test_a_text_is_answered_and_the_turn_recorded(pool, database_url):
    async with turn_worker(pool, database_url, Echo()):
        await text_in(pool, "hi")
        assert await replies(pool, 1) == ["You said: hi"]
    (turn,) = await rows(pool, "SELECT * FROM turn")
    assert (turn["state"], turn["handled_by"], turn["number"]) == ("done", "assistant", 1)


async def test_the_same_text_delivered_ten_times_is_answered_once(pool, database_url):
    async with turn_worker(pool, database_url, Echo()):
        await asyncio.gather(*(text_in(pool, "hi", id="SM-same") for _ in range(10)))
        await replies(pool, 1)
        await text_in(pool, "hi", id="SM-same")
        await asyncio.sleep(0.5)
        assert await replies(pool, 1) == ["You said: hi"]
    assert len(await rows(pool, "SELECT FROM inbound_text")) == 1


async def test_a_burst_is_one_turn(pool, database_url):
    async with turn_worker(pool, database_url, Echo()):
        for body in ("book", "an eye exam", "tomorrow"):
            await text_in(pool, body)
        assert await replies(pool, 1) == ["You said: book\nan eye exam\ntomorrow"]


async def test_somebody_who_never_stops_texting_is_answered(pool, database_url):
    async with turn_worker(pool, database_url, Echo()):
        for number in range(14):
            await text_in(pool, str(number))
            await asyncio.sleep(0.1)
        said = "\n".join(await replies(pool, 2))
        await until(lambda: idle(pool))
        assert "0" in said


async def test_a_text_that_comes_during_a_turn_is_the_next_turn(pool, database_url):
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow(turn: TurnInput) -> Answer:
        started.set()
        await go_on.wait()
        return Answer([Reply(turn.text)])

    async with turn_worker(pool, database_url, Echo(slow)):
        await text_in(pool, "first")
        await started.wait()
        await text_in(pool, "second")
        go_on.set()
        assert await replies(pool, 2) == ["first", "second"]


async def test_many_workers_answer_many_conversations_in_order(pool, database_url):
    assistants = [Echo() for _ in range(4)]
    phones = [f"+1212555{number:04}" for number in range(12)]
    async with (
        turn_worker(pool, database_url, assistants[0]),
        turn_worker(pool, database_url, assistants[1]),
        turn_worker(pool, database_url, assistants[2]),
        turn_worker(pool, database_url, assistants[3]),
    ):
        for number in range(4):
            await asyncio.gather(*(text_in(pool, str(number), phone=phone) for phone in phones))
            await asyncio.sleep(0.3)
        await until(lambda: idle(pool))
    for phone in phones:
        said = await rows(
            pool,
            "SELECT body FROM outbound_text WHERE recipient = %(phone)s ORDER BY seq",
            phone=phone,
        )
        words = " ".join(row["body"].removeprefix("You said: ") for row in said).split()
        assert words == ["0", "1", "2", "3"]
    assert sum(bool(assistant.turns) for assistant in assistants) > 1


async def test_a_worker_that_dies_leaves_the_turn_to_another_with_the_same_id(pool, database_url):
    never = asyncio.Event()

    async def hang(_: TurnInput) -> Answer:
        await never.wait()
        raise AssertionError

    dying = Echo(hang)
    async with turn_worker(pool, database_url, dying):
        await text_in(pool, "hi")
        await until(lambda: _truth(dying.turns))
    await text_in(pool, "are you there?")
    heir = Echo()
    async with turn_worker(pool, database_url, heir):
        assert await replies(pool, 2) == ["You said: hi", "You said: are you there?"]
    assert heir.turns[0].turn_id == dying.turns[0].turn_id
    assert heir.turns[0] == dying.turns[0]


async def _truth(value: object) -> bool:
    return bool(value)


async def test_a_worker_that_lost_its_lease_writes_nothing(pool):
    await text_in(pool, "hi")
    await asyncio.sleep(0.2)
    lease = timedelta(seconds=0.05)
    first = await claim(pool, lease, QUICK.burst)
    await asyncio.sleep(0.1)
    second = await claim(pool, lease, QUICK.burst)
    assert first is not None
    assert second is not None
    assert (first.id, first.attempt, second.attempt) == (second.id, 1, 2)
    outcome = Outcome(Answer([]), [], "assistant", opted_out=False)
    with pytest.raises(TurnLost):
        await finish(pool, first, outcome, QUICK.burst)
    await finish(pool, second, outcome, QUICK.burst)
    with pytest.raises(TurnLost):
        await finish(pool, second, outcome, QUICK.burst)


async def test_the_database_refuses_two_turns_of_one_conversation_at_a_time(pool):
    await text_in(pool, "hi")
    await asyncio.sleep(0.2)
    turn = await claim(pool, QUICK.lease, QUICK.burst)
    assert turn is not None
    with pytest.raises(psycopg.errors.UniqueViolation):
        await rows(
            pool,
            "INSERT INTO turn (id, conversation_id, number, started_at)"
            " VALUES (gen_random_uuid(), %(id)s, 99, now()) RETURNING id",
            id=turn.conversation_id,
        )


async def test_a_failing_assistant_gives_the_failure_message_once(pool, database_url):
    async def fail(_: TurnInput) -> Answer:
        raise AssistantFailed("no")

    broken = Echo(fail)
    async with turn_worker(pool, database_url, broken):
        await text_in(pool, "hi")
        await replies(pool, 1)
        await asyncio.sleep(0.5)
        assert await rows(pool, BODIES) == [{"body": COMPANY.failure_message, "kind": "failure"}]
    assert len({turn.turn_id for turn in broken.turns}) == 1
    assert len(broken.turns) == QUICK.attempts
    (turn,) = await rows(pool, "SELECT state, failure FROM turn")
    assert turn["state"] == "failed"
    assert turn["failure"]["code"] == "assistant.failed"


async def test_an_assistant_that_recovers_answers_for_real(pool, database_url):
    failures = iter([True, False])

    async def recover(turn: TurnInput) -> Answer:
        if next(failures):
            raise AssistantFailed("not yet")
        return Answer([Reply(turn.text)])

    async with turn_worker(pool, database_url, Echo(recover)):
        await text_in(pool, "hi")
        assert await replies(pool, 1) == ["hi"]


async def test_an_assistant_that_hangs_is_given_up(pool, database_url):
    async def hang(_: TurnInput) -> Answer:
        await asyncio.sleep(60)
        raise AssertionError

    policy = TurnPolicy(
        burst=QUICK.burst, lease=QUICK.lease, limit=timedelta(seconds=0.2), pauses=()
    )
    async with turn_worker(pool, database_url, Echo(hang), policy):
        await text_in(pool, "hi")
        assert await replies(pool, 1) == [COMPANY.failure_message]
    (turn,) = await rows(pool, "SELECT failure FROM turn")
    assert turn["failure"]["code"] == "assistant.timed-out"


async def test_a_turn_that_kills_its_workers_ends_with_the_failure_message(pool, database_url):
    await text_in(pool, "poison")
    await asyncio.sleep(0.2)
    for _ in range(QUICK.attempts):
        assert await claim(pool, timedelta(seconds=0.01), QUICK.burst) is not None
        await asyncio.sleep(0.05)
    assistant = Echo()
    async with turn_worker(pool, database_url, assistant):
        assert await replies(pool, 1) == [COMPANY.failure_message]
    assert assistant.turns == []


async def test_events_and_replies_are_written_together_or_not_at_all(pool, database_url):
    position = iter([0, 0])  # the second answer claims a place that is taken

    async def respond(turn: TurnInput) -> Answer:
        return Answer([Reply(turn.text)], [{"event": "user"}], next(position))

    async with turn_worker(pool, database_url, Echo(respond)):
        await text_in(pool, "one")
        await replies(pool, 1)
        await text_in(pool, "two")
        await asyncio.sleep(1.0)
        assert await replies(pool, 1) == ["one"]
    assert len(await rows(pool, "SELECT FROM tracker_event")) == 1


async def test_a_digit_is_the_option_that_was_offered(pool, database_url):
    async def respond(turn: TurnInput) -> Answer:
        if turn.payload:
            return Answer([Reply(f"took {turn.payload}")])
        options = (Option("Mon 9:00am", "/pick_mon"), Option("Tue 9:00am", "/pick_tue"))
        return Answer([Reply("Which?", options=options)])

    async with turn_worker(pool, database_url, Echo(respond)):
        await text_in(pool, "book")
        await replies(pool, 1)
        await text_in(pool, "HELP")  # leaves the menu open
        await replies(pool, 2)
        await text_in(pool, "2")
        assert (await replies(pool, 3))[2] == "took /pick_tue"
        await text_in(pool, "2")  # the menu is closed: words like any other
        assert (await replies(pool, 4))[3] == "Which?"


async def test_stop_wins_and_is_confirmed_once_and_only_start_undoes_it(pool, database_url):
    assistant = Echo()
    async with turn_worker(pool, database_url, assistant):
        await text_in(pool, "STOP")
        assert "Harbor Eye Care" in (await replies(pool, 1))[0]
        await text_in(pool, "stop")
        await text_in(pool, "hello?")
        await until(lambda: idle(pool))
        await text_in(pool, "book an exam")
        await until(lambda: idle(pool))
        assert assistant.turns == []
        assert len(await replies(pool, 2)) == 2
        await text_in(pool, "START")
        await replies(pool, 3)
        await text_in(pool, "book an exam")
        assert (await replies(pool, 4))[3] == "You said: book an exam"


async def test_reactions_and_driving_replies_get_no_answer(pool, database_url):
    assistant = Echo()
    async with turn_worker(pool, database_url, assistant):
        await text_in(pool, "Liked “You are booked”")
        await until(lambda: idle(pool))
    assert assistant.turns == []
    assert await rows(pool, BODIES) == []


async def test_a_person_who_owns_the_conversation_is_not_talked_over(pool, database_url):
    assistant = Echo()
    async with turn_worker(pool, database_url, assistant):
        await text_in(pool, "hi")
        await replies(pool, 1)
        await rows(pool, "UPDATE conversation SET owner = 'person' RETURNING id")
        await text_in(pool, "are you a person?")
        await until(lambda: idle(pool))
    assert len(assistant.turns) == 1
    assert (await rows(pool, "SELECT handled_by FROM turn ORDER BY number"))[1] == {
        "handled_by": "person"
    }


async def test_a_question_that_is_not_answered_expires_and_says_so_once(pool, database_url):
    async def ask(turn: TurnInput) -> Answer:
        return Answer([Reply("Sure?", prompt=Prompt(0.3, "That has expired."))])

    async with turn_worker(pool, database_url, Echo(ask)):
        await text_in(pool, "book")
        await replies(pool, 1)
    now, ids = datetime.now(UTC), TimeOrderedIds()
    assert await expire_prompts(pool, {"twilio": WORDS}, now, ids.new_id) == 0
    await asyncio.sleep(0.4)
    assert await expire_prompts(pool, {"twilio": WORDS}, now, ids.new_id) == 1
    assert await expire_prompts(pool, {"twilio": WORDS}, now, ids.new_id) == 0
    assert await replies(pool, 2) == ["Sure?", "That has expired."]


async def test_an_answer_that_waits_keeps_its_question_from_expiring(pool, database_url):
    async def ask(turn: TurnInput) -> Answer:
        return Answer([Reply("Sure?", prompt=Prompt(0.1, "That has expired."))])

    async with turn_worker(pool, database_url, Echo(ask)):
        await text_in(pool, "book")
        await replies(pool, 1)
    await text_in(pool, "yes")
    await asyncio.sleep(0.2)
    assert (
        await expire_prompts(pool, {"twilio": WORDS}, datetime.now(UTC), TimeOrderedIds().new_id)
        == 0
    )


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "\x00",
        "👩‍👩‍👧‍👦" * 40,
        "预约眼科检查",
        "'; DROP TABLE turn; --",
        "/restart",
        "a" * 20_000,
    ],
)
async def test_any_body_is_stored_and_answered(pool, database_url, body):
    assistant = Echo()
    async with turn_worker(pool, database_url, assistant):
        await text_in(pool, body)
        await replies(pool, 1)
    assert len(assistant.turns) == 1


async def test_who_could_not_look_for_a_turn_looks_again(pool, database_url, monkeypatch):
    """Rasa would go on without anybody who answers."""

    async def broken(*_given: object) -> None:
        monkeypatch.setattr(messaging.turn, "claim", claim)
        raise ValueError

    monkeypatch.setattr(messaging.turn, "claim", broken)
    async with turn_worker(pool, database_url, Echo()):
        await text_in(pool, "hi")
        await replies(pool, 1)


async def test_a_stored_text_says_whether_it_was_new(pool):
    async with pool.connection() as connection:
        text = Inbound("SM-one", PHONE, OURS, "hi")
        now = datetime.now(UTC)
        assert await store_text(connection, "twilio", text, now, burst_seconds=1)
        assert not await store_text(connection, "twilio", text, now, burst_seconds=1)
        assert await store_text(connection, "intelepeer", text, now, burst_seconds=1)
    (talk,) = await rows(pool, "SELECT id FROM conversation")
    assert isinstance(talk["id"], UUID)
