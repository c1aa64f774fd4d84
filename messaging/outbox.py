"""Texts to be sent, as rows: put in here by whoever has something to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from database.encryption import cipher
from database.pool import Connection
from messaging.composing import compose
from messaging.duplicate_table import limit
from messaging.duplicates import Claim, digest_of, is_limited
from messaging.gsm7 import Change
from messaging.lanes import Lane
from messaging.long_texts import LongText, keep, new_token
from messaging.media import Attachment
from messaging.media_limits import room_for_links
from messaging.metrics import DUPLICATES, HELD
from messaging.opening_table import keep as keep_opening
from messaging.openings import Opening
from messaging.quiet_hours import Decision, Held
from messaging.sealed import OUTBOUND_BODY
from messaging.segments import segment_count
from messaging.text_policy import TextPolicy

VALIDITY = {
    "reply": timedelta(hours=1),
    "failure": timedelta(hours=1),
    "notice": timedelta(hours=12),
    "expiry": timedelta(hours=1),
    "delay": timedelta(minutes=10),
}
"""How long a text of each kind is worth sending; after that it fails as expired."""


@dataclass(frozen=True, slots=True)
class NewText:
    """A text to be sent.

    Attributes:
        id: ours, and the vendor's reference where it has a field for one.
        turn_id: the turn that it answers, if it answers one.
        position: its place among the replies of the turn.
        kind: ``reply``, ``failure``, ``notice``, ``expiry`` or ``delay``.
        lane: its urgency.
        part: its place among the ``parts`` of a text that was too long for one request.
        media: files that go with it.
        trace: W3C traceparent of what it answers, where traces are kept.
        changes: what was replaced in the body, for its record.
        page: all the words, where the body only begins them and links to the rest.
        confirmation: whether it answers STOP, START or HELP.
        claim: to be the only one with its words, where it is not sent if it repeats another;
            its parts share one.
        subject: what it is about, as caps count; its kind where nothing is named.
        not_before: when somebody wants it to leave; until then it holds up no other text.
        not_after: when it is of no use any more, however long it was held.
        hours: what its phone's hours say of it; None where none hold it.
        held: why and until when it waits, if it does.
        opening: what an answer to it means, where it begins a conversation; its parts share it.
    """

    id: UUID
    conversation_id: UUID
    gateway: str
    sender: str
    recipient: str
    body: str
    kind: str
    created_at: datetime
    turn_id: UUID | None = None
    position: int = 0
    lane: Lane = Lane.REPLY
    part: int = 1
    parts: int = 1
    media: tuple[Attachment, ...] = ()
    trace: str | None = None
    changes: tuple[Change, ...] = ()
    page: LongText | None = None
    confirmation: bool = False
    claim: Claim | None = None
    subject: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    hours: Decision | None = None
    held: Held | None = None
    opening: Opening | None = None


INSERT = """
INSERT INTO outbound_text (id, conversation_id, turn_id, position, kind, lane, part, parts, gateway,
    sender, recipient, body, media, segments, trace, created_at, subject, not_before, not_after,
    next_attempt_at, expires_at, updated_at)
VALUES (%(id)s, %(conversation_id)s, %(turn_id)s, %(position)s, %(kind)s, %(lane)s, %(part)s,
    %(parts)s, %(gateway)s, %(sender)s, %(recipient)s, %(body)s, %(media)s, %(segments)s,
    %(trace)s, %(created_at)s, %(subject)s, now() + %(early)s, now() + %(useful)s, now() + %(wait)s,
    least(now() + %(useful)s, now() + %(wait)s + %(validity)s), %(created_at)s)
"""
HOURS = """
INSERT INTO text_event (outbound_id, at, kind, code, detail)
VALUES (%(id)s, %(at)s, %(kind)s, %(code)s, %(detail)s)
"""
TRANSLITERATED = """
INSERT INTO text_event (outbound_id, at, kind, detail)
VALUES (%(id)s, %(at)s, 'transliterated', %(detail)s)
"""


async def enqueue(connection: Connection, texts: Sequence[NewText]) -> None:
    """Put texts into the outbox, in order; within the caller's transaction.

    One that repeats another is put in as failed (``messaging/duplicate_table.py``).

    Args:
        connection: in a transaction, so that the texts exist only if all else does.
        texts: to be sent.
    """
    if not texts:
        return
    messages: dict[Claim, list[UUID]] = {}
    async with connection.pipeline():  # nothing in it needs an answer, so it is one round trip
        for text in texts:
            await _insert(connection, text)
            if text.claim is not None:
                messages.setdefault(text.claim, []).append(text.id)
        for begun in _beginnings(texts):
            opening, ids = begun[0].opening, [text.id for text in begun]
            assert opening is not None  # noqa: S101  that is how they were chosen
            await keep_opening(connection, opening, begun[0].recipient, ids)
        blocked = await limit(connection, messages)
        await connection.execute("SELECT pg_notify('linnet_outbox', '')")
    DUPLICATES.inc(sum(cursor.rowcount for cursor in blocked))
    for text in texts:
        if text.held is not None:
            HELD.labels(text.held.code).inc()


def _beginnings(texts: Sequence[NewText]) -> list[list[NewText]]:
    """Texts that begin a conversation, each with its parts."""
    found: list[list[NewText]] = []
    for text in texts:
        if text.opening is not None:
            if text.part == 1:
                found.append([])
            found[-1].append(text)
    return found


async def _insert(connection: Connection, text: NewText) -> None:
    await connection.execute(
        INSERT,
        {
            "id": text.id,
            "conversation_id": text.conversation_id,
            "turn_id": text.turn_id,
            "position": text.position,
            "kind": text.kind,
            "gateway": text.gateway,
            "sender": text.sender,
            "recipient": text.recipient,
            "body": cipher().seal(text.body, OUTBOUND_BODY),
            "lane": int(text.lane),
            "part": text.part,
            "parts": text.parts,
            "media": Jsonb([file.as_json() for file in text.media]),
            "segments": 1 if text.media else segment_count(text.body),
            "trace": text.trace,
            "created_at": text.created_at,
            "subject": text.subject or text.kind,
            "early": text.not_before and text.not_before - text.created_at,
            "useful": text.not_after and text.not_after - text.created_at,
            "wait": text.held.until - text.created_at if text.held else timedelta(0),
            "validity": VALIDITY[text.kind],
        },
    )
    event: dict[str, Any] = {"id": text.id, "at": text.created_at}
    if text.held is not None:
        event |= {"kind": "held", "code": text.held.code, "detail": text.held.detail}
        await connection.execute(HOURS, event)
    elif text.hours is not None:
        event |= {"kind": "hours-allow", "code": None, "detail": text.hours.reason}
        await connection.execute(HOURS, event)
    if text.changes:
        detail = "; ".join(map(str, text.changes))
        await connection.execute(
            TRANSLITERATED, {"id": text.id, "at": text.created_at, "detail": detail}
        )
    if text.page is not None:
        await keep(connection, text.page, text.conversation_id, text.created_at)


def texts_for(words: NewText, policy: TextPolicy, new_id: Callable[[], UUID]) -> list[NewText]:
    """The texts that say what one draft says: parts, where it is too long for one.

    Args:
        words: the draft, its body of any length. The first text keeps its id, place and media;
            the others follow.
        policy: how words become texts.
        new_id: for the ids of the others.

    Returns:
        None at all where there are neither words nor media.
    """
    words = replace(words, claim=words.claim or _claim(words, policy))
    longest = max(policy.least, policy.longest - room_for_links(words.media))
    composed = compose(words.body, replace(policy, longest=longest), new_token)
    if not composed.bodies:
        return [replace(words, body="")] if words.media else []
    page = LongText(composed.token, words.body.strip()) if composed.token else None
    return [
        replace(
            words,
            id=new_id() if index else words.id,
            body=body.text,
            position=words.position + index,
            part=index + 1,
            parts=len(composed.bodies),
            media=() if index else words.media,
            changes=body.changes,
            page=page,
        )
        for index, body in enumerate(composed.bodies)
    ]


def _claim(words: NewText, policy: TextPolicy) -> Claim | None:
    limited = is_limited(
        policy.limit_duplicates, words.kind, words.lane, confirmation=words.confirmation
    )
    if not limited:
        return None
    digest = digest_of(words.body, [file.url for file in words.media])
    at = words.created_at
    if words.not_before is not None and words.held is not None:
        at = words.held.until
    return Claim(words.recipient, digest, words.id, at)
