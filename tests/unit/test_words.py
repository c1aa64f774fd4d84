from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from messaging import words
from messaging.segments import Encoding, encoding_of, segment_count
from messaging.words import Word, classify, is_autoreply, is_tapback, reply_for

RULES = Path(words.__file__).parent / "rules"
FLAGS = [(p, c, o) for p in (False, True) for c in (False, True) for o in (False, True)]


def ask(body, *, prompt_open=False, conversing=False, opted_out=False):
    return classify(body, prompt_open=prompt_open, conversing=conversing, opted_out=opted_out)


@pytest.mark.parametrize(
    "body",
    [
        "STOP",
        "stop",
        "Stop.",
        " stop \n",
        "STOP!!!",
        '"STOP"',
        "\u201cStop\u201d",
        "'stop'",
        "(stop)",
        "*STOP*",
        "stop?",
        "🛑 STOP 🛑",
        "STOP\ufe0f\u200b",
        "\uff33\uff34\uff2f\uff30",
        "STOPALL",
        "stop all",
        "Stop  All",
        "stop-all",
        "unsubscribe",
        "Quit",
        "revoke",
        "OPTOUT",
        "opt out",
        "OPT-OUT",
        "opt\u2011out",
        "ARRET",
        "Arrêt",
        "arrêtez",
        "ALTO",
        "parar",
        "no mas",
        "No más.",
    ],
)
@pytest.mark.parametrize(("prompt_open", "conversing", "opted_out"), FLAGS)
def test_stop_always_wins(body, prompt_open, conversing, opted_out):
    assert classify(body, prompt_open=prompt_open, conversing=conversing, opted_out=opted_out) is (
        Word.OPT_OUT
    )


@pytest.mark.parametrize(("prompt_open", "conversing", "opted_out"), FLAGS)
@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("START", Word.OPT_IN),
        ("unstop", Word.OPT_IN),
        ("Help!", Word.HELP),
        ("info", Word.HELP),
    ],
)
def test_start_and_help_always_count(body, word, prompt_open, conversing, opted_out):
    assert (
        classify(body, prompt_open=prompt_open, conversing=conversing, opted_out=opted_out) is word
    )


@pytest.mark.parametrize(
    ("body", "state", "word"),
    [
        ("CANCEL", {}, Word.OPT_OUT),
        ("Cancel.", {}, Word.OPT_OUT),
        ("END", {}, Word.OPT_OUT),
        ("CANCEL", {"prompt_open": True}, None),
        ("CANCEL", {"conversing": True}, None),
        ("END", {"prompt_open": True}, None),
        ("END", {"conversing": True}, Word.OPT_OUT),
        ("cancel", {"prompt_open": True, "conversing": True}, None),
        ("CANCEL", {"opted_out": True}, Word.OPT_OUT),
        ("YES", {}, None),
        ("YES", {"opted_out": True}, Word.OPT_IN),
        ("yes!", {"opted_out": True, "conversing": True}, Word.OPT_IN),
        ("YES", {"prompt_open": True}, None),
        ("YES", {"opted_out": True, "prompt_open": True}, None),
        ("yes", {"conversing": True}, None),
    ],
)
def test_words_with_two_meanings(body, state, word):
    assert ask(body, **state) is word


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "...",
        "🛑",
        "stop by the shop at 5?",
        "stop please",
        "please stop",
        "don't stop",
        "cancel my order",
        "cancel my appointment",
        "nonstop",
        "stops",
        "st op",
        "start over",
        "can you help me",
        "info please",
        "yes please",
        "y",
        "ok",
        "hi",
        "2",
        "tomorrow at 3",
        "non-stop",
    ],
)
@pytest.mark.parametrize(("prompt_open", "conversing", "opted_out"), FLAGS)
def test_any_other_text_is_no_word(body, prompt_open, conversing, opted_out):
    assert (
        classify(body, prompt_open=prompt_open, conversing=conversing, opted_out=opted_out) is None
    )


@given(
    st.sampled_from(["stop", "cancel", "start", "help", "yes"]),
    st.text(alphabet=" .!?\"'“”()*-_🛑👍\n", max_size=5),
    st.text(alphabet=" .!?\"'“”()*-_🛑👍\n", max_size=5),
)
def test_what_stands_around_a_word_does_not_matter(word, before, after):
    plain = ask(word, opted_out=True)
    assert plain is not None
    assert ask(before + word.upper() + after, opted_out=True) is plain


@given(st.text(max_size=200))
def test_every_text_can_be_read(body):
    assert ask(body) in {None, *Word}
    assert is_tapback(body) in {True, False}
    assert is_autoreply(body) in {True, False}


@pytest.mark.parametrize("word", list(Word))
@pytest.mark.parametrize(
    ("brand", "contact"),
    [("Harbor Eye Care", "(212) 555-0142"), ("B" * 32, "c" * 24)],
)
def test_answers_are_one_cheap_segment_in_the_name_of_the_brand(word, brand, contact):
    reply = reply_for(word, brand, contact)
    assert reply.startswith(f"{brand}:")
    assert encoding_of(reply) is Encoding.GSM7
    assert segment_count(reply) == 1
    assert "{" not in reply


@pytest.mark.parametrize(
    ("word", "phrases"),
    [
        (Word.OPT_OUT, ["unsubscribed", "no more texts", "START"]),
        (Word.OPT_IN, ["subscribed", "HELP", "STOP", "Msg & data rates may apply"]),
        (
            Word.HELP,
            ["(212) 555-0142", "Msg frequency varies", "Msg & data rates may apply", "STOP"],
        ),
    ],
)
def test_answers_say_what_they_must(word, phrases):
    reply = reply_for(word, "Harbor Eye Care", "(212) 555-0142")
    assert [phrase for phrase in phrases if phrase not in reply] == []


@pytest.mark.parametrize(
    "body",
    [
        "Liked \u201cSee you at 9\u201d",
        "Loved \u201cYour exam is booked.\nReply C to cancel.\u201d",
        'Loved "ok"',
        "Disliked \u201cok\u201d",
        "Laughed at \u201cok\u201d",
        "Emphasized \u201cok\u201d",
        "Emphasised \u201cok\u201d",
        "Questioned \u201cSTOP\u201d",
        "Liked \u201che said \u201chi\u201d\u201d",
        "Liked an image",
        "Laughed at a photo",
        "Loved an attachment",
        "Removed a like from \u201cok\u201d",
        "Removed a heart from \u201cok\u201d",
        "Removed a dislike from \u201cok\u201d",
        "Removed a laugh from \u201cok\u201d",
        "Removed an exclamation from \u201cok\u201d",
        "Removed a question mark from an image",
        "Reacted 👍 to \u201cok\u201d",
        "Reacted 👍🏽 to \u201cok\u201d",
        "Reacted ❤\ufe0f to \u201cok\u201d",
        "Reacted 👨\u200d👩\u200d👧\u200d👦 to \u201cok\u201d",
        "Reacted 🇫🇷 to an image",
        "Reacted with a sticker to \u201cok\u201d",
        "Removed a 😂 from \u201cok\u201d",
        "Removed 😂 from \u201cok\u201d",
        "👍 to \u201cok\u201d",
        "\u200a\u200b👍\u200b to \u201c\u200aok\u200a\u201d\u200a",
        "😂 to an image",
        "Le gustó \u201chola\u201d",
        "Le encantó «hola»",
        "Le encantó una imagen",
        "Le dio risa \u201chola\u201d",
        "Exclamó por \u201chola\u201d",
        "Reaccionó con 👍 a \u201chola\u201d",
        "A aimé « à demain »",
        "N\u2019a pas aimé « à demain »",
        "A adoré «\u00a0à demain\u00a0»",
        "A réagi avec 😂 à « lol »",
        "S\u2019est interrogé(e) sur « ok »",
    ],
)
def test_reactions(body):
    assert is_tapback(body)
    assert ask(body) is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Liked",
        "liked it a lot",
        "Loved the glasses, thanks!",
        "I liked \u201cDowntown\u201d better",
        "Liked \u201cthe first one\u201d, can I have it",
        "Reacted badly to \u201cdrops\u201d",
        "👍",
        "👍 to 9am",
        "yes to \u201c9am\u201d",
        "2 to \u201c3\u201d",
        "Loved an image of the blue frame, do you have it",
        "Removed my lenses from the case",
        "\u201cLiked\u201d",
    ],
)
def test_people_who_only_sound_like_reactions(body):
    assert not is_tapback(body)


@pytest.mark.parametrize(
    "body",
    [
        (
            "I\u2019m driving with Do Not Disturb While Driving turned on. I\u2019ll see your "
            "message when I get where I\u2019m going."
        ),
        (
            "I'm driving with Driving Focus turned on. I'll see your message when I get where I'm "
            "going."
        ),
        (
            "I\u2019m driving with Focus turned on. I\u2019ll see your message when I get where "
            "I\u2019m going."
        ),
        (
            "(I\u2019m not receiving notifications. If this is urgent, reply \u201curgent\u201d to "
            "send a notification through with your original message.)"
        ),
        (
            'I\'m not receiving notifications. If this is urgent, reply "urgent" to send a '
            "notification through with your original message."
        ),
        "I'm driving right now - I'll get back to you later.",
        "I\u2019m driving right now \u2013 I\u2019ll get back to you later",
        "I'm driving right now, I'll get back to you later.",
        "I'm driving right now.",
        "Auto-reply: I am away from my phone until Monday",
        "[Auto-Reply] I'm driving",
        "Estoy conduciendo",
    ],
)
def test_automatic_replies(body):
    assert is_autoreply(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "I'm driving right now, can I come at 5 instead?",
        "i'm driving, running 10 min late",
        "driving there now",
        "urgent",
        "I'm not receiving your texts",
        "can i get an auto-reply: yes",
    ],
)
def test_people_who_drive(body):
    assert not is_autoreply(body)


@pytest.mark.parametrize("file", ["words.yml", "autoreplies.yml"])
def test_every_rule_has_a_source_and_a_date(file):
    def sets(node):
        if isinstance(node, dict):
            if {"words", "begins", "text"} & set(node) and not isinstance(node.get("begins"), dict):
                yield node
            for inner in node.values():
                yield from sets(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from sets(inner)

    rules = yaml.safe_load((RULES / file).read_text(encoding="utf-8"))
    rules.pop("replies", None)
    driving = rules.pop("driving", {})
    found = [*sets(rules), *(entry for entries in driving.values() for entry in entries)]
    assert len(found) > 5
    for entry in found:
        assert entry["source"]
        assert isinstance(entry["verified"], date)


def test_the_words_of_the_file_are_written_as_they_are_compared():
    for entries in words._words().values():
        for word in entries:
            assert words._bare(word) == word
    for reaction in yaml.safe_load((RULES / "autoreplies.yml").read_text())["reactions"]:
        for phrase in [*reaction["begins"], *reaction["things"]]:
            assert words._plain(phrase) == phrase
    for sentences in words._driving().values():
        for sentence in sentences:
            assert words._plain(sentence) == sentence
