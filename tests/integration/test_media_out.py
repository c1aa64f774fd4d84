"""Files of ours on their way out: what a gateway cannot take leaves as words and a link."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from connectors.gateways.base import Accepted, Unknown
from connectors.gateways.twilio import MEDIA
from messaging.media import Attachment
from messaging.notice_texts import enqueue_notice
from messaging.sending import DeliveryPolicy
from tests.integration.engine import (
    OURS,
    PHONE,
    WORDS,
    ScriptedGateway,
    delivery_worker,
    rows,
    until,
)

# An address that is not public, so that no vendor could fetch it.
PICTURE = Attachment("http://127.0.0.1:9/frames.png", title="Our new frames")

PATIENT = DeliveryPolicy(idle=timedelta(seconds=0.3))


async def text_out(pool, phone: str = PHONE) -> UUID:
    async with pool.connection() as connection:
        (id,) = await enqueue_notice(
            connection,
            gateway="twilio",
            number=OURS,
            phone=phone,
            body="Look:",
            policy=WORDS,
            new_id=uuid4,
            now=datetime.now(UTC),
            media=(PICTURE,),
        )
    return id


async def left(pool, id: UUID) -> dict | None:
    (row,) = await rows(
        pool, "SELECT state, body, media FROM outbound_text WHERE id = %(id)s", id=id
    )
    return row if row["state"] == "sent" else None


WORDS_AND_LINK = "Look:\nOur new frames\nhttp://127.0.0.1:9/frames.png"


async def test_a_gateway_without_media_sends_words_and_link(pool, database_url):
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway, policy=PATIENT):
        id = await text_out(pool)
        row = await until(lambda: left(pool, id))
    assert (row["body"], row["media"]) == (WORDS_AND_LINK, [])
    assert (gateway.sent[0].body, gateway.sent[0].media) == (WORDS_AND_LINK, ())
    (event,) = await rows(pool, "SELECT kind, code FROM text_event")
    assert tuple(event.values()) == ("media-as-link", "gateway")


async def test_another_country_gets_words_and_link(pool, database_url):
    gateway = ScriptedGateway(media=MEDIA)
    async with delivery_worker(pool, database_url, gateway, policy=PATIENT):
        id = await text_out(pool, phone="+442071838750")
        await until(lambda: left(pool, id))
    assert gateway.sent[0].body == WORDS_AND_LINK
    (event,) = await rows(pool, "SELECT code FROM text_event")
    assert event["code"] == "country"


async def test_what_is_looked_up_are_the_words_that_left(pool, database_url):
    gateway = ScriptedGateway(Unknown("read time-out"), media=MEDIA)
    gateway.found = [Accepted("V1")]
    async with delivery_worker(pool, database_url, gateway, policy=PATIENT):
        id = await text_out(pool)
        await until(lambda: left(pool, id))
    assert [one.body for one in (*gateway.sent, *gateway.lookups)] == [WORDS_AND_LINK] * 2
