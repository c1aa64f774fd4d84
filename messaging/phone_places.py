"""Where the owners of phones are, as far as more is known than their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
SELECT DISTINCT ON (phone) phone, source, zone, state FROM phone_place
WHERE phone = ANY(%(phones)s)
ORDER BY phone, array_position(%(sources)s::text[], source)
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
    return (await known_places(connection, [phone])).get(phone)


async def known_places(connection: Connection, phones: Sequence[str]) -> Mapping[str, KnownPlace]:
    """What the best source says of each of some phones; those are missing of which nobody spoke.

    Args:
        connection: to the database.
        phones: E.164.
    """
    values = {"phones": list(phones), "sources": [str(source) for source in Source]}
    rows = await (await connection.execute(BEST, values)).fetchall()
    return {
        row["phone"]: KnownPlace(Source(row["source"]), row["zone"], row["state"]) for row in rows
    }
