"""Texts that nobody asked for, as rows of the outbox, where the phone takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from psycopg import Rollback

from database.pool import Connection
from messaging.consent import ConsentEvent, ConsentPolicy, OptOutScope, Wanted, state_of
from messaging.consent_table import events_of
from messaging.lanes import Lane
from messaging.media import Attachment
from messaging.openings import Opening
from messaging.outbox import NewText, enqueue, texts_for
from messaging.phone_hours import QuietHours
from messaging.scheduling import leaves_at, scheduled
from messaging.text_policy import TextPolicy

CONVERSATION = """
INSERT INTO conversation (id, gateway, number, phone, created_at)
VALUES (%(id)s, %(gateway)s, %(number)s, %(phone)s, %(now)s)
ON CONFLICT (number, phone) DO UPDATE SET gateway = EXCLUDED.gateway
RETURNING id, opted_out_at IS NOT NULL AS opted_out, unreachable_code IS NOT NULL AS unreachable
"""

EARLIER = "SELECT FROM outbound_text WHERE recipient = %(phone)s LIMIT 1"


async def enqueue_notice(
    connection: Connection,
    *,
    gateway: str,
    number: str,
    phone: str,
    body: str,
    policy: TextPolicy,
    new_id: Callable[[], UUID],
    now: datetime,
    lane: Lane = Lane.REMINDER,
    media: tuple[Attachment, ...] = (),
    hours: QuietHours | None = None,
    subject: str | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    consent: ConsentPolicy | None = None,
    opening: Opening | None = None,
    although_opted_out: bool = False,
) -> list[UUID]:
    """Put a one-off text into the outbox, unless the phone opted out.

    Args:
        connection: to the database.
        gateway: that carries it.
        number: of ours that it leaves from.
        phone: the customer's, E.164.
        body: what to say.
        policy: how words become texts at the gateway.
        new_id: for the ids of the texts, and of the conversation, should it be a new one.
        now: the time, UTC.
        lane: its urgency.
        media: files that go with it.
        hours: of phones, so that the text waits for them from the start, and its record says
            why; without them it waits from the worker's look at it on.
        subject: what it is about, as caps count; its kind where nothing is named.
        not_before: when it leaves at the earliest, UTC; None for at once.
        not_after: when it is of no use any more; it fails as expired then, held or not.
        consent: what must hold before it leaves, and what a first text says besides; with it,
            what goes to many (``Lane.BULK``) is marketing and needs consent with proof. Without
            it, the phone must not have said to any number of ours that it wants no more.
        opening: what an answer to it means, where it begins a conversation.
        although_opted_out: whether a phone gets it that said STOP; safety alone is worth that.

    Returns:
        The ids of the texts: several, where it is too long for one; failed ones, where it
        repeats another. None, where the customer opted out or the phone gets no texts; nothing
        is sent then.

    Raises:
        WrongTime: it cannot leave when it is to.
    """
    at = leaves_at(not_before, not_after, now)
    texts: list[NewText] = []
    async with connection.transaction() as kept:
        row = await (
            await connection.execute(
                CONVERSATION,
                {
                    "id": new_id(),
                    "gateway": gateway,
                    "number": number,
                    "phone": phone,
                    "now": now,
                },
            )
        ).fetchone()
        assert row is not None  # noqa: S101  the statement always returns a row
        if row["unreachable"]:  # a conversation that begins with a refusal has not begun
            raise Rollback(kept)
        if not although_opted_out:
            events = (await events_of(connection, [phone]))[phone]
            wanted = wanted_of(events, number, lane, consent, now)
            if row["opted_out"] or not is_taken(wanted, lane):
                raise Rollback(kept)
        decision = await hours.decide(connection, phone, lane, at) if hours else None
        held = hours.held(decision, lane, row["id"], at) if hours and decision else None
        draft = NewText(
            id=new_id(),
            conversation_id=row["id"],
            gateway=gateway,
            sender=number,
            recipient=phone,
            body=body,
            kind="notice",
            lane=lane,
            created_at=now,
            media=media,
            subject=subject,
            not_before=not_before,
            not_after=not_after,
            hours=decision,
            held=held or scheduled(not_before),
            opening=opening,
        )
        introduction = consent.introduction if consent else None
        if introduction and not (lane > Lane.REPLY and await _first(connection, phone)):
            introduction = None
        texts = notice_texts(draft, policy, new_id, introduction)
        await enqueue(connection, texts)
    return [text.id for text in texts]


def notice_texts(
    draft: NewText, policy: TextPolicy, new_id: Callable[[], UUID], introduction: str | None
) -> list[NewText]:
    """The texts of a notice.

    Args:
        draft: as for ``texts_for``.
        policy: how words become texts.
        new_id: for the ids of further texts.
        introduction: added where that makes no text more of it; None where the phone knows us.
    """
    texts = texts_for(draft, policy, new_id)
    if introduction is None:
        return texts
    # It says the same as a text without them, which is to be found a duplicate of it.
    told = replace(
        draft,
        body=f"{draft.body.rstrip()}\n{introduction}",
        claim=next((text.claim for text in texts), None),
    )
    introduced = texts_for(told, policy, new_id)
    return introduced if len(introduced) == len(texts) else texts


def wanted_of(
    events: Iterable[ConsentEvent],
    number: str,
    lane: Lane,
    policy: ConsentPolicy | None,
    now: datetime,
) -> Wanted:
    """Whether a phone, whichever of our numbers it told so, wants what it did not ask for.

    Args:
        events: of the phone, in the order of the ledger.
        number: of ours that the text would leave from.
        lane: of the text.
        policy: where a STOP counts; with it, what goes to many is marketing.
        now: the time, UTC.
    """
    here = policy is not None and policy.scope is OptOutScope.NUMBER
    state = state_of(events, now, number if here else None)
    return state.marketing if policy is not None and lane is Lane.BULK else state.notices


def is_taken(wanted: Wanted, lane: Lane) -> bool:
    """Whether a text that nobody asked for is put into the outbox.

    What is about something of the customer's own waits there for the answer to our question
    whether no more texts are wanted (``messaging/holding.py``); what goes to many is refused.

    Args:
        wanted: whether the phone wants it.
        lane: of the text.
    """
    return wanted is Wanted.YES or (wanted is Wanted.ASKED and lane is not Lane.BULK)


async def _first(connection: Connection, phone: str) -> bool:
    """Whether the phone never got a text from us."""
    cursor = await connection.execute(EARLIER, {"phone": phone})
    return await cursor.fetchone() is None
