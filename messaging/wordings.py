"""Texts that ask for no more texts in the customer's own words: "stop texting me", "unsub pls".

The rules stand in ``rules/opt_out.yml``, with their source and date. What is certain opts out at
once (47 CFR 64.1200(a)(10): any reasonable manner); what is only likely is asked about. Being
certain comes first: a customer who is asked loses a text, one who is silenced by mistake loses an
appointment. The exact words are ``messaging/words.py``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from messaging.words import folded

_RULES = Path(__file__).parent / "rules" / "opt_out.yml"

LONGEST = 400
"""Characters beyond which a text is not looked at: who writes so much asks for more than that."""


class Certainty(StrEnum):
    """How sure it is that a text asks for no more texts."""

    CERTAIN = "certain"
    LIKELY = "likely"


@dataclass(frozen=True, slots=True)
class Wish:
    """No more texts are wanted.

    Attributes:
        certainty: how sure that is.
        language: of the text: ``en``, ``es`` or ``fr``.
    """

    certainty: Certainty
    language: str


def opt_out_wish(body: str, *, prompt_open: bool) -> Wish | None:
    """Whether ``body`` asks for no more texts in words of its own.

    Args:
        body: the whole text.
        prompt_open: a question of ours waits for its answer, which "wrong number" or "remove"
            may be.

    >>> opt_out_wish("pls stop texting me", prompt_open=False)
    Wish(certainty=<Certainty.CERTAIN: 'certain'>, language='en')
    >>> opt_out_wish("I'll stop by at 5", prompt_open=False)
    """
    if len(body) > LONGEST:
        return None
    text = _normal(body.replace("\n", " "))
    if any(guard.search(text) for guard in _rules()["guards"]):
        return None
    clauses = [clause for one in re.split(r"[.!?;,\n]+", body) if (clause := _clause(_normal(one)))]
    for level in ("certain", "certain_alone", "certain_unless_asked"):
        for clause in clauses:
            language = _language(level, clause)
            if language is not None:
                unsure = level != "certain" and (len(clauses) > 1 or _asks(body))
                unsure = unsure or (level == "certain_unless_asked" and prompt_open)
                return Wish(Certainty.LIKELY if unsure else Certainty.CERTAIN, language)
    for language, pattern in _rules()["likely"]:
        if pattern.search(text):
            return Wish(Certainty.LIKELY, language)
    return None


def _asks(body: str) -> bool:
    return body.rstrip().endswith("?")


def _language(level: str, clause: str) -> str | None:
    found = (language for language, pattern in _rules()[level] if pattern.fullmatch(clause))
    return next(found, None)


def _normal(text: str) -> str:
    """Words as they are compared: lower case, no accents, known misspellings mended."""
    words = re.sub(r"['\u2018\u2019\u02bc`\u00b4]", "", folded(text))
    spellings = _rules()["spellings"]
    return " ".join(spellings.get(word, word) for word in re.findall(r"[^\W_]+", words))


def _clause(words: str) -> str:
    """A clause without what is only polite or rude at its ends."""
    fillers, left = _rules()["fillers"], words.split()
    if not left or all(word in fillers for word in left):
        return ""
    bare = list(left)
    while bare and bare[0] in fillers and not _matches(bare):
        bare.pop(0)
    while bare and bare[-1] in fillers and not _matches(bare):
        bare.pop()
    return " ".join(bare)


def _matches(words: list[str]) -> bool:
    clause = " ".join(words)
    return any(
        _language(level, clause) for level in ("certain", "certain_alone", "certain_unless_asked")
    )


@cache
def _rules() -> dict[str, Any]:
    written = yaml.safe_load(_RULES.read_text(encoding="utf-8"))
    terms: dict[str, str] = written["terms"]

    def compiled(patterns: list[str]) -> Iterator[re.Pattern[str]]:
        for pattern in patterns:
            yield re.compile(_filled(pattern, terms))

    rules: dict[str, Any] = {
        level: tuple(
            (entry["language"], pattern)
            for entry in written[level]
            for pattern in compiled(entry["patterns"])
        )
        for level in ("certain", "certain_alone", "certain_unless_asked", "likely")
    }
    rules["guards"] = tuple(compiled(written["guards"]))
    rules["fillers"] = frozenset(written["fillers"].split())
    rules["spellings"] = {
        wrong: right
        for right, misspellings in written["spellings"].items()
        for wrong in misspellings
    }
    return rules


def _filled(pattern: str, terms: dict[str, str]) -> str:
    """The pattern with its terms, and theirs, written out."""
    while (filled := re.sub(r"\{(\w*[a-z]\w*)\}", lambda name: terms[name[1]], pattern)) != pattern:
        pattern = filled
    return pattern
