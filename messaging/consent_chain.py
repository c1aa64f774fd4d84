"""The chain that binds the events of consent, and stays whole where somebody is forgotten.

Each entry is hashed together with the hash of the one before (requirement R166), so that a row
that was changed, removed, inserted or moved is found. All phones share one chain: of a chain for
each phone, the last event, or the whole chain, could be taken away and nothing would be missed.

What an entry says of a person is not hashed itself: the chain covers a commitment to it, the
SHA-256 of a random salt and these fields. While they are there, they are checked against the
commitment. To redact an entry is to take them away together with the salt: the commitment stays,
so the chain does, and without the salt nobody can try all numbers against it. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

GENESIS = bytes(32)
"""What the first event is chained to."""

PERSONAL = frozenset(
    {
        *("phone", "body", "disclosure", "vendor_id", "request_id", "source", "ip"),
        *("user_agent", "subject"),
    }
)
"""What says who it was, or may say so because people typed it: goes when an entry is redacted.
Of a disclosure its hash stays, which still shows who was told the same."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place in the ledger, as the table has it.

    Attributes:
        id: its place, from 1 without gaps.
        content: all columns of the event itself that are not null.
        commitment: to what of it is personal.
        salt: of the commitment; None where the entry was redacted.
        hash: of this and of all that stands before.
    """

    id: int
    content: Mapping[str, object]
    commitment: bytes
    salt: bytes | None
    hash: bytes


def commit(salt: bytes, content: Mapping[str, object]) -> bytes:
    """The commitment to what is personal in an event.

    Args:
        salt: random and of this entry alone.
        content: its columns; those that are null are left out.
    """
    personal = {name: value for name, value in content.items() if name in PERSONAL}
    return hashlib.sha256(salt + _canonical(personal)).digest()


def digest(previous: bytes, id: int, content: Mapping[str, object], commitment: bytes) -> bytes:
    """The hash of an entry.

    Args:
        previous: the hash of the entry before; ``GENESIS`` for the first.
        id: its place.
        content: its columns; those that are null are left out, so that a column that is added
            later changes no hash.
        commitment: to those of them that are personal.
    """
    public = {name: value for name, value in content.items() if name not in PERSONAL}
    covered = {**public, "id": id, "commitment": commitment.hex()}
    return hashlib.sha256(previous + _canonical(covered)).digest()


def _canonical(content: Mapping[str, object]) -> bytes:
    plain = {name: _plain(value) for name, value in content.items()}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _plain(value: object) -> object:
    if isinstance(value, datetime):  # to the microsecond, as PostgreSQL keeps it
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum) else value


class ChainCheck:
    """Reads a ledger from its first entry to its last, and says where it was tampered with."""

    def __init__(self) -> None:
        self.last, self.hash = 0, GENESIS
        self.faults: list[str] = []

    def add(self, entry: Entry) -> None:
        """Check the next entry, in the order of the ids."""
        missing = entry.id - self.last - 1
        if missing > 0:
            first = self.last + 1
            those = (
                f"entry {first} is" if missing == 1 else f"entries {first} to {entry.id - 1} are"
            )
            self.faults.append(f"{those} missing")
        elif not self._follows(entry):
            self.faults.append(f"entry {entry.id}, or what stood before it, was changed")
        self.last, self.hash = entry.id, entry.hash

    def _follows(self, entry: Entry) -> bool:
        if entry.salt is None:
            whole = entry.content.keys().isdisjoint(PERSONAL)
        else:
            whole = commit(entry.salt, entry.content) == entry.commitment
        expected = digest(self.hash, entry.id, entry.content, entry.commitment)
        return whole and expected == entry.hash

    def end(self, last_id: int, head: bytes) -> None:
        """Check that the ledger ends where its end was noted.

        Args:
            last_id: the place of the last entry.
            head: its hash.
        """
        if self.last < last_id:
            self.faults.append(f"entries after {self.last} are missing: there were {last_id}")
        elif (self.last, self.hash) != (last_id, head):
            self.faults.append(f"entry {self.last} is not the one that was recorded last")
