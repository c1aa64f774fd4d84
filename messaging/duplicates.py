"""When a text would only repeat what its phone was just told (requirements R137 to R139). Pure.

Words are the same when a phone would show the same: a name or a number in them makes another text.
It does not matter which number of ours they leave from. ``messaging/duplicate_table.py`` decides
who of several is first.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from messaging.lanes import Lane
from messaging.text_policy import Duplicates

WINDOW = timedelta(minutes=30)
"""For how long words are not said again; at its end they may be (R137)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A message's claim to be the one with its words.

    Attributes:
        recipient: E.164.
        digest: of what it says.
        text_id: its text, or the first of its parts.
        at: when it was made, or leaves at the earliest where that is a time of its own, UTC.
    """

    recipient: str
    digest: bytes
    text_id: UUID
    at: datetime

    @property
    def window_start(self) -> datetime:
        """Whoever was let through by then does not stand in the way of this one any more."""
        return self.at - WINDOW


def is_limited(limit: Duplicates, kind: str, lane: Lane, *, confirmation: bool) -> bool:
    """Whether a text is held back when it repeats another.

    Args:
        limit: what is limited at all.
        kind: ``reply``, ``notice``, ...
        lane: its urgency; safety may be repeated.
        confirmation: whether it answers STOP, START or HELP, which must always be answered.
    """
    if lane is Lane.EMERGENCY or confirmation:
        return False
    match limit:
        case Duplicates.OFF:
            return False
        case Duplicates.NOTICES:
            return kind == "notice"
        case Duplicates.ALL:
            return kind not in {"failure", "delay"}


def digest_of(body: str, media: Sequence[str]) -> bytes:
    """What makes two texts the same: 32 bytes.

    The case of letters counts. Spaces around the words do not, as they are never sent, and nor
    does how accents are written (Unicode NFC).

    Args:
        body: the words, with all variables filled in, before they are cut or encoded.
        media: addresses of the files, in order.
    """
    said = [unicodedata.normalize("NFC", body).strip(), *media]
    return hashlib.sha256(json.dumps(said).encode()).digest()
