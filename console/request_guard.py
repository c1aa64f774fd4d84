"""What every request goes through: an id, limits of its body, and a line in the log."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.metrics import REQUESTS, SECONDS
from console.problems import ApiError, Broken, Malformed, TooLarge, WrongType, of_error
from messaging.masking import hiding

_RECIPIENTS = re.compile(r"/api/campaigns/[^/]+/recipients")

log = structlog.get_logger(__name__)

LARGEST_BODY = 65_536
"""Bytes: the longest text with everything around it is a fifth of that."""
CSV = "text/csv"
LARGEST_CSV = 8 * 1_048_576
"""Bytes of an uploaded list: some 200,000 recipients."""
LONGEST_REST = 16 * 1_048_576
"""Bytes of a body that is too large, after which the connection is closed all the same."""
DEEPEST = 20
"""Levels of a JSON document; slots of an assistant have three or four."""
METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class RequestGuard:
    """ASGI middleware around all routes.

    A body is read and checked before anything else sees it, but for a list of recipients. What
    stands in it is kept out of the log as long as the request lasts.

    Args:
        app: the routes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, request_id = time.monotonic(), str(uuid4())
        status = 0
        upload: _Upload | None = None
        given: Receive

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                if upload is not None:
                    await upload.drain()
                status = message["status"]
                message["headers"] += [
                    (b"x-request-id", request_id.encode()),
                    (b"cache-control", b"no-store"),
                ]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                if takes_csv(scope):
                    upload = _Upload(receive)
                    given, document = upload, None
                else:
                    body = await _body(scope, receive)
                    given, document = _replay(body, receive), _checked(scope, body)
            except ApiError as error:
                await of_error(error)(scope, receive, answer)
            else:
                with hiding(*_strings(document)):
                    try:
                        await self._app(scope, given, answer)
                    except Exception:
                        log.exception("api.broken")
                        if status == 0:
                            fault = Broken("the log says what, under X-Request-Id")
                            await of_error(fault)(scope, receive, answer)
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.monotonic() - began
            REQUESTS.labels(_method(scope), route, str(status)).inc()
            SECONDS.labels(route).observe(seconds)
            log.info(
                "api.answered",
                method=scope["method"],
                route=route,
                status=status,
                caller=scope.get("state", {}).get("caller"),
                seconds=round(seconds, 3),
            )


def media_type(scope: Scope) -> str:
    """What a request says that its body is, without parameters.

    Args:
        scope: of the request (ASGI).
    """
    said: bytes = dict(scope["headers"]).get(b"content-type", b"")
    return said.partition(b";")[0].strip().lower().decode("latin-1")


def _method(scope: Scope) -> str:
    """The method as a label, of which there are few, whatever somebody writes."""
    method: str = scope["method"]
    return method if method in METHODS_WITH_BODY | {"GET"} else "other"


def takes_csv(scope: Scope) -> bool:
    """Whether a request brings a list; whoever may give it is asked before it is read."""
    path = _RECIPIENTS.fullmatch(scope["path"])
    return scope["method"] == "PUT" and path is not None and media_type(scope) == CSV


class _Upload:
    """A body that is handed on as it comes, up to a size."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._length = 0
        self._more = True

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._more = message.get("more_body", False)
            self._length += len(message.get("body", b""))
            if self._length > LARGEST_CSV:
                raise TooLarge(f"a list has {LARGEST_CSV} bytes at most; divide it")
        elif self._more:
            self._more = False
            raise Malformed("the request ended too early")
        return message

    async def drain(self) -> None:
        """Take the rest and throw it away: who is still sending does not read an answer."""
        while self._more and self._length <= LONGEST_REST:
            message = await self._receive()
            self._length += len(message.get("body", b""))
            self._more = message.get("more_body", False)


async def _body(scope: Scope, receive: Receive) -> bytes:
    if scope["method"] not in METHODS_WITH_BODY:
        return b""
    body, length, more = b"", 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Malformed("the request ended too early")
        part = message.get("body", b"")
        length += len(part)
        body = body + part if length <= LARGEST_BODY else b""
        # Who is still sending does not read an answer, so the rest is taken and thrown away.
        more = message.get("more_body", False) and length <= LONGEST_REST
    if length > LARGEST_BODY:
        raise TooLarge(f"a body has {LARGEST_BODY} bytes at most")
    return body


def _checked(scope: Scope, body: bytes) -> Any:
    """What a body says, where PostgreSQL can keep all of it."""
    if not body:
        return None
    if media_type(scope) != "application/json":
        raise WrongType("send Content-Type: application/json")
    try:
        document = json.loads(body)
        depth = _depth(document)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON (UTF-8)") from error
    if depth > DEEPEST:
        raise Malformed(f"the body is nested deeper than {DEEPEST} levels")
    for text in _strings(document):
        if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
            raise Malformed("a text holds a NUL or half of a surrogate pair")
    if not all(math.isfinite(number) for number in _floats(document)):
        raise Malformed("a number is not finite")
    return document


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def _strings(value: Any) -> Iterator[str]:
    return (leaf for leaf in _leaves(value) if isinstance(leaf, str))


def _floats(value: Any) -> Iterator[float]:
    return (leaf for leaf in _leaves(value) if isinstance(leaf, float))


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
