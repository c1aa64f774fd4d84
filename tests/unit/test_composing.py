"""Words become texts: none too long, none lost, each part labelled, or a link instead."""

# ruff: noqa: RUF001  look-alikes belong to it
from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.composing import compose
from messaging.gsm7 import Level, Transliterated
from messaging.long_texts import LongText, new_token
from messaging.media import Attachment
from messaging.outbox import NewText, texts_for
from messaging.segments import Encoding, encoding_of, segment_count, utf16_length
from messaging.text_policy import LongTexts, TextPolicy

PAGE_URL = "https://sms.example.com/t/"
TOKEN = "abcdefghijklmnopqrstuv"
LABEL = re.compile(r"Part (\d+) of (\d+)\n")
MENU = "Free times. Text a number:\n" + "\n".join(
    f"{number} Mon Nov 23 at {number}:00pm, Downtown" for number in range(1, 12)
)
WORDS = st.lists(
    st.sampled_from(
        [
            *("word", "\n", " ", "€uro", "“quoted”", "…", "\N{THUMBS UP SIGN}", "你好", "Stop."),
            *("https://example.com/a/long/path?with=query", "x" * 50),
        ]
    ),
    max_size=120,
).map(" ".join)
POLICIES = st.builds(
    TextPolicy,
    longest=st.integers(100, 400),
    encoding=st.sampled_from(Level),
    long_texts=st.sampled_from(LongTexts),
    page_url=st.just(PAGE_URL),
)


def texts(words: str, **policy) -> list[str]:
    return [body.text for body in composed(words, **policy).bodies]


def composed(words: str, longest: int = 160, **policy):
    return compose(words, TextPolicy(longest, page_url=PAGE_URL, **policy), lambda: TOKEN)


@pytest.mark.parametrize("words", ["", " \n "])
def test_nothing_said_is_no_text(words):
    assert composed(words).bodies == ()


def test_what_fits_is_one_text_without_a_label():
    assert texts(" " + "x" * 160 + "\n") == ["x" * 160]


def test_parts_say_which_they_are():
    first, second, third = texts(" ".join(["word"] * 80))
    assert first.startswith("Part 1 of 3\nword word")
    assert second.startswith("Part 2 of 3\n")
    assert third.startswith("Part 3 of 3\n")


def test_the_lines_of_a_menu_stay_lines():
    bodies = texts(MENU)
    assert [line for body in bodies for line in LABEL.sub("", body).split("\n")] == MENU.split("\n")
    assert len(bodies) > 2


@pytest.mark.parametrize(
    ("length", "count"), [(9 * 148, 9), (9 * 148 + 1, 10), (99 * 146, 99), (99 * 146 + 1, 101)]
)
def test_more_parts_have_longer_labels_and_no_more_characters(length, count):
    bodies = texts("x" * length)
    assert len(bodies) == count
    assert bodies[-1].startswith(f"Part {count} of {count}\n")
    assert max(map(len, bodies)) <= 160


def test_an_address_is_not_cut():
    address = "https://example.com/" + "a" * 60
    bodies = texts("x" * 120 + " " + address + " " + "y" * 120)
    assert [body for body in bodies if address in body]


def test_a_part_is_gsm_where_another_is_not():
    first, second = texts("\N{THUMBS UP SIGN} " + "x" * 130 + ". " + "It’s " + "y" * 100)
    assert encoding_of(first) is Encoding.UCS2
    assert second == "Part 2 of 2\nIt's " + "y" * 100


def test_what_changed_is_told_of_each_part():
    first, second = composed("x" * 130 + ". " + "It’s " + "y" * 100).bodies
    assert first.changes == ()
    assert [change.replacement for change in second.changes] == ["'"]


def test_what_would_no_longer_fit_stays_as_it_was_written():
    words = "x" * 159 + "…"
    assert composed(words).bodies == (Transliterated(words),)
    assert texts(words, longest=162) == ["x" * 159 + "..."]


def test_encoding_can_be_kept():
    words = "It’s " + "x" * 100
    assert texts(words, encoding=Level.KEEP) == [words]


def test_a_link_stands_for_what_does_not_fit():
    words = "We have moved. " + "The new address is a long story. " * 20
    given = composed(words, long_texts=LongTexts.LINK)
    (body,) = given.bodies
    assert body.text == (
        "We have moved. The new address is a long story. The new address is a long story."
        f"\nRead on: {PAGE_URL}{TOKEN}"
    )
    assert given.token == TOKEN
    assert composed("short", long_texts=LongTexts.LINK).token is None


@given(WORDS, POLICIES)
def test_no_text_is_too_long_and_no_word_is_lost(words, policy):
    given = compose(words, policy, lambda: TOKEN)
    bodies = [body.text for body in given.bodies]
    assert all(utf16_length(body) <= policy.longest for body in bodies)
    if given.token:
        (body,) = bodies
        assert body.endswith(f"\nRead on: {PAGE_URL}{TOKEN}")
        return
    if len(bodies) > 1:
        labels = [LABEL.match(body).groups() for body in bodies]
        assert labels == [(str(one), str(len(bodies))) for one in range(1, len(bodies) + 1)]
    kept = compose(words, TextPolicy(policy.longest, Level.KEEP), lambda: TOKEN)
    said = "".join(
        LABEL.sub("", body.text) if len(kept.bodies) > 1 else body.text for body in kept.bodies
    )
    assert re.sub(r"\s", "", said) == re.sub(r"\s", "", words)
    cost = sum(map(segment_count, bodies))
    assert cost <= sum(segment_count(body.text) for body in kept.bodies)


@given(WORDS, st.integers(100, 400))
def test_a_label_makes_no_part_ucs2(words, longest):
    for body in compose(words, TextPolicy(longest), new_token).bodies:
        assert encoding_of(body.text) is encoding_of(LABEL.sub("", body.text))


@pytest.mark.parametrize(
    ("policy", "least"),
    [({}, 34), ({"long_texts": LongTexts.LINK, "page_url": PAGE_URL}, 78)],
)
def test_a_policy_under_which_nothing_could_be_read_is_refused(policy, least):
    TextPolicy(least, **policy)
    with pytest.raises(ValueError, match=f"too few: allow {least} or more"):
        TextPolicy(least - 1, **policy)


def test_a_token_cannot_be_guessed_and_ends_in_no_sign():
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch("[0-9A-Za-z]{22}", token) for token in tokens)  # 62**22 > 2**130


# -- as rows -------------------------------------------------------------------------------

ID, NOW = uuid4(), datetime(2026, 11, 23, 14, tzinfo=UTC)
MAP = Attachment("https://example.com/map.png")


def draft(body: str, **further) -> NewText:
    return NewText(
        id=ID,
        conversation_id=uuid4(),
        gateway="twilio",
        sender="+12125550142",
        recipient="+12125550100",
        body=body,
        kind="reply",
        created_at=NOW,
        **further,
    )


def test_parts_are_texts_in_order_and_the_first_has_the_files():
    ids = iter(UUID(int=number) for number in range(10))
    given = texts_for(
        draft("word " * 150, position=3, media=(MAP,)), TextPolicy(600), lambda: next(ids)
    )
    assert [(text.id, text.position, text.part, text.parts) for text in given] == [
        (ID, 3, 1, 2),
        (UUID(int=0), 4, 2, 2),
    ]
    assert [text.media for text in given] == [(MAP,), ()]


def test_files_go_without_words_and_nothing_goes_without_both():
    assert [text.body for text in texts_for(draft(" ", media=(MAP,)), TextPolicy(160), uuid4)] == [
        ""
    ]
    assert texts_for(draft(" "), TextPolicy(160), uuid4) == []


def test_a_text_that_links_brings_its_page():
    words = " word" * 100
    policy = TextPolicy(160, long_texts=LongTexts.LINK, page_url=PAGE_URL)
    (text,) = texts_for(draft(words), policy, uuid4)
    assert text.page == LongText(text.body.rpartition("/")[2], words.strip())
