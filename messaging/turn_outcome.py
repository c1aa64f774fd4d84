"""What a turn comes to: written in one transaction, by the worker that still holds the turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from database.encryption import cipher
from database.pool import Connection, Pool
from messaging.assistant import Answer, Prompt
from messaging.consent import ConsentChange, Direction
from messaging.consent_changes import record_change
from messaging.errors import LinnetError, TurnLost
from messaging.opening_table import give_back, take_up
from messaging.outbox import NewText, enqueue
from messaging.sealed import FAILURE, MENU, PROMPT, is_session_start, seal_event
from messaging.turn_table import RELEASE, ClaimedTurn

FINISH = """
UPDATE turn SET state = %(state)s, finished_at = now(), handled_by = %(handled_by)s,
    intent = %(intent)s, confidence = %(confidence)s, policy = %(policy)s, rule = %(rule)s,
    failure = %(failure)s, timings = %(timings)s
WHERE id = %(turn_id)s AND state = 'running' AND attempt = %(attempt)s
"""

APPEND_EVENTS = """
INSERT INTO tracker_event (conversation_id, position, turn_id, session_start, event)
SELECT %(conversation_id)s, %(first)s + place - 1, %(turn_id)s, session_start, event
FROM unnest(%(session_starts)s::boolean[], %(events)s::jsonb[])
    WITH ORDINALITY AS given (session_start, event, place)
"""

AFTERMATH = """
UPDATE conversation SET
    menu = CASE WHEN %(keep_menu)s THEN menu ELSE %(menu)s END,
    opted_out_at = CASE WHEN NOT %(decided)s THEN opted_out_at
        WHEN %(opted_out)s THEN coalesce(opted_out_at, now()) END,
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
        answered: the text of ours whose offered answer was texted, where one was.
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
    answered: UUID | None = None


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
            events = {
                "first": answer.first_position,
                "events": [Jsonb(seal_event(event)) for event in answer.events],
                "session_starts": [is_session_start(event) for event in answer.events],
            }
            await connection.execute(APPEND_EVENTS, key | events)
        if turn.begun or turn.unreadable:
            await _settle_begun(connection, turn, outcome)
        await enqueue(connection, outcome.texts)
        await _aftermath(connection, key, turn, outcome)
        await connection.execute(RELEASE, key)
        if outcome.consent is not None:  # last, as everybody who records consent waits for it
            await record_change(connection, outcome.consent)


async def _settle_begun(connection: Connection, turn: ClaimedTurn, outcome: Outcome) -> None:
    """What we began is taken up by who answered it; a question of its own closes its answers."""
    if outcome.handled_by != "assistant" or outcome.failure is not None:
        await give_back(connection, turn.id)
        return
    asks = outcome.prompt or any(reply.options for reply in outcome.answer.replies)
    closed = [one.text_id for one in turn.begun if asks or one.text_id == outcome.answered]
    await take_up(connection, turn.id, closed)


async def _aftermath(
    connection: Connection, key: Mapping[str, Any], turn: ClaimedTurn, outcome: Outcome
) -> None:
    options = [option for reply in outcome.answer.replies for option in reply.options]
    prompt = outcome.prompt
    menu = [{"title": option.title, "payload": option.payload} for option in options]
    await connection.execute(
        AFTERMATH,
        dict(key)
        | {
            # Only an answer of the assistant's closes the menu before it; HELP does not.
            "keep_menu": outcome.failure is not None or outcome.handled_by != "assistant",
            "menu": Jsonb(cipher().seal_json(menu, MENU)) if menu else None,
            "decided": _decides(turn, outcome),
            "opted_out": outcome.opted_out,
            "prompt": "open" if prompt else "keep" if outcome.keep_prompt else "none",
            "expired": cipher().seal(prompt.expired, PROMPT) if prompt else None,
            "seconds": timedelta(seconds=prompt.seconds) if prompt else None,
        },
    )


def _decides(turn: ClaimedTurn, outcome: Outcome) -> bool:
    """Whether its own texts say who is opted out; else it is as staff or a gateway left it."""
    said = outcome.consent is not None and outcome.consent.direction in {
        Direction.GRANT,
        Direction.REVOKE,
    }
    return said or outcome.opted_out != turn.opted_out


def _failure(error: LinnetError | None) -> Jsonb | None:
    if error is None:
        return None
    told = {"code": error.code, "staff": error.staff}
    # The detail is whatever an exception said, which may quote the customer.
    return Jsonb(cipher().seal_json({**told, "detail": error.detail}, FAILURE, told))
