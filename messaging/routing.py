"""Which number of ours a text leaves from when nobody says which.

A phone that ever had a conversation with us hears from the number that it knows, well or not:
another number would be a stranger. Only a phone that has none gets its number by lot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from connectors.gateways.base import Gateway
from database.pool import Connection
from messaging.health import choose
from messaging.health_table import read_weights

# Until the transaction ends nobody else chooses a number for this phone, nor moves its texts.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('route ' || %(phone)s, 0))"

# In one order for everybody, so that two transactions do not wait for each other.
LOCKS = """
SELECT pg_advisory_xact_lock(hashtextextended('route ' || phone, 0))
FROM (SELECT phone FROM unnest(%(phones)s::text[]) AS given (phone) ORDER BY phone) AS sorted
"""

# The latest by its last text, in either direction.
KNOWN = """
SELECT wanted.phone, known.id, known.number FROM unnest(%(phones)s::text[]) AS wanted (phone)
CROSS JOIN LATERAL (
    SELECT id, number FROM conversation AS talk
    WHERE number = ANY(%(numbers)s) AND phone = wanted.phone
    ORDER BY greatest(created_at,
        (SELECT max(received_at) FROM inbound_text WHERE conversation_id = talk.id),
        (SELECT max(created_at) FROM outbound_text WHERE conversation_id = talk.id)) DESC
    LIMIT 1) AS known
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A gateway that a new conversation may get.

    Attributes:
        gateway: its name.
        numbers: ours at this gateway.
        share: of new conversations, against the shares of the others; 0 for none.
        longest_body: characters that it takes in one request.
    """

    gateway: str
    numbers: Sequence[str]
    share: int
    longest_body: int


@dataclass(frozen=True, slots=True)
class Route:
    """The way of a text to a phone.

    Attributes:
        gateway: the name of the gateway.
        number: ours, that it leaves from.
        conversation_id: the conversation that the phone has with this number, if it has one.
    """

    gateway: str
    number: str
    conversation_id: UUID | None = None


def candidates_of(gateways: Mapping[str, Gateway], shares: Mapping[str, int]) -> list[Candidate]:
    """All gateways as candidates.

    Args:
        gateways: by name.
        shares: of new conversations, by gateway.
    """
    return [
        Candidate(name, gateway.numbers, shares[name], gateway.capabilities.longest_body)
        for name, gateway in gateways.items()
    ]


async def route(
    connection: Connection,
    phone: str,
    candidates: Sequence[Candidate],
    random: Callable[[], float],
) -> Route:
    """The number that a text to a phone leaves from.

    Args:
        connection: in the transaction that puts the text into the outbox, so that two texts to
            a new phone do not get two numbers.
        phone: the customer's, E.164.
        candidates: all gateways; at least one has a share above 0.
        random: gives a number from 0 up to 1.
    """
    return (await routes(connection, [phone], candidates, random))[phone]


async def routes(
    connection: Connection,
    phones: Sequence[str],
    candidates: Sequence[Candidate],
    random: Callable[[], float],
) -> Mapping[str, Route]:
    """The number that a text to each of some phones leaves from.

    Args:
        connection: in the transaction that puts the texts into the outbox.
        phones: the customers', E.164; new ones draw their lots in this order.
        candidates: all gateways; at least one has a share above 0.
        random: gives a number from 0 up to 1.
    """
    await connection.execute(LOCKS, {"phones": list(phones)})
    ways = {**await known_routes(connection, phones, candidates)}
    new = [phone for phone in phones if phone not in ways]
    if new:
        by_name = {one.gateway: one for one in candidates}
        shares = {one.gateway: one.share for one in candidates}
        weights = await read_weights(connection)
        for phone in new:
            chosen = by_name[choose(shares, weights, random)]
            ways[phone] = Route(chosen.gateway, number_of(chosen, random))
    return ways


async def known_route(
    connection: Connection, phone: str, candidates: Sequence[Candidate]
) -> Route | None:
    """The number of ours that a phone knows, the latest one if it knows several.

    Args:
        connection: to the database.
        phone: the customer's, E.164.
        candidates: gateways that may have it.
    """
    return (await known_routes(connection, [phone], candidates)).get(phone)


async def known_routes(
    connection: Connection, phones: Sequence[str], candidates: Sequence[Candidate]
) -> Mapping[str, Route]:
    """As ``known_route``, of several phones; those are missing that know no number of ours."""
    owners = {number: one.gateway for one in candidates for number in one.numbers}
    given = {"phones": list(phones), "numbers": list(owners)}
    rows = await (await connection.execute(KNOWN, given)).fetchall()
    return {row["phone"]: Route(owners[row["number"]], row["number"], row["id"]) for row in rows}


def number_of(candidate: Candidate, random: Callable[[], float]) -> str:
    """One of a gateway's numbers by lot, so that all share the traffic.

    Args:
        candidate: the gateway.
        random: gives a number from 0 up to 1.
    """
    return candidate.numbers[int(random() * len(candidate.numbers))]
