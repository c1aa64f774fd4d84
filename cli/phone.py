"""A phone in the terminal: what is typed leaves it, what reaches it is shown."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.markup import escape

from cli.failure import Failure

POLL_SECONDS = 0.3
PATIENCE_SECONDS = 20.0
"""How long answers are waited for when the input has ended."""
# Nothing more happens to a text after one of these.
FINAL = frozenset({"delivered", "undelivered", "undeliverable", "failed"})
MARKS = {
    "sent": "[green]✓[/]",
    "delivered": "[green]✓✓[/]",
    "undelivered": "[red]✗[/]",
    "undeliverable": "[red]✗[/]",
    "failed": "[red]✗[/]",
}


@dataclass(frozen=True, slots=True)
class SimulatedPhone:
    """A phone of the carrier simulator.

    Attributes:
        simulator: its base URL.
        number: of the phone, E.164.
        http: not through a proxy.
    """

    simulator: str
    number: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=5.0, trust_env=False))

    def text(self, to: str, body: str) -> str:
        """Text a number; returns the vendor's id.

        Raises:
            Failure: the simulator does not take it.
        """
        answer = self._ask("POST", "/texts", json={"to": to, "body": body})
        return str(answer.get("id", ""))

    def thread(self) -> list[dict[str, Any]]:
        """What the phone shows, oldest first.

        Raises:
            Failure: the simulator does not say.
        """
        thread: list[dict[str, Any]] = self._ask("GET", "")["thread"]
        return thread

    def _ask(self, method: str, below: str, **content: Any) -> dict[str, Any]:
        url = f"{self.simulator}/phones/{quote(self.number)}{below}"
        try:
            answer = self.http.request(method, url, **content)
        except httpx.HTTPError as error:
            raise Failure(
                f"The simulator at {self.simulator} does not answer ({type(error).__name__}); "
                "is `linnet up` running?"
            ) from None
        if answer.is_error:
            raise Failure(f"The simulator refused this: {answer.text.strip()[:200]}")
        found: dict[str, Any] = answer.json()
        return found


class Lines:
    """Lines from a file descriptor, without waiting for ever and without holding a lock."""

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._buffer = b""
        self.ended = False

    def next(self, seconds: float) -> str | None:
        """The next line, or None when there is none within ``seconds``."""
        if b"\n" not in self._buffer and not self.ended:
            readable, _, _ = select.select([self._descriptor], [], [], seconds)
            if readable:
                read = os.read(self._descriptor, 4096)
                self.ended = not read
                self._buffer += read
        elif self.ended:
            time.sleep(seconds)
        if b"\n" in self._buffer or (self.ended and self._buffer):
            line, _, self._buffer = self._buffer.partition(b"\n")
            return line.decode(errors="replace").strip()
        return None


def converse(
    phone: SimulatedPhone,
    to: str,
    lines: Lines,
    console: Console,
    ended: Callable[[], bool] = lambda: False,
) -> bool:
    """Text as a phone until the input ends.

    Args:
        phone: whose terminal this is.
        to: the number that is texted.
        lines: what is typed.
        console: shows replies and what became of each text.
        ended: asked often whether to stop.

    Returns:
        Whether anything was typed.

    Raises:
        Failure: the simulator does not answer.
    """
    display = _Display(phone.number, console)
    display.known(phone.thread())
    typed = False
    until: float | None = None
    display.prompt()
    while not ended():
        line = lines.next(POLL_SECONDS)
        if line:
            typed = True
            phone.text(to, line)
        elif line is not None:
            display.prompt()
        thread = phone.thread()
        if display.show(thread):
            display.prompt()
        if lines.ended and line is None:
            until = until or time.monotonic() + PATIENCE_SECONDS
            if not typed or _settled(thread) or time.monotonic() > until:
                break
    return typed


def _settled(thread: list[dict[str, Any]]) -> bool:
    """Whether the last text is an answer, and nothing more will happen to it."""
    return bool(thread) and thread[-1]["direction"] == "received" and thread[-1]["status"] in FINAL


class _Display:
    """Prints each new text, and each change of status of one that was printed."""

    def __init__(self, number: str, console: Console) -> None:
        self._number = number
        self._console = console
        self._statuses: dict[str, str] = {}

    def known(self, thread: list[dict[str, Any]]) -> None:
        """Texts from before are not shown again."""
        self._statuses = {entry["id"]: entry["status"] for entry in thread}

    def prompt(self) -> None:
        if self._console.is_terminal:
            self._console.print(f"[dim]{self._number}[/] > ", end="", highlight=False)

    def show(self, thread: list[dict[str, Any]]) -> bool:
        """Print what is new; says whether there was anything."""
        anything = False
        for entry in thread:
            before = self._statuses.get(entry["id"])
            if before == entry["status"]:
                continue
            self._statuses[entry["id"]] = entry["status"]
            self._print(entry, new=before is None)
            anything = True
        return anything

    def _print(self, entry: dict[str, Any], *, new: bool) -> None:
        if self._console.is_terminal:
            self._console.file.write("\r\x1b[K")  # over the prompt
        mark = MARKS.get(entry["status"], "[dim]…[/]")
        if entry["direction"] == "received" and new:
            body = escape(entry["body"]).replace("\n", "\n  ")
            self._console.print(f"  [bold cyan]{body}[/]", highlight=False)
            for url in entry.get("media") or []:
                self._console.print(f"  [dim]media: {escape(str(url))}[/]")
        self._console.print(f"    {mark} [dim]{entry['status']}[/]", highlight=False)
