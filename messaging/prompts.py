"""Questions with a time limit: told to the customer when it has run out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from database.encryption import cipher
from database.pool import Pool
from messaging.errors import Unreadable
from messaging.outbox import NewText, enqueue, texts_for
from messaging.sealed import PROMPT
from messaging.text_policy import TextPolicy

log = structlog.get_logger(__name__)

# A conversation with a text that waits for an answer is left alone: that text may be the answer.
EXPIRED = """
UPDATE conversation AS c SET prompt_expired = NULL, prompt_expires_at = NULL, menu = NULL
FROM (SELECT id, prompt_expired FROM conversation
      WHERE prompt_expires_at <= now() AND turn_due_at IS NULL
      ORDER BY prompt_expires_at LIMIT 100 FOR UPDATE SKIP LOCKED) AS old
WHERE c.id = old.id
RETURNING c.id, c.gateway, c.number, c.phone, c.opted_out_at, c.owner, old.prompt_expired AS body
"""


async def expire_prompts(
    pool: Pool,
    text_policies: Mapping[str, TextPolicy],
    now: datetime,
    new_id: Callable[[], UUID],
) -> int:
    """Close every question whose time has run out, and say so once.

    Args:
        pool: of connections.
        text_policies: how words become texts at each gateway, by its name; where there is no
            such gateway any more, nobody can be told.
        now: the time at which the texts are made, UTC.
        new_id: for their ids.

    Returns:
        How many were closed.
    """
    async with pool.connection() as connection, connection.transaction():
        rows = await (await connection.execute(EXPIRED)).fetchall()
        drafts = [
            NewText(
                id=new_id(),
                conversation_id=row["id"],
                gateway=row["gateway"],
                sender=row["number"],
                recipient=row["phone"],
                body=body,
                kind="expiry",
                created_at=now,
            )
            for row in rows
            if (body := _readable(row)) is not None
            and row["opted_out_at"] is None
            and row["owner"] == "assistant"
            and row["gateway"] in text_policies
        ]
        await enqueue(
            connection,
            [
                text
                for draft in drafts
                for text in texts_for(draft, text_policies[draft.gateway], new_id)
            ],
        )
    return len(rows)


def _readable(row: Mapping[str, Any]) -> str | None:
    """What a customer is told; None where its key is not here, so that the others are told."""
    try:
        return cipher().unseal(row["body"], PROMPT)
    except Unreadable as error:
        log.warning(
            "prompt.unreadable", conversation=str(row["id"]), code=error.code, detail=error.detail
        )
        return None
