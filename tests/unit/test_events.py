"""Outgoing events without a database: signatures, the schedule, types, what the docs say."""

from __future__ import annotations

import doctest
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

import events.types
from events.payloads import envelope, minimised, suits
from events.schedule import DELAYS, asked_wait, next_delay
from events.signing import new_secret, signed_headers
from events.types import PING, TYPES, matching

DOCS = (Path(__file__).parents[2] / "docs/webhooks.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)]
BODY = '{"type":"message.sent","data":{"body":"né 👓"}}'.encode()


def test_the_specifications_own_package_takes_our_signatures():
    secrets = [new_secret(), new_secret()]
    headers = signed_headers(secrets, "e1", datetime.now(UTC), BODY)
    for secret in secrets:
        assert Webhook(secret).verify(BODY, dict(headers)) == json.loads(BODY)
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(new_secret()).verify(BODY, dict(headers))


def test_a_signature_is_what_the_specifications_own_package_makes():
    secret, at = new_secret(), datetime(2026, 11, 26, tzinfo=UTC)
    headers = signed_headers([secret], "e1", at, BODY)
    assert headers["webhook-timestamp"] == "1795651200"
    assert headers["webhook-signature"] == Webhook(secret).sign("e1", at, BODY.decode())


def test_the_recipe_in_the_docs_knows_what_is_ours():
    (recipe,) = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    names: dict = {}
    exec(recipe, names)  # noqa: S102  it is ours
    secret, now = new_secret(), datetime.now(UTC)
    headers = signed_headers([new_secret(), secret], "e1", now, BODY)
    old = signed_headers([secret], "e1", datetime(2020, 1, 1, tzinfo=UTC), BODY)
    assert names["is_ours"](secret, headers, BODY)
    assert not names["is_ours"](secret, headers, BODY + b" ")
    assert not names["is_ours"](new_secret(), headers, BODY)
    assert not names["is_ours"](secret, old, BODY)


def test_each_attempt_is_as_far_off_as_the_specification_proposes():
    shortest = [next_delay(attempt, 0.0, lambda: 0.0) for attempt in range(1, 11)]
    longest = [next_delay(attempt, 0.0, lambda: 1.0) for attempt in range(1, 10)]
    assert shortest == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400, None]
    assert longest == pytest.approx([1.1 * delay for delay in DELAYS])
    assert next_delay(1, 600.0, lambda: 0.0) == 600  # what was asked for is never undercut
    assert next_delay(3, 600.0, lambda: 0.0) == 1800


@pytest.mark.parametrize(
    ("status", "retry_after", "wait"),
    [
        (429, 30.0, 30.0),
        (503, 30.0, 30.0),
        (429, None, 60.0),
        (503, None, 0.0),
        (500, 30.0, 0.0),
        (None, None, 0.0),
        (503, -5.0, 0.0),
        (503, 1e9, 86_400.0),
    ],
)
def test_who_asks_to_be_left_alone_is(status, retry_after, wait):
    assert asked_wait(status, retry_after) == wait


def test_patterns_name_types():
    assert matching(["*"]) == tuple(TYPES)
    assert matching(["message.sent", "consent.revoked"]) == ("message.sent", "consent.revoked")
    assert doctest.testmod(events.types).failed == 0
    for wrong in ("message", "message.s*", "mess*", "", "sms.*", PING):
        with pytest.raises(ValueError, match="is no type of event"):
            matching([wrong])


def test_data_are_told_as_far_as_they_may_be():
    data = {"id": "1", "phone": "+12125550142", "body": "Hi", "name": "Ann"}
    assert minimised(data, frozenset()) == {
        "id": "1",
        "phone": "+1********42",
        "body": None,
        "name": None,
    }
    assert minimised(data, frozenset({"phone", "body", "name"})) == data
    assert minimised({"id": "1"}, frozenset()) == {"id": "1"}


def test_conditions_are_compared_as_they_are_written():
    data = {"gateway": "twilio", "segments": 2, "code": None}
    assert suits(data, {})
    assert suits(data, {"gateway": "twilio", "segments": "2"})
    assert not suits(data, {"gateway": "twilio", "segments": "3"})
    assert not suits(data, {"code": "None"})


def test_the_envelope_is_as_specified():
    at = datetime(2026, 11, 26, 15, tzinfo=UTC)
    told = json.loads(envelope("e1", "message.sent", at, {"body": "né"}))
    assert told == {
        "type": "message.sent",
        "timestamp": "2026-11-26T15:00:00Z",
        "id": "e1",
        "data": {"body": "né"},
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one["type"])
def test_examples_in_the_docs_have_the_fields_of_their_type(example):
    assert list(example) == ["type", "timestamp", "id", "data"]
    assert list(example["data"]) == list(TYPES[example["type"]])


def test_the_docs_tell_of_each_type_and_show_each_kind():
    assert set(re.findall(r"`([a-z]+\.[a-z_]+)`", DOCS)) >= set(TYPES)
    kinds = {(type.partition(".")[0], fields) for type, fields in TYPES.items()}
    shown = {(one["type"].partition(".")[0], TYPES[one["type"]]) for one in EXAMPLES}
    assert shown == kinds
