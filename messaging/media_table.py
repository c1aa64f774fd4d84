"""Files in SQL: those that customers sent, and what became of those that we send."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from database.encryption import cipher
from database.pool import Connection
from messaging.media import MediaFile
from messaging.media_limits import Fitted
from messaging.sealed import FILE, OUTBOUND_BODY
from messaging.segments import segment_count

FILES = """
SELECT inbound_id, place, id, content_type, bytes, refused FROM media_file
WHERE inbound_id = ANY(%(inbound_ids)s) ORDER BY inbound_id, place
"""

STORE = """
INSERT INTO media_file (id, inbound_id, place, url, claimed_type, content_type, bytes, sha256,
    content, refused, created_at)
VALUES (%(id)s, %(inbound_id)s, %(place)s, %(url)s, %(claimed_type)s, %(content_type)s, %(bytes)s,
    %(sha256)s, %(content)s, %(refused)s, %(now)s)
ON CONFLICT (inbound_id, place) DO NOTHING
"""

CONTENT = """
SELECT content_type, content FROM media_file WHERE id = %(id)s AND content IS NOT NULL
"""

FITTED = """
UPDATE outbound_text SET body = %(body)s, media = %(media)s, segments = %(segments)s
WHERE id = %(id)s AND state IN ('pending', 'sending')
"""

EVENT = """
INSERT INTO text_event (outbound_id, at, kind, code, detail)
VALUES (%(id)s, %(now)s, %(kind)s, %(reason)s, %(detail)s)
"""


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file that a customer sent, and the type that they show."""

    content_type: str
    content: bytes


async def files_of(
    connection: Connection, inbound_ids: Sequence[int]
) -> dict[tuple[int, int], MediaFile]:
    """The stored files of texts by text and place, in that order."""
    cursor = await connection.execute(FILES, {"inbound_ids": list(inbound_ids)})
    return {(row["inbound_id"], row["place"]): _file(row) for row in await cursor.fetchall()}


def _file(row: Mapping[str, Any]) -> MediaFile:
    return MediaFile(
        id=row["id"],
        place=row["place"],
        content_type=row["content_type"],
        bytes=row["bytes"],
        refused=row["refused"],
    )


async def store_file(
    connection: Connection,
    *,
    id: UUID,
    inbound_id: int,
    place: int,
    url: str,
    claimed_type: str,
    kept: Content | None,
    refused: str | None,
    now: datetime,
) -> None:
    """Store a file of a customer's text, or why there is none; the first one stored stays.

    Args:
        connection: to the database.
        id: of the file.
        inbound_id: of its text.
        place: among the files of the text, from 0.
        url: where it was fetched.
        claimed_type: what the vendor said that it is.
        kept: its bytes and what they are; None where it was refused.
        refused: why, where it was.
        now: the time, UTC.
    """
    await connection.execute(
        STORE,
        {
            "id": id,
            "inbound_id": inbound_id,
            "place": place,
            "url": url,
            "claimed_type": claimed_type,
            "content_type": kept.content_type if kept else None,
            "bytes": len(kept.content) if kept else None,
            "sha256": cipher().keyed(hashlib.sha256(kept.content).digest()) if kept else None,
            "content": cipher().seal_bytes(kept.content, FILE) if kept else None,
            "refused": refused,
            "now": now,
        },
    )


async def read_content(connection: Connection, id: UUID) -> Content | None:
    """The bytes of a customer's file, for actions.

    Args:
        connection: to the database.
        id: of the entity ``media``.

    Returns:
        None where the file was refused, or is not kept any more.

    Raises:
        Unreadable: it is sealed and cannot be read.
    """
    row = await (await connection.execute(CONTENT, {"id": id})).fetchone()
    if row is None:
        return None
    return Content(row["content_type"], cipher().unseal_bytes(row["content"], FILE))


async def store_fitted(connection: Connection, id: UUID, fitted: Fitted, now: datetime) -> None:
    """Write a text as it will leave, and why files became links, before any request does.

    A text whose fate is unknown is looked up by its words, so the words that left must be those
    of the row.

    Args:
        connection: to the database.
        id: of the text.
        fitted: what becomes of it.
        now: the time, UTC.
    """
    message = fitted.message
    async with connection.transaction():
        await connection.execute(
            FITTED,
            {
                "id": id,
                "body": cipher().seal(message.body, OUTBOUND_BODY),
                "media": Jsonb([file.as_json() for file in message.media]),
                "segments": 1 if message.media else segment_count(message.body),
            },
        )
        for file in fitted.not_carried:
            kind = "media-as-link" if file.linked else "media-dropped"
            detail = f"{file.detail}: {file.url}"
            values = {"id": id, "now": now, "kind": kind, "reason": file.reason, "detail": detail}
            await connection.execute(EVENT, values)
