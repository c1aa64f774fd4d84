"""Two Rasa processes on one database: who texts keeps his order, whoever answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.conftest import Customers
from tests.chaos.talks import HELLO, IN_AND_OUT, OUT, THANKS, Talk, check_all, propose
from tests.stack import Stack, until

pytestmark = [pytest.mark.chaos, pytest.mark.stack]

CUSTOMERS = 10
FINISHED = re.compile(r"\{.*turn\.finished.*\}")


def test_ten_customers_and_two_processes(
    stack: Stack, customers: Customers, hours: Iterator[tuple[str, str]]
) -> None:
    talks = [customers.talk() for _ in range(CUSTOMERS)]
    times = [next(hours) for _ in talks]

    def converse(talk: Talk, time: tuple[str, str]) -> None:
        talk.say(*HELLO)
        talk.await_answers()
        yes = propose(talk, iter([time]))
        talk.await_answers()
        talk.say(*yes)
        talk.await_answers()
        talk.say(*THANKS)
        talk.await_answers()

    with ThreadPoolExecutor(CUSTOMERS) as pool:
        list(pool.map(converse, talks, times))
    check_all(talks)

    numbers = tuple(talk.phone.number for talk in talks)
    turns = stack.rows(
        "SELECT turn.id::text FROM turn JOIN conversation ON conversation.id = conversation_id"
        " WHERE phone = ANY(%(phones)s)",
        phones=list(numbers),
    )
    done = {row["id"] for row in turns}
    shares = {name: len(done & _finished(stack, name)) for name in ("rasa", "rasa-2")}
    assert sum(shares.values()) == len(done) == 4 * CUSTOMERS
    assert all(shares.values()), shares


def test_who_does_not_wait_is_answered_in_order(stack: Stack, customers: Customers) -> None:
    """Texts that come while an earlier one is answered are the next turn, all of them."""
    talks = [customers.talk() for _ in range(CUSTOMERS)]
    for body in ("one", "two", "three", "four"):
        for talk in talks:
            talk.say(f"hello {body}", "")
    for talk in talks:
        until(lambda talk=talk: _all_done(talk), 30, f"answers for {talk.phone.number}")
        texts, replies = talk.rows(IN_AND_OUT), talk.replies()
        assert [row["external_id"] for row in texts] == [said.id for said in talk.said]
        turns = [row["number"] for row in texts]
        assert turns == sorted(turns)
        assert [row["number"] for row in replies] == sorted(set(turns))
        assert talk.phone.received() == [row["body"] for row in replies]


def _all_done(talk: Talk) -> bool:
    texts, replies = talk.rows(IN_AND_OUT), talk.rows(OUT)
    return len(texts) == len(talk.said) and (
        all(row["state"] == "done" for row in texts)
        and all(row["state"] == "delivered" for row in replies)
    )


def _finished(stack: Stack, name: str) -> set[str]:
    """The turns that a Rasa process says it finished."""
    log = (stack.data_dir / "logs" / f"{name}.log").read_text(errors="replace")
    return {json.loads(found[0])["turn"] for found in FINISHED.finditer(log)}
