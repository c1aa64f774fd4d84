"""What is decided about a turn before the assistant sees it. Pure.

Opt-out words always win. Reactions and driving replies are no answers and get none. Where a
person owns the conversation, the assistant is silent. The digits of a menu become what they
stand for. Everything else goes to the assistant as one text.

How often somebody can be answered needs no rule here: a burst is one turn however many texts
it has, and what one turn hands to the assistant is capped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from messaging.assistant import TurnInput
from messaging.menus import choose
from messaging.turn_table import ClaimedTurn, WaitingText
from messaging.words import Word, classify, is_autoreply, is_tapback, reply_for

CONVERSING = timedelta(hours=24)
"""A customer who exchanged texts with us within this time is talking with the assistant, so
that a bare CANCEL means the appointment."""

LONGEST_INPUT = 1600
"""Characters of a turn that the assistant reads; ten full segments, more than one request of
any gateway carries."""


@dataclass(frozen=True, slots=True)
class Company:
    """In whose name rules speak.

    Attributes:
        brand: as customers know it.
        help_contact: a phone number or address for people who need help.
        failure_message: texted once where there is no answer.
    """

    brand: str
    help_contact: str
    failure_message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with a turn.

    Attributes:
        input: for the assistant; None where a rule has decided.
        handled_by: ``assistant``, ``rule`` or ``person``.
        rule: which one.
        reply: what the rule says; None for silence.
        opted_out: the conversation's state afterwards.
    """

    input: TurnInput | None
    handled_by: str
    opted_out: bool
    rule: str | None = None
    reply: str | None = None


def screen(turn: ClaimedTurn, company: Company) -> Decision:
    """Decide by rule, or say what the assistant is to be asked.

    Args:
        turn: with its texts in the order in which they came.
        company: in whose name a rule answers.
    """
    words = [_word(text, turn) for text in turn.texts]
    word = _strongest(words, opted_out=turn.opted_out)
    if word is not None:
        return _keyword(word, company, opted_out=turn.opted_out and word is not Word.OPT_IN)
    if turn.opted_out:  # only a word of consent undoes STOP
        return Decision(None, "rule", opted_out=True, rule="opted-out")
    said = [text for text in turn.texts if not _is_noise(text)]
    if not said:
        return Decision(None, "rule", opted_out=False, rule="not-an-answer")
    if turn.owner == "person":
        return Decision(None, "person", opted_out=False, rule="hand-over")
    return Decision(_input(turn, said), "assistant", opted_out=False)


def _strongest(words: list[Word | None], *, opted_out: bool) -> Word | None:
    """The word that decides a turn.

    STOP and START always do; HELP where nothing else was said, and after STOP in any company,
    because HELP must always be answered.
    """
    for word in (Word.OPT_OUT, Word.OPT_IN):
        if word in words:
            return word
    asked = any if opted_out else all
    return Word.HELP if asked(word is Word.HELP for word in words) else None


def _word(text: WaitingText, turn: ClaimedTurn) -> Word | None:
    conversing = turn.previous_at is not None and text.received_at - turn.previous_at < CONVERSING
    return classify(
        text.body,
        prompt_open=turn.prompt_open,
        conversing=conversing,
        opted_out=turn.opted_out,
    )


def _is_noise(text: WaitingText) -> bool:
    return is_tapback(text.body) or is_autoreply(text.body)


def _keyword(word: Word, company: Company, *, opted_out: bool) -> Decision:
    return Decision(
        None,
        "rule",
        opted_out=opted_out or word is Word.OPT_OUT,
        rule=str(word),
        reply=reply_for(word, company.brand, company.help_contact),
    )


def _input(turn: ClaimedTurn, said: list[WaitingText]) -> TurnInput:
    payload = None
    if len(said) == 1 and turn.menu:
        index = choose(said[0].body, len(turn.menu))
        payload = None if index is None else turn.menu[index].payload
    return TurnInput(
        turn_id=turn.id,
        conversation_id=turn.conversation_id,
        phone=turn.phone,
        text="\n".join(text.body.strip() for text in said)[:LONGEST_INPUT],
        received_at=said[-1].received_at,
        payload=payload,
        media_types=tuple(file.content_type for text in said for file in text.media),
    )
