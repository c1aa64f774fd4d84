"""Fills the outbox as those do who have something to say."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psycopg
from psycopg.rows import dict_row

from bench.turns.account import Account
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.lanes import Lane
from messaging.notice_texts import enqueue_notice
from messaging.text_policy import TextPolicy

GATEWAY = "twilio"
POLICY = TextPolicy(longest=1600)


class Outbox:
    """Puts texts into the outbox of a stack.

    Args:
        database_url: of the stack.
        account: whose number they leave.
    """

    def __init__(self, database_url: str, account: Account) -> None:
        self._url = database_url
        self._account = account
        self._clock = SystemClock()
        self._ids = TimeOrderedIds()

    async def put(self, texts: Iterable[tuple[str, str]], lane: Lane) -> float:
        """Put texts in, all of them in one transaction, so that they can leave at the same moment.

        Args:
            texts: phones, and what they are told.
            lane: of the texts.

        Returns:
            The time just before the end of the transaction, in seconds since 1970.
        """
        async with (
            await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, row_factory=dict_row
            ) as connection,
            connection.transaction(),
        ):
            for phone, body in texts:
                await enqueue_notice(
                    connection,
                    gateway=GATEWAY,
                    number=self._account.number,
                    phone=phone,
                    body=body,
                    policy=POLICY,
                    new_id=self._ids.new_id,
                    now=self._clock.now(),
                    lane=lane,
                )
            return time.time()
