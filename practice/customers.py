"""Who texts: a phone number and a name."""

from __future__ import annotations

from dataclasses import dataclass

from database.pool import Connection


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer whose name is known.

    Attributes:
        id: in the database.
        phone: E.164: ``+12125550101``.
        name: as the customer gave it.
    """

    id: int
    phone: str
    name: str


async def customer_by_phone(connection: Connection, phone: str) -> Customer | None:
    """The customer with this phone (E.164), or None for a new one."""
    found = await connection.execute(
        "SELECT id, phone, name FROM customer WHERE phone = %(phone)s", {"phone": phone}
    )
    row = await found.fetchone()
    return Customer(**row) if row else None


async def remember_customer(connection: Connection, phone: str, name: str) -> Customer:
    """Store the name of the customer with this phone (E.164), new or known; the last name wins.

    Raises:
        ValueError: the name is blank.
    """
    return await _store(connection, phone, name, "excluded.name")


async def known_or_new(connection: Connection, phone: str, name: str) -> Customer:
    """The customer with this phone (E.164); a new one gets the name, a known one keeps its own.

    Raises:
        ValueError: the name is blank.
    """
    return await _store(connection, phone, name, "customer.name")


def tidy_name(name: str) -> str:
    """A name without spaces around it or doubled within.

    Raises:
        ValueError: nothing is left.
    """
    tidy = " ".join(name.split())
    if not tidy:
        raise ValueError("a customer's name cannot be blank")
    return tidy


async def _store(connection: Connection, phone: str, name: str, winner: str) -> Customer:
    # The update also where nothing changes: it locks the row and makes RETURNING give it.
    stored = await connection.execute(
        f"""
        INSERT INTO customer (phone, name) VALUES (%(phone)s, %(name)s)
        ON CONFLICT (phone) DO UPDATE SET name = {winner}
        RETURNING id, phone, name
        """,
        {"phone": phone, "name": tidy_name(name)},
    )
    row = await stored.fetchone()
    if row is None:  # an upsert that updates has a row always
        raise AssertionError
    return Customer(**row)
