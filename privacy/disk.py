"""What lies of a person on disk: texts that wait for the database, or that it never took.

A spool belongs to the process that writes it, which stores what is in it as soon as the database
is there, and deletes it. So that is waited for: what was stored is erased with the rest. Only
what was set aside for good is nobody's, and is taken out here.
"""

from __future__ import annotations

import os
from pathlib import Path

from database.encryption import cipher
from database.url import data_dir
from messaging.errors import Unreadable
from messaging.sealed import SPOOLED
from messaging.spool import ASIDE, ENDING


def spool_directory() -> Path:
    """Where processes of this folder keep what waits for the database."""
    return data_dir() / "spool"


def waiting(directory: Path, phone: str) -> list[Path]:
    """The files in which texts of a person wait to be stored.

    Args:
        directory: of the spool.
        phone: E.164.
    """
    return [path for path in sorted(directory.glob(f"*{ENDING}")) if _lines(path, phone)[1]]


def take_out(directory: Path, phone: str) -> int:
    """Take a person's lines out of what was set aside, each file at once or not at all.

    Args:
        directory: of the spool.
        phone: E.164.

    Returns:
        How many lines went.
    """
    gone = 0
    for path in sorted(directory.glob(f"*{ASIDE}")):
        others, own = _lines(path, phone)
        if not own:
            continue
        draft = path.with_suffix(f"{ASIDE}.draft")
        draft.touch(mode=0o600)
        with draft.open("wb") as file:
            file.write(b"".join(others))
            file.flush()
            os.fsync(file.fileno())
        if others:
            draft.replace(path)
        else:
            path.unlink()
            draft.unlink()
        gone += len(own)
    return gone


def _lines(path: Path, phone: str) -> tuple[list[bytes], list[bytes]]:
    """The lines of others, and those in which the person's number is."""
    others: list[bytes] = []
    own: list[bytes] = []
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # stored meanwhile
        return [], []
    digits = phone.removeprefix("+")
    for line in content.splitlines(keepends=True):
        (own if digits in _plain(line) else others).append(line)
    return others, own


def _plain(line: bytes) -> str:
    text = line.decode(errors="replace").rstrip("\n")
    try:
        return cipher().unseal(text, SPOOLED)
    except Unreadable:  # half a line, or of a key that is gone: nobody reads it any more
        return text
