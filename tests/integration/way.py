"""The whole way of a text in one process: webhook, turn, action server, delivery, receipt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from connectors.gateways.twilio import TwilioGateway, TwilioSettings
from connectors.webhooks import WebhookHandler
from database.pool import Pool
from messaging.assistant import Answer, Reply, TurnInput
from messaging.clock import SystemClock
from messaging.inbox import store_events
from messaging.spool import Spool
from tests.gateways.inbox import settings_for
from tests.gateways.test_twilio import SID, TOKEN, fields, post
from tests.integration.engine import (
    OURS,
    Echo,
    ScriptedGateway,
    delivery_worker,
    rows,
    turn_worker,
    until,
)

TWILIO = TwilioGateway(TwilioSettings(SID, (TOKEN,), (OURS,), "https://sms.example.com"))


def handler(pool: Pool, spool: Spool | None = None, signature: str = "enforce") -> WebhookHandler:
    """What takes webhooks, on a real database."""
    store = partial(store_events, pool, burst_seconds=0.15)
    return WebhookHandler(settings_for(TWILIO, signature=signature), store, spool, SystemClock())


async def text_us(pool: Pool, body: str, sid: str, phone: str, spool: Spool | None = None) -> None:
    """The webhook of a customer's text."""
    form = fields(Body=body, MessageSid=sid, From=phone)
    answer = await handler(pool, spool).handle("twilio", post(form), "inbound")
    assert answer.status == 200


async def tell_us(pool: Pool, vendor_id: str, status: str) -> None:
    """The webhook of a receipt."""
    form = [("MessageSid", vendor_id), ("MessageStatus", status), ("AccountSid", SID)]
    answer = await handler(pool).handle("twilio", post(form), "status")
    assert answer.status == 200


def asking(action_url: str, reply: str) -> Echo:
    """An assistant that asks the action server and then says ``reply``."""
    # Rasa's, so not for those who only log.
    from rasa.utils.endpoints import EndpointConfig

    from connectors.processor import ActionServer

    async def respond(turn: TurnInput) -> Answer:
        server = ActionServer(EndpointConfig(action_url))
        try:
            await server.request(json={"next_action": "action_hours"})
        finally:
            await server.close()
        return Answer([Reply(reply)], intent="hours")

    return Echo(respond)


async def answered(pool: Pool, url: str, assistant: Any, carrier: ScriptedGateway) -> None:
    """Let workers work until every text of ours is sent and delivered."""

    def all_in(state: str) -> Callable[[], Any]:
        async def check() -> bool:
            states = await rows(pool, "SELECT state FROM outbound_text")
            return bool(states) and all(row["state"] == state for row in states)

        return check

    async with turn_worker(pool, url, assistant), delivery_worker(pool, url, carrier):
        await until(all_in("sent"), seconds=20)
    for row in await rows(pool, "SELECT vendor_id FROM outbound_text"):
        await tell_us(pool, row["vendor_id"], "delivered")
    await until(all_in("delivered"))
