"""From what a customer wrote to a value of the catalogue: "lakside" is `lakeside`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

SHORTEST_TYPO = 6
"""Shorter words have too many neighbours to be taken for a mistyped name."""

_NOISE = re.compile(r"[^a-z0-9]+")


def _key(text: str) -> str:
    return _NOISE.sub(" ", text.casefold().replace("'", "").replace("\u2019", "")).strip()


@dataclass
class Catalogue:
    """What people write for each value of each entity.

    Attributes:
        names: for each entity, from the written form to the value.
        similarity: 0 to 100; how alike a written form must be to count as a typing error.
    """

    similarity: float
    names: dict[str, dict[str, str]] = field(default_factory=dict)

    def learn(self, entity: str, written: str, value: str) -> None:
        """Add one written form (and the value itself, which is a written form too)."""
        forms = self.names.setdefault(entity, {})
        forms.setdefault(_key(written), value)
        forms.setdefault(_key(value), value)

    def find(self, entity: str, written: str) -> str | None:
        """The value that a written form stands for, exactly or with a typing error."""
        forms = self.names.get(entity, {})
        key = _key(written)
        if key in forms:
            return forms[key]
        best = process.extractOne(key, forms.keys(), scorer=fuzz.ratio,
                                  score_cutoff=self.similarity)  # fmt: skip
        return forms[best[0]] if best else None

    def phrase(self, entity: str, words: list[str]) -> bool:
        """Whether consecutive words are a written form of an entity's value, maybe mistyped."""
        key = _key(" ".join(words))
        forms = self.names.get(entity, {})
        if key in forms:
            return True
        if len(key) < SHORTEST_TYPO:
            return False
        near = [form for form in forms if form[:1] == key[0] and abs(len(form) - len(key)) <= 1]
        return process.extractOne(key, near, scorer=fuzz.ratio,
                                  score_cutoff=self.similarity) is not None  # fmt: skip
