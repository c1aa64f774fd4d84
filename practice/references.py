"""References of appointments: short enough to say, hard to misread."""

from __future__ import annotations

import hashlib

PREFIX = "HEC"
# Without what is mistaken for each other (0 O, 1 I L, 2 Z, 5 S, 8 B, U V) and without vowels, so
# that no reference is a word.
ALPHABET = "CDFGHJKMNPQRTWXY34679"
LENGTH = 4


def make_reference(key: str, attempt: int = 0) -> str:
    """A reference such as ``HEC-4K7Q``, always the same one for the same arguments.

    Args:
        key: of the change that books the appointment.
        attempt: counts up while references are found to be in use already.
    """
    digest = hashlib.blake2b(f"{attempt}:{key}".encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    letters = []
    for _ in range(LENGTH):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return f"{PREFIX}-{''.join(letters)}"
