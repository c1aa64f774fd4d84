"""Customers text while somebody kills a process at random every few seconds."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import psycopg
import pytest

from tests.chaos.conftest import Customers
from tests.chaos.talks import HELLO, HELP, THANKS, Talk, check_all, propose
from tests.stack import Stack, until

pytestmark = [pytest.mark.chaos, pytest.mark.stack]

CUSTOMERS = 8
SECONDS = 40
VICTIMS = ("ingress", "rasa", "rasa-2", "actions", "worker", "postgres")
ANSWER_SECONDS = 120


def test_soak(stack: Stack, customers: Customers, hours: Iterator[tuple[str, str]]) -> None:
    seed = int(os.environ.get("LINNET_CHAOS_SEED") or random.randrange(10**6))
    print(f"LINNET_CHAOS_SEED={seed}")  # noqa: T201  shown when the test fails
    talks = [customers.talk() for _ in range(CUSTOMERS)]
    # Each has times of his own, so that no two threads ask for the next one.
    times = [[next(hours) for _ in range(20)] for _ in talks]
    over = threading.Event()

    with ThreadPoolExecutor(CUSTOMERS) as pool:
        running = [
            pool.submit(_text, talk, iter(own), random.Random(seed + index), over)
            for index, (talk, own) in enumerate(zip(talks, times, strict=True))
        ]
        killed = _kill(stack, random.Random(seed), SECONDS)
        over.set()
        stack.await_healthy()
        for customer in running:
            customer.result()
    check_all(talks)
    texts, bookings = sum(len(talk.said) for talk in talks), sum(talk.bookings for talk in talks)
    print(f"killed {dict(killed)}; {texts} texts, {bookings} appointments")  # noqa: T201
    assert sum(killed.values()) >= SECONDS / 8
    assert bookings >= CUSTOMERS


def _kill(stack: Stack, dice: random.Random, seconds: float) -> Counter[str]:
    """Kill somebody every few seconds, but nobody who has not come back yet."""
    killed: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(dice.uniform(2, 5))
        victim = dice.choice(VICTIMS)
        with suppress(httpx.HTTPError, psycopg.OperationalError, OSError, ValueError):
            if stack.healthy(victim):
                stack.kill(victim)
                killed[victim] += 1
    return killed


def _text(
    talk: Talk, hours: Iterator[tuple[str, str]], dice: random.Random, over: threading.Event
) -> None:
    """Say something, wait for the answer, think, and so on until the time is over."""
    _say(talk, *HELLO)
    while not over.is_set():
        yes = propose(talk, hours)
        _await_answer(talk)
        for body, answer in (yes, THANKS, HELP):
            time.sleep(dice.uniform(0.1, 1))
            _say(talk, body, answer)


def _say(talk: Talk, body: str, answer: str) -> None:
    talk.say(body, answer)
    _await_answer(talk)


def _await_answer(talk: Talk) -> None:
    """Where the carrier gives a text up, it is posted again with the same id, as if by a
    vendor that repeats: it counts once, whether or not the first attempt was stored."""
    said, pause = talk.said[-1], 0.2

    def answered() -> bool:
        if talk.status(said) == "undeliverable":
            talk.repeat(said)
        time.sleep(pause)
        return len(talk.phone.received()) >= len(talk.said)

    until(answered, ANSWER_SECONDS, f"an answer to {said.body!r} for {talk.phone.number}")
