"""A request that is repeated under one idempotency key is done once.

The answer is stored in the transaction of what it answers, so there is never one without the
other. Whoever asks at the same time under the same key waits for that transaction. The header
is as draft-ietf-httpapi-idempotency-key-header has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Json

from console.problems import KeyReused
from database.encryption import cipher
from database.pool import Connection

KEPT = timedelta(hours=24)

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('api ' || %(api_key)s || ' ' || %(key)s, 0))"
FIND = """
SELECT digest, status, answer FROM api_request
WHERE api_key_id = %(api_key)s AND key = %(key)s AND created_at > %(since)s
"""
KEEP = """
INSERT INTO api_request AS kept (api_key_id, key, digest, status, answer, created_at)
VALUES (%(api_key)s, %(key)s, %(digest)s, %(status)s, %(answer)s, %(now)s)
ON CONFLICT (api_key_id, key) DO UPDATE SET digest = EXCLUDED.digest, status = EXCLUDED.status,
    answer = EXCLUDED.answer, created_at = EXCLUDED.created_at
"""
FORGET = "DELETE FROM api_request WHERE created_at <= %(until)s"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with.

    Attributes:
        status: of HTTP.
        content: JSON; no number and no word of a customer, because it is kept.
        replayed: whether it was given before.
    """

    status: int
    content: dict[str, Any]
    replayed: bool = False


async def once(
    connection: Connection,
    *,
    api_key: int,
    key: str | None,
    asked: str,
    now: datetime,
    work: Callable[[], Awaitable[Answer]],
) -> Answer:
    """Do something, or say what was answered when it was done.

    Args:
        connection: in the transaction that does it.
        api_key: whose idempotency key it is.
        key: the idempotency key; None to do it in any case.
        asked: what is asked for, written in one way.
        now: the time, aware.
        work: does it. What it raises is not kept.

    Raises:
        KeyReused: something else was asked for under this key within 24 hours.
    """
    if key is None:
        return await work()
    # A number and a few words are found by trying where their digest has no key.
    digest = cipher().keyed(hashlib.sha256(asked.encode()).digest())
    named = {"api_key": api_key, "key": key}
    await connection.execute(LOCK, named)
    row = await (await connection.execute(FIND, named | {"since": now - KEPT})).fetchone()
    if row is not None:
        if row["digest"] != digest:
            raise KeyReused("this Idempotency-Key stands for another request; take a new one")
        return Answer(row["status"], row["answer"], replayed=True)
    answer = await work()
    values = {"digest": digest, "status": answer.status, "answer": Json(answer.content)}
    await connection.execute(KEEP, named | values | {"now": now})
    return answer


async def forget(connection: Connection, now: datetime) -> int:
    """Delete answers that are not replayed any more.

    Args:
        connection: to the database.
        now: the time, aware.

    Returns:
        How many there were.
    """
    return (await connection.execute(FORGET, {"until": now - KEPT})).rowcount
