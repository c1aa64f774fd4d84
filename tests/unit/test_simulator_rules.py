"""The simulator's rules without I/O: faults, numbers, pace, opt-out words, statistics."""

from __future__ import annotations

import random
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import practice
from simulator.carrier import Carrier, IdTaken, NoSuchNumber
from simulator.faults import BadFault, Fault, Faults, Kind, read_fault
from simulator.intelepeer import Tokens
from simulator.magic import FAULTY, REFUSED, UNDELIVERED
from simulator.numbers import is_phone_number, masked
from simulator.pace import Pace, RequestLimit
from simulator.posting import Answer, Trouble
from simulator.settings import BadSettings, from_environment
from simulator.statistics import Counts
from simulator.text import Status
from simulator.twilio_opt_out import Wish, wish
from simulator.twilio_retry import retry_rule

PHONE, NUMBER = "+12125550100", "+12125550142"


@pytest.mark.parametrize(
    ("number", "good"),
    [
        ("+12125550100", True),
        ("+15005550001", True),
        ("+442079460958", True),
        ("+1212555010", False),
        ("+121255501000", False),
        ("+11125550100", False),
        ("12125550100", False),
        ("+1 212 555 0100", False),
        ("+١٢١٢٥٥٥٠١٠٠", False),
        ("", False),
    ],
)
def test_phone_numbers(number, good):
    assert is_phone_number(number) is good


@given(st.from_regex(r"\+1[2-9]\d{9}", fullmatch=True))
def test_a_masked_number_cannot_be_called(number):
    assert masked(number) != number
    assert number[4:8] not in masked(number).replace(number[-4:], "", 1)[5:]
    assert masked(number).endswith(number[-4:])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([], "JSON object"),
        ({}, "use one of latency"),
        ({"kind": "nope"}, "accept-then-hang"),
        ({"kind": "429", "rat": 1}, "unknown field rat"),
        ({"kind": "429", "rate": 1.5}, "rate is a number from 0 to 1"),
        ({"kind": "429", "rate": True}, "rate is a number"),
        ({"kind": "latency", "seconds": -1}, "seconds"),
        ({"kind": "latency", "seconds": float("nan")}, "seconds"),
        ({"kind": "500", "count": 0}, "count is a whole number"),
        ({"kind": "500", "gateway": "acme"}, "unknown gateway"),
        ({"kind": "receipts-doubled", "gateway": "intelepeer"}, "twilio only"),
    ],
)
def test_a_bad_fault_is_told_what_would_be_good(wanted, said):
    with pytest.raises(BadFault, match=said):
        read_fault(wanted)


def test_a_fault_by_number_has_the_documented_defaults():
    assert read_fault({"kind": 429}) == Fault(None, Kind.TOO_MANY, None, 1.0, 5.0, None, None)


def test_count_limits_how_often_a_fault_strikes():
    faults = Faults(random.Random(1), {})
    faults.put(read_fault({"kind": "500", "count": 2}))
    assert [bool(faults.strikes(Kind.ERROR, "twilio")) for _ in range(4)] == [1, 1, 0, 0]
    assert faults.active() == []


def test_a_fault_of_one_gateway_leaves_the_other_alone():
    faults = Faults(random.Random(1), {})
    faults.put(read_fault({"kind": "500", "gateway": "twilio"}))
    assert faults.strikes(Kind.ERROR, "twilio")
    assert not faults.strikes(Kind.ERROR, "intelepeer")
    assert not faults.strikes(Kind.RESET, "twilio")


def test_rate_is_a_share_and_a_seed_repeats_it():
    def run(seed):
        faults = Faults(random.Random(seed), {})
        faults.put(read_fault({"kind": "500", "rate": 0.3}))
        return [bool(faults.strikes(Kind.ERROR, "twilio")) for _ in range(1000)]

    assert run(7) == run(7)
    assert run(7) != run(8)
    assert 250 < sum(run(7)) < 350


def test_a_faulty_phone_strikes_once_a_text():
    faults = Faults(random.Random(1), FAULTY)
    phone = "+15005550429"
    assert faults.strikes(Kind.TOO_MANY, "twilio", phone, "a")
    assert not faults.strikes(Kind.TOO_MANY, "twilio", phone, "a")
    assert faults.strikes(Kind.TOO_MANY, "twilio", phone, "b")
    assert not faults.strikes(Kind.ERROR, "twilio", phone, "c")


def test_magic_numbers_are_phone_numbers_with_one_fate():
    tables = [set(REFUSED), set(UNDELIVERED), set(FAULTY)]
    assert len(set.union(*tables)) == sum(map(len, tables))
    assert all(is_phone_number(number) for number in set.union(*tables))


def test_pace_spaces_texts_of_one_number():
    pace = Pace()
    assert [pace.slot(NUMBER, 2.0, now) for now in (10.0, 10.0, 11.0)] == [10.0, 12.0, 14.0]
    assert pace.backlog(NUMBER, 11.0) == 5.0
    assert pace.slot("+12125550143", 2.0, 10.0) == 10.0
    assert pace.slot(NUMBER, 2.0, 100.0) == 100.0


@pytest.mark.parametrize(
    ("per_second", "times", "allowed"),
    [
        (0, [0.0] * 5, [True] * 5),
        (2, [0.1, 0.2, 0.3, 1.1], [True, True, False, True]),
    ],
)
def test_request_limit(per_second, times, allowed):
    limit = RequestLimit(per_second)
    assert [limit.allows(time) for time in times] == allowed


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ("STOP", Wish.STOP),
        (" stop ", Wish.STOP),
        ("cancel", Wish.STOP),
        ("Stop please", None),
        ("YES", Wish.START),
        ("info", Wish.HELP),
        ("", None),
    ],
)
def test_opt_out_words(body, meant):
    assert wish(body) is meant


def test_quantiles_are_of_the_values_measured():
    counts = Counts(acknowledgements=array("d", [n / 1000 for n in range(1, 101)]))
    assert counts.as_json()["acknowledgement_ms"] == {
        "count": 100, "p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0,
    }  # fmt: skip
    counts.reset()
    assert counts.as_json()["acknowledgement_ms"]["p99"] is None


@pytest.mark.parametrize(
    ("fragment", "answer", "attempts"),
    [
        ("", Answer(0.0, trouble=Trouble.CONNECT), 2),
        ("", Answer(0.0, status=500), 1),
        ("#rc=3", Answer(0.0, trouble=Trouble.CONNECT), 4),
        ("#rp=5xx,ct,rt", Answer(0.0, status=503), 2),
        ("#rp=5xx,ct,rt", Answer(0.0, status=403), 1),
        ("#rc=2&rp=rt", Answer(0.0, trouble=Trouble.TIMEOUT), 3),
        ("#rc=9&rp=all", Answer(0.0, status=404), 6),
        ("#rc=x&rp=y", Answer(0.0, trouble=Trouble.CONNECT), 2),
    ],
)
def test_the_fragment_of_a_url_says_what_twilio_repeats(fragment, answer, attempts):
    rule = retry_rule(f"https://example.com/sms?a=b{fragment}")
    assert next(n for n in range(1, 10) if not rule.repeats(n, answer)) == attempts


def test_tokens_end_after_a_day_or_when_told():
    tokens = Tokens("lasting")
    issued = tokens.issue(now=0.0)
    assert tokens.trouble(issued, now=86_399.0) is None
    assert tokens.trouble(issued, now=86_400.0) == "token has expired"
    assert tokens.trouble("made up", now=0.0) == "Unauthorized"
    tokens.expire("lasting")
    assert tokens.trouble("lasting", now=0.0) == "token has expired"
    tokens.restore()
    assert tokens.trouble("lasting", now=0.0) is None


def _carrier(changes):
    return Carrier({"twilio": [NUMBER]}, changes.append)


def test_a_text_of_the_assistant_is_shown_once_it_arrived():
    changes = []
    carrier = _carrier(changes)
    text = carrier.accept_from_assistant("twilio", NUMBER, PHONE, "hello")
    assert not carrier.thread(PHONE)
    carrier.advance(text, Status.SENT, show=True)
    carrier.advance(text, Status.DELIVERED)
    assert [shown.as_shown()["status"] for shown in carrier.thread(PHONE)] == ["delivered"]
    assert changes == [text, text]


def test_the_same_text_sent_twice_is_shown_twice():
    carrier = _carrier([])
    for _ in range(2):
        text = carrier.accept_from_assistant("twilio", NUMBER, PHONE, "hello")
        carrier.advance(text, Status.SENT, show=True)
    assert len({shown.id for shown in carrier.thread(PHONE)}) == 2


def test_an_id_means_the_same_text_or_is_refused():
    carrier = _carrier([])
    first, new = carrier.accept_from_phone(PHONE, NUMBER, "hi", (), "SM1")
    again, new_again = carrier.accept_from_phone(PHONE, NUMBER, "hi", (), "SM1")
    assert (first is again, new, new_again) == (True, True, False)
    assert len(carrier.thread(PHONE)) == 1
    with pytest.raises(IdTaken):
        carrier.accept_from_phone(PHONE, NUMBER, "other", (), "SM1")
    with pytest.raises(NoSuchNumber):
        carrier.accept_from_phone(PHONE, "+12125550199", "hi", (), None)


def test_settings_default_to_practice_values():
    settings = from_environment({})
    assert settings.twilio.account_sid == practice.TWILIO_ACCOUNT_SID
    assert settings.twilio.webhook == "http://localhost:5080/webhooks/sms/twilio"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_ACCOUNT_SID"),
        ({"TWILIO_NUMBERS": "+12125550142, 5550142"}, "5550142"),
        ({"INTELEPEER_NUMBERS": "+12125550142"}, "both gateways"),
        ({"LINNET_PUBLIC_URL": "localhost:5080"}, "URL like"),
    ],
)
def test_settings_that_cannot_work_are_named(environment, said):
    with pytest.raises(BadSettings, match=said):
        from_environment(environment)
