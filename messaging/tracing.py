"""Traces of a text's way: webhook, turn, assistant, delivery, receipt.

They are off unless OpenTelemetry's own environment variables name a collector. Off, nothing of
OpenTelemetry is imported and a span is one function call; on, ``messaging/otel.py`` exports
them in the background. A trace crosses processes as a W3C ``traceparent``: in
``inbound_text.trace`` and ``outbound_text.trace``, in the spool, and as a header of requests to
the action server. Attributes are ids, names and codes; never phone numbers or words.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

log = logging.getLogger(__name__)

Attribute = str | int | float | bool | UUID | None
"""A value of an attribute; None leaves it out."""

INSTALL = "Traces are asked for, but not installed: run `uv sync --extra otel`."
_PROTOCOL = "http/protobuf"
_NO_ATTRIBUTES: Mapping[str, Attribute] = MappingProxyType({})


class Span(Protocol):
    """A step that is under way."""

    def set(self, **attributes: Attribute) -> None:
        """Say more about it, once it is known."""


class Tracer(Protocol):
    """Where spans go."""

    def span(
        self,
        name: str,
        attributes: Mapping[str, Attribute],
        parent: str | None,
        links: Sequence[str],
    ) -> AbstractContextManager[Span]:
        """See :func:`span`."""

    def current(self) -> str | None:
        """See :func:`current`."""

    def stop(self) -> None:
        """See :func:`stop`."""


class _Nothing:
    """A tracer that is off, and its only span."""

    def span(
        self,
        name: str,
        attributes: Mapping[str, Attribute],
        parent: str | None,
        links: Sequence[str],
    ) -> AbstractContextManager[Span]:
        return _NOWHERE

    def current(self) -> str | None:
        return None

    def set(self, **attributes: Attribute) -> None:
        pass

    def stop(self) -> None:
        pass


_OFF = _Nothing()
_NOWHERE = nullcontext(_OFF)
_tracer: Tracer = _OFF


def start(process: str) -> None:
    """Trace from now on, if the environment names a collector; a second call does nothing.

    Without the packages that it takes, it says so once and the process works without traces.

    Args:
        process: ingress, rasa, worker: part of the service's name.
    """
    global _tracer  # noqa: PLW0603 - of a whole process, as logging is
    if _tracer is not _OFF or not _wanted(os.environ):
        return
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    if protocol not in {None, "", _PROTOCOL}:
        detail = f"Traces leave as {_PROTOCOL} only (port 4318 of most collectors), not {protocol}."
        log.warning("tracing.protocol", extra={"detail": detail})
    try:
        from messaging.otel import OpenTelemetry  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        log.warning("tracing.not-installed", extra={"detail": INSTALL})
        return
    try:
        _tracer = OpenTelemetry(process)
    except Exception as error:  # noqa: BLE001 - a variable it cannot read must not stop texts
        log.warning("tracing.wrong-settings", extra={"detail": str(error)})


def stop() -> None:
    """Export what is left, for two seconds at most."""
    global _tracer
    tracer, _tracer = _tracer, _OFF
    tracer.stop()


def span(
    name: str,
    attributes: Mapping[str, Attribute] = _NO_ATTRIBUTES,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
) -> AbstractContextManager[Span]:
    """A step of a text's way, as long as the ``with`` block lasts.

    Args:
        name: of the step, like ``delivery.send``.
        attributes: what it is about.
        parent: traceparent of the step before it; by default the step around it.
        links: traceparents of others that led to it.
    """
    return _tracer.span(name, attributes, parent, links)


def current() -> str | None:
    """The traceparent of the step that is under way; None where nothing is traced."""
    return _tracer.current()


def _wanted(environment: Mapping[str, str]) -> bool:
    named = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environment.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return bool(named) and not off and environment.get("OTEL_TRACES_EXPORTER") != "none"
