"""Who wants our texts: events of consent, and what follows from them. Pure.

An event is never changed; whoever thinks better of it makes another one
(``messaging/consent_chain.py`` says how that is proved).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum

BUSINESS_DAYS = 10
"""How long a request to stop may take at most, 47 CFR 64.1200(a)(10)."""

QUESTION_OPEN = timedelta(hours=72)
"""How long a question about consent waits for its answer; a YES after it means something else.
The prompts of compliance B1 live for 24 to 72 hours; what is asked here is worth the longest."""

_SATURDAY = 5


class Direction(StrEnum):
    """What an event does.

    Attributes:
        GRANT: our texts are wanted.
        REVOKE: they are not.
        RECONFIRM: they still are; the answer to ``PENDING``, or a START of a subscriber.
        PENDING: a text may ask for no more of ours; the customer was asked. Nothing unasked
            is sent for ``QUESTION_OPEN``, and no marketing until it is settled.
        REQUESTED: an opt-in waits for the YES that makes it one.
    """

    GRANT = "grant"
    REVOKE = "revoke"
    RECONFIRM = "reconfirm"
    PENDING = "pending"
    REQUESTED = "requested"


class Method(StrEnum):
    """How consent was given or taken back.

    Attributes:
        KEYWORD: a text that is a word such as STOP.
        WORDING: a text in the customer's own words.
        GATEWAY: the vendor says so: its form's ``OptOutType``, or it refuses to send (21610).
        WEB: a form on a page.
        VERBAL: by voice.
        EMAIL: by e-mail.
        PAPER: by letter, or on a form that was signed.
        IMPORT: from a list that does not say how.
        ERASURE: what is left of all that was said by somebody who was forgotten: never in the
            ledger, but made of a suppression (``messaging/suppression.py``).
    """

    KEYWORD = "keyword"
    WORDING = "wording"
    GATEWAY = "gateway"
    WEB = "web"
    VERBAL = "verbal"
    EMAIL = "email"
    PAPER = "paper"
    IMPORT = "import"
    ERASURE = "erasure"


class OptOutScope(StrEnum):
    """Where a STOP counts: at the number that was texted, or at all of ours."""

    NUMBER = "number"
    ALL = "all"


ALL, MARKETING, TRANSACTIONAL = "all", "marketing", "transactional"
"""Scopes of an event; another one is a programme's, as ``program/recall``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent:
    """Something that was said about our texts, and what shows it.

    Attributes:
        phone: the customer's, E.164.
        direction: what it does.
        scope: ``all``, ``marketing``, ``transactional`` or ``program/<name>``.
        method: how it was said.
        actor: who recorded it: ``customer``, a gateway's name, or somebody of the staff.
        recorded_at: when it was put into the ledger, aware.
        number: of ours, the one that it is about; None for all of them.
        captured_at: when it was said, aware; None where nobody knows.
        zone: in which the customer was then, IANA.
        disclosure: exactly what the customer had read or heard before.
        body: the text, as it came.
        gateway: that brought it, or refused ours.
        vendor_id: the vendor's id of that text.
        request_id: the vendor's id of the text that asked for what this one confirms.
        source: the page, form, file or place where it was said.
        ip: from which a form was sent.
        user_agent: with which.
        subject: the customer's name or e-mail address, if given.
        seller: in whose name the consent was asked for.
        not_condition_of_purchase: whether the disclosure said that nobody has to consent.
        due_by: when a request by other ways than a text must be honoured at latest.
    """

    phone: str
    direction: Direction
    scope: str
    method: Method
    actor: str
    recorded_at: datetime
    number: str | None = None
    captured_at: datetime | None = None
    zone: str | None = None
    disclosure: str | None = None
    body: str | None = None
    gateway: str | None = None
    vendor_id: str | None = None
    request_id: str | None = None
    source: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    subject: str | None = None
    seller: str | None = None
    not_condition_of_purchase: bool | None = None
    due_by: date | None = None

    @property
    def proof(self) -> str:
        """``proven``, or ``unproven`` where time, method or what was shown is not on record."""
        known = self.captured_at is not None and self.method is not Method.IMPORT
        shown = self.disclosure is not None or (
            self.body is not None and self.vendor_id is not None
        )
        return (
            "proven" if known and (shown or self.direction is not Direction.GRANT) else "unproven"
        )

    @property
    def disclosure_version(self) -> str | None:
        """SHA-256 of the disclosure, hexadecimal; the same for everybody who was shown the same."""
        if self.disclosure is None:
            return None
        return hashlib.sha256(self.disclosure.encode()).hexdigest()

    def content(self) -> dict[str, object]:
        """All that is kept of it, without what is not known."""
        known: dict[str, object] = {one.name: getattr(self, one.name) for one in fields(self)}
        known |= {"proof": self.proof, "disclosure_version": self.disclosure_version}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChange:
    """What a customer's text does to consent, for the turn that handles it to write down.

    Attributes:
        direction: what it does.
        method: how it was said.
        text_id: of the text that says it (``inbound_text.id``).
        question: what we ask about consent now: ``opt-out``, ``opt-in`` or nothing.
        disclosure: what the customer had read before, where we know it.
        confirms: whether it is the YES to an opt-in that was asked for by an earlier text.
        seller: in whose name texts are sent.
        opt_out_scope: where it counts, should it be an opt-out.
    """

    direction: Direction
    method: Method
    text_id: int
    seller: str
    opt_out_scope: OptOutScope
    question: str | None = None
    disclosure: str | None = None
    confirms: bool = False


@dataclass(frozen=True, slots=True)
class ConsentPolicy:
    """What must hold before a text leaves that nobody asked for, and what it must say.

    Attributes:
        scope: where a STOP counts.
        introduction: added to the first text that a phone ever gets from us, where there is a
            privacy policy to link to (requirement R164).
    """

    scope: OptOutScope = OptOutScope.ALL
    introduction: str | None = None


class Wanted(StrEnum):
    """Whether texts of a kind may go.

    Attributes:
        YES: they may.
        ASKED: they may, but for our question whether no more are wanted, which is not settled.
        NO: they may not.
    """

    YES = "yes"
    ASKED = "asked"
    NO = "no"


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What a phone's events come to.

    Attributes:
        opted_out: nothing is wanted from us.
        notices: texts that the customer did not ask for, about something of their own. They
            wait for the answer to our question for ``QUESTION_OPEN``.
        marketing: all other texts. There must be consent with proof of what was shown (prior
            express written consent, 47 CFR 64.1200(f)(9)), and nothing against it; while nobody
            has answered our question, however long ago it was asked, they do not go
            (compliance B1, rule 5).
        consented: somebody has granted something at some time.
    """

    opted_out: bool
    notices: Wanted
    marketing: Wanted
    consented: bool


def state_of(
    events: Iterable[ConsentEvent], now: datetime, number: str | None = None
) -> ConsentState:
    """What a phone's events come to.

    A grant takes back only what was revoked before it was given: a list that is imported today
    brings nobody back who has opted out since it was written, nor does one without times. A
    START counts in the order in which it was handled.

    Args:
        events: of one phone, in the order of the ledger.
        now: the time, UTC.
        number: only what is about this number of ours; None for what was said to any of them.
    """
    said = _sum(events, number)
    asked = said.pending_since is not None
    is_open = said.pending_since is not None and now < said.pending_since + QUESTION_OPEN
    return ConsentState(
        opted_out=said.opted_out,
        notices=_wanted(may=TRANSACTIONAL not in said.revoked, asked=is_open),
        marketing=_wanted(may=said.written and MARKETING not in said.revoked, asked=asked),
        consented=said.consented,
    )


def _wanted(*, may: bool, asked: bool) -> Wanted:
    if not may:
        return Wanted.NO
    return Wanted.ASKED if asked else Wanted.YES


@dataclass(frozen=True, slots=True)
class Refusal:
    """What must be remembered of a phone whose events are forgotten.

    Attributes:
        scope: ``all``, ``marketing`` or ``transactional``: what is not wanted.
        since: when that was said, aware.
    """

    scope: str
    since: datetime


def refusal_of(events: Iterable[ConsentEvent]) -> Refusal | None:
    """What a phone does not want, told to any number of ours; None where that is nothing.

    A question whether no more texts are wanted that nobody answered counts as a yes, because
    nobody could answer it any more.

    Args:
        events: of one phone, in the order of the ledger.
    """
    said = _sum(events, None)
    if said.pending_since is not None:
        return Refusal(ALL, said.pending_since)
    if not said.revoked:
        return None
    scope = ALL if len(said.revoked) > 1 else next(iter(said.revoked))
    return Refusal(scope, max(said.revoked.values()))


@dataclass(slots=True)
class _Sum:
    revoked: dict[str, datetime]
    pending_since: datetime | None = None
    written: bool = False
    consented: bool = False

    @property
    def opted_out(self) -> bool:
        return self.revoked.keys() >= {MARKETING, TRANSACTIONAL}


def _sum(events: Iterable[ConsentEvent], number: str | None) -> _Sum:
    said = _Sum({})
    for event in events:
        if number is not None and event.number not in {None, number}:
            continue
        if event.direction is Direction.PENDING:
            said.pending_since = event.recorded_at
        elif event.direction is not Direction.REQUESTED:
            said.pending_since = None
        if event.direction is Direction.REVOKE:
            at = event.captured_at or event.recorded_at
            said.revoked |= {
                scope: max(at, said.revoked.get(scope, at))
                for scope in _covered(event.scope, MARKETING)
            }
        elif event.direction is Direction.GRANT:
            said.consented = True
            granted = _covered(event.scope) if event.proof == "proven" else frozenset()
            said.written |= event.disclosure is not None and MARKETING in granted
            said.revoked = {
                scope: at
                for scope, at in said.revoked.items()
                if scope not in granted or not _given_after(event, at)
            }
    return said


def silenced(events: Iterable[ConsentEvent], number: str, since: datetime) -> bool:
    """Whether a conversation counts as opted out, so that only START, STOP and HELP are answered.

    What was said before it, and not to its number, is no reason: whoever texts is answered. Of
    somebody who was forgotten nobody knows to which number it was said; it counts for each.

    Args:
        events: of its phone, in the order of the ledger.
        number: of ours.
        since: when it began.
    """
    about = [
        event
        for event in events
        if event.number or event.recorded_at >= since or event.method is Method.ERASURE
    ]
    return _sum(about, number).opted_out


def _given_after(grant: ConsentEvent, revoked_at: datetime) -> bool:
    if grant.method is Method.KEYWORD:  # it was handled after what stands before it
        return True
    return grant.captured_at is not None and grant.captured_at > revoked_at


def _covered(scope: str, otherwise: str | None = None) -> frozenset[str]:
    """The kinds of texts that a scope is about; ``otherwise`` is what a programme's counts as."""
    if scope == ALL:
        return frozenset({MARKETING, TRANSACTIONAL})
    known = scope if scope in {MARKETING, TRANSACTIONAL} else otherwise
    return frozenset() if known is None else frozenset({known})


def due_by(asked: date) -> date:
    """The last day on which a request to stop can be honoured in time.

    Holidays are taken for working days, so it is never later than the rule allows.

    Args:
        asked: the day on which the customer asked.

    >>> due_by(date(2026, 11, 25))
    datetime.date(2026, 12, 9)
    """
    day, left = asked, BUSINESS_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < _SATURDAY
    return day
