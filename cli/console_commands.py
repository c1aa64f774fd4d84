"""Options of ``linnet console``; ``cli/console.py`` does the work, loaded when there is some."""

# ruff: noqa: PLC0415
from __future__ import annotations

from typing import Annotated

import typer


def console(
    port: Annotated[int, typer.Option(help="Where it answers.", min=1, max=65535)] = 5084,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 for all, behind a proxy with HTTPS.")
    ] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option(help="Serve metrics for Prometheus here; 0 for not at all.", min=0)
    ] = 0,
    metrics_host: Annotated[
        str, typer.Option(help="Address of --metrics-port; 0.0.0.0 for all.")
    ] = "127.0.0.1",
) -> None:
    """Serve the API: run as many as you like."""
    from cli.console import run

    run(host, port, (metrics_host, metrics_port) if metrics_port else None)
