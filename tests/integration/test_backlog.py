"""Customers who wait: told once that it takes longer, then answered, in order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from messaging.assistant import Answer, Reply, TurnInput
from messaging.backlog import DelayNotice, tell_delays
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.lanes import Lane
from messaging.notice_texts import enqueue_notice
from messaging.worker import WorkerPlan, run_worker
from tests.integration.engine import (
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

NOTICE = DelayNotice(timedelta(0), "It takes longer.")
TOLD = "SELECT recipient FROM outbound_text WHERE kind = 'delay' ORDER BY seq"


def phone(number: int) -> str:
    return f"+1212555{number:04}"


async def tell(pool, per_second: float = 1000, notice: DelayNotice = NOTICE) -> int:
    gateways = {"twilio": ScriptedGateway(per_second=per_second)}
    words = {"twilio": WORDS}
    return await tell_delays(pool, gateways, words, notice, SystemClock(), TimeOrderedIds().new_id)


async def told(pool) -> list[str]:
    return [row["recipient"] for row in await rows(pool, TOLD)]


async def nobody_waits(pool) -> bool:
    return not await rows(pool, "SELECT FROM conversation WHERE turn_due_at IS NOT NULL")


async def nobody_is_early(pool) -> bool:
    return not await rows(pool, "SELECT FROM conversation WHERE turn_due_at > now()")


async def all_sent(pool) -> bool:
    return not await rows(pool, "SELECT FROM outbound_text WHERE state <> 'sent'")


async def test_who_waits_is_told_once_and_again_only_after_an_answer(pool, database_url):
    await text_in(pool, "hi")
    assert [await tell(pool), await tell(pool)] == [1, 0]
    await text_in(pool, "are you there?")
    assert await tell(pool) == 0
    async with turn_worker(pool, database_url, Echo()):
        await until(lambda: nobody_waits(pool))
    assert await tell(pool) == 0
    await text_in(pool, "and now?")
    assert await tell(pool) == 1
    kinds = [row["kind"] for row in await rows(pool, "SELECT kind FROM outbound_text ORDER BY seq")]
    assert kinds == ["delay", "reply", "delay"]


async def test_who_has_not_waited_long_is_not_told(pool):
    await text_in(pool, "hi")
    assert await tell(pool, notice=DelayNotice(timedelta(minutes=1), "Later.")) == 0
    await rows(pool, "UPDATE conversation SET waiting_since = now() - interval '61 s' RETURNING id")
    assert await tell(pool, notice=DelayNotice(timedelta(minutes=1), "Later.")) == 1


async def test_a_text_that_comes_during_a_turn_does_not_make_it_told_twice(pool, database_url):
    started, go_on = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def slow(turn: TurnInput) -> Answer:
        started.release()
        await go_on.acquire()
        return Answer([Reply(turn.text)])

    async with turn_worker(pool, database_url, Echo(slow)):
        await text_in(pool, "first")
        await started.acquire()
        assert await tell(pool) == 1  # the assistant thinks, the customer waits
        await text_in(pool, "second")
        go_on.release()
        await started.acquire()
        assert await tell(pool) == 0
        go_on.release()
        await until(lambda: nobody_waits(pool))


async def test_an_answer_that_is_being_written_is_not_overtaken(pool):
    await text_in(pool, "hi")
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM conversation FOR UPDATE")  # as a turn that ends
        async with asyncio.timeout(3):
            assert await tell(pool) == 0
    assert await tell(pool) == 1


@pytest.mark.parametrize(
    "state",
    [
        "opted_out_at = now()",
        "unreachable_code = '30006'",
        "owner = 'person'",
    ],
)
async def test_who_is_sent_nothing_by_us_is_not_told(pool, state):
    await text_in(pool, "hi")
    await rows(pool, f"UPDATE conversation SET {state} RETURNING id")
    assert await tell(pool) == 0


async def test_a_word_of_consent_is_not_told_and_does_not_stand_in_the_way(pool):
    for number in range(20):
        await text_in(pool, "STOP", phone=phone(number))
    await text_in(pool, "hi", phone=phone(20))
    # Five a time at this pace: the words of consent are looked at once, not every time.
    await until(lambda: tell(pool, per_second=1))
    assert await told(pool) == [phone(20)]


async def test_stop_while_a_turn_is_under_way_is_not_told(pool, database_url):
    started = asyncio.Event()

    async def hangs(turn: TurnInput) -> Answer:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with turn_worker(pool, database_url, Echo(hangs)):
        await text_in(pool, "hi")
        await started.wait()
        await text_in(pool, "STOP")
        assert await tell(pool) == 0


async def test_a_number_is_not_flooded_and_the_oldest_come_first(pool):
    for number in range(30):
        await text_in(pool, "hi", phone=phone(number))
    await rows(
        pool,
        "UPDATE conversation SET waiting_since = now() - right(phone, 2)::int * interval '1 s'"
        " RETURNING id",
    )
    assert [await tell(pool, per_second=1), await tell(pool, per_second=1)] == [5, 0]
    await rows(
        pool,
        "UPDATE outbound_text SET state = 'sent', vendor_id = id::text"
        " WHERE recipient IN (%(one)s, %(two)s) RETURNING id",
        one=phone(29),
        two=phone(28),
    )
    assert await tell(pool, per_second=1) == 2
    assert await told(pool) == [phone(number) for number in range(29, 22, -1)]


async def notices_out(pool, lane: Lane, count: int) -> None:
    async with pool.connection() as connection:
        for number in range(count):
            await enqueue_notice(
                connection,
                gateway="twilio",
                number=OURS,
                phone=phone(9000 + number),
                body="hello",
                policy=WORDS,
                new_id=uuid4,
                now=SystemClock().now(),
                lane=lane,
            )


@pytest.mark.parametrize(
    ("lane", "delayed", "customers"),
    [
        (Lane.REPLY, timedelta(0), 0),  # replies come first
        (Lane.BULK, timedelta(0), 5),  # which a notice overtakes
        (Lane.REPLY, timedelta(minutes=10), 5),  # put off, in nobody's way
    ],
)
async def test_notices_give_way_to_replies(pool, lane, delayed, customers):
    await notices_out(pool, lane, 5)
    await rows(
        pool,
        "UPDATE outbound_text SET next_attempt_at = now() + %(delayed)s RETURNING id",
        delayed=delayed,
    )
    for number in range(8):
        await text_in(pool, "hi", phone=phone(number))
    assert await tell(pool, per_second=1) == customers


async def test_several_workers_tell_everybody_once_and_keep_to_the_queue(pool):
    for number in range(30):
        await text_in(pool, "hi", phone=phone(number))
    assert sum(await asyncio.gather(*(tell(pool, per_second=2) for _ in range(6)))) == 10
    assert len(set(await told(pool))) == 10


async def test_a_long_notice_costs_what_its_parts_cost(pool):
    for number in range(5):
        await text_in(pool, "hi", phone=phone(number))
    long = DelayNotice(timedelta(0), "It takes longer. " * 15)  # two segments
    assert await tell(pool, per_second=1, notice=long) == 2


async def test_a_number_that_is_not_ours_any_more_is_passed_over(pool):
    await text_in(pool, "hi")
    assert await tell_delays(pool, {}, {}, NOTICE, SystemClock(), TimeOrderedIds().new_id) == 0


async def test_a_backlog_is_told_then_answered_in_order(pool, database_url):
    """Fifty phones text three times each while nobody answers; then a slow assistant is back."""
    phones = [phone(number) for number in range(50)]
    for text in ("one", "two", "three"):
        for each in phones:
            await text_in(pool, text, phone=each)
    gateway = ScriptedGateway()

    async def slow(turn: TurnInput) -> Answer:
        await asyncio.sleep(0.05)
        return Answer([Reply(f"You said: {turn.text}")])

    assistants = [Echo(slow), Echo(slow)]
    async with delivery_worker(pool, database_url, gateway):
        await until(lambda: tell(pool))
        await text_in(pool, "four", phone=phones[0])
        async with (
            turn_worker(pool, database_url, assistants[0]),
            turn_worker(pool, database_url, assistants[1]),
        ):
            await until(lambda: nobody_waits(pool), 20)
            assert await tell(pool) == 0
        await until(lambda: all_sent(pool), 20)
    seen = defaultdict(list)
    for message in gateway.sent:
        seen[message.recipient].append(message.body)
    answer = "You said: one\ntwo\nthree"
    assert seen.pop(phones[0]) == [NOTICE.body, f"{answer}\nfour"]
    assert seen == {each: [NOTICE.body, answer] for each in phones[1:]}
    asked = [turn.phone for assistant in assistants for turn in assistant.turns]
    assert sorted(asked) == phones


async def test_who_has_waited_longest_is_answered_first(pool, database_url):
    phones = [phone(number) for number in (7, 3, 9, 1, 5)]
    for each in phones:
        await text_in(pool, "hi", phone=each)
    await until(lambda: nobody_is_early(pool))
    assistant = Echo()
    async with turn_worker(pool, database_url, assistant, replace(QUICK, concurrency=1)):
        await until(lambda: nobody_waits(pool))
    assert [turn.phone for turn in assistant.turns] == phones


async def test_the_worker_tells(pool, database_url):
    await text_in(pool, "hi")
    gateway = ScriptedGateway()
    plan = WorkerPlan({"twilio": gateway}, {"twilio": WORDS}, candidates=(), delay=NOTICE)
    task = asyncio.create_task(run_worker(database_url, plan))
    try:
        await until(lambda: _received(gateway))
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert [(text.recipient, text.body) for text in gateway.sent] == [(PHONE, NOTICE.body)]


async def _received(gateway: ScriptedGateway) -> bool:
    return len(gateway.sent) > 0
