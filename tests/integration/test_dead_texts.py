"""Texts that did not arrive, as the command line lists them and sends them once more."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from datetime import timedelta
from uuid import UUID

import pytest
from rich.console import Console

from cli.failed import retry, show_failed
from cli.failure import Failure
from cli.story import show_story
from connectors.gateways.base import Accepted, Receipt, Refused, Status, Unknown
from messaging.clock import SystemClock
from messaging.dead_texts import send_once_more
from messaging.receipts import store_receipt
from messaging.text_ids import short
from tests.integration.engine import PHONE, ScriptedGateway, delivery_worker, rows, until
from tests.integration.test_delivery import in_state, text_out, the_text

SPAM = Refused("30007", "A carrier took the text for spam.")
DAY = timedelta(days=1)


async def failed_text(pool, url: str, outcome=SPAM, body: str = "hi", phone: str = PHONE) -> UUID:
    """A text that the vendor refused for good, or whose fate it did not tell."""
    id = await text_out(pool, body, phone)
    async with delivery_worker(pool, url, ScriptedGateway(outcome, look_up=False)):
        await until(in_state(pool, id, "failed", "unknown"))
    return id


async def listed(url: str, **changes) -> str:
    out = io.StringIO()
    asked = {
        "within": DAY,
        "code": None,
        "limit": 50,
        "show_numbers": False,
        "as_json": False,
        **changes,
    }
    await show_failed(url=url, console=Console(file=out, width=150), **asked)
    return out.getvalue()


async def told(url: str, id: UUID, *, show_numbers: bool = False) -> str:
    out = io.StringIO()
    await show_story(
        url=url,
        beginning=short(id),
        show_numbers=show_numbers,
        console=Console(file=out, width=150),
    )
    return out.getvalue()


async def retried(url: str, *ids: UUID, **changes) -> str:
    out = io.StringIO()
    asked = {
        "beginnings": [short(id) for id in ids],
        "code": None,
        "within": DAY,
        "although_unknown": False,
        "confirmed": lambda count: False,
        **changes,
    }
    await retry(url=url, console=Console(file=out, width=150), **asked)
    return out.getvalue()


async def test_failed_texts_are_listed_with_the_reason_and_without_numbers(pool, database_url):
    first = await failed_text(pool, database_url)
    second = await failed_text(pool, database_url, Unknown("read time-out"))
    await text_out(pool, "waits")
    lines = (await listed(database_url)).splitlines()
    assert [line.split()[0] for line in lines[::2]] == [short(second), short(first), "`linnet"]
    assert lines[0].split()[4:] == ["notice", "+1********00", "twilio", "unknown"]
    assert lines[3] == "    30007, 1 attempt: A carrier took the text for spam."
    assert PHONE not in "".join(lines)
    assert "hi" not in " ".join(lines).split()
    assert PHONE in await listed(database_url, show_numbers=True)


async def test_what_is_listed_can_be_narrowed(pool, database_url):
    spam = await failed_text(pool, database_url)
    off = await failed_text(pool, database_url, Refused("30003", "The phone is off."))
    assert short(off) not in await listed(database_url, code="30007")
    assert short(spam) not in await listed(database_url, limit=1)
    await rows(pool, "UPDATE outbound_text SET updated_at = now() - interval '2 days' RETURNING id")
    assert await listed(database_url) == "None.\n"


async def test_failed_texts_as_json_lines(pool, database_url):
    id = await failed_text(pool, database_url)
    (line,) = (await listed(database_url, as_json=True)).splitlines()
    text = json.loads(line)
    assert text.pop("at").endswith("+00:00")
    assert text == {
        "id": str(id),
        "kind": "notice",
        "phone": "+1********00",
        "gateway": "twilio",
        "state": "failed",
        "code": "30007",
        "why": "A carrier took the text for spam.",
        "attempts": 1,
    }


async def test_a_failed_text_is_sent_once_more(pool, database_url):
    id = await failed_text(pool, database_url)
    await rows(pool, "UPDATE outbound_text SET expires_at = now() - interval '1 h' RETURNING id")
    said = await retried(database_url, id)
    assert "notice to +1********00, failed 30007: sent once more" in said
    row = await the_text(pool, id)
    assert (row["state"], row["attempts"], row["error_code"]) == ("pending", 0, None)
    assert row["first_attempt_at"] is None
    gateway = ScriptedGateway(Accepted("V9"))
    async with delivery_worker(pool, database_url, gateway):
        row = await until(in_state(pool, id, "sent"))
    assert (row["vendor_id"], row["attempts"], len(gateway.sent)) == ("V9", 1, 1)
    (event,) = await rows(pool, "SELECT * FROM text_event WHERE kind = 'retried-by-hand'")
    assert (event["outbound_id"], event["code"]) == (id, "30007")
    assert event["detail"] == "was failed, 1 attempts"


async def test_receipts_of_the_attempt_that_failed_change_nothing_any_more(pool, database_url):
    id = await text_out(pool, "hi")
    async with delivery_worker(pool, database_url, ScriptedGateway(Accepted("V1"))):
        await until(in_state(pool, id, "sent"))
        await _receipt(pool, "V1", Status.FAILED, "30007")
        await until(in_state(pool, id, "failed"))
        await until(lambda: _judged(pool))
    assert "sent once more" in await retried(database_url, id)
    await _receipt(pool, "V1", Status.SENT)
    assert (await the_text(pool, id))["state"] == "pending"
    async with delivery_worker(pool, database_url, ScriptedGateway(Accepted("V2"))):
        await until(in_state(pool, id, "sent"))
        await _receipt(pool, "V2", Status.DELIVERED)
    assert (await the_text(pool, id))["state"] == "delivered"
    life = await told(database_url, id)
    assert "vendor id V1" in life
    assert life.index("of V1: failed") < life.index("retried-by-hand") < life.index("as V2")


async def _receipt(pool, vendor_id: str, status: Status, code: str | None = None) -> None:
    async with pool.connection() as connection:
        receipt = Receipt(vendor_id, status, str(status), code)
        await store_receipt(connection, "twilio", receipt, SystemClock().now())


async def _judged(pool) -> bool:
    return not await rows(
        pool, "SELECT FROM outbound_text WHERE state = 'failed' AND error_staff IS NULL"
    )


async def test_one_that_may_be_out_is_sent_again_only_when_told_so(pool, database_url):
    id = await failed_text(pool, database_url, Unknown("read time-out"))
    with pytest.raises(Failure, match="Nothing was sent"):
        await retried(database_url, id)
    assert (await the_text(pool, id))["state"] == "unknown"
    assert "sent once more" in await retried(database_url, id, although_unknown=True)
    assert (await the_text(pool, id))["state"] == "pending"


@pytest.mark.parametrize("state", ["opted_out_at = now()", "unreachable_code = '30006'"])
async def test_who_gets_no_texts_gets_none_by_hand(pool, database_url, state):
    id = await failed_text(pool, database_url)
    await rows(pool, f"UPDATE conversation SET {state} RETURNING id")
    with pytest.raises(Failure, match="Nothing was sent"):
        await retried(database_url, id)
    assert (await the_text(pool, id))["state"] == "failed"


@pytest.mark.parametrize(("hours", "over"), [(-1, True), (1, False)])
async def test_what_is_of_no_use_any_more_is_not_sent_once_more(pool, database_url, hours, over):
    id = await failed_text(pool, database_url)
    await rows(
        pool,
        "UPDATE outbound_text SET not_after = now() + %(long)s RETURNING id",
        long=timedelta(hours=hours),
    )
    (verdict,) = await send_once_more(pool, [id], although_unknown=False)
    assert ("is over" in (verdict.refusal or "")) is over
    assert (await the_text(pool, id))["state"] == ("failed" if over else "pending")


async def test_the_same_text_twice_is_sent_once(pool, database_url):
    id = await failed_text(pool, database_url)
    assert "1 of 1 put back" in await retried(database_url, id, id)
    (verdict,) = await send_once_more(pool, [id], although_unknown=True)
    assert verdict.refusal == "It is on its way."


async def test_it_leaves_before_what_waits_for_the_same_phone(pool, database_url):
    first = await failed_text(pool, database_url, body="first")
    second = await text_out(pool, "second")
    await retried(database_url, first)
    gateway = ScriptedGateway()
    async with delivery_worker(pool, database_url, gateway):
        await until(in_state(pool, second, "sent"))
    assert [message.body for message in gateway.sent] == ["first", "second"]


async def test_it_waits_while_a_later_text_to_the_same_phone_is_under_way(pool, database_url):
    first = await failed_text(pool, database_url, body="first")
    second = await text_out(pool, "second")
    await rows(
        pool,
        "UPDATE outbound_text SET state = 'sending', first_attempt_at = now(),"
        " lease_until = now() + interval '1 s' WHERE id = %(id)s RETURNING id",
        id=second,
    )
    await retried(database_url, first)
    gateway = ScriptedGateway()
    gateway.found = [Accepted("V7")]
    async with delivery_worker(pool, database_url, gateway):
        await until(in_state(pool, first, "sent"))
    assert (await the_text(pool, second))["vendor_id"] == "V7"
    assert [message.body for message in gateway.sent] == ["first"]


async def test_all_with_a_code(pool, database_url):
    spam = await failed_text(pool, database_url)
    off = await failed_text(pool, database_url, Refused("30003", "Off."), phone="+12125550101")
    assert "1 of 1 put back" in await retried(database_url, code="30007")
    assert (await the_text(pool, spam))["state"] == "pending"
    assert (await the_text(pool, off))["state"] == "failed"


async def test_many_are_sent_only_when_that_is_confirmed(pool, database_url):
    for number in range(11):
        await text_out(pool, "hi", phone=f"+1212555{number:04}")
    await rows(pool, "UPDATE outbound_text SET state = 'failed', error_code = '30007' RETURNING id")
    asked = []

    def confirmed(count: int) -> bool:
        asked.append(count)
        return len(asked) > 1

    with pytest.raises(Failure, match="Nothing was sent"):
        await retried(database_url, code="30007", confirmed=confirmed)
    assert not await rows(pool, "SELECT FROM outbound_text WHERE state = 'pending'")
    assert "11 of 11" in await retried(database_url, code="30007", confirmed=confirmed)
    assert asked == [11, 11]


async def test_what_is_not_clear_is_said(pool, database_url):
    for place in (1, 2):
        id = await text_out(pool, f"hi {place}")
        await rows(
            pool,
            "UPDATE outbound_text SET id = %(new)s WHERE id = %(id)s RETURNING id",
            id=id,
            new=f"0198c7d2-0000-7000-8000-00000000000{place}",
        )
    with pytest.raises(Failure, match="Several texts have ids that begin with 0198c7d2; write"):
        await retried(database_url, beginnings=["0198c7d2"])
    with pytest.raises(Failure, match="No text has an id that begins with 0199"):
        await retried(database_url, beginnings=["0199"])
    with pytest.raises(Failure, match="'SM1' is not the beginning of an id; `linnet failed`"):
        await retried(database_url, beginnings=["SM1"])
    for ids, code in (([], None), (["0198"], "30007")):
        with pytest.raises(Failure, match="by their ids, or all with a code"):
            await retried(database_url, beginnings=ids, code=code)


async def test_the_commands(pool, database_url):
    id = await failed_text(pool, database_url)

    async def linnet(*arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "cli", *arguments],
            env=os.environ | {"DATABASE_URL": database_url, "COLUMNS": "150"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert short(id) in (await linnet("failed", "--code", "30007", "--since", "1h")).stdout
    assert "sent once more" in (await linnet("retry", short(id))).stdout
    again = await linnet("retry", short(id))
    assert (again.returncode, again.stderr) == (1, "linnet: Nothing was sent once more.\n")
    assert "It is on its way." in again.stdout
    assert "Now pending after 0 attempt(s)." in (await linnet("story", str(id))).stdout
    wrong = await linnet("failed", "--since", "yesterday")
    assert wrong.stderr == "linnet: yesterday is not a period; write 30m, 24h or 7d.\n"
