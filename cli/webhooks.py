"""``linnet webhooks``: endpoints that are told what happens, and what became of telling them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
from rich.console import Console
from rich.table import Table

from cli.failure import Failure
from database.pool import Connection, make_pool
from events import endpoints, records
from events.endpoints import Endpoint
from events.payloads import envelope
from events.posting import AddressRefused, Poster
from events.signing import new_secret, signed_headers
from events.types import PING
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.text_ids import short, span


@dataclass(frozen=True, slots=True)
class Wish:
    """An endpoint as it is written on the command line.

    Attributes:
        where: conditions, each like ``gateway=twilio``.
    """

    url: str
    types: Sequence[str]
    where: Sequence[str]
    include: Sequence[str]
    allow_private: bool


@dataclass(frozen=True, slots=True)
class Again:
    """Deliveries that are to be made again, as they are written on the command line."""

    delivery: int | None
    dead: bool
    since: str
    until: str
    endpoint: str


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        yield connection


async def add(url: str, wish: Wish, console: Console) -> None:
    """Add an endpoint and print its secret.

    Args:
        url: of the database.
        wish: what to add.
        console: to print to.

    Raises:
        Failure: it could not work; the sentence says why.
    """
    conditions = dict(_condition(one) for one in wish.where)
    endpoint = Endpoint(
        id=TimeOrderedIds().new_id(),
        url=wish.url,
        types=tuple(wish.types),
        conditions=conditions,
        includes=frozenset(wish.include),
        allow_private=wish.allow_private,
        state="active",
        reason=None,
        created_at=SystemClock().now(),
        failing_since=None,
    )
    try:
        endpoints.check(endpoint)
    except (AddressRefused, ValueError) as error:
        raise Failure(f"The endpoint was not added: {error}.") from error
    secret = new_secret()
    async with _connected(url) as connection, connection.transaction():
        await endpoints.add(connection, endpoint, secret)
    console.print(
        f"Added {short(endpoint.id)}. Its secret, which is not shown again:", highlight=False
    )
    console.out(secret, highlight=False)
    console.print(f"`linnet webhooks test {short(endpoint.id)}` tries it out.", highlight=False)


def _condition(written: str) -> tuple[str, str]:
    field, is_one, value = written.partition("=")
    if not is_one:
        raise Failure(f"{written} is no condition; write it like gateway=twilio.")
    return field.strip(), value.strip()


async def show_all(url: str, console: Console) -> None:
    """List endpoints; of their addresses only the host, as the rest may be a secret.

    Args:
        url: of the database.
        console: to print to.
    """
    async with _connected(url) as connection:
        known, waiting = await endpoints.endpoints(connection), await records.counts(connection)
    if not known:
        console.print("None; `linnet webhooks add URL` adds one.")
        return
    table = Table("id", "host", "types", "state", "waiting", "dead", box=None)
    for one in known:
        pending, dead = waiting.get(one.id, (0, 0))
        host, types = httpx.URL(one.url).host, " ".join(one.types)
        table.add_row(short(one.id), host, types, one.state, str(pending), str(dead))
    console.print(table, highlight=False, markup=False)


async def show(url: str, beginning: str, console: Console) -> None:
    """Show all of an endpoint but its secret.

    Args:
        url: of the database.
        beginning: of its id.
        console: to print to.

    Raises:
        Failure: the id is not clear.
    """
    async with _connected(url) as connection:
        one = await _named(connection, beginning)
    state = f"{one.state}: {one.reason}" if one.reason else one.state
    lines = {
        "id": str(one.id),
        "address": one.url,
        "types": ", ".join(one.types),
        "where": ", ".join(f"{name}={value}" for name, value in one.conditions.items()) or "all",
        "includes": ", ".join(sorted(one.includes)) or "nothing but ids; phones are masked",
        "private": "may be in our own network" if one.allow_private else "no",
        "state": state,
        "failing": f"since {one.failing_since:%Y-%m-%d %H:%M}" if one.failing_since else "no",
    }
    for name, value in lines.items():
        console.print(f"{name:<9} {value}", highlight=False, markup=False, soft_wrap=True)


async def pause(url: str, beginning: str, console: Console) -> None:
    """Let events wait.

    Raises:
        Failure: the id is not clear, or the endpoint is not active.
    """
    async with _connected(url) as connection:
        one = await _named(connection, beginning)
        if not await endpoints.pause(connection, one.id, "paused by hand"):
            raise Failure(f"It is {one.state} already: {one.reason}.")
    console.print("Paused; events wait for it, for 30 days at most.")


async def resume(url: str, beginning: str, console: Console) -> None:
    """Deliver again.

    Raises:
        Failure: the id is not clear, or the endpoint is active.
    """
    async with _connected(url) as connection:
        one = await _named(connection, beginning)
        if not await endpoints.resume(connection, one.id):
            raise Failure("It is active already.")
    console.print("Active again; `linnet webhooks replay --dead` sends what was given up.")


async def remove(url: str, beginning: str, console: Console) -> None:
    """Forget an endpoint.

    Raises:
        Failure: the id is not clear.
    """
    async with _connected(url) as connection, connection.transaction():
        one = await _named(connection, beginning)
        await endpoints.remove(connection, one.id)
    console.print(f"Removed {short(one.id)}.", highlight=False)


async def rotate(url: str, beginning: str, keep: timedelta, console: Console) -> None:
    """Sign with a new secret, and print it.

    Args:
        url: of the database.
        beginning: of the endpoint's id.
        keep: how long the old one signs too.
        console: to print to.

    Raises:
        Failure: the id is not clear.
    """
    secret = new_secret()
    async with _connected(url) as connection, connection.transaction():
        one = await _named(connection, beginning)
        await endpoints.rotate(connection, one.id, secret, keep, SystemClock().now())
    console.print("The new secret, which is not shown again:")
    console.out(secret, highlight=False)
    if keep:
        console.print("Requests are signed with both until the old one retires.")


async def ping(url: str, beginning: str, console: Console) -> None:
    """Post a test event and show the answer; nothing of it is stored.

    Args:
        url: of the database.
        beginning: of the endpoint's id.
        console: to print to.

    Raises:
        Failure: the id is not clear, or the endpoint did not take it.
    """
    now, id = SystemClock().now(), str(TimeOrderedIds().new_id())
    async with _connected(url) as connection:
        one = await _named(connection, beginning)
        secrets = await endpoints.secrets_of(connection, one.id, now)
    body = envelope(id, PING, now, {"endpoint": str(one.id)})
    headers = signed_headers(secrets, id, now, body)
    console.print("Waiting for its answer, 15 s at most ...")
    answer = await Poster().post(one.url, headers, body, allow_private=one.allow_private)
    told = f"{answer.status or answer.outcome}, {answer.milliseconds} ms: {answer.text}"
    if answer.outcome != "delivered":
        raise Failure(f"The endpoint did not take it ({told}).")
    console.print(f"Taken: {told}", highlight=False, markup=False, soft_wrap=True)


async def log(url: str, beginning: str, state: str | None, limit: int, console: Console) -> None:
    """List deliveries, the newest first.

    Args:
        url: of the database.
        beginning: of an endpoint's id, for its deliveries only; empty for all.
        state: of the deliveries; None for all.
        limit: so many at most.
        console: to print to.

    Raises:
        Failure: the id is not clear.
    """
    async with _connected(url) as connection:
        one = (await _named(connection, beginning)).id if beginning else None
        found = await records.records(connection, limit, endpoint=one, state=state)
    for record in found:
        line = f"{_line(record)}\n    {_last(record)}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(
        "`linnet webhooks replay NUMBER` delivers one once more." if found else "None.",
        highlight=False,
    )


def _line(record: records.Record) -> str:
    again = ""
    if record.state == "pending":
        again = f", next {record.next_attempt_at.astimezone():%b %d %H:%M:%S}"
    return (
        f"{record.id:>6}  {record.happened_at.astimezone():%b %d %H:%M:%S}  {record.type:<24}"
        f"  {short(record.endpoint_id)}  {record.state}, {record.attempts} attempt(s){again}"
    )


def _last(record: records.Record) -> str:
    if record.outcome is None:
        return f"webhook-id {record.event_id}"
    return (
        f"webhook-id {record.event_id}, {record.status or record.outcome},"
        f" {record.milliseconds} ms: {record.answer}"
    )


async def replay(url: str, wish: Again, console: Console) -> None:
    """Deliver once more.

    Args:
        url: of the database.
        wish: what.
        console: to print to.

    Raises:
        Failure: it is not said what, or there is nothing of it.
    """
    ways = (wish.delivery is not None, wish.dead, bool(wish.since or wish.until))
    if sum(ways) != 1:
        raise Failure("Name one delivery, or --dead, or a time by --since and --until.")
    since, until = _time(wish.since), _time(wish.until)
    async with _connected(url) as connection:
        one = (await _named(connection, wish.endpoint)).id if wish.endpoint else None
        selection = records.Selection(one, wish.delivery, wish.dead, since, until)
        count = await records.replay(connection, selection, SystemClock().now())
    if count == 0:
        raise Failure(
            "Nothing to deliver once more: what waits already, what is older than 30 days, and "
            "what is for an endpoint that is gone does not count."
        )
    console.print(f"{count} put back.", highlight=False)


def _time(written: str) -> datetime | None:
    if not written:
        return None
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise Failure(f"{written} is not a time like 2026-11-25T09:00.") from None
    return at.astimezone(UTC)  # without an offset it is of this machine's zone


async def _named(connection: Connection, beginning: str) -> Endpoint:
    try:
        first, last = span(beginning)
    except ValueError as error:
        raise Failure(f"{error}; `linnet webhooks list` lists ids.") from error
    known = await endpoints.endpoints(connection)
    found = [one for one in known if _within(one.id, first, last)]
    if not found:
        raise Failure(f"No endpoint has an id that begins with {beginning}.")
    if len(found) > 1:
        raise Failure(f"Several endpoints have ids that begin with {beginning}; write more of it.")
    return found[0]


def _within(id: UUID, first: UUID, last: UUID) -> bool:
    return first <= id <= last
