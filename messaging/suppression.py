"""What stays of somebody who was forgotten and wants no texts: a hash that only we can make.

There are so few phone numbers that a plain hash of one is found by trying them all, so it is an
HMAC with a key that is not in the database. The same key for ever: under another one nobody who
was forgotten would be known again, so with a wrong or missing key nothing is looked up at all.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence

from database.pool import Connection
from database.url import data_dir
from messaging.consent import ConsentEvent, Direction, Method, Refusal
from messaging.errors import SettingsError

KEY = "LINNET_SUPPRESSION_KEY"
KEY_FILE = "suppression.key"
"""In the folder of local state, where ``linnet up`` keeps the key that it made."""

SHORTEST_KEY = 32
ADVICE = (
    f"set {KEY} to {SHORTEST_KEY} random characters or more (`openssl rand -hex 32`), the same "
    "for all processes and for ever"
)

USED_KEY = "SELECT key_id FROM suppression LIMIT 1"
FIND = "SELECT phone_hash, scope, since FROM suppression WHERE phone_hash = ANY(%(hashes)s)"
KEEP = """
INSERT INTO suppression (phone_hash, scope, since, key_id)
VALUES (%(phone_hash)s, %(scope)s, %(since)s, %(key_id)s)
ON CONFLICT (phone_hash) DO UPDATE SET scope = EXCLUDED.scope, since = EXCLUDED.since
"""
FORGET = "DELETE FROM suppression WHERE phone_hash = %(phone_hash)s"


def suppression_key() -> bytes | None:
    """The key of this process, by its environment; None where there is none.

    Where the environment names neither a key nor a database, that of ``linnet up`` in this folder
    holds, whose database this process works on.

    Raises:
        SettingsError: it is too short to be a secret.
    """
    written = os.environ.get(KEY, "").strip()
    if not written and not os.environ.get("DATABASE_URL"):
        try:
            written = (data_dir() / KEY_FILE).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            written = ""
    if not written:
        return None
    if len(written) < SHORTEST_KEY:
        raise SettingsError(f"{KEY} is too short; {ADVICE}")
    return written.encode()


def phone_hash(key: bytes, phone: str) -> bytes:
    """What stands for a phone where its number must not: HMAC-SHA-256.

    Args:
        key: of all hashes.
        phone: E.164.
    """
    return hmac.digest(key, phone.encode(), hashlib.sha256)


async def suppressions_of(
    connection: Connection, phones: Sequence[str]
) -> Mapping[str, ConsentEvent]:
    """What is left of phones whose owners were forgotten, as an event before all others.

    Args:
        connection: to the database.
        phones: E.164.

    Raises:
        SettingsError: there are such phones, and the key is not the one of their hashes.
    """
    used = await (await connection.execute(USED_KEY)).fetchone()
    if used is None:
        return {}
    key = _same_key(used["key_id"])
    hashes = {phone_hash(key, phone): phone for phone in phones}
    cursor = await connection.execute(FIND, {"hashes": list(hashes)})
    return {
        hashes[row["phone_hash"]]: ConsentEvent(
            phone=hashes[row["phone_hash"]],
            direction=Direction.REVOKE,
            scope=row["scope"],
            method=Method.ERASURE,
            actor="linnet",
            recorded_at=row["since"],
            captured_at=row["since"],
        )
        for row in await cursor.fetchall()
    }


async def keep_refusal(connection: Connection, phone: str, refusal: Refusal | None) -> None:
    """Note what somebody does not want whose events are about to be redacted.

    Args:
        connection: in the transaction that redacts them.
        phone: E.164.
        refusal: what is not wanted; None where nothing is, also no longer.

    Raises:
        SettingsError: there is something to note, and no key or another than before.
    """
    used = await (await connection.execute(USED_KEY)).fetchone()
    key = _same_key(used["key_id"]) if used else suppression_key()
    if key is None:
        if refusal is None:
            return
        raise SettingsError(
            f"this phone has opted out, which must be remembered by a keyed hash; {ADVICE}"
        )
    hashed = phone_hash(key, phone)
    if refusal is None:
        await connection.execute(FORGET, {"phone_hash": hashed})
        return
    kept = {"scope": refusal.scope, "since": refusal.since, "key_id": _key_id(key)}
    await connection.execute(KEEP, kept | {"phone_hash": hashed})


def _same_key(used: bytes) -> bytes:
    key = suppression_key()
    if key is None:
        raise SettingsError(
            f"{KEY} is missing, without which nobody knows who was erased and wants no texts; "
            "set it to the value that it had"
        )
    if _key_id(key) != used:
        raise SettingsError(
            f"{KEY} is not the key under which phones that were erased are remembered; "
            "set it to the value that it had"
        )
    return key


def _key_id(key: bytes) -> bytes:
    return hmac.digest(key, b"linnet suppression key", hashlib.sha256)[:8]
