"""The benchmark's own arithmetic, and its carrier against a real server."""

from __future__ import annotations

import httpx
import pytest
from twilio.request_validator import RequestValidator

from bench.turns.account import Account
from bench.turns.fake_twilio import FakeTwilio, signed
from bench.turns.load import Address, Carrier, Texters
from bench.turns.measure import percentile
from bench.turns.scenarios import accounted
from bench.turns.targets import targets
from bench.turns.texts import BOOKING, SMALL_TALK, Phones, conversations
from database.embedded import free_port
from simulator.posting import Poster


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([3.0], 0.99, 3.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        ([float(value) for value in range(1, 101)], 0.99, 99.0),
        ([float(value) for value in range(1, 101)], 1.0, 100.0),
    ],
)
def test_percentile_is_a_measured_value(values, share, expected):
    assert percentile(values, share) == expected


@pytest.mark.parametrize(
    ("usual", "replies", "expected"),
    [
        (1, ["hello"], {}),
        (1, [], {"lost": 1}),
        (1, ["hello", "hello"], {"doubled": 1}),
        (3, ["a", "b", "c"], {}),
        (3, ["a"], {"cut_short": 1}),
        (1, ["sorry"], {"answered_with_an_apology": 1}),
    ],
)
def test_texts_around_a_kill_are_accounted_for(usual, replies, expected):
    nothing = {"lost": 0, "doubled": 0, "cut_short": 0, "answered_with_an_apology": 0}
    assert accounted({"+1": (usual, replies)}, "sorry") == nothing | expected


def test_a_stack_that_never_apologises_is_not_charged_for_apologies():
    assert accounted({"+1": (1, ["sorry"])}, None)["answered_with_an_apology"] == 0


def stack(acknowledged: float, rate: float, cpu: float) -> dict:
    return {
        "talking": {
            "acknowledged_ms": {"p99": acknowledged},
            "texts_per_second": rate,
            "cpu_ms_per_text": {"stack": cpu},
        }
    }


def test_the_worse_of_our_two_runs_counts_but_for_the_rate():
    found = targets(
        {
            "ours": stack(acknowledged=100.0, rate=30.0, cpu=9.0),
            "ours_without_burst": stack(acknowledged=40.0, rate=60.0, cpu=16.0),
            "stock": stack(acknowledged=4000.0, rate=20.0, cpu=80.0),
        }
    )
    assert [(one["measured"], one["met"]) for one in found[:1] + found[2:3] + found[4:5]] == [
        (40.0, True),
        (16.0, False),
        (3.0, True),
    ]


def test_what_was_not_measured_is_not_met():
    assert {(one["measured"], one["met"]) for one in targets({})} == {(None, False)}


def test_lost_texts_are_added_over_all_kills():
    kills = {"rasa": {"lost": 0, "doubled": 0}, "worker": {"lost": 2, "doubled": 1}}
    lost, doubled = targets({"ours": {"kills": kills}})[-2:]
    assert (lost["measured"], doubled["measured"]) == (2.0, 1.0)


def test_texts_are_the_same_in_every_run():
    first, again = (conversations(SMALL_TALK, 40, 12) for _ in range(2))
    assert first == again
    assert len({tuple(talk) for talk in first}) > 30
    assert {len(talk) for talk in conversations(BOOKING, 3, 5)} == {5}


async def test_the_carrier_takes_the_next_way_and_the_api_gets_signed_requests():
    account, poster = Account(), Poster()
    fake = FakeTwilio(account, poster)
    async with fake.serving(free_port()) as api:
        messages = f"{api}/2010-04-01/Accounts/{account.sid}/Messages.json"
        # The API stands in for a stack: to it, a text of a customer is a message to our number.
        dead, alive = f"http://127.0.0.1:{free_port()}/", messages
        carrier = Carrier(account, Address(dead, (dead, alive)), poster)
        phone = Phones().new()
        assert await carrier.post(phone, "hello") is not None
        assert [reply.body for reply in fake.replies(account.number)] == ["hello"]
        nobody = Carrier(account, Address(dead, (dead,)), poster)
        exchange = await Texters(nobody, fake, patience=0.01).ask(phone, "hello")
        assert (exchange.acknowledged, exchange.replied) == (None, None)
        async with httpx.AsyncClient() as http:
            listed = await http.get(messages, params={"To": account.number})
            refused = await http.post(messages, data={"To": phone})
        assert [row["body"] for row in listed.json()["messages"]] == ["hello"]
        assert refused.status_code == 400
    poster.close()


def test_webhooks_are_signed_as_twilio_signs_them():
    account, url = Account(), "https://sms.example.com/webhooks/sms/twilio"
    fields = [("Body", "hi"), ("ToCity", ""), ("From", "+12125550100")]
    webhook = signed(account, url, fields)
    validator = RequestValidator(account.token)
    assert validator.validate(url, dict(fields), webhook.headers["X-Twilio-Signature"])
