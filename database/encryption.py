"""Words at rest: encrypted before they go into a table or a file, readable with the key only.

What is sealed describes itself: ``enc:1:<key id>:<base64>``. Behind the key's id stand a random
nonce of 192 bits and the text with its tag, by XAES-256-GCM
(https://c2sp.org/XAES-256-GCM): AES-256-GCM under a key derived for each value. Plain AES-GCM
admits 2^32 random nonces under one key (NIST SP 800-38D, 8.3), which tracker events of a busy
number use up within weeks; this one admits 2^80, so a key need never be changed for its use.

What a value is for (its table and column) is authenticated with it, so that a value that was
moved to another column is not read there.

Without keys, values are written as they are; one that looks sealed is marked ``enc:0:``, so that
it is read as it was written.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import json
import os
import re
import threading
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from database.local_state import data_dir
from messaging.errors import DamagedCiphertext, SettingsError, UnknownKey

KEYS = "LINNET_ENCRYPTION_KEYS"
DIGEST_KEY = "LINNET_DIGEST_KEY"

KEY_FILE = "encryption.env"
"""In the folder of ``linnet up``: its keys, for everything that works on its database."""

SEALED = "enc:1:"
"""How a sealed value begins; the id of its key follows."""

MARK = "enc:"
"""How values begin that are not what they say; plain ones with this beginning are escaped."""

PLAIN = "enc:0:"
"""Before a plain value that would look like a sealed one."""

KEY_BYTES = 32
NONCE_BYTES = 24

_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")
_MISSING = f"write {KEYS}=id:key,..., as `linnet encryption new-key` prints it"


class Cipher:
    """Seals and reads values; without keys it only lets them through.

    Args:
        keys: 32 bytes each, by id; the first one seals, all of them read.
        digest_key: 32 bytes for ``keyed``, the same for ever.
    """

    def __init__(self, keys: Mapping[str, bytes], digest_key: bytes | None = None) -> None:
        self._keys = {id: _Key(key) for id, key in keys.items()}
        self._digest_key = digest_key
        self.key_id = next(iter(keys), None)
        """The id of the key that seals; None where nothing is sealed."""

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of all keys, the one that seals first."""
        return tuple(self._keys)

    def seal(self, text: str, purpose: str) -> str:
        """A text as it is stored.

        Args:
            text: what is to be kept.
            purpose: its table and column, like ``inbound_text.body``.
        """
        if self.key_id is None:
            return PLAIN + text if text.startswith(MARK) else text
        sealed = self._keys[self.key_id].seal(text.encode(), purpose.encode())
        return f"{SEALED}{self.key_id}:{base64.b64encode(sealed).decode()}"

    def unseal(self, stored: str, purpose: str) -> str:
        """A text as it was before it was stored.

        Args:
            stored: sealed or plain.
            purpose: as it was sealed for.

        Raises:
            UnknownKey: it is sealed with a key that is not here.
            DamagedCiphertext: it was changed, or was sealed for another purpose or with another
                key of the same id.
        """
        if not stored.startswith(MARK):
            return stored
        if stored.startswith(PLAIN):
            return stored.removeprefix(PLAIN)
        id, _, sealed = stored.removeprefix(SEALED).partition(":")
        try:
            given = base64.b64decode(sealed, validate=True)
        except binascii.Error:
            given = b""  # shorter than any tag, so it is told below
        return self._key(id, purpose).unseal(given, purpose).decode()

    def seal_bytes(self, content: bytes, purpose: str) -> bytes:
        """The same as ``seal`` for the content of a file, without base64."""
        if self.key_id is None:
            return PLAIN.encode() + content if content.startswith(MARK.encode()) else content
        sealed = self._keys[self.key_id].seal(content, purpose.encode())
        return f"{SEALED}{self.key_id}:".encode() + sealed

    def unseal_bytes(self, stored: bytes, purpose: str) -> bytes:
        """The same as ``unseal`` for the content of a file.

        Raises:
            UnknownKey: it is sealed with a key that is not here.
            DamagedCiphertext: it was changed, or was sealed for something else.
        """
        if not stored.startswith(MARK.encode()):
            return stored
        if stored.startswith(PLAIN.encode()):
            return stored.removeprefix(PLAIN.encode())
        id, _, sealed = stored.removeprefix(SEALED.encode()).partition(b":")
        return self._key(id.decode("ascii", "replace"), purpose).unseal(sealed, purpose)

    def seal_json(self, value: Any, purpose: str, readable: Mapping[str, Any] | None = None) -> Any:
        """A value of a jsonb column as it is stored: ``{"sealed": ...}``, without keys itself.

        One that would look sealed is put there without keys, too.

        Args:
            value: as ``json`` takes it.
            purpose: its table and column.
            readable: what stands beside it for SQL to read.
        """
        looks_sealed = isinstance(value, dict) and "sealed" in value
        if self.key_id is None and not looks_sealed:
            return value
        return {**(readable or {}), "sealed": self.seal(json.dumps(value), purpose)}

    def unseal_json(self, stored: Any, purpose: str) -> Any:
        """The value that was given to ``seal_json``.

        Raises:
            UnknownKey: it is sealed with a key that is not here.
            DamagedCiphertext: it was changed, or was sealed for something else.
        """
        if isinstance(stored, dict) and "sealed" in stored:
            return json.loads(self.unseal(stored["sealed"], purpose))
        return stored

    def keyed(self, digest: bytes) -> bytes:
        """A digest by which equal contents are found and short ones cannot be guessed.

        Args:
            digest: SHA-256 of the content.

        Returns:
            Its HMAC-SHA-256; without keys itself.
        """
        return (
            digest if self._digest_key is None else hmac.digest(self._digest_key, digest, "sha256")
        )

    def _key(self, id: str, purpose: str) -> _Key:
        key = self._keys.get(id)
        if key is None:
            raise UnknownKey(
                f"{purpose} is encrypted with the key {id!r}, which {KEYS} does not have"
                f" (it has {', '.join(self._keys) or 'none'})",
                id,
            )
        return key


class _Key:
    """XAES-256-GCM under one key."""

    def __init__(self, key: bytes) -> None:
        # Only where there are keys: a process that receives texts is to start at once.
        from cryptography.hazmat.primitives.ciphers import (  # noqa: PLC0415
            Cipher as BlockCipher,
        )
        from cryptography.hazmat.primitives.ciphers import algorithms, modes  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        self._aead: Any = AESGCM
        # A context that is made anew for each value costs more than all the rest.
        blocks = BlockCipher(algorithms.AES(key), modes.ECB())  # noqa: S305  no data: CMAC's block
        self._block = blocks.encryptor().update
        self._lock = threading.Lock()
        self._subkeys = int.from_bytes(_doubled(self._block(bytes(16))) * 2)

    def seal(self, content: bytes, purpose: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + bytes(self._derived(nonce).encrypt(nonce[12:], content, purpose))

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        nonce, content = sealed[:NONCE_BYTES].ljust(NONCE_BYTES, b"\0"), sealed[NONCE_BYTES:]
        try:
            opened = self._derived(nonce).decrypt(nonce[12:], content, purpose.encode())
        except InvalidTag:  # also where there is no whole tag
            raise DamagedCiphertext(
                f"a value of {purpose} was changed, or is not sealed with this key of its id"
            ) from None
        return bytes(opened)

    def _derived(self, nonce: bytes) -> Any:
        """AES-256-GCM for this nonce: CMAC in counter mode over its first half."""
        blocks = int.from_bytes(b"\0\1X\0" + nonce[:12] + b"\0\2X\0" + nonce[:12])
        with self._lock:
            key = self._block((blocks ^ self._subkeys).to_bytes(32))
        return self._aead(key)


def _doubled(block: bytes) -> bytes:
    """CMAC's first subkey (NIST SP 800-38B, 6.1)."""
    number = int.from_bytes(block) << 1
    if number >> 128:
        number = number ^ (1 << 128) ^ 0x87
    return number.to_bytes(16)


@functools.cache
def cipher() -> Cipher:
    """The cipher of this process, by the keys in its environment.

    Where the environment names neither keys nor a database, those of ``linnet up`` in this folder
    hold, whose database this process works on.

    Raises:
        SettingsError: they are not written as they should be.
    """
    values = kept_keys(data_dir()) if keys_are_kept() else os.environ
    return read_keys(values.get(KEYS, ""), values.get(DIGEST_KEY, ""))


def keys_are_kept() -> bool:
    """Whether this process goes by the keys that ``linnet up`` keeps in its folder."""
    return KEYS not in os.environ and not os.environ.get("DATABASE_URL")


def kept_keys(folder: Path) -> dict[str, str]:
    """The variables that ``linnet up`` keeps in its folder; none where there are none.

    Args:
        folder: of all local state.
    """
    try:
        lines = (folder / KEY_FILE).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines)


def read_keys(keys: str, digest_key: str) -> Cipher:
    """A cipher with keys as settings have them.

    Args:
        keys: ``id:key``, divided by commas; the first one seals. Empty for none.
        digest_key: base64; needed where there are keys.

    Raises:
        SettingsError: they are not written as they should be.
    """
    if not keys.strip():
        return Cipher({})
    known: dict[str, bytes] = {}
    for entry in keys.split(","):
        id, colon, value = entry.strip().partition(":")
        if not colon or not _ID.fullmatch(id):
            raise SettingsError(f"{KEYS}: a key needs an id and a colon before it; {_MISSING}")
        if id in known:
            raise SettingsError(f"{KEYS}: there are two keys with the id {id}")
        known[id] = _bytes_of(value, f"{KEYS}, key {id}")
    if not digest_key.strip():
        raise SettingsError(
            f"{DIGEST_KEY} is missing; `linnet encryption new-key` prints one, which stays the "
            "same when keys change"
        )
    return Cipher(known, _bytes_of(digest_key, DIGEST_KEY))


def _bytes_of(value: str, where: str) -> bytes:
    try:
        key = base64.b64decode(value.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:  # the value itself is never quoted
        raise SettingsError(f"{where}: expected {KEY_BYTES} bytes in base64")
    return key


def new_key() -> str:
    """A key's base64: 32 random bytes."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def new_id(today: date) -> str:
    """An id for a new key, which tells how old it is: ``k20261126-3f9a``.

    Args:
        today: the day on which it is made.
    """
    return f"k{today:%Y%m%d}-{os.urandom(2).hex()}"
