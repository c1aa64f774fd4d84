"""The turn in SQL: claimed by one worker, and renewed (``messaging/turn_outcome.py`` ends it).

A conversation with something to answer has ``turn_due_at``. A worker claims it by writing
``lease_until``; when the lease runs out, another worker claims it and finds the turn still
running, with the same id and the same texts, one attempt later. Times that decide who may
work come from the database's clock, the one clock that all workers share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from connectors.gateways.base import Media
from database.encryption import cipher
from database.pool import Connection, Pool
from messaging.assistant import Option
from messaging.consent import QUESTION_OPEN, silenced
from messaging.consent_table import events_of
from messaging.errors import SettingsError, Unreadable
from messaging.opening_table import begun, give
from messaging.openings import Begun
from messaging.sealed import INBOUND_BODY, MENU

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WaitingText:
    """A text of the turn.

    Attributes:
        trace: W3C traceparent of the webhook that brought it, where traces are kept.
        media: where its files are, with the types that the vendor claims.
        opt_out_type: ``STOP``, ``START`` or ``HELP``, where the gateway answered it as that.
    """

    id: int
    trace: str | None
    body: str
    media: tuple[Media, ...]
    received_at: datetime
    opt_out_type: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimedTurn:
    """A turn that this worker may work on, and what the conversation was like before it.

    Attributes:
        attempt: 1 for the first; also the proof of ownership when the turn is finished.
        previous_at: when the conversation's turn before this one began.
        prompt_open: whether a question of ours with a time limit waited for an answer when
            the first text came; not when it is worked on, which may be later.
        consent_question: ``opt-out`` or ``opt-in``, where our question about that waited for an
            answer, not longer than ``QUESTION_OPEN``, when the first text came.
        consented: whether the phone ever consented to our texts.
        begun: conversations that we began and that it may answer, the oldest first.
        unreadable: why its texts, the menu or what we began cannot be read, where they are
            sealed with a key that is not here; they are empty then.
    """

    id: UUID
    number: int
    attempt: int
    conversation_id: UUID
    gateway: str
    our_number: str
    phone: str
    owner: str
    opted_out: bool
    prompt_open: bool
    previous_at: datetime | None
    menu: tuple[Option, ...]
    texts: tuple[WaitingText, ...]
    consent_question: str | None = None
    consented: bool = False
    begun: tuple[Begun, ...] = ()
    unreadable: Unreadable | None = None


CLAIM_CONVERSATION = """
UPDATE conversation SET lease_until = now() + %(lease)s
WHERE id = (
    SELECT id FROM conversation
    WHERE turn_due_at <= now() AND (lease_until IS NULL OR lease_until < now())
    ORDER BY turn_due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, gateway, number, phone, owner, menu, created_at,
    opted_out_at IS NOT NULL AS opted_out, prompt_expires_at, consent_question,
    consent_question_at, EXISTS (
        SELECT FROM consent_event WHERE phone = conversation.phone AND direction = 'grant'
    ) AS consented, EXISTS (
        SELECT FROM opening WHERE recipient = conversation.phone AND answers_closed_at IS NULL
    ) AS begun_by_us
"""

# The abandoned turn if there is one, else a new one with every text that waits. The texts of a
# turn never change afterwards, so each attempt at it is given the same.
CLAIM_TURN = """
WITH resumed AS (
    UPDATE turn SET attempt = attempt + 1
    WHERE conversation_id = %(conversation_id)s AND state = 'running'
    RETURNING id, number, attempt
), last AS (
    SELECT number FROM turn WHERE conversation_id = %(conversation_id)s
    ORDER BY number DESC LIMIT 1
), started AS (
    INSERT INTO turn (id, conversation_id, number, started_at)
    SELECT gen_random_uuid(), %(conversation_id)s, coalesce((SELECT number FROM last), 0) + 1, now()
    WHERE NOT EXISTS (SELECT FROM resumed) AND EXISTS (
        SELECT FROM inbound_text WHERE conversation_id = %(conversation_id)s AND turn_id IS NULL)
    RETURNING id, number, attempt
), taken AS (
    UPDATE inbound_text SET turn_id = started.id FROM started
    WHERE conversation_id = %(conversation_id)s AND turn_id IS NULL
    RETURNING started.id AS turn_id, inbound_text.id, body, media, received_at, trace, opt_out_type
), texts AS (
    SELECT turn_id, id, body, media, received_at, trace, opt_out_type FROM taken
    UNION ALL
    SELECT turn_id, id, body, media, received_at, trace, opt_out_type FROM inbound_text
    WHERE turn_id = (SELECT id FROM resumed)
)
SELECT current.id, current.number, current.attempt, texts.id AS text_id, body, media, received_at,
    trace, opt_out_type,
    (SELECT started_at FROM turn WHERE conversation_id = %(conversation_id)s
        AND turn.number = current.number - 1) AS previous_at
FROM (SELECT * FROM resumed UNION ALL SELECT * FROM started) AS current
JOIN texts ON texts.turn_id = current.id
ORDER BY received_at, texts.id
"""

OPTED_OUT = "UPDATE conversation SET opted_out_at = now() WHERE id = %(id)s"

RELEASE = """
UPDATE conversation SET lease_until = NULL,
    waiting_since = waiting.since,
    delay_told_at = CASE WHEN waiting.since IS NOT NULL THEN delay_told_at END,
    turn_due_at = CASE WHEN waiting.since IS NULL THEN NULL
                  ELSE greatest(now(), least(waiting.latest, now()) + %(burst)s) END
FROM (SELECT min(received_at) AS since, max(received_at) AS latest FROM inbound_text
      WHERE conversation_id = %(conversation_id)s AND turn_id IS NULL) AS waiting
WHERE id = %(conversation_id)s
"""

RENEW = """
UPDATE conversation SET lease_until = now() + %(lease)s
WHERE id = %(conversation_id)s AND EXISTS (
    SELECT FROM turn WHERE id = %(turn_id)s AND state = 'running' AND attempt = %(attempt)s)
"""

# Asked before every claim, because most wake-ups find nothing due; so it must not look at every
# conversation that waits when one is due.
NEXT_DUE = """
SELECT CASE WHEN EXISTS (
    SELECT FROM conversation
    WHERE turn_due_at <= now() AND (lease_until IS NULL OR lease_until < now()))
THEN 0 ELSE (
    SELECT extract(epoch FROM min(greatest(turn_due_at, lease_until)) - now())::float
    FROM conversation WHERE turn_due_at IS NOT NULL)
END AS seconds
"""


async def claim(pool: Pool, lease: timedelta, burst: timedelta) -> ClaimedTurn | None:
    """The turn that has waited longest, for this worker alone until the lease runs out."""
    async with pool.connection() as connection:
        while True:
            async with connection.transaction():
                talk = await (
                    await connection.execute(CLAIM_CONVERSATION, {"lease": lease})
                ).fetchone()
                if talk is None:
                    return None
                values = {"conversation_id": talk["id"], "burst": burst}
                rows = await (await connection.execute(CLAIM_TURN, values)).fetchall()
                if rows and rows[0]["number"] == 1 and not talk["opted_out"]:
                    talk["opted_out"] = await _still_opted_out(connection, talk)
                if rows:
                    return _claimed(talk, rows, await _given(connection, talk, rows[0]))
                await connection.execute(RELEASE, values)


async def _still_opted_out(connection: Connection, talk: Mapping[str, Any]) -> bool:
    """Whether a conversation begins with somebody who opted out and was erased since.

    Where that cannot be seen for want of a key, the text is answered, because it asks for that;
    what nobody asked for is kept back (``messaging/holding.py``).
    """
    try:
        events = (await events_of(connection, [talk["phone"]]))[talk["phone"]]
    except (SettingsError, Unreadable) as error:
        log.warning("turn.consent-unreadable", code=error.code, detail=error.detail)
        return False
    opted_out = silenced(events, talk["number"], talk["created_at"])
    if opted_out:
        await connection.execute(OPTED_OUT, {"id": talk["id"]})
    return opted_out


async def _given(
    connection: Connection, talk: Mapping[str, Any], first: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    if not talk["begun_by_us"]:
        return []
    new = first["attempt"] == 1
    return await give(connection, talk, first["id"], first["received_at"], new=new)


def _claimed(
    talk: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], given: Sequence[Mapping[str, Any]]
) -> ClaimedTurn:
    first, expires_at, asked_at = rows[0], talk["prompt_expires_at"], talk["consent_question_at"]
    is_asked = asked_at is not None and first["received_at"] < asked_at + QUESTION_OPEN
    unreadable: Unreadable | None = None
    try:
        bodies = [cipher().unseal(row["body"], INBOUND_BODY) for row in rows]
        menu = cipher().unseal_json(talk["menu"], MENU) or ()
        started = tuple(begun(row) for row in given)
    except Unreadable as error:
        bodies, menu, started, unreadable = [""] * len(rows), (), (), error
    return ClaimedTurn(
        id=first["id"],
        number=first["number"],
        attempt=first["attempt"],
        conversation_id=talk["id"],
        gateway=talk["gateway"],
        our_number=talk["number"],
        phone=talk["phone"],
        owner=talk["owner"],
        opted_out=talk["opted_out"],
        prompt_open=expires_at is not None and expires_at > first["received_at"],
        previous_at=first["previous_at"],
        menu=tuple(Option(**option) for option in menu),
        texts=tuple(
            WaitingText(
                id=row["text_id"],
                trace=row["trace"],
                body=body,
                media=tuple(Media(**item) for item in row["media"]),
                received_at=row["received_at"],
                opt_out_type=row["opt_out_type"],
            )
            for row, body in zip(rows, bodies, strict=True)
        ),
        consent_question=talk["consent_question"] if is_asked else None,
        consented=talk["consented"],
        begun=started,
        unreadable=unreadable,
    )


async def renew(pool: Pool, turn: ClaimedTurn, lease: timedelta) -> bool:
    """Hold the turn for another lease; False where another worker holds it now.

    Nobody can claim the turn before the lease ends, so a turn that is to be tried again later
    is let go with the delay as its last lease.
    """
    async with pool.connection() as connection:
        cursor = await connection.execute(
            RENEW,
            {
                "lease": lease,
                "conversation_id": turn.conversation_id,
                "turn_id": turn.id,
                "attempt": turn.attempt,
            },
        )
        return cursor.rowcount > 0


async def next_due(pool: Pool) -> float | None:
    """Seconds until a conversation may be claimed, 0 for now; None where nothing waits."""
    async with pool.connection() as connection:
        row = await (await connection.execute(NEXT_DUE)).fetchone()
    return None if row is None else row["seconds"]
