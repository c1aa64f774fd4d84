"""``linnet webhooks``, as it is typed."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import Response
from typer.testing import CliRunner

import database.url
from cli.failure import Failure
from cli.webhook_commands import app
from database.encryption import cipher, new_key
from tests.integration.engine import rows, text_in
from tests.integration.hooks import deliver
from tests.receiver import receiver


@pytest.fixture
async def hook():
    async with receiver() as opened:
        yield opened


@pytest.fixture
def linnet(monkeypatch, database_url):
    """Runs a command in a thread, because it has an event loop of its own."""
    monkeypatch.setattr(database.url, "database_url", lambda: database_url)
    monkeypatch.setenv("COLUMNS", "200")

    async def run(*words: str) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, app, words)
        if done.exception is not None:
            raise done.exception
        return done.output

    return run


async def added(linnet, hook, *words: str) -> tuple[str, str]:
    """The id and the secret of a new endpoint."""
    said = await linnet("add", hook.url, "--allow-private", *words)
    lines = said.splitlines()
    return lines[0].split()[1].rstrip("."), lines[1]


async def test_from_adding_an_endpoint_to_replaying_what_it_missed(pool, hook, linnet):
    id, secret = await added(linnet, hook, "--type", "message.*", "--include", "body")
    said = await linnet("test", id)
    assert "Taken: 200" in said
    hook.came[0].verify(secret)
    assert hook.types == ["test.ping"]

    hook.always = Response("out of order", 500)
    await text_in(pool, "Hello")
    await rows(pool, "UPDATE webhook_delivery SET attempts = 9 RETURNING 1")
    await deliver(pool)
    listed = await linnet("list")
    assert id in listed
    assert "127.0.0.1" in listed
    assert "/hook" not in listed  # it may be a secret
    dead = await linnet("dead")
    assert "message.received" in dead
    assert "500" in dead
    assert "out of order" in dead

    hook.always = None
    assert "1 put back" in await linnet("replay", "--dead", "--endpoint", id)
    await deliver(pool)
    assert hook.came[-1].payload["data"]["body"] == "Hello"
    log = await linnet("log", "--endpoint", id)
    assert "delivered, 1 attempt(s)" in log
    assert "None." in await linnet("dead")
    assert "1 put back" in await linnet("replay", "--since", "2020-01-01")
    assert "next " in await linnet("log")


async def test_an_endpoint_is_shown_without_its_secret(hook, linnet):
    id, secret = await added(linnet, hook, "--where", "gateway=twilio", "--include", "phone")
    said = await linnet("show", id)
    for part in (hook.url, "gateway=twilio", "phone", "active", "may be in our own network"):
        assert part in said
    assert secret not in said


async def test_an_endpoint_is_paused_resumed_and_removed(pool, hook, linnet):
    id, _ = await added(linnet, hook)
    await linnet("pause", id)
    assert "paused: paused by hand" in await linnet("show", id)
    with pytest.raises(Failure, match="paused already"):
        await linnet("pause", id)
    await linnet("resume", id)
    with pytest.raises(Failure, match="active already"):
        await linnet("resume", id)
    await text_in(pool, "Hello")
    await linnet("remove", id)
    assert "None; `linnet webhooks add URL` adds one." in await linnet("list")
    assert await rows(pool, "SELECT FROM webhook_secret") == []
    assert await rows(pool, "SELECT FROM webhook_delivery") == []


async def test_a_secret_is_changed_with_both_signing_meanwhile(hook, linnet):
    id, old = await added(linnet, hook)
    new = (await linnet("rotate-secret", id)).splitlines()[1]
    await linnet("test", id)
    hook.came[-1].verify(old)
    hook.came[-1].verify(new)
    newest = (await linnet("rotate-secret", id, "--keep", "0m")).splitlines()[1]
    await linnet("test", id)
    hook.came[-1].verify(newest)
    assert " " not in hook.came[-1].headers["webhook-signature"]


async def test_secrets_are_encrypted_where_there_are_keys(pool, hook, linnet, monkeypatch):
    monkeypatch.setenv("LINNET_ENCRYPTION_KEYS", f"k1:{new_key()}")
    monkeypatch.setenv("LINNET_DIGEST_KEY", new_key())
    cipher.cache_clear()
    try:
        id, secret = await added(linnet, hook)
        (stored,) = await rows(pool, "SELECT secret FROM webhook_secret")
        assert stored["secret"].startswith("enc:1:k1:")
        await linnet("test", id)
        hook.came[-1].verify(secret)
    finally:
        cipher.cache_clear()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ftp://example.com/"], "an endpoint is https://..., without a name and password"),
        (["https://user:word@example.com/"], "without a name and password"),
        (["http://example.com/"], "an endpoint needs https"),
        (["nowhere"], "an endpoint is https://"),
        (["https://example.com/", "--type", "texts"], "texts is no type of event; there are mess"),
        (["https://example.com/", "--where", "gateway"], "write it like gateway=twilio"),
        (["https://example.com/", "--where", "gatway=x"], "has a field gatway; there are answer,"),
        (["https://example.com/", "--include", "age"], "age cannot be included; there are body"),
    ],
)
async def test_what_could_not_work_is_refused_with_the_reason(pool, linnet, words, told):
    with pytest.raises(Failure) as caught:
        await linnet("add", *words)
    assert told in str(caught.value)
    assert await rows(pool, "SELECT FROM webhook_endpoint") == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show", "0198"], "No endpoint has an id that begins with 0198."),
        (["show", "xyz"], "'xyz' is not the beginning of an id; `linnet webhooks list` lists ids."),
        (["replay"], "Name one delivery, or --dead, or a time by --since and --until."),
        (["replay", "1", "--dead"], "Name one delivery"),
        (["replay", "1"], "Nothing to deliver once more"),
        (["replay", "--since", "noon"], "noon is not a time like 2026-11-25T09:00."),
        (["rotate-secret", "01", "--keep", "long"], "long is not a period"),
    ],
)
async def test_wrong_words_get_a_sentence_that_says_what_to_write(pool, linnet, words, told):
    with pytest.raises(Failure) as caught:
        await linnet(*words)
    assert told in str(caught.value)


async def test_an_endpoint_that_does_not_take_a_test_is_told(hook, linnet):
    id, _ = await added(linnet, hook)
    hook.answers = [Response("who are you?", 401)]
    with pytest.raises(Failure, match=r"did not take it \(401, .* ms: who are you"):
        await linnet("test", id)
