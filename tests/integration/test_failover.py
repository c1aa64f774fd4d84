"""Which gateway a new conversation gets, and how its first text leaves one that is in trouble."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import pytest

from connectors.gateways.base import Accepted, Inbound, Refused, Unknown
from messaging.delivery_table import ClaimedText, Queue
from messaging.failover import Failover, move
from messaging.health import FULL, QUIET, RISE_EVERY
from messaging.health_table import SendCounts, judge_gateways, report
from messaging.inbox import store_events
from messaging.metrics import GATEWAY_WEIGHT
from messaging.notice_texts import enqueue_notice
from messaging.retry import Schedule
from messaging.routing import Candidate, Route, route
from tests.integration.engine import (
    OURS,
    PHONE,
    WORDS,
    ScriptedGateway,
    delivery_worker,
    rows,
    until,
)

OTHER = "+12125550143"
A = Candidate("twilio", (OURS,), 100, 1600)
B = Candidate("intelepeer", (OTHER,), 100, 1600)
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DOWN = Refused("connection", "Away.", retry=Schedule(attempts=50, first=0.1), unhealthy=True)
REFUSED = Refused("21610", "They opted out.")
NO_ANSWER = Unknown("read time-out")
OK = Accepted("V1")


class SetClock:
    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


def two_gateways(*outcomes, **can) -> tuple[ScriptedGateway, ScriptedGateway]:
    first = ScriptedGateway(*outcomes, **can)
    return first, ScriptedGateway(name="intelepeer", numbers=(OTHER,))


def failover(pool) -> Failover:
    return Failover(pool, [A, B], Random(3).random)


async def weigh(pool, **weights: int) -> None:
    for gateway, weight in weights.items():
        await rows(
            pool,
            """INSERT INTO gateway_health (gateway, weight, changed_at)
            VALUES (%(gateway)s, %(weight)s, now())
            ON CONFLICT (gateway) DO UPDATE SET weight = EXCLUDED.weight RETURNING 1""",
            gateway=gateway,
            weight=weight,
        )


async def text_out(pool, body: str, phone: str = PHONE, by: Candidate = A) -> UUID:
    async with pool.connection() as connection:
        (id,) = await enqueue_notice(
            connection,
            gateway=by.gateway,
            number=by.numbers[0],
            phone=phone,
            body=body,
            policy=WORDS,
            new_id=uuid4,
            now=datetime.now(UTC),
        )
    return id


async def text_in(pool, by: Candidate, phone: str = PHONE) -> None:
    event = Inbound(str(uuid4()), phone, by.numbers[0], "hi")
    await store_events(pool, by.gateway, [event], datetime.now(UTC), burst_seconds=1)


async def ways(pool) -> list[tuple[str, str, str, str]]:
    """Where each text is, in order: its words, its gateway, and its conversation's."""
    found = await rows(
        pool,
        """SELECT body, text.gateway, sender, talk.gateway AS of, talk.number
        FROM outbound_text AS text JOIN conversation AS talk ON talk.id = conversation_id
        ORDER BY seq""",
    )
    assert all((row["gateway"], row["sender"]) == (row["of"], row["number"]) for row in found), (
        "a text is where its conversation is"
    )
    return [(row["body"], row["gateway"]) for row in found]


async def claimed(pool, *gateways: ScriptedGateway) -> ClaimedText:
    lease = timedelta(seconds=30)
    queue = Queue(pool, {gateway.name: gateway for gateway in gateways}, lease)
    await queue.prepare()
    (text,) = (await queue.claim(10)).texts
    return text


async def routed(pool, phone: str = PHONE, draw: float = 0.0) -> Route:
    async with pool.connection() as connection, connection.transaction():
        return await route(connection, phone, [A, B], lambda: draw)


# -- health ------------------------------------------------------------------------------------


async def test_what_workers_count_adds_up(pool):
    clock = SetClock()
    workers = SendCounts(clock), SendCounts(clock)
    for counts in workers:
        counts.count("twilio", OK, 0.2)
        counts.count("twilio", OK, 5.0)
        counts.count("twilio", REFUSED, 0.1)
        counts.count("twilio", DOWN, 9.0)
        counts.count("twilio", NO_ANSWER, 15.0)
        await counts.flush(pool)
        await counts.flush(pool)  # adds nothing
    clock.time += timedelta(minutes=1)
    workers[0].count("twilio", OK, 0.1)
    await workers[0].flush(pool)
    assert await rows(pool, "SELECT sends, errors, slow FROM gateway_minute ORDER BY minute") == [
        {"sends": 10, "errors": 4, "slow": 2},
        {"sends": 1, "errors": 0, "slow": 0},
    ]


@pytest.mark.parametrize(
    ("seen", "in_row"),
    [
        ([[DOWN, DOWN], [DOWN, NO_ANSWER]], 4),
        ([[DOWN, DOWN], [OK, DOWN]], 1),
        ([[DOWN, DOWN], [DOWN, REFUSED]], 0),
        ([[DOWN], [OK], [DOWN, DOWN]], 2),
    ],
)
async def test_errors_in_a_row_are_those_of_all_workers(pool, seen, in_row):
    for outcomes in seen:
        counts = SendCounts(SetClock())
        for outcome in outcomes:
            counts.count("twilio", outcome, 0.1)
        await counts.flush(pool)
    (row,) = await rows(pool, "SELECT failures_in_row FROM gateway_health")
    assert row["failures_in_row"] == in_row


async def test_workers_that_judge_at_once_make_one_change(pool):
    counts = SendCounts(SetClock())
    for outcome in [OK, OK, OK, DOWN, DOWN]:
        counts.count("twilio", outcome, 0.1)
    await counts.flush(pool)
    both = ["twilio", "intelepeer"]
    later = NOW + timedelta(minutes=1)
    await rows(
        pool, "UPDATE gateway_health SET changed_at = changed_at - interval '1 day' RETURNING 1"
    )
    weights = await asyncio.gather(*(judge_gateways(pool, both, later) for _ in range(6)))
    assert weights == [{"intelepeer": 100, "twilio": 50}] * 6
    (change,) = await rows(pool, "SELECT * FROM gateway_health_change")
    del change["id"]
    assert change == {
        "gateway": "twilio",
        "at": later,
        "before": 100,
        "after": 50,
        "reason": "2 of 5 sends failed",
    }
    assert GATEWAY_WEIGHT.labels("twilio")._value.get() == 50


async def test_a_gateway_falls_and_drifts_back(pool):
    clock, both = SetClock(), ["twilio", "intelepeer"]
    counts = SendCounts(clock)
    for _ in range(5):
        counts.count("twilio", DOWN, 0.1)
    await counts.flush(pool)
    assert (await judge_gateways(pool, both, clock.time))["twilio"] == 0
    clock.time += QUIET
    course = []
    for _ in range(11):
        course.append((await judge_gateways(pool, both, clock.time))["twilio"])
        clock.time += RISE_EVERY
    assert course == [*range(10, 101, 10), 100]
    (now,) = await _report(pool, ["twilio"], clock.time)
    assert (now.weight, now.reason) == (FULL, "no trouble for 5 minutes")


async def _report(pool, names, since):
    async with pool.connection() as connection:
        return await report(connection, names, since)


async def test_the_report_names_each_gateway_in_order(pool):
    counts = SendCounts(SetClock())
    counts.count("twilio", DOWN, 0.1)
    await counts.flush(pool)
    found = await _report(pool, ["twilio", "intelepeer"], NOW - timedelta(minutes=10))
    assert [(one.gateway, one.weight, one.sends.errors) for one in found] == [
        ("twilio", 100, 1),
        ("intelepeer", 100, 0),
    ]
    assert {one.changed_at for one in found} == {None}


# -- the way of a text to a phone -------------------------------------------------------------


async def test_a_new_phone_gets_a_gateway_that_is_well(pool):
    await weigh(pool, twilio=0)
    assert {await routed(pool, draw=draw) for draw in (0.0, 0.5, 0.99)} == {
        Route("intelepeer", OTHER)
    }


async def test_a_phone_keeps_the_number_that_it_knows(pool):
    await text_in(pool, A)
    await weigh(pool, twilio=0)
    way = await routed(pool)
    assert (way.gateway, way.number) == ("twilio", OURS)
    assert way.conversation_id is not None


async def test_of_several_numbers_the_latest_is_kept(pool):
    for by in (A, B, A):
        await text_in(pool, by)
    assert (await routed(pool)).number == OURS
    await text_out(pool, "hi", by=B)
    assert (await routed(pool)).number == OTHER


async def test_two_texts_to_a_new_phone_at_once_get_one_number(pool):
    async with pool.connection() as connection:
        async with connection.transaction():
            first = await route(connection, PHONE, [A, B], lambda: 0.0)
            second = asyncio.create_task(routed(pool, draw=0.99))
            await until(lambda: _waits_for_a_lock(pool))
            await enqueue_notice(
                connection,
                gateway=first.gateway,
                number=first.number,
                phone=PHONE,
                body="hi",
                policy=WORDS,
                new_id=uuid4,
                now=datetime.now(UTC),
            )
        assert (await second).number == first.number


# -- moving -----------------------------------------------------------------------------------


async def test_first_texts_leave_a_gateway_whose_weight_is_0(pool, database_url):
    for body in ("one", "two"):
        await text_out(pool, body)
    await text_out(pool, "elsewhere", phone="+12125550101", by=B)
    await weigh(pool, twilio=0)
    assert await failover(pool).relieve({"twilio": 0, "intelepeer": 100}) == 1
    assert await ways(pool) == [
        ("one", "intelepeer"),
        ("two", "intelepeer"),
        ("elsewhere", "intelepeer"),
    ]
    events = await rows(pool, "SELECT kind, code, detail FROM text_event")
    assert (
        events
        == [
            {
                "kind": "moved",
                "code": "twilio",
                "detail": "to intelepeer: twilio is in trouble (its weight is 0)",
            }
        ]
        * 2
    )
    first, second = two_gateways()
    async with delivery_worker(pool, database_url, first, second):
        await until(lambda: _count(pool, "sent", 3))
    assert first.sent == []
    bodies = [message.body for message in second.sent if message.recipient == PHONE]
    assert bodies == ["one", "two"]


async def _count(pool, state: str, wanted: int) -> bool:
    query = "SELECT FROM outbound_text WHERE state = %(state)s"
    return len(await rows(pool, query, state=state)) == wanted


async def test_a_text_for_a_later_time_moves_and_still_waits_for_it(pool):
    id = await text_out(pool, "hi")
    await rows(
        pool,
        """UPDATE outbound_text SET not_before = now() + interval '1 day',
        next_attempt_at = now() + interval '1 day' RETURNING id""",
    )
    assert await failover(pool).relieve({"twilio": 0, "intelepeer": 100}) == 1
    (text,) = await rows(
        pool,
        "SELECT id, gateway, next_attempt_at = not_before AS waits FROM outbound_text",
    )
    assert text == {"id": id, "gateway": "intelepeer", "waits": True}


@pytest.mark.parametrize(
    "weights",
    [
        {"twilio": 10, "intelepeer": 100},
        {"twilio": 0, "intelepeer": 0},
        {"intelepeer": 0},
        {},
    ],
)
async def test_nothing_moves_without_need_or_to_one_in_trouble(pool, weights):
    await text_out(pool, "hi")
    assert await failover(pool).relieve(weights) == 0


async def test_nothing_moves_to_a_gateway_that_is_used_only_by_name(pool):
    await text_out(pool, "hi")
    by_name = Candidate("intelepeer", (OTHER,), 0, 1600)
    lone = Failover(pool, [A, by_name], Random(3).random)
    assert await lone.relieve({"twilio": 0}) == 0


async def test_a_running_conversation_keeps_its_number_in_trouble(pool):
    await text_in(pool, A)
    id = await text_out(pool, "hi")
    assert await failover(pool).relieve({"twilio": 0}) == 0
    assert not await move(pool, id, "twilio", B, OTHER, reason="x")
    assert await ways(pool) == [("hi", "twilio")]


@pytest.mark.parametrize("state", ["sending", "checking", "unknown", "sent", "delivered"])
async def test_a_conversation_in_which_a_text_is_or_may_be_out_stays(pool, state):
    first, second = await text_out(pool, "one"), await text_out(pool, "two")
    await rows(
        pool,
        """UPDATE outbound_text SET state = %(state)s, vendor_id = 'V1' WHERE id = %(id)s
        RETURNING 1""",
        state=state,
        id=first,
    )
    for id in (first, second):
        assert not await move(pool, id, "twilio", B, OTHER, reason="x")
    assert await failover(pool).relieve({"twilio": 0}) == 0


async def test_a_text_that_a_gateway_took_once_stays_there(pool):
    """Its receipt said that it failed, and it waits to be sent again."""
    id = await text_out(pool, "hi")
    await rows(
        pool,
        """INSERT INTO receipt (gateway, vendor_id, status, vendor_status, received_at, outbound_id)
        VALUES ('twilio', 'V1', 'failed', 'failed', now(), %(id)s) RETURNING 1""",
        id=id,
    )
    assert not await move(pool, id, "twilio", B, OTHER, reason="x")


async def test_a_phone_that_opted_out_of_the_other_number_is_not_texted_from_it(pool):
    await text_in(pool, B)
    await rows(pool, "UPDATE conversation SET opted_out_at = now() RETURNING 1")
    id = await text_out(pool, "hi")
    assert not await move(pool, id, "twilio", B, OTHER, reason="x")


async def test_a_text_is_never_moved_back(pool):
    id = await text_out(pool, "hi")
    assert await move(pool, id, "twilio", B, OTHER, reason="x")
    assert not await move(pool, id, "intelepeer", A, OURS, reason="x")
    assert await ways(pool) == [("hi", "intelepeer")]


async def test_it_joins_the_conversation_that_the_phone_has_with_the_other_number(pool):
    await text_out(pool, "one")
    await text_out(pool, "two")
    await text_in(pool, B)
    await text_out(pool, "there", by=B)
    assert await failover(pool).relieve({"twilio": 0}) == 1
    assert await ways(pool) == [
        ("there", "intelepeer"),
        ("one", "intelepeer"),
        ("two", "intelepeer"),
    ]
    assert len(await rows(pool, "SELECT FROM outbound_text GROUP BY conversation_id")) == 1


async def test_one_of_several_numbers_is_the_one_that_the_phone_knows(pool):
    numbers = [f"+1212555015{n}" for n in range(8)]
    await text_in(pool, Candidate("intelepeer", (numbers[5],), 100, 1600))
    await text_out(pool, "hi")
    several = Failover(pool, [A, Candidate("intelepeer", numbers, 100, 1600)], Random(3).random)
    assert await several.relieve({"twilio": 0}) == 1
    (text,) = await rows(pool, "SELECT sender FROM outbound_text")
    assert text["sender"] == numbers[5]


async def test_a_refused_text_goes_to_the_other_gateway_with_all_that_waits_behind_it(pool):
    first, second = two_gateways()
    await text_out(pool, "one")
    await text_out(pool, "two")
    text = await claimed(pool, first, second)
    assert await failover(pool).take_over(text, "connection")
    assert await ways(pool) == [("one", "intelepeer"), ("two", "intelepeer")]
    again = await claimed(pool, first, second)
    assert (again.id, again.gateway, again.message.sender) == (text.id, "intelepeer", OTHER)
    assert again.attempts == 2


async def test_who_lost_a_text_to_another_worker_cannot_move_it(pool):
    first, second = two_gateways()
    await text_out(pool, "hi")
    text = await claimed(pool, first, second)
    await rows(
        pool,
        "UPDATE outbound_text SET state = 'pending', lease_until = NULL RETURNING 1",
    )
    assert not await failover(pool).take_over(text, "late")
    await claimed(pool, first, second)
    assert not await failover(pool).take_over(text, "late")


async def test_one_gateway_has_nowhere_to_move_to(pool):
    gateway, _ = two_gateways()
    await text_out(pool, "hi")
    text = await claimed(pool, gateway)
    assert not await Failover(pool, [A], Random(3).random).take_over(text, "connection")


async def test_a_text_that_comes_while_one_moves_is_seen(pool):
    """The customer texts while the move waits for the conversation: nothing moves."""
    id = await text_out(pool, "hi")
    async with pool.connection() as connection:
        async with connection.transaction():
            await connection.execute("SELECT FROM conversation FOR UPDATE")
            moving = asyncio.create_task(move(pool, id, "twilio", B, OTHER, reason="x"))
            await until(lambda: _waits_for_a_lock(pool))
            await connection.execute(
                """INSERT INTO inbound_text
                    (conversation_id, gateway, external_id, body, received_at)
                SELECT id, 'twilio', 'SM1', 'hi', now() FROM conversation"""
            )
        assert not await moving


async def test_a_text_that_is_claimed_while_it_moves_stays(pool):
    """A worker takes it up while the move waits for it: nothing moves."""
    id = await text_out(pool, "hi")
    async with pool.connection() as connection:
        async with connection.transaction():
            await connection.execute("UPDATE outbound_text SET state = 'sending', attempts = 1")
            moving = asyncio.create_task(move(pool, id, "twilio", B, OTHER, reason="x"))
            await until(lambda: _waits_for_a_lock(pool))
        assert not await moving
    assert await ways(pool) == [("hi", "twilio")]


async def _waits_for_a_lock(pool) -> bool:
    query = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return len(await rows(pool, query)) > 0


async def test_many_texts_of_a_phone_are_moved_at_once_by_one(pool):
    for n in range(5):
        last = await text_out(pool, str(n))
    moved = await asyncio.gather(
        *(move(pool, last, "twilio", B, OTHER, reason="x") for _ in range(4)),
        *(failover(pool).relieve({"twilio": 0}) for _ in range(4)),
    )
    assert sum(moved) == 1
    assert await ways(pool) == [(str(n), "intelepeer") for n in range(5)]
    assert len(await rows(pool, "SELECT FROM text_event")) == 5


# -- never both -------------------------------------------------------------------------------


class Carrier(ScriptedGateway):
    """Takes texts, refuses them, or does not answer; keeps what really left."""

    def __init__(self, name: str, number: str, out: list, seed: int) -> None:
        super().__init__(name=name, numbers=(number,))
        self.out, self._random = out, Random(seed)
        self._left: dict[str, Accepted] = {}

    async def send(self, message, http):
        await asyncio.sleep(self._random.random() / 100)
        chance = self._random.random()
        if chance < 0.3:
            return DOWN
        if chance < 0.4:
            return NO_ANSWER  # it does not have it
        accepted = Accepted(f"{self.name}-{len(self.out)}")
        self.out.append((self.name, message))
        self._left[message.id] = accepted
        return NO_ANSWER if chance < 0.6 else accepted

    async def find(self, message, http):
        await asyncio.sleep(self._random.random() / 100)
        return self._left.get(message.id)


@asynccontextmanager
async def trouble_that_comes_and_goes(pool, seed: int):
    random, mover = Random(seed), failover(pool)

    async def run() -> None:
        while True:
            ill, well = random.sample(["twilio", "intelepeer"], 2)
            await weigh(pool, **{ill: 0, well: 100})
            await mover.relieve({ill: 0, well: 100})

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_two_gateways_never_both_get_a_text(pool, database_url, monkeypatch):
    monkeypatch.setattr("messaging.retry.CHECK_DELAYS", (0.05, 0.05))
    out: list = []
    carriers = [Carrier("twilio", OURS, out, 1), Carrier("intelepeer", OTHER, out, 2)]
    phones = [f"+1212555{n:04}" for n in range(12)]
    async with (
        trouble_that_comes_and_goes(pool, 3),
        trouble_that_comes_and_goes(pool, 4),
        delivery_worker(pool, database_url, *carriers),
        delivery_worker(pool, database_url, *carriers),
    ):
        for n in range(4):
            for index, phone in enumerate(phones):
                await text_out(pool, str(n), phone=phone, by=(A, B)[index % 2])
        # A text that names a number which its phone has just moved away from starts another
        # conversation, so order is looked at for each pair of numbers.
        await until(lambda: _count(pool, "sent", 4 * len(phones)), 60)
    times = Counter(message.id for _, message in out)
    assert set(times.values()) == {1}
    assert len(times) == 4 * len(phones)
    moved = await rows(pool, "SELECT DISTINCT outbound_id FROM text_event WHERE kind = 'moved'")
    assert moved, "nothing moved, so nothing was proved"
    lines: dict[tuple[str, str], list[str]] = {}
    for name, message in out:
        lines.setdefault((name, message.recipient), []).append(message.body)
    assert all(bodies == sorted(bodies) for bodies in lines.values())


async def test_an_unknown_text_never_moves_nor_what_waits_behind_it(pool, database_url):
    first, second = two_gateways(NO_ANSWER, *[DOWN] * 4, look_up=False)
    one, _ = await text_out(pool, "one"), await text_out(pool, "two")
    async with delivery_worker(pool, database_url, first, second):
        await until(lambda: _count(pool, "unknown", 1))
        async with trouble_that_comes_and_goes(pool, 3):
            await until(lambda: _count(pool, "sent", 1))
    assert [message.body for message in first.sent] == ["one", *["two"] * 5]
    assert second.sent == []
    (text,) = await rows(pool, "SELECT state, gateway FROM outbound_text WHERE id = %(id)s", id=one)
    assert text == {"state": "unknown", "gateway": "twilio"}


# -- at dispatch ------------------------------------------------------------------------------


async def test_what_the_first_gateway_refuses_by_its_own_fault_the_second_gets_once(
    pool, database_url
):
    first, second = two_gateways(DOWN, DOWN)
    await text_out(pool, "one")
    await text_out(pool, "two")
    async with delivery_worker(pool, database_url, first, second):
        await until(lambda: _count(pool, "sent", 2))
        await until(lambda: _counted(pool, intelepeer=(2, 0), twilio=(1, 1)))
    assert [message.body for message in first.sent] == ["one"]
    assert [message.body for message in second.sent] == ["one", "two"]


async def _counted(pool, **wanted: tuple[int, int]) -> bool:
    query = (
        "SELECT gateway, sum(sends) AS sends, sum(errors) AS errors FROM gateway_minute GROUP BY 1"
    )
    found = await rows(pool, query)
    return {row["gateway"]: (row["sends"], row["errors"]) for row in found} == wanted


async def test_no_answer_and_looked_up_in_vain_is_sent_by_the_second_once(
    pool, database_url, monkeypatch
):
    """A 5xx of the first gateway: the text may be out, so the vendor is asked before it moves."""
    monkeypatch.setattr("messaging.retry.CHECK_DELAYS", (0.05, 0.05, 0.05))
    first, second = two_gateways(Unknown("answered 503"))
    await text_out(pool, "hi")
    async with delivery_worker(pool, database_url, first, second):
        await until(lambda: _count(pool, "sent", 1))
    assert (len(first.sent), len(first.lookups), len(second.sent)) == (1, 3, 1)


async def test_no_answer_but_found_stays(pool, database_url, monkeypatch):
    monkeypatch.setattr("messaging.retry.CHECK_DELAYS", (0.05, 0.05, 0.05))
    first, second = two_gateways(Unknown("answered 503"))
    first.found = [None, None, Accepted("V9")]
    await text_out(pool, "hi")
    async with delivery_worker(pool, database_url, first, second):
        await until(lambda: _count(pool, "sent", 1))
    assert (len(first.sent), second.sent) == (1, [])


@pytest.mark.parametrize("outcome", [REFUSED, Refused("20429", "Busy.", retry=DOWN.retry)])
async def test_a_refusal_that_is_not_the_gateway_s_fault_moves_nothing(pool, database_url, outcome):
    first, second = two_gateways(outcome)
    await text_out(pool, "hi")
    async with delivery_worker(pool, database_url, first, second):
        await until(lambda: _none_open(pool))
    assert (len(first.sent) > 0, second.sent) == (True, [])


async def _none_open(pool) -> bool:
    query = "SELECT FROM outbound_text WHERE state IN ('pending', 'sending', 'checking')"
    return not await rows(pool, query)


async def test_a_reply_waits_for_its_own_gateway(pool, database_url):
    first, second = two_gateways(DOWN, DOWN)
    await text_in(pool, A)
    await text_out(pool, "hi")
    async with delivery_worker(pool, database_url, first, second):
        await until(lambda: _count(pool, "sent", 1))
    assert (len(first.sent), second.sent) == (3, [])


async def test_where_both_are_down_a_text_goes_over_once_and_waits_there(pool, database_url):
    first, second = two_gateways(*[DOWN] * 9)
    second.outcomes = [DOWN, DOWN]
    await text_out(pool, "hi")
    async with delivery_worker(pool, database_url, first, second):
        await until(lambda: _count(pool, "sent", 1))
    assert (len(first.sent), len(second.sent)) == (1, 3)
