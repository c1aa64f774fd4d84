"""The texters, and the carrier that posts what they write."""

from __future__ import annotations

import asyncio
import dataclasses
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from bench.turns.account import Account
from bench.turns.fake_twilio import FakeTwilio, signed
from simulator.posting import Answer, Poster, Trouble

SERVER_ERROR = 500
ATTEMPTS = 2
"""Twilio repeats a webhook once where its address ends in ``#rp=5xx,ct,rt``."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a stack receives texts.

    Attributes:
        url: that the carrier knows, and signs.
        ways: under which it is reached, as a balancer knows them: the next where one cannot be
            connected to.
    """

    url: str
    ways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A text and what came of it.

    Attributes:
        acknowledged: seconds until the webhook was answered with 2xx; None where it was not.
        replied: seconds until the first reply reached the API; None where none did in time.
        reply: what it said.
    """

    phone: str
    text: str
    acknowledged: float | None
    replied: float | None
    reply: str | None


class Carrier:
    """Posts texts to a stack as Twilio would.

    Args:
        account: signs the webhooks.
        address: of the stack.
        poster: posts them.
    """

    def __init__(self, account: Account, address: Address, poster: Poster) -> None:
        self._account = account
        self._address = address
        self._poster = poster

    async def post(self, phone: str, body: str) -> float | None:
        """Post a text; seconds until it was acknowledged, or None."""
        sid = f"SM{uuid.uuid4().hex}"
        fields = [
            ("ToCountry", "US"),
            ("ToState", "NY"),
            ("ToCity", ""),
            ("FromCountry", "US"),
            ("FromState", "NY"),
            ("SmsMessageSid", sid),
            ("SmsSid", sid),
            ("MessageSid", sid),
            ("SmsStatus", "received"),
            ("AccountSid", self._account.sid),
            ("From", phone),
            ("To", self._account.number),
            ("Body", body),
            ("NumSegments", "1"),
            ("NumMedia", "0"),
            ("ApiVersion", "2010-04-01"),
        ]
        webhook = signed(self._account, self._address.url, fields)
        began = time.perf_counter()
        for _ in range(ATTEMPTS):
            for way in self._address.ways:
                answer = await self._poster.post(dataclasses.replace(webhook, url=way))
                if answer.trouble is not Trouble.CONNECT:
                    break
            if not _worth_repeating(answer):
                break
        return time.perf_counter() - began if answer.ok else None


def _worth_repeating(answer: Answer) -> bool:
    return answer.trouble is not None or (answer.status or 0) >= SERVER_ERROR


@dataclass(frozen=True, slots=True)
class Texters:
    """People who text a stack.

    Attributes:
        carrier: takes their texts.
        api: gets the replies.
        patience: seconds after which a text counts as unanswered and the next one is written.
    """

    carrier: Carrier
    api: FakeTwilio
    patience: float = 30.0

    async def ask(self, phone: str, text: str) -> Exchange:
        """Write one text and wait for its acknowledgement and for the first reply."""
        had = len(self.api.replies(phone))
        began = time.perf_counter()
        posting = asyncio.create_task(self.carrier.post(phone, text))
        reply = await self.api.reply_after(phone, had, self.patience)
        acknowledged = await posting
        if reply is None:
            return Exchange(phone, text, acknowledged, None, None)
        return Exchange(phone, text, acknowledged, reply.at - began, reply.body)

    async def talk(self, phone: str, texts: Sequence[str]) -> list[Exchange]:
        """Write some texts, each after the reply to the one before."""
        return [await self.ask(phone, text) for text in texts]

    async def talk_together(self, talks: Sequence[tuple[str, Sequence[str]]]) -> list[Exchange]:
        """Several texters at the same time, each with a phone and texts."""
        talked = await asyncio.gather(*(self.talk(phone, texts) for phone, texts in talks))
        return [exchange for exchanges in talked for exchange in exchanges]
