"""From what a customer wrote to a value of the catalogue: "lakside" is `lakeside`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rapidfuzz import process
from rapidfuzz.distance import OSA

SHORTEST_TYPO = 5
"""Shorter words have too many neighbours to be taken for a mistyped name."""
LONGEST_PHRASE = 4  # words
_EDIT = 2  # letters that a typing error must gain before it beats a shorter form written well

_NOISE = re.compile(r"[\W_]+")


def _key(text: str) -> str:
    """Letters and digits only: "Lake-side" and "lake side" are one written form."""
    return _NOISE.sub("", text.casefold())


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words of a text that may be a written form of a catalogue value.

    Attributes:
        first, last: the words, counted from 0; `last` is not included.
        exact: no typing error was forgiven.
    """

    entity: str
    value: str
    first: int
    last: int
    exact: bool


@dataclass
class Catalogue:
    """What people write for each value of each entity.

    Attributes:
        similarity: 0 to 100; the share of letters that must be right in a typing error.
        names: for each entity, from the written form to the value.
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
        form, _ = self._match(self.names.get(entity, {}), _key(written))
        return form and self.names[entity][form]

    def phrases(self, words: Sequence[str]) -> list[Phrase]:
        """Where catalogue values may be named, without overlaps, in the order of the text."""
        keys = [_key(word) for word in words]
        found = []
        for entity, forms in self.names.items():
            longest = max(map(len, forms), default=0) * 2 - SHORTEST_TYPO
            for first, head in enumerate(keys):
                key = ""
                for last in range(first, min(first + LONGEST_PHRASE, len(words))):
                    if not keys[last]:
                        break
                    key += keys[last]
                    if len(key) > longest:
                        break
                    form, edits = self._match(forms, key)
                    if form and head:
                        phrase = Phrase(entity, forms[form], first, last + 1, exact=not edits)
                        found.append((_EDIT * edits - len(key), first, phrase))
        taken: set[int] = set()
        chosen = []
        for _, _, phrase in sorted(found, key=lambda one: one[:2]):
            places = range(phrase.first, phrase.last)
            if taken.isdisjoint(places):
                taken.update(places)
                chosen.append(phrase)
        return sorted(chosen, key=lambda phrase: phrase.first)

    def _match(self, forms: dict[str, str], key: str) -> tuple[str | None, int]:
        """The nearest written form and its distance in edits."""
        if key in forms:
            return key, 0
        allowed = int(len(key) * (100 - self.similarity) / 100)
        if len(key) < SHORTEST_TYPO or not allowed:
            return None, 0
        best = process.extractOne(key, forms.keys(), scorer=OSA.distance, score_cutoff=allowed)
        # The singular is another word, not a slip: "contact me" asks for no contacts.
        if best is None or best[0] == f"{key}s":
            return None, 0
        return best[0], int(best[1])
