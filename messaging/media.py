"""Pictures, sounds and films: those that we send, and those that came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

LARGEST = 5_000_000
"""Bytes of one file at most, in and out: Twilio and IntelePeer carry no more in one text."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a text, as the assistant names it.

    Attributes:
        url: where the vendor fetches it, public.
        content_type: as far as it is known; "" where it has yet to be asked for.
        title: a few words for people, also where the file cannot be carried.
        description: a sentence for the same.
    """

    url: str
    content_type: str = ""
    title: str = ""
    description: str = ""

    def as_json(self) -> dict[str, str]:
        """As it is stored."""
        return {
            "url": self.url,
            "content_type": self.content_type,
            "title": self.title,
            "description": self.description,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Attachment:
        """As it was stored."""
        return cls(**stored)


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file that a customer sent, without its bytes.

    Attributes:
        id: under which its bytes are read (:func:`messaging.media_table.read_content`).
        place: among the files of its text, from 0.
        content_type: as its bytes show; None where it was refused.
        bytes: how many; None where it was refused.
        refused: why there are no bytes, a word or two with hyphens.
    """

    id: UUID
    place: int
    content_type: str | None = None
    bytes: int | None = None
    refused: str | None = None

    def as_entity(self) -> dict[str, Any]:
        """As the assistant and its actions see it, beside what was found in the words."""
        value: dict[str, Any] = {
            "id": str(self.id),
            "content_type": self.content_type,
            "bytes": self.bytes,
            "place": self.place,
        }
        if self.refused is not None:
            value["refused"] = self.refused
        return {"entity": "media", "value": value}
