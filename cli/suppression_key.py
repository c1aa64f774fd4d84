"""The key of ``linnet up`` by which phones are remembered that were erased and want no texts."""

from __future__ import annotations

import secrets
from pathlib import Path

from database.embedded import write_private
from messaging.suppression import KEY, KEY_FILE, SHORTEST_KEY


def practice_suppression_key(data_dir: Path) -> dict[str, str]:
    """The variable with the key, made when ``linnet up`` is first started on a folder.

    Args:
        data_dir: the folder of all its state.
    """
    path = data_dir / KEY_FILE
    if not path.exists():
        write_private(path, secrets.token_hex(SHORTEST_KEY) + "\n")
    return {KEY: path.read_text(encoding="ascii").strip()}
