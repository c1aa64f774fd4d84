"""What should not stand in a text that goes out unasked. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from messaging.gsm7 import transliterate
from messaging.segments import segment_count
from messaging.text_policy import Level
from outreach.templates import Template

MOST_SEGMENTS = 2
"""A text of more is read by few, and costs as many texts."""

VARIABLE_LENGTH = 16
"""Characters that a value is taken to have."""

_VARIABLE = re.compile(r"\{\w+\}")
_LINK = re.compile(r"https?://\S+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")

# Words that opt out or in wherever no question of ours is open (messaging/rules/words.yml).
_TWO_MEANINGS = "CANCEL|END|QUIT|INFO|YES|START"
_ASKING = r"(?:reply|text|send|answer|respond|type)\s+(?:back\s+)?(?:with\s+)?"
_QUOTE = r"[\"'\u2018\u2019\u201c\u201d]"
# In capitals or quotes a word is an offer; "STOP to end" offers only STOP.
_OFFERED = re.compile(
    rf"(?<![\w{{])({_TWO_MEANINGS})(?![\w}}])"
    rf"|(?i:{_ASKING}{_QUOTE}?({_TWO_MEANINGS})\b)"
    rf"|{_QUOTE}(?i:({_TWO_MEANINGS})){_QUOTE}"
)
_WANTS_ANSWER = re.compile(
    rf"(?i:\b{_ASKING}){_QUOTE}?(?!STOP\b|HELP\b|ARRET\b|ALTO\b)(?:[A-Z0-9]{{1,12}})\b"
)
_SECRET = re.compile(
    r"\b(password|passcode|pin(?: code)?|cvv|cvc|security code|(?:credit |debit )?card number"
    r"|credit card|debit card|account number|routing number|social security|ssn|bank details"
    r"|bank account)\b",
    re.IGNORECASE,
)
_PROMPT = re.compile(
    r"\b(reply|text|send|enter|confirm|provide|give|tell|verify|update|type|submit|share)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(never|not|don't|won't)\b", re.IGNORECASE)


def warnings_of(template: Template) -> Iterator[str]:
    """What is better written otherwise in a template.

    Args:
        template: of notices.yml.

    Yields:
        A sentence each, with what to write.
    """
    yield from warnings_of_words(template.text, conversation=template.conversation)
    if "{brand}" not in template.text:  # requirement R160: who texts out of the blue says who it is
        yield "does not say who texts; begin it with {brand}"


def warnings_of_words(words: str, *, conversation: bool) -> Iterator[str]:
    """What is better written otherwise in any words that go out unasked.

    Words with two meanings: 47 CFR 64.1200(a)(10) and the carriers' lists. Questions that no
    conversation waits for: requirement R130. Passwords and money: R160.

    Args:
        words: with or without variables.
        conversation: whether an answer is waited for.

    Yields:
        A sentence each, with what to write.
    """
    text = _LINK.sub("", words)
    for word in dict.fromkeys(_offered(text)):
        yield (
            f"offers {word} as an answer, which also opts out of texts or into them; "
            "offer C, R, X or a digit"
        )
    if not conversation and ("?" in text or _WANTS_ANSWER.search(text)):
        yield "asks for an answer, but begins no conversation; begin one, or say where to call"
    if any(_asks_for_secret(sentence) for sentence in _SENTENCE.split(text)):
        yield "asks for a password or for what opens an account; no text should do that"
    filled = _VARIABLE.sub("x" * VARIABLE_LENGTH, words)
    segments = segment_count(transliterate(filled, Level.SMART).text)
    if segments > MOST_SEGMENTS:
        yield f"takes {segments} segments; {MOST_SEGMENTS} should do"


def _offered(text: str) -> Iterator[str]:
    for match in _OFFERED.finditer(text):
        yield next(filter(None, match.groups())).upper()


def _asks_for_secret(sentence: str) -> bool:
    return bool(
        _SECRET.search(sentence) and _PROMPT.search(sentence) and not _DENIED.search(sentence)
    )
