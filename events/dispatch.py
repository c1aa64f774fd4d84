"""Delivers events to endpoints: each endpoint by itself, so that a slow one holds up no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from database.pool import Pool
from events.deliveries import Delivery, claim, delivered, failed, gone, skip, wanting
from events.endpoints import INCLUDES, Endpoint, endpoint_of, secrets_of
from events.metrics import DEAD, LAG_SECONDS, POSTS, STOPPED
from events.payloads import data_of, envelope, minimised, suits
from events.posting import Answer, Poster
from events.schedule import asked_wait, next_delay
from events.signing import signed_headers
from messaging.cancellation import cancelled
from messaging.clock import Clock
from messaging.masking import hiding, mask_text

log = structlog.get_logger(__name__)

AT_ONCE = 8
"""Requests to one endpoint at the same time, of one process."""

LOOK_SECONDS = 1.0
"""How often it is looked whether something is due: one statement, found by an index."""


class Dispatcher:
    """Delivers what is due.

    Args:
        pool: of connections.
        poster: makes requests.
        clock: for the time.
        random: gives a number from 0 up to 1; spreads attempts.
    """

    def __init__(
        self, pool: Pool, poster: Poster, clock: Clock, random: Callable[[], float]
    ) -> None:
        self._pool = pool
        self._poster = poster
        self._clock = clock
        self._random = random

    async def run(self, until: datetime) -> None:
        """Deliver until a time; at least once look whether something is due.

        Args:
            until: when no further request is begun, aware.
        """
        serving: dict[UUID, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while not cancelled():
                for endpoint in await wanting(self._pool, self._clock.now()):
                    if endpoint not in serving or serving[endpoint].done():
                        serving[endpoint] = tasks.create_task(self._serve(endpoint, until))
                if self._clock.now() >= until:
                    return
                await asyncio.sleep(LOOK_SECONDS)

    async def _serve(self, endpoint_id: UUID, until: datetime) -> None:
        """Deliver to one endpoint until nothing is due, or it is to be left alone."""
        while not cancelled():
            async with self._pool.connection() as connection:
                now = self._clock.now()
                endpoint = await endpoint_of(connection, endpoint_id)
                claimed = await claim(connection, endpoint_id, AT_ONCE, now)
                if endpoint is None or not claimed:
                    return
            await asyncio.gather(*(self._deliver(endpoint, one) for one in claimed))
            if self._clock.now() >= until:
                return

    async def _deliver(self, endpoint: Endpoint, delivery: Delivery) -> None:
        """Attempt one delivery; a fault of ours counts too, else it would be made for ever."""
        try:
            answer = await self._attempt(endpoint, delivery)
        except (psycopg.OperationalError, PoolTimeout):
            raise  # the database is away: the lease ends and it is attempted again
        except Exception:
            log.exception("events.broken", endpoint=endpoint.id, delivery=delivery.id)
            answer = Answer("broken")
        if answer is not None:
            POSTS.labels(answer.outcome).inc()
            await self._write(endpoint.id, delivery, answer)

    async def _attempt(self, endpoint: Endpoint, delivery: Delivery) -> Answer | None:
        """What the endpoint says; None where it is not to be told."""
        event, now = delivery.event, self._clock.now()
        async with self._pool.connection() as connection:
            data = await data_of(connection, event)
            if data is None or not suits(data, endpoint.conditions):
                await skip(connection, delivery, now)
                return None
            secrets = await secrets_of(connection, endpoint.id, now)
        id, told = str(event.id), minimised(data, endpoint.includes)
        body = envelope(id, event.type, event.at, told)
        headers = signed_headers(secrets, id, now, body)
        private = endpoint.allow_private
        answer = await self._poster.post(endpoint.url, headers, body, allow_private=private)
        # An endpoint may quote in its answer what it was told.
        with hiding(*(str(told[name]) for name in INCLUDES if told.get(name))):
            return replace(answer, text=mask_text(answer.text))

    async def _write(self, endpoint: UUID, delivery: Delivery, answer: Answer) -> None:
        now = self._clock.now()
        if answer.outcome == "delivered":
            await delivered(self._pool, endpoint, delivery, answer, now)
            if delivery.attempts == 1:
                LAG_SECONDS.observe(max(0.0, (now - delivery.event.at).total_seconds()))
            return
        told = {"endpoint": endpoint, "delivery": delivery.id, "attempt": delivery.attempts}
        log.warning("events.refused", outcome=answer.outcome, status=answer.status, **told)
        if answer.outcome == "gone":
            given_up = await gone(self._pool, endpoint, delivery, answer, now)
            if given_up is not None:
                STOPPED.labels("gone").inc()
                DEAD.inc(given_up)
                log.error("events.endpoint-gone", endpoint=endpoint, entries=given_up)
            return
        wait = asked_wait(answer.status, answer.retry_after)
        delay = next_delay(delivery.attempts, wait, self._random)
        paused = await failed(self._pool, endpoint, delivery, answer, now, wait=wait, delay=delay)
        if delay is None:
            DEAD.inc()
            log.error("events.dead", **told)
        if paused:
            STOPPED.labels("paused").inc()
            log.error("events.endpoint-paused", endpoint=endpoint)
