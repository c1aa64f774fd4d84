"""Signatures by the Standard Webhooks specification, version 1.0.0, symmetric scheme (``v1``).

github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, "Signature scheme".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32
"""The specification allows 24 to 64."""


def new_secret() -> str:
    """A secret as it is shown to whoever verifies with it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(given: Iterable[str], id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """The headers that say what a request is and prove that it is ours.

    Args:
        given: secrets, each with its prefix; one signature is made with each of them.
        id: of the event, the same for every attempt.
        at: when this attempt is made.
        body: exactly as it is sent.
    """
    stamp = str(int(at.timestamp()))
    content = f"{id}.{stamp}.".encode() + body
    return {
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(secret, content) for secret in given),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
