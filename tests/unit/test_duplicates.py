"""Which texts repeat another: every boundary case of the limiter, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from messaging.duplicates import WINDOW, digest_of, is_limited
from messaging.lanes import Lane
from messaging.media import Attachment
from messaging.outbox import NewText, texts_for
from messaging.text_policy import Duplicates, LongTexts, TextPolicy

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
POLICY = TextPolicy(longest=1600)
OURS, OURS_TOO, PHONE, OTHER = "+12125550142", "+12125550143", "+12125550100", "+12125550101"
MAP, MENU = Attachment("https://x.example/map.png"), Attachment("https://x.example/menu.png")


def notice(body: str = "Hi Ana", **changes) -> NewText:
    given = {
        "id": uuid4(),
        "conversation_id": uuid4(),
        "gateway": "twilio",
        "sender": OURS,
        "recipient": PHONE,
        "body": body,
        "kind": "notice",
        "lane": Lane.REMINDER,
        "created_at": NOW,
    }
    return NewText(**given | changes)


def same(one: NewText, two: NewText, policy: TextPolicy = POLICY) -> bool:
    first, second = (texts_for(text, policy, uuid4)[0].claim for text in (one, two))
    assert first is not None
    assert second is not None
    return (first.recipient, first.digest) == (second.recipient, second.digest)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        pytest.param(notice(), notice(), True, id="the same text twice"),
        pytest.param(notice(), notice(sender=OURS_TOO), True, id="from two numbers of ours"),
        pytest.param(
            notice(), notice(gateway="intelepeer", sender=OURS_TOO), True, id="over two gateways"
        ),
        pytest.param(notice(), notice(lane=Lane.BULK), True, id="in two lanes"),
        pytest.param(notice(), notice("Hi Bob"), False, id="another name"),
        pytest.param(notice("Code 0815"), notice("Code 4711"), False, id="a random number"),
        pytest.param(notice(), notice(recipient=OTHER), False, id="to two phones"),
        pytest.param(notice(), notice("hi ana"), False, id="another case"),
        pytest.param(notice("Señor"), notice("Sen\u0303or"), True, id="NFC and NFD"),
        pytest.param(notice("½ price"), notice("1\u20442 price"), False, id="not NFKC"),
        pytest.param(notice(), notice("Hi Ana \n"), True, id="a space at the end"),
        pytest.param(notice(), notice(" Hi Ana"), True, id="a space at the beginning"),
        pytest.param(notice(), notice("Hi  Ana"), False, id="a space inside"),
        pytest.param(notice(), notice(media=(MAP,)), False, id="with and without a file"),
        pytest.param(notice(media=(MAP,)), notice(media=(MAP,)), True, id="the same file"),
        pytest.param(notice(media=(MAP,)), notice(media=(MENU,)), False, id="another file"),
        pytest.param(
            notice(media=(MAP, MENU)), notice(media=(MENU, MAP)), False, id="files in another order"
        ),
        pytest.param(notice("", media=(MAP,)), notice("", media=(MAP,)), True, id="only a file"),
        pytest.param(
            notice(MAP.url), notice("", media=(MAP,)), False, id="a file's address as words"
        ),
    ],
)
def test_two_texts_are_the_same_or_not(one, two, expected):
    assert same(one, two) is expected


@pytest.mark.parametrize(
    ("later", "free"),
    [
        (timedelta(), False),
        (timedelta(minutes=29, seconds=59), False),
        (WINDOW - timedelta(microseconds=1), False),
        (timedelta(minutes=30), True),
        (timedelta(days=1), True),
    ],
)
def test_words_may_be_said_again_after_exactly_half_an_hour(later, free):
    (text,) = texts_for(notice(created_at=NOW + later), POLICY, uuid4)
    assert text.claim is not None
    assert (text.claim.window_start >= NOW) is free


@pytest.mark.parametrize("kind", ["reply", "failure", "notice", "expiry", "delay"])
@pytest.mark.parametrize("limit", Duplicates)
@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize("confirmation", [True, False])
def test_what_is_limited(kind, limit, lane, confirmation):
    expected = {
        Duplicates.OFF: False,
        Duplicates.NOTICES: kind == "notice",
        Duplicates.ALL: kind in {"reply", "notice", "expiry"},
    }[limit]
    if lane is Lane.EMERGENCY or confirmation:
        expected = False
    assert is_limited(limit, kind, lane, confirmation=confirmation) is expected


def test_a_text_that_is_not_limited_claims_nothing():
    for text in (notice(kind="reply"), notice(lane=Lane.EMERGENCY)):
        assert [one.claim for one in texts_for(text, POLICY, uuid4)] == [None]


@pytest.mark.parametrize("long_texts", LongTexts)
def test_a_long_text_is_one_claim_whatever_its_parts_say(long_texts):
    policy = TextPolicy(longest=120, long_texts=long_texts, page_url="https://x.example/t/")
    draft = notice("word " * 60)
    texts = texts_for(draft, policy, uuid4)
    assert {text.claim for text in texts} == {texts[0].claim}
    assert texts[0].claim is not None
    assert texts[0].claim.text_id == draft.id == texts[0].id
    # The link to a page is another each time; the words are not.
    assert same(draft, notice("word " * 60), policy)


def test_the_digest_does_not_change_between_releases():
    """Rows of the release before must hold for the one behind it."""
    digest = digest_of("Señor, your glasses are ready.", ["https://x.example/map.png"])
    assert digest.hex() == "264f2b2e3b0ece144125706820b07fa35d4b72bafb4d3836a84c71e36cecbb2f"
