"""A process that does everything that is logged of texts; run by ``test_log_story.py``.

python -m tests.integration.log_story <database url> <folder>
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from connectors.gateways.base import Accepted, Refused, Unknown
from database.pool import Pool, make_pool
from messaging.assistant import Answer, Reply, TurnInput
from messaging.errors import AssistantFailed, LookUpFailed
from messaging.logs import configure_logging
from messaging.retry import Schedule
from messaging.spool import Spool
from tests.gateways.test_twilio import SID, TOKEN, fields, post
from tests.integration.engine import (
    Echo,
    ScriptedGateway,
    delivery_worker,
    rows,
    turn_worker,
    until,
)
from tests.integration.way import handler, tell_us, text_us

PHONE, STRANGER = "+12125550177", "+13125550188"
BODY, REPLY = "my daughter Rosalind has a red eye", "Please come in at three, Rosalind"
SOON = Schedule(first=0.05, longest=0.05, attempts=3)


async def refused(pool: Pool) -> None:
    """Requests that are turned away, or taken although they are forged."""
    text = fields(Body=BODY, From=PHONE, MessageSid="SM80")
    for signature in ("enforce", "observe"):
        take = handler(pool, signature=signature).handle
        await take("twilio", post(text, signature=f"forged {TOKEN}"), "inbound")
    await handler(pool).handle("nobody", post(text), "inbound")
    elsewhere = fields(Body=BODY, From=PHONE, To=STRANGER, MessageSid="SM81")
    await handler(pool).handle("twilio", post(elsewhere), "inbound")


async def spooled(pool: Pool, folder: Path) -> None:
    """Texts that go to disk, come from there, or can never be stored."""
    spool = Spool(folder)
    takes = handler(pool, spool)

    async def quotes(*_: object) -> None:
        raise psycopg.OperationalError(f"cannot store {BODY!r} of {PHONE}")

    stores, takes._store = takes._store, quotes
    form = fields(Body=BODY, From=PHONE, MessageSid="SM82")
    await takes.handle("twilio", post(form), "inbound")
    takes._spool = None
    await takes.handle("twilio", post(form), "inbound")

    async def never(*_: object) -> None:
        raise psycopg.DataError(f"cannot store {BODY!r} of {PHONE}")

    await spool.drain(never)
    await spool.append("twilio", [], datetime.now(UTC))
    task = asyncio.create_task(spool.keep_draining(quotes, 0.01))
    await asyncio.sleep(0.1)
    task.cancel()
    task = asyncio.create_task(spool.keep_draining(stores, 0.01))

    async def empty() -> bool:
        return not spool.pending()

    await until(empty)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def answered(pool: Pool, url: str) -> None:
    """Texts whose turns fail in every way, and are answered."""
    failures: list[Exception] = [
        AssistantFailed(f"could not read {BODY!r} of {PHONE}"),
        RuntimeError(f"auth_token={TOKEN!r}: {BODY}"),
    ]

    async def respond(turn: TurnInput) -> Answer:
        if failures:
            raise failures.pop(0)
        return Answer([Reply(REPLY)])

    await text_us(pool, BODY, "SM83", PHONE)
    await text_us(pool, BODY, "SM83", PHONE)
    carrier = ScriptedGateway(
        Refused("20429", f"Busy with {PHONE}.", retry=SOON),
        Unknown(f"no answer from https://{SID}:{TOKEN}@api.example.com/?To={PHONE}"),
    )
    carrier.found = [LookUpFailed(f"GET ?To=%2B{PHONE[1:]}: {REPLY}"), Accepted("V9")]
    await tell_us(pool, "V9", "sent")  # before anybody knows of it

    async def sent() -> bool:
        found = await rows(pool, "SELECT state FROM outbound_text")
        return bool(found) and {row["state"] for row in found} == {"sent"}

    async with turn_worker(pool, url, Echo(respond)), delivery_worker(pool, url, carrier):
        await until(sent, seconds=40)
    await tell_us(pool, "V9", "delivered")
    await tell_us(pool, "V9", "delivered")


async def broken(pool: Pool, url: str) -> None:
    """A request to send that raises what nobody thought of."""
    await text_us(pool, BODY, "SM84", STRANGER)

    class Breaks(ScriptedGateway):
        async def send(self, message: object, http: object) -> Accepted:
            raise RuntimeError(f"{message!r}, Authorization: Bearer {TOKEN}: {REPLY}")

    async def under_way() -> bool:
        query = "SELECT 1 FROM outbound_text WHERE state IN ('sending', 'checking')"
        return bool(await rows(pool, query))

    async def respond(turn: TurnInput) -> Answer:
        return Answer([Reply(REPLY)])

    async with turn_worker(pool, url, Echo(respond)), delivery_worker(pool, url, Breaks()):
        await until(under_way, seconds=20)
        await asyncio.sleep(0.3)


async def main(url: str, folder: Path) -> None:
    configure_logging("story", "DEBUG")
    async with make_pool(url) as pool:
        await refused(pool)
        async with pool.connection() as connection:
            await connection.execute("TRUNCATE conversation CASCADE")
        await spooled(pool, folder)
        await answered(pool, url)
        (text,) = await rows(
            pool, "SELECT id AS text_id, conversation_id, turn_id FROM outbound_text"
        )
        await broken(pool, url)
    sys.stdout.write(json.dumps(text, default=str))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
