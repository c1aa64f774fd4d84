"""What files are, what gateways carry, and what becomes of the rest."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connectors.assistant import as_reply
from connectors.gateways.base import MediaLimits, Outbound
from connectors.gateways.twilio import MEDIA, TwilioGateway, TwilioSettings
from messaging.assistant import Reply
from messaging.attachments import KEPT_MOST, KEPT_SECONDS, MediaCheck
from messaging.errors import MediaRefused
from messaging.media import Attachment
from messaging.media_limits import Found, fit
from messaging.media_types import type_of
from messaging.outbox import NewText, texts_for
from messaging.text_policy import TextPolicy

BOX = b"\x00\x00\x00\x18ftyp"


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\xff\xd8\xff\xe1\x00\x10Exif", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png"),
        (b"GIF87a....", "image/gif"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (BOX + b"heic\x00\x00\x00\x00mif1", "image/heic"),
        (BOX + b"mif1\x00\x00\x00\x00heic", "image/heif"),
        (BOX + b"3gp4\x00\x00\x00\x003gp4", "video/3gpp"),
        (BOX + b"3g2a\x00\x00\x00\x003g2a", "video/3gpp2"),
        (BOX + b"mp42\x00\x00\x00\x00isom", "video/mp4"),
        (BOX + b"isom\x00\x00\x02\x00iso2", "video/mp4"),
        (BOX + b"qt  \x00\x00\x00\x00qt  ", "video/quicktime"),
        (BOX + b"M4A \x00\x00\x00\x00M4A ", "audio/mp4"),
        (b"#!AMR\n\x3c", "audio/amr"),
        (b"#!AMR-WB\n\x3c", "audio/amr-wb"),
        (b"ID3\x03\x00", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"OggS\x00\x02", "audio/ogg"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"%PDF-1.4\n", "application/pdf"),
        (b"BEGIN:VCARD\r\nVERSION:3.0\r\n", "text/vcard"),
        (b"\xef\xbb\xbfbegin:vcalendar\nVERSION:2.0\n", "text/calendar"),
        (b"", None),
        (b"MZ\x90\x00\x03", None),
        (b"\x7fELF\x02\x01", None),
        (b"#!/bin/sh\n", None),
        (b"PK\x03\x04\x14", None),
        (b"<!DOCTYPE html><script>", None),
        (b"<html>", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", None),
        (b"<?xml version='1.0'?><svg>", None),
        (b"RIFF\x24\x00\x00\x00AVI LIST", None),
        (BOX + b"crx \x00\x00\x00\x00", None),
        (b"\xff\xfeh\x00i\x00", None),
        (b"BEGIN:VCARDS of mine", None),
        (b"hello there", None),
    ],
)
def test_a_type_is_found_in_the_bytes(content, content_type):
    assert type_of(content) == content_type


PICTURE = Attachment("https://x.example/a.jpg", title="Lakeside", description="The new front.")
FILM = Attachment("https://x.example/b.mp4", title="A film")
SOUND = Attachment("https://x.example/c.mp3")
UNREACHABLE = MediaRefused("ConnectError", "unreachable")


def outbound(*media: Attachment, body: str = "Look:", recipient: str = "+12125550100") -> Outbound:
    return Outbound("id", "+12125550142", recipient, body, media)


@pytest.mark.parametrize(
    ("media", "found", "body", "kept", "reasons"),
    [
        ([PICTURE], [Found("image/jpeg", 4_999_999)], "Look:", ["image/jpeg"], []),
        (
            [PICTURE],
            [Found("image/jpeg", 5_000_001)],
            "Look:\nLakeside\nThe new front.\nhttps://x.example/a.jpg",
            [],
            ["too-large"],
        ),
        ([PICTURE], [Found("image/webp", 400_000)], "Look:", ["image/webp"], []),
        (
            [FILM],
            [Found("video/mp4", 500_001)],
            "Look:\nA film\nhttps://x.example/b.mp4",
            [],
            ["too-large"],
        ),
        ([SOUND], [Found("text/html", 10)], "Look:\nhttps://x.example/c.mp3", [], ["type"]),
        ([SOUND], [UNREACHABLE], "Look:\nhttps://x.example/c.mp3", [], ["unreachable"]),
        (
            [SOUND, PICTURE, FILM],
            [UNREACHABLE, Found("image/png", 9), Found("text/html", 9)],
            "Look:\nhttps://x.example/c.mp3\nA film\nhttps://x.example/b.mp4",
            ["image/png"],
            ["unreachable", "type"],
        ),
        (
            [PICTURE, PICTURE],
            [Found("image/jpeg", 3_000_000)] * 2,
            "Look:\nLakeside\nThe new front.\nhttps://x.example/a.jpg",
            ["image/jpeg"],
            ["too-large"],
        ),
        (
            [SOUND] * 11,
            [Found("audio/mpeg", 9)] * 11,
            "Look:\nhttps://x.example/c.mp3",
            ["audio/mpeg"] * 10,
            ["too-many"],
        ),
        # The server says nothing of the type: then what the response says counts.
        ([Attachment("https://x.example/d", "audio/amr")], [Found("", 9)], "Look:", ["audio/amr"],
         []),
        ([SOUND], [Found("", 9)], "Look:\nhttps://x.example/c.mp3", [], ["type"]),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_becomes_words_and_a_link(media, found, body, kept, reasons):
    fitted = fit(outbound(*media), found, MEDIA, 1600)
    assert fitted.message.body == body
    assert [file.content_type for file in fitted.message.media] == kept
    assert [file.reason for file in fitted.not_carried] == reasons
    assert all(file.linked for file in fitted.not_carried)


@pytest.mark.parametrize(
    ("room", "added"),
    [
        (60, "\nLakeside\nThe new front.\nhttps://x.example/a.jpg"),
        (47, "\nLakeside\nhttps://x.example/a.jpg"),
        (24, "\nhttps://x.example/a.jpg"),
        (23, ""),
    ],
)
def test_words_give_way_to_the_link_and_the_link_to_the_text(room, added):
    body = "x" * (1600 - room)
    fitted = fit(outbound(PICTURE, body=body), [UNREACHABLE], MEDIA, 1600)
    assert fitted.message.body == body + added
    assert [file.linked for file in fitted.not_carried] == [bool(added)]


def test_a_long_reply_leaves_room_for_the_links_of_its_files():
    from datetime import UTC, datetime
    from uuid import uuid4

    draft = NewText(
        id=uuid4(),
        conversation_id=uuid4(),
        gateway="twilio",
        sender="+12125550142",
        recipient="+12125550100",
        body="word " * 700,
        kind="reply",
        created_at=datetime.now(UTC),
        media=(PICTURE, FILM),
    )
    first, *rest = texts_for(draft, TextPolicy(longest=1600), uuid4)
    assert first.media == (PICTURE, FILM)
    assert not any(text.media for text in rest)
    refused = [UNREACHABLE, UNREACHABLE]
    fitted = fit(outbound(*first.media, body=first.body), refused, MEDIA, 1600)
    assert all(file.linked for file in fitted.not_carried)


class Server:
    """Answers what is at addresses, and counts how often it was asked."""

    def __init__(self, found: Found | MediaRefused) -> None:
        self.found = found
        self.asked: list[str] = []

    async def __call__(self, url: str) -> Found:
        self.asked.append(url)
        if isinstance(self.found, MediaRefused):
            raise self.found
        return self.found


async def fitted(check: MediaCheck, message: Outbound, limits: MediaLimits | None = MEDIA):
    return await check.fitted(message, limits, 1600)


def reasons(one) -> Sequence[str]:
    return [file.reason for file in one.not_carried]


async def test_nothing_is_asked_where_no_file_could_go():
    server = Server(Found("image/jpeg", 9))
    check = MediaCheck(server)
    assert reasons(await fitted(check, outbound(PICTURE), None)) == ["gateway"]
    abroad = await fitted(check, outbound(PICTURE, recipient="+4930123456"))
    assert reasons(abroad) == ["country"]
    assert abroad.message.body.endswith("https://x.example/a.jpg")
    assert await fitted(check, outbound(body="words")) == await fitted(
        check, outbound(body="words"), None
    )
    assert server.asked == []


async def test_a_text_that_was_fitted_stays_as_it_is():
    check = MediaCheck(Server(Found("image/jpeg", 9)))
    once = await fitted(check, outbound(PICTURE))
    assert (await fitted(check, once.message)).message == once.message
    as_link = await fitted(check, outbound(PICTURE), None)
    again = await fitted(check, as_link.message, None)
    assert (again.message, again.not_carried) == (as_link.message, ())


async def test_a_file_is_asked_for_once_in_a_while():
    now = 0.0
    server = Server(Found("image/jpeg", 9))
    check = MediaCheck(server, lambda: now)
    for _ in range(3):
        await fitted(check, outbound(PICTURE, PICTURE))
    assert len(server.asked) == 1
    now = KEPT_SECONDS + 1
    server.found = UNREACHABLE
    assert reasons(await fitted(check, outbound(PICTURE))) == ["unreachable"]
    assert reasons(await fitted(check, outbound(PICTURE))) == ["unreachable"]
    assert len(server.asked) == 2


async def test_what_is_remembered_has_an_end():
    server = Server(Found("image/jpeg", 9))
    check = MediaCheck(server)
    for number in range(KEPT_MOST + 1):
        await fitted(check, outbound(Attachment(f"https://x.example/{number}")))
    assert len(check._asked) == KEPT_MOST
    await fitted(check, outbound(Attachment("https://x.example/0")))
    assert server.asked.count("https://x.example/0") == 2


@pytest.mark.parametrize(
    ("said", "media"),
    [
        ({"image": "https://x.example/a.jpg"}, (Attachment("https://x.example/a.jpg"),)),
        ({"attachment": "https://x.example/a.pdf"}, (Attachment("https://x.example/a.pdf"),)),
        (
            {
                "custom": {
                    "linnet": {
                        "media": [
                            {
                                "url": "https://x.example/b.mp4",
                                "type": "video/mp4",
                                "title": "A film",
                                "description": "How to put lenses in.",
                            },
                            {"url": "https://x.example/c.mp3", "title": None},
                        ]
                    }
                }
            },
            (
                Attachment(
                    "https://x.example/b.mp4", "video/mp4", "A film", "How to put lenses in."
                ),
                Attachment("https://x.example/c.mp3"),
            ),
        ),
        ({"custom": {"linnet": {"media": [{"title": "no address"}]}}}, ()),
        ({"custom": {"linnet": {"media": [{"url": "https://x.example", "tilte": ""}]}}}, ()),
        ({"attachment": {"type": "video", "payload": {}}}, ()),
    ],
)
def test_responses_carry_pictures_sounds_and_films(said, media):
    assert as_reply([{"text": "Look:", **said}]) == Reply("Look:", media)


async def test_a_response_of_this_channel_wins():
    from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
    from rasa.shared.core.trackers import DialogueStateTracker

    from connectors.assistant import CHANNEL

    film = {"linnet": {"media": [{"url": "https://x.example/{file}.mp4", "title": "A film"}]}}
    responses = {
        "utter_film": [
            {"text": "See our page."},
            {"text": "Here it is.", "custom": film, "channel": "sms"},
        ]
    }
    tracker = DialogueStateTracker("id", [])
    for _ in range(5):
        said = await TemplatedNaturalLanguageGenerator(responses).generate(
            "utter_film", tracker, CHANNEL, file="lenses"
        )
        assert said is not None
        there = (Attachment("https://x.example/lenses.mp4", title="A film"),)
        assert as_reply([said]) == Reply("Here it is.", there)


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1", True),
        ("https://api.twilio.com:443/2010-04-01/Accounts/AC1/Media/ME1", True),
        ("http://127.0.0.1:5081/2010-04-01/Accounts/AC1/Media/ME1", True),
        ("http://127.0.0.1/2010-04-01/Accounts/AC1/Media/ME1", False),
        ("http://api.twilio.com/2010-04-01/Accounts/AC1/Media/ME1", False),
        ("https://api.twilio.com:8443/", False),
        ("https://api.twilio.com.evil.example/", False),
        ("https://api.twilio.com@evil.example/", False),
        ("https://evil.example/?https://api.twilio.com/", False),
        ("https://media.twiliocdn.com/AC1/1.jpg", False),
    ],
)
def test_twilio_gives_its_token_to_its_own_host_only(url, given):
    gateway = TwilioGateway(
        TwilioSettings("AC1", ("token", "next"), ("+12125550142",), "https://x.example",
                       base_url="http://127.0.0.1:5081")
    )  # fmt: skip
    assert gateway.media_credentials(url) == (("AC1", "token") if given else None)
