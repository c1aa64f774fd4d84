"""A process in which somebody texts, is texted, campaigned to and told of elsewhere, and is erased.

python -m tests.integration.erased_story <database url>

It prints the tables in which something of the person is left; its log is on standard error.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime

import httpx

from connectors.gateways.base import Accepted, Refused, Unknown
from connectors.gateways.twilio import TwilioGateway, TwilioSettings
from database.pool import Pool, make_pool
from messaging.clock import SystemClock
from messaging.logs import configure_logging
from messaging.retention_periods import RetentionPeriods
from messaging.retry import Schedule
from messaging.upkeep import prune
from outreach.campaign_runner import advance
from privacy.copies import delete_asked
from privacy.erasure import erase, foresee
from tests.gateways.test_twilio import SID, TOKEN
from tests.integration.campaigning import NOON, desk, plan, started
from tests.integration.engine import OURS, Echo, ScriptedGateway, rows
from tests.integration.hooks import deliver, endpoint_at
from tests.integration.person import FORMS, PHONE, WORDS, book_a_visit, dump
from tests.integration.way import answered, tell_us, text_us

NOWHERE = "http://127.0.0.1:9"  # nobody listens on the discard port
SOON = Schedule(first=0.05, longest=0.05, attempts=3)


async def known(pool: Pool, url: str) -> None:
    """All that is logged of somebody: a text, its turn, sending, receipts, a campaign, events."""
    await endpoint_at(pool, f"{NOWHERE}/hook", includes=frozenset({"body", "name", "phone"}))
    await book_a_visit(pool)
    await text_us(pool, "my itchy zebra", "SM91", PHONE)
    await text_us(pool, "my itchy zebra", "SM91", PHONE)
    campaign = plan(text="Our doors are closed today, {name}", subject="closing")
    await started(pool, campaign, [PHONE])
    await advance(pool, desk(), NOON)
    carrier = ScriptedGateway(
        Refused("20429", f"Busy with {PHONE}.", retry=SOON),
        Unknown(f"no answer from https://{SID}:{TOKEN}@api.example.com/?To={PHONE}"),
    )
    carrier.found = [Accepted("V9")]
    await answered(pool, url, Echo(), carrier)
    await tell_us(pool, "V-of-no-text", "sent")
    await deliver(pool)


async def main(url: str) -> None:
    configure_logging("story", "DEBUG")
    async with make_pool(url) as pool:
        await known(pool, url)
        found = await foresee(pool, PHONE)
        await erase(pool, PHONE, "Ana", at_gateways=True)
        away = TwilioGateway(TwilioSettings(SID, (TOKEN,), (OURS,), NOWHERE, base_url=NOWHERE))
        async with httpx.AsyncClient() as http:
            await delete_asked(pool, {"twilio": away}, http, SystemClock())
        await rows(pool, "UPDATE webhook_delivery SET next_attempt_at = now() RETURNING 1")
        await deliver(pool)
        await tell_us(pool, "V9", "delivered")
        await prune(pool, RetentionPeriods(), datetime.now(UTC))
        told = await dump(pool)
    secrets = (*FORMS, *WORDS)
    left = {name: [one for one in secrets if one in text] for name, text in told.items()}
    report = {"before": sorted(found), "left": {name: all for name, all in left.items() if all}}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
