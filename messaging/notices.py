"""Texts that nobody asked for, as the business sends them: a number, words, and all the rules.

Reminders, campaigns, the API and the command line all come through here, so that none of them
forgets a rule. A notice is put into the outbox in the caller's transaction, or refused with the
reason; what is refused leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from database.pool import Connection
from messaging.consent import ConsentPolicy, Wanted
from messaging.consent_table import events_of
from messaging.errors import UnknownSender
from messaging.lanes import Lane
from messaging.media import Attachment
from messaging.notice_texts import enqueue_notice, wanted_of
from messaging.openings import Opening
from messaging.phone_hours import QuietHours
from messaging.routing import Candidate, Route, route
from messaging.text_policy import TextPolicy


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be said to whom.

    Attributes:
        phone: the customer's, E.164.
        body: the words, of any length.
        lane: its urgency, and with it the rules that hold: what goes to many
            (``Lane.BULK``) is marketing.
        subject: what it is about, as caps count.
        not_before: when it leaves at the earliest, UTC, 30 days ahead at most; None for at once.
            It waits in the outbox, and can be withdrawn there.
        not_after: when it is of no use any more; it fails as expired then.
        opening: what an answer to it means, where it begins a conversation.
        media: files that go with it.
        number: of ours that it leaves from; when None, the one that the customer knows, and
            for a new customer one of a gateway that is well.
    """

    phone: str
    body: str
    lane: Lane = Lane.REMINDER
    subject: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    opening: Opening | None = None
    media: tuple[Attachment, ...] = ()
    number: str | None = None
    although_opted_out: bool = False

    def __post_init__(self) -> None:
        """Refuse what nothing but safety may do."""
        if self.although_opted_out and self.lane is not Lane.EMERGENCY:
            raise ValueError("only an emergency goes to phones that opted out")


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was put into the outbox.

    Attributes:
        code: stable: ``notice.opted-out``, ``notice.no-consent``, ``notice.consent-pending`` or
            ``notice.unreachable``.
        staff: why, for the front desk.
    """

    code: str
    staff: str


OPTED_OUT = Refused("notice.opted-out", "This customer has opted out of our texts.")
NO_CONSENT = Refused(
    "notice.no-consent", "This customer has not agreed to advertising, or nothing shows it."
)
CONSENT_PENDING = Refused(
    "notice.consent-pending",
    "This customer was asked whether no more texts are wanted and has not answered;"
    " no advertising until then.",
)
UNREACHABLE = Refused("notice.unreachable", "This phone gets no texts.")

REACHABLE = """
SELECT bool_or(unreachable_code IS NOT NULL) AS unreachable,
    bool_or(opted_out_at IS NOT NULL) AS opted_out
FROM conversation WHERE phone = %(phone)s AND number = %(number)s
"""


@dataclass(frozen=True, slots=True)
class NoticeDesk:
    """Takes notices, with everything that they must comply with.

    Attributes:
        text_policies: how words become texts at each gateway, by its name.
        candidates: all gateways.
        consent: what must hold before a notice leaves.
        hours: of phones; None where texts leave at any.
        new_id: for the ids of texts.
        random: gives a number from 0 up to 1; divides new conversations among gateways.
    """

    text_policies: Mapping[str, TextPolicy]
    candidates: Sequence[Candidate]
    consent: ConsentPolicy
    hours: QuietHours | None
    new_id: Callable[[], UUID]
    random: Callable[[], float]

    async def enqueue(
        self, connection: Connection, notice: Notice, now: datetime
    ) -> list[UUID] | Refused:
        """Put a notice into the outbox, or say why not.

        Args:
            connection: in a transaction.
            notice: what is to be said to whom.
            now: the time, UTC.

        Returns:
            The ids of its texts, failed ones where it repeats another; or the refusal.

        Raises:
            UnknownSender: the number that it names is none of ours.
            WrongTime: it cannot leave when it is to.
        """
        way = await self.way(connection, notice)
        ids = await enqueue_notice(
            connection,
            gateway=way.gateway,
            number=way.number,
            phone=notice.phone,
            body=notice.body,
            policy=self.text_policies[way.gateway],
            new_id=self.new_id,
            now=now,
            lane=notice.lane,
            media=notice.media,
            hours=self.hours,
            subject=notice.subject,
            not_before=notice.not_before,
            not_after=notice.not_after,
            consent=self.consent,
            opening=notice.opening,
            although_opted_out=notice.although_opted_out,
        )
        return ids or await self._refusal(connection, notice, way, now)

    async def way(self, connection: Connection, notice: Notice) -> Route:
        """The number that a notice leaves from.

        Raises:
            UnknownSender: the number that it names is none of ours.
        """
        if notice.number is None:
            return await route(connection, notice.phone, self.candidates, self.random)
        for one in self.candidates:
            if notice.number in one.numbers:
                return Route(one.gateway, notice.number)
        raise UnknownSender(f"{notice.number} is none of our numbers")

    async def _refusal(
        self, connection: Connection, notice: Notice, way: Route, now: datetime
    ) -> Refused:
        given = {"phone": notice.phone, "number": way.number}
        row = await (await connection.execute(REACHABLE, given)).fetchone()
        assert row is not None  # noqa: S101  an aggregate always returns a row
        events = (await events_of(connection, [notice.phone]))[notice.phone]
        own, any_at_all = (
            wanted_of(events, way.number, lane, self.consent, now)
            for lane in (notice.lane, Lane.REMINDER)
        )
        return refusal(
            notice.lane,
            own,
            unreachable=bool(row["unreachable"]),
            opted_out=bool(row["opted_out"]) or any_at_all is Wanted.NO,
        )


def refusal(lane: Lane, wanted: Wanted, *, unreachable: bool, opted_out: bool) -> Refused:
    """Why a phone does not get a text that nobody asked for, given that it does not.

    Args:
        lane: of the text.
        wanted: whether the phone wants texts of this lane.
        unreachable: whether its gateway has said that it gets no texts.
        opted_out: whether it has told that it wants no texts of any kind.
    """
    if opted_out:
        return OPTED_OUT
    if unreachable:
        return UNREACHABLE
    if lane is not Lane.BULK:
        return OPTED_OUT
    return CONSENT_PENDING if wanted is Wanted.ASKED else NO_CONSENT
