"""Words too long to be texted, kept for the page that a link leads to."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from database.encryption import cipher
from database.pool import Connection, Pool
from messaging.sealed import PAGE_BODY
from messaging.text_policy import TOKEN_LENGTH

LIFE = timedelta(days=7)
"""How long a page can be read."""

# No "-" or "_": phones leave them out of the link when they are its last character.
_ALPHABET = string.ascii_letters + string.digits

INSERT = """
INSERT INTO long_text (token, conversation_id, body, created_at, expires_at)
VALUES (%(token)s, %(conversation_id)s, %(body)s, %(created_at)s, %(expires_at)s)
"""


@dataclass(frozen=True, slots=True)
class LongText:
    """Words on a page.

    Attributes:
        token: who knows it may read.
        body: all the words.
    """

    token: str
    body: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a token leads to.

    Attributes:
        body: all the words.
        expired: it may no longer be read.
    """

    body: str
    expired: bool


def new_token() -> str:
    """A token that nobody can guess: 130 random bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LENGTH))


async def keep(
    connection: Connection, text: LongText, conversation_id: UUID, created_at: datetime
) -> None:
    """Store a page, within the caller's transaction.

    Args:
        connection: in the transaction that also stores the text with the link.
        text: what is to be read.
        conversation_id: whose it is.
        created_at: now, UTC; a week later it has expired.
    """
    await connection.execute(
        INSERT,
        {
            "token": text.token,
            "conversation_id": conversation_id,
            "body": cipher().seal(text.body, PAGE_BODY),
            "created_at": created_at,
            "expires_at": created_at + LIFE,
        },
    )


async def look_up(pool: Pool, token: str, now: datetime) -> Page | None:
    """The page of a token, also one that has expired; None where there never was one.

    Args:
        pool: of connections.
        token: from the address.
        now: UTC.

    Raises:
        Unreadable: it is sealed and cannot be read.
    """
    async with pool.connection() as connection:
        row = await (
            await connection.execute(
                "SELECT body, expires_at <= %(now)s AS expired FROM long_text"
                " WHERE token = %(token)s",
                {"token": token, "now": now},
            )
        ).fetchone()
    if row is None:
        return None
    return Page(cipher().unseal(row["body"], PAGE_BODY), row["expired"])
