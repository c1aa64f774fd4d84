"""An endpoint on this machine that takes events and answers as each test says."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Say = Callable[[], Awaitable[Response]]


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.body)

    def verify(self, secret: str) -> Any:
        """What the specification's own package makes of it; raises where it is not ours."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """What came, and what is answered next; 200 where nothing else is said."""

    url: str
    came: list[Received] = field(default_factory=list)
    answers: list[Response | Say] = field(default_factory=list)
    always: Response | Say | None = None

    async def take(self, request: Request) -> Response:
        body = await request.body()
        self.came.append(Received(request.url.path, dict(request.headers), body))
        answer = self.answers.pop(0) if self.answers else self.always or Response("taken")
        return answer if isinstance(answer, Response) else await answer()

    @property
    def types(self) -> list[str]:
        return [one.payload["type"] for one in self.came]


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self):
        yield  # they are pytest's


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here = Receiver(f"http://127.0.0.1:{listening.getsockname()[1]}/hook")
        app = Starlette(routes=[Route("/{rest:path}", here.take, methods=["POST", "GET"])])
        config = uvicorn.Config(
            app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=0
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110  uvicorn says it in no other way
            await asyncio.sleep(0.01)
        try:
            yield here
        finally:
            server.should_exit = server.force_exit = True
            await task
