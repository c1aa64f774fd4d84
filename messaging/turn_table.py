"""The turn in SQL: claimed by one worker, renewed, finished in one transaction.

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

from psycopg.types.json import Jsonb

from connectors.gateways.base import Media
from database.pool import Connection, Pool
from messaging.assistant import Answer, Option, Prompt
from messaging.consent import ConsentChange
from messaging.consent_changes import record_change
from messaging.errors import LinnetError, TurnLost
from messaging.outbox import NewText, enqueue


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
        consent_question: ``opt-out`` or ``opt-in``, where our question about that is open.
        consented: whether the phone ever consented to our texts.
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


CLAIM_CONVERSATION = """
UPDATE conversation SET lease_until = now() + %(lease)s
WHERE id = (
    SELECT id FROM conversation
    WHERE turn_due_at <= now() AND (lease_until IS NULL OR lease_until < now())
    ORDER BY turn_due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, gateway, number, phone, owner, menu, opted_out_at IS NOT NULL AS opted_out,
    prompt_expires_at, consent_question, EXISTS (
        SELECT FROM consent_event WHERE phone = conversation.phone AND direction = 'grant'
    ) AS consented
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

FINISH = """
UPDATE turn SET state = %(state)s, finished_at = now(), handled_by = %(handled_by)s,
    intent = %(intent)s, confidence = %(confidence)s, policy = %(policy)s, rule = %(rule)s,
    failure = %(failure)s, timings = %(timings)s
WHERE id = %(turn_id)s AND state = 'running' AND attempt = %(attempt)s
"""

APPEND_EVENTS = """
INSERT INTO tracker_event (conversation_id, position, turn_id, session_start, event)
SELECT %(conversation_id)s, %(first)s + place - 1, %(turn_id)s,
    coalesce(event ->> 'event' = 'session_started', false), event
FROM jsonb_array_elements(%(events)s) WITH ORDINALITY AS given (event, place)
"""

AFTERMATH = """
UPDATE conversation SET
    menu = CASE WHEN %(keep_menu)s THEN menu ELSE %(menu)s END,
    opted_out_at = CASE WHEN %(opted_out)s THEN coalesce(opted_out_at, now()) END,
    prompt_expired = CASE WHEN %(prompt)s = 'keep' THEN prompt_expired ELSE %(expired)s END,
    prompt_expires_at = CASE %(prompt)s WHEN 'keep' THEN prompt_expires_at
        WHEN 'open' THEN now() + %(seconds)s END
WHERE id = %(conversation_id)s
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a turn comes to.

    Attributes:
        answer: the assistant's, or one made by a rule.
        texts: the replies as rows of the outbox.
        handled_by: ``assistant``, ``rule`` or ``person``.
        rule: which rule, for ``rule``.
        failure: why there is no real answer.
        opted_out: the conversation's state after the turn.
        prompt: the question that is open after the turn; ``keep`` leaves it as it was.
        consent: what the turn does to consent.
    """

    answer: Answer
    texts: Sequence[NewText]
    handled_by: str
    opted_out: bool
    rule: str | None = None
    failure: LinnetError | None = None
    prompt: Prompt | None = None
    keep_prompt: bool = False
    consent: ConsentChange | None = None


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
                if rows:
                    return _claimed(talk, rows)
                await connection.execute(RELEASE, values)


def _claimed(talk: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> ClaimedTurn:
    first, expires_at = rows[0], talk["prompt_expires_at"]
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
        menu=tuple(Option(**option) for option in talk["menu"] or ()),
        texts=tuple(
            WaitingText(
                id=row["text_id"],
                trace=row["trace"],
                body=row["body"],
                media=tuple(Media(**item) for item in row["media"]),
                received_at=row["received_at"],
                opt_out_type=row["opt_out_type"],
            )
            for row in rows
        ),
        consent_question=talk["consent_question"],
        consented=talk["consented"],
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


async def finish(pool: Pool, turn: ClaimedTurn, outcome: Outcome, burst: timedelta) -> None:
    """Write everything that the turn came to, in one transaction.

    Raises:
        TurnLost: another worker holds the turn now; nothing was written.
    """
    answer = outcome.answer
    key: dict[str, Any] = {
        "conversation_id": turn.conversation_id,
        "turn_id": turn.id,
        "attempt": turn.attempt,
        "burst": burst,
    }
    async with (
        pool.connection() as connection,
        connection.transaction(),
        connection.pipeline() as pipeline,
    ):
        # Locked first, in a statement of its own: a text that is stored at the same time is
        # then either seen below or stored after this transaction.
        await connection.execute(
            "SELECT FROM conversation WHERE id = %(conversation_id)s FOR UPDATE", key
        )
        finished = await connection.execute(
            FINISH,
            key
            | {
                "state": "failed" if outcome.failure else "done",
                "handled_by": outcome.handled_by,
                "intent": answer.intent,
                "confidence": answer.confidence,
                "policy": answer.policy,
                "rule": outcome.rule,
                "failure": _failure(outcome.failure),
                "timings": Jsonb(dict(answer.timings)),
            },
        )
        await pipeline.sync()  # the rest is one round trip: nothing in it needs an answer
        if finished.rowcount == 0:
            raise TurnLost(f"turn {turn.id} attempt {turn.attempt}")
        if answer.events:
            events = Jsonb([dict(event) for event in answer.events])
            await connection.execute(
                APPEND_EVENTS, key | {"first": answer.first_position, "events": events}
            )
        await enqueue(connection, outcome.texts)
        await _aftermath(connection, key, outcome)
        await connection.execute(RELEASE, key)
        if outcome.consent is not None:  # last, as everybody who records consent waits for it
            await record_change(connection, outcome.consent)


async def _aftermath(connection: Connection, key: Mapping[str, Any], outcome: Outcome) -> None:
    options = [option for reply in outcome.answer.replies for option in reply.options]
    prompt = outcome.prompt
    menu = [{"title": option.title, "payload": option.payload} for option in options]
    await connection.execute(
        AFTERMATH,
        dict(key)
        | {
            # Only an answer of the assistant's closes the menu before it; HELP does not.
            "keep_menu": outcome.failure is not None or outcome.handled_by != "assistant",
            "menu": Jsonb(menu) if menu else None,
            "opted_out": outcome.opted_out,
            "prompt": "open" if prompt else "keep" if outcome.keep_prompt else "none",
            "expired": prompt.expired if prompt else None,
            "seconds": timedelta(seconds=prompt.seconds) if prompt else None,
        },
    )


def _failure(error: LinnetError | None) -> Jsonb | None:
    if error is None:
        return None
    return Jsonb({"code": error.code, "staff": error.staff, "detail": error.detail})
