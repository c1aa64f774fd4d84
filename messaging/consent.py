"""Who wants our texts: events of consent, what follows from them, and the chain that binds them.

An event is never changed; whoever thinks better of it makes another one. Each is hashed together
with the hash of the one before (requirement R166), so that a row that was changed, removed,
inserted or moved is found. All phones share one chain: of a chain for each phone, the last event,
or the whole chain, could be taken away and nothing would be missed. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

GENESIS = bytes(32)
"""What the first event is chained to."""

BUSINESS_DAYS = 10
"""How long a request to stop may take at most, 47 CFR 64.1200(a)(10)."""

_SATURDAY = 5


class Direction(StrEnum):
    """What an event does.

    Attributes:
        GRANT: our texts are wanted.
        REVOKE: they are not.
        RECONFIRM: they still are; the answer to ``PENDING``, or a START of a subscriber.
        PENDING: a text may ask for no more of ours; the customer was asked. Nothing unasked
            is sent meanwhile.
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
    """

    KEYWORD = "keyword"
    WORDING = "wording"
    GATEWAY = "gateway"
    WEB = "web"
    VERBAL = "verbal"
    EMAIL = "email"
    PAPER = "paper"
    IMPORT = "import"


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


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place in the ledger, as the table has it.

    Attributes:
        id: its place, from 1 without gaps.
        content: all columns that are not null, but for id and hash.
        hash: of this and of all that stands before.
    """

    id: int
    content: dict[str, object]
    hash: bytes


def digest(previous: bytes, id: int, content: dict[str, object]) -> bytes:
    """The hash of an entry.

    Args:
        previous: the hash of the entry before; ``GENESIS`` for the first.
        id: its place.
        content: its columns; those that are null are left out, so that a column that is added
            later changes no hash.
    """
    plain = {name: _plain(value) for name, value in {**content, "id": id}.items()}
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(previous + canonical.encode("ascii")).digest()


def _plain(value: object) -> object:
    if isinstance(value, datetime):  # to the microsecond, as PostgreSQL keeps it
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum) else value


class ChainCheck:
    """Reads a ledger from its first entry to its last, and says where it was tampered with."""

    def __init__(self) -> None:
        self.last, self.hash = 0, GENESIS
        self.faults: list[str] = []

    def add(self, entry: Entry) -> None:
        """Check the next entry, in the order of the ids."""
        missing = entry.id - self.last - 1
        if missing > 0:
            first = self.last + 1
            those = (
                f"entry {first} is" if missing == 1 else f"entries {first} to {entry.id - 1} are"
            )
            self.faults.append(f"{those} missing")
        elif digest(self.hash, entry.id, entry.content) != entry.hash:
            self.faults.append(f"entry {entry.id}, or what stood before it, was changed")
        self.last, self.hash = entry.id, entry.hash

    def end(self, last_id: int, head: bytes) -> None:
        """Check that the ledger ends where its end was noted.

        Args:
            last_id: the place of the last entry.
            head: its hash.
        """
        if self.last < last_id:
            self.faults.append(f"entries after {self.last} are missing: there were {last_id}")
        elif (self.last, self.hash) != (last_id, head):
            self.faults.append(f"entry {self.last} is not the one that was recorded last")


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What a phone's events come to.

    Attributes:
        opted_out: nothing is wanted from us.
        notices: texts that the customer did not ask for, about something of their own, may go.
        marketing: all other texts may go: there is consent with proof of what was shown
            (prior express written consent, 47 CFR 64.1200(f)(9)), and nothing against it.
        consented: somebody has granted something at some time.
    """

    opted_out: bool
    notices: bool
    marketing: bool
    consented: bool


def state_of(events: Iterable[ConsentEvent], number: str | None = None) -> ConsentState:
    """What a phone's events come to.

    A grant takes back only what was revoked before it was given: a list that is imported today
    brings nobody back who has opted out since it was written, nor does one without times. A
    START counts in the order in which it was handled.

    Args:
        events: of one phone, in the order of the ledger.
        number: only what is about this number of ours; None for what was said to any of them.
    """
    revoked: dict[str, datetime] = {}
    written, pending, consented = False, False, False
    for event in events:
        if number is not None and event.number not in {None, number}:
            continue
        pending = event.direction is Direction.PENDING or (
            pending and event.direction is Direction.REQUESTED
        )
        if event.direction is Direction.REVOKE:
            at = event.captured_at or event.recorded_at
            revoked |= {
                scope: max(at, revoked.get(scope, at)) for scope in _covered(event.scope, MARKETING)
            }
        elif event.direction is Direction.GRANT:
            consented = True
            granted = _covered(event.scope) if event.proof == "proven" else frozenset()
            written = written or (event.disclosure is not None and MARKETING in granted)
            revoked = {
                scope: at
                for scope, at in revoked.items()
                if scope not in granted or not _given_after(event, at)
            }
    return ConsentState(
        opted_out=revoked.keys() >= {MARKETING, TRANSACTIONAL},
        notices=TRANSACTIONAL not in revoked and not pending,
        marketing=written and not pending and MARKETING not in revoked,
        consented=consented,
    )


def silenced(events: Iterable[ConsentEvent], number: str, since: datetime) -> bool:
    """Whether a conversation counts as opted out, so that only START, STOP and HELP are answered.

    What was said before it, and not to its number, is no reason: whoever texts is answered.

    Args:
        events: of its phone, in the order of the ledger.
        number: of ours.
        since: when it began.
    """
    about = [event for event in events if event.number or event.recorded_at >= since]
    return state_of(about, number).opted_out


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
