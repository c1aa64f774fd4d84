"""A picture, sound or film that we send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
