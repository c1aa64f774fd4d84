"""Ids of texts as people write them: the first characters of one are enough, as for a commit."""

from __future__ import annotations

from uuid import UUID

from database.pool import Connection

SHORT = 18
"""Characters by which texts are told apart. Ids begin with the time, and so many of them count
in steps of 244 ns (``messaging/clock.py``)."""

# Two are enough to know that the id is not clear.
BETWEEN = "SELECT id FROM outbound_text WHERE id BETWEEN %(first)s AND %(last)s LIMIT 2"


def short(id: UUID) -> str:
    """The beginning of an id that people may use in its place.

    >>> short(UUID("0198c7d2-3b1a-7f3c-8f00-c0ffee000000"))
    '0198c7d2-3b1a-7f3c'
    """
    return str(id)[:SHORT]


def span(beginning: str) -> tuple[UUID, UUID]:
    """The first and the last id that begin with some characters.

    Args:
        beginning: hexadecimal digits, with or without hyphens.

    Raises:
        ValueError: it is not the beginning of an id.
    """
    digits = beginning.strip().replace("-", "").lower()
    if not 0 < len(digits) <= 32 or set(digits) - set("0123456789abcdef"):  # noqa: PLR2004
        raise ValueError(f"{beginning!r} is not the beginning of an id")
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


async def matching(connection: Connection, beginning: str) -> list[UUID]:
    """The ids of texts that begin so; two of them where there are more.

    Args:
        connection: to the database.
        beginning: hexadecimal digits, with or without hyphens.

    Raises:
        ValueError: it is not the beginning of an id.
    """
    first, last = span(beginning)
    cursor = await connection.execute(BETWEEN, {"first": first, "last": last})
    return [row["id"] for row in await cursor.fetchall()]
