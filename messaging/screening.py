"""What is decided about a turn before the assistant sees it. Pure.

Opt-out words always win, and so does what certainly asks for no more texts in other words; what
only may ask for that is asked about, once. Reactions and driving replies are no answers and get
none. Where a person owns the conversation, the assistant is silent. The digits of a menu become
what they stand for. Everything else goes to the assistant as one text.

How often somebody can be answered needs no rule here: a burst is one turn however many texts
it has, and what one turn hands to the assistant is capped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from messaging.assistant import TurnInput
from messaging.consent import ConsentChange, Direction, Method, OptOutScope
from messaging.turn_input import chosen, input_of, offered
from messaging.turn_table import ClaimedTurn, WaitingText
from messaging.wordings import Certainty, opt_out_wish
from messaging.words import (
    Said,
    Word,
    agrees,
    classify,
    gateway_answers,
    has_two_meanings,
    is_autoreply,
    is_tapback,
    language_of,
    reply_for,
)

CONVERSING = timedelta(hours=24)
"""A customer who exchanged texts with us within this time is talking with the assistant, so
that a bare CANCEL means the appointment."""


@dataclass(frozen=True, slots=True)
class Company:
    """In whose name rules speak.

    Attributes:
        brand: as customers know it.
        help_contact: a phone number or address for people who need help.
        failure_message: texted once where there is no answer.
        opt_out_scope: where a STOP counts.
        double_opt_in: whether START from a phone that never consented needs a YES besides.
        answering: gateways that answer STOP, START and HELP by themselves.
    """

    brand: str
    help_contact: str
    failure_message: str
    opt_out_scope: OptOutScope = OptOutScope.ALL
    double_opt_in: bool = False
    answering: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with a turn.

    Attributes:
        input: for the assistant; None where a rule has decided.
        handled_by: ``assistant``, ``rule`` or ``person``.
        rule: which one.
        reply: what the rule says, after the assistant where both speak; None for silence.
        opted_out: the conversation's state afterwards.
        consent: what it does to consent; None where it does nothing.
        answered: the text of ours whose offered answer was texted; None where none was.
        ending: the last line of what the assistant says.
    """

    input: TurnInput | None
    handled_by: str
    opted_out: bool
    rule: str | None = None
    reply: str | None = None
    consent: ConsentChange | None = None
    answered: UUID | None = None
    ending: str | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A text that asks for something which a rule answers."""

    word: Word
    text: WaitingText
    method: Method
    language: str


def screen(turn: ClaimedTurn, company: Company) -> Decision:
    """Decide by rule, or say what the assistant is to be asked.

    Args:
        turn: with its texts in the order in which they came.
        company: in whose name a rule answers.
    """
    asked = [one for text in turn.texts if (one := _asked(text, turn))]
    word = _strongest([one.word for one in asked], len(turn.texts), opted_out=turn.opted_out)
    if word is not None:
        return _keyword([one for one in asked if one.word is word][-1], turn, company)
    if turn.opted_out:  # only a word of consent undoes STOP
        return Decision(None, "rule", opted_out=True, rule="opted-out")
    said = [text for text in turn.texts if not _is_noise(text)]
    if not said:
        return Decision(None, "rule", opted_out=False, rule="not-an-answer")
    blocked = next((text for text in said if text.opt_out_type == "STOP"), None)
    if blocked is not None:  # CANCEL means the appointment to us, and STOP to the gateway
        change = _change(company, blocked, Direction.REVOKE, Method.GATEWAY)
        return _conversation(turn, said, opted_out=True, consent=change)
    return _about_consent(turn, said, company) or _conversation(
        turn, said, ending=_ending(turn, said, company)
    )


def _conversation(
    turn: ClaimedTurn,
    said: list[WaitingText],
    *,
    opted_out: bool = False,
    consent: ConsentChange | None = None,
    ending: str | None = None,
) -> Decision:
    """What no rule answers is for the assistant, or for the person who has taken over."""
    if turn.owner == "person":
        return Decision(None, "person", opted_out, rule="hand-over", consent=consent)
    taken = chosen(turn, said)
    return Decision(
        input_of(turn, said, taken),
        "assistant",
        opted_out,
        consent=consent,
        answered=taken.begun.text_id if taken else None,
        ending=ending,
    )


def _ending(turn: ClaimedTurn, said: list[WaitingText], company: Company) -> str | None:
    """How to end our texts, for whoever used a word for it that was offered for something else."""
    twofold = (
        text for text in said if has_two_meanings(text.body) and offered(text, turn) is not None
    )
    text = next(twofold, None)
    return None if text is None else _say(Said.HOW_TO_END, company, language_of(text.body))


def _asks(text: WaitingText, turn: ClaimedTurn) -> bool:
    """Whether a question of ours waits for its answer, which this text may be."""
    return turn.prompt_open or offered(text, turn) is not None


def _about_consent(turn: ClaimedTurn, said: list[WaitingText], company: Company) -> Decision | None:
    """Ask whether no more texts are wanted, or take the NO to that question."""
    if turn.consent_question == "opt-out":  # it is asked once
        if turn.prompt_open or agrees(said[-1].body) is not False:
            return None
        change = _change(company, said[-1], Direction.RECONFIRM, Method.WORDING)
        reply = _say(Said.KEPT, company, language_of(said[-1].body))
        return Decision(None, "rule", opted_out=False, rule="kept", reply=reply, consent=change)
    wishes = [opt_out_wish(text.body, prompt_open=_asks(text, turn)) for text in said]
    wish = next(((one, text) for one, text in zip(wishes, said, strict=True) if one), None)
    if wish is None:
        return None
    if turn.owner == "person":  # who asks, or records what was meant
        change = _change(company, wish[1], Direction.PENDING, Method.WORDING)
        return Decision(None, "person", opted_out=False, rule="hand-over", consent=change)
    reply = _say(Said.ASK_OPT_OUT, company, wish[0].language)
    change = _change(
        company,
        wish[1],
        Direction.PENDING,
        Method.WORDING,
        question="opt-out",
    )
    rest = [text for one, text in zip(wishes, said, strict=True) if one is None]
    return Decision(
        input_of(turn, rest, None) if rest else None,
        "assistant" if rest else "rule",
        opted_out=False,
        rule="opt-out-asked",
        reply=reply,
        consent=change,
    )


def _strongest(words: list[Word], texts: int, *, opted_out: bool) -> Word | None:
    """The word that decides a turn of so many texts.

    STOP and START always do; HELP where nothing else was said, and after STOP in any company,
    because HELP must always be answered.
    """
    for word in (Word.OPT_OUT, Word.OPT_IN):
        if word in words:
            return word
    helps = words.count(Word.HELP)
    return Word.HELP if helps == texts or (helps and opted_out) else None


def _asked(text: WaitingText, turn: ClaimedTurn) -> _Asked | None:
    conversing = turn.previous_at is not None and text.received_at - turn.previous_at < CONVERSING
    word = classify(
        text.body,
        prompt_open=_asks(text, turn),
        conversing=conversing,
        opted_out=turn.opted_out,
    )
    if word is not None:
        return _Asked(word, text, Method.KEYWORD, language_of(text.body))
    if _is_noise(text):
        return None
    if turn.consent_question and not turn.prompt_open and agrees(text.body):
        word = Word.OPT_OUT if turn.consent_question == "opt-out" else Word.OPT_IN
        return _Asked(word, text, Method.KEYWORD, language_of(text.body))
    wish = opt_out_wish(text.body, prompt_open=_asks(text, turn))
    if wish is not None and wish.certainty is Certainty.CERTAIN:
        return _Asked(Word.OPT_OUT, text, Method.WORDING, wish.language)
    if text.opt_out_type is not None and not has_two_meanings(text.body):
        return _Asked(_AS_GATEWAY[text.opt_out_type], text, Method.GATEWAY, "en")
    return None


_AS_GATEWAY = {"STOP": Word.OPT_OUT, "START": Word.OPT_IN, "HELP": Word.HELP}
"""What Twilio's ``OptOutType`` means; the words behind it can be chosen there."""


def _is_noise(text: WaitingText) -> bool:
    return is_tapback(text.body) or is_autoreply(text.body)


def _keyword(asked: _Asked, turn: ClaimedTurn, company: Company) -> Decision:
    word, text = asked.word, asked.text
    if word is Word.OPT_IN and company.double_opt_in and not turn.consented:
        if turn.consent_question != "opt-in" or not agrees(text.body):
            return _double_opt_in(asked, turn, company)
        asked_for = _say(Said.ASK_OPT_IN, company, "en")
        consent: ConsentChange | None = _change(
            company, text, Direction.GRANT, asked.method, disclosure=asked_for, confirms=True
        )
    elif word is Word.HELP:
        consent = None
    else:
        direction = Direction.REVOKE if word is Word.OPT_OUT else Direction.GRANT
        consent = _change(company, text, direction, asked.method)
    answered = text.opt_out_type is not None or (
        asked.method is Method.KEYWORD
        and turn.gateway in company.answering
        and gateway_answers(text.body)
    )
    return Decision(
        None,
        "rule",
        opted_out=word is Word.OPT_OUT or (turn.opted_out and word is Word.HELP),
        rule=str(word),
        reply=None if answered else _say(word, company, asked.language),
        consent=consent,
    )


def _double_opt_in(asked: _Asked, turn: ClaimedTurn, company: Company) -> Decision:
    """Only the YES to this grants anything."""
    return Decision(
        None,
        "rule",
        opted_out=turn.opted_out,
        rule="opt-in-asked",
        reply=_say(Said.ASK_OPT_IN, company, "en"),
        consent=_change(company, asked.text, Direction.REQUESTED, asked.method, question="opt-in"),
    )


def _say(word: Word | Said, company: Company, language: str) -> str:
    return reply_for(word, company.brand, company.help_contact, language)


def _change(
    company: Company,
    text: WaitingText,
    direction: Direction,
    method: Method,
    *,
    question: str | None = None,
    disclosure: str | None = None,
    confirms: bool = False,
) -> ConsentChange:
    return ConsentChange(
        direction=direction,
        method=method,
        text_id=text.id,
        seller=company.brand,
        opt_out_scope=company.opt_out_scope,
        question=question,
        disclosure=disclosure,
        confirms=confirms,
    )
