"""Texts that are not for the assistant: words of consent, HELP, and what phones write themselves.

The words and sentences stand in ``rules/words.yml`` and ``rules/autoreplies.yml``, each set
with its source and date. A text counts only as a whole; wording such as "please stop texting
me" is ``messaging/wordings.py``'s.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_RULES = Path(__file__).parent / "rules"


_MEANINGS = (
    "opt_out",
    "opt_out_unless_talking",
    "opt_out_unless_asked",
    "opt_in",
    "opt_in_when_opted_out",
    "help",
)


class Word(StrEnum):
    """What a text of one word (or two) asks for."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"


def classify(body: str, *, prompt_open: bool, conversing: bool, opted_out: bool) -> Word | None:
    """What ``body`` asks for, or None where it is a text like any other.

    STOP and its like always opt out. CANCEL and END are on every carrier's list of opt-out
    words and in 47 CFR 64.1200(a)(10), but customers also text CANCEL to cancel an
    appointment. What was going on decides: with a question of ours open, or, for CANCEL,
    within a day of texts with the assistant, the text is an answer and the assistant's to
    understand; out of the blue it can only mean our texts, and opts out. YES subscribes
    nobody who is subscribed; it is an answer.

    Args:
        body: the whole text.
        prompt_open: a question of ours waits for its answer.
        conversing: the customer and the assistant exchanged texts within the last 24 hours.
        opted_out: the customer gets no texts from us at the moment.
    """
    bare = _bare(body)
    asked = next((name for name in _MEANINGS if bare in _words()[name]), None)
    if asked in {"opt_out_unless_talking", "opt_out_unless_asked"}:
        talking = conversing and asked == "opt_out_unless_talking"
        return None if prompt_open or talking else Word.OPT_OUT
    if asked == "opt_in_when_opted_out":
        return Word.OPT_IN if opted_out and not prompt_open else None
    return None if asked is None else Word(asked)


def has_two_meanings(body: str) -> bool:
    """Whether ``body`` is CANCEL, END or the like, which may mean an appointment."""
    words = _words()
    return _bare(body) in words["opt_out_unless_talking"] | words["opt_out_unless_asked"]


def agrees(body: str) -> bool | None:
    """What ``body`` says to a question about consent; None where it is no answer to that."""
    bare, words = _bare(body), _words()
    return True if bare in words["yes"] else False if bare in words["no"] else None


def gateway_answers(body: str) -> bool:
    """Whether a gateway that answers words by itself answers ``body``."""
    return _bare(body) in _words()["gateway_answers"]


def language_of(body: str) -> str:
    """The language of a text that is a word of the rules: ``en``, ``es`` or ``fr``."""
    return _languages().get(_bare(body), "en")


class Said(StrEnum):
    """What else we say about consent, besides the answers to a ``Word``."""

    ASK_OPT_OUT = "ask_opt_out"
    ASK_OPT_IN = "ask_opt_in"
    KEPT = "kept"
    HOW_TO_END = "how_to_end"


def reply_for(word: Word | Said, brand: str, help_contact: str, language: str = "en") -> str:
    """What ``word`` is answered with, whatever the assistant is doing.

    Args:
        word: what was asked for, or what else there is to say.
        brand: the business as its customers know it; up to 32 characters of the GSM alphabet
            keep each answer within one segment.
        help_contact: a phone number or address where people help; up to 24 such characters.
        language: in which to say it, where the rules have it.
    """
    replies = _rules("words.yml")["replies"]
    template = replies.get(language, replies["en"])[word.value]
    return str(template).format(brand=brand, contact=help_contact)


def is_tapback(body: str) -> bool:
    """Whether a phone wrote ``body`` because its owner reacted to a text of ours.

    Phones put a reaction into words for those that cannot show one: ``Liked “See you at 9”``,
    ``Laughed at an image``, ``Removed a heart from “...”``.
    """
    text = _plain(body)
    return any(reaction.fullmatch(text) for reaction in _reactions())


def is_autoreply(body: str) -> bool:
    """Whether a phone wrote ``body`` because its owner is driving or away."""
    text = _plain(body)
    sentences = _driving()
    return text.rstrip(".!") in sentences["whole"] or text.startswith(
        (*sentences["begins"], *sentences["marked"])
    )


def folded(text: str) -> str:
    """``text`` in lower case, without accents and without characters that cannot be seen."""
    if text.isascii():
        return text.lower()
    return "".join(
        character
        for character in unicodedata.normalize("NFKD", text).casefold()
        if unicodedata.category(character) not in {"Mn", "Me", "Cf"}
    )


def _bare(body: str) -> str:
    """The words of ``body`` without what stands around and between them."""
    words = re.sub(r"[\s\-\u2010-\u2015]+", " ", folded(body))
    letters = [position for position, character in enumerate(words) if character.isalnum()]
    return words[letters[0] : letters[-1] + 1] if letters else ""


_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u02bc\u0060\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015", "-"),
    }
)


def _plain(body: str) -> str:
    return " ".join(folded(body.translate(_TYPOGRAPHY)).split())


_EMOJI = r"[^\w\s]{1,12}(?: [^\w\s]{1,12}){0,2}"


def _reaction(begins: list[str], things: list[str]) -> re.Pattern[str]:
    beginnings = "|".join(re.escape(one).replace(r"\{emoji\}", _EMOJI) for one in begins)
    objects = "|".join(map(re.escape, things))
    return re.compile(rf'(?:{beginnings}) (?:".*"|{objects})\.?')


@cache
def _rules(file: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_RULES / file).read_text(encoding="utf-8"))
    return loaded


@cache
def _words() -> dict[str, frozenset[str]]:
    return {
        name: frozenset(word for entry in entries for word in entry["words"])
        for name, entries in _rules("words.yml").items()
        if name != "replies"
    }


@cache
def _languages() -> dict[str, str]:
    return {
        word: entry["language"]
        for name, entries in _rules("words.yml").items()
        if name != "replies"
        for entry in entries
        if "language" in entry
        for word in entry["words"]
    }


@cache
def _reactions() -> tuple[re.Pattern[str], ...]:
    return tuple(
        _reaction(entry["begins"], entry["things"])
        for entry in _rules("autoreplies.yml")["reactions"]
    )


@cache
def _driving() -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(entry["text"] for entry in entries)
        for name, entries in _rules("autoreplies.yml")["driving"].items()
    }
