"""Runs the simulator on uvicorn."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from simulator.app import Simulator
from simulator.connection import BreakableProtocol
from simulator.settings import Settings

_BACKLOG: Final = 4096


class SimulatorServer(uvicorn.Server):
    """A uvicorn server that ends the streams of events before it waits for connections."""

    def __init__(self, config: uvicorn.Config, simulator: Simulator) -> None:
        super().__init__(config)
        self._simulator = simulator

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop serving."""
        self._simulator.watchers.close()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Args:
        host: the address to listen on.
        port: the port; 0 for any free one.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


@contextmanager
def in_background(settings: Settings) -> Iterator[str]:
    """A simulator in a thread of this process, for tests.

    Args:
        settings: what the simulator is told.

    Yields:
        Its base URL.
    """
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = make_server(settings, url)
    thread = threading.Thread(target=server.run, args=([listening],), name="simulator")
    thread.start()
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def make_server(settings: Settings, own_url: str) -> SimulatorServer:
    """A server that is not running yet: ``server.run([listen(host, port)])``.

    Args:
        settings: what the simulator is told.
        own_url: where it is reached.
    """
    simulator = Simulator(settings, own_url.rstrip("/"))
    config = uvicorn.Config(
        simulator.app,
        http=BreakableProtocol,
        loop="uvloop",
        # No web sockets: uvicorn's code for them needs a newer package than Rasa allows.
        ws="none",
        access_log=False,
        proxy_headers=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
        # Senders keep connections for some seconds between two texts.
        timeout_keep_alive=30,
        backlog=_BACKLOG,
    )
    return SimulatorServer(config, simulator)
