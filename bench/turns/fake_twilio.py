"""The REST API that both stacks send their replies to: it notes when each one came.

It answers as Twilio does where the stacks look: a message is created, and messages are listed
by number. Where a callback is named, receipts (sent, delivered) are posted to it, signed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.turns.account import Account
from simulator.posting import Poster, Webhook
from simulator.twilio_webhooks import signature

RECEIPTS = (("sent", 0.2), ("delivered", 0.5))
"""What is reported of a message, and so many seconds after what came before."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that a stack sent.

    Attributes:
        at: when it came, by ``time.perf_counter``.
    """

    sid: str
    to: str
    body: str
    at: float
    created: datetime


class FakeTwilio:
    """The API on a port of its own.

    Args:
        account: whose API it is.
        poster: posts the receipts.
    """

    def __init__(self, account: Account, poster: Poster) -> None:
        self._account = account
        self._poster = poster
        self._replies: defaultdict[str, list[Reply]] = defaultdict(list)
        self._changed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._receipts: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def serving(self, port: int) -> Any:
        """Serve on 127.0.0.1 while the context lasts; gives the base URL."""
        messages = f"/2010-04-01/Accounts/{self._account.sid}/Messages.json"
        app = Starlette(
            routes=[
                Route(messages, self._create, methods=["POST"]),
                Route(messages, self._list, methods=["GET"]),
            ]
        )
        server = _Server(
            uvicorn.Config(
                app,
                host="127.0.0.1",
                port=port,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=60,
            )
        )
        running = asyncio.create_task(server.serve())
        while not server.started:
            if running.done():
                running.result()
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = server.force_exit = True
            await running

    def replies(self, phone: str) -> list[Reply]:
        """What was sent to a phone, in order."""
        return self._replies[phone]

    async def reply_after(self, phone: str, count: int, seconds: float) -> Reply | None:
        """The first message to a phone after those that it has already.

        Args:
            phone: of a texter.
            count: messages that it has already.
            seconds: to wait at most.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(self._replies[phone]) <= count:
                    self._changed[phone].clear()
                    await self._changed[phone].wait()
        return self._replies[phone][count] if len(self._replies[phone]) > count else None

    async def _create(self, request: Request) -> JSONResponse:
        body = await request.body()
        at = time.perf_counter()
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        if not {"To", "From", "Body"} <= form.keys():
            return JSONResponse(
                {"code": 21602, "message": "To, From and Body are needed", "status": 400},
                HTTPStatus.BAD_REQUEST,
            )
        reply = Reply(f"SM{uuid.uuid4().hex}", form["To"], form["Body"], at, datetime.now(UTC))
        self._replies[reply.to].append(reply)
        self._changed[reply.to].set()
        if callback := form.get("StatusCallback"):
            task = asyncio.create_task(self._report(reply, callback))
            self._receipts.add(task)
            task.add_done_callback(self._receipts.discard)
        return JSONResponse(self._resource(reply), HTTPStatus.CREATED)

    async def _list(self, request: Request) -> JSONResponse:
        found = self._replies[request.query_params.get("To", "")]
        return JSONResponse(
            {
                "messages": [self._resource(reply) for reply in reversed(found)],
                "next_page_uri": None,
            }
        )

    def _resource(self, reply: Reply) -> dict[str, Any]:
        return {
            "account_sid": self._account.sid,
            "body": reply.body,
            "date_created": format_datetime(reply.created),
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": self._account.number,
            "num_segments": "1",
            "sid": reply.sid,
            "status": "queued",
            "to": reply.to,
        }

    async def _report(self, reply: Reply, callback: str) -> None:
        for status, seconds in RECEIPTS:
            await asyncio.sleep(seconds)
            fields = [
                ("MessageSid", reply.sid),
                ("MessageStatus", status),
                ("To", reply.to),
                ("From", self._account.number),
                ("AccountSid", self._account.sid),
                ("ApiVersion", "2010-04-01"),
            ]
            await self._poster.post(signed(self._account, callback, fields))


def signed(account: Account, url: str, fields: list[tuple[str, str]]) -> Webhook:
    """A webhook as Twilio posts it.

    Args:
        account: whose token signs it.
        url: as the account knows it.
        fields: of the form.
    """
    return Webhook(
        url=url,
        headers={
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": signature(account.token, url, fields),
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
        },
        body=urlencode(fields).encode(),
    )


class _Server(uvicorn.Server):
    """Leaves the signals to the benchmark."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
