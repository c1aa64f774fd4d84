"""Events reach their endpoints, whatever the endpoints do and whoever dies."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.responses import RedirectResponse, Response, StreamingResponse
from structlog.testing import capture_logs

import events.jobs
import messaging.jobs
from events.deliveries import LEASE, wanting
from events.dispatch import AT_ONCE, Dispatcher
from events.endpoints import pause, resume, rotate
from events.posting import Poster
from events.records import KEPT_DAYS, Selection, replay
from events.signing import new_secret
from messaging.clock import SystemClock
from messaging.jobs import Tools, run_jobs
from messaging.retention_periods import RetentionPeriods
from messaging.upkeep import prune
from privacy.steps import EVENTS
from tests.integration.engine import PHONE, rows, text_in, until
from tests.integration.hooks import (
    ATTEMPTS,
    DELIVERIES,
    TurnedClock,
    deliver,
    endpoint_at,
    states,
)
from tests.receiver import receiver

ROOT = Path(__file__).parents[2]
STATE = "SELECT state, reason, failing_since IS NOT NULL AS failing FROM webhook_endpoint"


@pytest.fixture
async def hook():
    async with receiver() as opened:
        yield opened


@pytest.fixture
def clock():
    return TurnedClock()


async def test_an_event_is_posted_signed_and_told_as_specified(pool, hook):
    _, secret = await endpoint_at(pool, hook.url, "message.*")
    await text_in(pool, "Hello")
    await deliver(pool)
    (came,) = hook.came
    payload = came.verify(secret)
    assert came.path == "/hook"
    assert came.headers["content-type"] == "application/json"
    assert payload["type"] == "message.received"
    assert payload["id"] == came.id
    assert payload["timestamp"].endswith("Z")
    assert payload["data"]["conversation_id"]
    assert await states(pool) == [("delivered", 1)]
    (attempt,) = await rows(pool, ATTEMPTS)
    assert (attempt["outcome"], attempt["status"], attempt["answer"]) == ("delivered", 200, "taken")


@pytest.mark.parametrize(
    ("includes", "phone", "body"),
    [((), "+1********00", None), (("phone",), PHONE, None), (("body",), "+1********00", "Hello")],
)
async def test_an_endpoint_is_told_of_people_what_it_is_to_be_told(
    pool, hook, includes, phone, body
):
    await endpoint_at(pool, hook.url, includes=frozenset(includes))
    await text_in(pool, "Hello")
    await deliver(pool)
    told = hook.came[0].payload["data"]
    assert (told["phone"], told["body"]) == (phone, body)


async def test_while_secrets_change_both_sign(pool, hook, clock):
    id, old = await endpoint_at(pool, hook.url)
    new = new_secret()
    async with pool.connection() as connection, connection.transaction():
        await rotate(connection, id, new, timedelta(hours=24), clock.now())
    await text_in(pool, "Hello")
    await deliver(pool)
    hook.came[0].verify(new)
    hook.came[0].verify(old)
    async with pool.connection() as connection, connection.transaction():
        await rotate(connection, id, newest := new_secret(), timedelta(), clock.now())
    await text_in(pool, "Hello")
    await deliver(pool)
    hook.came[1].verify(newest)
    assert len(hook.came[1].headers["webhook-signature"].split()) == 1


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        ({"gateway": "twilio"}, "delivered"),
        ({"gateway": "twilio", "files": "0"}, "delivered"),
        ({"gateway": "intelepeer"}, "skipped"),
        ({"phone": PHONE}, "delivered"),  # also where the endpoint is not told it
        ({"lane": "reply"}, "skipped"),  # a text that came has none
    ],
)
async def test_only_what_an_endpoint_wants_is_posted(pool, hook, conditions, state):
    await endpoint_at(pool, hook.url, conditions=conditions)
    await text_in(pool, "Hello")
    await deliver(pool)
    assert [one[0] for one in await states(pool)] == [state]
    assert len(hook.came) == (state == "delivered")


async def test_what_was_erased_meanwhile_is_not_told(pool, hook):
    await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")
    await rows(pool, "DELETE FROM inbound_text RETURNING 1")
    await deliver(pool)
    assert hook.came == []
    assert await states(pool) == [("skipped", 1)]


# -- faults of endpoints ---------------------------------------------------------------------


async def hang() -> Response:
    await asyncio.sleep(3600)
    raise AssertionError


async def endless() -> Response:
    async def pieces():
        while True:
            yield b"x" * 10_000
            await asyncio.sleep(0)  # or nobody else in this process would ever run

    return StreamingResponse(pieces())


async def drip() -> Response:
    async def pieces():
        while True:
            yield b"x"
            await asyncio.sleep(0.05)

    return StreamingResponse(pieces())


@pytest.mark.parametrize(
    ("answer", "outcome", "status"),
    [
        (Response("oh", 500), "status", 500),
        (Response("no", 404), "status", 404),
        (RedirectResponse("/elsewhere", 302), "status", 302),
        (RedirectResponse("/elsewhere", 307), "status", 307),
        (hang, "timeout", None),
        (drip, "timeout", None),
    ],
)
async def test_what_is_no_success_is_tried_again(pool, hook, clock, answer, outcome, status):
    await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")
    hook.answers = [answer]
    await deliver(pool, clock, seconds=0.4)
    (attempt,) = await rows(pool, ATTEMPTS)
    assert (attempt["outcome"], attempt["status"]) == (outcome, status)
    clock.turn(seconds=4)
    await deliver(pool, clock)
    assert len(hook.came) == 1  # not yet
    clock.turn(seconds=2)
    await deliver(pool, clock)
    assert await states(pool) == [("delivered", 2)]
    assert len({one.id for one in hook.came}) == 1
    assert {one.path for one in hook.came} == {"/hook"}  # no redirect was followed
    (endpoint,) = await rows(pool, STATE)
    assert endpoint == {"state": "active", "reason": None, "failing": False}


async def test_of_a_huge_answer_only_the_beginning_is_read(pool, hook):
    await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")
    hook.answers = [endless]
    await deliver(pool)
    (attempt,) = await rows(pool, ATTEMPTS)
    assert (attempt["outcome"], len(attempt["answer"])) == ("delivered", 200)


async def test_an_answer_that_quotes_what_it_was_told_is_masked(pool, hook):
    await endpoint_at(pool, hook.url, includes=frozenset({"body", "phone"}))
    await text_in(pool, "Call me, I am Rosalind")
    hook.answers = [Response(f"got: Call me, I am Rosalind from {PHONE}\0, token=abc", 500)]
    await deliver(pool)
    (attempt,) = await rows(pool, ATTEMPTS)
    assert attempt["answer"] == "got: <22 characters> from <12 characters> , token=<secret>"


async def test_who_is_not_there_is_tried_again(pool, clock):
    async with receiver() as closed:
        pass
    await endpoint_at(pool, closed.url)
    await text_in(pool, "Hello")
    await deliver(pool, clock)
    (attempt,) = await rows(pool, ATTEMPTS)
    assert (attempt["outcome"], attempt["answer"]) == ("unreachable", "ConnectError")


@pytest.mark.parametrize(
    ("url", "allow_private"),
    [
        ("https://127.0.0.1/", False),
        ("https://localhost/", False),
        ("https://169.254.169.254/latest/meta-data/", False),
        ("https://2130706433/", False),
        ("http://93.184.215.14/", True),  # unencrypted over the internet
    ],
)
async def test_no_request_goes_where_none_may(pool, url, allow_private):
    await endpoint_at(pool, url, allow_private=allow_private)
    await text_in(pool, "Hello")
    await deliver(pool, transport=httpx.MockTransport(lambda _: pytest.fail("a request left")))
    (attempt,) = await rows(pool, ATTEMPTS)
    assert attempt["outcome"] == "address"


async def test_an_endpoint_that_is_gone_gets_nothing_more(pool, hook):
    await endpoint_at(pool, hook.url)
    hook.always = Response(status_code=410)
    for _ in range(3):
        await text_in(pool, "Hello")
    with capture_logs() as logs:
        await deliver(pool)
    assert [one["event"] for one in logs if one["log_level"] == "error"] == ["events.endpoint-gone"]
    (endpoint,) = await rows(pool, STATE)
    assert (endpoint["state"], endpoint["reason"]) == ("gone", "it answered 410 Gone")
    assert [state for state, _ in await states(pool)] == ["dead"] * 3
    await text_in(pool, "Hello")
    await deliver(pool)
    assert len(hook.came) == 1  # those of one phone go one by one
    assert len(await states(pool)) == 3


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Response(status_code=429, headers={"retry-after": "600"}), 600),
        (Response(status_code=503, headers={"retry-after": "600"}), 600),
        (Response(status_code=429), 60),
        (Response(status_code=429, headers={"retry-after": "999999999"}), 86_400),
    ],
)
async def test_an_endpoint_that_is_busy_is_left_alone_altogether(
    pool, hook, clock, answer, seconds
):
    await endpoint_at(pool, hook.url)
    hook.answers = [answer]
    await text_in(pool, "Hello")
    await deliver(pool, clock)
    await text_in(pool, "Hello", phone="+12125550199")
    clock.turn(seconds=seconds - 5)
    await deliver(pool, clock)
    assert len(hook.came) == 1
    clock.turn(seconds=10)
    await deliver(pool, clock)
    assert len(hook.came) == 3


async def test_the_schedule_ends_on_the_dead_list_and_the_endpoint_is_paused(pool, hook, clock):
    await endpoint_at(pool, hook.url)
    hook.always = Response("oh", 500)
    await text_in(pool, "Hello")
    begun, made = clock.now(), []
    with capture_logs() as logs:
        for _ in range(10):
            await deliver(pool, clock)
            made.append((clock.now() - begun).total_seconds())
            (row,) = await rows(pool, DELIVERIES)
            clock.ahead += max(timedelta(), row["next_attempt_at"] - clock.now())
    since = [0, 5, 305, 2105, 9305, 27_305, 63_305, 113_705, 185_705, 272_105]
    assert made == pytest.approx(since, abs=10)
    assert await states(pool) == [("dead", 10)]
    (endpoint,) = await rows(pool, STATE)
    assert endpoint["state"] == "paused"
    assert endpoint["reason"] == "every request has failed for three days"
    errors = [one["event"] for one in logs if one["log_level"] == "error"]
    assert errors == ["events.dead", "events.endpoint-paused"]
    assert "hook" not in str(logs)  # an address may be all that protects an endpoint


async def test_an_endpoint_that_took_something_meanwhile_is_not_paused(pool, hook, clock):
    await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")
    await rows(pool, "UPDATE webhook_delivery SET attempts = 9 RETURNING 1")
    await rows(
        pool, "UPDATE webhook_endpoint SET failing_since = now() - interval '2 days' RETURNING 1"
    )
    hook.answers = [Response(status_code=500)]
    await deliver(pool, clock)
    assert await states(pool) == [("dead", 10)]
    assert (await rows(pool, STATE))[0]["state"] == "active"


async def test_for_an_endpoint_that_is_paused_events_wait(pool, hook):
    id, _ = await endpoint_at(pool, hook.url)
    async with pool.connection() as connection:
        await pause(connection, id, "by staff")
        await text_in(pool, "Hello")
        await deliver(pool)
        assert hook.came == []
        await resume(connection, id)
    await deliver(pool)
    assert len(hook.came) == 1


async def test_a_fault_of_ours_is_an_attempt_and_holds_nothing_else_up(pool, hook):
    await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")
    await rows(pool, "UPDATE outgoing_event SET type = 'message.made_up' RETURNING 1")
    await text_in(pool, "Hello", phone="+12125550199")
    await deliver(pool)
    assert await states(pool) == [("pending", 1), ("delivered", 1)]
    assert (await rows(pool, ATTEMPTS))[0]["outcome"] in {"broken", "delivered"}


# -- order -----------------------------------------------------------------------------------


async def test_what_happens_in_a_conversation_comes_in_its_order(pool, hook):
    await endpoint_at(pool, hook.url, includes=frozenset({"body"}))
    for number in range(20):
        await text_in(pool, f"text {number}")
    await deliver(pool)
    bodies = [one.payload["data"]["body"] for one in hook.came]
    assert bodies == [f"text {number}" for number in range(20)]


async def test_behind_one_that_fails_the_next_wait_for_two_more_attempts(pool, hook, clock):
    await endpoint_at(pool, hook.url, includes=frozenset({"body"}))
    for body in ("poison", "later"):
        await text_in(pool, body)

    async def judge() -> Response:
        poison = hook.came[-1].payload["data"]["body"] == "poison"
        return Response(status_code=400 if poison else 200)

    hook.always = judge
    for seconds in (0, 6, 306):
        clock.turn(seconds=seconds)
        await deliver(pool, clock)
    bodies = [one.payload["data"]["body"] for one in hook.came]
    assert bodies == ["poison", "poison", "poison", "later"]


async def test_what_waits_behind_one_that_failed_is_not_looked_at_before_it(pool, hook, clock):
    await endpoint_at(pool, hook.url)
    for number in range(6):
        await text_in(pool, "Hello", phone=f"+121255501{number % 2:02}")
    hook.answers = [Response(status_code=500), Response(status_code=500)]
    await deliver(pool, clock)
    clock.turn(seconds=4)
    assert await wanting(pool, clock.now()) == []
    clock.turn(seconds=2)
    await deliver(pool, clock)
    assert {state for state, _ in await states(pool)} == {"delivered"}


async def test_what_is_replayed_and_fails_again_holds_up_only_what_is_replayed(pool, hook, clock):
    await endpoint_at(pool, hook.url, includes=frozenset({"body"}))
    for body in ("poison", "after it"):
        await text_in(pool, body)
    hook.always = Response(status_code=400)
    await rows(pool, "UPDATE webhook_delivery SET attempts = 9 RETURNING 1")
    await deliver(pool, clock)
    assert {state for state, _ in await states(pool)} == {"dead"}
    async with pool.connection() as connection:
        await replay(connection, Selection(dead=True), clock.now())
    hook.came.clear()

    async def judge() -> Response:
        poison = hook.came[-1].payload["data"]["body"] == "poison"
        return Response(status_code=400 if poison else 200)

    hook.always = judge
    await deliver(pool, clock)
    await text_in(pool, "new")
    await deliver(pool, clock)
    assert [one.payload["data"]["body"] for one in hook.came] == ["poison", "new"]
    for seconds in (6, 306):
        clock.turn(seconds=seconds)
        await deliver(pool, clock)
    bodies = [one.payload["data"]["body"] for one in hook.came]
    assert bodies == ["poison", "new", "poison", "poison", "after it"]


async def test_a_secret_that_cannot_be_read_holds_up_no_other_endpoint(pool, hook):
    broken, _ = await endpoint_at(pool, hook.url + "/broken")
    await endpoint_at(pool, hook.url)
    lost = "UPDATE webhook_secret SET secret = 'enc:1:lost:AAAA' WHERE endpoint_id = %(id)s"
    await rows(pool, f"{lost} RETURNING 1", id=broken)
    await text_in(pool, "Hello")
    with capture_logs() as logs:
        await deliver(pool)
    assert [one.path for one in hook.came] == ["/hook"]
    assert sorted(await states(pool)) == [("delivered", 1), ("pending", 1)]
    assert {row["outcome"] for row in await rows(pool, ATTEMPTS)} == {"delivered", "broken"}
    assert "events.broken" in {one["event"] for one in logs}


async def test_an_endpoint_that_hangs_holds_up_no_other(pool, hook):
    async with receiver() as slow:
        slow.always = hang
        await endpoint_at(pool, slow.url)
        await endpoint_at(pool, hook.url)
        for number in range(3 * AT_ONCE):
            await text_in(pool, "Hello", phone=f"+12125550{number:03}")
        clock = SystemClock()
        dispatcher = Dispatcher(pool, Poster(), clock, lambda: 0.0)
        task = asyncio.create_task(dispatcher.run(clock.now() + timedelta(seconds=30)))

        async def all_came():
            return len(hook.came) == 3 * AT_ONCE

        await until(all_came)
        assert len(slow.came) == AT_ONCE
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


# -- workers ---------------------------------------------------------------------------------


async def test_two_workers_deliver_each_event_once(pool, hook):
    await endpoint_at(pool, hook.url)
    for number in range(60):
        await text_in(pool, "Hello", phone=f"+12125550{number % 20:03}")
    await asyncio.gather(deliver(pool), deliver(pool), deliver(pool))
    assert len(hook.came) == len({one.id for one in hook.came}) == 60
    assert set(await states(pool)) == {("delivered", 1)}


KILLED = """
import asyncio, sys
from datetime import timedelta
from database.pool import make_pool
from events.dispatch import Dispatcher
from events.posting import Poster
from messaging.clock import SystemClock

async def main():
    async with make_pool(sys.argv[1]) as pool:
        clock = SystemClock()
        await Dispatcher(pool, Poster(), clock, lambda: 0.0).run(clock.now() + timedelta(hours=1))

asyncio.run(main())
"""


async def test_a_worker_killed_behind_its_request_has_it_made_again_under_the_same_id(
    pool, hook, clock, database_url
):
    await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")
    hook.answers = [hang]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, database_url),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )

    async def came():
        return hook.came

    await until(came)
    child.send_signal(signal.SIGKILL)
    await child.wait()
    await deliver(pool, clock)
    assert len(hook.came) == 1  # it may still be under way
    clock.ahead += LEASE
    await deliver(pool, clock)
    assert await states(pool) == [("delivered", 2)]
    first, second = hook.came
    assert first.id == second.id
    assert first.body == second.body


async def test_who_comes_back_too_late_changes_nothing(pool, hook, clock):
    await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")
    held = asyncio.Event()

    async def late() -> Response:
        await held.wait()
        return Response(status_code=500)

    hook.answers = [late]
    slow = asyncio.create_task(deliver(pool))

    async def came():
        return hook.came

    await until(came)
    clock.ahead += LEASE
    await deliver(pool, clock)
    held.set()
    await slow
    assert await states(pool) == [("delivered", 2)]
    outcomes = [row["outcome"] for row in await rows(pool, ATTEMPTS)]
    assert outcomes == ["delivered", "status"]  # what happened stays on record


@asynccontextmanager
async def jobs(url: str):
    async with httpx.AsyncClient() as http:
        tools = Tools({}, http, SystemClock(), RetentionPeriods())
        task = asyncio.create_task(run_jobs(url, tools, [events.jobs.register]))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_the_jobs_of_a_worker_deliver_within_seconds(pool, hook, database_url, monkeypatch):
    monkeypatch.setattr(messaging.jobs, "POLL_SECONDS", 0.1)
    await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")

    async def came():
        return hook.came

    async with jobs(database_url):
        await until(came, seconds=15)


# -- again, and never again ------------------------------------------------------------------


async def test_what_is_replayed_comes_again_under_its_id(pool, hook, clock):
    first, _ = await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")
    hook.answers = [Response(status_code=410)]
    await deliver(pool)
    second, _ = await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")
    await deliver(pool)
    (_, taken) = await rows(pool, DELIVERIES)

    async def again(**selection) -> int:
        async with pool.connection() as connection:
            return await replay(connection, Selection(**selection), clock.now())

    assert await again(dead=True) == 0  # its endpoint is gone
    async with pool.connection() as connection:
        await resume(connection, first)
    now = clock.now()
    hour = timedelta(hours=1)
    assert await again(delivery=taken["id"]) == 1
    assert await again(delivery=taken["id"]) == 0  # it waits already
    assert await again(dead=True, endpoint=second) == 0
    assert await again(dead=True) == 1
    await deliver(pool)
    assert [state for state, _ in await states(pool)] == ["delivered", "delivered"]
    assert len(hook.came) == 4
    assert len({one.id for one in hook.came}) == 2
    assert await again(since=now + hour) == 0
    assert await again(since=now - hour, until=now - hour / 2) == 0
    assert await again(since=now - hour, until=now + hour) == 2


async def test_old_events_are_forgotten_with_all_that_belongs_to_them(pool, hook, clock):
    await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")
    await deliver(pool)
    assert not await prune(pool, RetentionPeriods(), clock.now(), steps=[EVENTS])
    clock.turn(days=KEPT_DAYS + 1)
    gone = await prune(pool, RetentionPeriods(), clock.now(), steps=[EVENTS])
    assert gone == {"outgoing_event": 1}
    assert await rows(pool, DELIVERIES) == []
    assert await rows(pool, ATTEMPTS) == []


async def test_events_are_kept_no_longer_than_texts(pool, hook, clock):
    await endpoint_at(pool, hook.url)
    await text_in(pool, "Hello")
    clock.turn(days=8)
    gone = await prune(pool, RetentionPeriods(texts=7), clock.now(), steps=[EVENTS])
    assert gone == {"outgoing_event": 1}
