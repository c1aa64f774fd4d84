"""Once somebody is erased, neither the database nor a log nor a file has number or words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from messaging.suppression import KEY
from tests.gateways.test_twilio import SID, TOKEN
from tests.integration.person import FORMS, WORDS

ROOT = Path(__file__).parents[2]
SECRETS = (*FORMS, *WORDS, "Rosalind", SID, TOKEN)


def test_nothing_of_an_erased_person_is_in_a_log_or_a_file(database_url, tmp_path):
    """Whatever was logged before, while and after somebody was erased (GDPR Art. 17)."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.integration.erased_story", database_url],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "LINNET_DATA_DIR": str(tmp_path), KEY: "k" * 40},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["before"]) >= {
        *("inbound_text", "turn", "outbound_text", "receipt", "text_event", "conversation"),
        *("campaign_recipient", "outgoing_event", "webhook_delivery", "webhook_attempt"),
        *("appointment", "customer"),
    }
    assert told["left"] == {}
    events = {json.loads(line)["event"] for line in done.stderr.splitlines()}
    assert events >= {
        *("text.received", "text.repeated", "turn.finished", "delivery.refused"),
        *("delivery.unknown", "delivery.accepted", "receipt.applied", "receipt.parked"),
        *("events.refused", "privacy.erased", "privacy.copies-left", "upkeep.done"),
    }
    for secret in SECRETS:
        assert secret not in done.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if any(one.encode() in path.read_bytes() for one in SECRETS)]
