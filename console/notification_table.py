"""Notifications as rows: which texts belong to one, and how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from database.pool import Connection
from messaging.states import TextState, word, worst_first

ADD = """
INSERT INTO notification (text_id, id, api_key_id, template)
SELECT text_id, %(id)s, %(api_key)s, %(template)s FROM unnest(%(text_ids)s::uuid[]) AS text_id
"""
TEXT = """
SELECT text.id, text.part, text.state, text.gateway, text.sender, text.recipient, text.segments,
    text.media <> '[]' AS media, text.created_at, text.expires_at, text.next_attempt_at,
    text.error_code, text.error_staff, held.code AS held_code, held.detail AS held_detail
FROM outbound_text AS text LEFT JOIN LATERAL (
    SELECT code, detail FROM text_event WHERE outbound_id = text.id AND kind = 'held'
    ORDER BY id DESC LIMIT 1) AS held
    ON text.state = 'pending' AND text.next_attempt_at > %(now)s
"""
OF_IDS = f"{TEXT} WHERE text.id = ANY(%(ids)s) ORDER BY text.seq"
OF_NOTIFICATIONS = f"""
SELECT note.id AS notification, note.template, told.*
FROM notification AS note JOIN LATERAL ({TEXT} WHERE text.id = note.text_id) AS told ON true
WHERE note.id = ANY(%(ids)s) ORDER BY note.id DESC, told.part
"""

Row = dict[str, Any]


async def add(
    connection: Connection, text_ids: Sequence[UUID], api_key: int, template: str | None
) -> UUID:
    """Note that texts are a notification.

    Args:
        connection: in the transaction that puts the texts into the outbox.
        text_ids: of its texts, in order.
        api_key: the id of the key that it came with.
        template: its name, if it is one.

    Returns:
        The id of the notification.
    """
    values = {"id": text_ids[0], "text_ids": list(text_ids)}
    await connection.execute(ADD, values | {"api_key": api_key, "template": template})
    return text_ids[0]


async def texts(connection: Connection, ids: Sequence[UUID], now: datetime) -> list[Row]:
    """How far texts are.

    Args:
        connection: to the database.
        ids: of the texts.
        now: the time, aware; what waits beyond it is held.
    """
    cursor = await connection.execute(OF_IDS, {"ids": list(ids), "now": now})
    return await cursor.fetchall()


async def read(connection: Connection, ids: Sequence[UUID], now: datetime) -> dict[UUID, list[Row]]:
    """The texts of notifications, the newest notification first.

    Args:
        connection: to the database.
        ids: of notifications; unknown ones are left out.
        now: the time, aware.
    """
    cursor = await connection.execute(OF_NOTIFICATIONS, {"ids": list(ids), "now": now})
    found: dict[UUID, list[Row]] = {}
    for row in await cursor.fetchall():
        found.setdefault(row["notification"], []).append(row)
    return found


async def page(
    connection: Connection,
    *,
    to: str | None,
    state: str | None,
    after: UUID | None,
    limit: int,
) -> list[UUID]:
    """The ids of notifications, the newest first.

    Args:
        connection: to the database.
        to: only those to this phone.
        state: only those that are so far, as people say it; that of the worst part counts.
        after: only those that are older than this one.
        limit: so many at most.
    """
    conditions = ["true"]
    if to is not None:
        conditions.append("text.recipient = %(to)s")
    if after is not None:
        conditions.append("note.id < %(after)s")
    if state is not None:
        conditions.append(_as_far_as(state))
    query = f"""
SELECT DISTINCT note.id FROM notification AS note JOIN outbound_text AS text
    ON text.id = note.text_id
WHERE {" AND ".join(conditions)} ORDER BY note.id DESC LIMIT %(limit)s
"""
    values = {"to": to, "after": after, "limit": limit}
    cursor = await connection.execute(query, values)
    return [cast("UUID", row["id"]) for row in await cursor.fetchall()]


def _as_far_as(said: str) -> str:
    """That a part is so far and none is worse.

    States are written out, so that an index of only those states can be chosen: failed texts are
    few among many.
    """
    states = [state for state in worst_first() if word(state) == said]
    worse = worst_first()[: worst_first().index(states[0])]
    condition = f"text.state IN ({_list(states)})"
    if worse:
        condition += f""" AND NOT EXISTS (
    SELECT FROM notification AS other JOIN outbound_text AS part ON part.id = other.text_id
    WHERE other.id = note.id AND part.state IN ({_list(worse)}))"""
    return condition


def _list(states: Sequence[TextState]) -> str:
    return ", ".join(f"'{state}'" for state in states)
