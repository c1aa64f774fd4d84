"""The health of gateways in SQL: what workers count, and the weights that come of it.

The time is the caller's, not the database's, so that the rules can be tried out at any speed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import structlog

from connectors.gateways.base import Outcome, Refused, Unknown
from database.pool import Connection, Pool
from messaging.clock import Clock
from messaging.health import FULL, SLOW_SECONDS, WINDOW, Judgement, Seen, Sends, judge
from messaging.metrics import GATEWAY_WEIGHT

log = structlog.get_logger(__name__)

ADD = """
INSERT INTO gateway_minute AS known (gateway, minute, sends, errors, slow)
VALUES (%(gateway)s, %(minute)s, %(sends)s, %(errors)s, %(slow)s)
ON CONFLICT (gateway, minute) DO UPDATE SET sends = known.sends + EXCLUDED.sends,
    errors = known.errors + EXCLUDED.errors, slow = known.slow + EXCLUDED.slow
"""

ADD_ROW = """
INSERT INTO gateway_health AS known (gateway, weight, changed_at, failures_in_row)
VALUES (%(gateway)s, %(full)s, %(now)s, %(failures)s)
ON CONFLICT (gateway) DO UPDATE SET failures_in_row = EXCLUDED.failures_in_row
    + CASE WHEN %(ended)s THEN 0 ELSE known.failures_in_row END
"""

KNOW = """
INSERT INTO gateway_health (gateway, weight, changed_at)
SELECT name, %(full)s, %(now)s FROM unnest(%(names)s::text[]) AS name
ON CONFLICT (gateway) DO NOTHING
"""

HEALTH = """
SELECT gateway, weight, changed_at, trouble_at, failures_in_row FROM gateway_health
WHERE gateway = ANY(%(names)s) ORDER BY gateway FOR UPDATE
"""

LATELY = """
SELECT gateway, sum(sends)::int AS sends, sum(errors)::int AS errors, sum(slow)::int AS slow
FROM gateway_minute WHERE gateway = ANY(%(names)s) AND minute > %(since)s GROUP BY gateway
"""

TROUBLE = "UPDATE gateway_health SET trouble_at = %(now)s WHERE gateway = %(gateway)s"

CHANGE = """
WITH changed AS (
    UPDATE gateway_health SET weight = %(weight)s, changed_at = %(now)s, reason = %(reason)s
    WHERE gateway = %(gateway)s)
INSERT INTO gateway_health_change (gateway, at, before, after, reason)
VALUES (%(gateway)s, %(now)s, %(before)s, %(weight)s, %(reason)s)
"""

WEIGHTS = "SELECT gateway, weight FROM gateway_health"

REPORT = """
SELECT names.gateway, coalesce(weight, %(full)s) AS weight, coalesce(reason, '') AS reason,
    CASE WHEN reason <> '' THEN changed_at END AS changed_at,
    coalesce(sum(sends), 0)::int AS sends, coalesce(sum(errors), 0)::int AS errors,
    coalesce(sum(slow), 0)::int AS slow
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS names (gateway, place)
LEFT JOIN gateway_health AS health USING (gateway)
LEFT JOIN gateway_minute AS counted
    ON counted.gateway = names.gateway AND minute > %(since)s
GROUP BY names.gateway, place, weight, reason, changed_at ORDER BY place
"""


class SendCounts:
    """What this process saw of its gateways and has not told the database yet.

    Args:
        clock: for the minute that a send belongs to.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minutes: dict[tuple[str, datetime], Sends] = {}
        self._rows: dict[str, tuple[bool, int]] = {}

    def count(self, gateway: str, outcome: Outcome, seconds: float) -> None:
        """Count a request to send.

        Args:
            gateway: that was asked.
            outcome: of the request.
            seconds: from the request to its answer.
        """
        error = isinstance(outcome, Unknown) or (isinstance(outcome, Refused) and outcome.unhealthy)
        minute = self._clock.now().replace(second=0, microsecond=0)
        so_far = self._minutes.get((gateway, minute), Sends())
        self._minutes[gateway, minute] = Sends(
            so_far.sends + 1,
            so_far.errors + error,
            so_far.slow + (not error and seconds >= SLOW_SECONDS),
        )
        ended, failures = self._rows.get(gateway, (False, 0))
        self._rows[gateway] = (ended, failures + 1) if error else (True, 0)

    async def flush(self, pool: Pool) -> None:
        """Add what was counted to what other workers counted.

        What cannot be written is dropped: with the database away there is nothing to send.

        Args:
            pool: of connections.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        minutes, self._minutes = self._minutes, {}
        rows, self._rows = self._rows, {}
        if not minutes:
            return
        async with pool.connection() as connection:
            for (gateway, minute), sends in minutes.items():
                await connection.execute(
                    ADD,
                    {
                        "gateway": gateway,
                        "minute": minute,
                        "sends": sends.sends,
                        "errors": sends.errors,
                        "slow": sends.slow,
                    },
                )
            for gateway, (ended, failures) in rows.items():
                await connection.execute(
                    ADD_ROW,
                    {
                        "gateway": gateway,
                        "full": FULL,
                        "now": self._clock.now(),
                        "failures": failures,
                        "ended": ended,
                    },
                )


async def judge_gateways(pool: Pool, names: Collection[str], now: datetime) -> dict[str, int]:
    """Move the weights by what all workers counted, and record why.

    Any worker may call this at any time: the rows are locked, and whoever comes second finds
    that nothing is left to change.

    Args:
        pool: of connections.
        names: of all gateways that are configured.
        now: the time, UTC.

    Returns:
        The weights from now on.
    """
    given = {"names": sorted(names), "now": now, "since": now - WINDOW, "full": FULL}
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(KNOW, given)
        health = await (await connection.execute(HEALTH, given)).fetchall()
        rows = await (await connection.execute(LATELY, given)).fetchall()
        lately = {row["gateway"]: Sends(row["sends"], row["errors"], row["slow"]) for row in rows}
        seen = {
            row["gateway"]: Seen(
                row["weight"],
                row["changed_at"],
                row["trouble_at"],
                row["failures_in_row"],
                lately.get(row["gateway"], Sends()),
            )
            for row in health
        }
        judged = judge(seen, now)
        for name, judgement in judged.items():
            await _record(connection, name, seen[name], judgement, now)
    for name, judgement in judged.items():
        GATEWAY_WEIGHT.labels(name).set(judgement.weight)
    return {name: judgement.weight for name, judgement in judged.items()}


async def _record(
    connection: Connection, name: str, seen: Seen, judgement: Judgement, now: datetime
) -> None:
    if judgement.trouble:
        await connection.execute(TROUBLE, {"gateway": name, "now": now})
    if judgement.weight == seen.weight:
        return
    change = {
        "gateway": name,
        "now": now,
        "before": seen.weight,
        "weight": judgement.weight,
        "reason": judgement.reason,
    }
    await connection.execute(CHANGE, change)
    log.warning("gateway.weight", **{key: change[key] for key in change if key != "now"})


async def read_weights(connection: Connection) -> dict[str, int]:
    """The weights now; a gateway that was never judged has none."""
    rows = await (await connection.execute(WEIGHTS)).fetchall()
    return {row["gateway"]: row["weight"] for row in rows}


@dataclass(frozen=True, slots=True)
class Report:
    """How a gateway is, for people.

    Attributes:
        gateway: its name.
        weight: 0 to 100.
        reason: why the weight last changed; empty where it never did.
        changed_at: when, if it ever did.
        sends: in the time that was asked for.
    """

    gateway: str
    weight: int
    reason: str
    changed_at: datetime | None
    sends: Sends


async def report(connection: Connection, names: Collection[str], since: datetime) -> list[Report]:
    """How gateways are and what they did lately.

    Args:
        connection: to the database.
        names: of gateways, in the order wanted.
        since: the sends of the minutes after this time are counted, UTC.
    """
    given = {"names": list(names), "since": since, "full": FULL}
    rows = await (await connection.execute(REPORT, given)).fetchall()
    return [
        Report(
            row["gateway"],
            row["weight"],
            row["reason"],
            row["changed_at"],
            Sends(row["sends"], row["errors"], row["slow"]),
        )
        for row in rows
    ]
