"""What opts out in words of the customer's own, what is asked about, and what is neither."""

from __future__ import annotations

import re
import time
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from messaging import wordings
from messaging.segments import Encoding, encoding_of, segment_count
from messaging.wordings import LONGEST, Certainty, opt_out_wish
from messaging.words import Said, Word, reply_for

CASES = {
    name: lines.splitlines()
    for name, lines in yaml.safe_load(
        Path(__file__).with_name("wordings.yml").read_text(encoding="utf-8")
    ).items()
}


def certainty(body: str, *, prompt_open: bool = False) -> Certainty | None:
    wish = opt_out_wish(body, prompt_open=prompt_open)
    return wish.certainty if wish else None


def test_there_are_many_of_each_kind():
    assert len(set(CASES["opts_out"])) >= 150
    assert len(set(CASES["stays"])) >= 150


@pytest.mark.parametrize("body", CASES["opts_out"])
def test_opts_out(body):
    assert certainty(body) is Certainty.CERTAIN
    assert certainty(body.upper()) is Certainty.CERTAIN
    assert certainty(f"  {body}  ") is Certainty.CERTAIN


@pytest.mark.parametrize("body", CASES["asks"])
def test_is_asked_about(body):
    assert certainty(body) is Certainty.LIKELY


@pytest.mark.parametrize("prompt_open", [False, True])
@pytest.mark.parametrize("body", CASES["stays"])
def test_is_a_text_like_any_other(body, prompt_open):
    assert certainty(body, prompt_open=prompt_open) is None


@pytest.mark.parametrize("body", ["wrong number", "remove", "remove me", "numero equivocado"])
def test_what_may_answer_a_question_is_asked_about_while_one_is_open(body):
    assert certainty(body, prompt_open=True) is Certainty.LIKELY


@pytest.mark.parametrize("body", ["please stop", "stop texting me", "unsub", "leave me alone"])
def test_stop_counts_whatever_is_open(body):
    assert certainty(body, prompt_open=True) is Certainty.CERTAIN


@pytest.mark.parametrize(
    ("body", "language"),
    [
        ("stop texting me", "en"),
        ("ya no me escriban", "es"),
        ("ne m'écrivez plus", "fr"),
        ("too many texts", "en"),
    ],
)
def test_the_language_is_known(body, language):
    wish = opt_out_wish(body, prompt_open=False)
    assert wish is not None
    assert wish.language == language


def test_nothing_that_customers_text_about_their_business_is_taken_for_it():
    examples = [
        re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\{[^}]*\})", r"\1", line.removeprefix("- ").strip())
        for file in Path(__file__).parents[2].glob("data/nlu/*.yml")
        for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]
        if entry.get("intent") not in {None, "out_of_scope"}
        for line in entry["examples"].splitlines()
    ]
    assert len(examples) > 1000
    assert [body for body in examples if certainty(body)] == []


@given(st.text(max_size=2 * LONGEST))
def test_every_text_can_be_read(body):
    assert certainty(body) in {None, *Certainty}


@pytest.mark.parametrize("body", ["stop " * 80, "please " * 57, "i want to be " * 30, "no " * 130])
def test_no_text_takes_long(body):
    certainty("warm up")
    began = time.process_time()
    certainty(body[:LONGEST])
    assert time.process_time() - began < 0.2


def test_the_rules_have_a_source_and_a_date():
    rules = yaml.safe_load(wordings._RULES.read_text(encoding="utf-8"))
    assert "64.1200" in rules["source"]
    assert isinstance(rules["verified"], date)


@pytest.mark.parametrize("said", [*Word, *Said])
@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_whatever_we_say_is_one_cheap_segment(said, language):
    reply = reply_for(said, "B" * 32, "c" * 24, language)
    # How to end it stands behind an answer that says who speaks.
    assert reply.startswith("B" * 32 + ":") or said is Said.HOW_TO_END
    assert encoding_of(reply) is Encoding.GSM7
    assert segment_count(reply) == 1
    assert "STOP" in reply or said is Word.OPT_OUT
