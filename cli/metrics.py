"""Metrics of a process, at a port of their own."""

from __future__ import annotations

from prometheus_client import start_http_server

from cli.failure import Failure


def serve_metrics(host: str, port: int) -> None:
    """Serve this process's metrics.

    Raises:
        Failure: nothing can be served there.
    """
    try:
        start_http_server(port, host)
    except OSError as error:
        raise Failure(
            f"Metrics cannot be served at {host}, port {port}: {error.strerror}; "
            "choose another --metrics-port."
        ) from error
