"""Who did what for whose privacy: rows that nobody changes, without numbers."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from database.pool import Connection
from messaging.suppression import phone_hash, suppression_key

WRITE = """
INSERT INTO privacy_audit (action, actor, phone_hash, rows)
VALUES (%(action)s, %(actor)s, %(phone_hash)s, %(rows)s)
"""


async def write_audit(
    connection: Connection,
    action: str,
    actor: str,
    rows: Mapping[str, int],
    *,
    phone: str | None = None,
) -> None:
    """Write down what was done.

    Args:
        connection: in the transaction that does it.
        action: ``export``, ``erase`` or ``erase-at-gateway``.
        actor: who did it.
        rows: how many rows, by table.
        phone: whose they are, E.164; kept as a hash, and not at all where there is no key.
    """
    key = suppression_key() if phone else None
    given = {"action": action, "actor": actor, "rows": Jsonb(dict(rows))}
    hashed = phone_hash(key, phone) if key and phone else None
    await connection.execute(WRITE, given | {"phone_hash": hashed})
