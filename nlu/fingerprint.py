"""What stands for our code in the fingerprint of a trained component.

Rasa trains a component again when its class, its options or its data change, but it does not look
into the modules that the class uses; without this a model could mix old weights with new code.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def code_digest() -> str:
    """SHA-256 of this package's modules and word lists."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for file in sorted(folder.rglob("*")):
        if file.suffix in {".py", ".yml"}:
            digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
