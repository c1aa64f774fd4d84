"""Files of texts on a real database: fetched once, shown to the assistant, never in its way."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from connectors.assistant import RasaAssistant
from connectors.gateways.base import Media, Outbound
from connectors.gateways.twilio import MEDIA, TwilioGateway, TwilioSettings
from connectors.media_fetch import MediaFetcher
from messaging.assistant import Answer, Reply, TurnInput
from messaging.attachments import MediaCheck
from messaging.clock import SystemClock, TimeOrderedIds
from messaging.errors import AssistantFailed, MediaRefused
from messaging.media import LARGEST, Attachment, MediaFile
from messaging.media_inbox import MOST, MediaInbox
from messaging.media_table import read_content, store_fitted
from messaging.outbox import NewText, enqueue
from simulator import practice
from simulator.twilio_resource import media_sid
from tests.integration.engine import PHONE, Echo, rows, text_in, turn_worker, until
from tests.integration.inside import InsideActions
from tests.sites import answer, site

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
GIF = b"GIF89a" + bytes(50)
FILES = "SELECT * FROM media_file ORDER BY inbound_id, place"


def ok(content: bytes) -> bytes:
    return answer("200 OK", f"Content-Length: {len(content)}", content=content)


async def pictures(method, path, writer) -> None:
    writer.write(ok(GIF if path.endswith("gif") else PNG))


def inbox(pool, api, seconds: float = 5) -> MediaInbox:
    limit = timedelta(seconds=seconds)
    return MediaInbox(
        pool, api.fetcher.content, SystemClock(), TimeOrderedIds().new_id, limit=limit
    )


async def answered(pool, count: int = 1) -> list[str]:
    async def enough() -> bool:
        return len(await rows(pool, "SELECT FROM turn WHERE state <> 'running'")) >= count

    await until(enough)
    return [row["body"] for row in await rows(pool, "SELECT body FROM outbound_text ORDER BY seq")]


def media(api, *paths: str, claimed: str = "image/jpeg") -> tuple[Media, ...]:
    return tuple(Media(f"{api.origin}/{path}", claimed) for path in paths)


async def test_files_are_stored_with_what_their_bytes_show(pool, database_url):
    echo = Echo()
    async with (
        site(pictures) as api,
        turn_worker(pool, database_url, echo, media=inbox(pool, api)),
    ):
        await text_in(pool, "my old glasses", media=media(api, "a.png", "b.gif"))
        await answered(pool)
        assert len(api.seen) == 2
    (given,) = echo.turns
    assert given.media_types == ("image/jpeg", "image/jpeg")
    shown = [(file.place, file.content_type, file.bytes, file.refused) for file in given.files]
    assert shown == [(0, "image/png", len(PNG), None), (1, "image/gif", len(GIF), None)]
    for file, row, content in zip(given.files, await rows(pool, FILES), (PNG, GIF), strict=True):
        assert row["id"] == file.id
        assert row["sha256"] == hashlib.sha256(content).digest()
        async with pool.connection() as connection:
            kept = await read_content(connection, file.id)
        assert kept is not None
        assert (kept.content, kept.content_type) == (content, file.content_type)


async def test_a_repeated_turn_finds_the_files_and_does_not_fetch_again(pool, database_url):
    async def fail_once(turn: TurnInput) -> Answer:
        if len(echo.turns) == 1:
            raise AssistantFailed("not yet")
        return Answer([Reply("thanks")])

    echo = Echo(fail_once)
    async with (
        site(pictures) as api,
        turn_worker(pool, database_url, echo, media=inbox(pool, api)),
    ):
        await text_in(pool, "", media=media(api, "a.png"))
        assert await answered(pool) == ["thanks"]
        assert len(api.seen) == 1
    first, second = echo.turns
    assert first.files == second.files
    assert len(first.files) == 1


async def test_files_that_are_stored_already_are_not_fetched_by_whoever_takes_over(pool):
    from messaging.turn_table import claim
    from tests.integration.engine import QUICK

    async with site(pictures) as api:
        await text_in(pool, "", media=media(api, "a.png", "b.gif"))
        turn = await until(lambda: claim(pool, QUICK.lease, QUICK.burst))
        first = await inbox(pool, api).files_of(turn.texts)
        await rows(pool, "DELETE FROM media_file WHERE place = 1 RETURNING id")
        again = await inbox(pool, api).files_of(turn.texts)
        assert again[0] == first[0]
        assert [path for _, path, *_ in api.seen].count("/a.png") == 1
        assert [path for _, path, *_ in api.seen].count("/b.gif") == 2


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (ok(b"<html><script>steal()</script></html>"), "type"),
        (ok(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "type"),
        (ok(b"MZ\x90\x00" + bytes(100)), "type"),
        (ok(b""), "type"),
        (answer("200 OK", f"Content-Length: {LARGEST + 1}", content=PNG), "too-large"),
        (answer("404 Not Found", "Content-Length: 0"), "status"),
        (answer("302 Found", "Location: http://127.0.0.1:1/"), "address"),
        (answer("200 OK", "Content-Length: 99", content=b"x"), "unreachable"),
    ],
)
async def test_a_file_that_is_refused_says_why_and_the_text_is_answered(
    pool, database_url, said, reason
):
    async def say(method, path, writer) -> None:
        writer.write(said)

    echo = Echo()
    async with site(say) as api, turn_worker(pool, database_url, echo, media=inbox(pool, api)):
        await text_in(pool, "hi", media=media(api, "a"))
        assert await answered(pool) == ["You said: hi"]
    (given,) = echo.turns
    (file,) = given.files
    assert file == MediaFile(file.id, 0, refused=reason)
    (row,) = await rows(pool, FILES)
    assert (row["refused"], row["content"], row["claimed_type"]) == (reason, None, "image/jpeg")
    async with pool.connection() as connection:
        assert await read_content(connection, file.id) is None


async def test_a_text_does_not_wait_for_files_that_do_not_come(pool, database_url):
    async def silence(method, path, writer) -> None:
        if path == "/a.png":
            writer.write(ok(PNG))
        else:
            await writer.wait_closed()

    echo = Echo()
    async with (
        site(silence) as api,
        turn_worker(pool, database_url, echo, media=inbox(pool, api, seconds=0.3)),
    ):
        await text_in(pool, "hi", media=media(api, *"bcdefg", "a.png"))
        assert await answered(pool) == ["You said: hi"]
    (given,) = echo.turns
    assert {file.refused for file in given.files[:6]} == {"too-slow"}
    assert len(given.files) == 7


async def test_a_server_that_was_busy_is_asked_once_more(pool, database_url):
    async def busy(method, path, writer) -> None:
        writer.write(answer("503 Busy", "Content-Length: 0") if len(api.seen) == 1 else ok(PNG))

    echo = Echo()
    async with site(busy) as api, turn_worker(pool, database_url, echo, media=inbox(pool, api)):
        await text_in(pool, "hi", media=media(api, "a"))
        await answered(pool)
    assert [file.content_type for file in echo.turns[0].files] == ["image/png"]


async def test_more_files_than_a_text_can_carry_are_not_fetched(pool, database_url):
    echo = Echo()
    async with (
        site(pictures) as api,
        turn_worker(pool, database_url, echo, media=inbox(pool, api)),
    ):
        await text_in(pool, "hi", media=media(api, *(f"{n}.png" for n in range(MOST + 2))))
        await answered(pool)
        assert len(api.seen) == MOST
    refused = [file.refused for file in echo.turns[0].files]
    assert refused == [None] * MOST + ["too-many"] * 2


async def test_files_are_kept_for_a_person_and_not_for_stop(pool, database_url):
    async with (
        site(pictures) as api,
        turn_worker(pool, database_url, Echo(), media=inbox(pool, api)),
    ):
        await text_in(pool, "hi")
        await answered(pool)
        await rows(pool, "UPDATE conversation SET owner = 'person' RETURNING id")
        await text_in(pool, "look", media=media(api, "a.png"))
        await answered(pool, 2)
        assert len(await rows(pool, FILES)) == 1
        await text_in(pool, "STOP", media=media(api, "b.png"))
        await answered(pool, 3)
        assert len(api.seen) == 1


def test_the_practice_carriers_files_are_fetched_with_its_credentials():
    """As a process of its own, as users run it: it wants the token and redirects."""
    child = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0", "--public-url", "http://127.0.0.1:9"],
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())},
    )
    try:
        started = re.search(r"http://127.0.0.1:(\d+)", child.stderr.readline())
        origin = f"http://localhost:{started[1]}"
        gif = {"content_base64": base64.b64encode(GIF).decode(), "content_type": "image/jpeg"}
        text = {"to": practice.TWILIO_NUMBERS[0], "body": "", "media": [gif]}
        sent = httpx.post(f"{origin}/phones/{PHONE}/texts", json=text, trust_env=False).json()
        url = (
            f"{origin}/2010-04-01/Accounts/{practice.TWILIO_ACCOUNT_SID}/Messages/{sent['id']}"
            f"/Media/{media_sid(sent['id'], 0)}"
        )
        settings = TwilioSettings(
            practice.TWILIO_ACCOUNT_SID,
            (practice.TWILIO_AUTH_TOKEN,),
            practice.TWILIO_NUMBERS,
            "http://127.0.0.1:9",
            base_url=origin,
        )
        fetcher = MediaFetcher([TwilioGateway(settings)])
        assert asyncio.run(fetcher.content(url, LARGEST)) == GIF
        with pytest.raises(MediaRefused, match="401"):
            asyncio.run(fetcher.found(url))
    finally:
        child.terminate()
        child.wait(timeout=10)
        child.stderr.close()


class Recorded(InsideActions):
    """The action server, and what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []

    async def request(self, *_: Any, **given: Any) -> Any:
        self.told.append(given["json"])
        return await super().request(**given)


async def test_the_assistant_and_its_actions_see_files_as_entities(agent):
    assistant, actions = RasaAssistant(agent), Recorded()
    assistant._processor().action_endpoint = actions
    kept = MediaFile(uuid4(), 0, "image/png", 108)
    broken = MediaFile(uuid4(), 1, refused="type")
    turn = TurnInput(
        turn_id=uuid4(),
        conversation_id=uuid4(),
        phone=PHONE,
        text="",
        received_at=datetime(2026, 11, 23, 15, 0, tzinfo=UTC),
        media_types=("image/jpeg", "image/jpeg"),
        files=(kept, broken),
    )
    answer = await assistant.respond(turn)
    entities = [
        {
            "entity": "media",
            "value": {"id": str(kept.id), "content_type": "image/png", "bytes": 108, "place": 0},
        },
        {
            "entity": "media",
            "value": {
                "id": str(broken.id),
                "content_type": None,
                "bytes": None,
                "place": 1,
                "refused": "type",
            },
        },
    ]
    (stored,) = [event for event in answer.events if event["event"] == "user"]
    assert stored["parse_data"]["entities"] == entities
    assert actions.told[0]["tracker"]["latest_message"]["entities"] == entities
    assert "pictures" in answer.replies[0].text


async def test_a_text_is_rewritten_before_it_leaves_and_says_why(pool):
    await text_in(pool, "hi")
    (talk,) = await rows(pool, "SELECT id FROM conversation")
    film = Attachment("http://10.0.0.1/b.mp4", title="A film")

    async def say(method, path, writer) -> None:
        writer.write(answer("200 OK", "Content-Type: image/png", "Content-Length: 108"))

    async with site(say) as api:
        picture = Attachment(f"{api.origin}/a.png")
        text = NewText(
            id=uuid4(),
            conversation_id=talk["id"],
            gateway="twilio",
            sender="+12125550142",
            recipient=PHONE,
            body="Look:",
            kind="notice",
            created_at=datetime.now(UTC),
            media=(picture, film),
        )
        message = Outbound(str(text.id), text.sender, PHONE, text.body, text.media)
        async with pool.connection() as connection:
            await enqueue(connection, [text])
            fitted = await MediaCheck(api.fetcher.found).fitted(message, MEDIA, 1600)
            await store_fitted(connection, text.id, fitted, datetime.now(UTC))
    (row,) = await rows(pool, "SELECT body, media, segments FROM outbound_text")
    assert row["body"] == fitted.message.body == "Look:\nA film\nhttp://10.0.0.1/b.mp4"
    kept = tuple(Attachment.from_json(file) for file in row["media"])
    assert kept == fitted.message.media == (Attachment(picture.url, "image/png"),)
    (event,) = await rows(pool, "SELECT kind, code, detail FROM text_event")
    assert (event["kind"], event["code"]) == ("media-as-link", "address")
    assert film.url in event["detail"]
