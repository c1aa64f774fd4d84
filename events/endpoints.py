"""Endpoints: who gets which events, how much they are told, and with what it is signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.types.json import Jsonb

from database.encryption import cipher
from database.pool import Connection
from events.posting import checked_url
from events.types import TYPES, matching

INCLUDES = ("body", "name", "phone")
"""What an endpoint is told of people only where it is meant to be."""

PURPOSE = "webhook_secret.secret"
"""For which secrets are encrypted."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A program elsewhere that is told of events.

    Attributes:
        url: where it is. It may be all that keeps others from posting there: show it to staff
            who ask for it, and log it never.
        types: of events that it gets, or patterns of them.
        conditions: values that fields of the data must have.
        includes: of ``INCLUDES``, what it is told.
        allow_private: whether it may be in our own network.
        state: ``active``, ``paused`` (events wait) or ``gone`` (there are none for it).
        reason: why it is not active.
        failing_since: its first failure behind its last success.
    """

    id: UUID
    url: str
    types: Sequence[str]
    conditions: Mapping[str, str]
    includes: frozenset[str]
    allow_private: bool
    state: str
    reason: str | None
    created_at: datetime
    failing_since: datetime | None


COLUMNS = """id, url, types, conditions, includes, allow_private, state, reason, created_at,
    failing_since"""
INSERT = f"""
INSERT INTO webhook_endpoint ({COLUMNS})
VALUES (%(id)s, %(url)s, %(types)s, %(conditions)s, %(includes)s, %(allow_private)s, %(state)s,
    %(reason)s, %(created_at)s, %(failing_since)s)
"""
ALL = f"SELECT {COLUMNS} FROM webhook_endpoint ORDER BY created_at, id"
ONE = f"SELECT {COLUMNS} FROM webhook_endpoint WHERE id = %(id)s"
ANY = "SELECT EXISTS (SELECT FROM webhook_endpoint WHERE state = 'active') AS is_any"
PAUSE = """
UPDATE webhook_endpoint SET state = 'paused', reason = %(reason)s
WHERE id = %(id)s AND state = 'active'
"""
RESUME = """
UPDATE webhook_endpoint SET state = 'active', reason = NULL, failing_since = NULL, not_before = NULL
WHERE id = %(id)s AND state <> 'active'
"""
ADD_KEY = "INSERT INTO webhook_secret (endpoint_id, secret) VALUES (%(id)s, %(secret)s)"
RETIRE = """
UPDATE webhook_secret SET retires_at = %(at)s
WHERE endpoint_id = %(id)s AND (retires_at IS NULL OR retires_at > %(at)s)
"""
SECRETS = """
SELECT secret FROM webhook_secret
WHERE endpoint_id = %(id)s AND (retires_at IS NULL OR retires_at > %(now)s) ORDER BY id DESC
"""


def check(endpoint: Endpoint) -> None:
    """Refuse an endpoint that could not work.

    Args:
        endpoint: as it is to be added.

    Raises:
        AddressRefused: no endpoint may be there.
        ValueError: a type, a field or an inclusion does not exist.
    """
    checked_url(endpoint.url, allow_private=endpoint.allow_private)
    fields = {field for type in matching(endpoint.types) for field in TYPES[type]}
    if unknown := sorted(set(endpoint.conditions) - fields):
        raise ValueError(
            f"no event of these types has a field {unknown[0]}; there are "
            f"{', '.join(sorted(fields))}"
        )
    if unknown := sorted(endpoint.includes - set(INCLUDES)):
        raise ValueError(f"{unknown[0]} cannot be included; there are {', '.join(INCLUDES)}")


async def add(connection: Connection, endpoint: Endpoint, secret: str) -> None:
    """Tell an endpoint of everything that is committed from now on.

    Args:
        connection: in a transaction.
        endpoint: that was checked.
        secret: with which its events are signed.
    """
    values = {name: getattr(endpoint, name) for name in Endpoint.__slots__}
    values["conditions"] = Jsonb(dict(endpoint.conditions))
    values["includes"] = sorted(endpoint.includes)
    values["types"] = list(endpoint.types)
    await connection.execute(INSERT, values)
    await connection.execute(ADD_KEY, _sealed(endpoint.id, secret))


async def endpoints(connection: Connection) -> list[Endpoint]:
    """All endpoints, the oldest first."""
    rows = await (await connection.execute(ALL)).fetchall()
    return [Endpoint(**row | {"includes": frozenset(row["includes"])}) for row in rows]


async def endpoint_of(connection: Connection, id: UUID) -> Endpoint | None:
    """An endpoint; None where there is none of this id."""
    row = await (await connection.execute(ONE, {"id": id})).fetchone()
    return None if row is None else Endpoint(**row | {"includes": frozenset(row["includes"])})


async def any_active(connection: Connection) -> bool:
    """Whether there is an endpoint that events go to."""
    row = await (await connection.execute(ANY)).fetchone()
    return row is not None and bool(row["is_any"])


async def pause(connection: Connection, id: UUID, reason: str) -> bool:
    """Let events wait, until the endpoint is resumed; whether it was active."""
    return (await connection.execute(PAUSE, {"id": id, "reason": reason})).rowcount > 0


async def resume(connection: Connection, id: UUID) -> bool:
    """Go on with what waits; whether it was not active."""
    return (await connection.execute(RESUME, {"id": id})).rowcount > 0


async def remove(connection: Connection, id: UUID) -> None:
    """Forget an endpoint, its secrets, and all deliveries to it.

    Args:
        connection: in a transaction.
        id: of the endpoint.
    """
    await connection.execute("DELETE FROM webhook_endpoint WHERE id = %(id)s", {"id": id})
    await connection.execute("DELETE FROM webhook_delivery WHERE endpoint_id = %(id)s", {"id": id})


async def rotate(
    connection: Connection, id: UUID, secret: str, keep: timedelta, now: datetime
) -> None:
    """Sign with a new secret, and for a while also with those before it.

    Args:
        connection: in a transaction.
        id: of the endpoint.
        secret: the new one.
        keep: how long those before it sign too.
        now: the time, UTC.
    """
    await connection.execute(RETIRE, {"id": id, "at": now + keep})
    await connection.execute(ADD_KEY, _sealed(id, secret))


async def secrets_of(connection: Connection, id: UUID, now: datetime) -> list[str]:
    """What an endpoint's events are signed with, the newest first.

    Args:
        connection: to the database.
        id: of the endpoint.
        now: the time, UTC.

    Raises:
        Unreadable: they are encrypted with a key that is not here.
    """
    rows = await (await connection.execute(SECRETS, {"id": id, "now": now})).fetchall()
    return [cipher().unseal(row["secret"], PURPOSE) for row in rows]


def _sealed(id: UUID, secret: str) -> dict[str, object]:
    return {"id": id, "secret": cipher().seal(secret, PURPOSE)}
