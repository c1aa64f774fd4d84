"""The spans of ``messaging/tracing.py`` on OpenTelemetry's SDK (extra ``otel``).

Spans are queued and exported by a thread of the SDK's. With the collector away or slow the
queue fills up and spans are dropped; no text ever waits for them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import bound_contextvars

from messaging.tracing import Attribute, Span

STOP_SECONDS = 2.0

_KINDS = {
    "webhook.receive": SpanKind.SERVER,
    "action.request": SpanKind.CLIENT,
    "delivery.send": SpanKind.CLIENT,
}
_W3C = TraceContextTextMapPropagator()


class OpenTelemetry:
    """Exports spans as OpenTelemetry's environment variables say.

    Args:
        process: ingress, rasa, worker: the service is ``linnet-<process>`` unless
            ``OTEL_SERVICE_NAME`` says otherwise.
        exporter: where spans go; by default OTLP over HTTP.
    """

    def __init__(self, process: str, exporter: SpanExporter | None = None) -> None:
        service = os.environ.get("OTEL_SERVICE_NAME") or f"linnet-{process}"
        resource = Resource.create({"service.name": service, "linnet.process": process})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("linnet")

    @contextmanager
    def span(
        self,
        name: str,
        attributes: Mapping[str, Attribute],
        parent: str | None,
        links: Sequence[str],
    ) -> Iterator[Span]:
        """A span; its trace's id is in every log line within it."""
        with self._tracer.start_as_current_span(
            name,
            context=_context(parent) if parent else None,
            kind=_KINDS.get(name, SpanKind.INTERNAL),
            links=[
                Link(trace.get_current_span(_context(link)).get_span_context()) for link in links
            ],
            # An exception's words may be a customer's; its type says enough.
            record_exception=False,
            set_status_on_exception=False,
        ) as started:
            span = _Span(started)
            span.set(**attributes)
            with bound_contextvars(trace_id=f"{started.get_span_context().trace_id:032x}"):
                try:
                    yield span
                except BaseException as error:
                    span.set(**{"error.type": type(error).__name__})
                    started.set_status(StatusCode.ERROR)
                    raise

    def current(self) -> str | None:
        """The traceparent of the span around the caller."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent")

    def stop(self) -> None:
        """Export what is left; a collector that hangs is not waited for."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(STOP_SECONDS)


class _Span:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, **attributes: Attribute) -> None:
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(name, str(value) if isinstance(value, UUID) else value)


def _context(traceparent: str) -> Context:
    return _W3C.extract({"traceparent": traceparent}, Context())
