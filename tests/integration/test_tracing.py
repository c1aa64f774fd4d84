"""One trace from a text's webhook to its reply's receipt, as a collector gets it."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from messaging import tracing
from messaging.inbox import store_events
from messaging.spool import Spool
from tests.gateways.contract import CUSTOMER
from tests.gateways.test_twilio import fields, post
from tests.integration.engine import OURS, ScriptedGateway, rows
from tests.integration.way import answered, asking, handler, text_us

BODY, REPLY = "is the shop near Kensington open", "Yes: until six, in Kensington"


class Collector(http.server.ThreadingHTTPServer):
    """A collector of traces, and an action server at any other path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []
        self.asked: list[dict[str, str]] = []
        self.hangs = threading.Event()
        self.hangs.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list[tuple[str, Span]]:
        """Every span with the name of its service."""
        found = []
        for body in self.bodies:
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                said = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
                found += [
                    (said["service.name"], span)
                    for scope in resource.scope_spans
                    for span in scope.spans
                ]
        return found


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/traces":
            self.server.hangs.wait(30)
            self.server.bodies.append(body)
            answer = b""
        else:
            self.server.asked.append({name.lower(): text for name, text in self.headers.items()})
            answer = json.dumps({"events": [], "responses": []}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.hangs.set()
        server.shutdown()
        thread.join()


@contextmanager
def traced(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> Iterator[None]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    tracing.start("test")
    try:
        yield
    finally:
        tracing.stop()


def attributes(span: Span) -> dict[str, object]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes
    }


def traceparent(span: Span) -> str:
    """Without its flags."""
    return f"00-{span.trace_id.hex()}-{span.span_id.hex()}-"


async def test_one_trace_from_webhook_to_receipt(pool, database_url, collector, monkeypatch):
    carrier = ScriptedGateway()
    with traced(monkeypatch, collector.url):
        await text_us(pool, BODY, "SM71", CUSTOMER)
        await answered(pool, database_url, asking(collector.url, REPLY), carrier)
    every = [span for _, span in collector.spans()]
    spans = {span.name: span for span in every if attributes(span).get("kind") != "status"}
    names = ("webhook.receive", "turn", "assistant.respond", "action.request", "delivery.send")
    assert set(spans) == {*names, "receipt"}
    assert {service for service, _ in collector.spans()} == {"linnet-test"}
    assert len({span.trace_id for span in spans.values()}) == 1

    webhook, turn, thought, action, sent = (spans[name] for name in names)
    assert webhook.parent_span_id == b""
    assert turn.parent_span_id == webhook.span_id
    assert thought.parent_span_id == turn.span_id
    assert action.parent_span_id == thought.span_id
    assert sent.parent_span_id == spans["receipt"].parent_span_id == turn.span_id
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano for span in spans.values())

    (asked,) = collector.asked
    assert asked["traceparent"].startswith(traceparent(action))

    (text,) = await rows(pool, "SELECT id, conversation_id, turn_id FROM outbound_text")
    ids = {
        "conversation": str(text["conversation_id"]),
        "turn": str(text["turn_id"]),
        "gateway": "twilio",
    }
    assert attributes(webhook) == {
        "gateway": "twilio", "kind": "inbound", "vendor_id": "SM71", "outcome": "stored",
        "status": 200,
    }  # fmt: skip
    assert attributes(turn) == {**ids, "attempt": 1, "outcome": "done", "handled_by": "assistant"}
    assert attributes(thought) == {"intent": "hours"}
    assert attributes(action) == {"action": "action_hours"}
    assert attributes(sent) == {
        **ids, "text_id": str(text["id"]), "lane": "reply", "attempt": 1, "segments": 1,
        "outcome": "accepted",
    }  # fmt: skip
    assert attributes(spans["receipt"]) == {
        **ids, "text_id": str(text["id"]), "vendor_id": "V1", "status": "delivered",
    }  # fmt: skip

    (posted,) = [span for span in every if attributes(span).get("kind") == "status"]
    assert [link.span_id for link in spans["receipt"].links] == [posted.span_id]


async def test_no_number_and_no_word_leaves(pool, database_url, collector, monkeypatch):
    with traced(monkeypatch, collector.url):
        await text_us(pool, BODY, "SM72", CUSTOMER)
        await answered(pool, database_url, asking(collector.url, REPLY), ScriptedGateway())
        with pytest.raises(ValueError, match="Kensington"), tracing.span("broken"):
            raise ValueError(f"{CUSTOMER} said {BODY}")
    sent = b"".join(collector.bodies)
    assert b"broken" in sent
    assert b"ValueError" in sent
    for secret in (CUSTOMER, OURS, BODY, REPLY, "Kensington"):
        assert secret.removeprefix("+").encode() not in sent


async def test_the_texts_of_one_turn(pool, database_url, collector, monkeypatch):
    """The trace of the first goes on, and the turn is linked with the others."""
    with traced(monkeypatch, collector.url):
        for sid in ("SM73", "SM74", "SM75"):
            await text_us(pool, BODY, sid, CUSTOMER)
        await answered(pool, database_url, asking(collector.url, REPLY), ScriptedGateway())
    spans = defaultdict(list)
    for _, span in collector.spans():
        spans[attributes(span).get("vendor_id") or span.name].append(span)
    (first,), (second,), (third,), (turn,) = (
        spans[name] for name in ("SM73", "SM74", "SM75", "turn")
    )
    assert (turn.trace_id, turn.parent_span_id) == (first.trace_id, first.span_id)
    assert [link.span_id for link in turn.links] == [second.span_id, third.span_id]


async def test_a_text_that_waited_on_disk(pool, collector, monkeypatch, tmp_path):
    with traced(monkeypatch, collector.url):
        spool = Spool(tmp_path)
        await spool.append("twilio", [], datetime.now(UTC))  # so that the next goes behind it
        await text_us(pool, BODY, "SM76", CUSTOMER, spool)
        await spool.drain(partial(store_events, pool, burst_seconds=1))
        spool.close()
    (text,) = await rows(pool, "SELECT trace FROM inbound_text")
    spans = {attributes(span).get("vendor_id") or span.name: span for _, span in collector.spans()}
    stored = [span for _, span in collector.spans() if span.name == "spool.store"][-1]
    assert stored.parent_span_id == spans["SM76"].span_id
    assert text["trace"].startswith(traceparent(stored))


async def test_a_refused_webhook_says_why(pool, collector, monkeypatch):
    with traced(monkeypatch, collector.url):
        forged = post(fields(MessageSid="SM77"), signature="forged")
        assert (await handler(pool).handle("twilio", forged, "inbound")).status == 403
    ((_, span),) = collector.spans()
    assert attributes(span)["outcome"] == "signature"


@pytest.mark.parametrize("trouble", ["hangs", "away"])
async def test_a_collector_in_trouble_disturbs_no_text(
    pool, database_url, collector, monkeypatch, trouble
):
    collector.hangs.clear()
    endpoint = collector.url if trouble == "hangs" else "http://127.0.0.1:9"
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")  # it is tried again and again meanwhile
    with traced(monkeypatch, endpoint):
        await text_us(pool, BODY, "SM78", CUSTOMER)
        await answered(pool, database_url, asking(collector.url, REPLY), ScriptedGateway())
        began = time.perf_counter()
    assert time.perf_counter() - began < 2.5


# -- processes of their own: what is imported, and what is said --------------------------------

ALL = "import cli.worker, connectors.ingress, connectors.sms, messaging.worker\n"
TRACED = """
from messaging import tracing
tracing.start("worker")
with tracing.span("turn", {"attempt": 1}, parent="00-" + "1" * 32 + "-" + "2" * 16 + "-01") as span:
    span.set(outcome="done")
    current = tracing.current()
tracing.stop()
import sys
print(current, any(name.startswith("opentelemetry") for name in sys.modules))
"""
# As if the extra were not installed.
NOT_INSTALLED = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from messaging.logs import configure_logging
configure_logging("worker")
"""


def run(code: str, **environment: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_off_nothing_of_it_is_imported(environment):
    said, _ = run((ALL if not environment else "") + TRACED, **environment)
    assert said == "None False"


def test_on_the_trace_goes_on():
    said, _ = run(TRACED, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://127.0.0.1:9/v1/traces")
    traceparent, imported = said.split()
    assert imported == "True"
    assert traceparent.split("-")[1] == "1" * 32
    assert traceparent.split("-")[2] != "2" * 16


def test_without_the_extra_a_line_says_what_to_install():
    said, errors = run(NOT_INSTALLED + TRACED, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert said == "None False"
    (line,) = [json.loads(line) for line in errors.splitlines()]
    assert (line["event"], line["level"]) == ("tracing.not-installed", "warning")
    assert "uv sync --extra otel" in line["detail"]


def test_settings_that_are_no_settings_disturb_nothing():
    configure = 'from messaging.logs import configure_logging\nconfigure_logging("worker")\n'
    _, errors = run(
        configure + TRACED,
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_TIMEOUT="soon",
        OTEL_TRACES_SAMPLER="perhaps",
    )
    assert "http/protobuf only" in errors
