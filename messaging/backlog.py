"""Tells customers, once, that their answer takes longer (requirement R142).

Texts are stored whether or not there is somebody to answer them, and are answered in order when
there is; this is only about the wait. Whoever has waited too long is told so by the worker, which
runs on when the assistant does not.

Told is who waits for the assistant. Words of consent, HELP, and what phones write themselves are
not (``messaging/words.py``): "you need not send it again" is no answer to STOP. What cannot be
told apart without the conversation (CANCEL, END) is taken for an opt-out here, because silence is
the safe side. Nobody is told who opted out, whose phone gets no texts, or whom a person answers.

A notice goes out in the lane of replies, so that it leaves before the answer of its own
conversation. It costs the number's pace as a reply does, so replies come first: a number is given
notices only while less than ``QUEUE_SECONDS`` of replies and notices wait for it. No answer is
held up by more than that, however many customers wait; the ones who wait longest are told first,
and the rest as the number gets through, or is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from connectors.gateways.base import Capabilities, Gateway
from database.encryption import cipher
from database.pool import Connection, Pool
from messaging.clock import Clock
from messaging.composing import compose
from messaging.errors import Unreadable
from messaging.lanes import Lane
from messaging.long_texts import new_token
from messaging.outbox import NewText, enqueue, texts_for
from messaging.sealed import INBOUND_BODY
from messaging.segments import segment_count
from messaging.text_policy import TextPolicy
from messaging.wordings import opt_out_wish
from messaging.words import classify, is_autoreply, is_tapback

log = structlog.get_logger(__name__)

QUEUE_SECONDS = 5.0
"""Traffic of one number, in seconds, beyond which it takes no notices: enough to keep it busy
until the next look, and what an answer may be held up by them at most."""

BATCH = 100
"""Customers of one number that are told in one transaction."""


@dataclass(frozen=True, slots=True)
class DelayNotice:
    """What customers are told who wait for an answer.

    Attributes:
        after: how long a text waits before its sender is told.
        body: what they are told.
    """

    after: timedelta
    body: str


# turn_due_at is set whenever waiting_since is, and has the index.
_OVERDUE = """
turn_due_at IS NOT NULL AND waiting_since < now() - %(after)s AND delay_told_at IS NULL
    AND opted_out_at IS NULL AND unreachable_code IS NULL AND owner = 'assistant'
"""

NUMBERS = f"SELECT DISTINCT gateway, number FROM conversation WHERE {_OVERDUE}"

# One worker at a time, or each would fill the same queue.
LOCK = """
SELECT pg_try_advisory_xact_lock(hashtextextended('delay ' || %(gateway)s || %(number)s, 0)) AS mine
"""

# A text that is put off for longer than the queue is not in anybody's way.
QUEUE = """
SELECT count(*) AS texts, coalesce(sum(segments), 0) AS segments FROM outbound_text
WHERE gateway = %(gateway)s AND sender = %(number)s AND state = 'pending' AND lane <= %(lane)s
    AND next_attempt_at < now() + %(horizon)s
"""

OVERDUE = f"""
SELECT id, phone FROM conversation
WHERE {_OVERDUE} AND gateway = %(gateway)s AND number = %(number)s
ORDER BY waiting_since LIMIT %(room)s FOR UPDATE SKIP LOCKED
"""

# Read when their conversations are locked, so that no STOP slips in between. A turn that is
# under way has not been answered either, so its texts count.
UNANSWERED = """
SELECT conversation_id, body FROM inbound_text
WHERE conversation_id = ANY(%(ids)s) AND turn_id IS NULL
UNION ALL
SELECT turn.conversation_id, body FROM turn JOIN inbound_text ON inbound_text.turn_id = turn.id
WHERE turn.conversation_id = ANY(%(ids)s) AND turn.state = 'running'
"""

# Also those that are not told: whoever texts HELP is asked about once, not every second.
DECIDED = "UPDATE conversation SET delay_told_at = %(now)s WHERE id = ANY(%(ids)s)"


async def tell_delays(
    pool: Pool,
    gateways: Mapping[str, Gateway],
    text_policies: Mapping[str, TextPolicy],
    notice: DelayNotice,
    clock: Clock,
    new_id: Callable[[], UUID],
) -> int:
    """Tell those who have waited too long and were not told, as far as their numbers' pace goes.

    Args:
        pool: of connections.
        gateways: by name; where there is no such gateway any more, nobody can be told.
        text_policies: how words become texts at each of them.
        notice: what to tell, and after how long.
        clock: for the time at which the texts are made.
        new_id: for their ids.

    Returns:
        How many were told.
    """
    told = 0
    async with pool.connection() as connection:
        numbers = await (await connection.execute(NUMBERS, {"after": notice.after})).fetchall()
        for row in numbers:
            name = row["gateway"]
            if name in gateways:
                can, policy = gateways[name].capabilities, text_policies[name]
                told += await _tell(connection, row, can, policy, notice, clock.now(), new_id)
    if told:
        log.info("backlog.told", customers=told)
    return told


async def _tell(
    connection: Connection,
    sender: Mapping[str, Any],
    can: Capabilities,
    policy: TextPolicy,
    notice: DelayNotice,
    now: datetime,
    new_id: Callable[[], UUID],
) -> int:
    values = {
        **sender,
        "after": notice.after,
        "lane": int(Lane.REPLY),
        "horizon": timedelta(seconds=QUEUE_SECONDS),
        "now": now,
    }
    # The conversations stay locked until their texts are in the outbox, and a turn that ends
    # locks its conversation too, so the answer stands behind the notice.
    async with connection.transaction():
        lock = await (await connection.execute(LOCK, values)).fetchone()
        if lock is None or not lock["mine"]:
            return 0
        queue = await (await connection.execute(QUEUE, values)).fetchone()
        assert queue is not None  # noqa: S101  an aggregate always returns a row
        waiting = queue["segments"] if can.paced_by_segment else queue["texts"]
        bodies = compose(notice.body, policy, new_token).bodies
        segments = sum(segment_count(body.text) for body in bodies)
        cost = segments if can.paced_by_segment else len(bodies)
        values["room"] = room(float(waiting), cost, can.per_second)
        talks = await (await connection.execute(OVERDUE, values)).fetchall()
        values["ids"] = [talk["id"] for talk in talks]
        unanswered: dict[UUID, list[Mapping[str, Any]]] = {talk["id"]: [] for talk in talks}
        for text in await (await connection.execute(UNANSWERED, values)).fetchall():
            unanswered[text["conversation_id"]].append(text)
        drafts = [
            NewText(
                id=new_id(),
                conversation_id=talk["id"],
                gateway=sender["gateway"],
                sender=sender["number"],
                recipient=talk["phone"],
                body=notice.body,
                kind="delay",
                created_at=now,
            )
            for talk in talks
            if _waits(unanswered[talk["id"]])
        ]
        texts = [text for draft in drafts for text in texts_for(draft, policy, new_id)]
        await enqueue(connection, texts)
        await connection.execute(DECIDED, values)
    return len(drafts)


def _waits(texts: Sequence[Mapping[str, Any]]) -> bool:
    try:
        bodies = [cipher().unseal(text["body"], INBOUND_BODY) for text in texts]
    except Unreadable:  # it may be a STOP; the turn that cannot read it tells why
        return False
    return waits_for_the_assistant(bodies)


def room(waiting: float, cost: float, per_second: float) -> int:
    """How many customers a number may tell now; one where nothing waits, whatever it costs.

    Args:
        waiting: replies and notices that it has yet to send, in segments or in texts.
        cost: of one notice, in the same unit.
        per_second: of that unit that the number sends.
    """
    free = QUEUE_SECONDS * per_second - waiting
    return min(BATCH, max(int(free / cost), int(waiting == 0), 0))


def waits_for_the_assistant(bodies: Sequence[str]) -> bool:
    """Whether somebody who sent these texts, and got no answer, waits for the assistant.

    Args:
        bodies: all that have no answer yet.
    """
    if all(is_tapback(body) or is_autoreply(body) for body in bodies):
        return False
    return not any(
        classify(body, prompt_open=False, conversing=False, opted_out=False)
        or opt_out_wish(body, prompt_open=False)
        for body in bodies
    )
