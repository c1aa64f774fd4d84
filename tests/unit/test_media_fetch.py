"""Files are fetched from public addresses only, within limits, and the token stays at home."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable
from dataclasses import dataclass, field

import httpx
import pytest

from connectors.gateways.twilio import TwilioGateway
from connectors.media_fetch import REDIRECTS_MOST, MediaFetcher, is_public
from messaging.errors import MediaRefused
from messaging.media import LARGEST
from messaging.media_limits import Found
from tests.sites import answer, gateway, site

PUBLIC = "93.184.215.14"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
TOKEN = "Basic " + base64.b64encode(b"AC1:secret").decode()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("8.8.8.8", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("0.0.0.0", False),  # noqa: S104
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("100.100.100.200", False),
        ("127.0.0.1", False),
        ("127.255.255.254", False),
        ("168.63.129.16", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("192.0.0.1", False),
        ("192.0.2.1", False),
        ("192.168.1.1", False),
        ("198.18.0.1", False),
        ("198.51.100.1", False),
        ("203.0.113.1", False),
        ("224.0.0.1", False),
        ("239.255.255.250", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::1", False),
        ("100::1", False),
        ("2001:0:7f00:1::", False),
        ("2001:db8::1", False),
        ("2002:7f00:1::", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
        ("fe80::1%2", False),
        ("fec0::1", False),
        ("ff02::1", False),
    ],
)
def test_only_addresses_of_the_internet_are_public(address, public):
    assert is_public(address) is public


@dataclass
class Web:
    """Servers without wires: what was asked of which address, and what they say."""

    names: dict[str, list[str]] = field(default_factory=dict)
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    resolved: list[str] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> list[str]:
        self.resolved.append(host)
        if host not in self.names:
            raise OSError("no such name")
        return self.names[host]

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        url = f"{request.url.scheme}://{request.headers['host']}{request.url.raw_path.decode()}"
        if url not in self.answers:
            raise httpx.ConnectError("nobody there")
        return self.answers[url]

    def fetcher(self, *gateways: TwilioGateway) -> MediaFetcher:
        transport = httpx.MockTransport(self.answer)
        return MediaFetcher(gateways, resolve=self.resolve, transport=transport)


async def refused(work: Awaitable[object]) -> str:
    with pytest.raises(MediaRefused) as caught:
        await work
    return caught.value.reason


async def test_the_connection_is_made_to_the_address_that_was_checked():
    web = Web({"files.example": [PUBLIC]})
    web.answers["https://files.example/a.png?x=1"] = httpx.Response(
        200, stream=httpx.ByteStream(PNG)
    )
    assert await web.fetcher().content("https://files.example/a.png?x=1#top", 1000) == PNG
    (request,) = web.requests
    assert str(request.url) == f"https://{PUBLIC}/a.png?x=1"
    assert request.headers["host"] == "files.example"
    assert request.extensions["sni_hostname"] == "files.example"
    assert "authorization" not in request.headers
    assert web.resolved == ["files.example"]


async def test_the_next_address_of_a_name_is_tried_where_one_does_not_answer():
    web = Web({"files.example": ["2606:2800:220:1::1", PUBLIC]})
    there = httpx.Response(200, stream=httpx.ByteStream(PNG))

    def answer(request: httpx.Request) -> httpx.Response:
        web.requests.append(request)
        if request.url.host != PUBLIC:
            raise httpx.ConnectError("no route")
        return there

    fetcher = MediaFetcher([], resolve=web.resolve, transport=httpx.MockTransport(answer))
    assert await fetcher.content("http://files.example/", 1000) == PNG
    assert [request.url.host for request in web.requests] == ["2606:2800:220:1::1", PUBLIC]


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["::1"], [PUBLIC, "10.0.0.1"], ["169.254.169.254", PUBLIC]]
)
async def test_a_name_with_any_address_that_is_not_public_is_refused(addresses):
    web = Web({"files.example": addresses})
    assert await refused(web.fetcher().content("https://files.example/a.png", 1000)) == "address"
    assert await refused(web.fetcher().found("https://files.example/a.png")) == "address"
    assert web.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "http://①②⑦.⓪.⓪.①/",
        "ftp://files.example/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "gopher://files.example/",
        "//files.example/a.png",
        "files.example/a.png",
        "",
        "http://",
        "http://files.example:22/",
        "http://files.example:443/",
        "https://files.example:80/",
        "https://user:word@files.example/",
        "https://api.twilio.com@127.0.0.1/",
        "http://files.example:99999/",
        "http://files.example:x/",
    ],
)
async def test_other_addresses_are_refused(url):
    """With the real resolver, which knows how numbers are written."""
    transport = httpx.MockTransport(lambda _: pytest.fail("a request left"))
    fetcher = MediaFetcher([gateway("http://127.0.0.1:5081")], transport=transport)
    assert await refused(fetcher.content(url, 1000)) in {"address", "unreachable"}
    assert await refused(fetcher.found(url)) in {"address", "unreachable"}


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1/",
        "http://metadata.example/",
        "//metadata.example/latest",
        "ftp://files.example/a.png",
        "https://files.example:8443/",
    ],
)
async def test_a_redirect_is_a_new_address_with_the_same_rules(target):
    web = Web({"files.example": [PUBLIC], "metadata.example": ["169.254.169.254"]})
    web.names["127.0.0.1"] = ["127.0.0.1"]
    web.answers["http://files.example/"] = httpx.Response(302, headers={"location": target})
    assert await refused(web.fetcher().content("http://files.example/", 1000)) == "address"
    assert len(web.requests) == 1


async def test_a_name_that_turns_private_between_redirects_is_refused():
    web = Web({"files.example": [PUBLIC]})
    web.answers["http://files.example/"] = httpx.Response(307, headers={"location": "/b"})

    async def rebind(host: str, port: int) -> list[str]:
        web.resolved.append(host)
        return [PUBLIC] if len(web.resolved) == 1 else ["127.0.0.1"]

    fetcher = MediaFetcher([], resolve=rebind, transport=httpx.MockTransport(web.answer))
    assert await refused(fetcher.content("http://files.example/", 1000)) == "address"
    assert len(web.requests) == 1


async def test_redirects_have_an_end():
    web = Web({"files.example": [PUBLIC]})
    web.answers["http://files.example/"] = httpx.Response(302, headers={"location": "/"})
    assert await refused(web.fetcher().content("http://files.example/", 1000)) == "status"
    assert len(web.requests) == REDIRECTS_MOST + 1


async def test_the_token_goes_to_the_gateway_and_not_where_it_redirects():
    web = Web({"api.twilio.com": [PUBLIC], "media.example": [PUBLIC]})
    for url, status, said in (
        ("https://api.twilio.com/ME1", 307, {"headers": {"location": "https://media.example/a"}}),
        ("https://media.example/a", 302, {"headers": {"location": "https://api.twilio.com/b"}}),
        ("https://api.twilio.com/b", 301, {"headers": {"location": "http://api.twilio.com/c"}}),
        ("http://api.twilio.com/c", 200, {"stream": httpx.ByteStream(PNG)}),
    ):
        web.answers[url] = httpx.Response(status, **said)
    fetcher = web.fetcher(gateway())
    assert await fetcher.content("https://api.twilio.com/ME1", 1000) == PNG
    given = [request.headers.get("authorization") for request in web.requests]
    assert given == [TOKEN, None, TOKEN, None]


async def test_nobody_is_told_the_token_to_learn_what_a_file_is():
    web = Web({"api.twilio.com": [PUBLIC]})
    web.answers["https://api.twilio.com/ME1"] = httpx.Response(401)
    assert await refused(web.fetcher(gateway()).found("https://api.twilio.com/ME1")) == "status"
    assert [request.method for request in web.requests] == ["HEAD", "GET"]
    assert not any("authorization" in request.headers for request in web.requests)


# -- real connections, to a server that the gateway's configured address names ---------------


async def test_the_configured_gateway_may_be_on_this_machine_and_redirect_within():
    async def say(method, path, writer):
        if path == "/Media/ME1":
            writer.write(answer("307 Temporary Redirect", "Location: /file"))
        else:
            writer.write(answer("200 OK", f"Content-Length: {len(PNG)}", content=PNG))

    async with site(say) as api:
        assert await api.fetcher.content(f"{api.origin}/Media/ME1", 1000) == PNG
        assert api.seen == [("GET", "/Media/ME1", TOKEN), ("GET", "/file", TOKEN)]


async def test_another_port_of_the_same_machine_is_not_the_gateway():
    async def nothing(method, path, writer):
        pass

    async with site(nothing) as other:

        async def redirect(method, path, writer):
            writer.write(answer("302 Found", f"Location: {other.origin}/"))

        async with site(redirect) as api:
            assert await refused(api.fetcher.content(f"{api.origin}/", 1000)) == "address"
        assert other.seen == []


@pytest.mark.parametrize("told", [True, False])
async def test_a_file_that_is_too_large_is_not_read_to_its_end(told):
    written = 0

    async def endless(method, path, writer):
        nonlocal written
        length = ["Content-Length: 1000000000"] if told else []
        writer.write(answer("200 OK", *length))
        while True:
            writer.write(bytes(10_000))
            written += 10_000
            await writer.drain()

    async with site(endless) as api:
        assert await refused(api.fetcher.content(f"{api.origin}/", 20_000)) == "too-large"
    assert written < 20_000_000


async def test_a_file_of_just_the_limit_is_read():
    async def say(method, path, writer):
        writer.write(answer("200 OK", content=bytes(20_000)))

    async with site(say) as api:
        assert len(await api.fetcher.content(f"{api.origin}/", 20_000)) == 20_000
        assert await refused(api.fetcher.content(f"{api.origin}/", 19_999)) == "too-large"


@pytest.mark.parametrize("first", [b"", answer("200 OK", "Content-Length: 100")])
async def test_a_server_that_drips_is_given_up(first):
    async def drip(method, path, writer):
        writer.write(first)
        while True:
            if first:
                writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with site(drip) as api:
        assert await refused(api.fetcher.content(f"{api.origin}/", 1000)) == "too-slow"


async def test_a_connection_that_breaks_is_unreachable():
    async def half(method, path, writer):
        writer.write(answer("200 OK", "Content-Length: 100", content=b"x"))

    async with site(half) as api:
        assert await refused(api.fetcher.content(f"{api.origin}/", 1000)) == "unreachable"
    assert await refused(api.fetcher.content(f"{api.origin}/", 1000)) == "unreachable"


@pytest.mark.parametrize(
    ("status", "reason"),
    [("401 Unauthorized", "status"), ("404 Not Found", "status"), ("503 Busy", "unreachable")],
)
async def test_what_is_not_there_is_said(status, reason):
    async def say(method, path, writer):
        writer.write(answer(status, "Content-Length: 0"))

    async with site(say) as api:
        assert await refused(api.fetcher.content(f"{api.origin}/", 1000)) == reason


HEADERS = ["Content-Type: Image/PNG; x=y", f"Content-Length: {len(PNG)}"]


@pytest.mark.parametrize(
    ("head", "get", "found"),
    [
        (answer("200 OK", *HEADERS), None, Found("image/png", len(PNG))),
        (answer("405 No", "Content-Length: 0"), answer("200 OK", *HEADERS, content=PNG),
         Found("image/png", len(PNG))),
        (answer("501 No", "Content-Length: 0"), answer("200 OK", HEADERS[0], content=PNG),
         Found("image/png", len(PNG))),
        (answer("200 OK", HEADERS[0]), answer("200 OK", HEADERS[0], content=PNG),
         Found("image/png", len(PNG))),
        (answer("200 OK", HEADERS[1]), answer("200 OK", HEADERS[1], content=PNG),
         Found("", len(PNG))),
    ],
)  # fmt: skip
async def test_what_a_file_is_is_asked_with_head_and_else_with_get(head, get, found):
    async def say(method, path, writer):
        writer.write(head if method == "HEAD" else get)

    async with site(say) as api:
        assert await api.fetcher.found(f"{api.origin}/") == found
        asked = [seen[0] for seen in api.seen]
    assert asked == (["HEAD"] if get is None else ["HEAD", "GET"])


async def test_a_file_without_a_length_is_counted_as_far_as_matters():
    async def endless(method, path, writer):
        writer.write(answer("200 OK", HEADERS[0]))
        while method == "GET":
            writer.write(bytes(100_000))
            await writer.drain()

    async with site(endless) as api:
        fetcher = MediaFetcher([gateway(api.origin)])
        found = await fetcher.found(f"{api.origin}/")
    assert found.content_type == "image/png"
    assert LARGEST < found.bytes < 2 * LARGEST


async def test_no_proxy_of_the_environment_is_asked(monkeypatch):
    async def say(method, path, writer):
        writer.write(answer("200 OK", f"Content-Length: {len(PNG)}", content=PNG))

    async with site(say) as api, site(say) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        monkeypatch.setenv("ALL_PROXY", proxy.origin)
        assert await api.fetcher.content(f"{api.origin}/", 1000) == PNG
        assert proxy.seen == []
