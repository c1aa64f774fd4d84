"""``linnet send`` and ``linnet gateways`` on a database, without a worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from cli import gateways, main, notice
from cli.failure import Failure
from connectors.gateways.base import Accepted, Inbound, Unknown
from messaging.clock import SystemClock
from messaging.errors import SettingsError
from messaging.health_table import SendCounts, judge_gateways
from messaging.inbox import store_events
from messaging.media import Attachment
from tests.integration.engine import PHONE, rows

CREDENTIALS = Path(__file__).parents[2] / "credentials.yml"
TWILIO, INTELEPEER = "+12125550142", "+12125550143"


@pytest.fixture(autouse=True)
def at_any_hour(monkeypatch):
    monkeypatch.setenv("LINNET_QUIET_HOURS", "off")


@pytest.fixture
async def twilio_is_down(pool):
    counts = SendCounts(SystemClock())
    counts.count("intelepeer", Accepted("V1"), 0.1)
    for _ in range(6):
        counts.count("twilio", Unknown("503"), 0.1)
    await counts.flush(pool)
    await judge_gateways(pool, ["twilio", "intelepeer"], datetime.now(UTC))


async def send(url: str, to: str, sender: str | None = None, media: str | None = None) -> None:
    with pytest.raises(Failure, match="Nobody sends it"):
        await notice.send(
            url=url,
            to=to,
            body="hi",
            sender=sender,
            media=media,
            wait=timedelta(),
            console=Console(quiet=True),
            credentials=CREDENTIALS,
        )


async def test_a_new_customer_is_texted_from_a_gateway_that_is_well(
    pool, database_url, twilio_is_down
):
    for n in range(6):
        await send(database_url, f"+1212555010{n}")
    found = await rows(pool, "SELECT DISTINCT gateway, sender FROM outbound_text")
    assert found == [{"gateway": "intelepeer", "sender": INTELEPEER}]


async def test_a_customer_is_texted_from_the_number_that_they_know(
    pool, database_url, twilio_is_down
):
    event = Inbound("SM1", PHONE, TWILIO, "hi")
    await store_events(pool, "twilio", [event], datetime.now(UTC), burst_seconds=1)
    await send(database_url, PHONE)
    (text,) = await rows(pool, "SELECT gateway, sender FROM outbound_text")
    assert text == {"gateway": "twilio", "sender": TWILIO}


async def test_a_number_that_is_named_is_used(pool, database_url, twilio_is_down):
    await send(database_url, PHONE, sender=TWILIO)
    (text,) = await rows(pool, "SELECT gateway, sender FROM outbound_text")
    assert text == {"gateway": "twilio", "sender": TWILIO}


async def test_a_file_goes_with_a_text(pool, database_url):
    await send(database_url, PHONE, media="https://x.example/map.png")
    (text,) = await rows(pool, "SELECT body, media, segments FROM outbound_text")
    assert (text["body"], text["segments"]) == ("hi", 1)
    assert Attachment.from_json(text["media"][0]) == Attachment("https://x.example/map.png")


def test_a_file_needs_a_web_address():
    with pytest.raises(Failure, match=r"map\.png is not an address like https://"):
        main.send(PHONE, "hi", media="map.png")


async def test_gateways_are_shown_with_the_reason_of_their_weight(database_url, twilio_is_down):
    console = Console(record=True, width=120, quiet=False)
    await gateways.show(database_url, console, credentials=CREDENTIALS)
    shown = console.export_text()
    twilio, intelepeer = (
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in shown.splitlines()
        if "twilio" in line or "intelepeer" in line
    )
    assert twilio[:-1] == ["twilio", "100", "0", "6", "6", "0"]
    assert twilio[-1].endswith(": 6 errors in a row")
    assert intelepeer == ["intelepeer", "100", "100", "1", "0", "0", "never"]


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("opted_out_at", "now()", r"\(notice.opted-out\): This customer has opted out"),
        ("unreachable_code", "'30006'", r"\(notice.unreachable\): This phone gets no texts"),
    ],
)
async def test_a_text_that_is_refused_says_why(pool, database_url, column, value, why):
    event = Inbound("SM1", PHONE, TWILIO, "hi")
    await store_events(pool, "twilio", [event], datetime.now(UTC), burst_seconds=1)
    await rows(pool, f"UPDATE conversation SET {column} = {value} RETURNING 1")
    with pytest.raises(Failure, match=rf"^Nothing was sent to \{PHONE} {why}"):
        await notice.send(
            url=database_url,
            to=PHONE,
            body="hi",
            sender=None,
            media=None,
            wait=timedelta(),
            console=Console(quiet=True),
            credentials=CREDENTIALS,
        )
    assert await rows(pool, "SELECT FROM outbound_text") == []


async def test_a_number_that_is_none_of_ours_is_refused_with_those_that_are(database_url):
    with pytest.raises(SettingsError, match=rf"none of our numbers \(.*\{TWILIO}"):
        await notice.send(
            url=database_url,
            to=PHONE,
            body="hi",
            sender="+12125550199",
            media=None,
            wait=timedelta(),
            console=Console(quiet=True),
            credentials=CREDENTIALS,
        )
