"""What IntelePeer posts to the assistant: texts, with the shared secret in the body."""

from __future__ import annotations

import json
from typing import Final

from simulator.posting import Answer, Webhook
from simulator.settings import IntelePeerSettings
from simulator.text import Status, Text

_MAX_ATTEMPTS: Final = 5
_OK: Final = 200


class IntelePeerLine:
    """IntelePeer as the assistant's webhooks see it.

    Args:
        settings: the account.
    """

    def __init__(self, settings: IntelePeerSettings) -> None:
        self._settings = settings

    def received(self, text: Text) -> None:
        """Nothing: no handling of opt-out words is documented."""

    def inbound(self, text: Text) -> Webhook:
        """The request that carries ``text``."""
        body = {
            "refid": text.id,
            "from": text.sender,
            "to": text.recipient,
            "message": text.body,
            "signature": self._settings.secret,
        }
        return Webhook(
            url=self._settings.webhook,
            headers={"Content-Type": "application/json", "Accept": "*/*"},
            body=json.dumps(body).encode(),
        )

    def receipt(self, text: Text, status: Status) -> Webhook | None:
        """None: what a receipt looks like is not documented, the record (MDR) is asked for."""
        return None

    def acknowledged(self, answer: Answer) -> bool:
        """200 and nothing else."""
        return answer.status == _OK

    def repeat_after(self, webhook: Webhook, attempt: int, answer: Answer) -> float | None:
        """Five attempts in all; the time between them is not documented."""
        return self._settings.retry_seconds if attempt < _MAX_ATTEMPTS else None

    def read_answer(self, text: Text, answer: Answer) -> None:
        """Nothing: the answer's body means nothing."""
