"""Where the owners of phones are, as far as more is known than their numbers."""

from __future__ import annotations

from datetime import datetime

from database.pool import Connection
from messaging.area_codes import KnownPlace, Source

SET = """
INSERT INTO phone_place (phone, source, zone, state, verified_at)
VALUES (%(phone)s, %(source)s, %(zone)s, %(state)s, %(now)s)
ON CONFLICT (phone, source) DO UPDATE SET zone = EXCLUDED.zone, state = EXCLUDED.state,
    verified_at = EXCLUDED.verified_at
"""

BEST = """
SELECT source, zone, state FROM phone_place WHERE phone = %(phone)s
ORDER BY array_position(%(sources)s::text[], source) LIMIT 1
"""


async def set_place(
    connection: Connection, phone: str, place: KnownPlace, verified_at: datetime
) -> None:
    """Keep where somebody says that a phone's owner is, in place of what they said before.

    Args:
        connection: to the database.
        phone: E.164.
        place: as it was said.
        verified_at: when, UTC.
    """
    values = {
        "phone": phone,
        "source": str(place.source),
        "zone": place.zone,
        "state": place.state,
        "now": verified_at,
    }
    await connection.execute(SET, values)


async def known_place(connection: Connection, phone: str) -> KnownPlace | None:
    """What the best source says of a phone; None where nobody said anything.

    Args:
        connection: to the database.
        phone: E.164.
    """
    values = {"phone": phone, "sources": [str(source) for source in Source]}
    row = await (await connection.execute(BEST, values)).fetchone()
    return KnownPlace(Source(row["source"]), row["zone"], row["state"]) if row else None
