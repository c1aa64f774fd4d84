"""Keys of the API as rows: who may call it, for what, until when, and how often.

A secret is ``lk_<prefix>_<256 random bits>``. Only its SHA-256 is kept: with that many random
bits nobody finds it by trying, so a slow hash would only cost time.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg.errors import UniqueViolation

from console.problems import RateLimited, Unauthenticated
from database.pool import Connection
from messaging.errors import LinnetError

_SECRET = re.compile(r"lk_([0-9a-f]{12})_[\w-]{43}", re.ASCII)


class Scope(StrEnum):
    """What a key is for."""

    NOTIFICATIONS_WRITE = "notifications:write"
    NOTIFICATIONS_READ = "notifications:read"
    TEMPLATES_READ = "templates:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_APPROVE = "campaigns:approve"


class NameTaken(LinnetError):
    """A key that is in use has this name."""

    code = "api.key-name-taken"
    staff = "There is a key of this name already."


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, without its secret.

    Attributes:
        prefix: the part of its secret that is none.
        name: of whoever has it.
    """

    id: int
    prefix: str
    name: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_by: str | None
    revoked_at: datetime | None
    last_used_at: datetime | None


COLUMNS = """
id, prefix, name, scopes, created_by, created_at, expires_at, revoked_by, revoked_at, last_used_at
"""
CREATE = f"""
INSERT INTO api_key (prefix, name, digest, scopes, created_by, created_at, expires_at)
VALUES (%(prefix)s, %(name)s, %(digest)s, %(scopes)s, %(by)s, %(now)s, %(expires_at)s)
RETURNING {COLUMNS}
"""
LIST = f"SELECT {COLUMNS} FROM api_key ORDER BY revoked_at IS NOT NULL, id"
REVOKE = f"""
UPDATE api_key SET revoked_at = %(now)s, revoked_by = %(by)s
WHERE (name = %(which)s OR prefix = %(which)s) AND revoked_at IS NULL RETURNING {COLUMNS}
"""
FIND = f"SELECT {COLUMNS}, digest FROM api_key WHERE prefix = %(prefix)s"

# A minute's worth may be asked at once, then one each step (generic cell rate algorithm).
TAKE = """
WITH key AS (
    SELECT id, greatest(busy_until, %(now)s) + %(step)s AS until FROM api_key
    WHERE id = %(id)s FOR UPDATE
), taken AS (
    UPDATE api_key SET busy_until = key.until, last_used_at = %(now)s FROM key
    WHERE api_key.id = key.id AND key.until <= %(latest)s
)
SELECT extract(epoch FROM until - %(latest)s)::float8 AS wait FROM key
"""
WINDOW = timedelta(minutes=1)


async def create(
    connection: Connection,
    name: str,
    scopes: Collection[Scope],
    *,
    by: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key.

    Args:
        connection: to the database.
        name: of whoever gets it; one that no other key in use has.
        scopes: what it is for.
        by: who makes it.
        now: the time, aware.
        expires_at: when it ends by itself.

    Returns:
        The key and its secret, which is nowhere else.

    Raises:
        NameTaken: a key in use has this name.
    """
    prefix = secrets.token_hex(6)
    secret = f"lk_{prefix}_{secrets.token_urlsafe(32)}"
    values = {
        "prefix": prefix,
        "name": name,
        "digest": _digest(secret),
        "scopes": sorted(scopes),
        "by": by,
        "now": now,
        "expires_at": expires_at,
    }
    try:
        row = await (await connection.execute(CREATE, values)).fetchone()
    except UniqueViolation as error:
        raise NameTaken(f"a key in use is named {name!r}; revoke it or choose another") from error
    assert row is not None  # noqa: S101  the statement always returns a row
    return _key(row), secret


async def listed(connection: Connection) -> list[ApiKey]:
    """All keys, those in use first.

    Args:
        connection: to the database.
    """
    return [_key(row) for row in await (await connection.execute(LIST)).fetchall()]


async def revoke(connection: Connection, which: str, *, by: str, now: datetime) -> ApiKey | None:
    """End a key at once.

    Args:
        connection: to the database.
        which: its name or prefix.
        by: who ends it.
        now: the time, aware.

    Returns:
        The key; None where none in use is called so.
    """
    values = {"which": which, "by": by, "now": now}
    row = await (await connection.execute(REVOKE, values)).fetchone()
    return None if row is None else _key(row)


async def authenticate(connection: Connection, secret: str, now: datetime) -> ApiKey:
    """The key that a secret belongs to.

    Args:
        connection: to the database.
        secret: as it was given; anything.
        now: the time, aware.

    Raises:
        Unauthenticated: it is none, or not any more.
    """
    match = _SECRET.fullmatch(secret)
    row: dict[str, Any] | None = None
    if match is not None:
        row = await (await connection.execute(FIND, {"prefix": match[1]})).fetchone()
    # The time that the comparison takes says nothing of how much of the secret is right.
    if row is None or not hmac.compare_digest(row.pop("digest"), _digest(secret)):
        raise Unauthenticated("this is no key of ours")
    key = _key(row)
    if key.revoked_at is not None:
        raise Unauthenticated("this key was revoked")
    if key.expires_at is not None and key.expires_at <= now:
        raise Unauthenticated("this key has expired")
    return key


async def take(connection: Connection, key: ApiKey, per_minute: int, now: datetime) -> None:
    """Count a request with a key, among all processes.

    Args:
        connection: to the database.
        key: it was made with.
        per_minute: how many are allowed.
        now: the time, aware.

    Raises:
        RateLimited: there were too many; says when to come back. This one is not counted.
    """
    values = {"id": key.id, "now": now, "step": WINDOW / per_minute, "latest": now + WINDOW}
    row = await (await connection.execute(TAKE, values)).fetchone()
    if row is not None and row["wait"] > 0:
        raise RateLimited(
            f"this key may ask {per_minute} times a minute",
            headers={"Retry-After": str(math.ceil(row["wait"]))},
        )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _key(row: dict[str, Any]) -> ApiKey:
    return ApiKey(**row | {"scopes": tuple(row["scopes"])})
