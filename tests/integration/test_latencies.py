"""What is timed on a text's way, and where Rasa serves it."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY
from sanic import Sanic

from connectors.sms import SMSInput
from tests.gateways.contract import CUSTOMER
from tests.gateways.inbox import settings_for
from tests.integration.engine import Echo, ScriptedGateway, rows
from tests.integration.way import TWILIO, answered, text_us


def timed(name: str, **labels: str) -> tuple[float, float]:
    """How often, and how many seconds in all."""
    found = [
        REGISTRY.get_sample_value(f"linnet_{name}_{part}", labels) for part in ("count", "sum")
    ]
    return found[0] or 0.0, found[1] or 0.0


TIMES = [
    ("webhook_seconds", {"gateway": "twilio", "kind": "inbound"}),
    ("webhook_seconds", {"gateway": "twilio", "kind": "status"}),
    ("send_seconds", {"gateway": "twilio"}),
    ("reply_seconds", {"gateway": "twilio", "lane": "reply"}),
    ("receipt_lag_seconds", {"gateway": "twilio"}),
]


async def test_each_step_is_timed_once(pool, database_url):
    before = [timed(name, **labels) for name, labels in TIMES]
    await text_us(pool, "hello", "SM91", CUSTOMER)
    await rows(pool, "UPDATE inbound_text SET received_at = now() - interval '100 s' RETURNING 1")
    await answered(pool, database_url, Echo(), ScriptedGateway())
    after = [timed(name, **labels) for name, labels in TIMES]
    assert [now[0] - then[0] for now, then in zip(after, before, strict=True)] == [1] * 5
    seconds = [now[1] - then[1] for now, then in zip(after, before, strict=True)]
    assert seconds[3] == pytest.approx(105, abs=5)  # from when the customer's text came
    assert all(0 <= one < 5 for one in (*seconds[:3], seconds[4]))


async def test_rasa_serves_metrics_on_its_own_port():
    app = Sanic("linnet_metrics", configure_logging=False)
    app.blueprint(SMSInput(settings_for(TWILIO)).blueprint(None), url_prefix="/webhooks/sms")
    app.finalize()
    _, take, _ = app.router.get("/webhooks/sms/metrics", "GET", "")
    answer = await take(None)
    assert answer.status == 200
    assert answer.content_type.startswith("text/plain")
    assert b"# TYPE linnet_turn_seconds histogram" in answer.body
