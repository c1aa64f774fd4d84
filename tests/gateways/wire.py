"""A vendor's end of the wire: answers in the order given, and remembers what was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl

import httpx
import pytest

Step = httpx.Response | Exception


class Wire:
    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.requests: list[httpx.Request] = []
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        assert self.steps, f"one request too many: {request.method} {request.url}"
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def form(self, index: int = -1) -> list[tuple[str, str]]:
        return parse_qsl(self.requests[index].content.decode(), keep_blank_values=True)


class Wires:
    """Makes wires and holds each to account: an answer that nobody fetched is a failed test."""

    def __init__(self) -> None:
        self.made: list[Wire] = []

    def __call__(self, *steps: Step) -> Wire:
        self.made.append(Wire(*steps))
        return self.made[-1]

    def check(self) -> None:
        unused = [wire.steps for wire in self.made if wire.steps]
        assert not unused, f"answers that nobody fetched: {unused}"


WireMaker = Callable[..., Wire]


@pytest.fixture
def wire() -> Iterator[Wires]:
    wires = Wires()
    yield wires
    wires.check()
